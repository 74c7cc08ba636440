"""An address that has used up its requests: where there can be a fault it gets one, elsewhere a bare status."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from gateway.errors import GatewayError, RateLimited, StateUnavailable
from gateway.rates.limits import RateLimits
from gateway.rates.settings import RateLimitSettings
from gateway.state.memory import MemoryState
from gateway.telemetry import HttpRefusalReason
from gateway.web.limits import LimitSettings
from gateway.web.server import Admit
from tests.certificates import Authority
from tests.unit.web.outside import Outside, a_request, running

OVERSPENT = RateLimited("too much", limit="RequestsPerAddress", retry_after=7)
UNKNOWN = StateUnavailable("the file is locked")


def refusing(error: GatewayError) -> Admit:
    async def admit(peer: str) -> None:
        assert peer == "127.0.0.1"
        raise error

    return admit


@pytest.fixture
async def overspent(authority: Authority) -> AsyncIterator[Outside]:
    async with running(authority, admit=refusing(OVERSPENT), limits=LimitSettings(max_body_bytes=4096)) as outside:
        yield outside


async def test_a_message_gets_a_fault_with_retry_after_and_nobody_reads_it(overspent: Outside) -> None:
    client = await overspent.connect()

    for _ in range(2):
        # On one connection: its body was read, so that it can go on.
        reply = await client.ask(a_request(b"<message/>"))
        assert (reply.status, reply.body, reply.headers["retry-after"]) == (500, b"RateLimited", "7")
    assert overspent.calls == []
    assert overspent.refusals == []


async def test_a_message_without_a_body_gets_the_same(overspent: Outside) -> None:
    reply = await (await overspent.connect()).ask(a_request(b""))

    assert (reply.status, reply.body) == (500, b"RateLimited")


async def test_a_body_that_is_too_large_is_not_read_for_that(overspent: Outside) -> None:
    reply = await (await overspent.connect()).ask(a_request(b"x" * 5000))

    assert reply.status == 413


UNKNOWN_PATH = a_request(b"", path="/unknown")
PROBE = a_request(b"", method="GET")


@pytest.mark.parametrize(
    ("request_", "service"), [(UNKNOWN_PATH, ""), (PROBE, "ces-partner")], ids=["unknown", "probe"]
)
async def test_where_there_is_no_fault_it_is_a_status_with_retry_after(
    overspent: Outside, request_: bytes, service: str
) -> None:
    reply = await (await overspent.connect()).ask(request_)

    assert (reply.status, reply.body, reply.headers["retry-after"]) == (429, b"", "7")
    assert [refusal.reason for refusal in overspent.refusals] == [HttpRefusalReason.RATE_LIMITED]
    assert overspent.sample("ces_gateway_rate_limited_total", limit="RequestsPerAddress", service=service) == 1


@pytest.mark.parametrize("request_", [UNKNOWN_PATH, PROBE], ids=["unknown", "probe"])
async def test_nobody_is_told_anything_while_nothing_can_be_counted(authority: Authority, request_: bytes) -> None:
    async with running(authority, admit=refusing(UNKNOWN)) as outside:
        reply = await (await outside.connect()).ask(request_)
        message = await (await outside.connect()).ask(a_request(b"<message/>"))

        assert (reply.status, reply.body, "retry-after" in reply.headers) == (503, b"", False)
        assert (message.status, message.body) == (500, b"StateUnavailable")
        assert [refusal.reason for refusal in outside.refusals] == [HttpRefusalReason.STATE_UNAVAILABLE]


async def test_no_credential_is_asked_for_while_the_budget_is_used_up(authority: Authority) -> None:
    async with running(authority, negotiate=True, admit=refusing(OVERSPENT)) as outside:
        reply = await (await outside.connect()).ask(a_request(b"<message/>"))

    assert (reply.status, reply.headers.get("www-authenticate")) == (500, None)


async def test_a_challenge_and_a_path_that_is_not_there_are_spent_like_any_other(authority: Authority) -> None:
    spent: list[str] = []

    async def admit(peer: str) -> None:
        spent.append(peer)

    async with running(authority, negotiate=True, admit=admit) as outside:
        client = await outside.connect()
        statuses = [(await client.ask(request)).status for request in (a_request(), a_request(path="/unknown"))]

    assert statuses == [401, 404]
    assert spent == ["127.0.0.1"] * 2


async def test_neighbours_in_one_ipv6_network_share_a_budget_and_others_do_not(authority: Authority) -> None:
    settings = {"RequestsPerAddress": {"count": 1, "period": "1h", "burst": 2}}
    limits = RateLimits(
        RateLimitSettings.model_validate_json(json.dumps(settings)),
        MemoryState(lambda: datetime(2026, 6, 1, tzinfo=UTC)),
    )
    peers = ["2001:db8:0:1::1", "2001:db8:0:1::2", "2001:db8:0:1:ffff::3", "2001:db8:0:2::1"]

    async with running(authority, admit=limits.request, peers=peers) as outside:
        replies = [await (await outside.connect()).ask(a_request()) for _ in peers]

    assert [reply.status for reply in replies] == [200, 200, 500, 200]
    assert replies[2].headers["retry-after"] == "3600"
    assert [call.peer for call in outside.calls] == [peers[0], peers[1], peers[3]]
