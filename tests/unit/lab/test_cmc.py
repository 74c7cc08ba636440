"""CMC full PKI responses, held against a captured one and verified by OpenSSL."""

import subprocess
from datetime import UTC, datetime
from hashlib import sha1
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.lab import cmc
from gateway.lab.accounts import GATEWAY_SERVICE
from gateway.lab.authority import CertificationAuthority
from gateway.lab.cmc import CMCStatus
from gateway.lab.world import World
from tests.requests import a_certification_request, a_key
from tests.unit.lab import der
from tests.unit.lab.der import Node
from tests.unit.lab.messages import CAPTURED, a_reply

CAPTURED_REPLY = a_reply((CAPTURED / "capture-adcs-RSTRC-issued.xml").read_bytes())
CAPTURED_RESPONSE = CAPTURED_REPLY.token(".//wst:RequestSecurityTokenResponse")
CAPTURED_LEAF = CAPTURED_REPLY.token(".//wst:RequestedSecurityToken")


def _issued(ca: CertificationAuthority) -> tuple[bytes, x509.Certificate]:
    row = ca.submit(a_certification_request(template="User", key=a_key("RSA")), "", GATEWAY_SERVICE)
    assert row.certificate is not None
    return ca.full_response(row), row.certificate


def _signed_data(response: bytes) -> Node:
    content_info = der.node(response)
    assert content_info[0].oid == "1.2.840.113549.1.7.2"
    return content_info[1][0]


def _body(response: bytes) -> Node:
    encapsulated = _signed_data(response)[2]
    assert encapsulated[0].oid == "1.3.6.1.5.5.7.12.3"
    return der.node(encapsulated[1][0].content)


def _status_info(response: bytes) -> Node:
    return _body(response)[0][0][2][0]


def _signer_outline(response: bytes) -> list[object]:
    """Of the one SignerInfo, without the names inside the issuer."""
    (signer,) = _signed_data(response)[4].children
    version, sid, *rest = signer.children
    return [version.outline, [child.tag for child in sid.children], *(child.outline for child in rest)]


def test_the_response_body_has_the_captured_structure(ca: CertificationAuthority) -> None:
    response, _ = _issued(ca)
    assert _body(response).outline == _body(CAPTURED_RESPONSE).outline


def test_an_rsa_ca_signs_with_the_captured_structure(ca: CertificationAuthority) -> None:
    response, _ = _issued(ca)
    assert _signer_outline(response) == _signer_outline(CAPTURED_RESPONSE)
    assert [child.tag for child in _signed_data(response).children] == [
        child.tag for child in _signed_data(CAPTURED_RESPONSE).children
    ]


def test_every_algorithm_and_identifier_is_the_captured_one(ca: CertificationAuthority) -> None:
    ours, theirs = _signed_data(_issued(ca)[0]), _signed_data(CAPTURED_RESPONSE)
    assert ours[0].integer == theirs[0].integer == 3
    assert ours[1].encoded == theirs[1].encoded  # digestAlgorithms
    our_signer, their_signer = ours[4][0], theirs[4][0]
    assert our_signer[2].encoded == their_signer[2].encoded  # digestAlgorithm
    assert our_signer[3][0].encoded == their_signer[3][0].encoded  # contentType
    assert our_signer[4].encoded == their_signer[4].encoded  # signatureAlgorithm


@pytest.mark.parametrize("captured", [True, False])
def test_the_second_control_carries_the_hash_of_the_leaf(ca: CertificationAuthority, *, captured: bool) -> None:
    ours, certificate = _issued(ca)
    response, leaf = (CAPTURED_RESPONSE, CAPTURED_LEAF) if captured else (ours, certificate.public_bytes(Encoding.DER))
    control = _body(response)[0][1]
    assert (control[0].integer, control[1].oid) == (2, "1.3.6.1.4.1.311.10.10.1")
    attribute = control[2][0][2][0]
    assert attribute[0].oid == "1.3.6.1.4.1.311.21.17"
    assert attribute[1][0].content == sha1(leaf).digest()


