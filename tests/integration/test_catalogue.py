"""The template catalogue: learned from the lab's CEP through the real gateway, kept, and used."""

import asyncio
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from ssl import DER_cert_to_PEM_cert
from typing import Any

import pytest
from cryptography import x509

from gateway.catalogue.file import read_file
from gateway.lab.server import CA_1, CA_2
from gateway.lab.templates import PARTNER_WEB_SERVER, TEMPLATES
from gateway.lab.world import World
from gateway.policy.catalogue import Catalogue
from gateway.policy.catalogue_document import write_catalogue
from tests.authorities import TestAuthority, pem
from tests.requests import a_new_request
from tests.stand import CEP_PASSWORD, Answer, Stand, a_stand, service

WEB = "www.partner-a.example"
OID = PARTNER_WEB_SERVER.oid.dotted_string


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "catalogue.yaml"


def with_catalogue(file: Path, *, asks_by_itself: bool = False) -> Callable[[dict[str, Any]], None]:
    """And with a policy that does not know the object identifier of its template."""

    def change(content: dict[str, Any]) -> None:
        content["catalogue"] = {"file": str(file)}
        content["policies"] = str(file.parent / "policies")
        if not asks_by_itself:
            content["services"].remove(service(content, "cep-certificate"))

    policies = file.parent / "policies"
    policies.mkdir(exist_ok=True)
    shipped = (Path(__file__).parents[2] / "policies" / "PartnerWebServer.yaml").read_text()
    (policies / "PartnerWebServer.yaml").write_text(
        "\n".join(line for line in shipped.splitlines() if not line.startswith("  oid:"))
    )
    return change


async def by_oid(stand: Stand) -> Answer:
    """A request that names its template as Windows does: by its object identifier alone."""
    request = a_new_request(WEB, template=None, template_oid=OID)
    return await stand.post(stand.issue(request))


async def test_after_one_get_policies_a_request_by_object_identifier_finds_the_policy_also_after_a_restart(
    world: World, tmp_path: Path, file: Path
) -> None:
    async with a_stand(world, tmp_path, with_catalogue(file)) as stand:
        before = await by_oid(stand)
        assert (await stand.refusal_of(before))["reason"] == "unmatched"

        await stand.post(stand.get_policies(), CEP_PASSWORD)

        assert (await by_oid(stand)).certificate
    catalogue = read_file(file)
    assert {template.common_name for template in catalogue.templates} == {each.common_name for each in TEMPLATES}
    assert len(catalogue.ca_certificates(CA_1)) == 1

    # The lab's CAs have other keys with each start.
    file.write_text(write_catalogue(Catalogue(catalogue.templates)))
    async with a_stand(world, tmp_path, with_catalogue(file)) as stand:
        assert (await by_oid(stand)).certificate


async def test_the_gateway_asks_by_itself_under_its_own_certificate(world: World, tmp_path: Path, file: Path) -> None:
    async with a_stand(world, tmp_path, with_catalogue(file, asks_by_itself=True)) as stand:
        assert stand.app.catalogue is not None
        while not stand.app.catalogue.catalogue.templates:  # noqa: ASYNC110 -- the answer tells nobody else
            await asyncio.sleep(0)

        assert (await by_oid(stand)).certificate
        metrics = stand.app.metrics.render().decode()

    assert f"ces_gateway_catalogue_templates {len(TEMPLATES)}.0" in metrics
    assert 'ces_gateway_catalogue_refresh_failures_total{service="cep-certificate"} 0.0' in metrics
    assert 'ces_gateway_catalogue_age_seconds{service="cep-password"} +Inf' in metrics


