import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from gateway.strict_yaml import Mistaken
from gateway.upstream.settings import UpstreamSettings
from gateway.upstream.tls import client_context
from tests.certificates import Authority, a_client_certificate, an_authority


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return an_authority(tmp_path)


def settings(trust: Path, certificate: Path | None = None, key: Path | None = None) -> UpstreamSettings:
    return UpstreamSettings(url="https://ces.corp.fabrikam.example/CES", trust=trust, certificate=certificate, key=key)


def test_the_server_and_its_name_are_verified_against_the_trust_file_alone(authority: Authority) -> None:
    context = client_context(settings(authority.certificate_path))

    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert [ca["serialNumber"] for ca in context.get_ca_certs()] == [
        f"{authority.certificate.serial_number:X}".zfill(40)
    ]


def test_a_client_certificate_may_be_asked_for_late(authority: Authority) -> None:
    own = a_client_certificate(authority)

    assert client_context(settings(authority.certificate_path, own.certificate_path, own.key_path)).post_handshake_auth
    assert not client_context(settings(authority.certificate_path)).post_handshake_auth


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_trust_file_without_certificates_is_a_mistake(tmp_path: Path, content: bytes | None) -> None:
    trust = tmp_path / "trust.pem"
    if content is not None:
        trust.write_bytes(content)

    with pytest.raises(Mistaken, match=r"trust.pem: no PEM certificates to trust: "):
        client_context(settings(trust))


def test_a_key_of_another_certificate_is_a_mistake(authority: Authority) -> None:
    own, other = a_client_certificate(authority), a_client_certificate(authority)

    with pytest.raises(Mistaken, match=r"crt.pem: no certificate with the key in .*KEY_VALUES_MISMATCH"):
        client_context(settings(authority.certificate_path, own.certificate_path, other.key_path))


def test_a_key_with_a_passphrase_is_a_mistake_and_nobody_is_asked_for_it(authority: Authority) -> None:
    own = a_client_certificate(authority)
    key = load_pem_private_key(own.key_path.read_bytes(), None)
    own.key_path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"a passphrase"))
    )

    with pytest.raises(Mistaken, match="without passphrase"):
        client_context(settings(authority.certificate_path, own.certificate_path, own.key_path))
