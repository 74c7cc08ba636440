"""What the gateway shows to an internal service, and the port that derives it from a requester.

[MS-WSTEP] 3.1.1.1 lists the ways CES authenticates. `gateway.upstream` puts a Credential into the message, into the
HTTP header, or, where it is the connection's, leaves it to TLS.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from gateway.protocol.security import UsernameToken
from gateway.requester import Requester
from gateway.tickets import ServiceTicket


@dataclass(frozen=True, slots=True)
class OwnCertificate:
    """The gateway's own client certificate: it is in the connection's TLS context, nothing goes into the message."""


@dataclass(frozen=True, slots=True)
class KerberosCredential:
    """A ticket, and how it was come by."""

    ticket: ServiceTicket
    transition: str
    """The word of the configuration."""
    is_cached: bool
    """Whether it is left from an earlier call for the same account; then no KDC was asked."""
    acts_as_sid: str | None
    """objectSid of the requester's account; None where the ticket is the gateway's own."""


Credential = UsernameToken | OwnCertificate | KerberosCredential


class Transition(Protocol):
    """One way inside."""

    async def credential(self, requester: Requester) -> Credential:
        """Raises TransitionFailed, ImpersonationRefused, or NotAuthenticated for what only the KDC knows."""
        ...


class OwnIdentity(Protocol):
    """The gateway under its own name: for what it asks by itself, in nobody's."""

    async def own_credential(self) -> Credential:
        """Raises TransitionFailed or KerberosFailed."""
        ...


S_co = TypeVar("S_co", covariant=True)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Way(Generic[S_co]):
    """To one internal server, and as whom the gateway goes there: tickets are for one server's SPN only."""

    transition: Transition
    """The one way to a credential, and it passes the guard."""
    service: S_co
    own_identity: OwnIdentity | None = None
    """None where the gateway goes inside as its requesters only."""


class Inside(Protocol[S_co]):
    """The internal servers behind one published service: any of them will do."""

    async def reach(self, ask: Callable[[Way[S_co]], Awaitable[T]]) -> T:
        """What `ask` returns of the server whose turn it is, or of another one where that was certainly not reached.

        Raises what `ask` raises: UpstreamUnavailable with `sent` False only if none of them has seen anything.
        """
        ...

    async def credential(self, requester: Requester) -> Credential:
        """What would be shown to one of them now. None of them is asked anything. Raises as Transition."""
        ...
