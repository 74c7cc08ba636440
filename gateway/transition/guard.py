"""The guard: in whose name the gateway may act, and in whose it never does.

There is one way from a requester to an `Admitted`, and it is `Guard.admit`. What is not allowed here is refused:
without a scope there is no guard, and what cannot be read is outside of it.
"""

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from gateway.account import Account, Admitted, UserAccountControl
from gateway.errors import (
    AccountIsOwn,
    AccountOutsideScope,
    AccountPrivileged,
    AccountProtected,
    AccountSensitive,
    EvidenceStale,
    TransitionFailed,
)
from gateway.pki.distinguished_name import DistinguishedName, parse_distinguished_name
from gateway.requester import Requester
from gateway.strict_yaml import Settings

_FRESH = timedelta(seconds=60)
"""Between the authentication and this moment lie the policy and the audit record of the same call: milliseconds, or
seconds when the disk or the processor is behind. After a minute no client waits any more (WCF's sendTimeout), so that
an older requester is not this call's: somebody has kept it."""
_CLOCK_STEP = timedelta(seconds=5)
"""By how much the clock may have been set back within a call."""

_PRIVILEGED_FLAGS = {
    UserAccountControl.SERVER_TRUST_ACCOUNT: "a domain controller",
    UserAccountControl.PARTIAL_SECRETS_ACCOUNT: "a read-only domain controller",
    UserAccountControl.INTERDOMAIN_TRUST_ACCOUNT: "a trust between domains",
    # Whoever is this account is everybody who comes to it: it holds their ticket-granting tickets.
    UserAccountControl.TRUSTED_FOR_DELEGATION: "trusted for unconstrained delegation",
    # So is this one towards the services on its list: another gateway's account, for example.
    UserAccountControl.TRUSTED_TO_AUTHENTICATE_FOR_DELEGATION: "trusted for delegation by protocol transition",
}
_PRIVILEGED_ACCOUNTS = {500: "Administrator", 502: "krbtgt"}
"""RIDs of accounts in any domain ([MS-DTYP] 2.4.2.4)."""
_PROTECTED_USERS = 525
_PRIVILEGED_GROUPS = {
    498: "Enterprise Read-only Domain Controllers",
    512: "Domain Admins",
    516: "Domain Controllers",
    518: "Schema Admins",
    519: "Enterprise Admins",
    520: "Group Policy Creator Owners",
    521: "Read-only Domain Controllers",
    526: "Key Admins",
    527: "Enterprise Key Admins",
}
"""RIDs of groups in any domain ([MS-DTYP] 2.4.2.4). Their own list, since adminCount follows up to an hour later and
not in the domain of every group (SDProp, [MS-ADTS] 3.1.1.6.1.3)."""
_PRIVILEGED_BUILTIN_GROUPS = {
    "S-1-5-32-544": "Administrators",
    "S-1-5-32-548": "Account Operators",
    "S-1-5-32-549": "Server Operators",
    "S-1-5-32-550": "Print Operators",
    "S-1-5-32-551": "Backup Operators",
    "S-1-5-32-552": "Replicator",
}

_DOMAIN_SID = re.compile(r"S-1-5-21(?:-[0-9]+){3}-([0-9]+)")


def _organizational_unit(text: str) -> str:
    parse_distinguished_name(text)
    return text


# What cannot stand in a sAMAccountName, so that a `DOMAIN\group` or a DN is a mistake, and no group without members.
GroupName = Annotated[str, Field(pattern=r'^[^"/\\\[\]:;|=,+*?<>]{1,256}$')]
OrganizationalUnit = Annotated[str, AfterValidator(_organizational_unit)]
Suffix = Annotated[str, Field(pattern=r"^@[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$")]


