"""`ces-gateway serve`: the gateway until SIGTERM or SIGINT."""

import argparse
import asyncio
import resource
import signal
from datetime import UTC, datetime

from gateway.app import App
from gateway.config import load_configuration
from gateway.telemetry import configure_logging


def run(options: argparse.Namespace) -> int:
    """Check, start, serve, drain. Raises Mistaken before anything listens."""
    checked = load_configuration(options.config, datetime.now(UTC))
    _allow_many_open_files()
    configure_logging(checked.configuration.log_level)
    asyncio.run(_serve(App(checked)))
    return 0


def _allow_many_open_files() -> None:
    """A shell's or systemd's soft limit of 1024 is below `max_connections`; the hard limit is the administrator's."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _serve(app: App) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    loop.add_signal_handler(signal.SIGHUP, app.reload)
    async with app:
        await stop.wait()
