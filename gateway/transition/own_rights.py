"""What the gateway's own account lacks for a delegation: the KDC says the same of everything (KDC_ERR_BADOPTION).

The directory tells it apart. It is asked only then, and what it says decides about the error's text and kind, not about
any ticket.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Protocol

from gateway.account import UserAccountControl
from gateway.errors import DelegationNotListed, DelegationNotTrusted, GatewayError, TransitionFailed

_SHOWN = 20
"""SPNs of the list that a text shows: enough to see a misspelt one, too few to fill the audit record."""
_TRUSTED = 'trusted to "use any authentication protocol" (TRUSTED_TO_AUTHENTICATE_FOR_DELEGATION)'
_LIST = "its msDS-AllowedToDelegateTo"


class DelegationSettings(Protocol):
    """Of one account, as the directory has them."""

    @property
    def user_account_control(self) -> UserAccountControl: ...

    @property
    def allowed_to_delegate_to(self) -> AbstractSet[str]:
        """msDS-AllowedToDelegateTo."""
        ...


class Directory(Protocol):
    """What is asked of `gateway.directory.client`."""

    async def delegation_of(self, sam_account_name: str, /) -> DelegationSettings:
        """Raises GatewayError if it cannot say."""
        ...


@dataclass(frozen=True, slots=True)
class OwnRights:
    """Of the gateway's account in one realm."""

    directory: Directory
    own_account: str
    """sAMAccountName."""

    async def explain(self, spn: str, *, needs_protocol_transition: bool) -> TransitionFailed:
        """Why the KDC did not let the account delegate to `spn`, as an error to raise.

        S4U2self tickets are forwardable only for an account with TRUSTED_TO_AUTHENTICATE_FOR_DELEGATION, and S4U2proxy
        asks for the SPN in msDS-AllowedToDelegateTo ([MS-SFU] 3.2.5.1.2, 3.2.5.2.2).
        """
        refused = f"the KDC does not let {self.own_account} delegate to {spn} (KDC_ERR_BADOPTION)"
        try:
            settings = await self.directory.delegation_of(self.own_account)
        except GatewayError as error:
            trust = f"it is not {_TRUSTED}, or " if needs_protocol_transition else ""
            return DelegationNotListed(f"{refused}: {trust}{_LIST} lacks this SPN; the directory cannot say: {error}")

        trusted = UserAccountControl.TRUSTED_TO_AUTHENTICATE_FOR_DELEGATION in settings.user_account_control
        lacks_trust = needs_protocol_transition and not trusted
        listed = settings.allowed_to_delegate_to
        missing = []
        if lacks_trust:
            missing.append(f"it is not {_TRUSTED}")
        if spn.lower() not in {other.lower() for other in listed}:
            missing.append(f"{_LIST} lacks this SPN (it has {_shown(listed)})")
        if UserAccountControl.NOT_DELEGATED in settings.user_account_control:
            missing.append("it is itself marked sensitive (NOT_DELEGATED), so that its own tickets are not forwardable")
        if not missing:
            missing.append(
                "the directory shows nothing that is missing, so perhaps not every domain controller has it yet,"
                " or the KDC does not let the client's account or ticket be delegated"
            )
        text = f"{refused}: {'; and '.join(missing)}"
        return DelegationNotTrusted(text) if lacks_trust else DelegationNotListed(text)


def _shown(spns: AbstractSet[str]) -> str:
    shown = ", ".join(sorted(spns)[:_SHOWN]) or "nothing"
    return f"{shown} and {len(spns) - _SHOWN} more" if len(spns) > _SHOWN else shown
