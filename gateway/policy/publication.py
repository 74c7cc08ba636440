"""What of the inside's enrollment policy is told outside: a reduced, rewritten, self-consistent answer.

The order of what must stay consistent is that of [MS-XCEP] 3.1.4.1.3: policies refer to cAs and oIDs by number.
References are never renumbered; what nothing refers to any more is dropped, since its names would leak.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from uuid import NAMESPACE_URL, uuid5

from gateway.errors import MalformedMessage, NothingToEnroll, UpstreamMisbehaved
from gateway.pki.certificate import parse_certificate
from gateway.policy.decision import OpenTemplate
from gateway.protocol.xcep import CA, CAURI, OID, Attributes, CertificateEnrollmentPolicy, GetPoliciesResponse


@dataclass(frozen=True, slots=True)
class Publication:
    """What a CEP service tells of itself, and how the outside reaches each certification authority."""

    friendly_name: str
    """Shown to users by Windows as the policy server's name."""
    policy_id: str
    """Of `policy_id_of`."""
    uris: Mapping[str, tuple[CAURI, ...]]
    """The public URIs by the common name of the CA, in the order of preference. Their priorities are given here."""
    redact: Callable[[str], str] = field(default=str)
    """Takes the names of the inside out of the few texts that are passed on."""


@dataclass(frozen=True, slots=True)
class Published:
    """What is told, and what is not although it could have been."""

    response: GetPoliciesResponse
    left_out: tuple[str, ...]
    """Sentences for the operator, about templates that CEP describes in a way that no client could use."""


def policy_id_of(public_url: str, view: str) -> str:
    """The policyID of a view, as Windows writes them.

    "Two or more servers can respond with the same policyID if, and only if, they are configured to return the same
    Response object to the same requestor" ([MS-XCEP] 3.1.4.1.3.23): it names a configuration, not an answer. So it has
    in it where this gateway is and which of its views that is, which replicas and services of other authentication
    have in common, and nothing that changes with templates, rules or the requester: Windows notes it beside each
    certificate, and looks for the one with that policyID when it is time to renew.
    """
    place = public_url.rstrip("/").lower()
    return f"{{{uuid5(NAMESPACE_URL, f'{place}#{view}')}}}".upper()


def publish(offered: GetPoliciesResponse, templates: Iterable[OpenTemplate], publication: Publication) -> Published:
    """The part of `offered` about `templates` and the CAs that are published.

    Raises NothingToEnroll if nothing is left: clients stumble over an empty answer. Raises UpstreamMisbehaved if the
    inside's own numbers do not say what they mean.
    """
    wanted = {template.name.casefold(): template for template in templates}
    cas = {ca.ca_reference_id: ca for ca in _unique_cas(offered) if _common_name(ca) in publication.uris}
    oids = _unique_oids(offered)
    told: dict[str, CertificateEnrollmentPolicy] = {}
    left_out: list[str] = []
    for policy in offered.policies or ():
        name = policy.attributes.common_name.casefold()
        if name not in wanted or not cas.keys() & set(policy.ca_references or ()):
            continue
        objection = _objection(policy, wanted[name], oids, told)
        if objection is None:
            told[name] = policy
        else:
            left_out.append(f"template {policy.attributes.common_name} is not told: {objection}")
    if not told:
        reasons = "; ".join(left_out)
        raise NothingToEnroll(reasons or "no template is both offered by the internal CEP and open to this requester")

    policies = tuple(_published_policy(policy, cas.keys(), told.keys(), publication) for policy in told.values())
    referenced = {reference for policy in policies for reference in _oid_references(policy)}
    response = GetPoliciesResponse(
        policy_id=publication.policy_id,
        policy_friendly_name=publication.friendly_name,
        # "MUST be a positive nonzero integer" (3.1.4.1.3.23); nil is Windows' own default.
        next_update_hours=offered.next_update_hours or None,
        policies_not_changed=None,
        policies=policies,
        cas=tuple(_published_cas(cas.values(), policies, wanted, publication)),
        oids=tuple(
            replace(oid, default_name=None if oid.default_name is None else publication.redact(oid.default_name))
            for oid in oids.values()
            if oid.oid_reference_id in referenced
        ),
    )
    return Published(response, tuple(left_out))


def not_changed(response: GetPoliciesResponse) -> GetPoliciesResponse:
    """The answer to a client that has this one already ([MS-XCEP] 3.1.4.1.3.9 and 4.1.2.2)."""
    return replace(response, policies_not_changed=True, policies=None, cas=None, oids=None)


