"""What an example says is what the parser reads out of the bytes that are made of it."""

import json
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from gateway.pki.certificate import parse_certificate
from gateway.pki.certificate_request import CertificateRequest, TemplateCarrier
from gateway.pki.issued_certificate import is_signed_by, parse_issued_certificate
from gateway.pki.parse_request import parse_certificate_request
from gateway.pki.write_request import PrivateKey
from gateway.policy.decision import Template
from gateway.policy.example_requests import MadeRequest, RequestMaker
from gateway.policy.examples import ECKey, Key, RequesterFacts, RequestSection
from tests.requests import a_key

NOW = datetime(2026, 6, 1, tzinfo=UTC)
OID = "1.3.6.1.4.1.311.21.8.1"


def keys(kind: Key, use: str) -> PrivateKey:
    return a_key("EC" if isinstance(kind, ECKey) else "RSA", use)


def make(text: str) -> MadeRequest:
    section = RequestSection.model_validate_json(yaml_as_json(text))
    return RequestMaker(Template("Web", OID), keys, NOW).request(section)


def yaml_as_json(text: str) -> str:
    return json.dumps(yaml.safe_load(text))


def read(text: str) -> CertificateRequest:
    return parse_certificate_request(make(text).der)


def test_what_is_left_out_is_not_in_the_request() -> None:
    request = read("{template: false}")

    assert request.subject.rdns == ()
    assert request.attributes == ()
    assert (request.public_key.algorithm, request.public_key.size) == ("RSA", 2048)


def test_everything_that_is_said_is_in_the_request() -> None:
    request = read(
        """
        subject: {commonName: [web01, web02], countryName: DE}
        subjectAlternativeName: {dNSName: [web01.example], iPAddress: [192.0.2.7]}
        key: {algorithm: EC, curve: secp256r1}
        keyUsage: [digitalSignature, keyCertSign]
        extendedKeyUsage: [serverAuth]
        applicationPolicies: [clientAuth]
        certificatePolicies: [1.2.5]
        basicConstraintsCA: true
        securityIdentifier: S-1-5-21-1-2-3-500
        extensions: {subjectKeyIdentifier: "0401ff", 1.2.3: "0500"}
        requestAttributes: {SAN: dns=x}
        clientInformation:
          {process: certreq.exe, machine: pc1, user: CORP\\a, cryptographicServiceProvider: KSP, osVersion: "10.0"}
        """
    )

    assert str(request.subject) == "C=DE,CN=web02,CN=web01"
    assert [(n.type, n.value) for n in request.subject_alternative_name] == [
        ("dNSName", "web01.example"),
        ("iPAddress", "192.0.2.7"),
    ]
    assert request.public_key.curve == "secp256r1"
    assert request.key_usage == ("digitalSignature", "keyCertSign")
    assert request.extended_key_usage == ("1.3.6.1.5.5.7.3.1",)
    assert request.application_policies == ("1.3.6.1.5.5.7.3.2",)
    assert request.certificate_policies == ("1.2.5",)
    assert request.basic_constraints_ca is True
    assert request.security_identifier == "S-1-5-21-1-2-3-500"
    assert ("1.2.3", b"\x05\x00") in [(e.oid, e.value) for e in request.extensions]
    assert [(p.name, p.value) for p in request.name_value_pairs] == [("SAN", "dns=x")]
    assert request.client_info is not None
    assert (request.client_info.process, request.client_info.machine) == ("certreq.exe", "pc1")
    assert (request.cryptographic_service_provider, request.os_version) == ("KSP", "10.0")


def test_client_information_may_be_in_part() -> None:
    request = read("clientInformation: {machine: pc1}")

    assert request.client_info is not None
    assert request.client_info.machine == "pc1"
    assert request.os_version is request.cryptographic_service_provider is None


