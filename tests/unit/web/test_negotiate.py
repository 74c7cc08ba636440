"""HTTP Negotiate (RFC 4559) as clients see it: challenged on an open connection, answered with proof of the gateway."""

from base64 import b64encode
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from gateway.call import Call
from gateway.requester import Requester, Verifier
from gateway.telemetry import HttpRefusalReason
from gateway.tickets import EvidenceTicket
from gateway.web.limits import LimitSettings
from gateway.web.negotiate import negotiate_credential, www_authenticate
from gateway.web.reply import Reply
from tests.builders import a_requester
from tests.certificates import Authority
from tests.unit.web.outside import Outside, a_request, running

NOW = datetime(2026, 6, 1, tzinfo=UTC)
LIMIT = 4096


@pytest.fixture
async def outside(authority: Authority) -> AsyncIterator[Outside]:
    """A service for Kerberos."""
    async with running(authority, negotiate=True, limits=LimitSettings(max_body_bytes=LIMIT)) as outside:
        yield outside


def by_ticket(reply_token: bytes) -> Requester:
    evidence = EvidenceTicket("alice@CORP.EXAMPLE", channel_bound=True, cache=None, reply_token=reply_token)
    return Requester("alice@corp.example", evidence, Verifier.KERBEROS, NOW)


# --- which fields carry a credential --------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["Negotiate YII=", "negotiate YII=", "NEGOTIATE   YII= ", "NTLM YII=", "ntlm YII="])
def test_a_credential_of_a_kind_that_a_service_judges_is_taken(field: str) -> None:
    assert negotiate_credential([field]) == "YII="


@pytest.mark.parametrize(
    "fields",
    [
        [],
        ["Negotiate"],
        ["Negotiate "],
        ["NTLM"],
        ["Basic YWxpY2U6c2VjcmV0"],
        ["Bearer YII="],
        ["NegotiateYII="],
        ["Kerberos YII="],
        [""],
        ["Negotiate YII=", "Negotiate YII="],
        ["Negotiate YII=", "Basic YII="],
    ],
)
def test_anything_else_is_as_good_as_nothing(fields: list[str]) -> None:
    assert negotiate_credential(fields) is None


# --- which fields answer one ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 500])
def test_a_reply_to_who_has_authenticated_proves_the_gateway(status: int) -> None:
    assert www_authenticate(status, by_ticket(b"proof")) == f"Negotiate {b64encode(b'proof').decode()}"


@pytest.mark.parametrize("requester", [None, by_ticket(b""), a_requester()])
def test_without_a_token_there_is_nothing_to_prove_it_with(requester: Requester | None) -> None:
    assert www_authenticate(200, requester) is None


@pytest.mark.parametrize("requester", [None, by_ticket(b"proof")])
def test_a_refused_credential_is_answered_with_the_bare_challenge(requester: Requester | None) -> None:
    assert www_authenticate(401, requester) == "Negotiate"


# --- on the wire ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "request_",
    [
        a_request(),
        a_request(b""),
        a_request(b"x" * LIMIT),
        a_request(b"5\r\n<mess\r\n4\r\nage>\r\n0\r\n\r\n", headers=["Transfer-Encoding: chunked"]),
        a_request(headers=["Authorization: Basic YWxpY2U6c2VjcmV0"]),
        a_request(headers=["Authorization: Negotiate YII=", "Authorization: Negotiate YII="]),
    ],
)
async def test_a_request_without_a_credential_is_challenged_on_a_connection_that_stays_open(
    outside: Outside, request_: bytes
) -> None:
    client = await outside.connect()

    challenge = await client.ask(request_)
    reply = await client.ask(a_request(headers=["Authorization: Negotiate YII="]))

    assert (challenge.status, challenge.body) == (401, b"")
    assert challenge.headers["www-authenticate"] == "Negotiate"
    assert "connection" not in challenge.headers
    assert reply.status == 200
    assert [call.negotiate for call in outside.calls] == ["YII="]


async def test_a_challenge_is_counted_and_is_nothing_to_audit(outside: Outside) -> None:
    await (await outside.connect()).ask(a_request())

    assert outside.sample("ces_gateway_challenges_total", service="ces-partner") == 1
    assert outside.calls == []
    assert outside.refusals == []


async def test_who_waits_to_be_asked_for_a_body_is_asked_and_then_challenged(outside: Outside) -> None:
    client = await outside.connect()
    await client.send(a_request(b"", headers=["Expect: 100-continue", "Content-Length: 4"]))

    assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert (await client.ask(b"<ab>")).status == 401
    assert (await client.ask(a_request(headers=["Authorization: Negotiate YII="]))).status == 200


async def test_an_unauthenticated_body_is_bounded_like_any_other(outside: Outside) -> None:
    client = await outside.connect()

    reply = await client.ask(a_request(b"x" * (LIMIT + 1)))

    assert (reply.status, "www-authenticate" in reply.headers) == (413, False)
    assert outside.refusals[0].reason is HttpRefusalReason.BODY_TOO_LARGE


async def test_a_credential_does_not_make_up_for_a_missing_body(outside: Outside) -> None:
    reply = await (await outside.connect()).ask(a_request(b"", headers=["Authorization: Negotiate YII="]))

    assert reply.status == 400
    assert outside.calls == []


async def test_a_probe_is_not_challenged(outside: Outside) -> None:
    client = await outside.connect()
    await client.send(a_request(method="GET", content_type=None))

    assert (await client.reply()).status == 200


async def test_ntlm_goes_to_the_service_which_refuses_it_on_record(outside: Outside) -> None:
    await (await outside.connect()).ask(a_request(headers=["Authorization: NTLM TlRMTVNTUAAB"]))

    assert outside.calls[0].negotiate == "TlRMTVNTUAAB"


async def test_an_authorization_field_means_nothing_to_other_services(authority: Authority) -> None:
    async with running(authority) as outside:
        for field in ("Negotiate YII=", "NTLM TlRMTVNTUAAB", "Basic YWxpY2U6c2VjcmV0"):
            reply = await (await outside.connect()).ask(a_request(headers=[f"Authorization: {field}"]))

            assert reply.status == 200
            assert "www-authenticate" not in reply.headers
    assert [call.negotiate for call in outside.calls] == [None, None, None]


@pytest.mark.parametrize("status", [200, 401, 500])
async def test_the_proof_of_the_gateway_goes_back_on_a_connection_that_stays_open(
    authority: Authority, status: int
) -> None:
    async def answer(_call: Call) -> Reply:
        return Reply(status, b"<answer/>", www_authenticate="Negotiate cHJvb2Y=")

    credential = a_request(headers=["Authorization: Negotiate YII="])
    async with running(authority, negotiate=True, answer=answer) as outside:
        client = await outside.connect()
        reply = await client.ask(credential)

        assert (reply.status, reply.body) == (status, b"<answer/>")
        assert reply.headers["www-authenticate"] == "Negotiate cHJvb2Y="
        assert reply.headers["content-type"] == "application/soap+xml; charset=utf-8"
        assert (await client.ask(credential)).status == status
