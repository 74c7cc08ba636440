"""A gateway that dies of SIGKILL at a chosen step of an enrollment: `python -m tests.faulty_gateway CONFIG STEPS`.

A step is the moment before or after each write that must survive, and each message to the inside: what they are is not
listed anywhere, but found by wrapping the three places that all of them pass. Each line on standard input starts a
gateway, as a child: the number of the step at which it dies, or 0 for none; behind the number, `deaf` has it lose the
inside's answers. It says `ready` when it serves; `stop` ends it. The steps that it takes are appended to STEPS.
"""

import asyncio
import os
import signal
import sys
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.app import App, now
from gateway.audit.writer import Writer
from gateway.config import load_configuration
from gateway.errors import UpstreamUnavailable
from gateway.upstream.soap_client import SoapClient

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Steps:
    """Counts them, and dies."""

    def __init__(self, file: Path, fatal: int, *, is_deaf: bool) -> None:
        self._file = file
        self._fatal = fatal
        self._is_deaf = is_deaf
        self._taken = 0
        self.is_counting = False

    def around(self, owner: Any, name: str) -> None:
        """Make a step of what comes before and of what comes after a method."""
        method: Callable[..., Awaitable[Any]] = getattr(owner, name)

        @wraps(method)
        async def stepping(*args: Any, **kwargs: Any) -> Any:
            self._take(f"before {name}")
            result = await method(*args, **kwargs)
            self._take(f"after {name}")
            if name == "exchange" and self._is_deaf:
                raise UpstreamUnavailable("the answer is lost", sent=True)
            return result

        setattr(owner, name, stepping)

    def _take(self, step: str) -> None:
        if not self.is_counting:
            return
        self._taken += 1
        with self._file.open("a") as file:
            file.write(f"{step}\n")
        if self._taken == self._fatal:
            os.kill(os.getpid(), signal.SIGKILL)


async def serve(configuration: Path, steps: Steps) -> None:
    app = App(load_configuration(configuration, now()))
    steps.around(Writer, "append")
    steps.around(SoapClient, "exchange")
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    async with app:
        for name in ("put", "remove"):
            steps.around(app.state, name)
        steps.is_counting = True
        print("ready", flush=True)
        await stopped.wait()
        steps.is_counting = False


def main() -> None:
    configuration, file = map(Path, sys.argv[1:])
    for line in sys.stdin:
        fatal, _, deaf = line.strip().partition(" ")
        pid = os.fork()
        if pid == 0:
            try:
                asyncio.run(serve(configuration, Steps(file, int(fatal), is_deaf=deaf == "deaf")))
            except BaseException as error:  # noqa: BLE001 -- the end of a process
                print(f"failed {error!r}", flush=True)
            os._exit(0)
        if sys.stdin.readline().strip() == "stop":
            os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)
        print("gone", flush=True)


if __name__ == "__main__":
    main()
