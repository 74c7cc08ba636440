"""`python -m tests.bench`: what an enrollment costs, as a ratio to an nginx that only relays. See README.md."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.bench import gateway, nginx
from tests.bench.idle import kib_per_idle_connection
from tests.bench.load import Ratios, Run, interleaved, ratios, run
from tests.bench.servers import Server, free_port, running
from tests.bench.slow import all_slow_clients
from tests.bench.table import print_table
from tests.bench.tools import RUN, BenchError, provide
from tests.bench.world import World, make_world

SERVERS = ("nginx", "nginx0", "gateway")
WARM_UP_CONNECTIONS = 100
LATENCY_ROUNDS = 3
LATENCY_SECONDS = 4


def parse_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "--servers", nargs="+", choices=SERVERS, default=SERVERS, help="default: all; the first is 1.00"
    )
    parser.add_argument("--rounds", type=int, default=9, help="of CPU measurements (default: %(default)s)")
    parser.add_argument("--connections", type=int, default=200, help="per server and round (default: %(default)s)")
    parser.add_argument(
        "--rate", type=float, default=60, help="connections a second, for latency (default: %(default)s)"
    )
    parser.add_argument("--idle", type=int, default=1000, help="idle connections; 0: none (default: %(default)s)")
    parser.add_argument(
        "--patience", type=float, default=30, help="seconds for slow clients; 0: none (default: %(default)s)"
    )
    return parser.parse_args(arguments)


def command_of(name: str, nginx_program: str, world: World, port: int, upstream_port: int) -> list[str | Path]:
    """How the server is started in the foreground."""
    directory = RUN / name
    if name == "gateway":
        file = gateway.write_configuration(world, directory, port, free_port(), upstream_port)
        return [sys.executable, "-m", "gateway", "serve", "--config", file]
    tickets = nginx.TICKETS if name == "nginx" else nginx.NO_TICKETS
    file = nginx.write_configuration(world, directory, port, upstream_port, tickets=tickets)
    return [nginx_program, "-p", directory, "-e", directory / "error.log", "-c", file]


async def start(stack: AsyncExitStack, names: Sequence[str], nginx_program: str, world: World) -> list[Server]:
    """The stub, and the servers before it. They stop with the stack."""
    stub_port = free_port()
    stub: list[str | Path] = [sys.executable, "-m", "tests.bench.stub", str(stub_port), world.directory]
    await stack.enter_async_context(running("stub", stub_port, stub))
    servers = []
    for name in names:
        port = free_port()
        command = command_of(name, nginx_program, world, port, stub_port)
        servers.append(await stack.enter_async_context(running(name, port, command)))
    return servers


@dataclass(frozen=True, slots=True)
class Measurements:
    """One row of the table."""

    name: str
    single: Ratios
    """One request per connection."""
    triple: Ratios
    """Three requests per connection."""
    latency: Sequence[Run]
    kib_per_idle_connection: float | None

    def line(self) -> tuple[str, ...]:
        idle = self.kib_per_idle_connection
        return (
            self.name,
            f"{self.single.cpu_us:.0f}",
            str(self.single),
            str(self.triple),
            f"{median(one.p50_ms for one in self.latency):.1f}",
            f"{median(one.p99_ms for one in self.latency):.1f}",
            "" if idle is None else f"{idle:.1f}",
        )


async def measure(servers: Sequence[Server], world: World, options: argparse.Namespace) -> list[Measurements]:
    """One row per server, and one more of the first: what its two rows differ by is noise."""
    for server in servers:
        await run(server, world, connections=WARM_UP_CONNECTIONS)
    rows = [*servers, servers[0]]
    connections = options.connections
    single = ratios(await interleaved(rows, world, options.rounds, connections=connections))
    triple = ratios(await interleaved(rows, world, options.rounds, connections=connections // 2, requests_each=3))
    arrivals = int(options.rate * LATENCY_SECONDS)
    latency = await interleaved(rows, world, LATENCY_ROUNDS, connections=arrivals, rate=options.rate)
    idle = [await kib_per_idle_connection(server, world, options.idle) if options.idle else None for server in servers]
    names = [*(server.name for server in servers), f"{servers[0].name}, again"]
    return [Measurements(*row) for row in zip(names, single, triple, latency, [*idle, None], strict=True)]


def print_measurements(measurements: Sequence[Measurements], options: argparse.Namespace) -> None:
    first = measurements[0].name
    print(f"CPU of the server per enrollment, {options.connections} new mutual-TLS connections in each of")
    print(f"{options.rounds} interleaved rounds; ratios to {first} are median (lowest-highest) of the rounds.")
    print(f"Latency at {options.rate:g} connections a second; memory with {options.idle} idle connections.\n")
    headings = ("", "CPU us", "ratio", "ratio at 3 requests", "p50 ms", "p99 ms", "KiB idle")
    print_table(headings, [one.line() for one in measurements])


def print_slow_clients(dropped: dict[str, list[float | None]], servers: Sequence[Server], patience: float) -> None:
    print("\nSlow clients: seconds until they are dropped.\n")
    lines = [
        (how, *(f"over {patience:g}" if seconds is None else f"{seconds:.0f}" for seconds in outcomes))
        for how, outcomes in dropped.items()
    ]
    print_table(("", *(server.name for server in servers)), lines)


async def bench(options: argparse.Namespace) -> None:
    nginx_program = provide()
    world = make_world(RUN / "world")
    async with AsyncExitStack() as stack:
        servers = await start(stack, options.servers, nginx_program, world)
        print_measurements(await measure(servers, world, options), options)
        if options.patience:
            dropped = await all_slow_clients(servers, world, options.patience)
            print_slow_clients(dropped, servers, options.patience)


def main(arguments: Sequence[str] | None = None) -> int:
    try:
        asyncio.run(bench(parse_options(arguments)))
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
