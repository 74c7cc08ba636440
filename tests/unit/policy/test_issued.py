from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.errors import CertificateWithheld, UpstreamMisbehaved
from gateway.policy.issued import check_issued
from tests.certificates import KeyPair, a_client_certificate, an_authority


@pytest.fixture
def issued(tmp_path: Path) -> KeyPair:
    return a_client_certificate(an_authority(tmp_path), "partner-a")


def key_of(pair: KeyPair) -> bytes:
    return pair.certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def test_a_certificate_for_the_key_of_the_request_is_released(issued: KeyPair) -> None:
    check_issued(issued.der, subject_public_key_info=key_of(issued))


def test_a_certificate_for_another_key_is_withheld(issued: KeyPair, tmp_path: Path) -> None:
    another = a_client_certificate(an_authority(tmp_path, "Another Root CA"), "partner-a")

    with pytest.raises(CertificateWithheld, match="another public key") as withheld:
        check_issued(issued.der, subject_public_key_info=key_of(another))

    assert f"serial {issued.certificate.serial_number:x}" in str(withheld.value)


def test_a_key_that_is_no_key_matches_nothing(issued: KeyPair) -> None:
    with pytest.raises(CertificateWithheld):
        check_issued(issued.der, subject_public_key_info=b"")


@pytest.mark.parametrize("damage", [slice(0), slice(-1), slice(1, None)])
def test_what_is_no_certificate_is_not_released(issued: KeyPair, damage: slice) -> None:
    with pytest.raises(UpstreamMisbehaved, match="cannot be read") as refusal:
        check_issued(issued.der[damage], subject_public_key_info=key_of(issued))

    assert not isinstance(refusal.value, CertificateWithheld)


def test_nothing_may_follow_the_certificate(issued: KeyPair) -> None:
    with pytest.raises(UpstreamMisbehaved, match="cannot be read"):
        check_issued(issued.der + b"\x00", subject_public_key_info=key_of(issued))


SID = "S-1-5-21-1-2-3-1104"
ADMINISTRATOR = "S-1-5-21-1-2-3-500"


def stating(tmp_path: Path, *sids: str) -> KeyPair:
    """A certificate with a tag URI for each."""
    uris = [x509.UniformResourceIdentifier(f"tag:microsoft.com,2022-09-14:sid:{sid}") for sid in sids]
    return a_client_certificate(an_authority(tmp_path), alternatives=uris)


@pytest.mark.parametrize("stated", [(), (SID,)])
def test_a_certificate_for_the_requester_s_account_or_nobody_s_is_released(
    tmp_path: Path, stated: tuple[str, ...]
) -> None:
    issued = stating(tmp_path, *stated)

    check_issued(issued.der, subject_public_key_info=key_of(issued), sid=SID)


@pytest.mark.parametrize("stated", [(ADMINISTRATOR,), (SID, ADMINISTRATOR), (ADMINISTRATOR, SID)])
def test_a_certificate_for_somebody_else_s_account_is_withheld(tmp_path: Path, stated: tuple[str, ...]) -> None:
    issued = stating(tmp_path, *stated)

    with pytest.raises(CertificateWithheld) as withheld:
        check_issued(issued.der, subject_public_key_info=key_of(issued), sid=SID)

    assert f"is for the account {' and '.join(stated)}, the requester is {SID}" in str(withheld.value)
    assert f"serial {issued.certificate.serial_number:x}" in str(withheld.value)


def test_where_the_ca_has_seen_no_requester_any_account_is_right(tmp_path: Path) -> None:
    issued = stating(tmp_path, ADMINISTRATOR)

    check_issued(issued.der, subject_public_key_info=key_of(issued))
