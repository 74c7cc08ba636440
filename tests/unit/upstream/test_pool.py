import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.credential import Credential, OwnCertificate, Way
from gateway.errors import (
    AccountSensitive,
    CredentialsRefusedInside,
    DelegationNotListed,
    GatewayError,
    KdcUnreachable,
    MutualAuthenticationFailed,
    OutcomeUnknown,
    ServicePrincipalUnknown,
    StateUnavailable,
    TicketRefusedInside,
    TransitionFailed,
    UpstreamMisbehaved,
    UpstreamUnavailable,
)
from gateway.protocol.namespaces import SOAP
from gateway.protocol.soap import CertificateEnrollmentWSDetail, Fault, UpstreamRefused
from gateway.requester import Requester
from gateway.upstream.breaker import Breaker, BreakerSettings
from gateway.upstream.outcome import Outcome
from gateway.upstream.pool import Member, Pool
from tests.builders import a_requester
from tests.fakes.clock import MonotonicClock

SETTINGS = BreakerSettings(failures=2, first_pause_seconds=10, longest_pause_seconds=60)
NOT_REACHED = UpstreamUnavailable("connection refused", sent=False)
LOST = UpstreamUnavailable("no answer", sent=True)


class Inside:
    """Servers by name, each with the errors that it is good for next, and a pool of them."""

    def __init__(self, *members: tuple[str, int, int], **errors: GatewayError) -> None:
        self.clock = MonotonicClock()
        self.asked: list[str] = []
        self.errors = dict(errors)
        self.seconds: dict[str, float] = {}
        self.outcomes: list[tuple[str, Outcome]] = []
        self.pool = Pool(
            [self._member(name, priority, weight) for name, priority, weight in members],
            self.clock,
            lambda name, outcome: self.outcomes.append((name, outcome)),
        )

    def _member(self, name: str, priority: int, weight: int) -> Member[str]:
        nobody: Any = None
        return Member(name, Way(nobody, name), Breaker(SETTINGS, self.clock, lambda: 1.0), priority, weight)

    async def ask(self, way: Way[str]) -> str:
        self.asked.append(way.service)
        self.clock.tick(self.seconds.get(way.service, 0))
        if way.service in self.errors:
            raise self.errors[way.service]
        return way.service

    async def reach(self) -> str:
        return await self.pool.reach(self.ask)

    async def reach_often(self, times: int) -> Sequence[str]:
        return [await self.reach() for _ in range(times)]

    async def eject(self, *names: str) -> None:
        """As if each had failed so often."""
        for member in self.pool.members:
            if member.name in names:
                for _ in range(SETTINGS.failures):
                    member.breaker.end(member.breaker.begin(), Outcome.NOT_REACHED.verdict, "down")
                self.clock.tick(1)


# --- whose turn it is -----------------------------------------------------------------------------------------------


async def test_the_load_is_spread_smoothly_by_weight() -> None:
    inside = Inside(("a", 1, 5), ("b", 1, 1), ("c", 1, 1))

    assert await inside.reach_often(7) == list("aabacaa")


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(1, 4))
def test_in_as_many_calls_as_all_weights_together_each_has_as_many_as_its_own(weights: list[int], rounds: int) -> None:
    inside = Inside(*((f"s{n}", 1, weight) for n, weight in enumerate(weights)))

    for _ in range(rounds):
        counted = Counter(asyncio.run(inside.reach_often(sum(weights))))
        assert counted == {f"s{n}": weight for n, weight in enumerate(weights)}


async def test_between_equals_the_one_with_less_to_do_is_asked() -> None:
    inside = Inside(("a", 1, 1), ("b", 1, 1))
    go_on = asyncio.Event()

    async def slowly(way: Way[str]) -> str:
        await go_on.wait()
        return way.service

    slow = asyncio.ensure_future(inside.pool.reach(slowly))
    await asyncio.sleep(0)
    assert await inside.reach_often(2) == ["b", "b"]
    go_on.set()
    assert await slow == "a"


async def test_a_higher_priority_number_is_asked_while_no_lower_one_is_well() -> None:
    inside = Inside(("spare", 2, 9), ("first", 1, 1))
    assert await inside.reach_often(3) == ["first"] * 3

    inside.errors["first"] = NOT_REACHED
    assert await inside.reach_often(3) == ["spare"] * 3

    del inside.errors["first"]
    inside.clock.tick(10)
    assert await inside.reach_often(2) == ["first"] * 2


# --- failover -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [NOT_REACHED, ServicePrincipalUnknown("no SPN"), DelegationNotListed("not listed")])
async def test_where_it_is_certain_that_nothing_was_sent_the_next_one_is_asked(error: GatewayError) -> None:
    inside = Inside(("a", 1, 1), ("b", 1, 1), a=error)

    assert await inside.reach() == "b"
    assert inside.asked == ["a", "b"]


