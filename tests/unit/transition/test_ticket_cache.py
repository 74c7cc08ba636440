import asyncio
import gc
import weakref
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.errors import KdcSilent
from gateway.tickets import CredentialCache, ServiceTicket
from gateway.transition.ticket_cache import TicketCache, TicketKey
from tests.builders import NOW
from tests.unit.transition.samples import SPN, a_service_ticket

ALICE = TicketKey("protocol_transition", "S-1-5-21-1-2-3-1104", SPN)
BOB = TicketKey("protocol_transition", "S-1-5-21-1-2-3-1105", SPN)


class Clock:
    """Stands still until it is set forward."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)


class Kdc:
    """Gives out a ticket as soon as it is asked; counts."""

    def __init__(self, **ticket: Any) -> None:
        self.asked = 0
        self._ticket = ticket

    async def __call__(self) -> ServiceTicket:
        self.asked += 1
        return a_service_ticket(**self._ticket)


async def turns(count: int = 1) -> None:
    """Let everything that can go on do one step, `count` times."""
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(clock: Clock) -> TicketCache:
    return TicketCache(600, clock)


# --- what is kept, and for how long ---------------------------------------------------------------------------------


async def test_the_second_call_asks_nobody(cache: TicketCache) -> None:
    kdc = Kdc()

    first, second = [await cache.ticket(ALICE, kdc) for _ in range(2)]

    assert first[0] is second[0]
    assert [is_cached for _, is_cached in (first, second)] == [False, True]
    assert kdc.asked == 1


@pytest.mark.parametrize(
    "other",
    [
        BOB,
        TicketKey("constrained_delegation", ALICE.account_sid, SPN),
        TicketKey("protocol_transition", ALICE.account_sid, "HTTP/cep.corp.example"),
        TicketKey("protocol_transition", None, SPN),
    ],
)
async def test_another_key_has_another_ticket(cache: TicketCache, other: TicketKey) -> None:
    alice, _ = await cache.ticket(ALICE, Kdc())
    another, is_cached = await cache.ticket(other, Kdc())

    assert not is_cached
    assert another is not alice


@pytest.mark.parametrize(("seconds", "is_cached"), [(0, True), (599, True), (600, False), (3600, False)])
async def test_a_ticket_is_used_for_as_long_as_is_configured(
    cache: TicketCache, clock: Clock, seconds: float, is_cached: bool
) -> None:
    await cache.ticket(ALICE, Kdc())
    clock.advance(seconds=seconds)

    assert (await cache.ticket(ALICE, Kdc()))[1] is is_cached


async def test_use_does_not_make_it_last_longer(cache: TicketCache, clock: Clock) -> None:
    await cache.ticket(ALICE, Kdc())
    clock.advance(seconds=599)
    await cache.ticket(ALICE, Kdc())
    clock.advance(seconds=1)

    assert (await cache.ticket(ALICE, Kdc()))[1] is False


@pytest.mark.parametrize(("seconds", "is_cached"), [(59, True), (60, False)])
async def test_a_ticket_is_given_up_five_minutes_before_its_end(
    cache: TicketCache, clock: Clock, seconds: float, is_cached: bool
) -> None:
    await cache.ticket(ALICE, Kdc(ends=NOW + timedelta(minutes=6)))
    clock.advance(seconds=seconds)

    assert (await cache.ticket(ALICE, Kdc()))[1] is is_cached


@pytest.mark.parametrize("minutes", [-1, 0, 5])
async def test_a_ticket_that_ends_soon_is_used_once(cache: TicketCache, minutes: float) -> None:
    kdc = Kdc(ends=NOW + timedelta(minutes=minutes))

    assert [(await cache.ticket(ALICE, kdc))[1] for _ in range(2)] == [False, False]
    assert kdc.asked == 2


async def test_without_a_lifetime_nothing_is_shared(clock: Clock) -> None:
    cache = TicketCache(0, clock)
    kdc = Kdc()

    async def slow() -> ServiceTicket:
        await turns(3)
        return await kdc()

    found = await asyncio.gather(*(cache.ticket(ALICE, slow) for _ in range(3)), cache.ticket(ALICE, kdc))

    assert len({id(ticket) for ticket, _ in found}) == 4
    assert not any(is_cached for _, is_cached in found)
    assert kdc.asked == 4


# --- what is let go of ----------------------------------------------------------------------------------------------


async def test_beyond_the_capacity_the_one_longest_not_used_goes(clock: Clock) -> None:
    cache = TicketCache(600, clock, capacity=2)
    await cache.ticket(ALICE, Kdc())
    await cache.ticket(BOB, Kdc())
    await cache.ticket(ALICE, Kdc())
    await cache.ticket(TicketKey("protocol_transition", "S-1-5-21-1-2-3-1106", SPN), Kdc())

    assert (await cache.ticket(ALICE, Kdc()))[1] is True
    assert (await cache.ticket(BOB, Kdc()))[1] is False


async def test_the_secret_of_an_expired_ticket_is_destroyed_at_the_next_call(cache: TicketCache, clock: Clock) -> None:
    destroyed: list[str] = []
    credential_cache = CredentialCache("MEMORY:alice")
    weakref.finalize(credential_cache, destroyed.append, "alice")
    kdc = Kdc(cache=credential_cache)
    del credential_cache
    await cache.ticket(ALICE, kdc)
    del kdc
    gc.collect()
    assert destroyed == []

    clock.advance(seconds=600)
    await cache.ticket(BOB, Kdc())

    assert destroyed == ["alice"]


async def test_a_refused_ticket_is_not_used_again(cache: TicketCache) -> None:
    refused, _ = await cache.ticket(ALICE, Kdc())
    await cache.ticket(BOB, Kdc())

    cache.discard(refused)

    fresh, is_cached = await cache.ticket(ALICE, Kdc())
    assert not is_cached
    assert fresh is not refused
    assert (await cache.ticket(BOB, Kdc()))[1] is True


async def test_a_ticket_that_took_the_place_of_the_refused_one_stays(cache: TicketCache) -> None:
    refused, _ = await cache.ticket(ALICE, Kdc())
    cache.discard(refused)
    await cache.ticket(ALICE, Kdc())

    cache.discard(refused)

    assert (await cache.ticket(ALICE, Kdc()))[1] is True


# --- many at once ---------------------------------------------------------------------------------------------------


async def test_many_who_ask_at_once_share_one_question(cache: TicketCache) -> None:
    kdc = Kdc()

    async def slow() -> ServiceTicket:
        await turns(3)
        return await kdc()

    found = await asyncio.gather(*(cache.ticket(ALICE, slow) for _ in range(100)))

    assert len({id(ticket) for ticket, _ in found}) == 1
    # To serve each of them, the KDC had to be asked.
    assert not any(is_cached for _, is_cached in found)
    assert kdc.asked == 1


async def test_one_account_does_not_wait_for_another(cache: TicketCache) -> None:
    never = asyncio.Event()

    async def silent() -> ServiceTicket:
        await never.wait()
        raise AssertionError

    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(cache.ticket(ALICE, silent))
        await turns(2)
        await cache.ticket(BOB, Kdc())
        assert not waiting.done()
        waiting.cancel()


async def test_an_error_goes_to_all_who_wait_and_to_nobody_later(cache: TicketCache) -> None:
    async def silent() -> ServiceTicket:
        await turns(2)
        raise KdcSilent("no answer")

    errors = await asyncio.gather(*(cache.ticket(ALICE, silent) for _ in range(3)), return_exceptions=True)

    assert [type(error) for error in errors] == [KdcSilent] * 3
    assert (await cache.ticket(ALICE, Kdc()))[1] is False


async def test_an_error_that_nobody_waits_for_any_more_is_no_complaint_of_asyncio(cache: TicketCache) -> None:
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: complaints.append(context))
    answered = asyncio.Event()

    async def silent() -> ServiceTicket:
        await answered.wait()
        raise KdcSilent("no answer")

    caller = asyncio.ensure_future(cache.ticket(ALICE, silent))
    await turns(2)
    caller.cancel()
    await turns(2)
    assert caller.cancelled()
    # It would keep the question, and so its error, from being forgotten.
    del caller
    answered.set()
    await turns(3)
    gc.collect()

    assert complaints == []


async def test_a_question_that_was_cancelled_before_it_began_is_asked_anew(cache: TicketCache) -> None:
    caller = asyncio.ensure_future(cache.ticket(ALICE, Kdc()))
    await turns()
    (flight,) = asyncio.all_tasks() - {asyncio.current_task(), caller}
    flight.cancel()
    await asyncio.wait((caller,))

    assert caller.cancelled()
    assert (await cache.ticket(ALICE, Kdc()))[1] is False


NEVER = 99
FETCH_TURNS = 2
LAST_TURN = 6


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("arrivals", [(0, 0, 0), (0, 1, 2), (0, 2, 3), (0, 3, 4)])
async def test_whoever_is_cancelled_and_whenever_the_others_get_their_ticket(
    clock: Clock, arrivals: tuple[int, ...], fails: bool
) -> None:
    """Three callers of one account, each cancelled in any turn of the loop or never: all 512 combinations."""
    for cancellations in product([*range(LAST_TURN + 1), NEVER], repeat=3):
        await _interleave(TicketCache(600, clock), arrivals, cancellations, fails=fails)


async def _interleave(
    cache: TicketCache, arrivals: tuple[int, ...], cancellations: tuple[int, ...], *, fails: bool
) -> None:
    asked = 0

    async def fetch() -> ServiceTicket:
        nonlocal asked
        asked += 1
        await turns(FETCH_TURNS)
        if fails:
            raise KdcSilent("no answer")
        return a_service_ticket()

    callers: list[asyncio.Future[tuple[ServiceTicket, bool]]] = []
    for turn in range(LAST_TURN + 1):
        callers += [asyncio.ensure_future(cache.ticket(ALICE, fetch)) for arrival in arrivals if arrival == turn]
        for caller, cancellation in zip(callers, cancellations, strict=False):
            if cancellation == turn:
                caller.cancel()
        await turns()
    await asyncio.wait(callers)
    await turns(FETCH_TURNS + 1)

    case = f"arrivals {arrivals}, cancellations {cancellations}"
    cancelled = [caller.cancelled() for caller in callers]
    assert not any(was and when == NEVER for was, when in zip(cancelled, cancellations, strict=True)), case
    served = [caller for caller in callers if not caller.cancelled()]
    if fails:
        assert all(isinstance(caller.exception(), KdcSilent) for caller in served), case
    else:
        assert asked <= 1, case
        assert len({caller.result()[0] for caller in served}) <= 1, case

    # A ticket that was once asked for is there, even if nobody has waited for it to the end; an error is not.
    is_there = asked > 0 and not fails
    already_asked = asked
    await asyncio.gather(cache.ticket(ALICE, fetch), return_exceptions=True)
    assert asked == already_asked + (not is_there), case


# --- any order of events, against a model ---------------------------------------------------------------------------


@dataclass(eq=False)
class Caller:
    """One call, and what the model knows of it."""

    key: TicketKey
    task: "asyncio.Task[tuple[ServiceTicket, bool]]"
    was_cancelled: bool = False


@dataclass(eq=False)
class Question:
    """One question to the KDC, open until the machine answers it."""

    key: TicketKey
    answer: "asyncio.Future[ServiceTicket]"


class TicketCacheMachine(RuleBasedStateMachine):
    """Calls, cancellations, answers, errors, refusals and time in any order, one turn of the event loop at a time."""

    KEYS = tuple(TicketKey("protocol_transition", f"S-1-5-21-1-2-3-{n}", SPN) for n in range(4))
    CAPACITY = 3
    TICKET_SECONDS = 600

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.loop = self.runner.get_loop()
        self.complaints: list[object] = []
        self.loop.set_exception_handler(lambda _loop, context: self.complaints.append(context))
        self.clock = Clock()
        self.cache = TicketCache(self.TICKET_SECONDS, self.clock, self.CAPACITY)
        self.callers: list[Caller] = []
        self.questions: list[Question] = []
        self.made: dict[ServiceTicket, tuple[TicketKey, datetime]] = {}
        """For whom, and when it has to be given up at the latest."""
        self.refused: set[ServiceTicket] = set()
        self.serial = 0

    def teardown(self) -> None:
        for question in self.questions:
            question.answer.set_exception(KdcSilent("no answer"))
        self.runner.run(turns(5))
        assert all(caller.task.done() for caller in self.callers)
        for caller in self.callers:
            self.check(caller)
        assert self.complaints == []
        assert self.cache._flights == {}
        self.runner.close()

    def fetch_for(self, key: TicketKey) -> Callable[[], Awaitable[ServiceTicket]]:
        async def fetch() -> ServiceTicket:
            question = Question(key, self.loop.create_future())
            assert key not in {other.key for other in self.questions}, "two questions about one account at once"
            self.questions.append(question)
            return await question.answer

        return fetch

    def check(self, caller: Caller) -> None:
        """A call that has ended has ended as it should."""
        if caller.task.cancelled():
            assert caller.was_cancelled, "somebody else's cancellation"
        elif caller.task.exception() is not None:
            assert isinstance(caller.task.exception(), KdcSilent)
        else:
            ticket, _ = caller.task.result()
            assert self.made[ticket][0] == caller.key, "somebody else's ticket"

    @rule(key=st.sampled_from(KEYS))
    def call(self, key: TicketKey) -> None:
        caller = Caller(key, self.loop.create_task(self.cache.ticket(key, self.fetch_for(key))))
        self.callers.append(caller)
        self.runner.run(turns())
        if caller.task.done() and not caller.task.exception():
            ticket, is_cached = caller.task.result()
            assert is_cached
            assert self.clock.now < self.made[ticket][1], "a ticket that is over"
            assert ticket not in self.refused, "a ticket that was refused"

    @rule()
    def turn(self) -> None:
        self.runner.run(turns())

    @precondition(lambda self: self.questions)
    @rule(data=st.data(), minutes=st.sampled_from([1, 6, 600]))
    def answer(self, data: st.DataObject, minutes: int) -> None:
        question = self.questions.pop(data.draw(st.integers(0, len(self.questions) - 1)))
        self.serial += 1
        ends = self.clock.now + timedelta(minutes=minutes)
        ticket = a_service_ticket(f"ticket {self.serial}", ends=ends)
        limit = self.clock.now + timedelta(seconds=self.TICKET_SECONDS)
        self.made[ticket] = (question.key, min(limit, ends - timedelta(minutes=5)))
        question.answer.set_result(ticket)
        # It is the KDC's clock that the model knows; the cache looks at its own when the answer has come.
        self.runner.run(turns())

    @precondition(lambda self: self.questions)
    @rule(data=st.data())
    def fail(self, data: st.DataObject) -> None:
        question = self.questions.pop(data.draw(st.integers(0, len(self.questions) - 1)))
        question.answer.set_exception(KdcSilent("no answer"))

    @precondition(lambda self: self.callers)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        caller = data.draw(st.sampled_from(self.callers))
        caller.was_cancelled = caller.task.cancel() or caller.was_cancelled

    @precondition(lambda self: self.made)
    @rule(data=st.data())
    def refuse(self, data: st.DataObject) -> None:
        ticket = data.draw(st.sampled_from(list(self.made)))
        self.refused.add(ticket)
        self.cache.discard(ticket)

    @rule(seconds=st.sampled_from([1, 59, 300, 599, 600]))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(seconds=seconds)

    @invariant()
    def it_is_bounded(self) -> None:
        assert len(self.cache._entries) <= self.CAPACITY
        assert len(self.cache._flights) <= len(self.KEYS)

    @invariant()
    def it_holds_everybody_s_own(self) -> None:
        for key, entry in self.cache._entries.items():
            assert self.made[entry.ticket][0] == key


TicketCacheMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestAnyOrderOfEvents = TicketCacheMachine.TestCase
