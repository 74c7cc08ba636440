"""SOAP over HTTPS to one internal service.

A kept connection is one SoapClient's, and with it one identity's: the gateway's own, or nobody's where the message says
who asks. What goes with a ticket has a connection of its own, since the ticket's account may stick to it (IIS can be
told to: authPersistNonNTLM). It repeats nothing: a request that was lost may have been served.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Self
from uuid import uuid4

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from lxml import etree
from yarl import URL

from gateway.credential import Credential, KerberosCredential
from gateway.errors import TicketRefusedInside, UpstreamMisbehaved, UpstreamUnavailable
from gateway.protocol.security import UsernameToken
from gateway.protocol.soap import Envelope, render_envelope
from gateway.tickets import ServiceTicket
from gateway.upstream.answer import MEDIA_TYPE, HttpAnswer, Question, expect_challenge, read_answer
from gateway.upstream.negotiate import Authorization, NegotiateRequest, Negotiator
from gateway.upstream.settings import UpstreamSettings, parse_address
from gateway.upstream.tls import client_context

_KEEP_ALIVE_SECONDS = 15
"""Far below the 120 s after which IIS closes an idle connection: a request that meets the closing is lost, and is not
repeated. Long enough for a client's GetPolicies and the RequestSecurityToken that follows it."""

_HEADERS = {
    "Content-Type": f"{MEDIA_TYPE}; charset=utf-8",
    "User-Agent": "ces-gateway",
    # A compressed answer could grow beyond any limit on what was read.
    "Accept-Encoding": "identity",
}