@pytest.mark.parametrize(
    ("template", "names", "oids"),
    [
        ("{}", ["Web"], []),
        ("{template: Other}", ["Other"], []),
        ("{template: {oid: 1.2.3}}", [], ["1.2.3"]),
        ("{template: {name: Web, oid: 1.2.3}}", ["Web"], ["1.2.3"]),
        ("{template: {name: Other}}", ["Other"], []),
        ("{template: false}", [], []),
    ],
)
def test_the_template_is_the_policys_unless_another_is_named(template: str, names: list[str], oids: list[str]) -> None:
    references = read(template).template_references

    assert [reference.name for reference in references if reference.name] == names
    assert [reference.oid for reference in references if reference.oid] == oids
    assert {reference.carrier for reference in references} <= {
        TemplateCarrier.EXTENSION_CERTIFICATE_TEMPLATE_NAME,
        TemplateCarrier.EXTENSION_CERTIFICATE_TEMPLATE_OID,
    }


def test_the_context_goes_around_the_request() -> None:
    made = make("additionalContext: {CertificateTemplate: Web, ccm: pc1}")

    assert [(item.name, item.value) for item in made.additional_context] == [
        ("CertificateTemplate", "Web"),
        ("ccm", "pc1"),
    ]
    assert parse_certificate_request(made.der).name_value_pairs == ()


def test_the_client_certificate_is_made_as_it_is_described() -> None:
    facts = RequesterFacts.model_validate_json(
        yaml_as_json(
            """
            account: pc1
            authentication: Certificate
            issuer: "CN=Partner CA,O=Partner"
            certificate:
              subject: {commonName: pc1}
              subjectAlternativeName: {dNSName: [pc1.example]}
              securityIdentifier: S-1-5-21-1-2-3-1104
              extendedKeyUsage: [clientAuth]
              certificatePolicies: [1.2.3]
            """
        )
    )
    shown = RequestMaker(Template("Web"), keys, NOW).client_certificate(facts)

    assert shown is not None
    certificate = parse_certificate(shown)
    assert (str(certificate.subject), str(certificate.issuer)) == ("CN=pc1", "CN=Partner CA,O=Partner")
    assert certificate.security_identifiers == ("S-1-5-21-1-2-3-1104",)
    assert [name.value for name in certificate.subject_alternative_name] == ["pc1.example"]
    assert certificate.extended_key_usage == ("1.3.6.1.5.5.7.3.2",)
    assert certificate.certificate_policies == ("1.2.3",)
    assert certificate.not_before < NOW < certificate.not_after


@pytest.mark.parametrize(("facts", "issuer"), [("issuer: CN=A", "CN=A"), ("certificate: {}", "CN=Example CA")])
def test_little_need_be_said_of_a_client_certificate(facts: str, issuer: str) -> None:
    text = yaml_as_json(f"{{account: a, authentication: Certificate, {facts}}}")

    shown = RequestMaker(Template("Web"), keys, NOW).client_certificate(RequesterFacts.model_validate_json(text))

    assert shown is not None
    assert str(parse_certificate(shown).issuer) == issuer


def test_nothing_said_of_a_client_certificate_makes_none() -> None:
    facts = RequesterFacts.model_validate_json('{"account": "a", "authentication": "Certificate"}')

    assert RequestMaker(Template("Web"), keys, NOW).client_certificate(facts) is None


def test_a_renewal_names_and_carries_the_old_certificate() -> None:
    made = make("renewalOf: {subject: {commonName: web01}, isClientCertificate: true}")

    assert made.client_certificate is not None
    assert str(parse_certificate(made.client_certificate).subject) == "CN=web01"
    assert made.der.count(made.client_certificate) == 2
    assert [str(parse_certificate(each.certificate).subject) for each in made.authorities] == ["CN=Example CA"]


def test_an_old_certificate_is_valid_now_or_was_until_yesterday() -> None:
    valid, expired = (
        make(f"renewalOf: {{isClientCertificate: true, isExpired: {flag}}}").client_certificate
        for flag in ("false", "true")
    )

    assert valid is not None
    assert expired is not None
    assert parse_certificate(valid).not_after > NOW > parse_certificate(expired).not_after


def test_an_authority_that_is_not_to_be_trusted_is_not_told() -> None:
    assert make("renewalOf: {isUntrusted: true}").authorities == ()


