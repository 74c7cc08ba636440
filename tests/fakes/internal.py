"""A scripted internal service on real TLS: it answers as it is told, and remembers what it was sent.

    async with FakeInternal(authority, replies(an_answer(...)), hangs_up) as fake: ...

Each request takes the next act of the script; the last act serves all that follow. `tests.fakes.messages` has bodies to
reply with.
"""

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import quote

from tests.certificates import Authority, KeyPair, a_server_certificate

HOST = "ces.corp.fabrikam.example"
"""The name of the inside. No DNS knows it: connect to `FakeInternal.address`."""

SOAP_12 = "application/soap+xml; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it arrived."""

    connection: int
    """Which TCP connection it came on, from 1."""
    target: str
    """As in the request line, percent-encoded."""
    headers: tuple[tuple[str, str], ...]
    """In their order, names as they came."""
    body: bytes
    client_certificate: bytes | None
    """DER, as of the request's arrival."""
    server_name: str | None
    """SNI."""

    @property
    def message_id(self) -> str:
        """wsa:MessageID; empty if there is none."""
        found = re.search(rb"MessageID[^>]*>\s*([^<\s]+)", self.body)
        return found[1].decode() if found else ""

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and the wire to answer on."""

    received: Received
    writer: asyncio.StreamWriter

    async def send(self, *parts: bytes) -> None:
        for part in parts:
            self.writer.write(part)
        await self.writer.drain()

    def ask_for_client_certificate(self) -> None:
        """As IIS does without clientcertnegotiation: after the request (TLS 1.3 post-handshake authentication)."""
        self.writer.get_extra_info("ssl_object").verify_client_post_handshake()


Act = Callable[[Exchange], Awaitable[None]]
"""What the service does with one request."""
Body = bytes | Callable[[Received], bytes]


class FakeInternal:
    """Listens on a free port of 127.0.0.1 while the `async with` block runs."""

    def __init__(
        self,
        authority: Authority,
        *script: Act,
        names: tuple[str, ...] = (HOST, "127.0.0.1"),
        path: str = "/Fabrikam Issuing CA 1_CES_UsernamePassword/service.svc/CES",
        trusts_clients_of: Authority | None = None,
        asks_late: bool = False,
    ) -> None:
        """`names` go into the TLS certificate. With `trusts_clients_of`, a client certificate of that authority is
        required in the handshake, or with `asks_late` not before an act asks for it.
        """
        self.trust = authority.certificate_path
        self.received: list[Received] = []
        self.connections = 0
        self._script = script
        self._path = quote(path)
        self._context = _server_context(a_server_certificate(authority, *names), trusts_clients_of, asks_late=asks_late)
        self._context.sni_callback = self._note_server_name
        self._server_names: dict[int, str | None] = {}
        self._open: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def address(self) -> str:
        """For `server_address`."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}{self._path}"

    async def drop_connections(self) -> None:
        """Close what is open, as a server does with idle connections; the other side knows of it when this returns."""
        for writer in tuple(self._open):
            writer.close()
            # TLS waits for the other side's close_notify.
            await writer.wait_closed()

    def _note_server_name(self, tls: ssl.SSLObject, server_name: str | None, _context: ssl.SSLContext) -> None:
        self._server_names[id(tls)] = server_name

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        connection = self.connections
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        self._open.add(writer)
        try:
            # Cancelled by __aexit__; asyncio's streams complain of a cancelled handler.
            with suppress(asyncio.IncompleteReadError, ConnectionError, ssl.SSLError, asyncio.CancelledError):
                while not writer.is_closing():
                    received = await _read_request(reader, writer, connection, self._server_names)
                    act = self._script[min(len(self.received), len(self._script) - 1)]
                    self.received.append(received)
                    await act(Exchange(received, writer))
        finally:
            self._serving.discard(task)
            self._open.discard(writer)
            writer.close()


async def _read_request(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int, server_names: dict[int, str | None]
) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    request_line, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
    headers = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in lines))
    length = next(int(value) for name, value in headers if name.lower() == "content-length")
    tls = writer.get_extra_info("ssl_object")
    return Received(
        connection=connection,
        target=request_line.split(" ")[1],
        headers=headers,
        body=await reader.readexactly(length),
        client_certificate=tls.getpeercert(binary_form=True),
        server_name=server_names.get(id(tls)),
    )


def _server_context(certificate: KeyPair, clients: Authority | None, *, asks_late: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate_path, certificate.key_path)
    if clients is not None:
        context.load_verify_locations(clients.certificate_path)
        context.verify_mode = ssl.CERT_REQUIRED
        context.post_handshake_auth = asks_late
    return context


# --- acts -----------------------------------------------------------------------------------------------------------


def replies(
    body: Body = b"", *, status: int = 200, content_type: str = SOAP_12, headers: tuple[tuple[str, str], ...] = ()
) -> Act:
    """A whole HTTP answer, on a connection that stays open."""

    async def act(exchange: Exchange) -> None:
        content = _content(body, exchange)
        await exchange.send(_head(status, content_type, (("Content-Length", str(len(content))), *headers)), content)

    return act


def replies_in_chunks(body: Body, *, size: int = 100) -> Act:
    """Transfer-Encoding: chunked, as WCF does with streamed answers."""

    async def act(exchange: Exchange) -> None:
        content = _content(body, exchange)
        chunks = (content[at : at + size] for at in range(0, len(content), size))
        await exchange.send(
            _head(200, SOAP_12, (("Transfer-Encoding", "chunked"),)),
            *(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks),
            b"0\r\n\r\n",
        )

    return act


def breaks_off(body: Body) -> Act:
    """Half of an answer."""

    async def act(exchange: Exchange) -> None:
        content = _content(body, exchange)
        await exchange.send(_head(200, SOAP_12, (("Content-Length", str(len(content))),)), content[: len(content) // 2])
        exchange.writer.close()

    return act


def stays_silent(until: asyncio.Event) -> Act:
    """No byte until the event is set; then the connection is closed."""

    async def act(exchange: Exchange) -> None:
        await until.wait()
        exchange.writer.close()

    return act


async def drips(exchange: Exchange) -> None:
    """An answer of one byte in ten milliseconds, for as long as somebody listens."""
    await exchange.send(_head(200, SOAP_12, (("Content-Length", "1000000"),)))
    while not exchange.writer.is_closing():
        await exchange.send(b" ")
        await asyncio.sleep(0.01)


def says(raw: bytes) -> Act:
    """Bytes that need not be HTTP; then the connection is closed."""

    async def act(exchange: Exchange) -> None:
        await exchange.send(raw)
        exchange.writer.close()

    return act


async def hangs_up(exchange: Exchange) -> None:
    """No byte, and the connection is closed."""
    exchange.writer.close()


async def resets(exchange: Exchange) -> None:
    """No byte, no TLS close_notify, a TCP reset."""
    exchange.writer.transport.abort()


def asks_for_client_certificate_then(act: Act) -> Act:
    """Post-handshake authentication while the answer is on its way. Needs `asks_late`."""

    async def asking(exchange: Exchange) -> None:
        exchange.ask_for_client_certificate()
        await act(exchange)

    return asking


def _content(body: Body, exchange: Exchange) -> bytes:
    return body if isinstance(body, bytes) else body(exchange.received)


def _head(status: int, content_type: str, headers: tuple[tuple[str, str], ...]) -> bytes:
    lines = [f"HTTP/1.1 {status} Scripted", f"Content-Type: {content_type}", "Server: Microsoft-IIS/10.0"]
    return "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers), "", ""]).encode("latin-1")
