"""The gateway's outside for tests: a listener that runs, with a service of the test's choice, and clients of bytes."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from gateway.call import Call
from gateway.errors import GatewayError, RateLimited
from gateway.telemetry import HandshakeFailure, Metrics
from gateway.web.connection import Connection
from gateway.web.limits import LimitSettings
from gateway.web.listener import Listener
from gateway.web.reply import PublishedService, Reply
from gateway.web.server import Admit, HttpRefusal, HttpServer
from gateway.web.tls import ClientCertificates, ListenerSettings, load_contexts
from tests.certificates import Authority, KeyPair, a_server_certificate

PATH = "/Fabrikam%20Issuing%20CA_CES_Certificate/service.svc/CES"
DECODED_PATH = "/Fabrikam Issuing CA_CES_Certificate/service.svc/CES"

Answer = Callable[[Call], Awaitable[Reply]]


@dataclass
class Outside:
    """A listener that runs, and everything it reported."""

    authority: Authority
    metrics: Metrics
    listener: Listener
    refusals: list[HttpRefusal] = field(default_factory=list)
    failures: asyncio.Queue[tuple[str, str, HandshakeFailure, str]] = field(default_factory=asyncio.Queue)
    calls: list[Call] = field(default_factory=list)
    clients: "list[Client]" = field(default_factory=list)

    def client_context(
        self, certificate: KeyPair | None = None, version: ssl.TLSVersion | None = None
    ) -> ssl.SSLContext:
        """A client that trusts the server's authority."""
        context = ssl.create_default_context(cafile=str(self.authority.certificate_path))
        if version is not None:
            context.minimum_version = context.maximum_version = version
        if certificate is not None:
            context.load_cert_chain(certificate.certificate_path, certificate.key_path)
        return context

    async def connect(
        self,
        certificate: KeyPair | None = None,
        *,
        server_name: str = "localhost",
        version: ssl.TLSVersion | None = None,
    ) -> "Client":
        """A TLS connection. In TLS 1.3 the server may still refuse it: the first read tells."""
        return await self._connect(ssl=self.client_context(certificate, version), server_hostname=server_name)

    async def connect_tcp(self) -> "Client":
        """A bare TCP connection."""
        return await self._connect()

    async def _connect(self, **tls: Any) -> "Client":
        client = Client(*await asyncio.open_connection("127.0.0.1", self.listener.port, **tls))
        self.clients.append(client)
        return client

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let the loop turn until something is so that nobody announces."""
        while not condition():  # noqa: ASYNC110 -- what sockets do sets no event
            await asyncio.sleep(0)

    async def until_open(self, connections: int) -> None:
        """Let the loop turn until so many connections are open."""
        await self.until(lambda: self.sample("ces_gateway_connections", listener=self.listener.name) == connections)

    def sample(self, name: str, **labels: str) -> float:
        """The value of one metric."""
        wanted = name + ("{" + ",".join(f'{key}="{value}"' for key, value in labels.items()) + "}" if labels else "")
        lines = dict(line.rsplit(" ", 1) for line in self.metrics.render().decode().splitlines() if line[:1] != "#")
        return float(lines[wanted])


@dataclass
class HttpReply:
    """What a client received."""

    status: int
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes


@dataclass
class Client:
    """One connection, in bytes."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        """Send as it is."""
        self.writer.write(data)
        await self.writer.drain()

    async def reply(self) -> HttpReply:
        """The next reply; without a Content-Length it has no body."""
        status_line, *lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("ascii").rstrip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return HttpReply(int(status_line.split()[1]), headers, body)

    async def ask(self, data: bytes) -> HttpReply:
        """Send a request and return the reply."""
        await self.send(data)
        return await self.reply()

    async def is_closed(self) -> bool:
        """True as soon as the server closes; False where it sends something first."""
        try:
            return await self.reader.read(1) == b""
        except (ConnectionError, ssl.SSLError):
            return True

    async def close(self) -> None:
        """Hang up."""
        self.writer.transport.abort()
        with suppress(OSError):
            await self.writer.wait_closed()


def a_request(
    body: bytes = b"<s:Envelope/>",
    *,
    method: str = "POST",
    path: str = PATH,
    content_type: str | None = "application/soap+xml; charset=utf-8",
    headers: Sequence[str] = (),
    version: str = "HTTP/1.1",
) -> bytes:
    """A request as WWSAPI sends it, but for what the test says."""
    lines = [f"{method} {path} {version}", "Host: localhost", *headers]
    if content_type is not None:
        lines.append(f"Content-Type: {content_type}")
    if method == "POST" and not any(line.lower().startswith(("content-length", "transfer-encoding")) for line in lines):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + (body if method == "POST" else b"")


async def answer_ok(_call: Call) -> Reply:
    """The service that most tests publish."""
    return Reply(200, b"<ok/>")


class _HttpServer(HttpServer):
    """Told where its clients come from."""

    peers: Iterator[str]

    def connection(self, peer: str) -> Connection:
        return super().connection(next(self.peers, peer))


async def admit_everybody(_peer: str) -> None:
    """No address has used up anything."""


@asynccontextmanager
async def running(
    authority: Authority,
    *,
    answer: Answer = answer_ok,
    limits: LimitSettings | None = None,
    negotiate: bool = False,
    admit: Admit = admit_everybody,
    peers: Iterable[str] = (),
    **settings: Any,
) -> AsyncIterator[Outside]:
    """A listener on a free port of 127.0.0.1, publishing one service at `PATH` under every name.

    `peers` are where the first clients come from, instead of 127.0.0.1. Without other `settings` it has a certificate
    for localhost and does not ask for client certificates.
    """
    limits = limits or LimitSettings()
    metrics = Metrics(services=["ces-partner"], listeners=["127.0.0.1:0"])
    if "certificate" not in settings:
        server = a_server_certificate(authority)
        settings |= {"certificate": server.certificate_path, "key": server.key_path}
    if settings.get("client_certificates", ClientCertificates.NONE) is not ClientCertificates.NONE:
        settings.setdefault("client_trust", authority.certificate_path)
    listener_settings = ListenerSettings(address="127.0.0.1", port=0, **settings)
    outside: Outside

    async def record_and_answer(call: Call) -> Reply:
        outside.calls.append(call)
        return await answer(call)

    async def refuse_call(_call: Call, error: GatewayError) -> Reply:
        return Reply(500, type(error).__name__.encode(), error.retry_after if isinstance(error, RateLimited) else None)

    def refuse(refusal: HttpRefusal) -> None:
        outside.refusals.append(refusal)

    # At the listener's own name, and at each that has settings of its own.
    hosts = {"default.partner.example", *settings.get("server_names", {})}
    services = [
        PublishedService("ces-partner", DECODED_PATH, host, record_and_answer, refuse_call, negotiate) for host in hosts
    ]
    http_server = _HttpServer(lambda: services, limits, metrics, refuse, admit)
    http_server.peers = iter(peers)
    listener = Listener(
        listener_settings,
        load_contexts(listener_settings),
        http_server,
        limits,
        metrics,
        lambda *failure: outside.failures.put_nowait(failure),
    )
    outside = Outside(authority, metrics, listener)
    await listener.start()
    try:
        yield outside
    finally:
        await listener.stop(drain_seconds=0.01)
        for client in outside.clients:
            await client.close()
