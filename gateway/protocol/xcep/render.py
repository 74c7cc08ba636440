"""[MS-XCEP] messages written: every element of the schema, in its order, xsi:nil for None and for empty collections.

Clients take nillable for "must be there, may be nil": nothing is left out.
"""

from collections.abc import Callable, Collection, Mapping
from typing import TypeVar

from lxml import etree

from gateway.protocol import xml, xsd
from gateway.protocol.namespaces import XCEP, XSI
from gateway.protocol.xcep.messages import (
    CA,
    CAURI,
    OID,
    Attributes,
    CertificateEnrollmentPolicy,
    Extension,
    GetPolicies,
    GetPoliciesResponse,
    KeyArchivalAttributes,
    PrivateKeyAttributes,
    RARequirements,
    RequestFilter,
)

_T = TypeVar("_T")
_Values = Mapping[str, bool | int | bytes | str | None]


def render_get_policies(request: GetPolicies) -> etree._Element:
    """The body of a message with ACTION_GET_POLICIES."""
    root = xml.new(_tag("GetPolicies"), {None: XCEP, "xsi": XSI})
    _add_values(
        _add(root, "client"), {"lastUpdate": request.last_update, "preferredLanguage": request.preferred_language}
    )
    _add_nillable(root, "requestFilter", request.request_filter, _fill_request_filter)
    return root


def _fill_request_filter(element: etree._Element, request_filter: RequestFilter) -> None:
    _add_items(element, "policyOIDs", "oid", request_filter.policy_oids)
    _add_values(
        element, {"clientVersion": request_filter.client_version, "serverVersion": request_filter.server_version}
    )


def render_get_policies_response(response: GetPoliciesResponse) -> etree._Element:
    """The body of a message with ACTION_GET_POLICIES_RESPONSE. Every reference is written as it came."""
    root = xml.new(_tag("GetPoliciesResponse"), {None: XCEP, "xsi": XSI})
    element = _add(root, "response")
    _add_values(
        element,
        {
            "policyID": response.policy_id,
            "policyFriendlyName": response.policy_friendly_name,
            "nextUpdateHours": response.next_update_hours,
            "policiesNotChanged": response.policies_not_changed,
        },
    )
    _add_collection(element, "policies", "policy", response.policies, _fill_policy)
    _add_collection(root, "cAs", "cA", response.cas, _fill_ca)
    _add_collection(root, "oIDs", "oID", response.oids, _fill_oid)
    return root


def _fill_policy(element: etree._Element, policy: CertificateEnrollmentPolicy) -> None:
    _add_values(element, {"policyOIDReference": policy.policy_oid_reference})
    _add_items(element, "cAs", "cAReference", policy.ca_references)
    _fill_attributes(_add(element, "attributes"), policy.attributes)


def _fill_attributes(element: etree._Element, attributes: Attributes) -> None:
    _add_values(element, {"commonName": attributes.common_name, "policySchema": attributes.policy_schema})
    _add_values(
        _add(element, "certificateValidity"),
        {
            "validityPeriodSeconds": attributes.validity_period_seconds,
            "renewalPeriodSeconds": attributes.renewal_period_seconds,
        },
    )
    _add_values(_add(element, "permission"), {"enroll": attributes.enroll, "autoEnroll": attributes.auto_enroll})
    _fill_private_key_attributes(_add(element, "privateKeyAttributes"), attributes.private_key_attributes)
    _add_values(
        _add(element, "revision"),
        {"majorRevision": attributes.major_revision, "minorRevision": attributes.minor_revision},
    )
    _add_items(element, "supersededPolicies", "commonName", attributes.superseded_policies)
    _add_values(
        element,
        {
            "privateKeyFlags": attributes.private_key_flags,
            "subjectNameFlags": attributes.subject_name_flags,
            "enrollmentFlags": attributes.enrollment_flags,
            "generalFlags": attributes.general_flags,
            "hashAlgorithmOIDReference": attributes.hash_algorithm_oid_reference,
        },
    )
    _add_nillable(element, "rARequirements", attributes.ra_requirements, _fill_ra_requirements)
    _add_nillable(element, "keyArchivalAttributes", attributes.key_archival_attributes, _fill_key_archival_attributes)
    _add_collection(element, "extensions", "extension", attributes.extensions, _fill_extension)


