"""`gateway.rates.limits`: no budget is exceeded by one, and nobody pays for what was not his failure."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from gateway import errors
from gateway.errors import GatewayError, NotAuthenticated, RateLimited, StateUnavailable
from gateway.rates.limits import RateLimits, is_failed_authentication
from gateway.rates.settings import RateLimitSettings
from gateway.state.memory import MemoryState
from gateway.state.state import Overspent, Spending
from gateway.strict_yaml import parse
from tests.builders import a_requester

PEER = "192.0.2.1"
SMALL = """
RequestsPerAddress: {count: 60, period: 1m, burst: 2}
FailedAuthenticationsPerAddress: {count: 60, period: 1h, burst: 5}
FailedAuthenticationsPerAccount: {count: 60, period: 1h, burst: 3}
CertificatesPerAccount: {count: 1, period: 1h, burst: 3}
CertificatesPerPartner: {count: 1, period: 1h, burst: 2}
CertificatesPerTemplate: {count: 1, period: 1h, burst: 4}
PollsPerRequest: {count: 1, period: 10s, burst: 1}
"""


@dataclass
class Clock:
    now: datetime = datetime(2026, 6, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


class BrokenState(MemoryState):
    """Counts nothing any more."""

    async def spend(self, spendings: Sequence[Spending]) -> Overspent | None:
        raise StateUnavailable("the file is locked")

    async def give_back(self, spendings: Sequence[Spending]) -> None:
        raise StateUnavailable("the file is locked")


class ForgetfulState(MemoryState):
    async def give_back(self, spendings: Sequence[Spending]) -> None:
        raise StateUnavailable("the file is locked")


async def no_pause(_seconds: float) -> None:
    """Others have their turn, and no time passes."""
    await asyncio.sleep(0)


def small(
    state: MemoryState | None = None,
    pause: Callable[[float], Awaitable[None]] = no_pause,
    patience_seconds: float = 1000,
) -> RateLimits:
    settings = parse(SMALL, "limits.yaml").validate(RateLimitSettings)
    return RateLimits(settings, state or MemoryState(Clock()), pause=pause, patience_seconds=patience_seconds)


async def fail(limits: RateLimits, error: Exception, *, peer: str = PEER, account: str | None = "alice") -> None:
    """An authentication that ends so, which may be refused before."""
    with pytest.raises(type(error)):
        async with limits.authenticating(peer, account):
            raise error


async def test_a_refusal_names_the_limit_and_when_there_is_room_again() -> None:
    clock = Clock()
    limits = small(MemoryState(clock))
    await limits.request(PEER)
    await limits.request(PEER)
    clock.now += timedelta(milliseconds=300)

    with pytest.raises(RateLimited, match=r"RequestsPerAddress:192\.0\.2\.1 .*60 in 0:01:00.*override") as refused:
        await limits.request(PEER)

    assert (refused.value.limit, refused.value.retry_after) == ("RequestsPerAddress", 1)
    clock.now += timedelta(seconds=1)
    await limits.request(PEER)


async def test_seconds_are_rounded_up_and_never_none() -> None:
    clock = Clock()
    limits = small(MemoryState(clock))
    await limits.poll("ca", "17")
    clock.now += timedelta(microseconds=1)

    with pytest.raises(RateLimited) as refused:
        await limits.poll("ca", "17")
    clock.now += timedelta(seconds=9, microseconds=999_998)
    with pytest.raises(RateLimited) as again:
        await limits.poll("ca", "17")

    assert (refused.value.retry_after, again.value.retry_after) == (10, 1)


async def test_another_client_is_served_while_one_has_used_up_its_budget() -> None:
    limits = small()
    for _ in range(2):
        await limits.request("2001:db8::1")
    with pytest.raises(RateLimited):
        await limits.request("2001:db8::2")

    await limits.request("2001:db8:0:1::1")


async def test_a_certificate_is_spent_of_all_budgets_or_of_none() -> None:
    limits = small()
    partner_s = replace(a_requester("alice"), partner="a")
    for _ in range(2):
        await limits.certificate(partner_s, "Web")

    with pytest.raises(RateLimited) as refused:
        await limits.certificate(partner_s, "Web")

    assert refused.value.limit == "CertificatesPerPartner"
    # The third of the account, and the third of the template: the refusal has taken neither.
    await limits.certificate(a_requester("alice"), "Web")
    await limits.certificate(a_requester("bob"), "Web")
    with pytest.raises(RateLimited) as of_template:
        await limits.certificate(a_requester("bob"), "Web")
    assert of_template.value.limit == "CertificatesPerTemplate"


async def test_an_exhausted_account_is_refused_without_a_try() -> None:
    limits = small()
    for _ in range(3):
        await fail(limits, errors.WrongPassword("no"))

    with pytest.raises(RateLimited) as refused:
        async with limits.authenticating("192.0.2.2", "ALICE"):
            pytest.fail("the password was tried")

    assert refused.value.limit == "FailedAuthenticationsPerAccount"
    async with limits.authenticating("192.0.2.2", "bob"):
        pass


async def test_an_address_is_refused_whomever_it_names() -> None:
    limits = small()
    for n in range(5):
        await fail(limits, errors.UnknownUser("no"), account=f"user{n}")

    with pytest.raises(RateLimited) as refused:
        async with limits.authenticating(PEER, None):
            pytest.fail("the certificate was looked at")

    assert refused.value.limit == "FailedAuthenticationsPerAddress"


@pytest.mark.parametrize(
    "error",
    [
        None,
        errors.CredentialsMissing(""),
        errors.SecurityHeaderInvalid(""),
        errors.KdcSilent(""),
        errors.DirectoryUnavailable(""),
        errors.Overloaded("", retry_after=1),
        errors.UpstreamUnavailable("", sent=True),
        errors.Unmatched(""),
        KeyError("a bug"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_what_is_no_failure_of_the_client_is_given_back(error: Exception | None) -> None:
    limits = small()
    for _ in range(20):
        if error is None:
            async with limits.authenticating(PEER, "alice"):
                pass
        else:
            await fail(limits, error)


def test_whatever_refuses_who_asks_counts_but_where_nothing_was_shown() -> None:
    def descendants(cls: type[GatewayError]) -> set[type[GatewayError]]:
        return {cls}.union(*(descendants(child) for child in cls.__subclasses__()))

    refusing = descendants(NotAuthenticated) | descendants(errors.ImpersonationRefused)

    counted = {cls for cls in refusing if is_failed_authentication(cls(""))}

    assert refusing - counted == {errors.CredentialsMissing, errors.SecurityHeaderInvalid}


async def test_who_goes_away_before_it_is_known_has_failed() -> None:
    limits = small()
    for _ in range(3):
        with pytest.raises(asyncio.CancelledError):
            async with limits.authenticating(PEER, "alice"):
                raise asyncio.CancelledError

    await fail(limits, RateLimited("", limit="", retry_after=1))


@given(st.lists(st.booleans(), min_size=1, max_size=40), st.integers(0, 3))
def test_guesses_at_the_same_time_are_never_more_than_the_budget(rights: list[bool], yields: int) -> None:
    """Honest ones among them are given back, and let others take their place; wrong ones are not."""
    tried: list[bool] = []

    async def guess(limits: RateLimits, is_right: bool) -> None:
        with suppress(RateLimited, errors.WrongPassword):
            async with limits.authenticating(PEER, "alice"):
                tried.append(is_right)
                for _ in range(yields):
                    await asyncio.sleep(0)
                if not is_right:
                    raise errors.WrongPassword("no")

    async def guess_all() -> None:
        state = MemoryState(Clock())
        # Two replicas.
        replicas = small(state), small(state)
        await asyncio.gather(*(guess(replicas[n % 2], is_right) for n, is_right in enumerate(rights)))

    asyncio.run(guess_all())

    assert tried.count(False) <= 3


async def test_a_crowd_of_honest_clients_with_one_account_waits_for_its_turn() -> None:
    limits = small()
    at_once, served, most = 0, 0, 0

    async def authenticate() -> None:
        nonlocal at_once, most, served
        async with limits.authenticating(PEER, "alice"):
            at_once += 1
            most = max(most, at_once)
            for _ in range(50):
                await asyncio.sleep(0)
            at_once -= 1
        served += 1

    await asyncio.gather(*(authenticate() for _ in range(60)))

    assert (served, most) == (60, 3)


async def test_who_waits_while_others_fail_is_refused_with_them() -> None:
    limits = small()
    known = asyncio.Event()

    async def guess() -> None:
        async with limits.authenticating(PEER, "alice"):
            await known.wait()
            raise errors.WrongPassword("no")

    guesses = [asyncio.ensure_future(guess()) for _ in range(8)]
    await asyncio.sleep(0)
    known.set()
    outcomes = await asyncio.gather(*guesses, return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [errors.WrongPassword] * 3 + [RateLimited] * 5


async def test_who_has_waited_too_long_is_told_that_the_gateway_is_busy() -> None:
    limits = small(patience_seconds=0)
    known = asyncio.Event()

    async def authenticate() -> None:
        async with limits.authenticating(PEER, "alice"):
            await known.wait()

    first = [asyncio.ensure_future(authenticate()) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(errors.Overloaded, match="still being verified") as busy:
        await authenticate()
    known.set()
    await asyncio.gather(*first)

    assert not isinstance(busy.value, RateLimited)
    await authenticate()


async def test_another_process_s_clients_are_waited_for_by_looking_again() -> None:
    state = MemoryState(Clock())
    other, known = small(state), asyncio.Event()

    async def authenticate_elsewhere() -> None:
        async with other.authenticating(PEER, "alice"):
            await known.wait()

    async def pause(_seconds: float) -> None:
        known.set()
        await asyncio.gather(*elsewhere)

    elsewhere = [asyncio.ensure_future(authenticate_elsewhere()) for _ in range(3)]
    await asyncio.sleep(0)

    async with small(state, pause).authenticating(PEER, "alice"):
        pass


async def test_who_waits_in_vain_is_refused_after_three_seconds() -> None:
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    limits = small(pause=pause)
    for _ in range(3):
        await fail(limits, errors.WrongPassword("no"))
    assert pauses == []

    await fail(limits, RateLimited("", limit="", retry_after=1))

    assert 3 < sum(pauses) < 4


async def test_nobody_is_served_while_nothing_can_be_counted() -> None:
    limits = small(BrokenState(Clock()))

    with pytest.raises(StateUnavailable):
        await limits.request(PEER)
    with pytest.raises(StateUnavailable):
        await limits.certificate(a_requester(), "Web")
    with pytest.raises(StateUnavailable):
        await limits.poll("ca", "17")
    with pytest.raises(StateUnavailable):
        async with limits.authenticating(PEER, None):
            pytest.fail("somebody was let in")


async def test_what_cannot_be_given_back_spoils_nothing_that_went_well() -> None:
    limits = small(ForgetfulState(Clock()))

    with capture_logs() as logs:
        async with limits.authenticating(PEER, "alice"):
            pass
        await fail(limits, errors.KdcSilent(""))

    assert [line["event"] for line in logs] == ["a budget was not given back"] * 2