@pytest.mark.parametrize(
    "error",
    [
        LOST,
        TicketRefusedInside("401", sent=True),
        UpstreamMisbehaved("HTML"),
        MutualAuthenticationFailed("no proof"),
        CredentialsRefusedInside("wrong password"),
        KdcUnreachable("no KDC"),
        TransitionFailed("no ticket"),
    ],
)
async def test_everything_else_ends_the_call_at_the_server_that_was_asked(error: GatewayError) -> None:
    inside = Inside(("a", 1, 1), ("b", 1, 1), a=error)

    with pytest.raises(type(error)):
        await inside.reach()

    assert inside.asked == ["a"]


async def test_where_none_was_reached_all_are_named_and_nothing_was_sent() -> None:
    inside = Inside(("a", 1, 1), ("b", 1, 1), a=NOT_REACHED, b=UpstreamUnavailable("no route", sent=False))

    with pytest.raises(UpstreamUnavailable, match="connection refused; no route") as caught:
        await inside.reach()

    assert not caught.value.sent
    assert sorted(inside.asked) == ["a", "b"]


async def test_what_somebody_must_do_about_delegation_is_told_before_what_heals_by_itself() -> None:
    inside = Inside(("a", 1, 1), ("b", 1, 1), a=NOT_REACHED, b=DelegationNotListed("b is not listed"))

    with pytest.raises(DelegationNotListed):
        await inside.reach()


async def test_the_search_for_a_server_has_an_end() -> None:
    names = [f"s{n}" for n in range(8)]
    inside = Inside(*((name, 1, 1) for name in names), **dict.fromkeys(names, NOT_REACHED))
    inside.seconds = dict.fromkeys(names, 5.0)

    with pytest.raises(UpstreamUnavailable):
        await inside.reach()

    assert len(inside.asked) == 4


# --- ejection -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error", [NOT_REACHED, LOST, UpstreamMisbehaved("HTML"), TicketRefusedInside("401", sent=True)]
)
async def test_whoever_fails_in_a_row_is_left_alone(error: GatewayError) -> None:
    inside = Inside(("a", 1, 1), ("b", 1, 1), a=error)
    await _until_ejected(inside, "a")

    assert await inside.reach_often(4) == ["b"] * 4
    assert inside.pool.trouble() == f"a: {error}"


async def _until_ejected(inside: Inside, name: str) -> None:
    (member,) = (member for member in inside.pool.members if member.name == name)
    for _ in range(100):
        if not member.breaker.is_closed:
            inside.asked.clear()
            return
        await asyncio.gather(inside.reach(), return_exceptions=True)
    raise AssertionError(f"{name} was never ejected")


def a_fault(error_code: int | None, *, has_detail: bool = True) -> UpstreamRefused:
    detail = CertificateEnrollmentWSDetail(None, error_code, invalid_request=False, request_id=None)
    return UpstreamRefused(Fault((SOAP, "Receiver"), None, "", "en-US", detail if has_detail else None))


@pytest.mark.parametrize(
    ("error", "is_ejected"),
    [
        (a_fault(-2147023174), True),  # 0x800706BA: CES does not reach its CA
        (a_fault(None, has_detail=False), True),  # WCF's own
        (a_fault(-2146877422), False),  # 0x80094012: the CA has said no
        (a_fault(None), False),
        (CredentialsRefusedInside("wrong password"), False),
        (KdcUnreachable("no KDC"), False),
        (DelegationNotListed("not listed"), False),
        (OutcomeUnknown("it has answered, and knows nothing of it"), False),
        (StateUnavailable("the gateway's own trouble"), False),
    ],
)
async def test_a_server_is_ejected_for_what_is_its_own_fault(error: GatewayError, is_ejected: bool) -> None:
    inside = Inside(("a", 1, 1), a=error)
    for _ in range(SETTINGS.failures):
        with pytest.raises(type(error)):
            await inside.reach()

    assert inside.pool.members[0].breaker.is_closed is not is_ejected


async def test_half_open_admits_one() -> None:
    inside = Inside(("a", 1, 1), ("b", 1, 1))
    await inside.eject("a")
    inside.clock.tick(10)
    go_on = asyncio.Event()

    async def slowly(way: Way[str]) -> str:
        inside.asked.append(way.service)
        await go_on.wait()
        return way.service

    calls = [asyncio.ensure_future(inside.pool.reach(slowly)) for _ in range(10)]
    await asyncio.sleep(0)

    assert Counter(inside.asked) == {"a": 1, "b": 9}
    go_on.set()
    await asyncio.gather(*calls)
    assert Counter(await inside.reach_often(10)) == {"a": 5, "b": 5}


