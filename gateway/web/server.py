"""HTTP for the published services: what reaches a service is one POST with a bounded SOAP body, and nothing else does.

Refusals and challenges of this layer have empty bodies: they repeat nothing of the request and tell nothing of the
inside.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

import structlog
from aiohttp import web

from gateway.call import Call
from gateway.errors import GatewayError, RateLimited, StateUnavailable
from gateway.telemetry import HttpRefusalReason, Metrics
from gateway.web.connection import Connection
from gateway.web.limits import LimitSettings
from gateway.web.negotiate import NEGOTIATE, negotiate_credential
from gateway.web.paths import find_service
from gateway.web.reply import PublishedService, Reply

__all__ = ("HttpRefusal", "HttpServer", "LimitSettings")

log = structlog.get_logger()

_LINGER_SECONDS = 5.0
"""For a client that is still sending a body that was refused: closing at once would reset the connection, and it might
never read why. nginx's lingering_timeout."""

_STATUS: Mapping[HttpRefusalReason, int] = {
    HttpRefusalReason.BAD_REQUEST: 400,
    HttpRefusalReason.HEADER_TIMEOUT: 408,
    HttpRefusalReason.UNKNOWN_PATH: 404,
    HttpRefusalReason.METHOD_NOT_ALLOWED: 405,
    HttpRefusalReason.EXPECTATION_FAILED: 417,
    HttpRefusalReason.UNSUPPORTED_MEDIA_TYPE: 415,
    HttpRefusalReason.UNSUPPORTED_CONTENT_ENCODING: 415,
    HttpRefusalReason.BODY_MISSING: 400,
    HttpRefusalReason.BODY_INCOMPLETE: 400,
    HttpRefusalReason.BODY_TOO_LARGE: 413,
    HttpRefusalReason.BODY_TIMEOUT: 408,
    # RFC 6585 4.
    HttpRefusalReason.RATE_LIMITED: 429,
    HttpRefusalReason.STATE_UNAVAILABLE: 503,
    HttpRefusalReason.INTERNAL: 500,
}

_PROBES = frozenset({"GET", "HEAD"})
"""Windows' clients may ask whether the URL is there; a page of HTML would be WS_E_INVALID_FORMAT to them."""
_ALLOW = "GET, HEAD, POST"
_MEDIA_TYPE = "application/soap+xml"
_CHARSETS = frozenset({"utf-8", "utf-16"})
"""What every XML processor must read (XML 1.0 4.3.3), and all that SOAP 1.2 clients send."""


@dataclass(frozen=True, slots=True)
class HttpRefusal:
    """A request that no service has seen, for the audit record."""

    call_id: str
    """As sent to the client in X-Call-Id."""
    received_at: datetime
    """Aware, UTC."""
    peer: str
    service: str | None
    """None where the path is not a service's."""
    reason: HttpRefusalReason
    status: int
    """As sent, but for HEADER_TIMEOUT, where there is no request to reply to, and for what floods a connection."""


Admit = Callable[[str], Awaitable[None]]
"""Spends a request of an address. Raises RateLimited, and StateUnavailable."""


