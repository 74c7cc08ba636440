"""The transitions without Kerberos: the client's own password, or the gateway's own certificate."""

from dataclasses import dataclass

from gateway.credential import Credential, OwnCertificate
from gateway.errors import TransitionFailed
from gateway.protocol.security import UsernameToken
from gateway.requester import Requester


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
        return await self.own_credential()

    async def own_credential(self) -> Credential:
        """As OwnIdentity says."""
        return OwnCertificate()