@pytest.mark.parametrize("captured", [True, False])
def test_success_is_told_with_the_disposition_message(ca: CertificationAuthority, *, captured: bool) -> None:
    response = CAPTURED_RESPONSE if captured else _issued(ca)[0]
    control = _body(response)[0][0]
    assert (control[0].integer, control[1].oid) == (1, "1.3.6.1.5.5.7.7.1")
    status_info = control[2][0]
    assert status_info[0].integer == 0
    assert [part.integer for part in status_info[1].children] == [1]
    assert status_info[2].content.startswith(b"Issued  0x80094004, The Enrollee (CN=")
    assert status_info[2].content.endswith(b" The E-Mail name will not be included in the certificate.\r\n")


def test_the_whole_chain_and_the_leaf_are_included(ca: CertificationAuthority) -> None:
    response, leaf = _issued(ca)
    included = {x509.load_der_x509_certificate(child.encoded) for child in _signed_data(response)[3].children}
    assert included == {leaf, ca.signer.certificate, *ca.signer.chain}


def test_the_signer_is_named_by_its_issuer_and_serial_number(ca: CertificationAuthority) -> None:
    sid = _signed_data(_issued(ca)[0])[4][0][1]
    assert sid[0].encoded == ca.signer.certificate.issuer.public_bytes()
    assert sid[1].integer == ca.signer.certificate.serial_number


def test_a_pending_response_says_where_to_ask_and_since_when(ca: CertificationAuthority) -> None:
    received = datetime(2026, 11, 23, 10, 20, 30, 999999, tzinfo=UTC)
    response = cmc.full_pki_response(
        ca.signer, CMCStatus.PENDING, "Taken Under Submission", pending=cmc.pend_info(1003, received)
    )
    status, body_list, message, pend_info = _status_info(response).children
    assert status.integer == 3
    assert body_list.outline == (der.SEQUENCE, (der.INTEGER,))
    assert message.content == b"Taken Under Submission"
    assert pend_info.outline == (der.SEQUENCE, (der.OCTET_STRING,), (der.GENERALIZED_TIME,))
    assert pend_info[0].content == b"\xeb\x03\x00\x00"
    assert pend_info[1].content == b"20261123102030Z"


def test_a_failed_response_has_a_status_and_nothing_else(ca: CertificationAuthority) -> None:
    response = cmc.full_pki_response(ca.signer, CMCStatus.FAILED, "Denied by Policy Module")
    (control,) = _body(response)[0].children
    assert control[2][0].outline == (der.SEQUENCE, (der.INTEGER,), (der.SEQUENCE, (der.INTEGER,)), (der.UTF8_STRING,))
    assert control[2][0][0].integer == 2
    assert len(_signed_data(response)[3].children) == 2  # the CA and its root, so that the signature can be verified


def _openssl_verify(response: Path, content: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = ["openssl", "cms", "-verify", "-inform", "DER", "-in", str(response), "-out", str(content), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("fixture", ["ca", "ca_2"])
def test_openssl_verifies_the_signature_up_to_the_root(
    fixture: str, request: pytest.FixtureRequest, world: World, tmp_path: Path
) -> None:
    ca: CertificationAuthority = request.getfixturevalue(fixture)
    row = ca.submit(a_certification_request(), "", GATEWAY_SERVICE)
    response = tmp_path / "response.der"
    response.write_bytes(ca.full_response(row))
    trust = ("-CAfile", str(world.internal_ca), "-purpose", "any")
    outcome = _openssl_verify(response, tmp_path / "content", *trust)
    assert outcome.returncode == 0, outcome.stderr
    assert (tmp_path / "content").read_bytes() == _body(response.read_bytes()).encoded


def test_openssl_verifies_the_captured_response_in_the_same_way(tmp_path: Path) -> None:
    response = tmp_path / "response.der"
    response.write_bytes(CAPTURED_RESPONSE)
    outcome = _openssl_verify(response, tmp_path / "content", "-noverify")
    assert outcome.returncode == 0, outcome.stderr
    assert (tmp_path / "content").read_bytes() == _body(CAPTURED_RESPONSE).encoded


def test_openssl_objects_to_a_changed_response(ca: CertificationAuthority, tmp_path: Path) -> None:
    response = tmp_path / "response.der"
    response.write_bytes(_issued(ca)[0].replace(b"Issued", b"issued"))
    assert _openssl_verify(response, tmp_path / "content", "-noverify").returncode != 0
