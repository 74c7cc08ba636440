"""TLS handshakes: carried out by asyncio, with a deadline; those that fail end in an alert and have a reason."""

import asyncio
import socket
import ssl
from contextlib import suppress
from functools import partial

from gateway.telemetry import HandshakeFailure
from gateway.web.client_hello import ServerNameReader
from gateway.web.connection import Connection
from gateway.web.limits import LimitSettings
from gateway.web.tls import HandshakeRefused, ListenerContexts

_ALERT_SECONDS = 2.0
"""For the client to read its alert: closing at once would reset the connection where more of it is under way."""

_CLOSE_SECONDS = 5.0
"""For the last bytes of an answer to leave a connection that was closed. asyncio gives 30 s to a client that does not
read."""

_SERVER_CERTIFICATE_ALERTS = frozenset(
    {
        "TLSV1_ALERT_UNKNOWN_CA",
        "SSLV3_ALERT_BAD_CERTIFICATE",
        "SSLV3_ALERT_CERTIFICATE_EXPIRED",
        "SSLV3_ALERT_CERTIFICATE_REVOKED",
        "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
        "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
    }
)
_NOT_TLS = frozenset({"HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL"})
_OUT_OF_VALIDITY = frozenset({9, 10})
"""X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED."""


class TlsAcceptor:
    """Turns accepted sockets into HTTP connections over TLS."""

    def __init__(self, limits: LimitSettings) -> None:
        self._limits = limits
        self._server_names = ServerNameReader()

    async def accept(self, client: socket.socket, contexts: ListenerContexts, connection: Connection) -> None:
        """Make `connection` the protocol of `client`, over TLS. Raises OSError; `handshake_failure` understands it."""
        # asyncio closes `client` before the exception arrives: the alert takes a second descriptor of the connection.
        spare = client.dup()
        try:
            async with asyncio.timeout(self._limits.handshake_seconds):
                await self._accept(client, contexts, connection)
        except BaseException as error:
            # Where the deadline came in the very moment of success, no request may be served any more.
            connection.force_close()
            if isinstance(error, HandshakeRefused) and error.alert:
                await _send_alert(spare, error.alert)
            raise
        finally:
            spare.close()

    async def _accept(self, client: socket.socket, contexts: ListenerContexts, connection: Connection) -> None:
        server_name = await self._server_name(client) if contexts.by_server_name else None
        identity = contexts.for_server_name(server_name)
        connection.is_served = partial(contexts.is_served, server_name=server_name)
        connection.channel_bindings = identity.channel_bindings
        await asyncio.get_running_loop().connect_accepted_socket(
            lambda: connection,
            client,
            ssl=identity.context(),
            ssl_handshake_timeout=self._limits.handshake_seconds,
            ssl_shutdown_timeout=_CLOSE_SECONDS,
        )
        if not connection.established:
            raise ConnectionResetError("the connection was lost in the handshake")

    async def _server_name(self, client: socket.socket) -> str | None:
        try:
            return await self._server_names.read(client)
        except BaseException:
            # Later it is asyncio's to close, and only asyncio's: its selector must forget the descriptor first.
            client.close()
            raise


async def _send_alert(client: socket.socket, alert: bytes) -> None:
    loop = asyncio.get_running_loop()
    # OSError includes TimeoutError: a client that is gone, or does not listen, gets no alert.
    with suppress(OSError):
        async with asyncio.timeout(_ALERT_SECONDS):
            await loop.sock_sendall(client, alert)
            client.shutdown(socket.SHUT_WR)
            while await loop.sock_recv(client, 4096):
                pass


def handshake_failure(error: OSError) -> tuple[HandshakeFailure, str]:
    """Why a handshake failed: a word for metrics, and a sentence for the operator that quotes nothing of the client."""
    cause = error.__cause__ if isinstance(error, HandshakeRefused) else error
    match cause:
        case ssl.SSLCertVerificationError():
            expired = cause.verify_code in _OUT_OF_VALIDITY
            return (
                HandshakeFailure.CLIENT_CERTIFICATE_EXPIRED
                if expired
                else HandshakeFailure.CLIENT_CERTIFICATE_UNTRUSTED,
                cause.verify_message,
            )
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError():
            return HandshakeFailure.RESET, "the client closed the connection"
        case ssl.SSLError():
            return _by_reason(cause.reason or ""), cause.reason or "unknown"
        # asyncio's own deadline says ConnectionAbortedError.
        case TimeoutError() | ConnectionAbortedError():
            return HandshakeFailure.TIMEOUT, "the handshake took too long"
        case ConnectionError():
            return HandshakeFailure.RESET, "the client closed the connection"
        case _:
            return HandshakeFailure.OTHER, error.strerror or type(error).__name__


def _by_reason(reason: str) -> HandshakeFailure:
    if reason == "PEER_DID_NOT_RETURN_A_CERTIFICATE":
        return HandshakeFailure.CLIENT_CERTIFICATE_MISSING
    if reason in _SERVER_CERTIFICATE_ALERTS:
        return HandshakeFailure.SERVER_CERTIFICATE_REFUSED
    if reason in _NOT_TLS:
        return HandshakeFailure.NOT_TLS
    return HandshakeFailure.PROTOCOL
