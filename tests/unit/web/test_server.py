import asyncio
import ssl
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from gateway.call import Call
from gateway.telemetry import HttpRefusalReason
from gateway.web.limits import LimitSettings
from gateway.web.reply import Reply
from tests.certificates import Authority
from tests.unit.web.outside import PATH, Outside, a_request, running

LIMIT = 4096


@pytest.fixture
async def outside(authority: Authority) -> AsyncIterator[Outside]:
    """The gateway with a small limit for bodies."""
    async with running(authority, limits=LimitSettings(max_body_bytes=LIMIT)) as outside:
        yield outside


def assert_refused(outside: Outside, reason: HttpRefusalReason, status: int) -> None:
    """One refusal, reported and counted, and no service was called."""
    (refusal,) = outside.refusals
    assert (refusal.reason, refusal.status) == (reason, status)
    assert refusal.peer == "127.0.0.1"
    assert refusal.received_at.utcoffset() is not None
    assert UUID(refusal.call_id).version == 4
    assert outside.sample("ces_gateway_http_refusals_total", reason=reason.value) == 1
    assert outside.calls == []


# --- what reaches a service -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content_type",
    [
        "application/soap+xml",
        "application/soap+xml; charset=utf-8",
        "Application/SOAP+XML;charset=UTF-8",
        'application/soap+xml; charset="utf-8"; action="http://schemas.microsoft.com/windows/pki/2009/01/enrollment/RST"',
        "application/soap+xml; charset=utf-16",
    ],
)
async def test_a_soap_message_reaches_the_service(outside: Outside, content_type: str) -> None:
    client = await outside.connect()

    reply = await client.ask(a_request(b"<message/>", content_type=content_type))

    assert (reply.status, reply.body) == (200, b"<ok/>")
    assert [call.body for call in outside.calls] == [b"<message/>"]


async def test_a_reply_says_little(outside: Outside) -> None:
    reply = await (await outside.connect()).ask(a_request())

    del reply.headers["date"]
    assert reply.headers == {
        "server": "ces-gateway",
        "x-call-id": outside.calls[0].call_id,
        "cache-control": "no-store",
        "strict-transport-security": "max-age=31536000",
        "content-type": "application/soap+xml; charset=utf-8",
        "content-length": "5",
    }


async def test_a_fault_is_relayed_with_its_status_and_its_retry_after(authority: Authority) -> None:
    async def overloaded(_call: Call) -> Reply:
        return Reply(500, b"<fault/>", retry_after=30)

    async with running(authority, answer=overloaded) as outside:
        reply = await (await outside.connect()).ask(a_request())

    assert (reply.status, reply.body, reply.headers["retry-after"]) == (500, b"<fault/>", "30")
    assert outside.refusals == []


async def test_a_chunked_body_is_put_together(outside: Outside) -> None:
    client = await outside.connect()

    reply = await client.ask(a_request(b"5\r\n<mess\r\n4\r\nage>\r\n0\r\n\r\n", headers=["Transfer-Encoding: chunked"]))

    assert reply.status == 200
    assert outside.calls[0].body == b"<message>"


async def test_a_client_that_expects_it_is_invited_to_send_its_body(outside: Outside) -> None:
    client = await outside.connect()
    await client.send(a_request(b"", headers=["Expect: 100-continue", "Content-Length: 4"]))

    assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert (await client.ask(b"<ab>")).status == 200
    assert outside.calls[0].body == b"<ab>"


async def test_an_http_1_0_client_is_not_invited(outside: Outside) -> None:
    client = await outside.connect()

    header = a_request(b"", headers=["Expect: 100-continue", "Content-Length: 4"], version="HTTP/1.0")
    await client.send(header)
    await asyncio.sleep(0)

    assert (await client.ask(b"<ab>")).status == 200
    assert await client.is_closed()


async def test_a_connection_serves_many_requests(outside: Outside) -> None:
    client = await outside.connect()

    assert [(await client.ask(a_request(b"%d" % n))).status for n in range(3)] == [200, 200, 200]
    assert len({call.call_id for call in outside.calls}) == 3


async def test_an_http_1_0_connection_is_kept_alive_if_the_client_says_so(outside: Outside) -> None:
    client = await outside.connect()
    keep_alive = a_request(version="HTTP/1.0", headers=["Connection: keep-alive"])

    assert (await client.ask(keep_alive)).headers["connection"] == "keep-alive"
    assert (await client.ask(keep_alive)).status == 200