@pytest.mark.parametrize(("is_untrusted", "is_signed"), [("false", True), ("true", False)])
def test_an_authority_that_is_not_to_be_trusted_has_another_key(is_untrusted: str, is_signed: bool) -> None:
    (trusted,) = make("renewalOf: {isUntrusted: false}").authorities

    made = make(f"renewalOf: {{isClientCertificate: true, isUntrusted: {is_untrusted}}}").client_certificate

    assert made is not None
    assert is_signed_by(parse_certificate(made), parse_certificate(trusted.certificate)) is is_signed


def test_agents_sign_for_somebody_else() -> None:
    made = make("onBehalfOf: {requesterName: 'CORP\\bob', agents: [{isExpired: false}, {template: false}]}")

    assert len(made.authorities) == 2
    assert made.client_certificate is None
    assert "requestername".encode("utf-16-be") in made.der
    request = parse_certificate_request(made.der)
    assert request.requester_name == "CORP\\bob"
    assert "1.3.6.1.4.1.311.13.1" not in request.attributes, "nothing is renewed"


@pytest.mark.parametrize(
    ("facts", "issuers"),
    [
        ("issuer: CN=A", ["CN=A"]),
        ("certificate: {}", ["CN=Example CA"]),
        ("certificate: {isUntrusted: true}", []),
        ("partner: A", []),
    ],
)
def test_the_authority_of_a_client_certificate_is_trusted_unless_it_is_said_not_to_be(
    facts: str, issuers: list[str]
) -> None:
    shown = RequesterFacts.model_validate_json(yaml_as_json(f"{{account: a, authentication: Certificate, {facts}}}"))

    authorities = RequestMaker(Template("Web"), keys, NOW).client_authorities(shown)

    assert [str(parse_certificate(each.certificate).subject) for each in authorities] == issuers


def test_an_authority_is_a_ca_for_two_years_before_and_after() -> None:
    (authority,) = make("renewalOf: {isClientCertificate: true}").authorities

    certificate = parse_certificate(authority.certificate)

    issued = parse_issued_certificate(authority.certificate)
    assert (issued.basic_constraints_ca, issued.key_usage) == (True, ("keyCertSign", "cRLSign"))
    assert certificate.serial_number == 1
    assert NOW - certificate.not_before == certificate.not_after - NOW == timedelta(days=730)


def test_certificates_live_for_a_year_and_end_in_another_or_yesterday() -> None:
    valid, expired = (
        make(f"renewalOf: {{isClientCertificate: true, isExpired: {flag}}}").client_certificate
        for flag in ("false", "true")
    )
    assert valid is not None
    assert expired is not None

    assert parse_certificate(valid).not_after == NOW + timedelta(days=365)
    assert parse_certificate(valid).not_before == NOW - timedelta(days=1)
    assert parse_certificate(expired).not_after == NOW - timedelta(days=1)


@pytest.mark.parametrize(
    ("template", "of_policy", "expected"),
    [
        ("", Template("Web", OID), (None, OID)),
        ("", Template("Web"), ("Web", None)),
        ("template: Other", Template("Web", OID), ("Other", None)),
        ("template: {name: Other, oid: 1.2.3}", Template("Web", OID), ("Other", "1.2.3")),
        ("template: false", Template("Web", OID), (None, None)),
    ],
)
def test_a_certificate_is_of_the_policys_template_by_number_unless_another_is_named(
    template: str, of_policy: Template, expected: tuple[str | None, str | None]
) -> None:
    section = RequestSection.model_validate_json(yaml_as_json(f"renewalOf: {{isClientCertificate: true, {template}}}"))

    made = RequestMaker(of_policy, keys, NOW).request(section).client_certificate

    assert made is not None
    certificate = parse_certificate(made)
    assert (certificate.template_name, certificate.template_oid) == expected


def test_certificates_are_numbered_from_one() -> None:
    maker = RequestMaker(Template("Web"), keys, NOW)
    facts = RequesterFacts.model_validate_json(yaml_as_json("{account: a, authentication: Certificate, issuer: CN=A}"))

    made = [maker.client_certificate(facts) for _ in range(2)]

    assert [parse_certificate(each).serial_number for each in made if each] == [1, 2]
