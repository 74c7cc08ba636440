"""Values for tests: defaults plus what matters.

Literal values, no DER: a policy is tested without any parser. `tests.requests` has the signed bytes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha1
from typing import Any

from gateway.account import Account, UserAccountControl
from gateway.credential import KerberosCredential
from gateway.pki import oids
from gateway.pki.certificate import Certificate
from gateway.pki.certificate_request import (
    CertificateRequest,
    EnrollmentNameValuePair,
    Extension,
    RequestFormat,
    TemplateCarrier,
    TemplateReference,
)
from gateway.pki.keys import PublicKey
from gateway.pki.names import AttributeTypeAndValue, GeneralName, GeneralNameType, Name
from gateway.policy.decision import Application, Mode, Template, Violation
from gateway.policy.expected import NOTHING_MORE, Expected
from gateway.policy.limits import Limits
from gateway.protocol.security import Secret, UsernameToken
from gateway.protocol.wstep import ContextItem
from gateway.requester import Requester, Verifier
from gateway.tickets import CredentialCache, ServiceTicket
from tests.requests import bit_string, object_identifier, octet_string, sequence

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SHA256_WITH_RSA = "1.2.840.113549.1.1.11"


class Anybody:
    """A condition that is always met."""

    def admits(self, requester: object) -> bool:
        return True

    def violations(self, rule: str, application: Application) -> tuple[Violation, ...]:
        return ()


def a_public_key(algorithm: str = "RSA", size: int = 2048, curve: str | None = None) -> PublicKey:
    exponent = 65537 if algorithm == "RSA" else None
    info = sequence(sequence(object_identifier("1.2.3")), bit_string(f"{algorithm} {size} {curve}".encode()))
    return PublicKey(algorithm, size, curve, info, exponent=exponent)


def a_key_identifier(key: PublicKey) -> bytes:
    """The extension's value, of a hash of the whole SubjectPublicKeyInfo."""
    return octet_string(sha1(key.subject_public_key_info, usedforsecurity=False).digest())


def _extension(oid: str, key: PublicKey) -> Extension:
    value = a_key_identifier(key) if oid == oids.SUBJECT_KEY_IDENTIFIER else b"\x05\x00"
    return Extension(oid, critical=False, value=value)


def a_name(*attributes: tuple[str, str]) -> Name:
    """A distinguished name of single-valued RDNs: `a_name(("commonName", "web01"))`."""
    return Name(tuple((AttributeTypeAndValue(kind, value),) for kind, value in attributes))


def general_names(**values: Iterable[str]) -> tuple[GeneralName, ...]:
    """`general_names(dNSName=["web01.partner-a.example"])`."""
    return tuple(GeneralName(GeneralNameType(kind), value) for kind, texts in values.items() for value in texts)


def a_template_reference(name: str | None = None, oid: str | None = None) -> TemplateReference:
    """In the extension of version 1 for a name, in that of version 2 for an object identifier."""
    if oid is None:
        return TemplateReference(TemplateCarrier.EXTENSION_CERTIFICATE_TEMPLATE_NAME, name)
    return TemplateReference(TemplateCarrier.EXTENSION_CERTIFICATE_TEMPLATE_OID, name, oid, 100, 1)


def a_request(
    *subject: tuple[str, str],
    san: tuple[GeneralName, ...] = (),
    dns: Iterable[str] = (),
    template: str | None = "PartnerWebServer",
    template_oid: str | None = None,
    key: PublicKey | None = None,
    signature_algorithm: str = SHA256_WITH_RSA,
    key_usage: tuple[str, ...] | None = None,
    extended_key_usage: tuple[str, ...] | None = None,
    application_policies: tuple[str, ...] | None = None,
    certificate_policies: tuple[str, ...] | None = None,
    basic_constraints_ca: bool | None = None,
    security_identifier: str | None = None,
    name_value_pairs: Mapping[str, str] | None = None,
    extra_extensions: Iterable[str] = (),
    extra_attributes: Iterable[str] = (),
) -> CertificateRequest:
    """As the parser would return it: every extension that a field was read from is in the list of extensions."""
    names = (*general_names(dNSName=dns), *san)
    references = [
        *([a_template_reference(template)] if template is not None else []),
        *([a_template_reference(oid=template_oid)] if template_oid is not None else []),
    ]
    present = {
        oids.ENROLL_CERTTYPE: template is not None,
        oids.CERTIFICATE_TEMPLATE: template_oid is not None,
        oids.SUBJECT_ALT_NAME: bool(names),
        oids.KEY_USAGE: key_usage is not None,
        oids.EXT_KEY_USAGE: extended_key_usage is not None,
        oids.APPLICATION_CERT_POLICIES: application_policies is not None,
        oids.CERTIFICATE_POLICIES: certificate_policies is not None,
        oids.BASIC_CONSTRAINTS: basic_constraints_ca is not None,
        oids.NTDS_CA_SECURITY_EXT: security_identifier is not None,
    }
    extensions = (*(oid for oid, is_present in present.items() if is_present), *extra_extensions)
    attributes = {
        oids.EXTENSION_REQUEST: bool(extensions),
        oids.ENROLLMENT_NAME_VALUE_PAIR: bool(name_value_pairs),
    }
    public_key = key or a_public_key()
    return CertificateRequest(
        der=b"a certification request",
        format=RequestFormat.PKCS10,
        subject=a_name(*subject),
        public_key=public_key,
        signature_algorithm=signature_algorithm,
        extensions=tuple(_extension(oid, public_key) for oid in extensions),
        attributes=(*(oid for oid, is_present in attributes.items() if is_present), *extra_attributes),
        template_references=tuple(references),
        name_value_pairs=tuple(EnrollmentNameValuePair(*pair) for pair in (name_value_pairs or {}).items()),
        subject_alternative_name=names,
        key_usage=key_usage,
        extended_key_usage=extended_key_usage,
        application_policies=application_policies,
        certificate_policies=certificate_policies,
        basic_constraints_ca=basic_constraints_ca,
        security_identifier=security_identifier,
        client_info=None,
        os_version=None,
        cryptographic_service_provider=None,
    )


