"""From what the directory says of one object to an Account. What is missing, where it must not be, is a ValueError.

An attribute that the gateway's account may not read looks as one without a value. So what would admit somebody by its
absence (disabled, locked, an administrator) has to be there.
"""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from gateway.account import Account, LockoutPolicy, UserAccountControl
from gateway.directory.search import Attribute, Entry
from gateway.directory.sid import BUILTIN_DOMAIN, domain_of, parse_sid

ATTRIBUTES = (
    Attribute.OBJECT_SID,
    Attribute.DISTINGUISHED_NAME,
    Attribute.SAM_ACCOUNT_NAME,
    Attribute.USER_PRINCIPAL_NAME,
    Attribute.USER_ACCOUNT_CONTROL,
    Attribute.MS_DS_USER_ACCOUNT_CONTROL_COMPUTED,
    Attribute.ACCOUNT_EXPIRES,
    Attribute.ADMIN_COUNT,
    Attribute.BAD_PWD_COUNT,
    Attribute.BAD_PASSWORD_TIME,
    Attribute.TOKEN_GROUPS,
    Attribute.COMMON_NAME,
    Attribute.DISPLAY_NAME,
    Attribute.MAIL,
    Attribute.DNS_HOST_NAME,
)
"""Of an account. tokenGroups is computed for a base search only ([MS-ADTS] 3.1.1.4.5.19)."""

_LOCKOUT = 0x00000010
_PASSWORD_EXPIRED = 0x00800000
"""Of msDS-User-Account-Control-Computed ([MS-ADTS] 3.1.1.4.5.17), which knows lock-outs and passwords that are over, as
userAccountControl does not."""

_FILETIME_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_NEVER = frozenset({0, 0x7FFFFFFFFFFFFFFF})
"""accountExpires ([MS-ADA1] 2.3)."""
_CLOCK_SKEW = timedelta(minutes=5)
"""By which the domain controller's clock, which a wrong password is dated by, may be behind (Kerberos's limit)."""


def group_sids_of(entry: Entry) -> frozenset[str]:
    """tokenGroups: the groups that it is in, through others too. Raises ValueError."""
    sids = frozenset(map(parse_sid, entry.values(Attribute.TOKEN_GROUPS)))
    if not sids:
        # There is no account without: its primary group is among them.
        raise _missing(Attribute.TOKEN_GROUPS)
    return sids


def group_sids_of_domain(account_sid: str, group_sids: frozenset[str]) -> frozenset[str]:
    """Those of the account's own domain and the built-in ones, whose names the domain's directory knows."""
    domains = {domain_of(account_sid), BUILTIN_DOMAIN}
    return frozenset(sid for sid in group_sids if domain_of(sid) in domains)


def sid_of(entry: Entry) -> str:
    """Raises ValueError."""
    (value,) = entry.values(Attribute.OBJECT_SID) or (b"",)
    return parse_sid(value)


def account_of(
    entry: Entry, *, realm: str, group_names: Collection[str], policy: LockoutPolicy, now: datetime
) -> Account:
    """Raises ValueError."""
    computed = _required_number(entry, Attribute.MS_DS_USER_ACCOUNT_CONTROL_COMPUTED)
    return Account(
        realm=realm,
        sid=sid_of(entry),
        sam_account_name=_required_text(entry, Attribute.SAM_ACCOUNT_NAME),
        user_principal_name=entry.text(Attribute.USER_PRINCIPAL_NAME),
        distinguished_name=_required_text(entry, Attribute.DISTINGUISHED_NAME),
        user_account_control=user_account_control_of(entry),
        groups=frozenset(name.lower() for name in group_names),
        group_sids=group_sids_of(entry),
        admin_count=bool(entry.number(Attribute.ADMIN_COUNT)),
        is_locked_out=bool(computed & _LOCKOUT),
        expires=_expires(entry),
        password_expired=bool(computed & _PASSWORD_EXPIRED),
        bad_password_count=_bad_password_count(entry, policy, now),
        # Names that a policy may compare with: without them it allows less, never more.
        common_name=entry.text(Attribute.COMMON_NAME),
        display_name=entry.text(Attribute.DISPLAY_NAME),
        mail=entry.text(Attribute.MAIL),
        dns_host_name=entry.text(Attribute.DNS_HOST_NAME),
    )


def user_account_control_of(entry: Entry) -> UserAccountControl:
    """Raises ValueError."""
    # Signed, in LDAP.
    return UserAccountControl(_required_number(entry, Attribute.USER_ACCOUNT_CONTROL) & 0xFFFFFFFF)


def _bad_password_count(entry: Entry, policy: LockoutPolicy, now: datetime) -> int:
    """badPwdCount stays where it is when the window is over ([MS-ADTS] 3.1.1.8.4.4); then it begins from 0."""
    last = _time(entry.number(Attribute.BAD_PASSWORD_TIME) or 0)
    window = timedelta(seconds=policy.observation_window_seconds)
    is_over = last is not None and last + window + _CLOCK_SKEW < now
    return 0 if is_over else entry.number(Attribute.BAD_PWD_COUNT) or 0


def _expires(entry: Entry) -> datetime | None:
    value = entry.number(Attribute.ACCOUNT_EXPIRES)
    return None if value is None or value in _NEVER else _time(value)


def _time(filetime: int) -> datetime | None:
    """FILETIME ([MS-DTYP] 2.3.3): 100 ns since 1601, UTC. None for what comes after the last year of Python's."""
    try:
        return _FILETIME_EPOCH + timedelta(microseconds=filetime // 10)
    except OverflowError:
        return None


def _required_text(entry: Entry, attribute: Attribute) -> str:
    value = entry.text(attribute)
    if value is None:
        raise _missing(attribute)
    return value


def _required_number(entry: Entry, attribute: Attribute) -> int:
    value = entry.number(attribute)
    if value is None:
        raise _missing(attribute)
    return value


def _missing(attribute: Attribute) -> ValueError:
    return ValueError(f"{attribute} is not shown: may the gateway's account read it?")
