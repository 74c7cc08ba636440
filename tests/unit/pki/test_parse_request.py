"""Invariant: whatever comes in, parse_certificate_request returns or raises MalformedCertificationRequest."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import (
    MalformedCertificationRequest,
    MalformedMessage,
    ProofOfPossessionFailed,
    RenewalCertificateMismatch,
)
from gateway.pki import oids
from gateway.pki.certificate import Certificate
from gateway.pki.certificate_request import (
    ArchivedKey,
    CertificateRequest,
    EnrollmentNameValuePair,
    RequestClientInfo,
    RequestFormat,
    TemplateCarrier,
    TemplateReference,
)
from gateway.pki.names import GeneralName, GeneralNameType
from gateway.pki.parse_request import MAX_CERTIFICATION_REQUEST_BYTES, parse_certificate_request
from tests.cmc import (
    a_certificate,
    a_cmc_request,
    a_control,
    a_reg_info,
    an_add_attributes,
    an_add_extensions,
    an_agent,
    an_enveloped_key,
    nested,
    signed_by,
    signed_by_key,
)
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
from tests.vectors.build import CMC_FOLDER, FOLDER, cmc_vectors, files, vectors
from tests.vectors.pkcs10.vector import READ, Vector

COMMON_NAME = "2.5.4.3"
SIGNED_PAIR = TemplateCarrier.SIGNED_ATTRIBUTE_ENROLLMENT_NAME_VALUE_PAIR
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


@pytest.mark.parametrize("case", [*vectors(), *cmc_vectors()], ids=lambda case: case.name)
def test_every_vector_has_the_outcome_that_its_list_promises(case: Vector) -> None:
    assert outcome(case.der) == case.outcome


@pytest.mark.parametrize("path", list(files()), ids=lambda path: f"{path.parent.name}-{path.name}")
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


# --- CMS and CMC ----------------------------------------------------------------------------------------------------


def cmc(name: str) -> CertificateRequest:
    return parse_certificate_request((CMC_FOLDER / f"{name}.der").read_bytes())


def common_names(certificates: Iterable[Certificate]) -> list[str]:
    return [str(certificate.subject) for certificate in certificates]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cms", RequestFormat.CMS),
        ("cmc", RequestFormat.CMC),
        ("nested-cmc", RequestFormat.CMS),
        ("nested-bare", RequestFormat.CMS),
        ("agent-around-cmc", RequestFormat.CMS),
    ],
)
def test_the_format_is_that_of_the_outermost_layer(name: str, expected: RequestFormat) -> None:
    assert cmc(name).format is expected


@pytest.mark.parametrize("name", ["cms", "cmc", "cms-plain", "cms-time", "nested-cmc", "nested-bare", "cmc-harmless"])
def test_what_the_pkcs10_asks_for_is_the_same_in_every_layer(name: str) -> None:
    bare = parse_certificate_request(a_certification_request())
    request = cmc(name)

    assert replace(request, der=bare.der, format=RequestFormat.PKCS10) == bare


def test_what_goes_to_the_ca_is_the_outermost_layer_byte_for_byte() -> None:
    assert cmc("nested-cmc").der == (CMC_FOLDER / "nested-cmc.der").read_bytes()


@pytest.mark.parametrize("name", ["renewal-cms", "renewal-cms-rsa", "renewal-cmc"])
def test_the_certificate_to_be_renewed_is_its_signer(name: str) -> None:
    request = cmc(name)

    assert request.renewal_certificate is not None
    assert request.signers == (request.renewal_certificate,)
    assert oids.RENEWAL_CERTIFICATE in request.attributes


@pytest.mark.parametrize("name", ["renewal-look-alike", "renewal-own-key"])
def test_a_renewal_that_another_has_signed_is_refused(name: str) -> None:
    with pytest.raises(RenewalCertificateMismatch):
        cmc(name)


@pytest.mark.parametrize("name", ["agent-cms", "agent-cmc", "agent-reg-info", "agent-around-cmc"])
def test_the_requester_that_an_agent_names_is_read(name: str) -> None:
    request = cmc(name)

    assert request.requester_name == "CORP\\alice"
    assert request.name_value_pairs == ()
    assert common_names(request.signers) == ["CN=agent.partner.example"]


@pytest.mark.parametrize(
    "name",
    [
        "requester-pkcs10",
        "requester-own-key",
        "requester-no-signature",
        "requester-reg-info",
        "requester-outer-agent",
    ],
)
def test_a_requester_that_no_agent_has_signed_stays_a_name_value_pair(name: str) -> None:
    request = cmc(name)

    assert request.requester_name is None
    assert [pair.normalised for pair in request.name_value_pairs] == ["requestername"]


def test_every_signer_is_there_once() -> None:
    request = cmc("two-agents")

    assert sorted(common_names(request.signers)) == ["CN=agent.partner.example", "CN=second agent"]


def test_signers_come_from_the_outside_in() -> None:
    inner, outer = a_certificate(), an_agent()
    der = nested(a_cmc_request(signers=(signed_by(inner),)), (signed_by(outer), signed_by(inner)))

    signers = parse_certificate_request(der).signers
    assert {signer.der for signer in signers} == {inner.certificate, outer.certificate}


@pytest.mark.parametrize("name", ["archival", "archival-added"])
def test_an_archived_key_is_seen(name: str) -> None:
    request = cmc(name)

    assert request.archived_key == ArchivedKey(len(an_enveloped_key()))
    assert request.attributes == (EXTENSION_REQUEST,)


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("template-reg-info", TemplateReference(TemplateCarrier.CMC_REG_INFO, "User")),
        ("template-add-extensions", TemplateReference(TemplateCarrier.CMC_ADD_EXTENSIONS, "User")),
        (
            "template-oid-add-extensions",
            TemplateReference(TemplateCarrier.CMC_ADD_EXTENSIONS, None, "1.2.3.4", 1, 2),
        ),
        ("template-add-attributes", TemplateReference(TemplateCarrier.CMC_ADD_ATTRIBUTES, "User")),
        ("template-added-pair", TemplateReference(TemplateCarrier.CMC_ADD_ATTRIBUTES, "User")),
        ("template-signed", TemplateReference(SIGNED_PAIR, "User")),
        ("template-outer-signed", TemplateReference(SIGNED_PAIR, "User")),
    ],
)
def test_a_template_is_seen_wherever_it_is_named(name: str, reference: TemplateReference) -> None:
    assert reference in cmc(name).template_references


@pytest.mark.parametrize("name", ["san-reg-info", "san-signed", "san-added"])
def test_a_san_attribute_is_seen_wherever_it_stands(name: str) -> None:
    (pair,) = cmc(name).name_value_pairs

    assert pair.normalised == "san"


def test_what_controls_add_is_judged_as_if_the_pkcs10_had_it() -> None:
    key_usage = an_extension("2.5.29.15", b"\x03\x02\x05\xa0")
    policies = an_extension("2.5.29.32", sequence(sequence(object_identifier("1.2.3"))))
    version = an_attribute(oids.OS_VERSION, bmp_string("10.0"))
    info = an_attribute(oids.REQUEST_CLIENT_INFO, sequence(b"\x02\x01\x05", b"\x0c\x03PC7"))
    controls = (an_add_extensions(key_usage), an_add_attributes(version, info))
    request = parse_certificate_request(a_cmc_request(controls=controls))
    added = parse_certificate_request(
        a_cmc_request(
            a_certification_request(template=None, dns=()), (an_add_attributes(an_extension_request(policies)),)
        )
    )

    assert request.key_usage == ("digitalSignature", "keyEncipherment")
    assert request.os_version == "10.0"
    assert request.client_info == RequestClientInfo(5, "PC7", None, None)
    assert added.certificate_policies == ("1.2.3",)


def test_what_a_client_says_about_itself_it_may_say_in_two_layers() -> None:
    version = an_attribute(oids.OS_VERSION, bmp_string("10.0"))
    other = an_attribute(oids.OS_VERSION, bmp_string("6.1"))
    inner = a_certification_request(extra_attributes=[version])

    assert parse_certificate_request(a_cmc_request(inner, (an_add_attributes(version),))).os_version == "10.0"
    assert "szOID_OS_VERSION" in refusal(a_cmc_request(inner, (an_add_attributes(other),)))


def test_the_same_pair_in_two_places_stands_once() -> None:
    ccm = an_attribute(ENROLLMENT_NAME_VALUE_PAIR, a_name_value_pair("ccm", "pc7"))
    der = a_cmc_request(a_certification_request(extra_attributes=[ccm]), (a_reg_info("ccm=pc7"),))

    assert parse_certificate_request(der).name_value_pairs == (EnrollmentNameValuePair("ccm", "pc7"),)


def test_the_documented_renewal_is_read_as_far_as_its_sha1() -> None:
    with pytest.raises(ProofOfPossessionFailed, match="sha1WithRSAEncryption"):
        cmc("documented-ces-renewal")


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


def test_template_references_come_by_extensions_first() -> None:
    pairs = an_attribute(
        ENROLLMENT_NAME_VALUE_PAIR,
        a_name_value_pair("CertificateTemplate", "A"),
        a_name_value_pair("cdc", "dc01.corp.example"),
    )
    extensions = an_extension_request(a_template_oid_extension("1.2.3.4"), a_template_name_extension("C" * 200))
    request = parse_certificate_request(a_signed_request(attributes=[pairs, extensions]))

    assert request.attributes == (ENROLLMENT_NAME_VALUE_PAIR, EXTENSION_REQUEST)
    assert request.template_references == (
        TemplateReference(TEMPLATE_OID, None, "1.2.3.4"),
        TemplateReference(TEMPLATE_NAME, "C" * 200),
        TemplateReference(NAME_VALUE_PAIR, "A"),
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


@pytest.mark.parametrize("name", ["SAN", "san", "S-A N", " s\ta\u00a0n-", "--\u017fan", "s\u2212a\u2013n\uff0d"])
def test_names_that_the_ca_takes_for_the_same_are_normalised_to_the_same(name: str) -> None:
    assert EnrollmentNameValuePair(name, "").normalised == "san"


# --- what is refused, and what the operator reads ---------------------------------------------------------------------


def test_a_name_that_stands_twice_in_one_attribute_is_refused() -> None:
    pairs = [a_name_value_pair("CertificateTemplate", "A"), a_name_value_pair("certificate-template", "A")]
    request = a_signed_request(attributes=[an_attribute(ENROLLMENT_NAME_VALUE_PAIR, *pairs)])

    assert "a name occurs twice among the name/value pairs" in refusal(request)


def test_a_bare_pkcs10_renews_nothing() -> None:
    with pytest.raises(RenewalCertificateMismatch, match="must sign with the key of the certificate that it renews"):
        parse_certificate_request(vector("renewal-certificate"))


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
SEEDS = [case.der for case in (*vectors(), *cmc_vectors()) if len(case.der) < 1500]


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


CONTROLS = [
    "1.3.6.1.5.5.7.7.5",
    "1.3.6.1.5.5.7.7.8",
    "1.3.6.1.5.5.7.7.18",
    "1.3.6.1.4.1.311.10.10.1",
    "1.3.6.1.4.1.311.21.21",
]


@settings(GENTLY, max_examples=300)
@given(
    st.lists(st.tuples(st.sampled_from(CONTROLS), st.sampled_from(ATTRIBUTE_VALUES) | st.binary(max_size=20))),
    st.lists(st.tuples(st.sampled_from(ATTRIBUTES), st.sampled_from(ATTRIBUTE_VALUES) | mutated(ATTRIBUTE_VALUES))),
)
def test_signed_nonsense_in_cmc_is_read_or_refused(
    controls: list[tuple[str, bytes]], signed: list[tuple[str, bytes]]
) -> None:
    parts = [a_control(oid, value, body_part=n) for n, (oid, value) in enumerate(controls, 2)]
    signer = signed_by_key(None, *(an_attribute(oid, value) for oid, value in signed))

    assert_read_or_refused(a_cmc_request(controls=parts, signers=(signer,)))


def test_a_hundred_pairs_of_reg_info_are_read_and_no_more() -> None:
    def named(pairs: int) -> bytes:
        return a_cmc_request(a_certification_request(), (a_reg_info("&".join(f"n{n}=x" for n in range(pairs))),))

    assert len(parse_certificate_request(named(100)).name_value_pairs) == 100
    assert "101 name/value pairs" in refusal(named(101))