async def test_pipelined_requests_are_answered_in_order(outside: Outside) -> None:
    client = await outside.connect()
    await client.send(a_request(b"1") + a_request(path="/unknown") + a_request(b"3") + a_request(method="GET"))

    assert [(await client.reply()).status for _ in range(4)] == [200, 404, 200, 200]
    assert [call.body for call in outside.calls] == [b"1", b"3"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_probe_finds_a_published_path(outside: Outside, method: str) -> None:
    client = await outside.connect()
    await client.send(a_request(method=method, content_type=None))

    reply = await client.reply()

    assert (reply.status, reply.headers.get("content-length", "0")) == (200, "0")
    assert outside.calls == []
    assert outside.refusals == []


# --- what does not --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "reason", "status"),
    [
        ({"path": "/unknown"}, HttpRefusalReason.UNKNOWN_PATH, 404),
        ({"path": "/unknown", "method": "GET"}, HttpRefusalReason.UNKNOWN_PATH, 404),
        ({"path": PATH + "?wsdl", "method": "GET"}, HttpRefusalReason.UNKNOWN_PATH, 404),
        ({"path": PATH.replace("/CES", "/x/../CES")}, HttpRefusalReason.UNKNOWN_PATH, 404),
        ({"path": "*", "method": "OPTIONS"}, HttpRefusalReason.UNKNOWN_PATH, 404),
        ({"method": "PUT"}, HttpRefusalReason.METHOD_NOT_ALLOWED, 405),
        ({"method": "TRACE"}, HttpRefusalReason.METHOD_NOT_ALLOWED, 405),
        ({"method": "OPTIONS"}, HttpRefusalReason.METHOD_NOT_ALLOWED, 405),
        ({"content_type": None}, HttpRefusalReason.UNSUPPORTED_MEDIA_TYPE, 415),
        ({"content_type": "text/xml"}, HttpRefusalReason.UNSUPPORTED_MEDIA_TYPE, 415),
        ({"content_type": "application/soap+xmlx"}, HttpRefusalReason.UNSUPPORTED_MEDIA_TYPE, 415),
        ({"content_type": ";;;"}, HttpRefusalReason.UNSUPPORTED_MEDIA_TYPE, 415),
        ({"content_type": "application/soap+xml; charset=utf-7"}, HttpRefusalReason.UNSUPPORTED_MEDIA_TYPE, 415),
        ({"headers": ["Content-Encoding: gzip"]}, HttpRefusalReason.UNSUPPORTED_CONTENT_ENCODING, 415),
        ({"headers": ["Content-Encoding: unheard-of"]}, HttpRefusalReason.UNSUPPORTED_CONTENT_ENCODING, 415),
        ({"headers": ["Expect: the-unexpected"]}, HttpRefusalReason.EXPECTATION_FAILED, 417),
        ({"body": b""}, HttpRefusalReason.BODY_MISSING, 400),
        ({"body": b"x" * (LIMIT + 1)}, HttpRefusalReason.BODY_TOO_LARGE, 413),
    ],
)
async def test_a_request_that_no_service_should_see_is_refused_with_an_empty_reply(
    outside: Outside, request_: dict[str, Any], reason: HttpRefusalReason, status: int
) -> None:
    client = await outside.connect()

    reply = await client.ask(a_request(**request_))

    assert (reply.status, reply.body, reply.headers["content-length"]) == (status, b"", "0")
    assert reply.headers["server"] == "ces-gateway"
    assert reply.headers["x-call-id"] == outside.refusals[0].call_id
    assert "content-type" not in reply.headers
    assert_refused(outside, reason, status)


async def test_a_refused_method_is_told_which_ones_are_allowed(outside: Outside) -> None:
    reply = await (await outside.connect()).ask(a_request(method="DELETE"))

    assert reply.headers["allow"] == "GET, HEAD, POST"


async def test_a_refusal_names_the_service_that_was_addressed(outside: Outside) -> None:
    client = await outside.connect()
    await client.ask(a_request(content_type="text/xml"))
    await client.ask(a_request(path="/unknown"))

    assert [refusal.service for refusal in outside.refusals] == ["ces-partner", None]


