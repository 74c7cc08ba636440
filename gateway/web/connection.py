"""One HTTP connection: aiohttp's, with a deadline for its first request, and an answer that outlives its client."""

import asyncio
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from aiohttp import web

from gateway.call import Call
from gateway.web.limits import LimitSettings
from gateway.web.reply import PublishedService, Reply

# A SOAP client sends a dozen header fields, the longest a few hundred bytes, but for one: the Kerberos ticket of a user
# in many groups, up to 48,000 bytes (MaxTokenSize, KB327825), in base64. http.sys takes 65,534 bytes in a field at the
# most (MaxFieldLength), so that no internal service could take a longer one either.
_MAX_FIELDS = 32
_MAX_FIELD_SIZE = 65_534
_MAX_LINE_SIZE = 4096
_READ_BUFFER = 8192
_MAX_UNSERVED = 160 * 1024
"""Bytes beside the body of the request that is being served: the header of the next one, and whatever aiohttp has
parsed ahead (up to 32 requests, with all their fields). It is what a client that nobody knows yet can have the gateway
keep, twice (as bytes and as text). One ticket, 16 KiB of other fields (all that IIS takes), and what else comes in two
reads of TLS: a body's beginning counts until its request is taken up."""


class ConnectionOwner(Protocol):
    """What `HttpServer` does for its connections beside serving requests."""

    def malformed(self, peer: str) -> web.Response:
        """The reply to what is not HTTP."""
        ...

    def failed(self, peer: str, error: BaseException | None) -> web.Response:
        """The reply where the server itself has an error."""
        ...

    def silent(self, peer: str) -> None:
        """Take note of a connection that is closed because no request came."""
        ...

    def flooding(self, peer: str) -> None:
        """Take note of a connection that is closed because more came than can be served."""
        ...


class Connection(web.RequestHandler):
    """The protocol that asyncio calls for one accepted client."""

    __slots__ = (
        "_answer",
        "_begun",
        "_draining",
        "_limits",
        "_owner",
        "_received",
        "_request",
        "_silence",
        "_transport",
        "channel_bindings",
        "client_certificate",
        "closed",
        "is_served",
        "peer",
    )

    def __init__(self, server: web.Server, limits: LimitSettings, peer: str, owner: ConnectionOwner) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(
            server,
            loop=loop,
            keepalive_timeout=limits.idle_seconds,
            access_log=None,  # type: ignore[arg-type] # how aiohttp's own runner is told not to log
            max_line_size=_MAX_LINE_SIZE,
            max_field_size=_MAX_FIELD_SIZE,
            max_headers=_MAX_FIELDS,
            read_bufsize=_READ_BUFFER,
            # A compressed body is refused; unpacking it first would be the attack itself.
            auto_decompress=False,
            # `HttpServer` reads what is left of a refused body: aiohttp would log a traceback for each client that
            # goes away meanwhile.
            lingering_time=0,
        )
        self.peer = peer
        """Canonical text of the client's address."""
        self.client_certificate: bytes | None = None
        """DER, as the handshake verified it."""
        self.channel_bindings: bytes | None = None
        """`tls-server-end-point` of the certificate that the handshake showed (RFC 5929 4)."""
        self.is_served: Callable[[str], bool] = lambda _host: True
        """Whether the services of a public host can be reached on this connection."""
        self.closed: asyncio.Future[None] = loop.create_future()
        """Done when the socket is closed."""
        self._limits = limits
        self._owner = owner
        self._transport: asyncio.Transport | None = None
        """aiohttp's own `transport` is gone as soon as closing begins."""
        self._silence: asyncio.TimerHandle | None = None
        self._begun = False
        self._request: web.BaseRequest | None = None
        """The one that is being served."""
        self._received = 0
        """Bytes, since nothing was waiting to be served."""
        self._draining = False
        self._answer: asyncio.Future[Reply] | None = None

    @property
    def established(self) -> bool:
        """Whether the handshake was completed, no matter what came after."""
        return self._transport is not None

    @property
    def draining(self) -> bool:
        """Whether the request that is being served is the connection's last."""
        return self._draining

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """As asyncio's."""
        super().connection_made(transport)
        self._transport = self.transport
        tls = transport.get_extra_info("ssl_object")
        if isinstance(tls, ssl.SSLObject):
            self.client_certificate = tls.getpeercert(binary_form=True)
        # aiohttp's keep-alive timer runs from here too, but has one time for a new connection and an idle one.
        self._silence = asyncio.get_running_loop().call_later(self._limits.header_seconds, self._close_if_silent)

    def connection_lost(self, exc: BaseException | None) -> None:
        """As asyncio's. An answer that is being prepared goes on."""
        super().connection_lost(exc)
        if self._silence is not None:
            self._silence.cancel()
        if not self.closed.done():
            self.closed.set_result(None)

    def data_received(self, data: bytes) -> None:
        """As asyncio's. aiohttp bounds each field and their number, not their sum, nor that of pipelined requests."""
        self._received += len(data)
        served = self._request.content.total_bytes if self._request is not None else 0
        if self._received - served > _MAX_UNSERVED:
            self._owner.flooding(self.peer)
            self.force_close()
            return
        super().data_received(data)

    def _close_if_silent(self) -> None:
        if self.connected and not self._begun:
            self._owner.silent(self.peer)
            self.force_close()

    @contextmanager
    def serving(self, request: web.BaseRequest) -> Iterator[None]:
        """While a request is being served."""
        self._begun = True
        self._request = request
        if not self._messages:
            self._received = request.content.total_bytes
        try:
            yield
        finally:
            self._received -= request.content.total_bytes
            self._request = None

    async def answer(self, service: PublishedService, call: Call) -> Reply:
        """Have the service answer, come what may.

        A task of its own: a submission to a CA must not be cut short because a client hung up, whatever happens to the
        task that serves the connection.
        """
        self._answer = asyncio.ensure_future(service.answer(call))
        return await asyncio.shield(self._answer)

    async def settled(self) -> None:
        """Return when the socket is closed and nothing is being answered any more."""
        await self.closed
        if self._answer is not None:
            await asyncio.wait([self._answer])

    def close_when_idle(self) -> None:
        """Close after the reply to the request that is being served, or at once if there is none."""
        self._draining = True
        if self._request is not None:
            self.close()
        else:
            self.force_close()

    def abort(self) -> None:
        """Close now, without sending what is buffered, and cancel the answer."""
        if self._transport is not None:
            self._transport.abort()
        if self._answer is not None:
            self._answer.cancel()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """As aiohttp's, whose replies quote the client and whose log entries are tracebacks."""
        del message
        self._begun = True
        response = self._owner.malformed(self.peer) if status == 400 else self._owner.failed(self.peer, exc)
        response.force_close()
        if request.writer.output_size > 0:
            raise ConnectionError("part of a reply is sent already")
        return response
