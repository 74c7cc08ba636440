"""Invariant: whatever comes in, parse_certificate returns or raises MalformedMessage itself, no subclass."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import MalformedMessage
from gateway.pki.certificate import Certificate, parse_certificate
from gateway.pki.names import GeneralName, GeneralNameType
from tests.requests import (
    a_dns_name,
    a_key,
    a_public_key_info,
    a_security_identifier_extension,
    a_subject_alternative_name,
    a_template_name_extension,
    a_template_oid_extension,
    a_uri,
    an_extension,
    an_rdn,
    bit_string,
    integer,
    object_identifier,
    octet_string,
    printable_string,
    sequence,
    tlv,
    utf8_string,
)

LEAF = (Path(__file__).parents[2] / "vectors/certificate/captured-adcs-leaf.der").read_bytes()

UTC_TIME = tlv(0x17, b"260101000000Z")
GENERALIZED_TIME = tlv(0x18, b"20500101000000Z")
ALGORITHM = sequence(object_identifier("1.2.840.10045.4.3.2"))
SID = "S-1-5-21-1-2-3-1104"
ADMINISTRATOR = "S-1-5-21-1-2-3-500"
SID_URI = "tag:microsoft.com,2022-09-14:sid:"


def a_certificate(
    *extensions: bytes,
    version: int | None = 2,
    serial_number: int = 1,
    subject: bytes = b"",
    validity: bytes = sequence(UTC_TIME, GENERALIZED_TIME),
) -> bytes:
    """The signature is nonsense: it is not the parser's business."""
    issuer = sequence(an_rdn(("2.5.4.3", utf8_string("Partner CA"))))
    to_be_signed = sequence(
        tlv(0xA0, integer(version)) if version is not None else b"",
        integer(serial_number),
        ALGORITHM,
        issuer,
        validity,
        subject or sequence(),
        a_public_key_info(a_key()),
        tlv(0xA3, sequence(*extensions)) if extensions else b"",
    )
    return sequence(to_be_signed, ALGORITHM, bit_string(b"signature"))


def test_the_captured_leaf_is_read() -> None:
    certificate = parse_certificate(LEAF)

    assert certificate.der == LEAF
    assert str(certificate.subject) == "CN=labadm,CN=Users,DC=pkinitlab,DC=internal"
    assert str(certificate.issuer) == "CN=PKINIT Lab Issuing CA,DC=pkinitlab,DC=internal"
    assert f"{certificate.serial_number:x}" == "5e0000000a3465cd72ba45b7f100000000000a"
    assert certificate.not_before == datetime(2026, 8, 18, 2, 10, 6, tzinfo=UTC)
    assert certificate.not_after == datetime(2027, 8, 18, 2, 10, 6, tzinfo=UTC)
    assert (certificate.public_key.algorithm, certificate.public_key.size) == ("RSA", 2048)
    assert certificate.subject_alternative_name == (
        GeneralName(GeneralNameType.USER_PRINCIPAL_NAME, "labadm@pkinitlab.internal"),
    )
    assert certificate.sha256_fingerprint == "205fed6c1455eefe6e1375866c4a32145bb3ec93722eb7dc14b9edf04777192d"
    assert certificate.subject_key_identifier == "16c7ef7f78b229319ec9c2aa433175bc98965da2"
    assert certificate.security_identifiers == ("S-1-5-21-3734714977-4168152908-3762407930-1104",)


def test_the_captured_leaf_carries_the_key_of_the_captured_request() -> None:
    request = (Path(__file__).parents[2] / "vectors/pkcs10/captured-certreq-ws2025.der").read_bytes()

    assert parse_certificate(LEAF).public_key.subject_public_key_info in request


def test_both_forms_of_time_are_read_as_utc() -> None:
    certificate = parse_certificate(a_certificate())

    assert certificate.not_before == datetime(2026, 1, 1, tzinfo=UTC)
    assert certificate.not_after == datetime(2050, 1, 1, tzinfo=UTC)


def test_a_certificate_without_extensions_has_no_alternative_names() -> None:
    certificate = parse_certificate(a_certificate(version=None))

    assert certificate.subject_alternative_name == ()
    assert certificate.subject_key_identifier is None
    assert certificate.security_identifiers == ()


