"""User name and password in the message: wsse:UsernameToken (UsernameToken Profile 1.0).

Nonce and Created are not checked for replay: cepces sends the same pair twice, and its local time labelled as UTC. The
password travels inside TLS; whoever could replay the header could read the password in it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.account import Account
from gateway.authn.account_name import objection_to
from gateway.call import Call
from gateway.errors import CredentialsMissing, SecurityHeaderInvalid, UnknownUser
from gateway.protocol.security import Timestamp, UsernameToken
from gateway.protocol.soap import Envelope
from gateway.requester import Requester, Verifier
from gateway.tickets import TicketGrantingTicket

CLOCK_SKEW = timedelta(minutes=5)
"""How far the clocks of client and gateway may be apart: what WCF allows by default (MaxClockSkew)."""


@dataclass(frozen=True, slots=True)
class Verified:
    """Who a user name and password stand for."""

    account: str
    """`Requester.account`."""
    verified_by: Verifier
    evidence: UsernameToken | TicketGrantingTicket
    """What is left of them for the transition."""
    directory_account: Account | None = None
    """None where no directory was asked."""


Verify = Callable[[UsernameToken], Awaitable[Verified]]
"""Raises NotAuthenticated's, Overloaded, and KerberosFailed's where a KDC or a directory is asked."""


@dataclass(frozen=True, slots=True)
class UsernameTokenAuthenticator:
    """Takes the requester from the wsse:Security header."""

    verify: Verify
    clock: Callable[[], datetime]

    async def __call__(self, _call: Call, envelope: Envelope) -> Requester:
        """Raises CredentialsMissing, SecurityHeaderInvalid, and what `verify` raises."""
        security = envelope.security
        if security is None:
            raise CredentialsMissing("the message has no wsse:Security header")
        # Windows sends a Timestamp, cepces none.
        if security.timestamp is not None:
            _check_timestamp(security.timestamp, self.clock())
        token = security.username_token
        if token is None:
            raise CredentialsMissing("the wsse:Security header holds no UsernameToken")
        _check_complete(token)

        verified = await self.verify(token)
        return Requester(
            verified.account,
            verified.evidence,
            verified.verified_by,
            authenticated_at=self.clock(),
            directory_account=verified.directory_account,
        )


@dataclass(frozen=True, slots=True)
class InternalCesDecides:
    """No check here: the password is passed on, and the internal service accepts it or does not.

    Until it has, the account is a claim; `Requester.is_verified` says so, and no transition lends it another identity.
    """

    async def __call__(self, token: UsernameToken) -> Verified:
        return Verified(token.username, Verifier.INTERNAL_CES, token)


def _check_timestamp(timestamp: Timestamp, now: datetime) -> None:
    """WS-Security 1.0, 10: a message that is not valid yet, or no longer, is refused."""
    if timestamp.expires < timestamp.created:
        raise SecurityHeaderInvalid(
            f"the Timestamp expires ({timestamp.expires}) before it was created ({timestamp.created})"
        )
    if timestamp.created > now + CLOCK_SKEW:
        raise SecurityHeaderInvalid(
            f"the Timestamp was created at {timestamp.created}, here it is {now}: compare clocks"
        )
    if timestamp.expires < now - CLOCK_SKEW:
        raise SecurityHeaderInvalid(f"the Timestamp expired at {timestamp.expires}, here it is {now}: compare clocks")


def _check_complete(token: UsernameToken) -> None:
    if not token.username:
        raise CredentialsMissing("the UsernameToken has no user name")
    if not token.password.reveal():
        # Directories take a name with an empty password for an anonymous bind (RFC 4513 5.1.2), which succeeds.
        raise CredentialsMissing(f"user {token.username[:80]!r} sent no password")
    objection = objection_to(token.username)
    if objection is not None:
        raise UnknownUser(f"the user name {token.username[:80]!r} {objection}")
