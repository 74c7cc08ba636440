"""The conditions on the requester, usages and extensions.

Each reports all that it objects to. What the policy does not speak of is refused.
"""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from gateway.pki import oids
from gateway.pki.certificate_request import CertificateRequest, Extension
from gateway.policy.decision import Application, Concern, Violation
from gateway.policy.patterns import Pattern
from gateway.policy.violations import first_of, violation
from gateway.policy.vocabulary import (
    JUDGED_EXTENSIONS,
    REFUSED_EXTENSIONS,
)
from gateway.policy.wellformed import is_plain
from gateway.requester import Requester


@dataclass(frozen=True, slots=True)
class AdmittedRequester:
    """Accounts, and the kinds of credential that they may have shown."""

    account: Pattern
    authentication: AbstractSet[str]


@dataclass(frozen=True, slots=True)
class RequestersCondition:
    """`requesters`: one of the entries must fit the account and its authentication."""

    admitted: tuple[AdmittedRequester, ...]

    def admits(self, requester: Requester) -> bool:
        return any(requester.authentication in entry.authentication for entry in self._of_account(requester))

    def violations(self, rule: str, application: Application) -> tuple[Violation, ...]:
        requester = application.requester
        if self.admits(requester):
            return ()
        kinds = sorted({kind for entry in self._of_account(requester) for kind in entry.authentication})
        if kinds:
            authentication = requester.authentication
            return (violation(rule, Concern.REQUESTERS, "authentication", authentication, " or ".join(kinds)),)
        wanted = " or ".join(str(entry.account) for entry in self.admitted)
        return (violation(rule, Concern.REQUESTERS, "account", requester.account, wanted),)

    def _of_account(self, requester: Requester) -> tuple[AdmittedRequester, ...]:
        if not is_plain(requester.account):
            return ()
        return tuple(entry for entry in self.admitted if entry.account.matches(requester.account))


@dataclass(frozen=True, slots=True)
class KeyUsageCondition:
    """`keyUsage`: the request may ask for these usages, all or some or none."""

    allowed: AbstractSet[str]

    def violations(self, rule: str, application: Application) -> tuple[Violation, ...]:
        asked_for = application.request.key_usage or ()
        return first_of(_outside(rule, "keyUsage", asked_for, self.allowed))


@dataclass(frozen=True, slots=True)
class ExtendedKeyUsageCondition:
    """`extendedKeyUsage`: the request may ask for these usages, in either of the two extensions.

    Application policies override the extended key usage on version 1 templates (ESC15, CVE-2024-49019).
    """

    allowed: AbstractSet[str]
    """Object identifiers."""

    def violations(self, rule: str, application: Application) -> tuple[Violation, ...]:
        request = application.request
        return (
            *first_of(_outside(rule, "extendedKeyUsage", request.extended_key_usage or (), self.allowed)),
            *first_of(_outside(rule, "applicationPolicies", request.application_policies or (), self.allowed)),
        )


def _outside(rule: str, field: str, asked_for: tuple[str, ...], allowed: AbstractSet[str]) -> Iterator[Violation]:
    wanted = " or ".join(sorted(allowed)) or "absent"
    return (violation(rule, Concern.EXTENSIONS, field, one, wanted) for one in asked_for if one not in allowed)


@dataclass(frozen=True, slots=True)
class ExtensionsCondition:
    """`extensions`: those that may be in the request without being judged.

    Those that have a section of their own are judged there, those that lead to the policy by `select`. Never allowed
    is what would make the certificate a CA's, or name an account (KB5014754) or a group (ESC13) directly.
    """

    unjudged: AbstractSet[str]
    """Object identifiers."""

    def violations(self, rule: str, application: Application) -> tuple[Violation, ...]:
        return first_of(self._violations(rule, application.request))

    def _violations(self, rule: str, request: CertificateRequest) -> Iterator[Violation]:
        if request.basic_constraints_ca:
            yield violation(rule, Concern.EXTENSIONS, "basicConstraints", "cA TRUE", "cA FALSE or absent")
        for extension in request.extensions:
            if extension.oid in REFUSED_EXTENSIONS:
                shown = _shown_refused(request, extension)
                yield violation(rule, Concern.EXTENSIONS, REFUSED_EXTENSIONS[extension.oid], shown, "absent")
            elif extension.oid not in self.unjudged and extension.oid not in JUDGED_EXTENSIONS:
                yield violation(rule, Concern.EXTENSIONS, extension.oid, extension.value.hex(), "absent")


def _shown_refused(request: CertificateRequest, extension: Extension) -> str:
    match extension.oid:
        case oids.NTDS_CA_SECURITY_EXT:
            return request.security_identifier or extension.value.hex()
        case oids.CERTIFICATE_POLICIES:
            return ", ".join(request.certificate_policies or ())
        case _:
            return extension.value.hex()