class _Refused(Exception):
    """A request stops here."""

    def __init__(self, reason: HttpRefusalReason, retry_after: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


@dataclass(slots=True)
class _Arrival:
    """A request that came in, as far as it is known."""

    call_id: str
    received_at: datetime
    peer: str
    service: PublishedService | None = None


class HttpServer:
    """Serves the requests of any number of connections. To be made inside the running event loop."""

    def __init__(
        self,
        services: Callable[[], Sequence[PublishedService]],
        limits: LimitSettings,
        metrics: Metrics,
        on_refusal: Callable[[HttpRefusal], None],
        admit: Admit,
    ) -> None:
        self._services = services
        self._limits = limits
        self._metrics = metrics
        self._on_refusal = on_refusal
        self._admit = admit
        self._aiohttp = web.Server(self._serve)

    def connection(self, peer: str) -> Connection:
        """The protocol for one accepted client; `peer` is the canonical text of its address."""
        return Connection(self._aiohttp, self._limits, peer, self)

    # --- one request ------------------------------------------------------------------------------------------------

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        connection = request.protocol
        assert isinstance(connection, Connection)
        with connection.serving(request):
            arrival = _arrival(connection.peer)
            try:
                response = await self._respond(request, connection, arrival)
            except _Refused as refused:
                response = self._refusal(arrival, refused.reason, refused.retry_after)
            is_read = request.content.is_eof()
            if connection.draining or not is_read:
                response.force_close()
            await self._send(request, connection, response)
            if not is_read and response.status != 408:
                await _discard(request)
        return response

    async def _respond(self, request: web.BaseRequest, connection: Connection, arrival: _Arrival) -> web.Response:
        objection = await self._objection(arrival.peer)
        arrival.service = service = find_service(
            (published for published in self._services() if connection.is_served(published.host)), request.raw_path
        )
        if objection is not None and (service is None or request.method in _PROBES):
            raise self._without_fault(arrival, objection)
        if service is None:
            raise _Refused(HttpRefusalReason.UNKNOWN_PATH)
        if request.method in _PROBES:
            return web.Response(headers=_headers(arrival.call_id))
        _check_header(request)
        # Also where a challenge is the answer: an unread body would cost the connection, and cepces, which takes the
        # channel binding from the connection that challenged it, then gives up without a word.
        body = await self._read(request)
        negotiate = negotiate_credential(request.headers.getall("Authorization", ())) if service.negotiate else None
        if service.negotiate and negotiate is None and objection is None:
            self._metrics.challenged(service.name)
            return web.Response(status=401, headers=_headers(arrival.call_id) | {"WWW-Authenticate": NEGOTIATE})
        if not body and objection is None:
            raise _Refused(HttpRefusalReason.BODY_MISSING)
        call = Call(
            call_id=arrival.call_id,
            received_at=arrival.received_at,
            peer=arrival.peer,
            service=service.name,
            client_certificate=connection.client_certificate,
            negotiate=negotiate,
            channel_bindings=connection.channel_bindings,
            body=body,
        )
        try:
            if objection is not None:
                return _response(await service.refuse(call, objection), call.call_id)
            reply = await connection.answer(service, call)
        except Exception as error:
            log.exception("a service raised", call_id=call.call_id, service=service.name)
            raise _Refused(HttpRefusalReason.INTERNAL) from error
        return _response(reply, call.call_id)

    async def _objection(self, peer: str) -> GatewayError | None:
        """Why this address gets no answer now; it is told where there can be a fault, when the body is read."""
        try:
            await self._admit(peer)
        except (RateLimited, StateUnavailable) as error:
            return error
        return None

    def _without_fault(self, arrival: _Arrival, objection: GatewayError) -> _Refused:
        if isinstance(objection, RateLimited):
            service = arrival.service.name if arrival.service else ""
            self._metrics.rate_limited(service, objection.limit)
            return _Refused(HttpRefusalReason.RATE_LIMITED, objection.retry_after)
        return _Refused(HttpRefusalReason.STATE_UNAVAILABLE)

    async def _read(self, request: web.BaseRequest) -> bytes:
        """The body, never more than the limit of it; it may be empty."""
        if (request.content_length or 0) > self._limits.max_body_bytes:
            raise _Refused(HttpRefusalReason.BODY_TOO_LARGE)
        body = bytearray()
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                await _continue(request)
                while chunk := await request.content.readany():
                    if len(body) + len(chunk) > self._limits.max_body_bytes:
                        raise _Refused(HttpRefusalReason.BODY_TOO_LARGE)
                    body += chunk
        except TimeoutError as error:
            raise _Refused(HttpRefusalReason.BODY_TIMEOUT) from error
        # What aiohttp raises for a bad chunk, for a client that is gone, and for one that was gone before.
        except (web.RequestPayloadError, OSError, RuntimeError) as error:
            raise _Refused(HttpRefusalReason.BODY_INCOMPLETE) from error
        return bytes(body)

    async def _send(self, request: web.BaseRequest, connection: Connection, response: web.StreamResponse) -> None:
        """Send it here, where there can be a deadline: aiohttp has none, and finds nothing left to do afterwards."""
        try:
            async with asyncio.timeout(self._limits.write_seconds):
                await response.prepare(request)
                await response.write_eof()
        except TimeoutError:
            connection.abort()
        except ConnectionError:
            # The client is gone; aiohttp notices too and ends the connection.
            pass

    # --- refusals ---------------------------------------------------------------------------------------------------

    def malformed(self, peer: str) -> web.Response:
        """The reply to what is not HTTP."""
        return self._refusal(_arrival(peer), HttpRefusalReason.BAD_REQUEST)

    def failed(self, peer: str, error: BaseException | None) -> web.Response:
        """The reply to a request that this class could not cope with."""
        arrival = _arrival(peer)
        log.error("unforeseen error in the HTTP server", call_id=arrival.call_id, exc_info=error)
        return self._refusal(arrival, HttpRefusalReason.INTERNAL)

    def silent(self, peer: str) -> None:
        """Take note of a connection that is closed because no request came."""
        self._report(_arrival(peer), HttpRefusalReason.HEADER_TIMEOUT)

    def flooding(self, peer: str) -> None:
        """Take note of a connection that is closed because more came than can be served."""
        self._report(_arrival(peer), HttpRefusalReason.BAD_REQUEST)

    def _refusal(self, arrival: _Arrival, reason: HttpRefusalReason, retry_after: int | None = None) -> web.Response:
        self._report(arrival, reason)
        response = web.Response(status=_STATUS[reason], headers=_headers(arrival.call_id))
        if reason is HttpRefusalReason.METHOD_NOT_ALLOWED:
            response.headers["Allow"] = _ALLOW
        if retry_after is not None:
            response.headers["Retry-After"] = str(retry_after)
        return response

    def _report(self, arrival: _Arrival, reason: HttpRefusalReason) -> None:
        self._metrics.refused(reason)
        service = arrival.service.name if arrival.service else None
        refusal = HttpRefusal(
            arrival.call_id, arrival.received_at, arrival.peer, service, reason, status=_STATUS[reason]
        )
        self._on_refusal(refusal)


def _arrival(peer: str) -> _Arrival:
    return _Arrival(str(uuid4()), datetime.now(UTC), peer)


def _check_header(request: web.BaseRequest) -> None:
    if request.method != "POST":
        raise _Refused(HttpRefusalReason.METHOD_NOT_ALLOWED)
    if request.headers.get("Expect", "100-continue").lower() != "100-continue":
        raise _Refused(HttpRefusalReason.EXPECTATION_FAILED)
    # The action parameter of SOAP 1.2 is tolerated and not used: WS-Addressing says it in the message.
    if request.content_type != _MEDIA_TYPE or (request.charset or "utf-8").lower() not in _CHARSETS:
        raise _Refused(HttpRefusalReason.UNSUPPORTED_MEDIA_TYPE)
    codings = (request.headers.get("Content-Encoding", "identity"), request.headers.get("Transfer-Encoding", "chunked"))
    if tuple(map(str.lower, codings)) != ("identity", "chunked"):
        raise _Refused(HttpRefusalReason.UNSUPPORTED_CONTENT_ENCODING)


async def _continue(request: web.BaseRequest) -> None:
    """RFC 9110 10.1.1: invite the body, now that nothing else speaks against it. .NET's WCF clients wait for that."""
    if "Expect" in request.headers and request.version >= (1, 1) and not request.content.is_eof():
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")


async def _discard(request: web.BaseRequest) -> None:
    with suppress(web.RequestPayloadError, OSError, RuntimeError):
        async with asyncio.timeout(_LINGER_SECONDS):
            while await request.content.readany():
                pass


def _headers(call_id: str) -> dict[str, str]:
    return {
        "Server": "ces-gateway",
        "X-Call-Id": call_id,
        "Cache-Control": "no-store",
        "Strict-Transport-Security": "max-age=31536000",
    }


def _response(reply: Reply, call_id: str) -> web.Response:
    headers = _headers(call_id) | {"Content-Type": f"{_MEDIA_TYPE}; charset=utf-8"}
    if reply.retry_after is not None:
        headers["Retry-After"] = str(reply.retry_after)
    if reply.www_authenticate is not None:
        headers["WWW-Authenticate"] = reply.www_authenticate
    return web.Response(status=reply.status, body=reply.body, headers=headers)
