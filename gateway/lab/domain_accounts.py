"""The accounts of a domain as the lab sees them: looked up anew for every request."""

from gateway.lab.accounts import Account
from gateway.lab.domain import Domain

_ATTRIBUTES = ("sAMAccountName", "objectSid", "userPrincipalName", "distinguishedName", "mail", "dNSHostName")


def find_account(domain: Domain, sid_or_name: str) -> Account:
    """By SID or sAMAccountName. Blocks for a moment. Raises DomainUnavailable, also where there is none."""
    directory = domain.ldb()
    found = directory.attributes(sid_or_name, *_ATTRIBUTES)
    (name,), (sid,) = found["sAMAccountName"], found["objectSid"]
    # Who has no explicit one, as computers, is known by the implicit one ([MS-ADTS] 5.1.1.1.1).
    (user_principal_name,) = found["userPrincipalName"] or (f"{name}@{domain.dns_domain}",)
    (distinguished_name,) = found["distinguishedName"]
    return Account(
        name=name,
        user_principal_name=user_principal_name,
        distinguished_name=distinguished_name,
        sid=sid,
        groups=directory.groups(sid),
        mail=_only(found["mail"]),
        dns_host_name=_only(found["dNSHostName"]),
    )


def _only(values: tuple[str, ...]) -> str | None:
    return values[0] if values else None
