"""What the gateway shows to an internal service, and how it is derived from the requester.

[MS-WSTEP] 3.1.1.1 lists the ways CES authenticates. `gateway.upstream` puts a Credential into the message or, where it
is the connection's, leaves it to TLS.
"""

from dataclasses import dataclass
from typing import Protocol

from gateway.errors import TransitionFailed
from gateway.protocol.security import UsernameToken
from gateway.requester import Requester


@dataclass(frozen=True, slots=True)
class OwnCertificate:
    """The gateway's own client certificate: it is in the connection's TLS context, nothing goes into the message."""


Credential = UsernameToken | OwnCertificate


class Transition(Protocol):
    """One way inside."""

    async def credential(self, requester: Requester) -> Credential:
        """Raises TransitionFailed."""
        ...


@dataclass(frozen=True, slots=True)
class PassOnUsernameToken:
    """The client's own user name and password go on to an internal `_UsernamePassword` service."""

    async def credential(self, requester: Requester) -> Credential:
        if not isinstance(requester.evidence, UsernameToken):
            raise TransitionFailed(f"{requester.account} came without a user name and password to pass on")
        return requester.evidence


@dataclass(frozen=True, slots=True)
class UseOwnCertificate:
    """The gateway acts under its own name towards an internal `_Certificate` service."""

    async def credential(self, requester: Requester) -> Credential:
        if not requester.is_verified:
            # Only a service that sees the client's own password may decide about it.
            raise TransitionFailed(f"{requester.account} is not verified by the gateway: its own name is not lent")
        return OwnCertificate()