class SoapClient:
    """Made inside the running event loop; `async with` closes its connections."""

    def __init__(
        self,
        settings: UpstreamSettings,
        clock: Callable[[], datetime],
        on_exchange: Callable[[float], None] = lambda _seconds: None,
        negotiator: Negotiator | None = None,
        on_refused: Callable[[ServiceTicket], None] = lambda _ticket: None,
    ) -> None:
        """`clock` gives the aware time, UTC; `on_exchange` is told how long each exchange took, failed ones too.

        With a `negotiator` it takes tickets, and `on_refused` is told of each one that the service does not let in.
        Raises Mistaken if a file of the settings cannot be used.
        """
        self._settings = settings
        self._clock = clock
        self._on_exchange = on_exchange
        self._negotiator = negotiator
        self._on_refused = on_refused
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                ssl=client_context(settings),
                resolver=_resolver(settings.server_address),
                limit=settings.max_connections,
                # No connection is kept where there are tickets, so that none can be another account's. It would save a
                # handshake only to an account that comes twice within seconds, and hardly any does.
                force_close=negotiator is not None,
                keepalive_timeout=_KEEP_ALIVE_SECONDS if negotiator is None else None,
            ),
            request_class=NegotiateRequest,
            headers=_HEADERS,
            skip_auto_headers=("Accept",),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(
                connect=settings.connect_seconds,
                sock_read=settings.answer_seconds,
                # Also bounds an answer that drips.
                total=settings.connect_seconds + settings.answer_seconds,
            ),
            # From the environment would come proxies, and passwords out of ~/.netrc.
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def exchange(
        self, action: str, body: etree._Element, credential: Credential, *, answer_action: str
    ) -> Envelope:
        """Send one message, and return the answer to it if it has `answer_action`.

        Raises CredentialsRefusedInside, or an UpstreamError: UpstreamRefused if the answer is a SOAP fault,
        TicketRefusedInside and MutualAuthenticationFailed with a ticket only.
        """
        question = Question(self._settings.url, f"urn:uuid:{uuid4()}", answer_action, credential)
        username_token = credential if isinstance(credential, UsernameToken) else None
        message = render_envelope(
            action,
            body,
            message_id=question.message_id,
            to=self._settings.url,
            username_token=username_token,
            timestamp_created=self._clock() if username_token else None,
        )
        if not isinstance(credential, KerberosCredential):
            return read_answer(await self._ask(message), question)

        assert self._negotiator is not None, "tickets are for services that were composed with a negotiator"
        authorization = Authorization(self._negotiator, credential.ticket, self._settings.url)
        answer = await self._ask(message, authorization)
        try:
            await authorization.verify(answer, question)
            return read_answer(answer, question)
        except TicketRefusedInside:
            self._on_refused(credential.ticket)
            raise

    async def knock(self, action: str, body: etree._Element) -> None:
        """Send one message without any credential, and see that the service asks for one: then it is there.

        Raises UpstreamUnavailable or UpstreamMisbehaved.
        """
        url = self._settings.url
        message = render_envelope(action, body, message_id=f"urn:uuid:{uuid4()}", to=url)
        expect_challenge(await self._post(message, None), url, by_negotiate=self._negotiator is not None)

    async def _ask(self, message: bytes, authorization: Authorization | None = None) -> HttpAnswer:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        try:
            return await self._post(message, authorization)
        finally:
            self._on_exchange(loop.time() - begun)

    async def _post(self, message: bytes, authorization: Authorization | None) -> HttpAnswer:
        """aiohttp repeats no POST on its own, and follows no redirect here."""
        url = self._settings.url
        try:
            async with self._session.post(
                # `encoded`: the path goes out as the administrator wrote it.
                URL(url, encoded=True),
                data=message,
                allow_redirects=False,
                middlewares=() if authorization is None else (authorization,),
            ) as response:
                return await self._read(response)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise UpstreamUnavailable(f"{url}: {self._no_connection(error)}", sent=False) from error
        except TimeoutError as error:
            if authorization is not None and authorization.negotiation is None:
                raise UpstreamUnavailable(
                    f"{url} was not asked: there was no token for it in time", sent=False
                ) from error
            seconds = self._settings.answer_seconds
            raise UpstreamUnavailable(f"{url} did not answer in full within {seconds:g} s", sent=True) from error
        except aiohttp.ClientResponseError as error:
            raise UpstreamMisbehaved(f"{url} did not answer with HTTP: {error.message[:120]!r}") from error
        except (aiohttp.ClientError, OSError) as error:
            # Among them a TLS 1.3 server that does not like the client certificate: it says so after the handshake.
            raise UpstreamUnavailable(f"{url} broke the connection off: {error!r:.200}", sent=True) from error

    async def _read(self, response: aiohttp.ClientResponse) -> HttpAnswer:
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > self._settings.max_answer_bytes:
                raise UpstreamMisbehaved(
                    f"{self._settings.url} answered HTTP {response.status} with more than max_answer_bytes,"
                    f" {self._settings.max_answer_bytes} bytes"
                )
        content_encoding = response.headers.get("Content-Encoding", "").strip().lower()
        www_authenticate = tuple(response.headers.getall("WWW-Authenticate", ()))
        return HttpAnswer(response.status, response.content_type, content_encoding, bytes(body), www_authenticate)

    def _no_connection(self, error: aiohttp.ClientConnectionError) -> str:
        match error:
            case aiohttp.ConnectionTimeoutError():
                return (
                    f"no connection within {self._settings.connect_seconds:g} s:"
                    f" no answer from the host, or all {self._settings.max_connections} connections are busy"
                )
            case aiohttp.ClientConnectorDNSError(os_error=cause):
                return f"the host's name is not known: {cause}; check DNS, or set server_address"
            case aiohttp.ClientConnectorCertificateError(certificate_error=ssl.SSLCertVerificationError() as cause):
                return (
                    f"the TLS certificate is not acceptable: {cause.verify_message};"
                    " check `trust`, and that the certificate has the name in `url`"
                )
            case aiohttp.ClientConnectorError(os_error=cause):
                return f"no connection: {cause}"
            case _:
                return f"no connection: {error!r:.200}"


def _resolver(server_address: str | None) -> AbstractResolver | None:
    return None if server_address is None else _FixedAddress(*parse_address(server_address))


class _FixedAddress(AbstractResolver):
    """Leads every name to one address: the name of the URL stays in SNI, in Host and in what TLS verifies."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._resolver = aiohttp.ThreadedResolver()

    async def resolve(
        self,
        host: str,
        port: int = 0,  # noqa: ARG002 -- the interface's
        family: socket.AddressFamily = socket.AF_INET,
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(self._host, self._port, family)
        return [{**address, "hostname": host} for address in found]

    async def close(self) -> None:
        await self._resolver.close()
