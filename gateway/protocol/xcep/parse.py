"""[MS-XCEP] messages read. What the schema's xs:any admits is dropped.

What the schema lets be nil may also be absent, or be a collection of nothing, since not all servers keep to it: then it
is None too.
"""

from collections.abc import Callable
from typing import TypeVar

from lxml import etree

from gateway.errors import ActionNotSupported, MalformedMessage
from gateway.protocol import xml, xsd
from gateway.protocol.namespaces import XCEP
from gateway.protocol.soap import Envelope
from gateway.protocol.xcep.messages import (
    ACTION_GET_POLICIES,
    ACTION_GET_POLICIES_RESPONSE,
    CA,
    CAURI,
    OID,
    Attributes,
    CertificateEnrollmentPolicy,
    ClientAuthentication,
    Extension,
    GetPolicies,
    GetPoliciesResponse,
    KeyArchivalAttributes,
    PrivateKeyAttributes,
    RARequirements,
    RequestFilter,
)
from gateway.protocol.xml import is_nil, name_of, quote, text, trimmed

_T = TypeVar("_T")


def parse_get_policies(envelope: Envelope) -> GetPolicies:
    """Raises MalformedMessage or ActionNotSupported."""
    if envelope.action != ACTION_GET_POLICIES:
        raise ActionNotSupported(f"the action {quote(envelope.action)} is not GetPolicies")
    body = _body(envelope, "GetPolicies")
    client = _child(body, "client")
    if not len(client):
        raise MalformedMessage("the client element is empty ([MS-XCEP] 3.1.4.1.2.1)")
    return GetPolicies(
        last_update=_nillable(client, "lastUpdate", trimmed),
        preferred_language=xsd.language(_nillable(client, "preferredLanguage", trimmed)),
        request_filter=_nillable(body, "requestFilter", _request_filter),
    )


def _request_filter(element: etree._Element) -> RequestFilter | None:
    """An empty one filters as little as a nil one ([MS-XCEP] 3.1.4.1.2.1)."""
    if not len(element):
        return None
    return RequestFilter(
        policy_oids=_collection(element, "policyOIDs", "oid", trimmed),
        client_version=_nillable(element, "clientVersion", xsd.int_),
        server_version=_nillable(element, "serverVersion", xsd.int_),
    )


def parse_get_policies_response(envelope: Envelope) -> GetPoliciesResponse:
    """Raises MalformedMessage."""
    if envelope.action != ACTION_GET_POLICIES_RESPONSE:
        raise MalformedMessage(f"the answer has the action {quote(envelope.action)}, not GetPoliciesResponse")
    body = _body(envelope, "GetPoliciesResponse")
    response = _child(body, "response")
    return GetPoliciesResponse(
        policy_id=_required(response, "policyID", text),
        policy_friendly_name=_nillable(response, "policyFriendlyName", text),
        next_update_hours=_nillable(response, "nextUpdateHours", xsd.unsigned_int),
        policies_not_changed=_nillable(response, "policiesNotChanged", xsd.boolean),
        policies=_collection(response, "policies", "policy", _policy),
        cas=_collection(body, "cAs", "cA", _ca),
        oids=_collection(body, "oIDs", "oID", _oid),
    )


def _policy(element: etree._Element) -> CertificateEnrollmentPolicy:
    return CertificateEnrollmentPolicy(
        policy_oid_reference=_required(element, "policyOIDReference", xsd.int_),
        ca_references=_collection(element, "cAs", "cAReference", xsd.int_),
        attributes=_required(element, "attributes", _attributes),
    )


def _attributes(element: etree._Element) -> Attributes:
    validity = _child(element, "certificateValidity")
    permission = _child(element, "permission")
    revision = _child(element, "revision")
    return Attributes(
        common_name=_required(element, "commonName", text),
        policy_schema=_required(element, "policySchema", xsd.unsigned_int),
        validity_period_seconds=_required(validity, "validityPeriodSeconds", xsd.unsigned_long),
        renewal_period_seconds=_required(validity, "renewalPeriodSeconds", xsd.unsigned_long),
        enroll=_required(permission, "enroll", xsd.boolean),
        auto_enroll=_required(permission, "autoEnroll", xsd.boolean),
        private_key_attributes=_required(element, "privateKeyAttributes", _private_key_attributes),
        major_revision=_required(revision, "majorRevision", xsd.unsigned_int),
        minor_revision=_required(revision, "minorRevision", xsd.unsigned_int),
        superseded_policies=_collection(element, "supersededPolicies", "commonName", text),
        private_key_flags=_nillable(element, "privateKeyFlags", xsd.unsigned_int),
        subject_name_flags=_nillable(element, "subjectNameFlags", xsd.unsigned_int),
        enrollment_flags=_nillable(element, "enrollmentFlags", xsd.unsigned_int),
        general_flags=_nillable(element, "generalFlags", xsd.unsigned_int),
        hash_algorithm_oid_reference=_nillable(element, "hashAlgorithmOIDReference", xsd.int_),
        ra_requirements=_nillable(element, "rARequirements", _ra_requirements),
        key_archival_attributes=_nillable(element, "keyArchivalAttributes", _key_archival_attributes),
        extensions=_collection(element, "extensions", "extension", _extension),
    )


