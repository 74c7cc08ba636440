"""A partner who may archive a key asks for the CA's exchange certificate, and archives one with it."""

from base64 import b64decode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from gateway.cli.lab_configuration import authorities, example_policies
from gateway.lab.server import CA_1
from gateway.lab.world import World, create_world
from tests.certificates import Authority
from tests.fakes.internal import FakeInternal, replies
from tests.fakes.messages import key_exchange_token
from tests.issued import an_exchange_certificate
from tests.stand import TRUST, WSSE, Stand, a_stand, with_fake

ACTION_KET = f"{TRUST}/RST/KET"
KET_FINAL = f"{TRUST}/RSTR/KETFinal"
BOB = "bob@partner-b.example"
BODY = (
    f'<RequestSecurityToken xmlns="{TRUST}"><TokenType>http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-'
    f"token-profile-1.0#X509v3</TokenType><RequestType>{TRUST}/KET</RequestType><RequestKET/></RequestSecurityToken>"
)
TOKEN = ".//wst:RequestedSecurityToken/wst:KeyExchangeToken/wsse:BinarySecurityToken"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Its own, in which the first rule for web servers, which is for partner A, lets keys be archived."""
    world = create_world(tmp_path_factory.mktemp("world"))
    policies = world.directory / "policies"
    policies.mkdir()
    text = (example_policies() / "PartnerWebServer.yaml").read_text()
    rule = "  - name: partner-a-hosts\n"
    assert rule in text
    (policies / "PartnerWebServer.yaml").write_text(text.replace(rule, f"{rule}    keyArchival: allowed\n"))
    return world


@pytest.fixture
async def stand(world: World, tmp_path: Path) -> AsyncIterator[Stand]:
    def change(content: dict[str, Any]) -> None:
        content["certification_authorities"] = authorities(world)

    async with a_stand(world, tmp_path, change) as running:
        yield running


async def test_who_may_archive_a_key_gets_the_ca_s_exchange_certificate(stand: Stand) -> None:
    answer = await stand.post(stand.envelope(ACTION_KET, BODY))

    assert (answer.status, answer.find(".//a:Action")) == (200, KET_FINAL)
    certificate = x509.load_der_x509_certificate(b64decode(answer.find(TOKEN) or ""))
    authority = stand.lab.authorities[CA_1]
    certificate.verify_directly_issued_by(authority.signer.certificate)
    assert certificate == authority.exchange_certificate()
    assert WSSE.encode() in answer.body
    (line,) = stand.audit("answered")
    assert (line["outcome"], line["certificate"]["subject"]) == ("key_exchange", f"CN={CA_1}-Xchg")
    stand.assert_audit_is_intact()


async def test_who_may_not_gets_a_refusal_and_the_inside_hears_nothing(stand: Stand) -> None:
    bob = stand.username_token(BOB, stand.world.passwords[BOB])

    answer = await stand.post(stand.envelope(ACTION_KET, BODY, security=bob))

    assert (answer.status, answer.fault.hresult) == (500, 0x80094810)
    assert (await stand.refusal_of(answer))["reason"] == "key_archival_not_permitted"
    assert stand.lab.received == []


async def test_somebody_else_s_exchange_certificate_is_not_passed_on(
    world: World, tmp_path: Path, inside: Authority
) -> None:
    forged = an_exchange_certificate(key_name="somebody in between")
    async with FakeInternal(inside, replies(key_exchange_token(forged))) as fake:

        def change(content: dict[str, Any]) -> None:
            content["certification_authorities"] = authorities(world)
            with_fake(fake)(content)

        async with a_stand(world, tmp_path, change) as stand:
            answer = await stand.post(stand.envelope(ACTION_KET, BODY))

            line = await stand.refusal_of(answer)
            assert (line["reason"], answer.find(TOKEN)) == ("exchange_certificate_refused", None)
            assert "issuer is" in line["detail"]


async def test_without_the_ca_s_certificate_no_exchange_certificate_is_believed(world: World, tmp_path: Path) -> None:
    async with a_stand(world, tmp_path) as stand:
        answer = await stand.post(stand.envelope(ACTION_KET, BODY))

        line = await stand.refusal_of(answer)
        assert line["reason"] == "exchange_certificate_refused"
        assert "add it to certification_authorities" in line["detail"]
