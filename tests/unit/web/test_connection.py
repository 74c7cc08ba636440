import asyncio
import socket
import ssl

import pytest
from structlog.testing import capture_logs

from gateway.call import Call
from gateway.telemetry import HttpRefusalReason
from gateway.web import handshake
from gateway.web.limits import LimitSettings
from gateway.web.reply import Reply
from tests.certificates import Authority
from tests.unit.web.outside import PATH, Client, Outside, a_request, running

HALF_A_HEADER = f"POST {PATH} HTTP/1.1\r\nX: ".encode()


@pytest.mark.parametrize("sent", [b"", HALF_A_HEADER])
async def test_a_connection_without_a_first_request_is_closed(authority: Authority, sent: bytes) -> None:
    async with running(authority, limits=LimitSettings(header_seconds=0.05)) as outside:
        client = await outside.connect()
        await client.send(sent)

        assert await client.is_closed()
        assert [refusal.reason for refusal in outside.refusals] == [HttpRefusalReason.HEADER_TIMEOUT]


async def test_a_header_that_trickles_does_not_hold_the_connection(authority: Authority) -> None:
    async with running(authority, limits=LimitSettings(header_seconds=0.1)) as outside:
        client = await outside.connect()
        await client.send(HALF_A_HEADER)

        async def trickle() -> None:
            while True:
                await client.send(b"a")
                await asyncio.sleep(0.01)

        trickling = asyncio.ensure_future(trickle())
        assert await client.is_closed()
        trickling.cancel()
        await asyncio.wait([trickling])


async def test_a_body_that_trickles_does_not_hold_the_connection(authority: Authority) -> None:
    async with running(authority, limits=LimitSettings(body_seconds=0.1)) as outside:
        client = await outside.connect()
        await client.send(a_request(b"<", headers=["Content-Length: 4096"]))

        async def trickle() -> None:
            while True:
                await client.send(b"a")
                await asyncio.sleep(0.01)

        trickling = asyncio.ensure_future(trickle())
        assert (await client.reply()).status == 408
        trickling.cancel()
        await asyncio.wait([trickling])


@pytest.mark.parametrize("sent", [b"", HALF_A_HEADER])
async def test_a_connection_without_another_request_is_closed(authority: Authority, sent: bytes) -> None:
    async with running(authority, limits=LimitSettings(idle_seconds=0.05)) as outside:
        client = await outside.connect()
        await client.ask(a_request())
        await client.send(sent)

        assert await client.is_closed()
        assert outside.refusals == []


async def test_an_answer_may_take_longer_than_a_header_or_a_pause(authority: Authority) -> None:
    async def slow(_call: Call) -> Reply:
        await asyncio.sleep(0.2)
        return Reply(200, b"<late/>")

    async with running(authority, answer=slow, limits=LimitSettings(header_seconds=0.05, idle_seconds=0.05)) as outside:
        client = await outside.connect()

        assert (await client.ask(a_request())).body == b"<late/>"


async def huge(_call: Call) -> Reply:
    """More than the kernel's buffers on both sides take."""
    return Reply(200, bytes(64 * 1024 * 1024))


async def a_client_that_does_not_read(outside: Outside) -> asyncio.StreamWriter:
    tcp = socket.socket()
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    tcp.connect(("127.0.0.1", outside.listener.port))
    tcp.setblocking(False)
    reader, writer = await asyncio.open_connection(
        sock=tcp, ssl=outside.client_context(), server_hostname="localhost", limit=1024
    )
    assert isinstance(writer.transport, asyncio.Transport)
    writer.transport.pause_reading()
    outside.clients.append(Client(reader, writer))
    return writer


async def test_a_client_that_does_not_take_its_answer_is_closed(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handshake, "_CLOSE_SECONDS", 0.05)
    async with running(authority, answer=huge, limits=LimitSettings(idle_seconds=0.05)) as outside:
        writer = await a_client_that_does_not_read(outside)
        writer.write(a_request())

        await outside.until(lambda: bool(outside.calls))
        await outside.until_open(0)