async def test_a_template_that_another_ca_issues_is_led_to_it_whichever_address_the_client_knows(
    world: World, tmp_path: Path, file: Path
) -> None:
    """The second CA has no PartnerPending; who asks at its address is served by the first one."""
    address = f"/{CA_2}_CES_UsernamePassword/service.svc/CES"

    def change(content: dict[str, Any]) -> None:
        content["catalogue"] = {"file": str(file)}
        # Which would ask by itself.
        content["services"].remove(service(content, "cep-certificate"))

    async with a_stand(world, tmp_path, change) as stand:
        message = stand.issue(a_new_request(WEB, template="PartnerPending"))
        refused = await stand.post(message, address)
        assert refused.fault.hresult == 0x80094800, "as long as nobody knows which CA issues it"
        await stand.post(stand.get_policies(), CEP_PASSWORD)

        pending = await stand.post(message, address)

        request_id = pending.find(".//wstep:RequestID")
        assert request_id
        assert address.replace(" ", "%20").encode() in pending.body
        first, second = stand.lab.authorities[CA_1], stand.lab.authorities[CA_2]
        (number,) = first.requests
        assert len(second.requests) == 1, "the one that it has refused"
        first.resolve(number)
        fetched = await stand.post(stand.query_token_status(request_id), address)
        issuer = x509.load_der_x509_certificate(fetched.certificate).issuer
        assert issuer.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value == CA_1

        message = stand.issue(a_new_request(WEB))
        web_server = await stand.post(message, address)
        assert len(second.requests) == 2, "what it issues is its own"
        assert (await stand.post(message)).certificate == web_server.certificate, "whichever address is tried next"
        assert len(first.requests) == 1


async def test_a_reload_takes_a_catalogue_that_was_written_by_hand(world: World, tmp_path: Path, file: Path) -> None:
    async with a_stand(world, tmp_path, with_catalogue(file)) as stand:
        file.write_text(f"templates: [{{commonName: PartnerWebServer, oid: {OID}}}]")

        stand.app.reload()

        assert (await by_oid(stand)).certificate


async def test_a_candidate_in_the_shadow_is_found_by_what_the_catalogue_knows_too_also_after_a_reload(
    world: World, tmp_path: Path, file: Path
) -> None:
    change = with_catalogue(file)

    def with_candidate(content: dict[str, Any]) -> None:
        change(content)
        content["shadow_policies"] = content["policies"]

    async with a_stand(world, tmp_path, with_candidate) as stand:
        await stand.post(stand.get_policies(), CEP_PASSWORD)
        await by_oid(stand)
        stand.app.reload()
        await by_oid(stand)

    assert ["shadow" in line for line in stand.audit("approved")] == [False, False]


async def test_a_certificate_that_the_ca_of_the_catalogue_has_not_signed_is_withheld(
    world: World, tmp_path: Path, file: Path
) -> None:
    another = b64encode(TestAuthority(CA_1).certificate.der).decode()
    change = with_catalogue(file)
    file.write_text(f"cAs: [{{commonName: {CA_1}, certificate: {another}}}]")

    async with a_stand(world, tmp_path, change) as stand:
        answer = await stand.post(stand.issue(a_new_request(WEB)))

    assert answer.status == 500
    (incident,) = stand.audit("withheld")
    assert "issuer" in {objection["field"] for objection in incident["objections"]}


async def test_the_ca_that_is_configured_counts_more_than_that_of_the_catalogue(
    world: World, tmp_path: Path, file: Path
) -> None:
    change = with_catalogue(file)
    configured = tmp_path / "ca.pem"
    configured.write_bytes(pem(TestAuthority(CA_1).certificate))

    def with_authority(content: dict[str, Any]) -> None:
        change(content)
        content["certification_authorities"] = [{"name": CA_1, "certificates": str(configured)}]

    async with a_stand(world, tmp_path, with_authority) as stand:
        await stand.post(stand.get_policies(), CEP_PASSWORD)
        withheld = await by_oid(stand)
        (right,) = read_file(file).ca_certificates(CA_1)
        configured.write_text(DER_cert_to_PEM_cert(right))
        stand.app.reload()
        issued = await by_oid(stand)

    assert (withheld.status, issued.status) == (500, 200)
    assert len(stand.audit("withheld")) == 1
