"""The inside fails in every way it can: the client gets a proper fault, and the next client is served."""

import asyncio
import json
import sys
from base64 import b64decode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.lab.server import CA_1, ServiceKind
from gateway.lab.templates import PARTNER_WEB_SERVER
from gateway.lab.world import World
from tests.certificates import Authority
from tests.fakes.internal import (
    Act,
    FakeInternal,
    breaks_off,
    hangs_up,
    replies,
    resets,
    says,
    stays_silent,
)
from tests.fakes.messages import a_fault, issued, pending
from tests.issued import (
    a_ca_certificate,
    a_cmc_response,
    a_distinguished_name,
    a_signed_certificate,
    a_validity,
    web_server_parts,
)
from tests.requests import CERTIFICATE_TEMPLATE_OID, a_key, a_new_request, a_template_oid_extension
from tests.stand import Answer, Change, a_stand, service, with_fake

WEB = "www.partner-a.example"
NO_ANSWER = "The certification authority did not answer."
RPC_S_SERVER_UNAVAILABLE = 0x800706BA
E_UNEXPECTED = 0x8000FFFF


def a_request() -> bytes:
    return a_new_request(WEB)


def a_certificate(key_name: str = "requester") -> bytes:
    """As the lab's CA might issue it, for a key of `tests.requests`."""
    now = datetime.now(UTC)
    template = a_template_oid_extension(PARTNER_WEB_SERVER.oid.dotted_string, 100, 4)
    parts = web_server_parts(WEB, a_key(name=key_name)).with_extension(CERTIFICATE_TEMPLATE_OID, template)
    subject = a_distinguished_name(f"CN={WEB}")
    return a_signed_certificate(replace(parts, subject=subject, validity=a_validity(now, now + timedelta(days=1))))


def _assert_proper_fault(answer: Answer, hresult: int, text: str = NO_ANSWER) -> None:
    assert answer.status == 500
    assert (answer.fault.code, answer.fault.subcode) == ("{http://www.w3.org/2003/05/soap-envelope}Receiver", None)
    assert answer.fault.hresult == hresult
    assert answer.fault.text == f"{text} (call {answer.headers['X-Call-Id']})"
    for canary in (b"corp.fabrikam", b"127.0.0.1", b"Traceback", b"html", b"canary"):
        assert canary not in answer.body


SCRIPTS: dict[str, tuple[Act, int, str]] = {
    "HTML": (replies(b"<html>canary</html>", content_type="text/html"), E_UNEXPECTED, "upstream_misbehaved"),
    "an error page": (
        replies(b"<html>canary</html>", status=500, content_type="text/html"),
        E_UNEXPECTED,
        "upstream_misbehaved",
    ),
    "503": (replies(b"", status=503), RPC_S_SERVER_UNAVAILABLE, "upstream_unavailable"),
    "not HTTP": (says(b"SSH-2.0-canary\r\n"), E_UNEXPECTED, "upstream_misbehaved"),
    "no answer at all": (hangs_up, RPC_S_SERVER_UNAVAILABLE, "upstream_unavailable"),
    "a reset": (resets, RPC_S_SERVER_UNAVAILABLE, "upstream_unavailable"),
    "half an answer": (breaks_off(issued(a_certificate())), RPC_S_SERVER_UNAVAILABLE, "upstream_unavailable"),
    "a certificate for another key": (replies(issued(a_certificate("another"))), E_UNEXPECTED, "certificate_withheld"),
    "no certificate": (replies(issued(b"canary")), E_UNEXPECTED, "certificate_withheld"),
    "another certificate to install from": (
        replies(issued(a_certificate(), cmc_response=a_cmc_response(a_certificate("another")))),
        E_UNEXPECTED,
        "certificate_withheld",
    ),
    "WCF's internal fault": (
        replies(a_fault("s:Receiver", reason="canary at ces.corp.fabrikam.example"), status=500),
        RPC_S_SERVER_UNAVAILABLE,
        "upstream_refused",
    ),
}


@pytest.mark.parametrize("name", SCRIPTS)
async def test_whatever_the_inside_answers_the_client_gets_a_proper_fault(
    world: World, tmp_path: Path, inside: Authority, name: str
) -> None:
    act, hresult, reason = SCRIPTS[name]
    async with (
        FakeInternal(inside, act, replies(issued(a_certificate()))) as fake,
        a_stand(world, tmp_path, with_fake(fake)) as stand,
    ):
        answer = await stand.post(stand.issue(a_request()))
        _assert_proper_fault(answer, hresult)
        assert (await stand.refusal_of(answer))["reason"] == reason
        assert stand.audit("approved"), "the decision was recorded before the inside was asked"

        assert (await stand.post(stand.issue(a_request()))).status == 200


async def test_the_cmc_response_is_passed_on_intact(world: World, tmp_path: Path, inside: Authority) -> None:
    certificate = a_certificate()
    async with (
        FakeInternal(inside, replies(issued(certificate))) as fake,
        a_stand(world, tmp_path, with_fake(fake)) as stand,
    ):
        answer = await stand.post(stand.issue(a_request()))

    token = answer.find(".//wst:RequestSecurityTokenResponse/wsse:BinarySecurityToken")
    assert token is not None
    assert b64decode(token) == a_cmc_response(certificate, a_ca_certificate())
    assert answer.certificate == certificate


