"""Two CES behind one published service: whichever dies or comes back, no request fails that had not been sent.

Both are real ones, as processes of their own, and are killed by SIGKILL.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.lab.world import World
from tests.lab_process import LabProcess
from tests.requests import a_new_request
from tests.stand import Answer, Change, Stand, a_stand, service

WEB = "www.partner-a.example"
SERVICE = "ca1-password"
QUICK = {"failures": 2, "first_pause_seconds": 0.05, "longest_pause_seconds": 0.2}
"""A test does not wait long for a trial."""


def before(*upstreams: dict[str, object], **health: float) -> Change:
    """Put these servers behind the service."""

    def change(content: dict[str, Any]) -> None:
        ours = service(content, SERVICE)
        ours["upstream"] = [{"trust": ours["upstream"]["trust"], **upstream} for upstream in upstreams]
        ours["health"] = {"probe_seconds": 0, **QUICK, **health}

    return change


@pytest.fixture
async def two(world: World) -> AsyncIterator[tuple[LabProcess, LabProcess]]:
    async with LabProcess(world.directory) as one, LabProcess(world.directory) as other:
        yield one, other


def attempts_of(stand: Stand, ces: LabProcess, outcome: str) -> int:
    """From the metrics."""
    return int(sample(stand, f'upstream_requests_total{{outcome="{outcome}",service="{SERVICE}",', ces))


def sample(stand: Stand, name: str, ces: LabProcess) -> float:
    line = f'ces_gateway_{name}upstream="{ces.server}"}} '
    (value,) = (
        found.removeprefix(line) for found in stand.app.metrics.render().decode().splitlines() if found.startswith(line)
    )
    return float(value)


@dataclass
class Load:
    """Clients who enroll again and again, and know of one URI only."""

    stand: Stand
    answers: list[Answer] = field(default_factory=list)
    is_over: bool = False
    answered: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def client(self) -> None:
        while not self.is_over:
            answer = await self.stand.post(self.stand.issue(a_new_request(WEB)))
            async with self.answered:
                self.answers.append(answer)
                self.answered.notify_all()

    async def until(self, is_reached: Callable[[], bool]) -> None:
        async with self.answered:
            await self.answered.wait_for(is_reached)

    async def more(self, answers: int) -> None:
        """So many from now on."""
        wanted = len(self.answers) + answers
        await self.until(lambda: len(self.answers) >= wanted)


@asynccontextmanager
async def under_load(stand: Stand, clients: int) -> AsyncIterator[Load]:
    load = Load(stand)
    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(load.client())
        try:
            yield load
        finally:
            load.is_over = True


async def test_killing_and_reviving_either_under_load_fails_no_request_that_had_not_been_sent(
    world: World, tmp_path: Path, two: tuple[LabProcess, LabProcess]
) -> None:
    async with a_stand(world, tmp_path, before(*(ces.upstream() for ces in two))) as stand:
        async with under_load(stand, clients=10) as load:
            await load.more(10)
            for ces in two:
                await ces.kill()
                # Of those on the way, some are lost; all later ones are served by the other.
                await load.more(20)
                await ces.start()
                served = attempts_of(stand, ces, "answered")
                while attempts_of(stand, ces, "answered") == served:
                    await load.more(1)

        failed = [answer for answer in load.answers if answer.status != 200]
        refusals = [await stand.refusal_of(answer) for answer in failed]
        assert all("broke the connection off" in refusal["detail"] for refusal in refusals), refusals
        assert len(failed) == sum(attempts_of(stand, ces, "no_answer") for ces in two)
        assert all(attempts_of(stand, ces, "not_reached") for ces in two), "others met the dead one, and went on"
        assert len(stand.audit("approved")) == len(stand.audit("answered", "refused")) == len(load.answers)
        stand.assert_audit_is_intact()


async def test_a_client_that_knows_one_uri_is_served_whichever_ces_is_down(
    world: World, tmp_path: Path, two: tuple[LabProcess, LabProcess]
) -> None:
    change = before(*(ces.upstream() for ces in two))
    async with a_stand(world, tmp_path, change) as stand:
        for ces in two:
            await ces.kill()
            assert [(await stand.post(stand.issue(a_new_request(WEB)))).status for _ in range(6)] == [200] * 6
            await ces.start()


async def test_the_load_is_spread_by_weight(world: World, tmp_path: Path, two: tuple[LabProcess, LabProcess]) -> None:
    one, other = two
    async with a_stand(world, tmp_path, before(one.upstream(weight=2), other.upstream(weight=1))) as stand:
        for _ in range(6):
            assert (await stand.post(stand.issue(a_new_request(WEB)))).status == 200

        assert [attempts_of(stand, ces, "answered") for ces in two] == [4, 2]


async def test_a_spare_ces_serves_while_the_first_is_down(
    world: World, tmp_path: Path, two: tuple[LabProcess, LabProcess]
) -> None:
    first, spare = two
    async with a_stand(world, tmp_path, before(first.upstream(), spare.upstream(priority=2))) as stand:
        assert (await stand.post(stand.issue(a_new_request(WEB)))).status == 200
        assert attempts_of(stand, spare, "answered") == 0

        await first.kill()

        assert [(await stand.post(stand.issue(a_new_request(WEB)))).status for _ in range(3)] == [200] * 3
        assert attempts_of(stand, spare, "answered") == 3


async def test_with_all_down_the_gateway_stays_in_service_and_says_what_is_wrong(
    world: World, tmp_path: Path, two: tuple[LabProcess, LabProcess]
) -> None:
    async with a_stand(world, tmp_path, before(*(ces.upstream() for ces in two))) as stand:
        for ces in two:
            await ces.kill()
        answers = [await stand.post(stand.issue(a_new_request(WEB))) for _ in range(3)]

        assert [answer.fault.hresult for answer in answers] == [0x800706BA] * 3
        refusal = await stand.refusal_of(answers[0])
        assert refusal["detail"].count("no connection") == 2, "each server is named"
        assert [sample(stand, f'upstream_healthy{{service="{SERVICE}",', ces) for ces in two] == [0, 0]
        assert [sample(stand, f'upstream_ejections_total{{service="{SERVICE}",', ces) for ces in two] == [1, 1]
        async with aiohttp.ClientSession(f"http://127.0.0.1:{stand.ports.management}") as session:
            response = await session.get("/readyz")
            assert response.status == 200
            assert (await response.json())["troubles"][f"upstream {SERVICE}"].count("no connection") == 2

        await two[1].start()
        assert (await stand.post(stand.issue(a_new_request(WEB)))).status == 200, "it is asked although it was ejected"


async def test_probes_find_a_dead_ces_before_a_client_does(
    world: World, tmp_path: Path, two: tuple[LabProcess, LabProcess]
) -> None:
    dead, alive = two
    await dead.kill()
    often = {"probe_seconds": 0.05, "first_pause_seconds": 60, "longest_pause_seconds": 60}
    async with a_stand(world, tmp_path, before(dead.upstream(), alive.upstream(), **often)) as stand:
        while sample(stand, f'upstream_healthy{{service="{SERVICE}",', dead):  # noqa: ASYNC110 -- probes tell nobody
            await asyncio.sleep(0)

        assert (await stand.post(stand.issue(a_new_request(WEB)))).status == 200
        assert attempts_of(stand, dead, "not_reached") == 0
        assert sample(stand, f'upstream_healthy{{service="{SERVICE}",', alive) == 1
