"""`python -m tests.bench.kerberos`: what Kerberos adds to an enrollment, in a real domain. See README.md."""

import argparse
import asyncio
import os
import sys
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from statistics import median
from typing import Generic, TypeVar

from gateway.config import load_configuration
from gateway.lab.ad.debian import DomainUnavailable
from gateway.realms import Realms
from gateway.telemetry import Metrics
from tests.bench.domain import Costs, Setting, a_gateway, a_setting
from tests.bench.longest_wait import watching
from tests.bench.table import print_table
from tests.bench.tools import BenchError

MOST_BESIDE_KDC = 30.0
"""Milliseconds that a first enrollment by protocol transition may take beside its exchanges with the KDC."""
NAMES = [f"u{number:02}" for number in range(1, 51)]
LOOK_UPS = 200

Row = tuple[str, str]
"""A transition, and whether the account has a ticket in the gateway's cache."""
FIRST_S4U: Row = ("protocol_transition", "first")
EXCHANGES: Mapping[Row, int] = {
    FIRST_S4U: 2,
    ("protocol_transition", "cached"): 0,
    ("constrained_delegation", "first"): 1,
    ("constrained_delegation", "cached"): 0,
    ("user_ticket", "always"): 4,
}
"""With the KDC, in the order in which they are measured: S4U2self and S4U2proxy; S4U2proxy; two AS-REQs, one ticket to
verify what they brought, one for the inside."""
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
        return median(self.all(row, of))

    def all(self, row: Row, of: Callable[[T], float]) -> list[float]:
        return [of(one) for measured in self._rounds[row].values() for one in measured]

    def with_noise(self, row: Row, of: Callable[[T], float]) -> str:
        """The median, and the extremes of the rounds' own medians."""
        medians = [median(map(of, measured)) for measured in self._rounds[row].values()]
        return f"{self.median(row, of):.1f} ({min(medians):.1f}-{max(medians):.1f})"


def parse_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.kerberos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="each with new gateways (default: %(default)s)")
    return parser.parse_args(arguments)


async def one_by_one(setting: Setting, rounds: int) -> Rounds[Costs]:
    """Every account in every way."""
    measured: Rounds[Costs] = Rounds()
    for number in range(rounds):
        async with a_gateway(setting) as gateway:
            for name in NAMES:
                for row in EXCHANGES:
                    measured.add(row, number, await gateway.enroll(await gateway.question(name, row[0])))
    return measured


async def all_at_once(setting: Setting, rounds: int) -> Rounds[Crowd]:
    """The same, all accounts at the same time."""
    measured: Rounds[Crowd] = Rounds()
    for number in range(rounds):
        async with a_gateway(setting) as gateway:
            for row in EXCHANGES:
                questions = [await gateway.question(name, row[0]) for name in NAMES]
                async with watching(gateway.ports.management) as waits:
                    costs = await gateway.enroll(*questions)
                measured.add(row, number, Crowd(costs, waits[0] * 1000))
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


def print_singly(measured: Rounds[Costs]) -> None:
    lines = [
        (
            ", ".join(row),
            f"{measured.median(row, lambda costs: costs.exchanges):g}",
            f"{measured.median(row, lambda costs: costs.kdc):.1f}",
            measured.with_noise(row, lambda costs: costs.total),
            measured.with_noise(row, lambda costs: costs.beside_kdc),
            f"{measured.median(row, lambda costs: costs.inside):.1f}",
            f"{measured.median(row, lambda costs: costs.cpu):.1f}",
        )
        for row in EXCHANGES
    ]
    print("\nOne enrollment after the other, in ms: median (lowest-highest of the rounds' medians).\n")
    print_table(("", "KDC asked", "KDC", "all", "all but KDC", "inside", "CPU"), lines)


def print_crowds(measured: Rounds[Crowd]) -> None:
    lines = [
        (
            ", ".join(row),
            measured.with_noise(row, lambda crowd: len(NAMES) / crowd.costs.total * 1000),
            measured.with_noise(row, lambda crowd: crowd.costs.cpu / len(NAMES)),
            measured.with_noise(row, lambda crowd: crowd.longest_wait),
        )
        for row in EXCHANGES
    ]
    print(f"\n{len(NAMES)} accounts at once.\n")
    print_table(("", "a second", "CPU ms each", "longest wait of others, ms"), lines)


def is_good(measured: Rounds[Costs]) -> bool:
    """Whether the figures are what was promised; prints them."""
    beside_kdc = measured.median(FIRST_S4U, lambda costs: costs.beside_kdc)
    print(f"\n{', '.join(FIRST_S4U)}: {beside_kdc:.1f} ms beside the KDC, and {MOST_BESIDE_KDC:g} are allowed.")
    unexpected = [
        row for row, wanted in EXCHANGES.items() if set(measured.all(row, lambda costs: costs.exchanges)) != {wanted}
    ]
    for row in unexpected:
        print(f"{', '.join(row)}: {EXCHANGES[row]} exchanges with the KDC were expected.")
    return beside_kdc <= MOST_BESIDE_KDC and not unexpected


def load() -> str:
    """Of the machine: figures of a busy one are too high."""
    return " ".join(f"{average:.1f}" for average in os.getloadavg())


async def bench(rounds: int) -> bool:
    print("load average:", load())
    async with a_setting() as setting:
        singly = await one_by_one(setting, rounds)
        crowds = await all_at_once(setting, rounds)
        directory = await look_ups(setting)
    print_singly(singly)
    print_crowds(crowds)
    print("\nThe directory's share:", ", ".join(f"{how} {ms:.1f} ms" for how, ms in directory.items()))
    print("load average:", load())
    return is_good(singly)


def main(arguments: Sequence[str] | None = None) -> int:
    try:
        return 0 if asyncio.run(bench(parse_options(arguments).rounds)) else 1
    except (BenchError, DomainUnavailable) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
