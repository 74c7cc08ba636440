"""HTTP Negotiate towards the inside (RFC 4559), in one round trip: the token goes out with the first request.

One ticket, one connection, one exchange: the token is bound to the TLS certificate that this very connection showed
(RFC 5929), and the service has to prove that it could read the ticket before its answer is read.
"""

import ssl
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import aiohttp

from gateway.errors import GatewayError, MutualAuthenticationFailed, UpstreamUnavailable
from gateway.pki.channel_binding import tls_server_end_point
from gateway.tickets import ServiceTicket
from gateway.upstream.answer import HttpAnswer, Question, expect_soap, ticket_refused


class Negotiation(Protocol):
    """One authentication, as `gateway.kerberos.negotiation` does it."""

    @property
    def token(self) -> bytes:
        """What goes to the service."""
        ...

    async def finish(self, reply: bytes | None, /) -> None:
        """Raises MutualAuthenticationFailed, or TicketRefusedInside if the reply says so."""
        ...


class Negotiator(Protocol):
    """Makes tokens of tickets. SPNEGO with Kerberos in it, and nothing else: there is no way down to NTLM."""

    async def begin(self, ticket: ServiceTicket, channel_bindings: bytes | None, /) -> Negotiation:
        """Raises GatewayError."""
        ...


@dataclass(slots=True)
class Authorization:
    """One exchange's. A middleware of aiohttp's client: it goes with the request to where the connection is known."""

    negotiator: Negotiator
    ticket: ServiceTicket
    url: str
    negotiation: Negotiation | None = None
    """From when on there is a token. Before, nothing was sent."""

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        assert isinstance(request, NegotiateRequest)
        request.authorization = self
        return await handler(request)

    async def header(self, certificate: bytes) -> str:
        """For a connection on which the service has shown this certificate (DER). Raises UpstreamUnavailable."""
        try:
            channel_bindings = tls_server_end_point(certificate)
        except ValueError as error:
            raise UpstreamUnavailable(f"{self.url}: no token can be bound to its TLS: {error}", sent=False) from error
        self.negotiation = await self.negotiator.begin(self.ticket, channel_bindings)
        return f"Negotiate {b64encode(self.negotiation.token).decode()}"

    async def verify(self, answer: HttpAnswer, question: Question) -> None:
        """That whoever answered holds the key of the SPN.

        Raises TicketRefusedInside for a 401, MutualAuthenticationFailed, and what `expect_soap` raises: of an answer
        that is none, no proof is asked, and its status says more than the want of a proof.
        """
        assert self.negotiation is not None
        tokens = list(_reply_tokens(answer))
        if answer.status == 401:
            raise ticket_refused(question, f"{await self._objection(tokens)}{answer}")
        expect_soap(answer, question)
        if len(tokens) != 1:
            raise MutualAuthenticationFailed(
                f"{self.url} answered with {len(tokens)} Negotiate tokens instead of one that proves its key. Does the"
                " service look at the ticket (IIS with Anonymous enabled does not)? Is there something in between?"
            )
        await self.negotiation.finish(tokens[0])

    async def _objection(self, tokens: list[bytes]) -> str:
        """What the service itself says against the ticket: IIS may put a KRB-ERROR into the token."""
        assert self.negotiation is not None
        if len(tokens) != 1:
            return ""
        try:
            await self.negotiation.finish(tokens[0])
        except GatewayError as error:
            return f"{error}; it sent "
        return "it has accepted the ticket, but the account may not use the service; it sent "


class NegotiateRequest(aiohttp.ClientRequest):
    """A request that makes its Authorization header once it has a connection."""

    authorization: Authorization | None = None

    async def send(self, conn: aiohttp.connector.Connection) -> aiohttp.ClientResponse:
        """As aiohttp's own, whose `request_class` this is."""
        if self.authorization is not None:
            self.headers[aiohttp.hdrs.AUTHORIZATION] = await self.authorization.header(_certificate_of(conn))
        return await super().send(conn)


def _certificate_of(conn: aiohttp.connector.Connection) -> bytes:
    """DER of what the server showed; TLS has verified it."""
    assert conn.transport is not None
    tls = conn.transport.get_extra_info("ssl_object")
    assert isinstance(tls, ssl.SSLObject)
    certificate = tls.getpeercert(binary_form=True)
    assert certificate is not None
    return certificate


def _reply_tokens(answer: HttpAnswer) -> Iterator[bytes]:
    """RFC 4559 4.1: `WWW-Authenticate: Negotiate gssapi-data`.

    Challenges without data, or with such that is not base64, are none: nothing is proved by them.
    """
    for header in answer.www_authenticate:
        for challenge in header.split(","):
            scheme, _, data = challenge.strip().partition(" ")
            if scheme.lower() == "negotiate" and data:
                with suppress(ValueError):
                    yield b64decode(data.strip(), validate=True)
