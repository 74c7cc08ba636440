"""A gate before a domain's KDC: while it is not open, requests arrive and wait. Nothing of it is left behind."""

import asyncio
import contextlib
from types import TracebackType
from typing import Self

from gateway.lab.domain import Domain


class Gate:
    def __init__(self, domain: Domain) -> None:
        self._domain = domain
        self._serving: set[asyncio.Task[None]] = set()
        self.arrived = asyncio.Semaphore(0)
        """Released with each request."""
        self.waiting = asyncio.Semaphore(0)
        """Released with each one that has to wait."""
        self.open = asyncio.Event()
        self.open.set()

    @property
    def address(self) -> str:
        host, port = self._server.sockets[0].getsockname()
        return f"{host}:{port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.close()
        # Whoever waits goes on, and ends.
        self.open.set()
        await asyncio.gather(*self._serving)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await _framed(reader)
            self.arrived.release()
            if not self.open.is_set():
                self.waiting.release()
            await self.open.wait()
            there, to_it = await asyncio.open_connection(self._domain.address, 88)
            to_it.write(request)
            writer.write(await _framed(there))
            await _close(to_it)
        except (EOFError, OSError):
            pass
        finally:
            await _close(writer)


async def _framed(reader: asyncio.StreamReader) -> bytes:
    length = await reader.readexactly(4)
    return length + await reader.readexactly(int.from_bytes(length))


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
