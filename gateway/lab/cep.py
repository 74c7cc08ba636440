"""The Certificate Enrollment Policy Web Service: [MS-XCEP] over the templates that the CAs publish.

Like a real CEP it tells every caller of every template, with the caller's own permissions; it hides none.
"""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID
from lxml import etree

from gateway.lab import issuance
from gateway.lab.accounts import Account
from gateway.lab.attributes import CERTIFICATE_TEMPLATE_NAME, CERTIFICATE_TEMPLATE_OID
from gateway.lab.authority import CertificationAuthority
from gateway.lab.ces import internal_service_fault
from gateway.lab.credentials import key_usage
from gateway.lab.markup import Markup, boolean, element, nil, text
from gateway.lab.namespaces import ADDRESSING, DISPATCHER, XCEP, XSD, XSI
from gateway.lab.soap import Answer, Message, SoapFault
from gateway.lab.templates import (
    CERTIFICATE_REQUEST_AGENT,
    ENCRYPTING_FILE_SYSTEM,
    CertificateTemplate,
    EnrollmentFlags,
)
from gateway.lab.wcf import ServiceKind

ACTION_GET_POLICIES = f"{XCEP}/IPolicy/GetPolicies"
ACTION_GET_POLICIES_RESPONSE = f"{XCEP}/IPolicy/GetPoliciesResponse"

POLICY_ID = "{6B7C5C39-2F6B-4C35-9D3E-54D1C2F70A11}"
FRIENDLY_NAME = "Fabrikam internal enrollment"
NEXT_UPDATE_HOURS = 8
"""Windows' default ([MS-XCEP] appendix B, <4>)."""

_DEFAULT_NAMES = {
    ExtendedKeyUsageOID.SERVER_AUTH: "Server Authentication",
    ExtendedKeyUsageOID.CLIENT_AUTH: "Client Authentication",
    ExtendedKeyUsageOID.EMAIL_PROTECTION: "Secure Email",
    CERTIFICATE_REQUEST_AGENT: "Certificate Request Agent",
    ENCRYPTING_FILE_SYSTEM: "Encrypting File System",
    CERTIFICATE_TEMPLATE_NAME: "Certificate Template Name",
    CERTIFICATE_TEMPLATE_OID: "Certificate Template Information",
    issuance.APPLICATION_CERT_POLICIES: "Application Policies",
    ExtensionOID.EXTENDED_KEY_USAGE: "Enhanced Key Usage",
    ExtensionOID.KEY_USAGE: "Key Usage",
}


class OIDGroup(IntEnum):
    """[MS-XCEP] 3.1.4.1.3.16, as far as these templates need it."""

    EXTENSION = 6
    EXTENDED_KEY_USAGE = 7
    TEMPLATE = 9


@dataclass(frozen=True, slots=True)
class PublishedAuthority:
    """A CA and where its web services are."""

    authority: CertificationAuthority
    uris: Mapping[ServiceKind, str]
    renewal_only: frozenset[ServiceKind] = frozenset()
    """Those of them that were set up with -RenewalOnly."""


@dataclass(frozen=True, slots=True)
class _Filter:
    """xcep:requestFilter; None as version is nil."""

    policy_oids: frozenset[str] | None
    client_version: int | None
    server_version: int | None

    def admits(self, template: CertificateTemplate) -> bool:
        """[MS-XCEP] 3.1.4.1.3.22. A nil version admits nothing: seen at a real CEP (openSUSE/cepces issue 74)."""
        if self.client_version is None or self.server_version is None:
            return False
        if self.policy_oids is not None and template.oid.dotted_string not in self.policy_oids:
            return False
        flags = template.private_key_flags
        return flags & 0x0F000000 <= self.client_version << 24 and flags & 0x000F0000 <= self.server_version << 16


@dataclass(slots=True)
class _ObjectIdentifiers:
    """The oIDs of one answer: each gets its number when it is first referred to."""

    entries: dict[tuple[x509.ObjectIdentifier, OIDGroup], str] = field(default_factory=dict)

    def reference(self, oid: x509.ObjectIdentifier, group: OIDGroup, name: str | None = None) -> int:
        self.entries.setdefault((oid, group), name or _DEFAULT_NAMES[oid])
        return [*self.entries].index((oid, group))

    def render(self) -> Markup:
        return element(
            "oIDs",
            *(
                element(
                    "oID",
                    element("value", text(oid.dotted_string)),
                    element("group", text(group.value)),
                    element("oIDReferenceID", text(number)),
                    element("defaultName", text(name)),
                )
                for number, ((oid, group), name) in enumerate(self.entries.items())
            ),
        )