def a_certificate(
    *subject: tuple[str, str], key: PublicKey | None = None, der: bytes = b"a certificate"
) -> Certificate:
    return Certificate(
        der=der,
        subject=a_name(*subject),
        issuer=a_name(("commonName", "Partner CA")),
        serial_number=0x1234,
        not_before=datetime(2026, 1, 1, tzinfo=UTC),
        not_after=datetime(2027, 1, 1, tzinfo=UTC),
        public_key=key or a_public_key(),
        subject_alternative_name=(),
        sha256_fingerprint="00" * 32,
    )


def an_account(name: str = "alice", **changes: Any) -> Account:
    """A plain user of CORP.EXAMPLE, in no group but Domain Users."""
    return replace(
        Account(
            realm="CORP.EXAMPLE",
            sid="S-1-5-21-1-2-3-1104",
            sam_account_name=name,
            user_principal_name=f"{name}@corp.example",
            distinguished_name=f"CN={name},CN=Users,DC=corp,DC=example",
            user_account_control=UserAccountControl(0x200),
            groups=frozenset({"domain users"}),
            group_sids=frozenset({"S-1-5-21-1-2-3-513"}),
            admin_count=False,
            is_locked_out=False,
            expires=None,
            password_expired=False,
            bad_password_count=0,
        ),
        **changes,
    )


def a_requester(account: str = "partner-a", authentication: str = "Certificate") -> Requester:
    """Verified by the gateway itself."""
    if authentication == "Certificate":
        return Requester(account, a_certificate(("commonName", account)), Verifier.TLS, NOW, "a mapping rule")
    assert authentication == "UsernamePassword"
    return Requester(account, UsernameToken(account, Secret("a password")), Verifier.PASSWORD_FILE, NOW)


def a_ticket(acts_as_sid: str | None = "S-1-5-21-1-2-3-1104") -> KerberosCredential:
    """For the internal CES, in the name of the account with that SID; None for the gateway's own."""
    cache = CredentialCache("MEMORY:test")
    ticket = ServiceTicket(
        "alice@corp.example", "alice@CORP.EXAMPLE", "HTTP/ces", NOW, NOW + timedelta(hours=10), cache
    )
    return KerberosCredential(ticket, "protocol_transition", is_cached=False, acts_as_sid=acts_as_sid)


def an_application(
    request: CertificateRequest | None = None,
    requester: Requester | None = None,
    context: Mapping[str, str] | None = None,
) -> Application:
    """`context` is the AdditionalContext around the request."""
    items = tuple(ContextItem(name, value) for name, value in (context or {}).items())
    return Application(requester or a_requester(), request or a_request(), items)


def an_expectation(**changes: Any) -> Expected:
    """Of a certificate for web01.partner-a.example, from an offline template."""
    return replace(
        Expected(
            subject_public_key_info=a_public_key().subject_public_key_info,
            subject=a_name(("commonName", "web01.partner-a.example")),
            subject_alternative_name=general_names(dNSName=["web01.partner-a.example"]),
            security_identifiers=frozenset(),
            requester_name=None,
            template=Template("PartnerWebServer"),
            limits=Limits(),
            maximum_validity=None,
            issued=NOTHING_MORE,
            mode=Mode.ENFORCE,
            approved_at=NOW,
        ),
        **changes,
    )


def a_policy_file(
    *sections: str,
    template: str = "{name: PartnerWebServer}",
    name: str = "a rule",
    requesters: str = "[{account: partner-a, authentication: [Certificate]}]",
    key: str = "[{algorithm: RSA, minimumKeyLength: 2048}]",
) -> str:
    """The YAML of a policy with one rule; a section takes one line: `keyUsage: {allow: [digitalSignature]}`."""
    return "\n".join(
        (
            f"template: {template}",
            "rules:",
            f"  - name: {name}",
            f"    requesters: {requesters}",
            f"    key: {key}",
            *(f"    {section}" for section in sections),
        )
    )
