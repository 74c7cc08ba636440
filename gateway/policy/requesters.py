"""The condition on who asks: by account, issuer of the client certificate, group, organizational unit or partner."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from gateway.account import Account
from gateway.pki.certificate import Certificate
from gateway.pki.distinguished_name import DistinguishedName, is_below, parse_distinguished_name
from gateway.policy.decision import Application, Concern, Violation
from gateway.policy.patterns import Pattern
from gateway.policy.violations import violation
from gateway.policy.wellformed import is_plain
from gateway.requester import Requester

_SID = "S-1-"


@dataclass(frozen=True, slots=True)
class Groups:
    """Some of them, by sAMAccountName in any case, or by SID."""

    names: AbstractSet[str]

    def have(self, account: Account) -> bool:
        """Whether the account is in one of them, through other groups too."""
        # A group may be called like a SID: what looks like one is never a name.
        sids = {name for name in self.names if name.startswith(_SID)}
        names = {name.lower() for name in self.names - sids}
        return not (sids.isdisjoint(account.group_sids) and names.isdisjoint(account.groups))

    def __str__(self) -> str:
        return " or ".join(sorted(self.names))


@dataclass(frozen=True, slots=True)
class OrganizationalUnits:
    """Some of them, or other containers, by distinguished name."""

    texts: tuple[str, ...]
    _names: tuple[DistinguishedName, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Raises ValueError."""
        object.__setattr__(self, "_names", tuple(map(parse_distinguished_name, self.texts)))

    def have(self, name: DistinguishedName) -> bool:
        """Whether what has this name is in one of them, however deep."""
        return any(is_below(name, container) for container in self._names)

    def __str__(self) -> str:
        return " or ".join(self.texts)


@dataclass(frozen=True, slots=True)
class AdmittedRequester:
    """One entry. Whatever is given must fit; what asks for a directory account never fits a requester without one."""

    account: Pattern | None
    authentication: AbstractSet[str]
    issuer: Pattern | None = None
    """Of the client certificate: its text as in RFC 4514."""
    groups: Groups | None = None
    organizational_units: OrganizationalUnits | None = None
    partner: str | None = None
    not_groups: Groups | None = None
    not_organizational_units: OrganizationalUnits | None = None

    def admits(self, requester: Requester) -> bool:
        return requester.authentication in self.authentication and self.is_about(requester)

    def is_about(self, requester: Requester) -> bool:
        """Whatever kind of credential was shown."""
        return (
            # The cheapest first: GetPolicies asks this of every rule of every policy.
            (self.partner is None or self.partner == requester.partner)
            and (self.account is None or self.account.matches(requester.account, requester))
            and is_plain(requester.account)
            and (self.issuer is None or _is_issued_by(self.issuer, requester))
            and self._is_about_account(requester.directory_account)
        )

    def _is_about_account(self, account: Account | None) -> bool:
        wanted = (self.groups, self.organizational_units, self.not_groups, self.not_organizational_units)
        if account is None:
            return wanted == (None, None, None, None)
        return (
            (self.groups is None or self.groups.have(account))
            and (self.not_groups is None or not self.not_groups.have(account))
            and self._is_about_place(account.distinguished_name)
        )

    def _is_about_place(self, distinguished_name: str) -> bool:
        if self.organizational_units is None and self.not_organizational_units is None:
            return True
        try:
            name = parse_distinguished_name(distinguished_name)
        except ValueError:
            # It cannot be told where that is, nor where it is not.
            return False
        return (self.organizational_units is None or self.organizational_units.have(name)) and (
            self.not_organizational_units is None or not self.not_organizational_units.have(name)
        )

    def __str__(self) -> str:
        return " and ".join(self._parts())

    def _parts(self) -> Iterator[str]:
        if self.account is not None:
            yield str(self.account)
        if self.issuer is not None:
            yield f"issuer {self.issuer}"
        if self.groups is not None:
            yield f"in the group {self.groups}"
        if self.organizational_units is not None:
            yield f"below {self.organizational_units}"
        if self.partner is not None:
            yield f"of the partner {self.partner}"
        if self.not_groups is not None:
            yield f"not in the group {self.not_groups}"
        if self.not_organizational_units is not None:
            yield f"not below {self.not_organizational_units}"


def _is_issued_by(issuer: Pattern, requester: Requester) -> bool:
    if not isinstance(requester.evidence, Certificate):
        return False
    text = str(requester.evidence.issuer)
    return is_plain(text) and issuer.matches(text, requester)


@dataclass(frozen=True, slots=True)
class RequestersCondition:
    """`requesters`: one of the entries must fit the requester and the credential."""

    admitted: tuple[AdmittedRequester, ...]

    def admits(self, requester: Requester) -> bool:
        return any(entry.admits(requester) for entry in self.admitted)

    def violations(self, rule: str, application: Application) -> tuple[Violation, ...]:
        requester = application.requester
        if self.admits(requester):
            return ()
        entries = [entry for entry in self.admitted if entry.is_about(requester)]
        kinds = sorted({kind for entry in entries for kind in entry.authentication})
        if kinds:
            authentication = requester.authentication
            return (violation(rule, Concern.REQUESTERS, "authentication", authentication, " or ".join(kinds)),)
        wanted = " or ".join(map(str, self.admitted))
        return (violation(rule, Concern.REQUESTERS, "account", requester.account, wanted),)
