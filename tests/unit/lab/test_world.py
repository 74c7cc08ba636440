"""The files of a lab."""

import json
import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID

from gateway.lab.world import (
    CEP_HOST,
    CES_HOST,
    GATEWAY_HOST,
    KeyPair,
    World,
    WorldUnusable,
    create_world,
    open_or_create,
    open_world,
)


def _load(pair: KeyPair) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pair.certificate.read_bytes())


def _names(pair: KeyPair) -> x509.SubjectAlternativeName:
    return _load(pair).extensions.get_extension_for_class(x509.SubjectAlternativeName).value


def _store(path: Path) -> verification.Store:
    return verification.Store([x509.load_pem_x509_certificate(path.read_bytes())])


@pytest.mark.parametrize(
    "name",
    [
        "internal_services",
        "gateway_client",
        "gateway_server",
        "partner_a",
        "partner_b",
        "partner_a_expired",
        "stranger",
    ],
)
def test_every_certificate_comes_with_its_own_key(world: World, name: str) -> None:
    pair: KeyPair = getattr(world, name)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(pair.certificate, pair.key)


@pytest.mark.parametrize("host", [CEP_HOST, CES_HOST, "localhost"])
def test_the_internal_services_are_who_they_say_under_the_internal_root(world: World, host: str) -> None:
    verifier = verification.PolicyBuilder().store(_store(world.internal_ca)).build_server_verifier(x509.DNSName(host))
    assert verifier.verify(_load(world.internal_services), [])


def test_the_gateway_has_a_public_server_certificate(world: World) -> None:
    store = _store(world.public_ca)
    verifier = verification.PolicyBuilder().store(store).build_server_verifier(x509.DNSName(GATEWAY_HOST))
    assert verifier.verify(_load(world.gateway_server), [])
    usage = _load(world.gateway_server).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]


@pytest.mark.parametrize("name", ["internal_services", "gateway_server"])
def test_servers_can_be_addressed_on_the_loopback(world: World, name: str) -> None:
    addresses = _names(getattr(world, name)).get_values_for_type(x509.IPAddress)
    assert [str(address) for address in addresses] == ["127.0.0.1"]


@pytest.mark.parametrize("name", ["partner_a", "partner_b"])
def test_partners_are_clients_under_the_partner_root(world: World, name: str) -> None:
    verifier = verification.PolicyBuilder().store(_store(world.partner_ca)).build_client_verifier()
    assert verifier.verify(_load(getattr(world, name)), []).chain


@pytest.mark.parametrize("name", ["partner_a_expired", "stranger", "gateway_client"])
def test_others_are_not(world: World, name: str) -> None:
    verifier = verification.PolicyBuilder().store(_store(world.partner_ca)).build_client_verifier()
    with pytest.raises(verification.VerificationError):
        verifier.verify(_load(getattr(world, name)), [])


def test_the_expired_certificate_is_only_expired(world: World) -> None:
    certificate = _load(world.partner_a_expired)
    two_hours_ago = datetime.now(UTC) - timedelta(hours=2)
    policy = verification.PolicyBuilder().store(_store(world.partner_ca)).time(two_hours_ago)
    assert policy.build_client_verifier().verify(certificate, []).chain


def test_the_stranger_claims_the_partners_names(world: World) -> None:
    assert _load(world.stranger).issuer == _load(world.partner_a).issuer
    assert _load(world.stranger).subject == _load(world.partner_a).subject
    assert _names(world.stranger) == _names(world.partner_a)


@pytest.mark.parametrize("name", ["internal_services", "gateway_client", "gateway_server", "partner_a", "partner_b"])
def test_nothing_is_valid_for_more_than_thirty_days(world: World, name: str) -> None:
    certificate = _load(getattr(world, name))
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc <= timedelta(days=30)
    assert certificate.not_valid_before_utc < datetime.now(UTC) - timedelta(hours=23)


def test_keys_and_passwords_are_their_owners_alone(world: World) -> None:
    private = [path for path in world.directory.iterdir() if path.name.endswith(".key.pem") or path.suffix == ".json"]
    assert len(private) == 10
    assert {stat.S_IMODE(path.stat().st_mode) for path in private} == {0o600}


def test_there_are_passwords_for_both_partners_and_the_service_account(world: World) -> None:
    assert set(world.passwords) == {
        "alice@partner-a.example",
        "bob@partner-b.example",
        "svc-gateway@corp.fabrikam.example",
    }
    assert len(set(world.passwords.values())) == 3


def test_a_world_is_found_again(world: World) -> None:
    assert open_world(world.directory) == world
    assert open_or_create(world.directory) == world


def test_a_world_is_made_where_there_is_none(tmp_path: Path) -> None:
    assert open_or_create(tmp_path / "new") == open_world(tmp_path / "new")


def test_a_new_world_replaces_an_older_one(tmp_path: Path) -> None:
    older = create_world(tmp_path)
    certificate = _load(older.partner_a)
    newer = create_world(tmp_path)
    assert _load(newer.partner_a) != certificate
    assert newer.passwords != older.passwords


def test_an_empty_directory_is_no_world(tmp_path: Path) -> None:
    with pytest.raises(WorldUnusable, match="holds no lab"):
        open_world(tmp_path)


def test_an_expired_world_says_so_and_what_to_do(tmp_path: Path) -> None:
    manifest = create_world(tmp_path).directory / "world.json"
    content = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(content | {"expires": "2020-01-01T00:00:00+00:00"}))
    with pytest.raises(WorldUnusable, match="expired on 2020-01-01: remove it"):
        open_or_create(tmp_path)
