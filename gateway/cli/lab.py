"""`ces-gateway lab`: an internal CA with CEP and CES, the gateway before it, and clients who enroll through it.

What it leaves in its directory (configuration, certificates, passwords, audit record) is a set to try things with.
"""

import argparse
import asyncio
import signal
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from gateway.app import App
from gateway.cli.lab_configuration import Ports
from gateway.cli.lab_partners import Partners
from gateway.cli.lab_steps import StepFailed, check_audit
from gateway.config import load_configuration
from gateway.lab.ad.debian import DomainUnavailable
from gateway.lab.server import Lab
from gateway.lab.world import GATEWAY_HOST, World, WorldUnusable, open_or_create
from gateway.telemetry import configure_logging


class Scene(Protocol):
    """What is behind the gateway, and who enrolls through it."""

    @property
    def lab(self) -> Lab:
        """Not entered yet."""
        ...

    def write_configuration(self, ports: Ports) -> Path:
        """Write the gateway's configuration, with all that it names; its path. The lab is entered."""
        ...

    async def demonstrate(self, ports: Ports, audit: Path) -> None:
        """Print what happens to those who enroll. Raises StepFailed if it is not what must happen."""
        ...

    def addresses(self, ports: Ports) -> Iterator[tuple[str, str]]:
        """What to call, and where."""
        ...


def run(options: argparse.Namespace) -> int:
    """Start everything, enroll once, then serve until a signal (or exit, with --once). 1 if any step failed."""
    try:
        world = open_or_create(options.directory)
        with _scene(world, with_domain=options.ad) as scene:
            asyncio.run(_run(world, scene, once=options.once))
    except (StepFailed, WorldUnusable, DomainUnavailable) as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    return 0


@contextmanager
def _scene(world: World, *, with_domain: bool) -> Iterator[Scene]:
    if not with_domain:
        yield Partners(world)
        return
    with _insiders(world) as insiders:
        yield insiders


def _insiders(world: World) -> AbstractContextManager[Scene]:
    try:
        from gateway.cli.lab_insiders import insiders  # noqa: PLC0415 -- needs the extra, which the rest does without
    except ImportError as error:
        raise StepFailed(f"--ad needs what `pip install ces-gateway[kerberos]` installs: {error}") from error
    return insiders(world)


async def _run(world: World, scene: Scene, *, once: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    with (world.directory / "gateway.log").open("a", encoding="utf-8") as log:
        configure_logging("info", log)
        async with scene.lab:
            ports = Ports.free()
            file = scene.write_configuration(ports)
            async with App(load_configuration(file, datetime.now(UTC))) as app:
                await scene.demonstrate(ports, app.configuration.audit.file)
                check_audit(app.configuration.audit.file)
                _print_addresses(scene, file, ports)
                if not once:
                    print("\nServing until Ctrl-C.", flush=True)
                    await stop.wait()


def _print_addresses(scene: Scene, configuration: Path, ports: Ports) -> None:
    for what, where in scene.addresses(ports):
        print(f"{what:<20}{where}")
    print(f"{'':<20}({GATEWAY_HOST} is 127.0.0.1 here: --connect 127.0.0.1:{ports.https})")
    print(f"metrics, health     http://127.0.0.1:{ports.management}/metrics, /livez, /readyz")
    print(f"configuration       {configuration}")
