from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from gateway.web.server_certificate import Check, check_server_certificate
from tests.certificates import Authority, a_client_certificate, a_server_certificate, an_authority

NOW = datetime.now(UTC)


def check(authority: Authority, *names: str, hosts: set[str], now: datetime = NOW) -> Check:
    return check_server_certificate(a_server_certificate(authority, *names).certificate_path.read_bytes(), hosts, now)


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("ces.example.com", "ces.example.com"),
        ("ces.example.com", "CES.Example.COM"),
        ("CES.example.com", "ces.example.com."),
        ("*.example.com", "ces.example.com"),
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8::7", "2001:db8:0::7"),
    ],
)
def test_a_certificate_for_the_host_is_fine(authority: Authority, name: str, host: str) -> None:
    assert check(authority, name, hosts={host}) == Check()


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("ces.example.com", "cep.example.com"),
        ("example.com", "ces.example.com"),
        ("*.example.com", "example.com"),
        ("*.example.com", "a.ces.example.com"),
        ("c*.example.com", "ces.example.com"),
        ("ces.*.com", "ces.example.com"),
        ("*", "localhost"),
        ("*.", "localhost"),
        ("192.0.2.7", "192.0.2.8"),
        ("*.0.2.7", "192.0.2.7"),
    ],
)
def test_a_certificate_for_another_host_is_a_mistake(authority: Authority, name: str, host: str) -> None:
    (mistake,) = check(authority, name, hosts={host}).mistakes

    assert f"is not for {host}" in mistake


def test_every_host_without_its_name_is_reported(authority: Authority) -> None:
    found = check(authority, "ces.example.com", hosts={"a.example.com", "b.example.com", "ces.example.com"})

    assert [mistake.partition("is not for ")[2][:13] for mistake in found.mistakes] == [
        "a.example.com",
        "b.example.com",
    ]


def test_the_common_name_does_not_count(authority: Authority) -> None:
    pem = a_client_certificate(
        authority, "ces.example.com", extended_key_usage=[ExtendedKeyUsageOID.SERVER_AUTH]
    ).certificate_path.read_bytes()

    (mistake,) = check_server_certificate(pem, {"ces.example.com"}, NOW).mistakes

    assert "no subjectAltName" in mistake


def test_a_certificate_for_clients_is_a_mistake(authority: Authority) -> None:
    pem = a_server_certificate(
        authority, "ces.example.com", extended_key_usage=[ExtendedKeyUsageOID.CLIENT_AUTH]
    ).certificate_path.read_bytes()

    (mistake,) = check_server_certificate(pem, {"ces.example.com"}, NOW).mistakes

    assert "not for server authentication" in mistake


@pytest.mark.parametrize("uses", [[], [ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]])
def test_a_certificate_for_any_use_is_fine(authority: Authority, uses: list[x509.ObjectIdentifier]) -> None:
    pem = a_server_certificate(authority, "localhost", extended_key_usage=uses).certificate_path.read_bytes()

    assert check_server_certificate(pem, {"localhost"}, NOW) == Check()


def test_an_expired_certificate_is_a_mistake(authority: Authority) -> None:
    (mistake,) = check(authority, hosts={"localhost"}, now=NOW + timedelta(days=91)).mistakes

    assert "CN=localhost expired on" in mistake


def test_a_certificate_of_the_future_is_a_mistake(authority: Authority) -> None:
    (mistake,) = check(authority, hosts={"localhost"}, now=NOW - timedelta(days=2)).mistakes

    assert "is not valid before" in mistake


def test_a_certificate_that_expires_soon_is_a_warning(authority: Authority) -> None:
    found = check(authority, hosts={"localhost"}, now=NOW + timedelta(days=77))

    assert found.mistakes == ()
    assert "less than 14 days" in found.warnings[0]


def test_an_expired_intermediate_is_a_mistake(authority: Authority) -> None:
    leaf = a_server_certificate(authority, not_after=NOW + timedelta(days=1000)).certificate_path.read_bytes()
    chain = leaf + authority.certificate_path.read_bytes()

    (mistake,) = check_server_certificate(chain, {"localhost"}, NOW + timedelta(days=400)).mistakes

    assert "CN=Partner Root CA expired on" in mistake


def test_a_chain_in_disorder_is_a_warning(authority: Authority, other_authority: Authority) -> None:
    leaf = a_server_certificate(authority).certificate_path.read_bytes()

    right = check_server_certificate(leaf + authority.certificate_path.read_bytes(), {"localhost"}, NOW)
    wrong = check_server_certificate(leaf + other_authority.certificate_path.read_bytes(), {"localhost"}, NOW)

    assert right == Check()
    assert "is not issued by CN=Stranger Root CA" in wrong.warnings[0]


@pytest.mark.parametrize(
    "pem", [b"", b"text", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", b"\xff"]
)
def test_what_is_no_certificate_is_a_mistake(pem: bytes) -> None:
    (mistake,) = check_server_certificate(pem, {"localhost"}, NOW).mistakes

    assert "cannot be read" in mistake


def test_findings_can_be_told_apart_by_a_prefix(tmp_path: Path) -> None:
    found = check(an_authority(tmp_path), "a.example", hosts={"b.example"}).prefixed("server name b.example: ")

    assert found.mistakes[0].startswith("server name b.example: CN=a.example is not for")
