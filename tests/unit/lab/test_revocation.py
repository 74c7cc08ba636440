"""Revocation lists, as anybody reads them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from gateway.lab.authority import CertificationAuthority
from gateway.lab.cmc import Signer
from gateway.lab.revocation import VALIDITY, revocation_list
from gateway.lab.server import CA_1, CA_2, Lab
from gateway.lab.world import World

NOW = datetime.now(UTC)


@pytest.mark.parametrize("fixture", ["ca", "ca_2"])
def test_a_list_is_signed_by_its_ca(fixture: str, request: pytest.FixtureRequest) -> None:
    ca: CertificationAuthority = request.getfixturevalue(fixture)
    published = ca.revocation_list()
    assert published.is_signature_valid(ca.signer.certificate.public_key())  # type: ignore[arg-type]  # RSA or EC
    assert published.issuer == ca.signer.certificate.subject
    identifier = published.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    ski = ca.signer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert identifier == ski.digest


def test_what_is_revoked_is_on_the_next_list_once(ca: CertificationAuthority) -> None:
    before = ca.revocation_list()
    ca.revoke(4711)
    ca.revoke(4711)
    after = ca.revocation_list()
    assert (len(before), [entry.serial_number for entry in after]) == (0, [4711])
    numbers = [each.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number for each in (before, after)]
    assert numbers == [1, 2]


def test_a_list_is_good_for_a_week_but_never_longer_than_its_ca(signer: Signer) -> None:
    assert revocation_list(signer, {}, NOW, 1).next_update_utc == NOW.replace(microsecond=0) + VALIDITY
    end = signer.certificate.not_valid_after_utc
    assert revocation_list(signer, {}, end - timedelta(days=1), 1).next_update_utc == end


def _read(file: Path) -> x509.CertificateRevocationList:
    return x509.load_der_x509_crl(file.read_bytes())


async def test_a_running_lab_publishes_the_list_and_the_certificate_of_each_ca(world: World) -> None:
    async with Lab(world) as lab:
        for name in (CA_1, CA_2):
            certificate = x509.load_pem_x509_certificate(world.authority(name).read_bytes())
            assert certificate == lab.authorities[name].signer.certificate
            assert not list(_read(world.revocation_list(name)))
        lab.revoke(CA_1, 4711)
        assert [entry.serial_number for entry in _read(world.revocation_list(CA_1))] == [4711]
        assert not list(_read(world.revocation_list(CA_2)))