async def test_a_trial_that_is_cancelled_makes_room_for_the_next() -> None:
    inside = Inside(("a", 1, 1))
    await inside.eject("a")
    inside.clock.tick(10)

    async def never(_way: Way[str]) -> str:
        await asyncio.Event().wait()
        return ""

    trial = asyncio.ensure_future(inside.pool.reach(never))
    await asyncio.sleep(0)
    trial.cancel()
    await asyncio.wait([trial])

    assert inside.pool.members[0].breaker.is_admitting
    assert inside.pool.members[0].in_flight == 0
    assert inside.outcomes == [("a", Outcome.GIVEN_UP)]


async def test_if_all_are_ejected_the_one_that_has_rested_longest_is_asked_first() -> None:
    inside = Inside(("a", 1, 1), ("b", 1, 1))
    await inside.eject("b")
    await inside.eject("a")

    assert await inside.reach() == "b"
    assert inside.pool.members[1].breaker.is_closed, "it has answered"


async def test_one_that_was_ejected_is_asked_after_all_where_no_other_is_reached() -> None:
    inside = Inside(("a", 1, 1), ("b", 1, 1), b=NOT_REACHED)
    await inside.eject("a")

    assert await inside.reach() == "a"
    assert inside.asked == ["b", "a"]


async def test_an_only_server_is_asked_every_time() -> None:
    inside = Inside(("a", 1, 1), a=NOT_REACHED)
    for _ in range(9):
        with pytest.raises(UpstreamUnavailable):
            await inside.reach()

    assert inside.asked == ["a"] * 9


async def test_every_attempt_is_told_with_its_outcome() -> None:
    inside = Inside(("a", 1, 1), ("b", 1, 1), a=NOT_REACHED)

    await inside.reach()

    assert inside.outcomes == [("a", Outcome.NOT_REACHED), ("b", Outcome.ANSWERED)]
    assert inside.pool.trouble() is None


# --- a credential alone ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shows:
    """A transition that comes to this."""

    outcome: Credential | GatewayError

    async def credential(self, requester: Requester) -> Credential:
        if isinstance(self.outcome, GatewayError):
            raise self.outcome
        return self.outcome


def pool_of(*outcomes: Credential | GatewayError) -> Pool[None]:
    clock = MonotonicClock()
    return Pool(
        [Member("a", Way(Shows(each), None), Breaker(SETTINGS, clock, lambda: 1.0)) for each in outcomes], clock
    )


async def test_what_the_kdc_says_of_one_server_does_not_keep_anybody_out() -> None:
    pool = pool_of(ServicePrincipalUnknown("no SPN"), OwnCertificate())

    assert await pool.credential(a_requester()) == OwnCertificate()


@pytest.mark.parametrize("error", [KdcUnreachable("no KDC"), AccountSensitive("not her")])
async def test_what_is_said_of_the_requester_counts_for_all_servers(error: GatewayError) -> None:
    with pytest.raises(type(error)):
        await pool_of(error, OwnCertificate()).credential(a_requester())


async def test_without_a_credential_for_any_server_the_reason_is_told() -> None:
    with pytest.raises(DelegationNotListed):
        await pool_of(DelegationNotListed("not listed"), ServicePrincipalUnknown("no SPN")).credential(a_requester())


# --- whatever happens -----------------------------------------------------------------------------------------------

STATES = st.sampled_from(["well", "down", "silent"])


@given(st.integers(1, 4).flatmap(lambda n: st.lists(st.lists(STATES, min_size=n, max_size=n))))
def test_no_call_fails_unsent_while_any_server_is_reached_and_none_is_sent_twice(moments: list[list[str]]) -> None:
    """Servers die and come back between calls, with whatever the breakers have learned by then."""
    errors: dict[str, GatewayError] = {"down": NOT_REACHED, "silent": LOST}
    inside = Inside(*((f"s{n}", 1, 1) for n in range(len(moments[0]) if moments else 1)))
    for moment in moments:
        states = {f"s{n}": state for n, state in enumerate(moment)}
        inside.errors = {name: errors[state] for name, state in states.items() if state in errors}
        inside.asked.clear()
        inside.clock.tick(3)
        try:
            asyncio.run(inside.reach())
        except UpstreamUnavailable as error:
            assert error.sent or set(moment) == {"down"}  # noqa: PT017 -- of either kind
        assert [states[name] for name in inside.asked[:-1]] == ["down"] * (len(inside.asked) - 1)
        assert len(set(inside.asked)) == len(inside.asked)