async def test_a_connection_outlives_a_refusal_whose_request_was_read(outside: Outside) -> None:
    client = await outside.connect()

    assert (await client.ask(a_request(path="/unknown"))).status == 404
    assert (await client.ask(a_request())).status == 200


@pytest.mark.parametrize(
    "data",
    [
        b"garbage\r\n\r\n",
        b"POST " + PATH.encode() + b" HTTP/9.9\r\n\r\n",
        b"POST " + PATH.encode() + b" HTTP/1.1\r\nContent-Length: 1\r\n\r\nx",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x00\x05abcde",
        a_request(path="/" + "a" * 5000),
        a_request(headers=["X: " + "a" * 66_000]),
        a_request(headers=[f"X-{n}: y" for n in range(40)]),
        a_request(headers=["Content-Length: 1", "Content-Length: 2"]),
        a_request(headers=["Content-Length: -1"]),
        a_request(headers=["Content-Length: 1", "Transfer-Encoding: chunked"]),
        a_request(headers=["X: a\x00b"]),
        a_request(headers=["X : y"]),
        a_request(b"zz\r\nabc\r\n0\r\n\r\n", headers=["Transfer-Encoding: chunked"]),
    ],
)
async def test_what_is_not_http_gets_a_bare_400(outside: Outside, data: bytes) -> None:
    client = await outside.connect()
    with capture_logs() as logs:
        reply = await client.ask(data)

        assert (reply.status, reply.body) == (400, b"")
        assert reply.headers["server"] == "ces-gateway"
        assert reply.headers["x-call-id"] == outside.refusals[0].call_id
        assert await client.is_closed()
    assert_refused(outside, HttpRefusalReason.BAD_REQUEST, 400)
    assert logs == []


async def test_a_refusal_repeats_nothing_of_the_request(outside: Outside) -> None:
    canary = "canary-17"
    client = await outside.connect()
    await client.send(
        a_request(path=f"/{canary}", headers=[f"X-Call-Id: {canary}", f"Host: {canary}"]) + f"{canary}\r\n\r\n".encode()
    )

    assert canary.encode() not in await client.reader.read()


# --- bodies ---------------------------------------------------------------------------------------------------------


async def test_the_largest_body_is_taken(outside: Outside) -> None:
    reply = await (await outside.connect()).ask(a_request(b"x" * LIMIT))

    assert reply.status == 200
    assert len(outside.calls[0].body) == LIMIT


async def test_a_body_that_is_announced_too_large_is_not_waited_for(outside: Outside) -> None:
    client = await outside.connect()
    await client.send(a_request(b"", headers=[f"Content-Length: {LIMIT + 1}", "Expect: 100-continue"]))

    reply = await client.reply()

    assert (reply.status, reply.headers["connection"]) == (413, "close")
    assert_refused(outside, HttpRefusalReason.BODY_TOO_LARGE, 413)


async def test_a_chunked_body_is_refused_as_soon_as_it_is_too_large(outside: Outside) -> None:
    client = await outside.connect()
    chunk = b"400\r\n" + b"x" * 1024 + b"\r\n"
    await client.send(a_request(chunk * 5, headers=["Transfer-Encoding: chunked"]))

    reply = await client.reply()

    assert (reply.status, reply.headers["connection"]) == (413, "close")
    assert_refused(outside, HttpRefusalReason.BODY_TOO_LARGE, 413)


async def test_a_client_that_is_still_sending_can_read_why_it_was_refused(outside: Outside) -> None:
    client = await outside.connect()
    await client.send(a_request(b"", headers=["Content-Length: 20000000"]))
    # More than the buffers between here and there take.
    for _ in range(200):
        await client.send(bytes(100_000))

    assert (await client.reply()).status == 413


async def test_a_body_that_does_not_come_is_not_waited_for_long(authority: Authority) -> None:
    async with running(authority, limits=LimitSettings(body_seconds=0.05)) as outside:
        client = await outside.connect()
        await client.send(a_request(b"<half", headers=["Content-Length: 10"]))

        assert (await client.reply()).status == 408
        assert await client.is_closed()
        assert_refused(outside, HttpRefusalReason.BODY_TIMEOUT, 408)