async def test_a_client_that_pipelines_without_reading_does_not_fill_the_memory(authority: Authority) -> None:
    async with running(authority, limits=LimitSettings(write_seconds=0.2)) as outside:
        writer = await a_client_that_does_not_read(outside)

        async def pipeline() -> None:
            while True:
                writer.write(a_request(method="GET") * 100)
                await writer.drain()

        with pytest.raises((ConnectionError, ssl.SSLError)):
            await pipeline()


async def test_one_ticket_of_the_largest_size_fits_into_a_header(authority: Authority) -> None:
    """48,000 bytes in base64, beside as much as IIS takes in all."""
    ticket = f"Authorization: Negotiate {'A' * 64_000}"
    others = [f"X-{n}: {'a' * 1000}" for n in range(16)]
    async with running(authority, limits=LimitSettings(max_body_bytes=200_000)) as outside:
        client = await outside.connect()

        assert (await client.ask(a_request(bytes(200_000), headers=[ticket, *others]))).status == 200
        assert len(outside.calls[0].body) == 200_000


FIELD = f"X: {'a' * 60_000}"
FLOODS = {
    "a header of many large fields": a_request(headers=[FIELD] * 4),
    "trailers": a_request(b"1\r\nx\r\n0\r\n" + f"{FIELD}\r\n".encode() * 4, headers=["Transfer-Encoding: chunked"]),
    "a body of tiny chunks": a_request(b"1\r\nx\r\n" * 40_000, headers=["Transfer-Encoding: chunked"]),
}


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
async def test_no_more_than_one_large_field_is_kept_of_a_client(authority: Authority, flood: bytes) -> None:
    async with running(authority) as outside:
        client = await outside.connect()
        await client.send(flood)

        assert await client.is_closed()
        assert [refusal.reason for refusal in outside.refusals[:1]] == [HttpRefusalReason.BAD_REQUEST]
        assert outside.calls == []


async def test_what_is_pipelined_behind_slow_answers_is_bounded_too(authority: Authority) -> None:
    asked, go_on = asyncio.Semaphore(0), asyncio.Semaphore(0)

    async def slow(_call: Call) -> Reply:
        asked.release()
        await go_on.acquire()
        return Reply(200, b"<late/>")

    async with running(authority, answer=slow) as outside:
        client = await outside.connect()
        await client.send(a_request())
        await asked.acquire()
        await client.send(a_request(headers=[FIELD]) * 2)
        go_on.release()
        await client.reply()
        # One of them is waiting still, so that it counts.
        await asked.acquire()
        await client.send(a_request(headers=[FIELD]))

        assert await client.is_closed()
        assert [refusal.reason for refusal in outside.refusals] == [HttpRefusalReason.BAD_REQUEST]
        go_on.release()


async def test_many_large_requests_on_one_connection_are_no_flood(authority: Authority) -> None:
    async with running(authority) as outside:
        client = await outside.connect()

        for _ in range(4):
            assert (await client.ask(a_request(bytes(100_000), headers=[FIELD]))).status == 200


async def test_stopping_does_not_wait_for_a_client_that_does_not_read(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handshake, "_CLOSE_SECONDS", 3600)
    async with running(authority, answer=huge) as outside:
        writer = await a_client_that_does_not_read(outside)
        writer.write(a_request())
        await outside.until(lambda: bool(outside.calls))
        (connection,) = outside.listener._serving.values()
        assert connection is not None
        # The answer is written as far as HTTP is concerned.
        await outside.until(lambda: connection._request is None)
        with capture_logs() as logs:
            await outside.listener.stop(drain_seconds=0.01)

        assert logs == []
        await outside.until_open(0)


async def test_an_upgrade_is_not_taken_up(authority: Authority) -> None:
    async with running(authority) as outside:
        client = await outside.connect()
        upgrade = a_request(headers=["Connection: Upgrade", "Upgrade: websocket"])

        assert (await client.ask(upgrade)).status == 200
        assert (await client.ask(a_request())).status == 200


async def test_a_tunnel_is_not_opened(authority: Authority) -> None:
    async with running(authority) as outside:
        client = await outside.connect()
        tunnel = await client.ask(b"CONNECT ces.example.com:443 HTTP/1.1\r\nHost: ces.example.com\r\n\r\n")

        assert tunnel.status == 404
        assert (await client.ask(a_request())).status == 200
