"""One listening socket: accepts within the limits, has TLS done, hands over to HTTP, and stops in good order.

It accepts by itself, because asyncio's server neither counts connections before their handshake, nor tells whose
handshake failed and why, nor lets the server name choose whether a client certificate is asked for.
"""

import asyncio
import socket
from asyncio.sslproto import SSLProtocol
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from gateway.telemetry import HandshakeFailure, Metrics
from gateway.web.handshake import TlsAcceptor, handshake_failure
from gateway.web.limits import Admission, LimitSettings, address_text
from gateway.web.server import HttpServer
from gateway.web.tls import ListenerContexts, ListenerSettings

if TYPE_CHECKING:
    from gateway.web.connection import Connection

log = structlog.get_logger()

_BACKLOG = 512
"""As nginx: what arrives while the loop is busy for a moment."""
_ACCEPTS_PER_TURN = 16
"""Of the loop: a flood of new connections must not starve those that are open."""
_ACCEPT_PAUSE_SECONDS = 0.1
"""When accept fails, mostly for want of file descriptors: trying again at once would spin."""
_CANCEL_SECONDS = 5.0
"""For cancelled answers to leave their line in the audit record."""
_TLS_READ_BUFFER = 32 * 1024
"""Two full TLS records."""

OnHandshakeFailure = Callable[[str, str, HandshakeFailure, str], None]
"""Called with peer, listener, reason and detail."""


class Listener:
    """One address and port. `start` it once, `stop` it once."""

    def __init__(  # noqa: PLR0917 -- parts of different types, put together in one place only
        self,
        settings: ListenerSettings,
        contexts: ListenerContexts,
        http_server: HttpServer,
        limits: LimitSettings,
        metrics: Metrics,
        on_handshake_failure: OnHandshakeFailure,
    ) -> None:
        self.name = settings.name
        """As in metrics and logs: the address as configured."""
        self.address = settings.address
        self.port = settings.port
        """The real one after `start`."""
        self._http_server = http_server
        self._metrics = metrics
        self._on_handshake_failure = on_handshake_failure
        self._admission = Admission(limits)
        self._tls = TlsAcceptor(limits)
        self._socket: socket.socket | None = None
        self._serving: dict[asyncio.Task[None], Connection | None] = {}
        """One task for each accepted client, with its connection once the handshake is done."""
        self.use(contexts)

    def use(self, contexts: ListenerContexts) -> None:
        """Take these certificates for handshakes to come, e.g. after a renewal; open connections keep theirs."""
        self._contexts = contexts
        self._metrics.server_certificate_expires(self.name, contexts.not_after)

    async def start(self) -> tuple[str, int]:
        """Bind and accept; the address and the port as they really are. Raises OSError if they are taken."""
        _use_small_tls_buffers()
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        self._socket = socket.create_server(
            (self.address, self.port), family=family, backlog=_BACKLOG, dualstack_ipv6=self.address == "::"
        )
        self._socket.setblocking(False)
        self.port = self._socket.getsockname()[1]
        self._resume_accepting()
        return self.address, self.port

    def is_accepting(self) -> bool:
        """Whether new clients are let in."""
        return self._socket is not None

    async def stop(self, drain_seconds: float) -> None:
        """Accept nothing more, let calls in progress finish for `drain_seconds`, then end what is left."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None
        for task, connection in self._serving.items():
            if connection is None:
                task.cancel()
            else:
                connection.close_when_idle()
        await self._wait_for_serving(drain_seconds)
        for connection in self._serving.values():
            if connection is not None:
                connection.abort()
        await self._wait_for_serving(_CANCEL_SECONDS)
        if self._serving:
            log.error("connections could not be ended", listener=self.name, count=len(self._serving))

    async def _wait_for_serving(self, seconds: float) -> None:
        if self._serving:
            await asyncio.wait(self._serving, timeout=seconds)

    def _resume_accepting(self) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().add_reader(self._socket, self._accept, self._socket)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(_ACCEPTS_PER_TURN):
            try:
                client, (host, *_) = listening.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:
                log.error("cannot accept connections", listener=self.name, error=str(error))
                loop = asyncio.get_running_loop()
                loop.remove_reader(listening)
                loop.call_later(_ACCEPT_PAUSE_SECONDS, self._resume_accepting)
                return
            self._admit(client, address_text(host))

    def _admit(self, client: socket.socket, peer: str) -> None:
        refusal = self._admission.admit(peer)
        if refusal is not None:
            self._metrics.connection_refused(self.name, refusal)
            client.close()
            return
        client.setblocking(False)
        task = asyncio.get_running_loop().create_task(self._serve(client, peer))
        self._serving[task] = None
        task.add_done_callback(self._serving.pop)

    async def _serve(self, client: socket.socket, peer: str) -> None:
        """A connection from accept to its end: that is when its answer is done, not when its client hangs up."""
        self._metrics.connection_opened(self.name)
        try:
            await self._serve_admitted(client, peer)
        finally:
            self._admission.leave(peer)
            self._metrics.connection_closed(self.name)

    async def _serve_admitted(self, client: socket.socket, peer: str) -> None:
        connection = self._http_server.connection(peer)
        try:
            await self._tls.accept(client, self._contexts, connection)
        except OSError as error:
            reason, detail = handshake_failure(error)
            self._metrics.handshake_failed(self.name, reason)
            self._on_handshake_failure(peer, self.name, reason, detail)
            return
        task = asyncio.current_task()
        assert task is not None
        self._serving[task] = connection
        await connection.settled()


def _use_small_tls_buffers() -> None:
    """Have asyncio read TLS in pieces of 32 KiB instead of 256.

    It allocates that much for each connection, whatever arrives: an idle one cost 290 KiB when it was measured, and 67
    like this. And each read allocates it again: a twentieth of the CPU of a connection with one request. The attribute
    is private, and the same since 3.11; where it is gone one day, setting it does nothing, and a test says so.
    """
    SSLProtocol.max_size = _TLS_READ_BUFFER
