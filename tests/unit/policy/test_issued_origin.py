"""Who issued a certificate, and when: cases beside those of test_issued."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from gateway.errors import Objection
from gateway.pki.certificate import parse_certificate
from gateway.pki.issued_certificate import parse_issued_certificate
from gateway.policy.expected import Expected
from gateway.policy.issued_origin import Issuers, objections_to_origin
from tests.builders import an_expectation
from tests.issued import (
    AUTHORITY_KEY_IDENTIFIER,
    CA,
    NOW,
    Parts,
    a_ca_certificate,
    a_distinguished_name,
    a_key_identifier,
    a_signed_certificate,
    a_validity,
    an_authority_key_identifier,
    ca_key,
    web_server_parts,
)
from tests.requests import an_extension, integer, object_identifier, sequence, tlv

EXPECTED = an_expectation(approved_at=NOW)
KNOWN = Issuers(CA, (parse_certificate(a_ca_certificate()),))
RENEWED = Issuers(CA, (parse_certificate(a_ca_certificate(key_name="new CA")), *KNOWN.certificates))
RENEWED_ONLY = Issuers(CA, RENEWED.certificates[:1])
UNKNOWN = Issuers(CA)
GOOD = web_server_parts()


def objections(
    parts: Parts, issuers: Issuers = KNOWN, expected: Expected = EXPECTED, now: datetime = NOW
) -> list[Objection]:
    issued = parse_issued_certificate(a_signed_certificate(parts))
    return list(objections_to_origin(issued, expected, issuers, now))


def fields(parts: Parts, issuers: Issuers = KNOWN, expected: Expected = EXPECTED, now: datetime = NOW) -> list[str]:
    return [one.field for one in objections(parts, issuers, expected, now)]


@pytest.mark.parametrize("issuers", [KNOWN, RENEWED, UNKNOWN])
def test_a_certificate_of_the_service_s_ca_is_right(issuers: Issuers) -> None:
    assert fields(GOOD, issuers) == []


def test_without_the_ca_s_certificate_only_its_name_is_compared() -> None:
    assert fields(replace(GOOD, issuer=a_distinguished_name(f"CN={CA},DC=evil")), UNKNOWN) == []
    assert fields(replace(GOOD, issuer=a_distinguished_name("CN=Another CA")), UNKNOWN) == ["issuer"]
    assert fields(replace(GOOD, issuer=a_distinguished_name(f"CN={CA},CN=Another CA")), UNKNOWN) == ["issuer"]


def test_a_certificate_of_another_ca_that_is_configured_is_not_this_service_s() -> None:
    assert fields(GOOD, Issuers("Fabrikam Issuing CA 2", KNOWN.certificates)) == ["issuer"]


def test_a_certificate_need_not_say_which_key_signed_it() -> None:
    assert fields(GOOD.without_extension(AUTHORITY_KEY_IDENTIFIER)) == []


CA_NAME = tlv(0xA1, tlv(0xA4, a_distinguished_name(f"CN={CA},DC=corp,DC=example")))


@pytest.mark.parametrize("of_one_key", [1, 2])
def test_a_certificate_may_name_the_issuer_s_certificate(of_one_key: int) -> None:
    identifier = an_authority_key_identifier(a_key_identifier(ca_key()), CA_NAME, tlv(0x82, b"\x01"))
    certificates = [replace(KNOWN.certificates[0], serial_number=n + 1) for n in range(of_one_key)]

    named = GOOD.with_extension(AUTHORITY_KEY_IDENTIFIER, identifier)

    assert fields(named, Issuers(CA, tuple(certificates))) == []


def test_the_first_serial_number_is_one_like_others() -> None:
    assert fields(replace(GOOD, serial_number=integer(1))) == []
    assert fields(replace(GOOD, serial_number=integer(1)), RENEWED_ONLY) == ["signature"]


@pytest.mark.parametrize(
    ("not_before", "is_right"),
    [
        (NOW - timedelta(days=1), True),
        (NOW - timedelta(days=1, seconds=1), False),
        (NOW + timedelta(minutes=10), True),
        (NOW + timedelta(minutes=10, seconds=1), False),
    ],
)
def test_a_certificate_begins_about_when_it_was_approved(not_before: datetime, is_right: bool) -> None:
    parts = replace(GOOD, validity=a_validity(not_before, NOW + timedelta(days=9)))

    assert fields(parts) == ([] if is_right else ["notBefore"])


def test_a_certificate_that_was_released_by_hand_begins_between_approval_and_question() -> None:
    parts = replace(GOOD, validity=a_validity(NOW + timedelta(days=20), NOW + timedelta(days=99)))

    assert fields(parts, now=NOW + timedelta(days=30)) == []
    assert fields(parts, now=NOW + timedelta(days=10)) == ["notBefore"]


def test_a_certificate_may_last_as_long_as_the_rule_says() -> None:
    parts = replace(GOOD, validity=a_validity(NOW, NOW + timedelta(days=90)))

    assert fields(parts, expected=replace(EXPECTED, maximum_validity=timedelta(days=90))) == []
    assert fields(parts, expected=replace(EXPECTED, maximum_validity=timedelta(days=89))) == ["validity"]


@pytest.mark.parametrize(
    ("oid", "is_right"),
    [
        pytest.param("2.16.840.1.101.3.4.2.1", True, id="SHA-256"),
        pytest.param("2.16.840.1.101.3.4.2.2", True, id="SHA-384"),
        pytest.param("2.16.840.1.101.3.4.2.3", True, id="SHA-512"),
        pytest.param("1.3.14.3.2.26", False, id="SHA-1"),
        pytest.param(None, False, id="SHA-1, where nothing is said"),
    ],
)
def test_rsassa_pss_is_as_strong_as_its_hash(oid: str | None, is_right: bool) -> None:
    parameters = [] if oid is None else [sequence(tlv(0xA0, sequence(object_identifier(oid))))]
    signed = replace(GOOD, signature=sequence(object_identifier("1.2.840.113549.1.1.10"), *parameters))

    assert fields(signed, UNKNOWN) == ([] if is_right else ["signatureAlgorithm"])


def test_a_certificate_that_ends_this_very_second_is_over() -> None:
    assert fields(replace(GOOD, validity=a_validity(NOW - timedelta(hours=1), NOW))) == ["notAfter"]


def test_a_certificate_that_ends_as_it_begins_is_never_valid() -> None:
    beginning = NOW + timedelta(seconds=1)

    assert fields(replace(GOOD, validity=a_validity(beginning, beginning))) == ["validity"]


# --- what is told ---------------------------------------------------------------------------------------------------

OWN_IDENTIFIER = a_key_identifier(ca_key()).hex()
SHORT = replace(GOOD, validity=a_validity(NOW, NOW + timedelta(days=30)))
OF_ANOTHER_KEY = an_authority_key_identifier(b"another")
OF_ANOTHER_CERTIFICATE = an_extension(AUTHORITY_KEY_IDENTIFIER, sequence(CA_NAME, tlv(0x82, b"\x02")))


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        (replace(SHORT, version=b"", extensions={}), "version is 'v1', wanted v3"),
        (
            replace(SHORT, unique_identifiers=tlv(0x81, b"\x00\x01")),
            "uniqueIdentifiers is 'present', wanted absent (RFC 5280 4.1.2.8)",
        ),
        (
            replace(GOOD, validity=a_validity(NOW - timedelta(days=2), NOW + timedelta(days=9))),
            "notBefore is '2026-05-30T00:00:00Z', wanted 2026-05-31T00:00:00Z or later: a day before it was approved",
        ),
        (
            replace(GOOD, validity=a_validity(NOW, NOW + timedelta(days=91))),
            "validity is '91 days', wanted at most 90 days (validity)",
        ),
        (
            SHORT.with_extension(AUTHORITY_KEY_IDENTIFIER, OF_ANOTHER_KEY),
            f"authorityKeyIdentifier is '{b'another'.hex()}', wanted the issuer's: {OWN_IDENTIFIER}",
        ),
        (
            SHORT.with_extension(AUTHORITY_KEY_IDENTIFIER, OF_ANOTHER_CERTIFICATE),
            f"authorityKeyIdentifier is 'another certificate', wanted the issuer's: {OWN_IDENTIFIER}",
        ),
    ],
)
def test_an_objection_tells_what_there_is_and_what_is_wanted(parts: Parts, told: str) -> None:
    expected = replace(EXPECTED, maximum_validity=timedelta(days=90))

    assert [str(objection) for objection in objections(parts, expected=expected)] == [told]


def test_an_issuer_without_a_key_identifier_is_told_as_one() -> None:
    nameless = Issuers(CA, (replace(KNOWN.certificates[0], subject_key_identifier=None),))

    (objection,) = objections(GOOD, nameless)

    assert (objection.value, objection.wanted) == (OWN_IDENTIFIER, "the issuer's: none")
