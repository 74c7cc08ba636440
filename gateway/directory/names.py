"""What a name that somebody logs on with may mean in one domain: a filter that finds whom it means.

No guess: each spelling has its one meaning, and who is found by another one is not found.
"""

from gateway.directory.search import Attribute, Filter, all_of, any_of, equal

MAX_LENGTH = 256
"""Characters; a userPrincipalName is sAMAccountName@domain, at most 20 + 1 + 255 (RFC 1035)."""

_SAM_NORMAL_USER_ACCOUNT = "805306368"
_SAM_MACHINE_ACCOUNT = "805306369"
"""sAMAccountType ([MS-SAMR] 2.2.1.9), an indexed attribute."""

ACCOUNTS = any_of(equal("sAMAccountType", _SAM_NORMAL_USER_ACCOUNT), equal("sAMAccountType", _SAM_MACHINE_ACCOUNT))
"""Users, computers and managed service accounts; neither groups, nor contacts, nor the accounts of trusts."""


def account_named(name: str, *, netbios_name: str, dns_name: str) -> Filter | None:
    r"""Finds `sAMAccountName`, `DOMAIN\sAMAccountName` and the explicit or implicit `userPrincipalName`.

    None for what cannot be anybody here: another domain's, or nobody's at all. The implicit UPN is
    `sAMAccountName@dns_name` ([MS-ADTS] 5.1.1.1.1). Somebody else's explicit one may be spelled alike, and may have
    been given to him for that (KB5008382): then both are found.
    """
    if not 0 < len(name) <= MAX_LENGTH or not name.isprintable():
        return None
    domain, backslash, rest = name.rpartition("\\")
    if backslash:
        return _sam_account_name(rest) if domain.casefold() == netbios_name.casefold() else None
    prefix, at, suffix = name.rpartition("@")
    if not at:
        return _sam_account_name(name)
    if not prefix or not suffix:
        return None
    explicit = equal(Attribute.USER_PRINCIPAL_NAME, name)
    if suffix.casefold() != dns_name.casefold():
        return all_of(ACCOUNTS, explicit)
    return all_of(ACCOUNTS, any_of(explicit, equal(Attribute.SAM_ACCOUNT_NAME, prefix)))


def _sam_account_name(name: str) -> Filter | None:
    return all_of(ACCOUNTS, equal(Attribute.SAM_ACCOUNT_NAME, name)) if name else None
