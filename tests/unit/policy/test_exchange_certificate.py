"""What is passed on as the CA's exchange certificate is just that."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from gateway.errors import ExchangeCertificateRefused
from gateway.pki.certificate import parse_certificate
from gateway.policy.exchange_certificate import check_exchange_certificate
from gateway.policy.issued_origin import Issuers
from tests.issued import (
    BASIC_CONSTRAINTS,
    CA,
    CA_EXCHANGE,
    EXTENDED_KEY_USAGE,
    KEY_USAGE,
    NOW,
    SERVER_AUTH,
    Parts,
    a_basic_constraints,
    a_ca_certificate,
    a_distinguished_name,
    a_key_usage,
    a_signed_certificate,
    an_extended_key_usage,
    exchange_parts,
)
from tests.requests import a_key, a_public_key_info, integer, tlv

KNOWN = Issuers(CA, (parse_certificate(a_ca_certificate()),))
GOOD = exchange_parts()


def check(parts: Parts, issuers: Issuers = KNOWN, now: datetime = NOW, key_name: str = "CA") -> None:
    check_exchange_certificate(a_signed_certificate(parts, key_name=key_name), issuers, now)


def test_the_ca_s_own_is_right() -> None:
    check(GOOD)
    check(GOOD.with_extension(EXTENDED_KEY_USAGE, an_extended_key_usage(SERVER_AUTH, CA_EXCHANGE)))
    check(GOOD.without_extension(KEY_USAGE))
    check(replace(GOOD, subject_public_key_info=a_public_key_info(a_key("EC"))))


@pytest.mark.parametrize(
    ("parts", "objection"),
    [
        pytest.param(GOOD.without_extension(EXTENDED_KEY_USAGE), "extendedKeyUsage", id="for anything"),
        pytest.param(
            GOOD.with_extension(EXTENDED_KEY_USAGE, an_extended_key_usage(SERVER_AUTH)),
            "extendedKeyUsage is '1.3.6.1.5.5.7.3.1', wanted 1.3.6.1.4.1.311.21.5",
            id="for something else",
        ),
        pytest.param(
            GOOD.with_extension(KEY_USAGE, a_key_usage(0x80, 7)),
            "keyUsage is 'digitalSignature', wanted keyEncipherment\\.",
            id="usage",
        ),
        pytest.param(
            GOOD.with_extension(BASIC_CONSTRAINTS, a_basic_constraints(ca=True)), "basicConstraints", id="a CA's"
        ),
        pytest.param(
            replace(GOOD, issuer=a_distinguished_name("CN=Another CA")), "issuer is 'CN=Another CA'", id="issuer"
        ),
        pytest.param(
            replace(GOOD, subject_public_key_info=a_public_key_info(a_key("RSA-1024"))),
            "publicKey is 'RSA 1024', wanted RSA 2048 or more",
            id="a short key",
        ),
        pytest.param(
            replace(GOOD, version=b"", extensions={}), "version is 'v1'", id="v1, whose signature is not read"
        ),
        pytest.param(replace(GOOD, serial_number=integer(0)), "serialNumber is '0'", id="no serial number"),
        pytest.param(
            replace(GOOD, serial_number=tlv(0x04, b"1")), "not a certificate that can be read", id="unreadable"
        ),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_passed_on(parts: Parts, objection: str) -> None:
    with pytest.raises(ExchangeCertificateRefused, match=objection):
        check(parts)


def test_the_signature_is_the_ca_s() -> None:
    with pytest.raises(ExchangeCertificateRefused, match="not this CA's"):
        check(GOOD, key_name="a look-alike")


@pytest.mark.parametrize("days", [-1, 8])
def test_it_is_valid_now(days: int) -> None:
    with pytest.raises(ExchangeCertificateRefused, match="wanted dates around now"):
        check(GOOD, now=NOW + timedelta(days=days))


@pytest.mark.parametrize("since_or_until", [-timedelta(minutes=10), timedelta(days=7, minutes=-10)])
def test_the_first_and_the_last_second_count(since_or_until: timedelta) -> None:
    check(GOOD, now=NOW + since_or_until)


def test_a_ca_whose_certificate_nobody_knows_exchanges_no_keys() -> None:
    with pytest.raises(ExchangeCertificateRefused, match="certification_authorities, or have a CEP service"):
        check(GOOD, Issuers(CA))
