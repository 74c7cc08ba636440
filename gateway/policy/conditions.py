"""The conditions on usages and extensions.

Each reports all that it objects to. What the policy does not speak of is refused.
"""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from gateway.pki import oids
from gateway.pki.certificate_request import CertificateRequest, Extension
from gateway.pki.extensions import subject_key_identifier
from gateway.pki.keys import PublicKey, key_identifiers
from gateway.policy.decision import Application, Concern, Violation
from gateway.policy.violations import first_of, violation
from gateway.policy.vocabulary import (
    ANY_CERTIFICATE_POLICY,
    ANY_USAGE,
    JUDGED_EXTENSIONS,
    REFUSED_EXTENSIONS,
)


@dataclass(frozen=True, slots=True)
class KeyUsageCondition:
    """`keyUsage`: the request may ask for these usages, all or some or none."""

    allowed: AbstractSet[str]

    def violations(self, rule: str, application: Application) -> tuple[Violation, ...]:
        asked_for = application.request.key_usage or ()
        return first_of(_outside(rule, "keyUsage", asked_for, self.allowed, _USAGES_OF_A_CA))


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
            *first_of(self._violations(rule, "extendedKeyUsage", request.extended_key_usage or ())),
            *first_of(self._violations(rule, "applicationPolicies", request.application_policies or ())),
        )

    def _violations(self, rule: str, field: str, asked_for: tuple[str, ...]) -> Iterator[Violation]:
        return _outside(rule, field, asked_for, self.allowed, ANY_USAGE.keys())


@dataclass(frozen=True, slots=True)
class CertificatePoliciesCondition:
    """`certificatePolicies`: the request may ask for these, which may put its holder into a group (ESC13)."""

    allowed: AbstractSet[str]
    """Object identifiers."""

    def violations(self, rule: str, application: Application) -> tuple[Violation, ...]:
        asked_for = application.request.certificate_policies or ()
        return first_of(_outside(rule, "certificatePolicies", asked_for, self.allowed, {ANY_CERTIFICATE_POLICY}))


_USAGES_OF_A_CA = frozenset({"keyCertSign", "cRLSign"})


def _outside(
    rule: str, field: str, asked_for: tuple[str, ...], allowed: AbstractSet[str], forbidden: AbstractSet[str]
) -> Iterator[Violation]:
    wanted = " or ".join(sorted(allowed)) or "absent"
    return (
        violation(rule, Concern.EXTENSIONS, field, one, wanted, is_forbidden=one in forbidden)
        for one in asked_for
        if one not in allowed
    )


@dataclass(frozen=True, slots=True)
class ExtensionsCondition:
    """`extensions`: those that may be in the request without being judged.

    Those that have a section of their own are judged there, those that lead to the policy by `select`. Never allowed
    is what would make the certificate a CA's, or carry further names, or another key's identifier.
    """

    unjudged: AbstractSet[str]
    """Object identifiers."""

    def violations(self, rule: str, application: Application) -> tuple[Violation, ...]:
        return first_of(self._violations(rule, application.request))

    def _violations(self, rule: str, request: CertificateRequest) -> Iterator[Violation]:
        if request.basic_constraints_ca:
            wanted = "cA FALSE or absent"
            yield violation(rule, Concern.EXTENSIONS, "basicConstraints", "cA TRUE", wanted, is_forbidden=True)
        for extension in request.extensions:
            shown = extension.value.hex()
            if extension.oid in REFUSED_EXTENSIONS:
                field = REFUSED_EXTENSIONS[extension.oid]
                yield violation(rule, Concern.EXTENSIONS, field, shown, "absent", is_forbidden=True)
            elif extension.oid == oids.SUBJECT_KEY_IDENTIFIER and not _is_of_key(extension, request.public_key):
                # Alone it can lead to an account: altSecurityIdentities X509SKI (ESC14).
                field, wanted = "subjectKeyIdentifier", "a hash of the key of the request"
                yield violation(rule, Concern.EXTENSIONS, field, shown, wanted, is_forbidden=True)
            elif extension.oid not in self.unjudged and extension.oid not in JUDGED_EXTENSIONS:
                yield violation(rule, Concern.EXTENSIONS, extension.oid, shown, "absent")


def _is_of_key(extension: Extension, key: PublicKey) -> bool:
    try:
        return subject_key_identifier(extension.value) in key_identifiers(key.subject_public_key_info)
    except ValueError:
        return False
