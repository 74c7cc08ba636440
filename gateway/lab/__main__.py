"""`python -m gateway.lab DIRECTORY`: a lab as its own process, until SIGTERM or SIGINT."""

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path

from gateway.lab.server import Lab, ServiceKind
from gateway.lab.world import WorldUnusable, open_or_create

_KINDS = (ServiceKind.USERNAME_PASSWORD, ServiceKind.CERTIFICATE)
"""Those that need no domain."""


def main() -> int:
    """Exit code 0 after a signal, 2 if the directory's world cannot be used."""
    arguments = _parser().parse_args()
    try:
        world = open_or_create(arguments.directory)
    except WorldUnusable as error:
        sys.stderr.write(f"{error}\n")
        return 2
    ports = dict(zip(_KINDS, arguments.ports, strict=True))
    asyncio.run(serve(Lab(world, ports=ports, published_host=arguments.published_host)))
    return 0


async def serve(lab: Lab) -> None:
    """Run the lab, say in one line of JSON where, and wait for the signal to stop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with lab:
        sys.stdout.write(json.dumps(addresses(lab)) + "\n")
        sys.stdout.flush()
        await stop.wait()


def addresses(lab: Lab) -> dict[str, object]:
    """Where everything is: `ports` on 127.0.0.1, and the services' own URIs by kind."""
    return {
        "directory": str(lab.world.directory),
        "ports": {kind.word: lab.port(kind) for kind in lab.kinds},
        "cep": {kind.word: lab.cep_uri(kind) for kind in lab.kinds},
        "ces": {name: {kind.word: lab.ces_uri(kind, name) for kind in lab.kinds} for name in lab.authorities},
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gateway.lab", description=__doc__)
    parser.add_argument("directory", type=Path, help="where the world's files lie; created if need be")
    parser.add_argument(
        "--ports",
        type=int,
        nargs=len(_KINDS),
        default=(0,) * len(_KINDS),
        metavar=tuple(kind.name for kind in _KINDS),
        help="on 127.0.0.1; 0 lets the system choose (the default)",
    )
    parser.add_argument("--published-host", help="host name to put into URIs instead of the internal ones")
    return parser


if __name__ == "__main__":
    sys.exit(main())