@pytest.mark.parametrize(
    ("extensions", "sids"),
    [
        ([a_security_identifier_extension(SID)], (SID,)),
        ([a_subject_alternative_name(a_uri(SID_URI + SID))], (SID,)),
        ([a_subject_alternative_name(a_uri(SID_URI.upper() + SID))], (SID,)),
        ([a_security_identifier_extension(SID), a_subject_alternative_name(a_uri(SID_URI + SID))], (SID,)),
        (
            [a_security_identifier_extension(SID), a_subject_alternative_name(a_uri(SID_URI + ADMINISTRATOR))],
            (SID, ADMINISTRATOR),
        ),
        (
            [a_subject_alternative_name(a_uri(SID_URI + SID), a_dns_name("a"), a_uri(SID_URI + ADMINISTRATOR))],
            (SID, ADMINISTRATOR),
        ),
        ([a_subject_alternative_name(a_uri("https://a.example/"), a_dns_name(f"{SID_URI}{SID}"))], ()),
    ],
)
def test_every_place_that_states_a_sid_is_read(extensions: list[bytes], sids: tuple[str, ...]) -> None:
    assert parse_certificate(a_certificate(*extensions)).security_identifiers == sids


def test_a_printable_string_beyond_its_alphabet_is_read() -> None:
    subject = sequence(an_rdn(("2.5.4.10", printable_string("Black & White"))))

    assert str(parse_certificate(a_certificate(subject=subject)).subject) == "O=Black & White"


@pytest.mark.parametrize(
    ("der", "reason"),
    [
        (b"", "Certificate"),
        (LEAF + b"\x00", "ExtraData"),
        (LEAF[:-1], "Certificate"),
        (b"\x30\x80" + LEAF[4:] + bytes(2), "Certificate"),
        (b"-----BEGIN CERTIFICATE-----", "Certificate"),
        (a_certificate(version=3), "version"),
        (a_certificate(version=0), "DEFAULT"),
        (a_certificate(serial_number=1 << 160), "20 octets"),
        (a_certificate(validity=sequence(UTC_TIME)), "Certificate"),
        (a_certificate(subject=sequence(an_rdn(("2.5.4.3", integer(1))))), "commonName"),
        (a_certificate(an_extension("2.5.29.17", b"?")), "subjectAltName"),
        (a_certificate(a_subject_alternative_name(tlv(0x82, b"a\x00b"))), r"subjectAltName\): U\+0000"),
        (a_certificate(*[a_subject_alternative_name(a_dns_name("a"))] * 2), "occurs twice"),
        (a_certificate(an_extension("2.5.29.14", b"?")), "subjectKeyIdentifier"),
        (a_certificate(an_extension("2.5.29.14", octet_string(b""))), "an empty key identifier"),
        (a_certificate(an_extension("1.3.6.1.4.1.311.25.2", sequence())), "szOID_NTDS_CA_SECURITY_EXT"),
        (a_certificate(a_security_identifier_extension("Administrator")), "not a SID"),
        (a_certificate(a_subject_alternative_name(a_uri(SID_URI))), "not a SID"),
        (a_certificate(a_subject_alternative_name(a_uri(f"{SID_URI}{SID}/x"))), "not a SID"),
    ],
)
def test_what_is_not_one_readable_certificate_is_refused(der: bytes, reason: str) -> None:
    with pytest.raises(MalformedMessage, match=reason):
        parse_certificate(der)


def test_the_largest_serial_number_is_read() -> None:
    assert parse_certificate(a_certificate(serial_number=(1 << 160) - 1)).serial_number == (1 << 160) - 1


def read_or_refused(der: bytes) -> Certificate | None:
    try:
        return parse_certificate(der)
    except MalformedMessage as error:
        assert type(error) is MalformedMessage  # noqa: PT017 -- the property is about the type
        return None


GENTLY = settings(derandomize=True, deadline=None, max_examples=300)


@GENTLY
@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_read_or_refused(der: bytes) -> None:
    read_or_refused(der)


@GENTLY
@given(st.sampled_from([LEAF, a_certificate(a_subject_alternative_name(a_dns_name("a")))]), st.data())
def test_damaged_certificates_are_read_or_refused(der: bytes, data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(der) - 1))
    removed = data.draw(st.integers(0, 4))
    inserted = data.draw(st.binary(max_size=4))

    read_or_refused(der[:position] + inserted + der[position + removed :])


def test_a_certificate_says_which_template_it_was_issued_by() -> None:
    certificate = parse_certificate(
        a_certificate(a_template_name_extension("PartnerWebServer"), a_template_oid_extension("1.2.3", 100, 1))
    )

    assert (certificate.template_name, certificate.template_oid) == ("PartnerWebServer", "1.2.3")


def test_a_certificate_may_have_certificate_policies() -> None:
    policies = an_extension("2.5.29.32", sequence(sequence(object_identifier("1.2.3"))))

    assert parse_certificate(a_certificate(policies)).certificate_policies == ("1.2.3",)
    assert parse_certificate(a_certificate()).certificate_policies is None
