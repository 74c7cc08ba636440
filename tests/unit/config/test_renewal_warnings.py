"""Whether the handshake lets in whom a renewal-only service is for."""

from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from tests.authorities import TestAuthority, key_usage, pem
from tests.unit.config.samples import a_configuration_with_a_realm, load

ROOT = TestAuthority("Corp Root CA", "root")
ISSUING = TestAuthority("Corp Issuing CA 1", "issuing")
ISSUING_CERTIFICATE = ROOT.issue(
    "Corp Issuing CA 1",
    key=ISSUING.key,
    extensions=[x509.BasicConstraints(ca=True, path_length=None), key_usage("key_cert_sign", "crl_sign")],
)


@pytest.fixture
def content(tmp_path: Path) -> dict[str, Any]:
    """A renewal-only CES for certificates of the issuing CA."""
    content = a_configuration_with_a_realm(tmp_path)
    content["services"][-1]["renewal_only"] = True
    (tmp_path / "issuing.pem").write_bytes(pem(ISSUING_CERTIFICATE))
    content["certification_authorities"] = [{"name": "Corp Issuing CA 1", "certificates": "issuing.pem"}]
    content["listeners"][0]["client_trust"] = "trust.pem"
    return content


def warnings(directory: Path, content: dict[str, Any], *trusted: TestAuthority) -> list[str]:
    """Those about the handshake."""
    (directory / "trust.pem").write_bytes(pem(*(authority.certificate for authority in trusted)))
    return [warning for warning in load(directory, content).warnings if "client_trust" in warning]


def test_the_root_above_the_authority_is_enough(tmp_path: Path, content: dict[str, Any]) -> None:
    assert warnings(tmp_path, content, TestAuthority("Partner CA", "partner"), ROOT) == []


@pytest.mark.parametrize(
    "trusted",
    [TestAuthority("Partner CA", "partner"), TestAuthority("Corp Root CA", "a look-alike")],
    ids=["another root", "a look-alike"],
)
def test_without_it_there_is_a_warning(tmp_path: Path, content: dict[str, Any], trusted: TestAuthority) -> None:
    (warning,) = warnings(tmp_path, content, trusted)

    assert warning.startswith("listeners.0: client_trust has no root above Corp Issuing CA 1")
    assert "the service renewal" in warning


def test_an_issuing_ca_is_no_root(tmp_path: Path, content: dict[str, Any]) -> None:
    (tmp_path / "trust.pem").write_bytes(pem(ISSUING_CERTIFICATE))

    assert any("client_trust has no root" in warning for warning in load(tmp_path, content).warnings)


def test_services_with_a_mapping_need_no_authority(tmp_path: Path, content: dict[str, Any]) -> None:
    content["services"][-1]["renewal_only"] = False

    assert warnings(tmp_path, content, TestAuthority("Partner CA", "partner")) == []
