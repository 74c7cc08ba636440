"""Kerberos in the HTTP header (RFC 4559): the client's ticket, its channel binding, and the account that it is of.

Each call brings its own token, and its connection is nobody's: what was proved in one call says nothing in the next.
"""

from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from gateway.account import Account
from gateway.authn.account_state import check_usable
from gateway.call import Call
from gateway.errors import (
    ChannelBindingsMissing,
    CredentialsMissing,
    KerberosFailed,
    NegotiateTokenMalformed,
    TicketNotAccepted,
)
from gateway.kerberos.accepted import Accepted
from gateway.protocol.soap import Envelope
from gateway.protocol.spnego import KerberosToken, parse_kerberos_token
from gateway.requester import Requester, Verifier


class ChannelBindings(StrEnum):
    """Whether tokens must be bound to the TLS connection that they come on (RFC 5929), in IIS "Extended Protection"."""

    REQUIRED = "required"
    WHEN_PRESENT = "when_present"
    """A token that is bound must be bound to the right certificate."""
    OFF = "off"
    """For TLS that ends before the gateway: clients bind to another certificate than the gateway's."""


class Acceptor(Protocol):
    """`gateway.kerberos.acceptor`, which is there only if Kerberos is installed."""

    async def accept(self, token: KerberosToken, channel_bindings: bytes | None, /) -> Accepted:
        """Raises NegotiateRefused and KerberosFailed, both by their kinds."""
        ...


class Directory(Protocol):
    """`gateway.directory.client`."""

    async def find_by_sid(self, sid: str, /) -> Account:
        """Raises UnknownUser and DirectoryUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class NegotiateAuthenticator:
    """Takes the requester from the Authorization header."""

    acceptor: Acceptor
    directory: Directory
    channel_bindings: ChannelBindings
    clock: Callable[[], datetime]

    async def __call__(self, call: Call, _envelope: Envelope) -> Requester:
        """Raises CredentialsMissing; NegotiateRefused by its kinds; what `check_usable` and the directory raise."""
        if call.negotiate is None:
            raise CredentialsMissing("the request has no Authorization: Negotiate")
        token = parse_kerberos_token(_decoded(call.negotiate))
        accepted = await self.acceptor.accept(token, self._bindings_of(call))
        if self.channel_bindings is ChannelBindings.REQUIRED and not accepted.evidence.channel_bound:
            raise ChannelBindingsMissing(f"{accepted.evidence.client} has not bound the token to the TLS connection")
        account = await self._account(accepted)
        now = self.clock()
        check_usable(account, now)
        return Requester(account.name, accepted.evidence, Verifier.KERBEROS, now, directory_account=account)

    def _bindings_of(self, call: Call) -> bytes | None:
        if self.channel_bindings is ChannelBindings.OFF:
            return None
        if self.channel_bindings is ChannelBindings.REQUIRED and call.channel_bindings is None:
            raise KerberosFailed(
                "the service requires channel bindings, and the certificate that the client was shown has none (they"
                " are undefined for Ed25519 and Ed448, RFC 5929 4.1): use an RSA or ECDSA certificate"
            )
        return call.channel_bindings

    async def _account(self, accepted: Accepted) -> Account:
        """By the SID, never by the name: that is what the client asked the KDC to call him, and without a PAC nothing
        says whose it is now. Any client can ask for a ticket without one (KERB-PA-PAC-REQUEST, [MS-KILE] 2.2.3).
        """
        if accepted.sid is None:
            raise TicketNotAccepted(
                f"the ticket of {accepted.evidence.client} has no PAC with a SID: the client has asked for none, or the"
                " domain's controllers lack the updates of November 2021 (KB5008380)"
            )
        return await self.directory.find_by_sid(accepted.sid)


def _decoded(text: str) -> bytes:
    """RFC 4559 4.2: base64, nothing else."""
    try:
        return b64decode(text, validate=True)
    except ValueError as error:
        raise NegotiateTokenMalformed(f"what stands behind Negotiate is not base64: {error}") from error
