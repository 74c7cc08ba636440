"""`gateway.state.watched`: what is measured, and how it is noticed that nobody answers."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from gateway.errors import StateUnavailable
from gateway.state.memory import MemoryState
from gateway.state.state import Overspent, Spending, Table
from gateway.state.watched import PROBE_SECONDS, StateOperation, WatchedState
from tests.state import LATER, Clock, of, written


class Fallible(MemoryState):
    """Memory that can be made to fail, as a disk or a server would."""

    def __init__(self) -> None:
        super().__init__(Clock())
        self.failure: Exception | None = None
        self.is_closed = False
        self.spendings: list[Spending] = []

    async def spend(self, spendings: Sequence[Spending]) -> Overspent | None:
        self.spendings += spendings
        if self.failure is not None:
            raise self.failure
        return await super().spend(spendings)

    async def close(self) -> None:
        self.is_closed = True


@dataclass
class Counted:
    """A `StateMetrics`."""

    answered: list[StateOperation] = field(default_factory=list)
    failed: list[StateOperation] = field(default_factory=list)

    def state_answered(self, operation: StateOperation, seconds: float) -> None:
        assert seconds >= 0
        self.answered.append(operation)

    def state_failed(self, operation: StateOperation) -> None:
        self.failed.append(operation)


class Sleep:
    """Until it is woken."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.asleep = asyncio.Event()
        self.woken = asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        self.asleep.set()
        await self.woken.wait()
        self.woken.clear()

    async def wake(self) -> None:
        """And wait until it sleeps again."""
        await self.asleep.wait()
        self.asleep.clear()
        self.woken.set()
        await self.asleep.wait()


@pytest.fixture
def inner() -> Fallible:
    return Fallible()


@pytest.fixture
def counted() -> Counted:
    return Counted()


@pytest.fixture
def sleep() -> Sleep:
    return Sleep()


@pytest.fixture
async def state(inner: Fallible, counted: Counted, sleep: Sleep) -> AsyncIterator[WatchedState]:
    async with WatchedState(inner, counted, sleep) as state:
        yield state


async def test_every_operation_is_passed_on_and_measured(state: WatchedState, counted: Counted) -> None:
    entry = await written(state, "a")
    assert await state.get(Table.SUBMISSIONS, "a") == entry
    assert await state.page(Table.SUBMISSIONS, after="", limit=1) == [entry]
    assert await state.page(Table.SUBMISSIONS, after="a", limit=1) == []
    assert await state.put(Table.SUBMISSIONS, "a", b"two", expires=LATER, replaces=None) is None
    assert await state.remove(Table.SUBMISSIONS, entry)
    assert await state.spend([of("a", 3)]) is None
    await state.give_back([of("a", 1)])
    assert await state.spend([of("a", 2)]) is not None

    assert counted.answered == ["put", "get", "page", "page", "put", "remove", "spend", "give_back", "spend"]
    assert counted.failed == []


async def test_a_failure_is_counted_passed_on_and_remembered(
    state: WatchedState, inner: Fallible, counted: Counted
) -> None:
    inner.failure = StateUnavailable("the disk is full")
    assert state.is_healthy()

    with pytest.raises(StateUnavailable, match="the disk is full"):
        await state.spend([of("a")])

    assert not state.is_healthy()
    assert counted.failed == ["spend"]
    inner.failure = None
    await state.spend([of("a")])
    assert state.is_healthy()


async def test_the_log_has_the_change_and_not_every_failure(state: WatchedState, inner: Fallible) -> None:
    with capture_logs() as logs:
        inner.failure = StateUnavailable("the disk is full")
        for _ in range(3):
            with pytest.raises(StateUnavailable):
                await state.spend([of("a")])
        inner.failure = None
        for _ in range(3):
            await state.spend([of("b")])

    assert [(line["log_level"], line["event"], line.get("error")) for line in logs] == [
        ("error", "state unavailable: requests are refused", "the disk is full"),
        ("info", "state available again", None),
    ]


async def test_without_calls_it_is_probed_by_a_write(state: WatchedState, inner: Fallible, sleep: Sleep) -> None:
    inner.failure = StateUnavailable("the disk is full")
    await sleep.wake()
    assert not state.is_healthy()

    inner.failure = None
    await sleep.wake()

    assert state.is_healthy()
    assert [spending.quantity for spending in inner.spendings] == [1, 1]
    assert sleep.seconds == [PROBE_SECONDS] * 3


async def test_a_mistake_of_ours_does_not_end_the_probing(state: WatchedState, inner: Fallible, sleep: Sleep) -> None:
    inner.failure = KeyError("oh")
    with capture_logs() as logs:
        await sleep.wake()
    assert [line["event"] for line in logs] == ["the state cannot be probed"]

    inner.failure = StateUnavailable("the disk is full")
    await sleep.wake()

    assert not state.is_healthy()


async def test_at_the_end_the_probing_stops_and_the_state_is_closed(inner: Fallible, counted: Counted) -> None:
    before = asyncio.all_tasks()

    async with WatchedState(inner, counted):
        assert len(asyncio.all_tasks() - before) == 1

    assert asyncio.all_tasks() == before
    assert inner.is_closed