async def test_a_withheld_certificate_is_named_to_the_operator_and_counted(
    world: World, tmp_path: Path, inside: Authority
) -> None:
    a_certificate_of_another = a_certificate("another")
    async with (
        FakeInternal(inside, replies(issued(a_certificate_of_another))) as fake,
        a_stand(world, tmp_path, with_fake(fake)) as stand,
    ):
        answer = await stand.post(stand.issue(a_request()))

        refusal = await stand.refusal_of(answer)
        assert "serial number 4711" in refusal["detail"]
        assert refusal["diagnosis"] == "D71"
        (incident,) = stand.audit("withheld")
        assert b64decode(incident["certificate"]["der"]) == a_certificate_of_another
        assert [objection["field"] for objection in incident["objections"]] == ["publicKey"]
        metrics = stand.app.metrics.render().decode()
    assert 'ces_gateway_certificates_withheld_total{service="ca1-password"} 1.0' in metrics


async def test_names_of_the_inside_are_masked_in_a_disposition(world: World, tmp_path: Path, inside: Authority) -> None:
    disposition = "Taken Under Submission by dc01.corp.fabrikam.example"
    async with (
        FakeInternal(inside, replies(pending(disposition_message=disposition))) as fake,
        a_stand(world, tmp_path, with_fake(fake)) as stand,
    ):
        answer = await stand.post(stand.issue(a_request()))

    assert answer.find(".//wstep:DispositionMessage") == "Taken Under Submission by (internal)"


async def test_a_ces_that_is_down_is_reported_as_down(world: World, tmp_path: Path, inside: Authority) -> None:
    async with FakeInternal(inside, hangs_up) as fake:
        change = with_fake(fake)
    async with a_stand(world, tmp_path, change) as stand:
        answer = await stand.post(stand.issue(a_request()))
        _assert_proper_fault(answer, RPC_S_SERVER_UNAVAILABLE)
        assert (await stand.refusal_of(answer))["reason"] == "upstream_unavailable"


async def test_a_slow_ces_holds_up_nobody_else(world: World, tmp_path: Path, inside: Authority) -> None:
    never = asyncio.Event()
    async with FakeInternal(inside, stays_silent(never)) as fake:
        async with a_stand(world, tmp_path, with_fake(fake, answer_seconds=0.3)) as stand:
            slow = asyncio.ensure_future(stand.post(stand.issue(a_request())))
            other = await stand.post(
                stand.issue(a_request()), "/FabrikamIssuingCA2_CES_UsernamePassword/service.svc/CES"
            )
            assert other.status == 200

            answer = await slow
            _assert_proper_fault(answer, RPC_S_SERVER_UNAVAILABLE)
            assert (await stand.refusal_of(answer))["reason"] == "upstream_unavailable"
        never.set()


async def test_a_tls_certificate_of_the_inside_that_nobody_vouches_for_is_not_spoken_to(
    world: World, tmp_path: Path, inside: Authority
) -> None:
    async with FakeInternal(inside, replies(issued(a_certificate()))) as fake:

        def change(content: dict[str, object]) -> None:
            with_fake(fake)(content)
            service(content, "ca1-password")["upstream"]["trust"] = str(world.internal_ca)

        async with a_stand(world, tmp_path, change) as stand:
            _assert_proper_fault(await stand.post(stand.issue(a_request())), RPC_S_SERVER_UNAVAILABLE)
        assert fake.received == []


@pytest.mark.parametrize(
    "act",
    [replies(b"", status=401), replies(a_fault("s:Sender", "wsse:FailedAuthentication"), status=500)],
    ids=["401", "fault"],
)
async def test_where_the_internal_ces_decides_its_no_is_a_failed_authentication(
    world: World, tmp_path: Path, inside: Authority, act: Act
) -> None:
    async with FakeInternal(inside, act) as fake:

        def change(content: dict[str, object]) -> None:
            with_fake(fake)(content)
            service(content, "ca1-password")["verifier"] = "internal_ces"

        async with a_stand(world, tmp_path, change) as stand:
            answer = await stand.post(stand.issue(a_request(), security=stand.username_token(password="whatever")))

            assert answer.fault.subcode is not None
            assert answer.fault.subcode.endswith("}FailedAuthentication")
            assert (await stand.refusal_of(answer))["reason"] == "credentials_refused_inside"
            assert b"whatever" in fake.received[-1].body, "it was the inside that was asked"


async def test_killing_ces_during_enrollments_gives_only_proper_faults(world: World, tmp_path: Path) -> None:
    """The lab as its own process, killed in the middle of it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway.lab", str(world.directory), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        addresses = json.loads(await process.stdout.readline())
        async with a_stand(world, tmp_path, _to_process(addresses)) as stand:
            assert (await stand.post(stand.issue(a_request()))).status == 200
            enrollments = [asyncio.ensure_future(stand.post(stand.issue(a_request()))) for _ in range(30)]
            await asyncio.wait(enrollments, return_when=asyncio.FIRST_COMPLETED)
            process.kill()

            answers = [*await asyncio.gather(*enrollments), await stand.post(stand.issue(a_request()))]

            for answer in answers:
                if answer.status != 200:
                    _assert_proper_fault(answer, RPC_S_SERVER_UNAVAILABLE)
                    await stand.refusal_of(answer)
            assert answers[-1].status == 500
            assert len(stand.audit("approved")) == len(stand.audit("answered", "refused")) == len(answers) + 1
            stand.assert_audit_is_intact()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def _to_process(addresses: dict[str, dict[str, dict[str, str]]]) -> Change:
    word = ServiceKind.USERNAME_PASSWORD.word
    url = addresses["ces"][CA_1][word]

    def change(content: dict[str, object]) -> None:
        service(content, "ca1-password")["upstream"] |= {
            "url": url,
            "server_address": f"127.0.0.1:{addresses['ports'][word]}",
        }

    return change