def _unique_cas(offered: GetPoliciesResponse) -> tuple[CA, ...]:
    cas = offered.cas or ()
    if len({ca.ca_reference_id for ca in cas}) != len(cas):
        raise UpstreamMisbehaved("CEP uses one cAReferenceID for two CAs: nobody knows which one a template means")
    return cas


def _unique_oids(offered: GetPoliciesResponse) -> dict[int, OID]:
    oids = {oid.oid_reference_id: oid for oid in offered.oids or ()}
    if len(oids) != len(offered.oids or ()):
        raise UpstreamMisbehaved("CEP uses one oIDReferenceID for two object identifiers: nobody knows which is meant")
    return oids


def _objection(
    policy: CertificateEnrollmentPolicy,
    template: OpenTemplate,
    oids: Mapping[int, OID],
    told: Mapping[str, CertificateEnrollmentPolicy],
) -> str | None:
    """Why a client could do nothing with it; None if it can."""
    if policy.attributes.common_name.casefold() in told:
        return "CEP offers two of this name, and 3.1.4.1.3.1 wants it to be unique"
    if any(policy.policy_oid_reference == other.policy_oid_reference for other in told.values()):
        return "CEP gives it the object identifier of another one"
    missing = sorted(set(_oid_references(policy)) - oids.keys())
    if missing:
        return f"CEP refers to object identifiers that it does not list, with the oIDReferenceIDs {missing}"
    oid = oids[policy.policy_oid_reference].value
    if template.oid not in {None, oid}:
        return f"CEP gives it the object identifier {oid}, and its policy is for {template.oid}"
    return None


def _published_cas(
    cas: Iterable[CA],
    policies: tuple[CertificateEnrollmentPolicy, ...],
    wanted: Mapping[str, OpenTemplate],
    publication: Publication,
) -> Iterator[CA]:
    for ca in cas:
        templates = [
            wanted[policy.attributes.common_name.casefold()]
            for policy in policies
            if ca.ca_reference_id in (policy.ca_references or ())
        ]
        if templates:
            # To this requester every service of the CA is renewal-only if its rules allow nothing but renewals.
            renewals_only = all(template.renewals_only for template in templates)
            uris = _ranked(publication.uris[_common_name(ca)], renewals_only=renewals_only)
            yield replace(ca, uris=uris, enroll_permission=True)


def _ranked(uris: Iterable[CAURI], *, renewals_only: bool) -> tuple[CAURI, ...]:
    """One for each authentication and renewalOnly, the first; cepces takes no nil for a priority."""
    chosen: dict[tuple[int, bool], CAURI] = {}
    for uri in uris:
        renewal_only = renewals_only or uri.renewal_only is True
        chosen.setdefault((uri.client_authentication, renewal_only), replace(uri, renewal_only=renewal_only))
    return tuple(replace(uri, priority=n) for n, uri in enumerate(chosen.values(), 1))


def _common_name(ca: CA) -> str:
    try:
        subject = parse_certificate(ca.certificate).subject
    except MalformedMessage as error:
        raise UpstreamMisbehaved(f"CEP lists a CA whose certificate cannot be read: {error}") from error
    return next((a.value for a in subject.attributes() if a.type == "commonName"), "")


def _published_policy(
    policy: CertificateEnrollmentPolicy,
    cas: AbstractSet[int],
    templates: AbstractSet[str],
    publication: Publication,
) -> CertificateEnrollmentPolicy:
    attributes = policy.attributes
    key = attributes.private_key_attributes
    providers = tuple(name for name in key.crypto_providers or () if publication.redact(name) == name)
    superseded = tuple(name for name in attributes.superseded_policies or () if name.casefold() in templates)
    extensions = tuple(
        # 6.2 wants a value where 3.1.4.1.3.12 lets it be nil. RFC 5280 4.1: DEFAULT FALSE.
        replace(extension, critical=extension.critical or False)
        for extension in attributes.extensions or ()
    )
    return replace(
        policy,
        # Each once (3.1.4.1.3.4).
        ca_references=tuple(dict.fromkeys(n for n in policy.ca_references or () if n in cas)),
        attributes=replace(
            attributes,
            # CEP computed it for the identity that reached it; outside, the gateway's own policy counts. autoEnroll
            # stays: it is a property of the template, and what Windows does unattended is judged as anything else.
            enroll=True,
            # An SDDL of internal SIDs says nothing to a machine outside, and much to whoever reads it.
            private_key_attributes=replace(key, permissions=None, crypto_providers=providers or None),
            superseded_policies=superseded or None,
            extensions=extensions or None,
        ),
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
