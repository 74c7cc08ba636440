"""What of the inside's enrollment policy is told outside: a reduced, rewritten, self-consistent answer.

The order of what must stay consistent is that of [MS-XCEP] 3.1.4.1.3: policies refer to cAs and oIDs by number.
References are never renumbered; what nothing refers to any more is dropped, since its names would leak.
"""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from uuid import NAMESPACE_URL, uuid5

from gateway.errors import MalformedMessage, NothingToEnroll, UpstreamMisbehaved
from gateway.pki.certificate import parse_certificate
from gateway.protocol.xcep import CA, CAURI, Attributes, CertificateEnrollmentPolicy, GetPoliciesResponse


@dataclass(frozen=True, slots=True)
class Publication:
    """How the outside reaches each certification authority."""

    friendly_name: str
    """Shown to users by Windows as the policy server's name."""
    policy_id_seed: str
    """The same on every replica: policy identifiers are derived from it."""
    uris: dict[str, tuple[CAURI, ...]]
    """The public URIs by the common name of the CA."""


def publish(offered: GetPoliciesResponse, templates: AbstractSet[str], publication: Publication) -> GetPoliciesResponse:
    """The part of `offered` about `templates` (common names, in any case) and the CAs that are published.

    Raises NothingToEnroll if nothing is left: clients stumble over an empty answer.
    """
    wanted = {name.casefold() for name in templates}
    cas = tuple(_published_cas(offered, publication))
    known = {ca.ca_reference_id for ca in cas}
    policies = tuple(
        _published_policy(policy, known, wanted)
        for policy in offered.policies or ()
        if policy.attributes.common_name.casefold() in wanted and known.intersection(policy.ca_references or ())
    )
    if not policies:
        raise NothingToEnroll("no template is both offered by the internal CEP and open to this requester")
    used = {reference for policy in policies for reference in policy.ca_references or ()}
    referenced = {reference for policy in policies for reference in _oid_references(policy)}
    return GetPoliciesResponse(
        policy_id=_policy_id(publication, policies),
        policy_friendly_name=publication.friendly_name,
        next_update_hours=offered.next_update_hours,
        policies_not_changed=None,
        policies=policies,
        cas=tuple(ca for ca in cas if ca.ca_reference_id in used),
        oids=tuple(oid for oid in offered.oids or () if oid.oid_reference_id in referenced),
    )


def _policy_id(publication: Publication, policies: tuple[CertificateEnrollmentPolicy, ...]) -> str:
    """One identifier per view: clients cache by it, so two different answers must never share one."""
    view = "\0".join(sorted(policy.attributes.common_name.casefold() for policy in policies))
    return f"{{{uuid5(NAMESPACE_URL, f'{publication.policy_id_seed}#{view}')}}}".upper()


def _published_cas(offered: GetPoliciesResponse, publication: Publication) -> Iterator[CA]:
    for ca in offered.cas or ():
        uris = publication.uris.get(_common_name(ca))
        if uris:
            yield replace(ca, uris=uris, enroll_permission=True)


def _common_name(ca: CA) -> str:
    try:
        subject = parse_certificate(ca.certificate).subject
    except MalformedMessage as error:
        raise UpstreamMisbehaved(f"CEP lists a CA whose certificate cannot be read: {error}") from error
    return next((a.value for a in subject.attributes() if a.type == "commonName"), "")


def _published_policy(
    policy: CertificateEnrollmentPolicy, cas: AbstractSet[int], templates: AbstractSet[str]
) -> CertificateEnrollmentPolicy:
    attributes = policy.attributes
    # An SDDL of internal SIDs says nothing to a machine outside, and much to whoever reads it.
    key = replace(attributes.private_key_attributes, permissions=None)
    superseded = tuple(name for name in attributes.superseded_policies or () if name.casefold() in templates)
    return replace(
        policy,
        ca_references=tuple(reference for reference in policy.ca_references or () if reference in cas),
        # CEP computed the permission for the identity that reached it; outside, the gateway's own policy counts.
        attributes=replace(attributes, enroll=True, private_key_attributes=key, superseded_policies=superseded or None),
    )


def _oid_references(policy: CertificateEnrollmentPolicy) -> Iterator[int]:
    yield policy.policy_oid_reference
    attributes: Attributes = policy.attributes
    single = (attributes.private_key_attributes.algorithm_oid_reference, attributes.hash_algorithm_oid_reference)
    yield from (reference for reference in single if reference is not None)
    if attributes.key_archival_attributes:
        yield attributes.key_archival_attributes.symmetric_algorithm_oid_reference
    if attributes.ra_requirements:
        yield from attributes.ra_requirements.ra_ekus or ()
        yield from attributes.ra_requirements.ra_policies or ()
    yield from (extension.oid_reference for extension in attributes.extensions or ())
