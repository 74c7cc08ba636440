"""`gateway.ledger.watcher`: the metrics follow the shared ledger, in whichever replica."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime

from structlog.testing import capture_logs

from gateway.errors import StateUnavailable
from gateway.ledger.hearing import Hearing
from gateway.ledger.watcher import EVERY_SECONDS, CertificateWatcher
from gateway.state.memory import MemoryState
from gateway.state.state import Entry, State, Table
from gateway.telemetry import Metrics
from tests.builders import a_requester
from tests.ledger import DAY, NOW, a_line, in_doubt, keep


@dataclass
class World:
    now: datetime = NOW
    slept: list[float] = field(default_factory=list)
    rounds: int = 1
    done: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.state = MemoryState(lambda: self.now)
        self.metrics = Metrics()

    def watcher(self, state: State | None = None, metrics: Metrics | None = None) -> CertificateWatcher:
        return CertificateWatcher(
            state or self.state,
            lambda: self.now,
            21 * DAY,
            (metrics or self.metrics).partners,
            partners=["partner-a"],
            sleep=self.sleep,
        )

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if len(self.slept) >= self.rounds:
            self.done.set()
            await asyncio.Event().wait()

    def shown(self, name: str) -> set[str]:
        """The samples of a series that are not zero."""
        lines = self.metrics.render().decode().splitlines()
        return {line for line in lines if line.startswith(f"{name}{{") and not line.endswith(" 0.0")}


class BrokenState(MemoryState):
    """Fails once, by whatever it is given."""

    def __init__(self, error: Exception) -> None:
        super().__init__(lambda: NOW)
        self.error: Exception | None = error

    async def page(self, table: Table, *, after: str = "", limit: int = 100) -> list[Entry]:
        error, self.error = self.error, None
        if error is not None:
            raise error
        return list(await super().page(table, after=after, limit=limit))


async def test_what_the_ledger_has_is_shown() -> None:
    world = World()
    await keep(world.state, a_line("1", "a", ends=5 * DAY), a_line("2", "b", partner=None, **in_doubt()))

    await world.watcher().count()

    assert world.shown("ces_gateway_certificates") == {
        'ces_gateway_certificates{partner="partner-a",stage="ending"} 1.0'
    }
    assert world.shown("ces_gateway_submissions") == {'ces_gateway_submissions{partner="",stage="in_doubt"} 1.0'}
    assert world.shown("ces_gateway_certificates_next_end_seconds") == {
        'ces_gateway_certificates_next_end_seconds{partner="partner-a"} 1.7962992e+09',
        'ces_gateway_certificates_next_end_seconds{partner=""} +Inf',
    }


async def test_a_partner_is_silent_until_it_tries() -> None:
    world = World()
    await keep(world.state, a_line(ends=5 * DAY))
    await world.watcher().count()
    assert world.shown("ces_gateway_certificates_silent") == {
        'ces_gateway_certificates_silent{partner="partner-a"} 1.0'
    }

    await Hearing(world.state, lambda: NOW).note(a_requester("alice"))
    await world.watcher().count()

    assert world.shown("ces_gateway_certificates_silent") == set()


async def test_what_is_gone_is_not_shown_any_more() -> None:
    world = World()
    await keep(world.state, a_line(ends=5 * DAY))
    await world.watcher().count()

    world.now = NOW + 1000 * DAY
    await world.watcher().count()

    assert world.shown("ces_gateway_certificates") == set()


async def test_every_replica_shows_the_same() -> None:
    world = World()
    await keep(world.state, *(a_line(str(n), f"web{n}", ends=n * DAY) for n in range(1, 200)))
    other = Metrics()

    await world.watcher().count()
    await world.watcher(metrics=other).count()

    mine, others = (
        [line for line in metrics.render().decode().splitlines() if line.startswith("ces_gateway_certificates")]
        for metrics in (world.metrics, other)
    )
    assert mine == others


async def test_it_is_counted_at_the_start_and_regularly() -> None:
    world = World(rounds=2)

    async with world.watcher():
        await world.done.wait()

    assert world.slept == [EVERY_SECONDS] * 2


async def test_a_state_that_does_not_answer_is_told_and_asked_again() -> None:
    world = World(rounds=2)
    state = BrokenState(StateUnavailable("no answer"))
    await keep(state, a_line())

    with capture_logs() as logs:
        async with world.watcher(state):
            await world.done.wait()

    assert [line["event"] for line in logs] == ["certificates not counted"]
    assert world.shown("ces_gateway_certificates")


async def test_a_mistake_of_ours_is_told_and_does_not_end_it() -> None:
    world = World(rounds=2)
    state = BrokenState(RuntimeError("a mistake"))
    await keep(state, a_line())

    with capture_logs() as logs:
        async with world.watcher(state):
            await world.done.wait()

    assert [line["event"] for line in logs] == ["certificates cannot be counted"]
    assert world.shown("ces_gateway_certificates")


async def test_at_the_end_nobody_counts_any_more() -> None:
    world = World()
    before = asyncio.all_tasks()

    async with world.watcher():
        await world.done.wait()

    assert asyncio.all_tasks() == before