def _fill_private_key_attributes(element: etree._Element, attributes: PrivateKeyAttributes) -> None:
    _add_values(
        element,
        {
            "minimalKeyLength": attributes.minimal_key_length,
            "keySpec": attributes.key_spec,
            "keyUsageProperty": attributes.key_usage_property,
            "permissions": attributes.permissions,
            "algorithmOIDReference": attributes.algorithm_oid_reference,
        },
    )
    _add_items(element, "cryptoProviders", "provider", attributes.crypto_providers)


def _fill_ra_requirements(element: etree._Element, requirements: RARequirements) -> None:
    _add_values(element, {"rASignatures": requirements.ra_signatures})
    _add_items(element, "rAEKUs", "oIDReference", requirements.ra_ekus)
    _add_items(element, "rAPolicies", "oIDReference", requirements.ra_policies)


def _fill_key_archival_attributes(element: etree._Element, attributes: KeyArchivalAttributes) -> None:
    _add_values(
        element,
        {
            "symmetricAlgorithmOIDReference": attributes.symmetric_algorithm_oid_reference,
            "symmetricAlgorithmKeyLength": attributes.symmetric_algorithm_key_length,
        },
    )


def _fill_extension(element: etree._Element, extension: Extension) -> None:
    _add_values(
        element,
        {"oIDReference": extension.oid_reference, "critical": extension.critical, "value": extension.value},
    )


def _fill_ca(element: etree._Element, ca: CA) -> None:
    _add_collection(element, "uris", "cAURI", ca.uris, _fill_ca_uri)
    _add_values(
        element,
        {
            "certificate": ca.certificate,
            "enrollPermission": ca.enroll_permission,
            "cAReferenceID": ca.ca_reference_id,
        },
    )


def _fill_ca_uri(element: etree._Element, ca_uri: CAURI) -> None:
    _add_values(
        element,
        {
            "clientAuthentication": ca_uri.client_authentication.value,
            "uri": ca_uri.uri,
            "priority": ca_uri.priority,
            "renewalOnly": ca_uri.renewal_only,
        },
    )


def _fill_oid(element: etree._Element, oid: OID) -> None:
    _add_values(
        element,
        {
            "value": oid.value,
            "group": oid.group,
            "oIDReferenceID": oid.oid_reference_id,
            "defaultName": oid.default_name,
        },
    )


def _add(parent: etree._Element, name: str) -> etree._Element:
    return xml.add(parent, _tag(name))


def _add_values(parent: etree._Element, values: _Values) -> None:
    for name, value in values.items():
        xsd.add_value(parent, _tag(name), value)


def _add_nillable(
    parent: etree._Element, name: str, value: _T | None, fill: Callable[[etree._Element, _T], None]
) -> None:
    if value is None:
        xsd.add_value(parent, _tag(name), None)
    else:
        fill(_add(parent, name), value)


def _add_collection(
    parent: etree._Element,
    name: str,
    item: str,
    values: Collection[_T] | None,
    fill: Callable[[etree._Element, _T], None],
) -> None:
    def fill_all(collection: etree._Element, values: Collection[_T]) -> None:
        for value in values:
            fill(_add(collection, item), value)

    _add_nillable(parent, name, values or None, fill_all)


def _add_items(parent: etree._Element, name: str, item: str, values: Collection[int | str] | None) -> None:
    """A collection of plain values."""

    def fill_all(collection: etree._Element, values: Collection[int | str]) -> None:
        for value in values:
            xsd.add_value(collection, _tag(item), value)

    _add_nillable(parent, name, values or None, fill_all)


def _tag(name: str) -> str:
    return f"{{{XCEP}}}{name}"
