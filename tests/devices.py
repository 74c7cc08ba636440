"""Devices in no domain, which renew by the key of their certificate: what they hold, what they show, what they send."""

import asyncio
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway.lab.accounts import ALICE
from gateway.lab.server import CA_1
from gateway.lab.world import GATEWAY_HOST, KeyPair
from tests.cmc import Holder, a_renewal_attribute
from tests.requests import PrivateKey, a_certification_request, a_key
from tests.stand import CES_CERTIFICATE, Answer, Stand

NAME = "serial-4711.devices.fabrikam.example"
OTHER_NAME = "serial-4712.devices.fabrikam.example"
CEP_KEY_BASED_RENEWAL = "/KeyBasedRenewal_ADPolicyProvider_CEP_Certificate/service.svc/CEP"


def enrolled(stand: Stand, name: str = NAME, template: str = "PartnerDevice", key: str = "of the device") -> Holder:
    """Inside, where devices are set up."""
    private_key = a_key("RSA" if template == "PartnerUser" else "EC", key)
    request = a_certification_request(f"CN={name}", dns=[name], template=template, key=private_key)
    row = stand.lab.authorities[CA_1].submit(request, "", ALICE)
    assert row.certificate is not None, row.disposition_message
    return Holder(row.certificate.public_bytes(Encoding.DER), private_key)


def the_ca(stand: Stand, name: str = CA_1) -> Holder:
    """An authority of the lab, with its key."""
    signer = stand.lab.authorities[name].signer
    return Holder(signer.certificate.public_bytes(Encoding.DER), signer.key)


def a_request(old: Holder, name: str = NAME, dns: str | None = None, key: PrivateKey | None = None) -> bytes:
    """To renew that certificate, for a new key unless one is given."""
    attributes = [a_renewal_attribute(old.certificate)]
    return a_certification_request(
        f"CN={name}", dns=[dns or name], template="PartnerDevice", key=key, extra_attributes=attributes
    )


def shown(stand: Stand, holder: Holder, directory: Path) -> KeyPair:
    """What the device shows to TLS, with the CA above."""
    pair = KeyPair(directory / "device.pem", directory / "device.key.pem")
    above = the_ca(stand).public
    pair.certificate.write_bytes(holder.public.public_bytes(Encoding.PEM) + above.public_bytes(Encoding.PEM))
    pair.key.write_bytes(holder.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return pair


def names_in(der: bytes) -> tuple[str, list[str]]:
    """Subject and DNS names of an issued certificate."""
    leaf = x509.load_der_x509_certificate(der)
    alternatives = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return leaf.subject.rfc4514_string(), alternatives.get_values_for_type(x509.DNSName)


async def post(
    stand: Stand,
    holder: Holder,
    request: bytes,
    directory: Path,
    *,
    path: str = CES_CERTIFICATE,
    server_name: str = GATEWAY_HOST,
    port: int | None = None,
) -> Answer:
    """The request, from whom that certificate stands for."""
    client = shown(stand, holder, directory)
    return await stand.post(stand.issue(request, security=""), path, client=client, server_name=server_name, port=port)


async def revoke(stand: Stand, holder: Holder) -> None:
    """Have the CA revoke it, and the gateway know."""
    number = holder.public.serial_number
    stand.lab.revoke(CA_1, number)
    stand.app.authorities.reload()
    while not any(number in known.revoked for known in stand.app.authorities().revocation_lists):  # noqa: ASYNC110
        await asyncio.sleep(0)
