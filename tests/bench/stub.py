"""The internal CES of the benchmark: `python -m tests.bench.stub PORT DIRECTORY`.

It does just what nginx cannot: it puts the request's MessageID into the answer. All servers under test have this one
stub behind them, in a process of its own whose CPU time is not counted. Connections are kept open.
"""

import asyncio
import re
import ssl
import sys
from pathlib import Path

from tests.bench.world import UPSTREAM, World

_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
_MESSAGE_ID = re.compile(rb"MessageID[^>]*>\s*([^<\s]+)")


class Stub(asyncio.Protocol):
    """One connection: requests with a Content-Length, one after the other."""

    def __init__(self, answer: str) -> None:
        self._before, self._after = map(str.encode, answer.split("{relates_to}"))
        self._received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._end_of_request()) is not None:
            self._transport.write(self._answer_to(bytes(self._received[:end])))
            del self._received[:end]

    def _end_of_request(self) -> int | None:
        head = self._received.find(b"\r\n\r\n")
        if head < 0:
            return None
        length = _CONTENT_LENGTH.search(self._received, 0, head)
        end = head + 4 + (int(length.group(1)) if length else 0)
        return end if len(self._received) >= end else None

    def _answer_to(self, request: bytes) -> bytes:
        message_id = _MESSAGE_ID.search(request)
        body = self._before + (message_id.group(1) if message_id else b"") + self._after
        return (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml; charset=utf-8\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body)
        ) + body


def tls(world: World) -> ssl.SSLContext:
    """A client certificate is taken where one is shown: the gateway shows its own, nginx has none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(world.certificate(UPSTREAM), world.key(UPSTREAM))
    context.load_verify_locations(world.trust)
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


async def serve(port: int, world: World) -> None:
    answer = world.answer.read_text()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Stub(answer), "127.0.0.1", port, ssl=tls(world), backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), World(Path(sys.argv[2]))))