class CertificateEnrollmentPolicyService:
    """One CEP instance."""

    def __init__(self, authorities: Iterable[PublishedAuthority], last_update: datetime) -> None:
        """`last_update` is when the policy changed last: clients that know a newer one are told so."""
        self._authorities = tuple(authorities)
        self._last_update = last_update

    def answer(self, message: Message, caller: Account) -> Answer:
        """[MS-XCEP] 3.1.4.1. Raises SoapFault."""
        if message.action != ACTION_GET_POLICIES:
            raise SoapFault(
                "Sender",
                (ADDRESSING, "ActionNotSupported"),
                f"The message with Action '{message.action}' cannot be processed at the receiver, due to a"
                " ContractFilter mismatch at the EndpointDispatcher. This may be because of either a contract mismatch"
                " (mismatched Actions between sender and receiver) or a binding/security mismatch between the sender"
                " and the receiver.  Check that sender and receiver have the same contract and the same binding"
                " (including security requirements, e.g. Message, Transport, None).",
            )
        client = message.body.find(f"{{{XCEP}}}client")
        if message.body.tag != f"{{{XCEP}}}GetPolicies" or client is None or _is_nil(client) or len(client) == 0:
            raise internal_service_fault()
        if self._last_update <= _last_update_of(client):
            return _answer(_response(boolean(True), None), nil("cAs"), nil("oIDs"))
        return self._policies(_filter_of(message.body), caller)

    def _policies(self, wanted: _Filter | None, caller: Account) -> Answer:
        templates = [
            template
            for template in dict.fromkeys(t for published in self._authorities for t in published.authority.templates)
            if wanted is None or wanted.admits(template)
        ]
        if not templates:
            return _answer(_response(None, None), nil("cAs"), nil("oIDs"))
        oids = _ObjectIdentifiers()
        references = {
            template: [
                number
                for number, published in enumerate(self._authorities)
                if template in published.authority.templates
            ]
            for template in templates
        }
        policies = element("policies", *(_policy(t, references[t], oids, caller) for t in templates))
        used = {number for numbers in references.values() for number in numbers}
        cas = element("cAs", *(_ca(number, self._authorities[number]) for number in sorted(used)))
        return _answer(_response(None, policies), cas, oids.render())


def _answer(response: Markup, cas: Markup, oids: Markup) -> Answer:
    body = element("GetPoliciesResponse", response, cas, oids, attributes={"xmlns": XCEP})
    return Answer(ACTION_GET_POLICIES_RESPONSE, body, {"xmlns:xsi": XSI, "xmlns:xsd": XSD})


def _response(not_changed: Markup | None, policies: Markup | None) -> Markup:
    return element(
        "response",
        element("policyID", text(POLICY_ID)),
        element("policyFriendlyName", text(FRIENDLY_NAME)),
        element("nextUpdateHours", text(NEXT_UPDATE_HOURS)),
        nil("policiesNotChanged") if not_changed is None else element("policiesNotChanged", not_changed),
        nil("policies") if policies is None else policies,
    )


def _policy(
    template: CertificateTemplate, authorities: Iterable[int], oids: _ObjectIdentifiers, caller: Account
) -> Markup:
    reference = oids.reference(template.oid, OIDGroup.TEMPLATE, template.display_name)
    for usage in template.extended_key_usage:
        oids.reference(usage, OIDGroup.EXTENDED_KEY_USAGE)
    return element(
        "policy",
        element("policyOIDReference", text(reference)),
        element("cAs", *(element("cAReference", text(number)) for number in authorities)),
        _template_attributes(template, oids, caller),
    )