async def test_a_body_that_turns_out_not_to_be_http_is_refused(authority: Authority) -> None:
    async with running(authority, limits=LimitSettings(body_seconds=0.05)) as outside:
        client = await outside.connect()
        await client.send(a_request(b"3\r\nabc\r\n", headers=["Transfer-Encoding: chunked"]))
        await asyncio.sleep(0)
        await client.send(b"zz\r\n")

        assert (await client.reply()).status in {400, 408}
        assert await client.is_closed()
        assert outside.calls == []


async def test_a_client_that_hangs_up_within_its_body_is_noted(outside: Outside) -> None:
    with capture_logs() as logs:
        client = await outside.connect()
        await client.send(a_request(b"<half", headers=["Content-Length: 10", "Expect: 100-continue"]))
        await client.reader.readuntil(b"\r\n\r\n")
        await client.close()
        await outside.until(lambda: bool(outside.refusals))

    assert_refused(outside, HttpRefusalReason.BODY_INCOMPLETE, 400)
    assert logs == []


# --- answers --------------------------------------------------------------------------------------------------------


async def test_a_service_that_raises_is_a_bare_500_and_is_logged(authority: Authority) -> None:
    async def raises(_call: Call) -> Reply:
        raise ValueError("canary of the inside")

    async with running(authority, answer=raises) as outside:
        client = await outside.connect()
        with capture_logs() as logs:
            reply = await client.ask(a_request())

        assert (reply.status, reply.body) == (500, b"")
        assert "canary" not in str(reply.headers)
        assert [entry["log_level"] for entry in logs] == ["error"]
        assert logs[0]["call_id"] == reply.headers["x-call-id"]
        assert outside.refusals[0].reason is HttpRefusalReason.INTERNAL
        assert (await client.ask(a_request())).status == 500


async def test_an_error_of_the_server_itself_is_a_bare_500_and_is_logged(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise KeyError("canary of the inside")

    monkeypatch.setattr(outside.listener._http_server, "_services", broken)
    client = await outside.connect()
    with capture_logs() as logs:
        reply = await client.ask(a_request())

    assert (reply.status, reply.body) == (500, b"")
    assert [entry["log_level"] for entry in logs] == ["error"]
    assert await client.is_closed()
    assert_refused(outside, HttpRefusalReason.INTERNAL, 500)


async def test_a_client_that_hangs_up_does_not_cancel_its_answer(authority: Authority) -> None:
    entered, go_on, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def submits(_call: Call) -> Reply:
        entered.set()
        await go_on.wait()
        done.set()
        return Reply(200, b"<issued/>")

    async with running(authority, answer=submits) as outside:
        client = await outside.connect()
        await client.send(a_request())
        await entered.wait()
        await client.close()
        (connection,) = outside.listener._serving.values()
        assert connection is not None
        await connection.closed
        go_on.set()

        await done.wait()


async def test_the_end_of_the_serving_task_does_not_cancel_an_answer(authority: Authority) -> None:
    entered, go_on, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def submits(_call: Call) -> Reply:
        entered.set()
        await go_on.wait()
        done.set()
        return Reply(200, b"<issued/>")

    async with running(authority, answer=submits) as outside:
        client = await outside.connect()
        await client.send(a_request())
        await entered.wait()
        (connection,) = outside.listener._serving.values()
        assert connection is not None
        assert connection._task_handler is not None
        connection._task_handler.cancel()
        assert await client.is_closed()
        go_on.set()

        await done.wait()


async def test_services_may_be_published_while_the_server_runs(authority: Authority) -> None:
    async with running(authority) as outside:
        client = await outside.connect()
        services = outside.listener._http_server._services()
        assert isinstance(services, list)
        withdrawn = services.pop()
        assert (await client.ask(a_request())).status == 404

        services.append(withdrawn)
        assert (await client.ask(a_request())).status == 200


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_large_answer_arrives_whole_also_on_a_connection_that_is_closed_after_it(
    authority: Authority, version: ssl.TLSVersion
) -> None:
    async def policies(_call: Call) -> Reply:
        return Reply(200, bytes(1_000_000))

    async with running(authority, answer=policies) as outside:
        client = await outside.connect(version=version)
        reply = await client.ask(a_request(headers=["Connection: close"]))

        assert len(reply.body) == 1_000_000
        assert await client.is_closed()
