"""Who issued a certificate, and when: cases beside those of test_issued."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from gateway.pki.certificate import parse_certificate
from gateway.pki.issued_certificate import parse_issued_certificate
from gateway.policy.expected import Expected
from gateway.policy.issued_origin import BACKDATING, CLOCK_SKEW, Issuers, objections_to_origin
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
from tests.requests import object_identifier, sequence, tlv

EXPECTED = an_expectation(approved_at=NOW)
KNOWN = Issuers(CA, (parse_certificate(a_ca_certificate()),))
RENEWED = Issuers(CA, (parse_certificate(a_ca_certificate(key_name="new CA")), *KNOWN.certificates))
UNKNOWN = Issuers(CA)
GOOD = web_server_parts()


def fields(parts: Parts, issuers: Issuers = KNOWN, expected: Expected = EXPECTED, now: datetime = NOW) -> list[str]:
    issued = parse_issued_certificate(a_signed_certificate(parts))
    return [one.field for one in objections_to_origin(issued, expected, issuers, now)]


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


def test_a_certificate_may_name_the_issuer_s_certificate() -> None:
    name = tlv(0xA1, tlv(0xA4, a_distinguished_name(f"CN={CA},DC=corp,DC=example")))
    identifier = an_authority_key_identifier(a_key_identifier(ca_key()), name, tlv(0x82, b"\x01"))

    assert fields(GOOD.with_extension(AUTHORITY_KEY_IDENTIFIER, identifier)) == []


@pytest.mark.parametrize(
    ("not_before", "is_right"),
    [
        (NOW - BACKDATING, True),
        (NOW - BACKDATING - timedelta(seconds=1), False),
        (NOW + CLOCK_SKEW, True),
        (NOW + CLOCK_SKEW + timedelta(seconds=1), False),
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
