"""What a certificate must be that the CA issues upon an approval: little, for it is kept while a request is pending."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from gateway.pki.certificate_request import CertificateRequest
from gateway.pki.extensions import security_identifier_of_uri
from gateway.pki.names import GeneralName, GeneralNameType, Name
from gateway.policy.decision import Approval, Mode, Template
from gateway.policy.limits import Limits
from gateway.policy.names import SubjectAlternativeNameCondition, SubjectCondition

NO_ATTRIBUTES = SubjectCondition({})
NO_NAMES = SubjectAlternativeNameCondition({})


class SecurityIdentifier(StrEnum):
    """Whether the certificate must state the SID of the account that it is for (KB5014754)."""

    REQUIRED = "required"
    OPTIONAL = "optional"
    """None, or the right one: CAs before 2022, and templates with CT_FLAG_NO_SECURITY_EXTENSION."""
    ANY = "any"
    """Whoever's: for enrollment on behalf of accounts that the gateway does not know."""


@dataclass(frozen=True, slots=True)
class IssuedRule:
    """`issued` of a policy file: what the CA may put into its certificates that nobody has asked for."""

    subject: SubjectCondition = NO_ATTRIBUTES
    subject_alternative_name: SubjectAlternativeNameCondition = NO_NAMES
    security_identifier: SecurityIdentifier | None = None
    """None: as the template has it."""
    crl_distribution_points: SubjectAlternativeNameCondition | None = None
    """Of URIs, those of freshestCRL too. None: not judged, as below."""
    authority_information_access: SubjectAlternativeNameCondition | None = None

    @property
    def has_names(self) -> bool:
        return bool(self.subject.fields or self.subject_alternative_name.fields)


NOTHING_MORE = IssuedRule()


@dataclass(frozen=True, slots=True)
class Expected:
    """All of an approval that is left when the certificate comes: no DER of the request, nothing of the requester."""

    subject_public_key_info: bytes
    subject: Name
    """As asked for; in a renewal, the old certificate's attributes follow."""
    subject_alternative_name: tuple[GeneralName, ...]
    """As above."""
    security_identifiers: frozenset[str]
    """Asked for, and approved."""
    requester_name: str | None
    """On behalf of whom."""
    template: Template
    limits: Limits
    maximum_validity: timedelta | None
    issued: IssuedRule
    mode: Mode
    approved_at: datetime


def expected_of(approval: Approval, approved_at: datetime) -> Expected:
    """What the CA may make of the approval."""
    request, rule = approval.application.request, approval.rule
    old = request.renewal_certificate
    # The CA adds the old names by itself where the template lets renewals go without approval ([MS-WCCE]
    # 3.2.2.6.2.1.4.5.6, CT_FLAG_PREVIOUS_APPROVAL_VALIDATE_REENROLLMENT).
    return Expected(
        subject_public_key_info=request.public_key.subject_public_key_info,
        subject=Name((*request.subject.rdns, *(old.subject.rdns if old else ()))),
        subject_alternative_name=(*request.subject_alternative_name, *(old.subject_alternative_name if old else ())),
        security_identifiers=frozenset(_security_identifiers(request)),
        requester_name=request.requester_name,
        template=approval.policy.template,
        limits=rule.limits,
        maximum_validity=rule.maximum_validity,
        issued=approval.policy.issued or NOTHING_MORE,
        mode=approval.policy.mode,
        approved_at=approved_at,
    )


def _security_identifiers(request: CertificateRequest) -> set[str]:
    stated = {request.security_identifier}
    for name in request.subject_alternative_name:
        if name.type is GeneralNameType.UNIFORM_RESOURCE_IDENTIFIER:
            stated.add(security_identifier_of_uri(name.value))
    return {sid for sid in stated if sid is not None}
