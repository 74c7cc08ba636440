"""A device renews its certificate through the gateway, with the key of the old one and nothing else."""

from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway.cli.lab_configuration import authorities, example_policies
from gateway.lab.accounts import ALICE
from gateway.lab.server import CA_1
from gateway.lab.world import KeyPair, World, create_world
from tests.cmc import Holder, a_renewal, a_renewal_attribute
from tests.requests import a_certification_request, a_key
from tests.stand import CES_CERTIFICATE, Change, Stand, a_stand

SUBJECT = "CN=serial-4711.devices.fabrikam.example"
DNS = "serial-4711.devices.fabrikam.example"
OLD_KEY = a_key("EC", "of the old certificate")


def _for_devices(world: World) -> Change:
    def change(content: dict[str, Any]) -> None:
        content["listeners"][1]["client_trust"] = world.internal_ca.name
        mapped = {"name": "devices", "issuer_certificate": world.authority(CA_1).name, "account": "devices"}
        content["mapping"].append(mapped)
        content["certification_authorities"] = authorities(world)

    return change


def _first(stand: Stand) -> Holder:
    """Enrolled inside, where the device is set up."""
    request = a_certification_request(SUBJECT, dns=[DNS], template="PartnerDevice", key=OLD_KEY)
    row = stand.lab.authorities[CA_1].submit(request, "", ALICE)
    assert row.certificate is not None, row.disposition_message
    return Holder(row.certificate.public_bytes(Encoding.DER), OLD_KEY)


def _files(stand: Stand, old: Holder, directory: Path) -> KeyPair:
    """What the device shows, with the CA above."""
    pair = KeyPair(directory / "device.pem", directory / "device.key.pem")
    above = stand.lab.authorities[CA_1].signer.certificate
    pair.certificate.write_bytes(old.public.public_bytes(Encoding.PEM) + above.public_bytes(Encoding.PEM))
    pair.key.write_bytes(OLD_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return pair


@pytest.mark.parametrize("cmc", [False, True], ids=["CMS", "CMC"])
async def test_a_device_renews_the_certificate_that_it_shows(tmp_path: Path, *, cmc: bool) -> None:
    world = create_world(tmp_path / "world")
    async with a_stand(world, tmp_path, _for_devices(world)) as stand:
        old = _first(stand)
        attributes = [a_renewal_attribute(old.certificate)]
        request = a_certification_request(SUBJECT, dns=[DNS], template="PartnerDevice", extra_attributes=attributes)
        message = stand.issue(a_renewal(old, cmc=cmc, request=request), security="")
        answer = await stand.post(message, CES_CERTIFICATE, client=_files(stand, old, tmp_path))

        assert answer.status == 200, (await stand.refusal_of(answer), answer.body)
        leaf = x509.load_der_x509_certificate(answer.certificate)
        assert (leaf.subject.rfc4514_string(), leaf.public_key()) == (SUBJECT, a_key().public_key())
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.DNSName) == [DNS]
        row = stand.lab.issued[-1]
        assert (row.requester.name, row.template) == ("svc-gateway", "PartnerDevice")


async def test_a_first_certificate_is_not_to_be_had_that_way(tmp_path: Path) -> None:
    world = create_world(tmp_path / "world")
    async with a_stand(world, tmp_path, _for_devices(world)) as stand:
        old = _first(stand)
        message = stand.issue(a_certification_request(SUBJECT, dns=[DNS], template="PartnerDevice"), security="")
        answer = await stand.post(message, CES_CERTIFICATE, client=_files(stand, old, tmp_path))

        assert answer.fault.hresult is not None
        assert len(stand.lab.issued) == 1


async def test_a_policy_may_take_a_new_request_over_the_old_certificate_for_a_renewal(tmp_path: Path) -> None:
    """As certmonger sends it, which signs with no old key."""
    world = create_world(tmp_path / "world")
    policies = world.directory / "policies"
    policies.mkdir()
    text = (example_policies() / "PartnerDevice.yaml").read_text()
    terms = "required: true, owner: [clientCertificate]"
    assert terms in text
    (policies / "PartnerDevice.yaml").write_text(text.replace(terms, f"{terms}, withoutSignature: true"))
    async with a_stand(world, tmp_path, _for_devices(world)) as stand:
        client = _files(stand, _first(stand), tmp_path)
        same = a_certification_request(SUBJECT, dns=[DNS], template="PartnerDevice")
        other = a_certification_request(SUBJECT, dns=["serial-4712.devices.fabrikam.example"], template="PartnerDevice")

        good = await stand.post(stand.issue(same, security=""), CES_CERTIFICATE, client=client)
        bad = await stand.post(stand.issue(other, security=""), CES_CERTIFICATE, client=client)

        assert good.status == 200, await stand.refusal_of(good)
        leaf = x509.load_der_x509_certificate(good.certificate)
        assert (leaf.subject.rfc4514_string(), leaf.public_key()) == (SUBJECT, a_key().public_key())
        (violation,) = (await stand.refusal_of(bad))["violations"]
        assert (violation["concern"], violation["field"]) == ("renewal", "subjectAlternativeName dNSName")
