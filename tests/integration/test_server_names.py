"""One port, two server names: client certificates are asked for at one of them only."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.lab.world import World
from tests.requests import a_certification_request
from tests.stand import CES_CERTIFICATE, CES_PASSWORD, Stand, a_stand

WEB = "www.partner-a.example"
REQUEST = a_certification_request(f"CN={WEB}", dns=(WEB,))
WITH_CERTIFICATES = "localhost"


@pytest.fixture
async def stand(world: World, tmp_path: Path) -> AsyncIterator[Stand]:
    def change(content: dict[str, Any]) -> None:
        plain, by_certificate = content["listeners"]
        plain["server_names"] = {
            WITH_CERTIFICATES: {
                key: by_certificate[key] for key in ("certificate", "key", "client_certificates", "client_trust")
            }
        }
        content["listeners"] = [plain]
        for service in content["services"]:
            if service["authentication"] == "Certificate":
                service["public_url"] = f"https://{WITH_CERTIFICATES}:{plain['port']}"

    async with a_stand(world, tmp_path, change) as running:
        yield running


async def test_a_password_is_enough_where_no_certificate_is_asked_for(stand: Stand) -> None:
    answer = await stand.post(stand.issue(REQUEST), CES_PASSWORD)

    assert answer.status == 200


async def test_a_certificate_is_required_at_the_other_name_of_the_same_port(stand: Stand) -> None:
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await stand.post(stand.issue(REQUEST), CES_PASSWORD, server_name=WITH_CERTIFICATES)

    assert (await stand.next_audit("handshake_failed"))["reason"] == "client_certificate_missing"


async def test_a_certificate_shown_at_the_other_name_enrolls(stand: Stand) -> None:
    answer = await stand.post(
        stand.issue(REQUEST, security=""),
        CES_CERTIFICATE,
        client=stand.world.partner_a,
        server_name=WITH_CERTIFICATES,
        port=stand.ports.https,
    )

    assert answer.status == 200


async def test_a_service_is_served_at_its_own_name_and_nowhere_else(stand: Stand) -> None:
    message = stand.issue(REQUEST)
    partner = stand.world.partner_a

    elsewhere = await stand.post(message, CES_CERTIFICATE, port=stand.ports.https)
    by_password = await stand.post(
        message, CES_PASSWORD, client=partner, server_name=WITH_CERTIFICATES, port=stand.ports.https
    )

    assert (elsewhere.status, by_password.status) == (404, 404)
