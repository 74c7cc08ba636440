"""`python -m tests.bench.kerberos`: what Kerberos adds to an enrollment, in a real domain. See README.md."""

import argparse
import asyncio
import os
import sys
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from statistics import median
from typing import Generic, TypeVar

from gateway.config import load_configuration
from gateway.lab.ad.debian import DomainUnavailable
from gateway.realms import Realms
from gateway.telemetry import Metrics
from tests.bench.__main__ import print_table
from tests.bench.domain import WAYS, Costs, Setting, a_gateway, a_setting
from tests.bench.longest_wait import watching
from tests.bench.tools import BenchError

MOST_BESIDE_KDC = 30.0
"""Milliseconds that a first enrollment by protocol transition may take beside its exchanges with the KDC."""
NAMES = [f"u{number:02}" for number in range(1, 51)]
LOOK_UPS = 200

Row = tuple[str, str]
"""A way, and whether it is the account's first enrollment by it."""
FIRST, AGAIN = "first", "again"
S4U = ("protocol_transition", FIRST)
CACHED: Sequence[Row] = (("protocol_transition", AGAIN), ("constrained_delegation", AGAIN))
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Crowd:
    """Many accounts that came at once."""

    costs: Costs
    longest_wait: float
    """Milliseconds, of somebody else."""


class Rounds(Generic[T]):
    """Measurements of each row, round by round. A round's own median shows how much of a figure is noise."""

    def __init__(self) -> None:
        self._rounds: dict[Row, dict[int, list[T]]] = defaultdict(lambda: defaultdict(list))

    def add(self, row: Row, number: int, measured: T) -> None:
        self._rounds[row][number].append(measured)

    def median(self, row: Row, of: Callable[[T], float]) -> float:
        return median(of(one) for measured in self._rounds[row].values() for one in measured)

    def text(self, row: Row, of: Callable[[T], float]) -> str:
        """The median of all, and the extremes of the rounds' medians."""
        medians = [median(map(of, measured)) for measured in self._rounds[row].values()]
        return f"{self.median(row, of):.1f} ({min(medians):.1f}-{max(medians):.1f})"

    def print(self, columns: dict[str, Callable[[T], float]]) -> None:
        lines = [(", ".join(row), *(self.text(row, of) for of in columns.values())) for row in self._rounds]
        print_table(("", *columns), lines)


def parse_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.kerberos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="each with new gateways (default: %(default)s)")
    return parser.parse_args(arguments)


async def one_by_one(setting: Setting, rounds: int) -> Rounds[Costs]:
    """Every account in every way, twice."""
    measured: Rounds[Costs] = Rounds()
    for number in range(rounds):
        async with a_gateway(setting) as gateway:
            for name in NAMES:
                for way in WAYS:
                    for when in (FIRST, AGAIN):
                        costs = await gateway.enroll(await gateway.question(name, way))
                        measured.add((way, when), number, costs)
    return measured


async def all_at_once(setting: Setting, rounds: int) -> Rounds[Crowd]:
    """The same, all accounts at the same time."""
    measured: Rounds[Crowd] = Rounds()
    for number in range(rounds):
        async with a_gateway(setting) as gateway:
            for way in WAYS:
                for when in (FIRST, AGAIN):
                    questions = [await gateway.question(name, way) for name in NAMES]
                    async with watching(gateway.ports.management) as waits:
                        costs = await gateway.enroll(*questions)
                    measured.add((way, when), number, Crowd(costs, waits[0] * 1000))
    return measured


async def look_ups(setting: Setting) -> dict[str, float]:
    """Milliseconds that the directory takes to say who somebody is. Leaves the process without a krb5.conf."""

    def now() -> datetime:
        return datetime.now(UTC)

    async def time_of(look_up: Callable[[], Awaitable[object]]) -> float:
        times = []
        for _ in range(LOOK_UPS):
            begun = time.perf_counter()
            await look_up()
            times.append(time.perf_counter() - begun)
        return median(times) * 1000

    checked = load_configuration(setting.world.directory / "gateway.yaml", now())
    async with Realms(checked.configuration, Metrics(), now) as realms:
        directory = realms.named(setting.domain.realm).directory
        name = f"alice@{setting.domain.dns_domain}"
        sid = (await directory.find_by_name(name)).sid
        return {
            "by name": await time_of(partial(directory.find_by_name, name)),
            "by SID": await time_of(partial(directory.find_by_sid, sid)),
        }


def load() -> str:
    return " ".join(f"{average:.1f}" for average in os.getloadavg()[:2])


async def bench(rounds: int) -> bool:
    """Whether the figures are what they must be."""
    print(f"load before: {load()}")
    async with a_setting() as setting:
        singly = await one_by_one(setting, rounds)
        crowds = await all_at_once(setting, rounds)
        directory = await look_ups(setting)

    print(f"load after: {load()}\n\nOne after the other; milliseconds, medians (of the rounds: lowest-highest).\n")
    singly.print(
        {
            "exchanges": lambda costs: costs.exchanges,
            "KDC": lambda costs: costs.kdc,
            "all": lambda costs: costs.total,
            "beside KDC": lambda costs: costs.beside_kdc,
            "inside": lambda costs: costs.inside,
            "CPU": lambda costs: costs.cpu,
        }
    )
    print(f"\n{len(NAMES)} accounts at once.\n")
    crowds.print(
        {
            "a second": lambda crowd: len(NAMES) / crowd.costs.total * 1000,
            "last ms": lambda crowd: crowd.costs.total,
            "CPU ms each": lambda crowd: crowd.costs.cpu / len(NAMES),
            "longest wait of others ms": lambda crowd: crowd.longest_wait,
        }
    )
    print("\nThe directory:", ", ".join(f"{how} {ms:.1f} ms" for how, ms in directory.items()))
    return judge(singly)


def judge(singly: Rounds[Costs]) -> bool:
    beside = singly.median(S4U, lambda costs: costs.beside_kdc)
    asked = [row for row in CACHED if singly.median(row, lambda costs: costs.exchanges)]
    print(f"\nA first enrollment by {S4U[0]} takes {beside:.1f} ms beside the KDC; {MOST_BESIDE_KDC:g} are allowed.")
    for row in asked:
        print(f"{', '.join(row)}: asks the KDC, although there is a ticket.")
    return beside <= MOST_BESIDE_KDC and not asked


def main(arguments: Sequence[str] | None = None) -> int:
    try:
        return 0 if asyncio.run(bench(parse_options(arguments).rounds)) else 1
    except (BenchError, DomainUnavailable) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
