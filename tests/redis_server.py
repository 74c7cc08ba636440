"""A real Redis server on loopback, for a test: started, killed, started again, or stopped for a while.

    with RedisServer(tmp_path) as server:
        settings = server.settings(prefix="a")

It keeps an append-only file that is synced with each write, unless `options` say otherwise.
"""

import contextlib
import os
import random
import signal
import socket
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from gateway.state.settings import RedisSettings

_READY = b"Ready to accept connections"


class RedisServer:
    """One process, with its files in `directory`."""

    def __init__(self, directory: Path, *options: str, tls: bool = False) -> None:
        """`options` as on redis-server's command line, without the dashes: `maxmemory-policy allkeys-lru`."""
        self._directory = directory
        self._options = [word for option in options for word in f"--{option}".split(" ")]
        self.port = _free_port()
        self._ports = ["--port", "0", "--tls-port", str(self.port)] if tls else ["--port", str(self.port)]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Return when it accepts connections."""
        words = ["--bind", "127.0.0.1", *self._ports, "--dir", str(self._directory), "--save", ""]
        durable = ["--appendonly", "yes", "--appendfsync", "always"]
        self._process = subprocess.Popen(
            ["redis-server", *words, *durable, *self._options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert self._process.stdout is not None
        said = []
        for line in self._process.stdout:
            said.append(line)
            if _READY in line:
                return
        raise AssertionError(b"".join(said).decode(errors="replace"))

    def kill(self) -> None:
        """As a power cut would, but for the disk's cache."""
        if self._process is not None:
            assert self._process.stdout is not None
            self._process.kill()
            self._process.wait()
            self._process.stdout.close()
            self._process = None

    def pause(self) -> None:
        """It keeps its connections and answers nobody."""
        self._send(signal.SIGSTOP)

    def go_on(self) -> None:
        """After `pause`: it answers what it was asked meanwhile."""
        self._send(signal.SIGCONT)

    def settings(self, **more: Any) -> RedisSettings:
        """How it is reached."""
        return RedisSettings.model_validate({"kind": "redis", "url": f"redis://127.0.0.1:{self.port}", **more})

    def _send(self, signal_number: int) -> None:
        assert self._process is not None
        os.kill(self._process.pid, signal_number)


def _free_port() -> int:
    """Below those that the system gives to clients (32768 and up), so that it is still free at a restart."""
    for port in random.sample(range(20_000, 32_000), 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("a hundred ports are taken")