class ImpersonationSettings(Settings):
    """In whose name the gateway may act in one realm. Of every kind that is given, one value must fit."""

    groups: Annotated[tuple[GroupName, ...], Field(min_length=1)] | None = None
    """sAMAccountName of groups of the realm; members through other groups count."""
    organizational_units: Annotated[tuple[OrganizationalUnit, ...], Field(min_length=1)] | None = None
    """Distinguished names; accounts anywhere below count."""
    suffixes: Annotated[tuple[Suffix, ...], Field(min_length=1)] | None = None
    """`@partner-a.example`: how the userPrincipalName ends, or `sAMAccountName@domain` of an account without one. Who
    may write a userPrincipalName decides about it: better together with another kind."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.groups or self.organizational_units or self.suffixes):
            raise ValueError("must name groups, organizational_units or suffixes: without, nobody would be inside")
        return self


class Guard:
    """Of one realm."""

    def __init__(self, settings: ImpersonationSettings | None, own_account: str, clock: Callable[[], datetime]) -> None:
        """`own_account` is the sAMAccountName of the gateway's account; `clock` gives the aware time, UTC. Without
        settings nobody is admitted.
        """
        self._scope = None if settings is None else _Scope(settings)
        self._own_account = own_account
        self._clock = clock

    def admit(self, requester: Requester) -> Admitted:
        """The leave to act in the name of the account that has authenticated in this call.

        Raises TransitionFailed where there is no such account, and ImpersonationRefused with the rule otherwise.
        """
        account = _authenticated_account(requester)
        self._refuse_stale(requester)
        self.check(account)
        if self._scope is None:
            raise AccountOutsideScope(f"{account.name}: the realm has no `impersonation`, so that nobody is inside it")
        return Admitted(account)

    def check(self, account: Account) -> None:
        """The rules about the account itself. Raises ImpersonationRefused.

        Asked by itself before a password is tried: else whoever guesses could lock the gateway's own account, or an
        administrator's, and learn whether the guess was right.
        """
        if account.sam_account_name.lower() == self._own_account.lower():
            raise AccountIsOwn(f"{account.name} is the gateway's own account")
        if privilege := next(_privileges(account), None):
            raise AccountPrivileged(f"{account.name} {privilege}")
        if any(_relative_identifier(sid) == _PROTECTED_USERS for sid in account.group_sids):
            raise AccountProtected(f"{account.name} is in Protected Users")
        if UserAccountControl.NOT_DELEGATED in account.user_account_control:
            raise AccountSensitive(f"{account.name} is marked sensitive (NOT_DELEGATED)")
        if self._scope is not None and (objection := next(self._scope.objections_to(account), None)):
            raise AccountOutsideScope(f"{account.name} {objection}")

    def _refuse_stale(self, requester: Requester) -> None:
        age = self._clock() - requester.authenticated_at
        if not -_CLOCK_STEP <= age <= _FRESH:
            raise EvidenceStale(
                f"{requester.account} authenticated at {requester.authenticated_at:%Y-%m-%dT%H:%M:%SZ}, which is"
                f" {age.total_seconds():.0f} s ago: at most {_FRESH.total_seconds():.0f} s are allowed"
            )


def _authenticated_account(requester: Requester) -> Account:
    if not requester.is_verified:
        raise TransitionFailed(
            f"{requester.account} is not verified by the gateway but by {requester.verified_by}: no ticket in its name"
        )
    account = requester.directory_account
    if account is None:
        raise TransitionFailed(f"{requester.account} was not looked up in a directory: no ticket in its name")
    if account.name != requester.account:
        # The policy judges the one, and the ticket would be for the other.
        raise TransitionFailed(f"{requester.account} authenticated, but {account.name} was looked up")
    return account


def _privileges(account: Account) -> Iterator[str]:
    """Why nobody outside may be this account, as the end of a sentence."""
    if account.admin_count:
        yield "is, or was, an administrator's: it has an adminCount"
    if name := _PRIVILEGED_ACCOUNTS.get(account.relative_identifier):
        yield f"is {name} ({account.sid})"
    for flag, meaning in _PRIVILEGED_FLAGS.items():
        if flag in account.user_account_control:
            yield f"is {meaning} ({flag.name})"
    for sid in sorted(account.group_sids):
        name = _PRIVILEGED_BUILTIN_GROUPS.get(sid) or _PRIVILEGED_GROUPS.get(_relative_identifier(sid))
        if name:
            yield f"is in {name} ({sid})"


def _relative_identifier(sid: str) -> int:
    """Of a SID that a domain has issued ([MS-DTYP] 2.4.2.4); -1 of others."""
    match = _DOMAIN_SID.fullmatch(sid)
    return int(match[1]) if match else -1


class _Scope:
    """The settings in a form that can be compared. Active Directory ignores the case of all three kinds."""

    def __init__(self, settings: ImpersonationSettings) -> None:
        self._groups = _lower(settings.groups)
        self._organizational_units = tuple(map(_folded, settings.organizational_units or ()))
        self._suffixes = tuple(_lower(settings.suffixes))

    def objections_to(self, account: Account) -> Iterator[str]:
        """Why the account is outside, as the end of a sentence."""
        if self._groups and self._groups.isdisjoint(account.groups):
            yield "is in none of the groups of `impersonation`"
        if self._organizational_units and not self._is_below(account.distinguished_name):
            yield f"is below none of the organizational_units of `impersonation`: {account.distinguished_name}"
        user_principal_name = account.user_principal_name or account.name
        if self._suffixes and not user_principal_name.lower().endswith(self._suffixes):
            yield f"has none of the suffixes of `impersonation`: {user_principal_name}"

    def _is_below(self, text: str) -> bool:
        try:
            name = _folded(text)
        except ValueError:
            return False
        return any(name[1:][-len(unit) :] == unit for unit in self._organizational_units)


def _lower(texts: tuple[str, ...] | None) -> frozenset[str]:
    return frozenset(text.lower() for text in texts or ())


def _folded(text: str) -> DistinguishedName:
    rdns = parse_distinguished_name(text)
    return tuple(frozenset((kind, value.lower()) for kind, value in rdn) for rdn in rdns)
