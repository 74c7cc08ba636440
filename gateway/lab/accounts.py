"""The lab's directory in memory: who exists in corp.fabrikam.example, and which account a credential stands for.

The Kerberos services of a lab with a domain ask that domain instead: see `gateway.lab.domain_accounts`.
"""

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat import asn1

DNS_DOMAIN = "corp.fabrikam.example"
NETBIOS_DOMAIN = "CORP"
DOMAIN_SID = "S-1-5-21-1004336348-1177238915-682003330"
UPN_OID = x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")

DOMAIN_USERS = "Domain Users"
DOMAIN_COMPUTERS = "Domain Computers"
PARTNERS = "Partners"
ENROLLMENT_GATEWAYS = "Enrollment Gateways"


@dataclass(frozen=True, slots=True)
class Account:
    """A security principal, with the attributes from which a CA builds the subject of an online template."""

    name: str
    """sAMAccountName."""
    user_principal_name: str
    distinguished_name: str
    """RFC 4514 text, as Active Directory writes it."""
    sid: str
    """objectSid in its text form."""
    groups: frozenset[str]
    mail: str | None = None
    dns_host_name: str | None = None
    """Of a computer."""


def _user(name: str, suffix: str, relative_id: int, *groups: str, mail: str | None = None) -> Account:
    dn = f"CN={name},CN=Users,DC=corp,DC=fabrikam,DC=example"
    sid = f"{DOMAIN_SID}-{relative_id}"
    return Account(name, f"{name}@{suffix}", dn, sid, frozenset({DOMAIN_USERS, *groups}), mail)


ALICE = _user("alice", "partner-a.example", 1601, PARTNERS, mail="alice@partner-a.example")
BOB = _user("bob", "partner-b.example", 1602, PARTNERS, mail="bob@partner-b.example")
GATEWAY_SERVICE = _user("svc-gateway", DNS_DOMAIN, 1603, ENROLLMENT_GATEWAYS)
"""Has no mail on purpose: the captured AD CS answer is about such an account."""

ACCOUNTS = (ALICE, BOB, GATEWAY_SERVICE)


def find_account(name: str, accounts: Iterable[Account] = ACCOUNTS) -> Account | None:
    """The account of that user principal name or DOMAIN\\name, in any case."""
    wanted = name.casefold()
    for account in accounts:
        if wanted in {account.user_principal_name.casefold(), f"{NETBIOS_DOMAIN}\\{account.name}".casefold()}:
            return account
    return None


class Directory:
    """Accounts and their passwords. Names are compared without regard to case, passwords exactly."""

    def __init__(self, passwords: Mapping[str, str], accounts: Iterable[Account] = ACCOUNTS) -> None:
        """`passwords` by user principal name; an account without one cannot log on by password."""
        self._by_upn = {account.user_principal_name.casefold(): account for account in accounts}
        self._by_name = {
            f"{NETBIOS_DOMAIN}\\{account.name}".casefold(): account for account in self._by_upn.values()
        } | self._by_upn
        self._passwords = {upn.casefold(): password for upn, password in passwords.items()}

    def authenticate(self, user_name: str, password: str) -> Account | None:
        """The account of that UPN or DOMAIN\\name, if the password is its own."""
        account = self._by_name.get(user_name.casefold())
        if account is None:
            return None
        expected = self._passwords.get(account.user_principal_name.casefold())
        if expected is None or not hmac.compare_digest(expected.encode(), password.encode()):
            return None
        return account

    def of_certificate(self, certificate: x509.Certificate) -> Account | None:
        """The account whose UPN is in the certificate's subject alternative name, as the UPN mapping of AD finds it."""
        try:
            names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound:
            return None
        upns = [name for name in names.get_values_for_type(x509.OtherName) if name.type_id == UPN_OID]
        if len(upns) != 1:
            return None
        try:
            upn = asn1.decode_der(str, upns[0].value)
        except ValueError:
            return None
        return self._by_upn.get(upn.casefold())
