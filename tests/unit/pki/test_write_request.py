"""What is written is what the parsers, and the library, read and verify."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization.pkcs7 import load_der_pkcs7_certificates

from gateway.pki import write
from gateway.pki.certificate import parse_certificate
from gateway.pki.parse_request import parse_certificate_request
from gateway.pki.write_request import Signer, certification_request, issue, revocation_list, signed_data
from tests.requests import a_key

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def an_issuer(not_after: datetime = NOW + timedelta(days=365), key: str = "EC") -> Signer:
    return issue(
        subject=write.name([("commonName", "Example CA")]),
        key=a_key(key, "authority"),
        serial_number=1,
        not_before=NOW,
        not_after=not_after,
        extensions=[write.basic_constraints(ca=True), write.key_usage(["keyCertSign", "cRLSign"])],
    )


def a_leaf(issuer: Signer) -> Signer:
    return issue(
        subject=write.name([("commonName", "web01")]),
        key=a_key("EC", "signer"),
        serial_number=0x80,
        not_before=NOW,
        not_after=NOW + timedelta(days=1),
        extensions=[],
        issuer=issuer,
    )


@pytest.mark.parametrize("kind", ["RSA", "EC", "EC-384", "Ed25519", "Ed448"])
def test_a_request_with_a_key_of_any_kind_is_read_and_its_signature_verifies(kind: str) -> None:
    request = parse_certificate_request(
        certification_request(write.name([("commonName", "web01")]), a_key(kind), [write.name_value_pairs({"a": "b"})])
    )

    assert str(request.subject) == "CN=web01"
    assert [(pair.name, pair.value) for pair in request.name_value_pairs] == [("a", "b")]


@pytest.mark.parametrize("kind", ["RSA", "EC", "Ed25519"])
def test_a_certificate_is_its_issuers(kind: str) -> None:
    issuer = an_issuer(key=kind)
    authority, leaf = (x509.load_der_x509_certificate(s.certificate) for s in (issuer, a_leaf(issuer)))

    authority.verify_directly_issued_by(authority)
    leaf.verify_directly_issued_by(authority)
    read = parse_certificate(a_leaf(issuer).certificate)
    assert (str(read.subject), str(read.issuer), read.serial_number) == ("CN=web01", "CN=Example CA", 0x80)
    assert (read.not_before, read.not_after) == (NOW, NOW + timedelta(days=1))


def test_the_life_of_a_certificate_may_end_after_2049() -> None:
    end = datetime(2050, 1, 1, tzinfo=UTC)

    assert parse_certificate(an_issuer(end).certificate).not_after == end


def test_a_revocation_list_is_its_issuers_current_and_empty() -> None:
    issuer = an_issuer()
    crl = x509.load_der_x509_crl(revocation_list(issuer, NOW))

    key = x509.load_der_x509_certificate(issuer.certificate).public_key()
    assert crl.is_signature_valid(key)  # type: ignore[arg-type]  # an EC key, as made above
    assert crl.next_update_utc is not None
    assert crl.last_update_utc < NOW < crl.next_update_utc
    assert len(crl) == 0


def test_a_signed_data_carries_the_certificates_of_its_signers() -> None:
    signers = [a_leaf(an_issuer()), an_issuer()]

    found = load_der_pkcs7_certificates(signed_data(b"a request", signers))

    assert {c.serial_number for c in found} == {0x80, 1}
