"""The two CAs of a lab."""

from collections.abc import Mapping

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from gateway.lab.authority import CertificationAuthority
from gateway.lab.hierarchy import CA_1, CA_2
from gateway.lab.world import World


@pytest.mark.parametrize("name", [CA_1, CA_2])
def test_each_ca_stands_under_the_root_of_the_world(
    authorities: Mapping[str, CertificationAuthority], world: World, name: str
) -> None:
    root = x509.load_pem_x509_certificate(world.internal_ca.read_bytes())
    signer = authorities[name].signer
    signer.certificate.verify_directly_issued_by(root)
    assert signer.chain == (root,)
    assert signer.certificate.subject.rfc4514_string() == f"CN={name},DC=corp,DC=fabrikam,DC=example"
    assert signer.certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_one_has_an_rsa_key_and_the_other_a_p256_key(authorities: Mapping[str, CertificationAuthority]) -> None:
    first, second = authorities[CA_1].signer.key, authorities[CA_2].signer.key
    assert isinstance(first, rsa.RSAPrivateKey)
    assert first.key_size == 2048
    assert isinstance(second, ec.EllipticCurvePrivateKey)
    assert isinstance(second.curve, ec.SECP256R1)


def test_the_second_publishes_less(authorities: Mapping[str, CertificationAuthority]) -> None:
    published = {name: {t.common_name for t in ca.templates} for name, ca in authorities.items()}
    assert published[CA_2] == {"PartnerWebServer", "PartnerUser", "Machine", "CorpUser"}
    assert published[CA_2] < published[CA_1]
