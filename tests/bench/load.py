"""CPU and latency under load: runs of tlsload, interleaved, as ratios to the first server.

Machines are shared and their clocks vary: an absolute time means little, and the same server seldom costs the same
twice. So every round measures every server, in alternating order, and what counts is the ratio within a round.
"""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from tests.bench.servers import Server
from tests.bench.tools import TLSLOAD, BenchError
from tests.bench.world import CES_PATH, World


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of the load generator showed."""

    cpu_us: float
    """Of the server, per request."""
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Ratios:
    """One server against the first, round by round."""

    cpu_us: float
    """Median."""
    ratios: tuple[float, ...]

    def __str__(self) -> str:
        return f"{median(self.ratios):.2f} ({min(self.ratios):.2f}-{max(self.ratios):.2f})"


async def run(
    server: Server, world: World, *, connections: int, requests_each: int = 1, rate: float = 0, seconds: float = 60
) -> Run:
    """One run. Raises BenchError unless every request is answered with 200: failures are cheap, and prove nothing."""
    command: list[object] = [TLSLOAD, "-p", server.port, "-u", CES_PATH, "-b", world.request, "-e", world.client]
    command += ["-n", connections, "-k", requests_each, "-r", rate, "-t", seconds]
    processes, before = server.processes(), server.cpu_seconds()
    output = await _output(*map(str, command))
    if server.processes() != processes:
        raise BenchError(f"{server.name} has lost or started a process during the run")
    cpu = server.cpu_seconds() - before
    results = json.loads(output)
    if results["failed"] or results["refused"] or results["unfinished"]:
        raise BenchError(f"{server.name}: not every request was answered with 200: {results}")
    return Run(cpu / results["requests"] * 1e6, results["p50_ms"], results["p99_ms"])


async def _output(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, errors = await process.communicate()
    if process.returncode != 0:
        raise BenchError(errors.decode(errors="replace").strip())
    if errors:
        print(errors.decode(errors="replace").strip(), flush=True)
    return output.decode()


async def interleaved(servers: Sequence[Server], world: World, rounds: int, **options: Any) -> list[list[Run]]:
    """For each server its runs, one a round."""
    runs: list[list[Run]] = [[] for _ in servers]
    for number in range(rounds):
        order = list(enumerate(servers))
        for position, server in order if number % 2 == 0 else reversed(order):
            runs[position].append(await run(server, world, **options))
    return runs


def ratios(runs: Sequence[Sequence[Run]]) -> list[Ratios]:
    """Each server against the first."""
    reference = runs[0]
    return [
        Ratios(
            median(one.cpu_us for one in own),
            tuple(one.cpu_us / other.cpu_us for one, other in zip(own, reference, strict=True)),
        )
        for own in runs
    ]
