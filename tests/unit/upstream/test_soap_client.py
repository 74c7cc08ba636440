import asyncio
import gzip
import re
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from gateway.credential import Credential, OwnCertificate
from gateway.errors import GatewayError, UpstreamMisbehaved, UpstreamUnavailable
from gateway.protocol.security import Secret, UsernameToken
from gateway.protocol.soap import Envelope
from gateway.upstream.settings import UpstreamSettings
from gateway.upstream.soap_client import SoapClient
from tests.certificates import Authority, a_client_certificate, an_authority
from tests.fakes.internal import (
    HOST,
    Act,
    FakeInternal,
    asks_for_client_certificate_then,
    breaks_off,
    drips,
    hangs_up,
    replies,
    replies_in_chunks,
    resets,
    says,
    stays_silent,
)
from tests.fakes.messages import an_answer

QUESTION = "urn:example:question"
ANSWER = "urn:example:answer"
ALICE = UsernameToken("alice@corp.fabrikam.example", Secret(" correct <horse> "))
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
GOOD = replies(an_answer(ANSWER, "<x/>"))


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return an_authority(tmp_path, "Corp Root CA")


@pytest.fixture
async def client_of() -> AsyncIterator[Callable[..., SoapClient]]:
    """Makes clients of a fake; closes them at the end of the test."""
    async with AsyncExitStack() as stack:
        clients: list[SoapClient] = []

        def make(fake: FakeInternal, **more: Any) -> SoapClient:
            settings: dict[str, Any] = {"url": fake.url, "trust": fake.trust, "server_address": fake.address, **more}
            client = SoapClient(UpstreamSettings(**settings), lambda: NOON)
            stack.push_async_exit(client)
            clients.append(client)
            return client

        yield make


ClientOf = Callable[..., SoapClient]


async def ask(client: SoapClient, credential: Credential = ALICE) -> Envelope:
    return await client.exchange(QUESTION, etree.Element("{urn:example}q"), credential, answer_action=ANSWER)


async def error_of(client: SoapClient, credential: Credential = ALICE) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        await ask(client, credential)
    return caught.value


# --- what is sent ---------------------------------------------------------------------------------------------------


async def test_a_message_goes_out_with_these_headers_and_no_others(authority: Authority, client_of: ClientOf) -> None:
    async with FakeInternal(authority, GOOD) as fake:
        await ask(client_of(fake))

    (received,) = fake.received
    assert received.target == "/Fabrikam%20Issuing%20CA%201_CES_UsernamePassword/service.svc/CES"
    assert sorted(received.headers) == [
        ("Accept-Encoding", "identity"),
        ("Content-Length", str(len(received.body))),
        ("Content-Type", "application/soap+xml; charset=utf-8"),
        ("Host", f"{HOST}:{fake.port}"),
        ("User-Agent", "ces-gateway"),
    ]


async def test_the_name_of_the_url_stays_where_the_address_is_another(
    authority: Authority, client_of: ClientOf
) -> None:
    async with FakeInternal(authority, GOOD, names=(HOST,)) as fake:
        await ask(client_of(fake))

    assert fake.received[0].server_name == HOST
    assert f">{fake.url}</" in fake.received[0].body.decode()


async def test_the_port_may_be_another_too(authority: Authority, client_of: ClientOf) -> None:
    url = f"https://{HOST}/CA_CES_UsernamePassword/service.svc/CES"
    async with FakeInternal(authority, GOOD) as fake:
        await ask(client_of(fake, url=url))

    assert fake.received[0].header("Host") == HOST
    assert f">{url}</" in fake.received[0].body.decode()


async def test_the_path_goes_out_as_the_administrator_wrote_it(authority: Authority, client_of: ClientOf) -> None:
    path = "/A%21b!%43_CES_Certificate/service.svc/CES"
    async with FakeInternal(authority, GOOD) as fake:
        await ask(client_of(fake, url=f"https://{HOST}{path}"))

    assert fake.received[0].target == path
    assert f">https://{HOST}{path}</" in fake.received[0].body.decode()


