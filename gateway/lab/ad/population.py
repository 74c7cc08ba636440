"""Who exists in the lab's domains: one account for each way in which a directory can say no, and those who may."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntFlag
from types import MappingProxyType

__all__ = ["CORP", "WOODGROVE", "AccountSpec", "DomainSpec", "UserAccountControl"]

Attributes = Mapping[str, str | tuple[str, ...]]

_LONG_AGO = "131000000000000000"
"""In 2016, in the time of Windows."""


class UserAccountControl(IntFlag):
    """userAccountControl ([MS-ADTS] 2.2.16), as far as these accounts need it."""

    ACCOUNTDISABLE = 0x00000002
    NORMAL_ACCOUNT = 0x00000200
    WORKSTATION_TRUST_ACCOUNT = 0x00001000
    NOT_DELEGATED = 0x00100000
    TRUSTED_TO_AUTHENTICATE_FOR_DELEGATION = 0x01000000


_NORMAL = UserAccountControl.NORMAL_ACCOUNT


@dataclass(frozen=True, slots=True)
class AccountSpec:
    """An account to be made. Its password is made up with the domain, and its keytab, if it has one, holds all of its
    principal names.
    """

    name: str
    """sAMAccountName; a computer's ends with `$`."""
    control: UserAccountControl = _NORMAL
    attributes: Attributes = field(default_factory=dict)
    """By their names in LDAP, besides those that every account has."""
    has_keytab: bool = False


@dataclass(frozen=True, slots=True)
class DomainSpec:
    """A domain to be made."""

    realm: str
    netbios: str
    addresses: tuple[str, ...]
    """Of the loopback net, in the order of preference: its domain controller is known to LDAP clients by each."""
    accounts: tuple[AccountSpec, ...]
    groups: Mapping[str, tuple[str, ...]]
    """Members by group; groups that the domain has anyway get these members too."""
    upn_suffixes: tuple[str, ...]
    """Those beyond its DNS domain."""
    lockout_threshold: int = 3

    @property
    def dns_domain(self) -> str:
        return self.realm.lower()

    @property
    def base_dn(self) -> str:
        return ",".join(f"DC={label}" for label in self.dns_domain.split("."))


def _spec(
    realm: str, netbios: str, addresses: tuple[str, ...], *, gateway_host: str, partner_suffix: str
) -> DomainSpec:
    dns_domain = realm.lower()
    internal_services = (f"HTTP/ces.{dns_domain}", f"HTTP/cep.{dns_domain}")
    numbered = tuple(f"u{number:02}" for number in range(1, 51))
    accounts = (
        AccountSpec("alice", attributes={"mail": f"alice@{dns_domain}"}),
        AccountSpec("bob", attributes={"userPrincipalName": f"robert@{dns_domain}", "mail": f"robert@{dns_domain}"}),
        AccountSpec("carol", _NORMAL | UserAccountControl.NOT_DELEGATED),
        AccountSpec("dora", _NORMAL | UserAccountControl.ACCOUNTDISABLE),
        AccountSpec("erin", attributes={"pwdLastSet": "0"}),
        AccountSpec("frank", attributes={"accountExpires": _LONG_AGO}),
        AccountSpec("gina"),
        AccountSpec("heidi", attributes={"userPrincipalName": f"heidi.jones@{partner_suffix}"}),
        AccountSpec("paul"),
        # A real domain's SDProp sets adminCount within the hour; Samba has none.
        AccountSpec("adam", attributes={"adminCount": "1"}),
        *map(AccountSpec, numbered),
        _computer("PC1", dns_domain),
        _service(
            "svc-gateway",
            UserAccountControl.TRUSTED_TO_AUTHENTICATE_FOR_DELEGATION,
            spns=(f"HTTP/{gateway_host}",),
            delegates_to=internal_services,
        ),
        _service("svc-gateway2", spns=(f"HTTP/gateway2.{dns_domain}",)),
        _service("svc-gateway3", spns=(f"HTTP/gateway3.{dns_domain}",), delegates_to=internal_services),
        _service("svc-ces", spns=internal_services),
    )
    people = ("alice", "bob", "carol", "dora", "erin", "frank", "gina", "heidi", "paul", "adam", *numbered)
    groups = {
        "pki-users": (*people, "PC1$", "svc-gateway"),
        "pki-nested": ("pki-users",),
        "Partners": ("alice", "bob"),
        "Enrollment Gateways": ("svc-gateway",),
        "Protected Users": ("paul",),
        "Domain Admins": ("adam",),
    }
    return DomainSpec(realm, netbios, addresses, accounts, MappingProxyType(groups), (partner_suffix,))


_AES_ONLY = {"msDS-SupportedEncryptionTypes": "24"}
"""Without it, Samba 4.17 encrypts service tickets with RC4 ([MS-KILE] 2.2.7)."""


def _service(
    name: str,
    control: UserAccountControl = _NORMAL,
    *,
    spns: tuple[str, ...],
    delegates_to: tuple[str, ...] = (),
) -> AccountSpec:
    attributes: dict[str, str | tuple[str, ...]] = {**_AES_ONLY, "servicePrincipalName": spns}
    if delegates_to:
        attributes["msDS-AllowedToDelegateTo"] = delegates_to
    return AccountSpec(name, _NORMAL | control, attributes, has_keytab=True)


def _computer(name: str, dns_domain: str) -> AccountSpec:
    host = f"{name.lower()}.{dns_domain}"
    attributes: Attributes = {
        **_AES_ONLY,
        "dNSHostName": host,
        "servicePrincipalName": (f"HOST/{host}", f"HOST/{name}"),
    }
    return AccountSpec(f"{name}$", UserAccountControl.WORKSTATION_TRUST_ACCOUNT, attributes, has_keytab=True)


CORP = _spec(
    "CORP.FABRIKAM.EXAMPLE",
    "CORP",
    ("127.0.0.88", "127.0.0.90", "127.0.0.92", "127.0.0.94"),
    gateway_host="enroll.fabrikam.example",
    partner_suffix="partner-a.example",
)

WOODGROVE = _spec(
    "WOODGROVE.EXAMPLE",
    "WOODGROVE",
    ("127.0.0.89", "127.0.0.91", "127.0.0.93", "127.0.0.95"),
    gateway_host="enroll.woodgrove.example",
    partner_suffix="partner-b.example",
)
"""A forest of its own, with the same names and no trust."""
