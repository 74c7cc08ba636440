"""GetPolicies for the outside, over the wire: what is advertised works, and what was once answered is of use."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography import x509

from gateway.cli.lab_configuration import authorities
from gateway.lab.server import CA_1, CA_2
from gateway.lab.world import GATEWAY_HOST, World
from tests.advertised import CERTIFICATE, USERNAME_PASSWORD, Advertised, advertised
from tests.certificates import Authority
from tests.fakes.internal import Act, Exchange, FakeInternal, replies
from tests.fakes.messages import policies_of_nothing
from tests.requests import a_new_request
from tests.stand import CEP_CERTIFICATE, CEP_PASSWORD, Answer, Stand, a_stand, service, with_fake

WEB = "www.partner-a.example"


async def fetch(stand: Stand, path: str, **how: Any) -> Answer:
    if path == CEP_CERTIFICATE:
        return await stand.post(stand.get_policies(security="", **how), path, client=stand.world.partner_a)
    return await stand.post(stand.get_policies(**how), path)


async def enroll(stand: Stand, at: Advertised) -> Answer:
    """As a client that goes by nothing but the URI and the authentication that it was told."""
    request = a_new_request(WEB)
    by_certificate = at.authentication == CERTIFICATE
    assert at.host == GATEWAY_HOST
    return await stand.post(
        stand.issue(request, security="" if by_certificate else None),
        at.path,
        client=stand.world.partner_a if by_certificate else None,
        port=at.port,
    )


@pytest.mark.parametrize(
    ("path", "own"),
    [(CEP_PASSWORD, USERNAME_PASSWORD), (CEP_CERTIFICATE, CERTIFICATE)],
    ids=["password", "certificate"],
)
async def test_every_address_and_authentication_that_is_advertised_enrolls(stand: Stand, path: str, own: str) -> None:
    told = advertised(await fetch(stand, path))

    assert {(each.ca, each.authentication) for each in told} == {
        (ca, authentication) for ca in (CA_1, CA_2) for authentication in (USERNAME_PASSWORD, CERTIFICATE)
    }
    assert {each.authentication for each in told if each.priority == 1} == {own}
    for each in told:
        answer = await enroll(stand, each)
        issued = x509.load_der_x509_certificate(answer.certificate)
        assert issued.issuer.rfc4514_string().startswith(f"CN={each.ca}")


async def test_both_authentications_know_the_view_by_one_identifier_that_is_not_the_inside_s(stand: Stand) -> None:
    answers = [await fetch(stand, path) for path in (CEP_PASSWORD, CEP_CERTIFICATE)]

    (policy_id,) = {answer.find(".//xcep:policyID") for answer in answers}
    assert policy_id is not None
    assert policy_id != "{6B7C5C39-2F6B-4C35-9D3E-54D1C2F70A11}"


async def test_a_client_that_has_it_already_is_told_so_and_one_that_may_not_have_it_gets_it(
    world: World, tmp_path: Path
) -> None:
    time = datetime.now(UTC)
    async with a_stand(world, tmp_path, clock=lambda: time) as stand:
        first = await fetch(stand, CEP_CERTIFICATE)
        time += timedelta(hours=8)
        before = await fetch(stand, CEP_CERTIFICATE, last_update="0001-01-01T00:00:00")
        has_it = await fetch(stand, CEP_CERTIFICATE, last_update=f"{time - timedelta(hours=1):%Y-%m-%dT%H:%M:%S}")
        of_tomorrow = await fetch(stand, CEP_CERTIFICATE, last_update=f"{time + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}")

    assert before.find(".//xcep:policies/xcep:policy//xcep:commonName") is not None
    assert of_tomorrow.find(".//xcep:policies/xcep:policy//xcep:commonName") is not None
    assert has_it.find(".//xcep:policiesNotChanged") == "true"
    assert has_it.find(".//xcep:policyID") == first.find(".//xcep:policyID")
    assert b"<policies xsi:nil" in has_it.body
    assert b"<cAs xsi:nil" in has_it.body
    assert b"<oIDs xsi:nil" in has_it.body
    lines = stand.audit("published")
    assert [line.get("policies_not_changed", False) for line in lines] == [False, False, True, False]


async def test_while_cep_is_stopped_its_last_word_is_told_marked_and_in_the_end_refused(
    world: World, tmp_path: Path
) -> None:
    time = datetime.now(UTC)
    async with a_stand(world, tmp_path, clock=lambda: time) as stand:
        first = await fetch(stand, CEP_CERTIFICATE)
        await fetch(stand, CEP_PASSWORD)
        await stand.lab.__aexit__(None, None, None)
        time += timedelta(hours=7)
        stale = await fetch(stand, CEP_CERTIFICATE)
        by_password = await fetch(stand, CEP_PASSWORD)
        metrics, troubles = await _management(stand)
        time += timedelta(hours=1)
        too_old = await fetch(stand, CEP_CERTIFICATE)

    assert (stale.status, stale.body.partition(b"<s:Body>")[2]) == (200, first.body.partition(b"<s:Body>")[2])
    # CEP verifies passwords that are passed on: without it, nothing is told.
    assert (by_password.status, too_old.status) == (500, 500)
    assert 'ces_gateway_cep_stale_total{service="cep-certificate"} 1.0' in metrics
    assert 'ces_gateway_cep_absent{service="cep-certificate"} 1.0' in metrics
    assert "service cep-certificate" in troubles
    assert [line.get("offered") for line in stand.audit("published")] == [
        None,
        None,
        {"age_seconds": 25200, "stale": True},
    ]


async def _management(stand: Stand) -> tuple[str, dict[str, str]]:
    async with aiohttp.ClientSession(f"http://127.0.0.1:{stand.ports.management}") as session:
        metrics = await (await session.get("/metrics")).text()
        ready = await session.get("/readyz")
        assert ready.status == 200
        return metrics, (await ready.json())["troubles"]


def once_open(gate: asyncio.Event, act: Act) -> Act:
    async def waiting(exchange: Exchange) -> None:
        await gate.wait()
        await act(exchange)

    return waiting


async def test_many_clients_at_once_are_one_question_to_cep(world: World, tmp_path: Path, inside: Authority) -> None:
    gate = asyncio.Event()
    async with (
        FakeInternal(inside, once_open(gate, replies(policies_of_nothing()))) as fake,
        a_stand(world, tmp_path, with_fake(fake, "cep-certificate")) as stand,
    ):
        asking = [asyncio.ensure_future(fetch(stand, CEP_CERTIFICATE)) for _ in range(20)]
        while not fake.received:  # noqa: ASYNC110 -- the fake tells nobody
            await asyncio.sleep(0)
        gate.set()
        answers = await asyncio.gather(*asking)

    assert len(fake.received) == 1
    assert {answer.status for answer in answers} == {500}  # nothing to enroll


async def test_an_account_that_is_told_something_from_the_cache_has_authenticated(stand: Stand) -> None:
    await fetch(stand, CEP_PASSWORD)

    wrong = await stand.post(stand.get_policies(security=stand.username_token(password="wrong")), CEP_PASSWORD)

    assert wrong.status == 500


async def test_a_reload_of_the_policies_counts_at_once(stand: Stand) -> None:
    file = stand.app.configuration.policies / "PartnerWebServer.yaml"
    good = file.read_text()
    before = await fetch(stand, CEP_CERTIFICATE)
    asked = len(stand.lab.received)
    try:
        file.write_text(good.replace("account: partner-a", "account: partner-z"))
        stand.app.reload()
        after = await fetch(stand, CEP_CERTIFICATE)
    finally:
        file.write_text(good)

    assert b"PartnerWebServer" in before.body
    assert b"PartnerWebServer" not in after.body
    assert len(stand.lab.received) == asked


async def test_a_renewal_only_service_is_advertised_as_one(world: World, tmp_path: Path) -> None:
    def change(content: dict[str, Any]) -> None:
        content["certification_authorities"] = authorities(world)
        service(content, "ca1-certificate")["renewal_only"] = True

    async with a_stand(world, tmp_path, change) as stand:
        answer = await fetch(stand, CEP_CERTIFICATE)

    first, *_ = advertised(answer)
    assert (first.authentication, first.renewal_only) == (CERTIFICATE, True)


async def test_a_service_that_would_not_work_is_not_advertised_and_it_is_said_why(world: World, tmp_path: Path) -> None:
    """Its CA is called otherwise inside, which the gateway knows as soon as it has asked."""

    def change(content: dict[str, Any]) -> None:
        content["catalogue"] = {"file": str(tmp_path / "catalogue.yaml")}
        for name in ("ca2-password", "ca2-certificate"):
            service(content, name)["ca"] = "Fabrikam Issuing CA 3"

    async with a_stand(world, tmp_path, change) as stand:
        while "service ca2-password" not in (await _management(stand))[1]:
            pass
        answer = await fetch(stand, CEP_CERTIFICATE)
        metrics, troubles = await _management(stand)

    assert {each.ca for each in advertised(answer)} == {CA_1}
    assert "Fabrikam Issuing CA 3" in troubles["service ca2-certificate"]
    assert 'ces_gateway_service_not_advertised{service="ca2-certificate"} 1.0' in metrics
    assert 'ces_gateway_service_not_advertised{service="ca1-certificate"} 0.0' in metrics
