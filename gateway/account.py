"""An account of Active Directory, as it was when it was looked up, and the leave to act in its name."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntFlag


class UserAccountControl(IntFlag):
    """userAccountControl ([MS-ADTS] 2.2.16), the flags that matter here. Others are kept, without a name."""

    ACCOUNTDISABLE = 0x00000002
    INTERDOMAIN_TRUST_ACCOUNT = 0x00000800
    WORKSTATION_TRUST_ACCOUNT = 0x00001000
    SERVER_TRUST_ACCOUNT = 0x00002000
    """A domain controller."""
    TRUSTED_FOR_DELEGATION = 0x00080000
    NOT_DELEGATED = 0x00100000
    """"Account is sensitive and cannot be delegated"."""
    TRUSTED_TO_AUTHENTICATE_FOR_DELEGATION = 0x01000000
    """"Use any authentication protocol": S4U2self tickets of this service are forwardable ([MS-SFU] 3.2.5.1.2)."""
    PARTIAL_SECRETS_ACCOUNT = 0x04000000
    """A read-only domain controller."""


@dataclass(frozen=True, slots=True)
class Account:
    """A security principal. Made by `gateway.directory` only, anew for every call: nothing of it is remembered."""

    realm: str
    """Of Kerberos, upper case: CORP.FABRIKAM.EXAMPLE."""
    sid: str
    """objectSid in its text form ([MS-DTYP] 2.4.2.1): what an account is, whatever it is called."""
    sam_account_name: str
    """As the directory spells it; a computer's ends with `$`."""
    user_principal_name: str | None
    distinguished_name: str
    user_account_control: UserAccountControl
    groups: frozenset[str]
    """sAMAccountName of every group of this domain that it is in, nested ones too (tokenGroups), in lower case."""
    group_sids: frozenset[str]
    """objectSid of every group, other domains' and well-known ones too."""
    admin_count: bool
    """AdminSDHolder protects it, or did ([MS-ADTS] 3.1.1.6.1): it is, or was, an administrator's."""
    is_locked_out: bool
    expires: datetime | None
    """accountExpires, aware, UTC; None for never."""
    password_expired: bool
    """Its password must be changed before anything else."""
    bad_password_count: int
    """badPwdCount, as far as it still counts towards a lock-out."""
    common_name: str | None = None
    """cn, as are the following: names that a CA puts into certificates of the account ([MS-WCCE] 3.2.2.6.2.1.4.5)."""
    display_name: str | None = None
    mail: str | None = None
    dns_host_name: str | None = None
    """dNSHostName, of computers."""

    @property
    def name(self) -> str:
        """What policies and the audit record call it: sAMAccountName and domain, which nobody can choose for himself.

        The explicit userPrincipalName can be given the spelling of somebody else's name (KB5008382); this cannot.
        """
        return f"{self.sam_account_name}@{self.realm.lower()}"

    @property
    def principal(self) -> str:
        """Its principal name in Kerberos."""
        return f"{self.sam_account_name}@{self.realm}"

    @property
    def relative_identifier(self) -> int:
        """The last part of its SID ([MS-DTYP] 2.4.1)."""
        return int(self.sid.rpartition("-")[2])


@dataclass(frozen=True, slots=True)
class Admitted:
    """An account in whose name the gateway may act, in this call. Made by `gateway.transition.guard` only.

    Whatever turns an account into tickets takes this and nothing else: there is no other way to a credential.
    """

    account: Account


@dataclass(frozen=True, slots=True)
class LockoutPolicy:
    """The domain's ([MS-ADTS] 3.1.1.8.4.4)."""

    threshold: int
    """Wrong passwords after which an account is locked; 0 for never."""
    observation_window_seconds: float
    """How long a wrong password counts."""
