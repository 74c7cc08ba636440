"""Invariant: whatever comes in, parse_certificate_request returns or raises MalformedCertificationRequest."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import (
    MalformedCertificationRequest,
    MalformedMessage,
    ProofOfPossessionFailed,
    RequestFormatNotSupported,
)
from gateway.pki.certificate_request import (
    EnrollmentNameValuePair,
    RequestClientInfo,
    TemplateCarrier,
    TemplateReference,
)
from gateway.pki.names import GeneralName, GeneralNameType
from gateway.pki.parse_request import MAX_CERTIFICATION_REQUEST_BYTES, parse_certificate_request
from tests.requests import (
    CERT_EXTENSIONS,
    CERTIFICATE_TEMPLATE_NAME,
    ENROLLMENT_NAME_VALUE_PAIR,
    EXTENSION_REQUEST,
    a_certification_request,
    a_key,
    a_name_value_pair,
    a_public_key_info,
    a_signed_request,
    a_template_name_extension,
    a_template_oid_extension,
    a_user_principal_name,
    an_attribute,
    an_extension,
    an_extension_request,
    an_rdn,
    bit_string,
    bmp_string,
    object_identifier,
    printable_string,
    sequence,
    utf8_string,
)
from tests.vectors.build import FOLDER, files, vectors
from tests.vectors.pkcs10.vector import READ, Vector

COMMON_NAME = "2.5.4.3"
TEMPLATE_NAME = TemplateCarrier.EXTENSION_CERTIFICATE_TEMPLATE_NAME
TEMPLATE_OID = TemplateCarrier.EXTENSION_CERTIFICATE_TEMPLATE_OID
NAME_VALUE_PAIR = TemplateCarrier.ATTRIBUTE_ENROLLMENT_NAME_VALUE_PAIR


def vector(name: str) -> bytes:
    return (FOLDER / f"{name}.der").read_bytes()


def outcome(der: bytes) -> str:
    try:
        parse_certificate_request(der)
    except MalformedMessage as error:
        return type(error).__name__
    return READ


def refusal(der: bytes) -> str:
    with pytest.raises(MalformedCertificationRequest) as refused:
        parse_certificate_request(der)
    return str(refused.value)


# --- the vectors ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", list(vectors()), ids=lambda case: case.name)
def test_every_vector_has_the_outcome_that_its_list_promises(case: Vector) -> None:
    assert outcome(case.der) == case.outcome


@pytest.mark.parametrize("path", list(files()), ids=lambda path: path.name)
def test_every_vector_on_disk_is_what_build_writes(path: Path) -> None:
    assert path.read_bytes() == files()[path]


# --- what real clients send -----------------------------------------------------------------------------------------


def test_the_captured_certreq_request_is_read() -> None:
    der = vector("captured-certreq-ws2025")
    request = parse_certificate_request(der)

    assert request.der == der
    assert str(request.subject) == "CN=ignored-by-adcs"
    assert (request.public_key.algorithm, request.public_key.size) == ("RSA", 2048)
    assert request.signature_algorithm == "1.2.840.113549.1.1.11"
    assert request.extensions == ()
    assert request.attributes == ()
    assert request.template_references == ()


def test_the_captured_cepces_request_is_read() -> None:
    request = parse_certificate_request(vector("captured-cepces-0.3.17"))

    assert str(request.subject) == "CN=h.example"
    assert request.attributes == ()


def test_every_attribute_and_extension_of_certreq_is_read() -> None:
    request = parse_certificate_request(vector("windows-attributes"))

    assert str(request.subject) == "CN=uwe,O=Partner,C=DE"
    assert request.attributes == (
        "1.3.6.1.4.1.311.13.2.3",
        "1.3.6.1.4.1.311.21.20",
        "1.3.6.1.4.1.311.13.2.2",
        EXTENSION_REQUEST,
    )
    assert [(extension.oid, extension.critical) for extension in request.extensions] == [
        ("1.3.6.1.4.1.311.21.7", False),
        ("2.5.29.37", False),
        ("1.3.6.1.4.1.311.21.10", False),
        ("2.5.29.15", True),
        ("2.5.29.14", False),
        ("2.5.29.19", True),
    ]
    assert request.template_references == (TemplateReference(TEMPLATE_OID, None, "1.3.6.1.4.1.311.21.8.1.2.3", 100, 4),)
    assert request.key_usage == ("digitalSignature", "keyEncipherment")
    assert request.extended_key_usage == ("1.3.6.1.5.5.7.3.2",)
    assert request.application_policies == ("1.3.6.1.5.5.7.3.2",)
    assert request.certificate_policies is None
    assert request.basic_constraints_ca is False
    assert request.client_info == RequestClientInfo(5, "PC7", "PARTNER\\uwe", "powershell.exe")
    assert request.os_version == "10.0.26100.2"
    assert request.cryptographic_service_provider == "Microsoft Software Key Storage Provider"


def test_what_is_not_asked_for_is_absent() -> None:
    request = parse_certificate_request(a_signed_request())

    assert request.subject_alternative_name == ()
    assert request.name_value_pairs == ()
    assert request.key_usage is None
    assert request.extended_key_usage is None
    assert request.application_policies is None
    assert request.certificate_policies is None
    assert request.basic_constraints_ca is None
    assert request.security_identifier is None
    assert request.client_info is None
    assert request.os_version is None
    assert request.cryptographic_service_provider is None


@pytest.mark.parametrize(
    ("name", "algorithm", "size", "curve"),
    [("ec-p256", "EC", 256, "secp256r1"), ("ed25519", "Ed25519", 256, None), ("rsa-1024", "RSA", 1024, None)],
)
def test_the_key_is_described(name: str, algorithm: str, size: int, curve: str | None) -> None:
    key = parse_certificate_request(vector(name)).public_key

    assert (key.algorithm, key.size, key.curve) == (algorithm, size, curve)


def test_the_key_info_is_the_one_of_the_request_byte_for_byte() -> None:
    request = parse_certificate_request(vector("ec-p256"))

    assert request.public_key.subject_public_key_info == a_public_key_info(a_key())


# --- attacks in correct form ----------------------------------------------------------------------------------------


def test_a_user_principal_name_in_the_san_is_seen() -> None:
    request = parse_certificate_request(vector("san-upn"))

    assert request.subject_alternative_name == (
        GeneralName(GeneralNameType.DNS_NAME, "web01.partner.example"),
        GeneralName(GeneralNameType.USER_PRINCIPAL_NAME, "administrator@corp.example"),
    )


def test_a_security_identifier_is_seen() -> None:
    request = parse_certificate_request(vector("sid-extension"))

    assert request.security_identifier == "S-1-5-21-1004336348-1177238915-682003330-500"


def test_application_policies_are_seen() -> None:
    request = parse_certificate_request(vector("application-policies"))

    assert request.application_policies == ("1.3.6.1.4.1.311.20.2.1", "1.3.6.1.5.5.7.3.2")


def test_a_request_for_a_ca_certificate_is_seen() -> None:
    request = parse_certificate_request(vector("ca-certificate"))

    assert request.basic_constraints_ca is True
    assert request.key_usage == ("keyCertSign", "cRLSign")


def test_a_disguised_san_attribute_is_seen_under_its_normalised_name() -> None:
    request = parse_certificate_request(vector("name-value-disguises"))

    (pair,) = request.name_value_pairs
    assert (pair.name, pair.value, pair.normalised) == ("S-A N", "upn=administrator@corp.example", "san")


# --- templates ------------------------------------------------------------------------------------------------------


def test_template_references_come_in_the_order_of_the_encoding() -> None:
    pairs = an_attribute(
        ENROLLMENT_NAME_VALUE_PAIR,
        a_name_value_pair("CertificateTemplate", "A"),
        a_name_value_pair("cdc", "dc01.corp.example"),
        a_name_value_pair("certificate-template", "BB"),
    )
    extensions = an_extension_request(a_template_oid_extension("1.2.3.4"), a_template_name_extension("C" * 200))
    request = parse_certificate_request(a_signed_request(attributes=[pairs, extensions]))

    assert request.attributes == (ENROLLMENT_NAME_VALUE_PAIR, EXTENSION_REQUEST)
    assert request.template_references == (
        TemplateReference(NAME_VALUE_PAIR, "A"),
        TemplateReference(NAME_VALUE_PAIR, "BB"),
        TemplateReference(TEMPLATE_OID, None, "1.2.3.4"),
        TemplateReference(TEMPLATE_NAME, "C" * 200),
    )
    assert request.name_value_pairs == (EnrollmentNameValuePair("cdc", "dc01.corp.example"),)


def test_templates_that_disagree_are_all_reported_and_not_judged() -> None:
    request = parse_certificate_request(vector("template-conflict-extensions"))

    assert [reference.name or reference.oid for reference in request.template_references] == [
        "PartnerWebServer",
        "1.3.6.1.4.1.311.21.8.9.9.9",
    ]


@pytest.mark.parametrize("attribute", [EXTENSION_REQUEST, CERT_EXTENSIONS])
def test_a_template_extension_is_found_in_either_attribute(attribute: str) -> None:
    extensions = an_attribute(attribute, sequence(a_template_name_extension("User")))
    request = parse_certificate_request(a_signed_request(attributes=[extensions]))

    assert request.template_references == (TemplateReference(TEMPLATE_NAME, "User"),)


@pytest.mark.parametrize("name", ["SAN", "san", "S-A N", " s\ta\u00a0n-", "--\u017fan"])
def test_names_that_the_ca_takes_for_the_same_are_normalised_to_the_same(name: str) -> None:
    assert EnrollmentNameValuePair(name, "").normalised == "san"


# --- what is refused, and what the operator reads ---------------------------------------------------------------------


def test_cms_is_told_from_garbage() -> None:
    with pytest.raises(RequestFormatNotSupported, match=r"a CMS signedData.*only a bare PKCS#10 is served"):
        parse_certificate_request(vector("cms-signed-data"))


@pytest.mark.parametrize("name", ["cmc-full-request", "cms-ber"])
def test_cmc_is_told_from_cms(name: str) -> None:
    with pytest.raises(RequestFormatNotSupported, match="a CMC full PKI request"):
        parse_certificate_request(vector(name))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("broken-signature", "does not verify under the key"),
        ("stolen-key", "does not verify under the key"),
        ("null-signature", "null signature \\(SHA-256\\)"),
        ("rsa-sha1", "sha1WithRSAEncryption .* SHA-256 or better"),
    ],
)
def test_a_request_without_proof_of_possession_is_refused_with_its_reason(name: str, reason: str) -> None:
    with pytest.raises(ProofOfPossessionFailed, match=reason):
        parse_certificate_request(vector(name))


def test_a_key_of_an_unknown_algorithm_proves_nothing() -> None:
    unknown = sequence(sequence(object_identifier("1.2.3.4")), bit_string(b"key"))

    with pytest.raises(ProofOfPossessionFailed, match=r"1\.2\.3\.4"):
        parse_certificate_request(a_signed_request(subject_public_key_info=unknown))


def test_a_request_that_is_too_long_is_not_read() -> None:
    text = refusal(bytes(MAX_CERTIFICATION_REQUEST_BYTES + 1))

    assert text == "65537 bytes: at most 65536 are read"


def test_the_longest_request_is_still_read() -> None:
    padding = MAX_CERTIFICATION_REQUEST_BYTES - len(a_request_of_padding(60_000)) + 60_000
    der = a_request_of_padding(padding)

    assert len(der) == MAX_CERTIFICATION_REQUEST_BYTES
    assert parse_certificate_request(der).der == der


def a_request_of_padding(octets: int) -> bytes:
    return a_certification_request(key=a_key("Ed25519"), extra_extensions=[an_extension("1.2.3", bytes(octets))])


def test_an_attribute_that_is_not_served_is_named() -> None:
    assert "1.2.840.113549.1.9.7 (challengePassword) is not served" in refusal(vector("challenge-password"))


def test_an_unreadable_extension_is_named() -> None:
    text = refusal(a_certification_request(template=None, extra_extensions=[an_extension("2.5.29.37", sequence())]))

    assert text.startswith("extension 2.5.29.37 (extKeyUsage): ")


def test_an_unreadable_template_name_refuses_the_request() -> None:
    octets = an_extension(CERTIFICATE_TEMPLATE_NAME, b"\x04\x04User")

    assert "szOID_ENROLL_CERTTYPE" in refusal(a_certification_request(template=None, extra_extensions=[octets]))


def test_an_unreadable_subject_refuses_the_request() -> None:
    subject = sequence(an_rdn((COMMON_NAME, utf8_string("web01.corp.example\x00.partner.example"))))

    assert "commonName in a distinguished name: U+0000" in refusal(a_certification_request(subject))


def test_a_subject_outside_of_the_printable_alphabet_is_refused_by_the_library() -> None:
    subject = sequence(an_rdn((COMMON_NAME, printable_string("*.partner.example"))))

    assert "PrintableString" in refusal(a_certification_request(subject))


# --- properties -----------------------------------------------------------------------------------------------------

GENTLY = settings(derandomize=True, deadline=None)
SEEDS = [case.der for case in vectors() if len(case.der) < 1500]


@st.composite
def mutated(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    der = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 3))):
        position = draw(st.integers(0, len(der) - 1)) if der else 0
        match draw(st.sampled_from(["flip", "cut", "insert", "replace"])):
            case "flip" if der:
                der[position] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del der[position : position + draw(st.integers(1, 40))]
            case "insert":
                der[position:position] = draw(st.binary(min_size=1, max_size=8))
            case _:
                der[position : position + 1] = draw(st.binary(max_size=2))
    return bytes(der)


def assert_read_or_refused(der: bytes) -> None:
    try:
        request = parse_certificate_request(der)
    except MalformedCertificationRequest:
        return
    assert request.der == der
    assert len({extension.oid for extension in request.extensions}) == len(request.extensions)


@GENTLY
@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_read_or_refused(der: bytes) -> None:
    assert_read_or_refused(der)


@settings(GENTLY, max_examples=500)
@given(mutated(SEEDS))
def test_damaged_requests_are_read_or_refused(der: bytes) -> None:
    assert_read_or_refused(der)


ATTRIBUTE_VALUES = [
    sequence(an_extension("2.5.29.17", sequence(a_user_principal_name("a@b")))),
    sequence(a_template_name_extension("User"), a_template_oid_extension("1.2.3", 1, 2)),
    sequence(
        an_extension("1.3.6.1.4.1.311.25.2", bytes.fromhex("3000")), an_extension("2.5.29.15", b"\x03\x02\x05\xa0")
    ),
    sequence(an_extension("2.5.29.32", sequence(sequence(object_identifier("1.2.3"))))),
    a_name_value_pair("CertificateTemplate", "User"),
    bmp_string("10.0"),
    sequence(b"\x02\x01\x05", b"\x0c\x01a", b"\x0c\x01b", b"\x0c\x01c"),
    sequence(b"\x02\x01\x05", bmp_string("CSP"), bit_string(b"")),
]
ATTRIBUTES = [
    EXTENSION_REQUEST,
    CERT_EXTENSIONS,
    ENROLLMENT_NAME_VALUE_PAIR,
    "1.3.6.1.4.1.311.13.2.2",
    "1.3.6.1.4.1.311.13.2.3",
    "1.3.6.1.4.1.311.21.20",
]

SUBJECTS = [sequence(), sequence(an_rdn((COMMON_NAME, utf8_string("web01"))), an_rdn(("2.5.4.10", bmp_string("P"))))]


@settings(GENTLY, max_examples=500)
@given(
    st.lists(st.tuples(st.sampled_from(ATTRIBUTES), st.sampled_from(ATTRIBUTE_VALUES) | mutated(ATTRIBUTE_VALUES))),
    st.sampled_from(SUBJECTS) | mutated(SUBJECTS),
)
def test_signed_nonsense_is_read_or_refused(attributes: list[tuple[str, bytes]], subject: bytes) -> None:
    encoded = [an_attribute(oid, value) for oid, value in attributes]

    assert_read_or_refused(a_signed_request(subject, attributes=encoded))
