"""A lab as its own process, which can be killed and started again where it was."""

import asyncio
import json
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from gateway.lab.server import CA_1, ServiceKind

_KINDS = (ServiceKind.USERNAME_PASSWORD, ServiceKind.CERTIFICATE)


class LabProcess:
    """`async with LabProcess(world.directory) as ces:` a real CES, until its end or until it is killed."""

    def __init__(self, world: Path) -> None:
        self._world = world
        self._process: asyncio.subprocess.Process | None = None
        self._ports = [0, 0]
        self._addresses: dict[str, Any] = {}

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.kill()

    @property
    def server(self) -> str:
        """As the gateway's metrics call it."""
        return f"127.0.0.1:{self._ports[0]}"

    def upstream(self, **more: object) -> dict[str, object]:
        """For services by password of the first CA."""
        url = self._addresses["ces"][CA_1][ServiceKind.USERNAME_PASSWORD.word]
        return {"url": url, "server_address": self.server, **more}

    async def start(self) -> None:
        """Ready when this returns; again on the ports that it had."""
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway.lab", str(self._world), "--ports", *map(str, self._ports)),
            stdout=asyncio.subprocess.PIPE,
        )
        assert self._process.stdout is not None
        self._addresses = json.loads(await self._process.stdout.readline())
        self._ports = [self._addresses["ports"][kind.word] for kind in _KINDS]

    async def kill(self) -> None:
        """SIGKILL: connections break, nothing is said."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