async def test_every_message_has_an_identifier_of_its_own(authority: Authority, client_of: ClientOf) -> None:
    async with FakeInternal(authority, GOOD) as fake:
        client = client_of(fake)
        await ask(client)
        await ask(client)

    identifiers = [received.message_id for received in fake.received]
    assert all(re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", identifier) for identifier in identifiers)
    assert len(set(identifiers)) == 2


async def test_a_user_name_goes_into_the_message_with_a_timestamp_of_now(
    authority: Authority, client_of: ClientOf
) -> None:
    async with FakeInternal(authority, GOOD) as fake:
        await ask(client_of(fake), ALICE)

    message = etree.fromstring(fake.received[0].body)
    texts = {etree.QName(element).localname: element.text for element in message.iter() if element.text}
    assert (texts["Username"], texts["Password"]) == ("alice@corp.fabrikam.example", " correct <horse> ")
    assert texts["Created"].startswith("2026-11-23T12:00:00")
    assert texts["Expires"].startswith("2026-11-23T12:05:00")


async def test_the_gateways_own_certificate_leaves_no_trace_in_the_message(
    authority: Authority, client_of: ClientOf
) -> None:
    async with FakeInternal(authority, GOOD) as fake:
        await ask(client_of(fake), OwnCertificate())

    assert b"Security" not in fake.received[0].body


async def test_the_environment_has_no_say(
    authority: Authority, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    async with FakeInternal(authority, GOOD) as fake:
        await ask(client_of(fake))

    assert len(fake.received) == 1


async def test_a_cookie_is_not_sent_back(authority: Authority, client_of: ClientOf) -> None:
    good_with_cookie = replies(an_answer(ANSWER, "<x/>"), headers=(("Set-Cookie", "session=1; Path=/"),))
    async with FakeInternal(authority, good_with_cookie) as fake:
        client = client_of(fake)
        await ask(client)
        await ask(client)

    assert [received.header("Cookie") for received in fake.received] == [None, None]


async def test_a_redirect_is_not_followed(authority: Authority, client_of: ClientOf) -> None:
    async with FakeInternal(authority, replies(status=307, headers=(("Location", "/elsewhere"),)), GOOD) as fake:
        error = await error_of(client_of(fake))

    assert isinstance(error, UpstreamMisbehaved)
    assert len(fake.received) == 1


# --- TLS ------------------------------------------------------------------------------------------------------------


async def test_a_server_of_another_authority_gets_nothing(
    authority: Authority, client_of: ClientOf, tmp_path: Path
) -> None:
    other = an_authority(tmp_path, "Another Root CA")
    async with FakeInternal(other, GOOD) as fake:
        error = await error_of(client_of(fake, trust=authority.certificate_path))

    assert isinstance(error, UpstreamUnavailable)
    assert not error.sent
    assert "check `trust`" in str(error)
    assert fake.received == []


async def test_a_server_of_another_name_gets_nothing(authority: Authority, client_of: ClientOf) -> None:
    async with FakeInternal(authority, GOOD, names=("web.corp.fabrikam.example", "127.0.0.1")) as fake:
        error = await error_of(client_of(fake))

    assert isinstance(error, UpstreamUnavailable)
    assert not error.sent
    assert "Hostname mismatch" in str(error)
    assert fake.received == []


async def test_the_own_certificate_is_shown_in_the_handshake(authority: Authority, client_of: ClientOf) -> None:
    own = a_client_certificate(authority, "ces-gateway")
    async with FakeInternal(authority, GOOD, trusts_clients_of=authority) as fake:
        await ask(client_of(fake, certificate=own.certificate_path, key=own.key_path), OwnCertificate())

    assert fake.received[0].client_certificate == own.der


async def test_the_own_certificate_is_shown_to_a_server_that_asks_after_the_request(
    authority: Authority, client_of: ClientOf
) -> None:
    own = a_client_certificate(authority, "ces-gateway")
    script = (asks_for_client_certificate_then(GOOD), GOOD)
    async with FakeInternal(authority, *script, trusts_clients_of=authority, asks_late=True) as fake:
        client = client_of(fake, certificate=own.certificate_path, key=own.key_path)
        await ask(client, OwnCertificate())
        await ask(client, OwnCertificate())

    assert [received.client_certificate for received in fake.received] == [None, own.der]
    assert fake.connections == 1


async def test_a_server_that_wants_a_certificate_and_gets_none_may_have_seen_the_request(
    authority: Authority, client_of: ClientOf
) -> None:
    async with FakeInternal(authority, GOOD, trusts_clients_of=authority) as fake:
        error = await error_of(client_of(fake))

    assert isinstance(error, UpstreamUnavailable)
    assert error.sent


# --- what goes wrong on the way -------------------------------------------------------------------------------------


async def test_a_refused_connection_certainly_sent_nothing(authority: Authority, client_of: ClientOf) -> None:
    async with FakeInternal(authority, GOOD) as fake:
        client = client_of(fake)
    error = await error_of(client)

    assert isinstance(error, UpstreamUnavailable)
    assert not error.sent


async def test_an_unknown_host_certainly_was_sent_nothing(
    authority: Authority, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_such_name(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    # The one thing of the machine's that a test must not ask: DNS.
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", no_such_name)
    async with FakeInternal(authority, GOOD) as fake:
        error = await error_of(client_of(fake, server_address=None))

    assert isinstance(error, UpstreamUnavailable)
    assert not error.sent
    assert "Name or service not known" in str(error)
    assert "check DNS" in str(error)


async def test_no_free_connection_in_time_certainly_sent_nothing(authority: Authority, client_of: ClientOf) -> None:
    released = asyncio.Event()
    arrived = asyncio.Event()

    async def holds(exchange: Any) -> None:
        arrived.set()
        await stays_silent(released)(exchange)

    async with FakeInternal(authority, holds) as fake, asyncio.TaskGroup() as tasks:
        client = client_of(fake, max_connections=1, connect_seconds=0.25)
        first = tasks.create_task(error_of(client))
        await arrived.wait()
        error = await error_of(client)
        released.set()

    assert isinstance(error, UpstreamUnavailable)
    assert not error.sent
    assert "all 1 connections are busy" in str(error)
    assert isinstance(first.result(), UpstreamUnavailable)
    assert len(fake.received) == 1


async def test_silence_after_the_request_may_hide_a_served_request(authority: Authority, client_of: ClientOf) -> None:
    async with FakeInternal(authority, stays_silent(asyncio.Event())) as fake, asyncio.timeout(30):
        error = await error_of(client_of(fake, connect_seconds=60, answer_seconds=0.05))

    assert isinstance(error, UpstreamUnavailable)
    assert error.sent
    assert "within 0.05 s" in str(error)


async def test_an_answer_that_drips_is_not_waited_for_to_its_end(authority: Authority, client_of: ClientOf) -> None:
    async with FakeInternal(authority, drips) as fake, asyncio.timeout(30):
        error = await error_of(client_of(fake, connect_seconds=0.25, answer_seconds=0.25))

    assert isinstance(error, UpstreamUnavailable)
    assert error.sent


@pytest.mark.parametrize("act", [hangs_up, resets, breaks_off(an_answer(ANSWER, "<x/>"))])
async def test_a_connection_that_breaks_after_the_request_is_not_tried_again(
    authority: Authority, client_of: ClientOf, act: Act
) -> None:
    async with FakeInternal(authority, act, GOOD) as fake:
        error = await error_of(client_of(fake))

    assert isinstance(error, UpstreamUnavailable)
    assert error.sent
    assert len(fake.received) == 1


@pytest.mark.parametrize("act", [hangs_up, resets])
async def test_a_kept_connection_that_breaks_after_the_request_is_not_tried_again_either(
    authority: Authority, client_of: ClientOf, act: Act
) -> None:
    async with FakeInternal(authority, GOOD, act, GOOD) as fake:
        client = client_of(fake)
        await ask(client)
        error = await error_of(client)

    assert isinstance(error, UpstreamUnavailable)
    assert error.sent
    assert [received.connection for received in fake.received] == [1, 1]


async def test_an_answer_that_is_not_http_is_misbehaviour(authority: Authority, client_of: ClientOf) -> None:
    async with FakeInternal(authority, says(b"220 mail.corp.fabrikam.example ESMTP\r\n\r\n")) as fake:
        error = await error_of(client_of(fake))

    assert isinstance(error, UpstreamMisbehaved)
    assert "did not answer with HTTP" in str(error)


# --- what is read ---------------------------------------------------------------------------------------------------


async def test_an_answer_in_chunks_is_read(authority: Authority, client_of: ClientOf) -> None:
    async with FakeInternal(authority, replies_in_chunks(an_answer(ANSWER, "<x>" + "y" * 1000 + "</x>"))) as fake:
        envelope = await ask(client_of(fake))

    assert envelope.body.text == "y" * 1000


@pytest.mark.parametrize("reply", [replies, replies_in_chunks])
async def test_an_answer_beyond_the_limit_is_not_read_to_its_end(
    authority: Authority, client_of: ClientOf, reply: Callable[[Any], Act]
) -> None:
    long = reply(an_answer(ANSWER, "<x>" + "y" * 5000 + "</x>"))
    async with FakeInternal(authority, long, GOOD) as fake:
        client = client_of(fake, max_answer_bytes=1000)
        error = await error_of(client)
        await ask(client)

    assert isinstance(error, UpstreamMisbehaved)
    assert "more than max_answer_bytes, 1000 bytes" in str(error)


async def test_a_compressed_answer_is_not_unpacked(authority: Authority, client_of: ClientOf) -> None:
    bomb = replies(gzip.compress(bytes(100_000)), headers=(("Content-Encoding", "gzip"),))
    async with FakeInternal(authority, bomb) as fake:
        error = await error_of(client_of(fake, max_answer_bytes=1000))

    assert isinstance(error, UpstreamMisbehaved)
    assert "Content-Encoding that was not asked for: 'gzip'" in str(error)


# --- connections ----------------------------------------------------------------------------------------------------


async def test_a_connection_is_kept_for_the_next_message(authority: Authority, client_of: ClientOf) -> None:
    async with FakeInternal(authority, GOOD) as fake:
        client = client_of(fake)
        await ask(client)
        await ask(client)

    assert fake.connections == 1


async def test_two_clients_never_share_a_connection(authority: Authority, client_of: ClientOf) -> None:
    async with FakeInternal(authority, GOOD) as fake:
        await ask(client_of(fake))
        await ask(client_of(fake))

    assert [received.connection for received in fake.received] == [1, 2]


async def test_a_kept_connection_that_the_server_has_closed_is_replaced(
    authority: Authority, client_of: ClientOf
) -> None:
    async with FakeInternal(authority, GOOD) as fake:
        client = client_of(fake)
        await ask(client)
        await fake.drop_connections()
        await ask(client)

    assert [received.connection for received in fake.received] == [1, 2]
