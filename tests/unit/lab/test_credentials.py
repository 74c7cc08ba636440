"""Roots and what they issue for the lab's world."""

import stat
from pathlib import Path

import pytest
from cryptography import x509

from gateway.lab.credentials import Issuer, key_usage, write_private


def test_a_root_issues_server_certificates_for_all_its_names() -> None:
    certificate = Issuer.root("CA").issue_server(["one.example", "two.example"]).certificate
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["one.example", "two.example", "localhost"]


def test_key_usage_sets_the_named_bits_alone() -> None:
    usage = key_usage("digital_signature", "crl_sign")
    assert (usage.digital_signature, usage.crl_sign, usage.key_cert_sign) == (True, True, False)


@pytest.mark.parametrize("before", [None, b"older and readable"])
def test_a_private_file_is_readable_by_its_owner_alone(tmp_path: Path, before: bytes | None) -> None:
    path = tmp_path / "key.pem"
    if before is not None:
        path.write_bytes(before)
        path.chmod(0o644)
    write_private(path, b"secret")
    assert path.read_bytes() == b"secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