def _private_key_attributes(element: etree._Element) -> PrivateKeyAttributes:
    return PrivateKeyAttributes(
        minimal_key_length=_required(element, "minimalKeyLength", xsd.unsigned_int),
        key_spec=_nillable(element, "keySpec", xsd.unsigned_int),
        key_usage_property=_nillable(element, "keyUsageProperty", xsd.unsigned_int),
        permissions=_nillable(element, "permissions", text),
        algorithm_oid_reference=_nillable(element, "algorithmOIDReference", xsd.int_),
        crypto_providers=_collection(element, "cryptoProviders", "provider", text),
    )


def _ra_requirements(element: etree._Element) -> RARequirements:
    return RARequirements(
        ra_signatures=_required(element, "rASignatures", xsd.unsigned_int),
        ra_ekus=_collection(element, "rAEKUs", "oIDReference", xsd.int_),
        ra_policies=_collection(element, "rAPolicies", "oIDReference", xsd.int_),
    )


def _key_archival_attributes(element: etree._Element) -> KeyArchivalAttributes:
    return KeyArchivalAttributes(
        symmetric_algorithm_oid_reference=_required(element, "symmetricAlgorithmOIDReference", xsd.int_),
        symmetric_algorithm_key_length=_required(element, "symmetricAlgorithmKeyLength", xsd.unsigned_int),
    )


def _extension(element: etree._Element) -> Extension:
    return Extension(
        oid_reference=_required(element, "oIDReference", xsd.int_),
        critical=_nillable(element, "critical", xsd.boolean),
        value=_nillable(element, "value", xsd.base64_binary),
    )


def _ca(element: etree._Element) -> CA:
    certificate = _required(element, "certificate", xsd.base64_binary)
    if not certificate:
        raise MalformedMessage("the certificate of a cA is empty ([MS-XCEP] 3.1.4.1.3.2)")
    return CA(
        uris=_collection(element, "uris", "cAURI", _ca_uri) or (),
        certificate=certificate,
        enroll_permission=_required(element, "enrollPermission", xsd.boolean),
        ca_reference_id=_required(element, "cAReferenceID", xsd.int_),
    )


def _ca_uri(element: etree._Element) -> CAURI:
    return CAURI(
        client_authentication=_required(element, "clientAuthentication", _client_authentication),
        uri=_required(element, "uri", trimmed),
        priority=_nillable(element, "priority", xsd.unsigned_int),
        renewal_only=_nillable(element, "renewalOnly", xsd.boolean),
    )


def _client_authentication(element: etree._Element) -> ClientAuthentication:
    number = xsd.unsigned_int(element)
    try:
        return ClientAuthentication(number)
    except ValueError as error:
        raise MalformedMessage(f"clientAuthentication is {number}: [MS-XCEP] knows 1, 2, 4 and 8") from error


def _oid(element: etree._Element) -> OID:
    return OID(
        value=_required(element, "value", trimmed),
        group=_required(element, "group", xsd.unsigned_int),
        oid_reference_id=_required(element, "oIDReferenceID", xsd.int_),
        default_name=_nillable(element, "defaultName", text),
    )


def _body(envelope: Envelope, name: str) -> etree._Element:
    if envelope.body.tag != _tag(name):
        raise MalformedMessage(f"the Body holds {name_of(envelope.body)}, not {name}")
    return envelope.body


def _child(parent: etree._Element, name: str) -> etree._Element:
    element = xml.required(parent, _tag(name))
    if is_nil(element):
        raise MalformedMessage(f"{name} in {name_of(parent)} is nil, which it must not be")
    return element


def _required(parent: etree._Element, name: str, read: Callable[[etree._Element], _T]) -> _T:
    return read(_child(parent, name))


def _nillable(parent: etree._Element, name: str, read: Callable[[etree._Element], _T]) -> _T | None:
    element = xml.optional(parent, _tag(name))
    return None if element is None or is_nil(element) else read(element)


def _collection(
    parent: etree._Element, name: str, item: str, read: Callable[[etree._Element], _T]
) -> tuple[_T, ...] | None:
    def read_all(element: etree._Element) -> tuple[_T, ...]:
        return tuple(map(read, element.iterchildren(_tag(item))))

    return _nillable(parent, name, read_all) or None


def _tag(name: str) -> str:
    return f"{{{XCEP}}}{name}"
