"""What an issued certificate is good for: template, usages, policies, and extensions of any kind.

The lists of the rule bound the certificate as they bound the request: else a template that was changed, or application
policies that a CA lets through (ESC15), would be handed out.
"""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from gateway.errors import Objection
from gateway.pki import oids
from gateway.pki.issued_certificate import (
    AUTHORITY_INFORMATION_ACCESS,
    AUTHORITY_KEY_IDENTIFIER,
    CRL_DISTRIBUTION_POINTS,
    FRESHEST_CRL,
    IssuedCertificate,
)
from gateway.pki.names import GeneralName, GeneralNameType
from gateway.policy.expected import Expected
from gateway.policy.issued_fields import Field, objection
from gateway.policy.names import SubjectAlternativeNameCondition
from gateway.requester import Requester

CA_EXTENSIONS = frozenset(
    {
        oids.SUBJECT_KEY_IDENTIFIER,
        oids.KEY_USAGE,
        oids.SUBJECT_ALT_NAME,
        oids.BASIC_CONSTRAINTS,
        CRL_DISTRIBUTION_POINTS,
        oids.CERTIFICATE_POLICIES,
        AUTHORITY_KEY_IDENTIFIER,
        oids.EXT_KEY_USAGE,
        FRESHEST_CRL,
        AUTHORITY_INFORMATION_ACCESS,
        oids.ENROLL_CERTTYPE,
        oids.CERTIFICATE_TEMPLATE,
        oids.APPLICATION_CERT_POLICIES,
        oids.NTDS_CA_SECURITY_EXT,
        # sMIMECapabilities: which ciphers mail to this person may use. Of no consequence for who may do what.
        "1.2.840.113549.1.9.15",
    }
)
"""What an AD CS writes by itself ([MS-WCCE] 3.2.1.4.2.1.4.7 and 3.2.2.6.2.1.4): all but the last is judged."""


def objections_to_usage(issued: IssuedCertificate, expected: Expected, requester: Requester) -> Iterator[Objection]:
    """All that it could be used for beyond what was approved."""
    yield from _objections_to_template(issued, expected)
    if issued.basic_constraints_ca:
        yield objection(Field.BASIC_CONSTRAINTS, "cA TRUE", "cA FALSE or absent")
    yield from _objections_to_usages(issued, expected)
    for oid in issued.extensions:
        if oid not in CA_EXTENSIONS and oid not in expected.limits.extensions:
            yield objection(Field.EXTENSIONS, oid, "absent, or listed in the rule's `extensions`")
    rule = expected.issued
    yield from _objections_to_locations(
        Field.CRL_DISTRIBUTION_POINTS, issued.crl_distribution_points, rule.crl_distribution_points, requester
    )
    yield from _objections_to_locations(
        Field.AUTHORITY_INFORMATION_ACCESS,
        issued.authority_information_access,
        rule.authority_information_access,
        requester,
    )


def _objections_to_template(issued: IssuedCertificate, expected: Expected) -> Iterator[Objection]:
    template = expected.template
    if issued.template_name is None and issued.template_oid is None:
        yield objection(Field.CERTIFICATE_TEMPLATE, "", template.name)
    if issued.template_name is not None and issued.template_name.casefold() != template.name.casefold():
        yield objection(Field.CERTIFICATE_TEMPLATE, issued.template_name, template.name)
    if issued.template_oid is not None and issued.template_oid not in template.oids:
        wanted = (
            " or ".join(sorted(template.oids))
            or f"the number of {template.name}: write it into the policy, template.oid"
        )
        yield objection(Field.CERTIFICATE_TEMPLATE, issued.template_oid, wanted)


def _objections_to_usages(issued: IssuedCertificate, expected: Expected) -> Iterator[Objection]:
    limits = expected.limits
    if issued.key_usage is None:
        yield objection(Field.KEY_USAGE, "absent: any usage", _list(limits.key_usage))
    yield from _outside(Field.KEY_USAGE, issued.key_usage, limits.key_usage)
    if issued.certificate.extended_key_usage is None and issued.application_policies is None:
        yield objection(Field.EXTENDED_KEY_USAGE, "absent: any usage", _list(limits.extended_key_usage))
    yield from _outside(Field.EXTENDED_KEY_USAGE, issued.certificate.extended_key_usage, limits.extended_key_usage)
    yield from _outside(Field.APPLICATION_POLICIES, issued.application_policies, limits.extended_key_usage)
    # ESC13: a policy can be linked to a group.
    yield from _outside(Field.CERTIFICATE_POLICIES, issued.certificate_policies, limits.certificate_policies)


def _outside(field: Field, found: tuple[str, ...] | None, allowed: AbstractSet[str]) -> Iterator[Objection]:
    return (objection(field, one, _list(allowed)) for one in found or () if one not in allowed)


def _list(allowed: AbstractSet[str]) -> str:
    return " or ".join(sorted(allowed)) or "something that the rule lists"


def _objections_to_locations(
    field: Field,
    found: tuple[str, ...] | None,
    condition: SubjectAlternativeNameCondition | None,
    requester: Requester,
) -> Iterator[Objection]:
    """Judged only where the policy says which: the default is to believe the CA about its own servers."""
    if condition is None:
        return
    uris = [GeneralName(GeneralNameType.UNIFORM_RESOURCE_IDENTIFIER, location) for location in found or ()]
    for violation in condition.violations_of(uris, "issued", requester):
        yield objection(field, violation.value, violation.wanted)
