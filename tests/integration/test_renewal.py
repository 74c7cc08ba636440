"""A device renews its certificate through the gateway, with the key of the old one and nothing else."""

from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from gateway.cli.lab_configuration import authorities, example_policies
from gateway.lab.server import CA_1
from gateway.lab.world import World, create_world
from tests.cmc import a_renewal
from tests.devices import NAME, OTHER_NAME, a_request, enrolled, names_in, post, shown
from tests.requests import a_certification_request, a_key
from tests.stand import CES_CERTIFICATE, Change, a_stand

SUBJECT = f"CN={NAME}"


def _for_devices(world: World) -> Change:
    def change(content: dict[str, Any]) -> None:
        content["listeners"][1]["client_trust"] = world.internal_ca.name
        mapped = {"name": "devices", "issuer_certificate": world.authority(CA_1).name, "account": "devices"}
        content["mapping"].append(mapped)
        content["certification_authorities"] = authorities(world)

    return change


@pytest.mark.parametrize("cmc", [False, True], ids=["CMS", "CMC"])
async def test_a_device_renews_the_certificate_that_it_shows(tmp_path: Path, *, cmc: bool) -> None:
    world = create_world(tmp_path / "world")
    async with a_stand(world, tmp_path, _for_devices(world)) as stand:
        old = enrolled(stand)
        answer = await post(stand, old, a_renewal(old, cmc=cmc, request=a_request(old)), tmp_path)

        assert answer.status == 200, (await stand.refusal_of(answer), answer.body)
        assert names_in(answer.certificate) == (SUBJECT, [NAME])
        assert x509.load_der_x509_certificate(answer.certificate).public_key() == a_key().public_key()
        row = stand.lab.issued[-1]
        assert (row.requester.name, row.template) == ("svc-gateway", "PartnerDevice")


async def test_a_first_certificate_is_not_to_be_had_that_way(tmp_path: Path) -> None:
    world = create_world(tmp_path / "world")
    async with a_stand(world, tmp_path, _for_devices(world)) as stand:
        new = a_certification_request(SUBJECT, dns=[NAME], template="PartnerDevice")
        answer = await post(stand, enrolled(stand), new, tmp_path)

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
        client = shown(stand, enrolled(stand), tmp_path)
        same = a_certification_request(SUBJECT, dns=[NAME], template="PartnerDevice")
        other = a_certification_request(SUBJECT, dns=[OTHER_NAME], template="PartnerDevice")

        good = await stand.post(stand.issue(same, security=""), CES_CERTIFICATE, client=client)
        bad = await stand.post(stand.issue(other, security=""), CES_CERTIFICATE, client=client)

        assert good.status == 200, await stand.refusal_of(good)
        leaf = x509.load_der_x509_certificate(good.certificate)
        assert (leaf.subject.rfc4514_string(), leaf.public_key()) == (SUBJECT, a_key().public_key())
        (violation,) = (await stand.refusal_of(bad))["violations"]
        assert (violation["concern"], violation["field"]) == ("renewal", "subjectAlternativeName dNSName")