def _template_attributes(template: CertificateTemplate, oids: _ObjectIdentifiers, caller: Account) -> Markup:
    enroll = template.may_enroll(caller.groups)
    auto_enroll = enroll and EnrollmentFlags.AUTO_ENROLLMENT in template.enrollment_flags
    return element(
        "attributes",
        element("commonName", text(template.common_name)),
        element("policySchema", text(template.policy_schema)),
        element(
            "certificateValidity",
            element("validityPeriodSeconds", text(int(template.validity.total_seconds()))),
            element("renewalPeriodSeconds", text(int(template.renewal.total_seconds()))),
        ),
        element("permission", element("enroll", boolean(enroll)), element("autoEnroll", boolean(auto_enroll))),
        element(
            "privateKeyAttributes",
            element("minimalKeyLength", text(template.minimal_key_length)),
            element("keySpec", text(1)),
            nil("keyUsageProperty"),
            nil("permissions"),
            nil("algorithmOIDReference"),
            element("cryptoProviders", *(element("provider", text(name)) for name in template.crypto_providers)),
        ),
        element(
            "revision",
            element("majorRevision", text(template.major_revision)),
            element("minorRevision", text(template.minor_revision)),
        ),
        nil("supersededPolicies"),
        element("privateKeyFlags", text(template.private_key_flags)),
        element("subjectNameFlags", text(template.subject_name_flags.value)),
        element("enrollmentFlags", text(template.enrollment_flags.value)),
        element("generalFlags", text(template.general_flags)),
        nil("hashAlgorithmOIDReference"),
        nil("rARequirements"),
        nil("keyArchivalAttributes"),
        element("extensions", *_template_extensions(template, oids)),
    )


def _template_extensions(template: CertificateTemplate, oids: _ObjectIdentifiers) -> Iterable[Markup]:
    usages = key_usage("digital_signature", "key_encipherment")
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (issuance.template_extension(template), False),
        (x509.ExtendedKeyUsage(template.extended_key_usage), False),
        (usages, True),
    ]
    if template.policy_schema > 1:
        extensions.append((issuance.application_policies(template.extended_key_usage), False))
    for value, critical in extensions:
        yield element(
            "extension",
            element("oIDReference", text(oids.reference(value.oid, OIDGroup.EXTENSION))),
            element("critical", boolean(critical)),
            element("value", text(base64.b64encode(value.public_bytes()).decode())),
        )


def _ca(number: int, published: PublishedAuthority) -> Markup:
    certificate = published.authority.signer.certificate.public_bytes(Encoding.DER)
    return element(
        "cA",
        element(
            "uris",
            *(_ca_uri(kind, uri, renewal_only=kind in published.renewal_only) for kind, uri in published.uris.items()),
        ),
        element("certificate", text(base64.b64encode(certificate).decode())),
        # "Request Certificates" is granted to all who are authenticated.
        element("enrollPermission", boolean(True)),
        element("cAReferenceID", text(number)),
    )


def _ca_uri(kind: ServiceKind, uri: str, *, renewal_only: bool) -> Markup:
    return element(
        "cAURI",
        element("clientAuthentication", text(kind.client_authentication)),
        element("uri", text(uri)),
        element("priority", text(1)),
        element("renewalOnly", boolean(renewal_only)),
    )


def _last_update_of(client: etree._Element) -> datetime:
    child = client.find(f"{{{XCEP}}}lastUpdate")
    if child is None or _is_nil(child):
        return datetime.min.replace(tzinfo=UTC)
    try:
        moment = datetime.fromisoformat((child.text or "").strip())
    except ValueError as error:
        raise _deserialization_failed() from error
    # "Provided as GMT", with or without saying so ([MS-XCEP] 3.1.4.1.3.9).
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _filter_of(body: etree._Element) -> _Filter | None:
    request_filter = body.find(f"{{{XCEP}}}requestFilter")
    if request_filter is None or _is_nil(request_filter) or len(request_filter) == 0:
        return None
    oids = request_filter.find(f"{{{XCEP}}}policyOIDs")
    return _Filter(
        policy_oids=None if oids is None or _is_nil(oids) else frozenset(oid.text or "" for oid in oids),
        client_version=_version(request_filter, "clientVersion"),
        server_version=_version(request_filter, "serverVersion"),
    )


def _version(request_filter: etree._Element, name: str) -> int | None:
    child = request_filter.find(f"{{{XCEP}}}{name}")
    if child is None or _is_nil(child):
        return None
    try:
        return int(child.text or "")
    except ValueError as error:
        raise _deserialization_failed() from error


def _is_nil(child: etree._Element) -> bool:
    return child.get(f"{{{XSI}}}nil") in {"true", "1"}


def _deserialization_failed() -> SoapFault:
    return SoapFault(
        "Sender",
        (DISPATCHER, "DeserializationFailed"),
        "The formatter threw an exception while trying to deserialize the message: Error in deserializing body of"
        " request message for operation 'GetPolicies'.",
        action=f"{DISPATCHER}/fault",
    )
