"""The transitions with Kerberos: the internal service sees a ticket, in the requester's name or in the gateway's.

Each one that acts in a requester's name begins with the guard: `gateway.kerberos` turns nothing but what the guard has
admitted into a ticket, and the cache is asked after the guard, so that what it keeps is no way around it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from gateway.account import Admitted
from gateway.credential import KerberosCredential
from gateway.errors import DelegationNotListed, EvidenceNotForwardable, TransitionFailed
from gateway.requester import Requester
from gateway.tickets import EvidenceTicket, ServiceTicket, TicketGrantingTicket
from gateway.transition.guard import Guard
from gateway.transition.own_rights import OwnRights
from gateway.transition.ticket_cache import TicketCache, TicketKey

PROTOCOL_TRANSITION = "protocol_transition"
CONSTRAINED_DELEGATION = "constrained_delegation"
USER_TICKET = "user_ticket"
OWN_ACCOUNT = "own_account"
"""The words of the configuration."""


class Delegation(Protocol):
    """What is asked of `gateway.kerberos.delegation`. Everything here raises KerberosFailed or TransitionFailed."""

    async def s4u(self, admitted: Admitted, spn: str, /) -> ServiceTicket:
        """Raises DelegationNotListed for KDC_ERR_BADOPTION, whatever it means."""
        ...

    async def s4u2proxy(self, evidence: EvidenceTicket, admitted: Admitted, spn: str, /) -> ServiceTicket:
        """Raises as `s4u` does."""
        ...

    async def user_ticket(self, tgt: TicketGrantingTicket, admitted: Admitted, spn: str, /) -> ServiceTicket: ...

    async def own_ticket(self, spn: str, /) -> ServiceTicket: ...


@dataclass(frozen=True, slots=True)
class ProtocolTransition:
    """S4U2self and S4U2proxy ([MS-SFU] 1.3.3): whoever the gateway has verified, by whatever protocol."""

    guard: Guard
    tickets: TicketCache
    delegation: Delegation
    own_rights: OwnRights
    spn: str
    """Of the internal service."""

    async def credential(self, requester: Requester) -> KerberosCredential:
        """As Transition says."""
        admitted = self.guard.admit(requester)

        async def ask() -> ServiceTicket:
            try:
                return await self.delegation.s4u(admitted, self.spn)
            except DelegationNotListed as error:
                raise await self.own_rights.explain(self.spn, needs_protocol_transition=True) from error

        return await _reused(self.tickets, PROTOCOL_TRANSITION, admitted, self.spn, ask)


@dataclass(frozen=True, slots=True)
class ConstrainedDelegation:
    """S4U2proxy with the ticket that the client came with ("Kerberos only", [MS-SFU] 1.3.3)."""

    guard: Guard
    tickets: TicketCache
    delegation: Delegation
    own_rights: OwnRights
    spn: str

    async def credential(self, requester: Requester) -> KerberosCredential:
        """As Transition says."""
        admitted = self.guard.admit(requester)
        evidence = requester.evidence
        if not isinstance(evidence, EvidenceTicket):
            raise TransitionFailed(f"{requester.account} came without a Kerberos ticket to delegate with")
        # Also where a ticket for the account is kept: who may not be delegated this time, is not.
        if evidence.cache is None:
            raise EvidenceNotForwardable(f"the ticket of {requester.account} is not forwardable")

        async def ask() -> ServiceTicket:
            try:
                return await self.delegation.s4u2proxy(evidence, admitted, self.spn)
            except DelegationNotListed as error:
                raise await self.own_rights.explain(self.spn, needs_protocol_transition=False) from error

        return await _reused(self.tickets, CONSTRAINED_DELEGATION, admitted, self.spn, ask)


@dataclass(frozen=True, slots=True)
class UserTicket:
    """The requester's own ticket, had for its password. No cache: the password was shown to the KDC in this call."""

    guard: Guard
    delegation: Delegation
    spn: str

    async def credential(self, requester: Requester) -> KerberosCredential:
        """As Transition says."""
        admitted = self.guard.admit(requester)
        evidence = requester.evidence
        if not isinstance(evidence, TicketGrantingTicket):
            raise TransitionFailed(f"{requester.account} came without a password that the KDC has accepted")
        ticket = await self.delegation.user_ticket(evidence, admitted, self.spn)
        return KerberosCredential(ticket, USER_TICKET, is_cached=False, acts_as_sid=admitted.account.sid)


@dataclass(frozen=True, slots=True)
class OwnAccountTicket:
    """The gateway's own account, for services that do not look at it (renewal-only: the request is signed)."""

    tickets: TicketCache
    delegation: Delegation
    spn: str

    async def credential(self, requester: Requester) -> KerberosCredential:
        """As Transition says."""
        if not requester.is_verified:
            raise TransitionFailed(f"{requester.account} is not verified by the gateway: its own name is not lent")
        return await self.own_credential()

    async def own_credential(self) -> KerberosCredential:
        """As OwnIdentity says."""
        key = TicketKey(OWN_ACCOUNT, None, self.spn)
        ticket, is_cached = await self.tickets.ticket(key, lambda: self.delegation.own_ticket(self.spn))
        return KerberosCredential(ticket, OWN_ACCOUNT, is_cached, acts_as_sid=None)


async def _reused(
    tickets: TicketCache, transition: str, admitted: Admitted, spn: str, ask: Callable[[], Awaitable[ServiceTicket]]
) -> KerberosCredential:
    sid = admitted.account.sid
    ticket, is_cached = await tickets.ticket(TicketKey(transition, sid, spn), ask)
    return KerberosCredential(ticket, transition, is_cached, acts_as_sid=sid)
