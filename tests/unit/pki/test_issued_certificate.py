"""The certificate of the CA, read to the last extension."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import MalformedMessage
from gateway.pki.certificate import parse_certificate
from gateway.pki.issued_certificate import (
    AuthorityKeyIdentifier,
    is_signed_by,
    parse_issued_certificate,
)
from tests.issued import (
    AUTHORITY_KEY_IDENTIFIER,
    CERTIFICATE_POLICIES,
    CRL,
    CRL_DISTRIBUTION_POINTS,
    FRESHEST_CRL,
    TEMPLATE_OID,
    Parts,
    a_ca_certificate,
    a_distinguished_name,
    a_key_identifier,
    a_signed_certificate,
    ca_key,
    distribution_points,
    web_server_parts,
)
from tests.requests import (
    CERTIFICATE_TEMPLATE_OID,
    a_dns_name,
    a_uri,
    an_extension,
    object_identifier,
    octet_string,
    sequence,
    tlv,
)

CAPTURED = (Path(__file__).parents[2] / "vectors" / "certificate" / "captured-adcs-leaf.der").read_bytes()
GOOD = web_server_parts()


def test_a_captured_certificate_of_ad_cs_is_read_whole() -> None:
    issued = parse_issued_certificate(CAPTURED)

    assert (issued.version, issued.signature_algorithm, issued.pss_hash) == (3, "1.2.840.113549.1.1.11", None)
    assert issued.key_usage == ("digitalSignature", "keyEncipherment")
    assert (issued.template_name, issued.template_oid) == ("User", None)
    assert issued.authority_key_identifier == AuthorityKeyIdentifier(
        "81bed74aa562d409cad25c6b95f2e342eb91ee81", (), None
    )
    (crl,) = issued.crl_distribution_points or ()
    assert crl.startswith("ldap:///CN=PKINIT%20Lab%20Issuing%20CA,CN=dc01,CN=CDP,")
    (ca,) = issued.authority_information_access or ()
    assert ca.startswith("ldap:///CN=PKINIT%20Lab%20Issuing%20CA,CN=AIA,")
    assert not issued.has_unique_identifiers
    assert (issued.application_policies, issued.certificate_policies, issued.basic_constraints_ca) == (None, None, None)


def test_places_of_crls_and_delta_crls_are_one_list() -> None:
    parts = GOOD.with_extension(FRESHEST_CRL, distribution_points("http://delta/", FRESHEST_CRL))

    assert parse_issued_certificate(a_signed_certificate(parts)).crl_distribution_points == (CRL, "http://delta/")


def test_a_place_that_is_no_uri_and_an_indirect_crl_s_issuer_are_in_the_list_too() -> None:
    point = sequence(tlv(0xA0, tlv(0xA0, a_dns_name("crl.example"))))
    only_issuer = sequence(tlv(0xA2, a_uri("http://issuer/")))
    extension = an_extension(CRL_DISTRIBUTION_POINTS, sequence(point, only_issuer))
    issued = parse_issued_certificate(a_signed_certificate(GOOD.with_extension(CRL_DISTRIBUTION_POINTS, extension)))

    assert issued.crl_distribution_points == (a_dns_name("crl.example").hex(), "http://issuer/")


def test_no_place_of_any_crl_is_none() -> None:
    parts = GOOD.without_extension(CRL_DISTRIBUTION_POINTS)

    assert parse_issued_certificate(a_signed_certificate(parts)).crl_distribution_points is None


def test_an_authority_key_identifier_may_name_the_certificate() -> None:
    name = tlv(0xA1, tlv(0xA4, a_distinguished_name("CN=Root,O=Corp")), a_dns_name("ca.example"))
    extension = an_extension(AUTHORITY_KEY_IDENTIFIER, sequence(name, tlv(0x82, b"\x01\x02")))
    issued = parse_issued_certificate(a_signed_certificate(GOOD.with_extension(AUTHORITY_KEY_IDENTIFIER, extension)))

    expected = AuthorityKeyIdentifier(None, ("CN=Root,O=Corp", a_dns_name("ca.example").hex()), 0x102)
    assert issued.authority_key_identifier == expected


def test_qualifiers_of_a_certificate_policy_are_passed_over() -> None:
    qualifier = sequence(object_identifier("1.3.6.1.5.5.7.2.1"), tlv(0x16, b"http://cps/"))
    policy = sequence(object_identifier("1.2.3.4"), sequence(qualifier))
    extension = an_extension(CERTIFICATE_POLICIES, sequence(policy))
    issued = parse_issued_certificate(a_signed_certificate(GOOD.with_extension(CERTIFICATE_POLICIES, extension)))

    assert issued.certificate_policies == ("1.2.3.4",)


def test_a_template_is_named_by_its_number() -> None:
    assert parse_issued_certificate(a_signed_certificate(GOOD)).template_oid == TEMPLATE_OID

    without = GOOD.without_extension(CERTIFICATE_TEMPLATE_OID)
    assert parse_issued_certificate(a_signed_certificate(without)).template_oid is None


SHA_256 = sequence(object_identifier("2.16.840.1.101.3.4.2.1"))
PSS = object_identifier("1.2.840.113549.1.1.10")


@pytest.mark.parametrize(
    ("parameters", "oid"),
    [
        ((), "1.3.14.3.2.26"),
        ((sequence(),), "1.3.14.3.2.26"),
        ((sequence(tlv(0xA2, b"\x02\x01\x20")),), "1.3.14.3.2.26"),
        ((sequence(tlv(0xA0, SHA_256)),), "2.16.840.1.101.3.4.2.1"),
    ],
)
def test_the_hash_of_rsassa_pss_stands_in_its_parameters_and_is_sha_1_without(
    parameters: tuple[bytes, ...], oid: str
) -> None:
    parts = replace(GOOD, signature=sequence(PSS, *parameters))

    assert parse_issued_certificate(a_signed_certificate(parts)).pss_hash == oid


def test_bits_that_belong_to_no_octet_of_the_signature_are_refused() -> None:
    good = a_signed_certificate(GOOD)
    at = good.rindex(b"\x03\x49\x00") + 2 if b"\x03\x49\x00" in good else good.rindex(b"\x03\x48\x00") + 2

    with pytest.raises(MalformedMessage, match="can be read"):
        parse_issued_certificate(good[:at] + b"\x01" + good[at + 1 : -1] + b"\x00")


def test_a_signature_verifies_under_the_issuer_s_key_alone() -> None:
    certificate = parse_certificate(a_signed_certificate(GOOD))

    assert is_signed_by(certificate, parse_certificate(a_ca_certificate()))
    assert not is_signed_by(certificate, parse_certificate(a_ca_certificate(key_name="another CA")))
    assert not is_signed_by(certificate, parse_certificate(a_ca_certificate("CN=Another CA")))


def test_a_signature_algorithm_that_nobody_knows_verifies_never() -> None:
    odd = replace(GOOD, signature=sequence(object_identifier("1.2.3.4")))

    assert not is_signed_by(parse_certificate(a_signed_certificate(odd)), parse_certificate(a_ca_certificate()))


def test_an_authority_s_own_certificate_is_read() -> None:
    issued = parse_issued_certificate(a_ca_certificate())

    assert issued.basic_constraints_ca is True
    assert issued.key_usage == ("keyCertSign", "cRLSign")
    assert issued.certificate.subject_key_identifier == a_key_identifier(ca_key()).hex()


@given(position=st.integers(0, len(CAPTURED) - 1), byte=st.integers(0, 255), keep=st.integers(0, len(CAPTURED)))
@settings(derandomize=True, deadline=None)
def test_whatever_comes_is_read_or_refused_by_the_module_s_own_error(position: int, byte: int, keep: int) -> None:
    damaged = bytearray(CAPTURED)
    damaged[position] = byte
    for attempt in (bytes(damaged), bytes(damaged[:keep])):
        try:
            parse_issued_certificate(attempt)
        except MalformedMessage:
            continue


def test_a_certificate_without_extensions_is_read() -> None:
    assert parse_issued_certificate(a_signed_certificate(Parts())).extensions == ()


def test_an_empty_key_identifier_is_refused_with_its_extension_s_name() -> None:
    parts = GOOD.with_extension("2.5.29.14", an_extension("2.5.29.14", octet_string(b"")))

    with pytest.raises(MalformedMessage, match=r"2\.5\.29\.14"):
        parse_issued_certificate(a_signed_certificate(parts))
