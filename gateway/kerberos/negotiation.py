"""Tokens for internal services: SPNEGO with Kerberos inside (RFC 4559), and the proof that comes back.

pyspnego writes and reads them. It is given a cache with one ticket and nothing else: with a password it would fall back
to NTLM without a word. What it makes is read again before it leaves.
"""

from typing import Final

import spnego
from gssapi.raw import GSSError
from spnego.channel_bindings import GssChannelBindings
from spnego.exceptions import SpnegoError

from gateway.errors import (
    KerberosFailed,
    MutualAuthenticationFailed,
    NegotiateRefused,
    NegotiateTokenMalformed,
    TicketRefusedInside,
)
from gateway.kerberos.workers import Workers
from gateway.protocol.spnego import parse_kerberos_token, parse_neg_token_resp, rejection
from gateway.tickets import ServiceTicket


class Negotiation:
    """One authentication towards one service, over one connection. Made by `Negotiator.begin`."""

    def __init__(self, ticket: ServiceTicket, token: bytes, context: spnego.ContextProxy, workers: Workers) -> None:
        self.token: Final = token
        """What goes to the service, once."""
        self._service = ticket.service_principal_name
        self._context = context
        self._workers = workers

    async def finish(self, reply: bytes | None) -> None:
        """Verify what the service sent back (RFC 4120 3.2.5): only who holds the key of the SPN can have made it.

        Raises TicketRefusedInside if it rejects the ticket, MutualAuthenticationFailed if it proves nothing. Nothing
        else: the service has done by then what it was asked for.
        """
        if reply is None:
            raise MutualAuthenticationFailed(f"{self._service} has sent no token that proves its key")
        try:
            answer = parse_neg_token_resp(reply)
        except NegotiateTokenMalformed as error:
            raise MutualAuthenticationFailed(f"{self._service} has not proved its key: {error}") from error
        reason = rejection(answer)
        if reason is not None:
            raise TicketRefusedInside(f"{self._service} rejects the ticket: {reason}", sent=True)
        await self._workers.towards_inside(self._verify, reply)

    def _verify(self, reply: bytes) -> None:
        try:
            self._context.step(reply)
        except (SpnegoError, GSSError, ValueError) as error:
            raise MutualAuthenticationFailed(f"{self._service} has not proved its key: {error}") from error
        if not self._context.complete or not self._context.context_attr & spnego.ContextReq.mutual_auth:
            raise MutualAuthenticationFailed(f"{self._service} has not proved its key: it wants to go on negotiating")


class Negotiator:
    """Asks no KDC: the ticket is there."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers

    async def begin(self, ticket: ServiceTicket, channel_bindings: bytes | None) -> Negotiation:
        """A fresh token of the ticket: a service takes each one once.

        `channel_bindings` is the application data that binds it to a TLS connection (RFC 5929 4), None for plain HTTP.
        Raises KerberosFailed, e.g. for a ticket whose time is over.
        """
        token, context = await self._workers.towards_inside(_initiated, ticket, channel_bindings)
        return Negotiation(ticket, token, context, self._workers)


def _initiated(ticket: ServiceTicket, channel_bindings: bytes | None) -> tuple[bytes, spnego.ContextProxy]:
    service_principal_name, _, _ = ticket.service_principal_name.rpartition("@")
    service, _, host = service_principal_name.partition("/")
    bindings = None if channel_bindings is None else GssChannelBindings(application_data=channel_bindings)
    try:
        context = spnego.client(
            spnego.KerberosCCache(ticket.cache.name),
            hostname=host,
            service=service,
            protocol="negotiate",
            context_req=spnego.ContextReq.mutual_auth,
            channel_bindings=bindings,
        )
        token = context.step() or b""
    except (SpnegoError, GSSError) as error:
        raise KerberosFailed(
            f"no token can be made of the ticket for {ticket.service_principal_name}, which ends at {ticket.ends},"
            f" and which the library finds only if the host is written in lower case: {error}"
        ) from error
    _check_kerberos(token, ticket)
    return token, context


def _check_kerberos(token: bytes, ticket: ServiceTicket) -> None:
    """Whatever the library may do one day, nothing else leaves."""
    try:
        made = parse_kerberos_token(token)
    except NegotiateRefused as error:
        raise KerberosFailed(f"the token for {ticket.service_principal_name} is not sent: {error}") from error
    assert made.mech_type is not None, "pyspnego negotiates"
