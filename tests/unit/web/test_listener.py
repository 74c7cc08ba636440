import asyncio
import resource
import socket
import ssl
from asyncio.sslproto import SSLProtocol
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.call import Call
from gateway.pki.channel_binding import tls_server_end_point
from gateway.web import listener
from gateway.web.limits import LimitSettings
from gateway.web.reply import Reply
from gateway.web.tls import ClientCertificates, ListenerSettings, ServerNameSettings, load_contexts
from tests.certificates import Authority, KeyPair, a_client_certificate, a_server_certificate, an_authority
from tests.unit.web.outside import Client, Outside, a_request, running

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
NAME = "127.0.0.1:0"


class Gate:
    """A service that answers when it is told to."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.open = asyncio.Event()
        self.left = asyncio.Event()
        self.cancelled = False

    async def answer(self, _call: Call) -> Reply:
        self.entered.set()
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        finally:
            self.left.set()
        return Reply(200, b"<late/>")


# --- server names ---------------------------------------------------------------------------------------------------


def three_names(authority: Authority, partner: Authority) -> dict[str, ServerNameSettings]:
    names = {}
    for mode in ClientCertificates:
        server = a_server_certificate(authority, f"{mode}.example.com")
        names[f"{mode}.example.com"] = ServerNameSettings(
            certificate=server.certificate_path,
            key=server.key_path,
            client_certificates=mode,
            client_trust=None if mode is ClientCertificates.NONE else partner.certificate_path,
        )
    return names


async def client_certificate_seen(
    outside: Outside, server_name: str, certificate: KeyPair | None, version: ssl.TLSVersion
) -> bytes | None:
    """What the service sees of a client's certificate. Raises SSLError where the handshake fails."""
    client = await outside.connect(certificate, server_name=server_name, version=version)
    assert (await client.ask(a_request())).status == 200
    return outside.calls[-1].client_certificate


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("own_mode", ClientCertificates)
async def test_the_server_name_decides_about_client_certificates(
    authority: Authority, tmp_path: Path, version: ssl.TLSVersion, own_mode: ClientCertificates
) -> None:
    partner = an_authority(tmp_path, "Partner CA of the server names")
    certificate = a_client_certificate(partner)
    names = three_names(authority, partner)
    async with running(authority, server_names=names, client_certificates=own_mode) as outside:

        async def seen(mode: str, shown: KeyPair | None) -> bytes | None:
            return await client_certificate_seen(outside, f"{mode}.example.com", shown, version)

        assert await seen("none", certificate) is None
        assert await seen("optional", None) is None
        assert await seen("optional", certificate) == certificate.der
        assert await seen("required", certificate) == certificate.der
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await seen("required", None)


async def test_the_trust_of_one_server_name_is_not_that_of_another(authority: Authority, tmp_path: Path) -> None:
    partner = an_authority(tmp_path, "Partner CA of the server names")
    names = three_names(authority, partner)
    async with running(authority, server_names=names, client_certificates=ClientCertificates.OPTIONAL) as outside:
        for_the_listener = a_client_certificate(authority)
        for_the_names = a_client_certificate(partner)

        assert await client_certificate_seen(outside, "localhost", for_the_listener, VERSIONS[1])
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await client_certificate_seen(outside, "localhost", for_the_names, VERSIONS[1])
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await client_certificate_seen(outside, "optional.example.com", for_the_listener, VERSIONS[1])


async def test_a_hello_that_comes_in_pieces_gets_its_server_name(authority: Authority) -> None:
    own = a_server_certificate(authority, "ces.example.com")
    names = {"ces.example.com": ServerNameSettings(certificate=own.certificate_path, key=own.key_path)}
    async with running(authority, server_names=names) as outside:
        tcp = await outside.connect_tcp()
        to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = outside.client_context().wrap_bio(to_client, to_server, server_hostname="ces.example.com")
        with pytest.raises(ssl.SSLWantReadError):
            tls.do_handshake()
        hello = to_server.read()
        await tcp.send(hello[:7])
        await asyncio.sleep(0)
        await tcp.send(hello[7:])
        while tls.version() is None or not tls.getpeercert():
            to_client.write(await tcp.reader.read(65536))
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                continue

        assert tls.getpeercert(binary_form=True) == own.der


# --- a call's facts -------------------------------------------------------------------------------------------------


async def test_a_call_carries_what_the_connection_knows(authority: Authority) -> None:
    certificate = a_client_certificate(authority)
    async with running(authority, client_certificates=ClientCertificates.REQUIRED) as outside:
        client = await outside.connect(certificate)
        reply = await client.ask(a_request(b"<body/>"))

    (call,) = outside.calls
    assert call.client_certificate == certificate.der
    assert call.negotiate is None
    assert call.channel_bindings is not None
    assert call.peer == "127.0.0.1"
    assert call.service == "ces-partner"
    assert call.body == b"<body/>"
    assert call.received_at.utcoffset() is not None
    assert reply.headers["x-call-id"] == call.call_id


async def test_an_ipv4_client_of_a_dual_stack_listener_has_its_ipv4_address(authority: Authority) -> None:
    async with running(authority) as outside:
        settings = ListenerSettings.model_validate(
            {"address": "::", "port": 0, **_files(a_server_certificate(authority))}
        )
        other = _sibling(outside, settings)
        await other.start()
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", other.port, ssl=outside.client_context(), server_hostname="localhost"
        )
        writer.write(a_request())
        await reader.readuntil(b"<ok/>")
        writer.close()
        await writer.wait_closed()
        await other.stop(0.01)

    assert outside.calls[-1].peer == "127.0.0.1"


# --- limits ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"max_connections": 2}, "too_many"),
        ({"max_connections_per_address": 2}, "too_many_of_address"),
    ],
)
async def test_connections_beyond_the_limit_are_closed_before_their_handshake(
    authority: Authority, limits: dict[str, int], reason: str
) -> None:
    async with running(authority, limits=LimitSettings(**limits)) as outside:
        silent = await outside.connect_tcp()
        served = await outside.connect()
        await outside.until_open(2)
        one_too_many = await outside.connect_tcp()

        assert await one_too_many.is_closed()
        assert outside.sample("ces_gateway_connections_refused_total", listener=NAME, reason=reason) == 1
        assert (await served.ask(a_request())).status == 200

        await silent.close()
        await outside.until_open(1)
        assert (await (await outside.connect()).ask(a_request())).status == 200


async def test_a_client_that_hung_up_keeps_its_place_while_its_call_is_answered(authority: Authority) -> None:
    gate = Gate()
    async with running(authority, answer=gate.answer, limits=LimitSettings(max_connections=1)) as outside:
        client = await outside.connect()
        await client.send(a_request())
        await gate.entered.wait()
        await client.close()

        assert await (await outside.connect_tcp()).is_closed()

        gate.open.set()
        await outside.until_open(0)
        assert not gate.cancelled


def test_asyncio_still_has_the_buffer_size_that_is_reduced() -> None:
    assert isinstance(SSLProtocol.max_size, int)


async def test_tls_connections_have_small_buffers(authority: Authority) -> None:
    async with running(authority):
        assert SSLProtocol.max_size == 32 * 1024


async def test_accepting_goes_on_after_the_system_had_no_descriptors_left(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "_ACCEPT_PAUSE_SECONDS", 0.01)
    async with running(authority) as outside:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        tcp = socket.socket()
        tcp.setblocking(False)
        with capture_logs() as logs:
            # Also this process's own descriptors are all below it.
            resource.setrlimit(resource.RLIMIT_NOFILE, (tcp.fileno() + 1, hard))
            try:
                await asyncio.get_running_loop().sock_connect(tcp, ("127.0.0.1", outside.listener.port))
                await outside.until(lambda: bool(logs))
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        await outside.until_open(1)
        tcp.close()

        assert logs[0]["event"] == "cannot accept connections"
        assert (await (await outside.connect()).ask(a_request())).status == 200


# --- start and stop -------------------------------------------------------------------------------------------------


async def test_the_real_port_is_told(authority: Authority) -> None:
    async with running(authority) as outside:
        assert outside.listener.port != 0
        assert outside.listener.is_accepting()

    assert not outside.listener.is_accepting()


async def test_a_port_that_is_taken_is_an_error(authority: Authority) -> None:
    async with running(authority) as outside:
        other = _sibling(outside, _settings(a_server_certificate(authority), port=outside.listener.port))

        with pytest.raises(OSError, match="Address already in use"):
            await other.start()


async def test_new_certificates_are_for_new_connections(authority: Authority) -> None:
    first, second = a_server_certificate(authority), a_server_certificate(authority)
    async with running(authority, **_files(first)) as outside:
        old = await outside.connect()
        outside.listener.use(load_contexts(_settings(second)))
        new = await outside.connect()

        assert new.writer.get_extra_info("ssl_object").getpeercert(binary_form=True) == second.der
        assert (await old.ask(a_request())).status == 200
        assert (
            outside.sample("ces_gateway_server_certificate_not_after_seconds", listener=NAME)
            == second.certificate.not_valid_after_utc.timestamp()
        )


async def test_channel_bindings_are_those_of_the_certificate_that_the_handshake_has_shown(authority: Authority) -> None:
    own, listeners, renewed = (
        a_server_certificate(authority, name) for name in ("ces.example.com", *["localhost"] * 2)
    )
    names = {"ces.example.com": ServerNameSettings(certificate=own.certificate_path, key=own.key_path)}
    async with running(authority, server_names=names, **_files(listeners)) as outside:

        async def seen(client: Client) -> bytes | None:
            await client.ask(a_request())
            return outside.calls[-1].channel_bindings

        by_name, by_default = await outside.connect(server_name="ces.example.com"), await outside.connect()
        outside.listener.use(load_contexts(_settings(renewed)))
        after_the_reload = await outside.connect()

        assert await seen(by_name) == tls_server_end_point(own.der)
        assert await seen(by_default) == tls_server_end_point(listeners.der)
        assert await seen(after_the_reload) == tls_server_end_point(renewed.der)


async def test_stopping_refuses_new_connections_and_closes_idle_ones(authority: Authority) -> None:
    async with running(authority, limits=LimitSettings(handshake_seconds=3600)) as outside:
        used, unused, handshaking = await outside.connect(), await outside.connect(), await outside.connect_tcp()
        await used.ask(a_request())
        await outside.until_open(3)
        stopping = asyncio.ensure_future(outside.listener.stop(drain_seconds=60))

        assert await used.is_closed()
        assert await unused.is_closed()
        assert await handshaking.is_closed()
        await used.close()
        await unused.close()
        await stopping
        with pytest.raises(ConnectionRefusedError):
            await outside.connect_tcp()


async def test_stopping_lets_a_call_in_progress_finish(authority: Authority) -> None:
    gate = Gate()
    async with running(authority, answer=gate.answer) as outside:
        client = await outside.connect()
        await client.send(a_request())
        await gate.entered.wait()
        stopping = asyncio.ensure_future(outside.listener.stop(drain_seconds=60))
        await outside.until(lambda: not outside.listener.is_accepting())
        gate.open.set()

        reply = await client.reply()
        assert (reply.status, reply.body) == (200, b"<late/>")
        assert reply.headers["connection"] == "close"
        assert await client.is_closed()
        await client.close()
        await stopping


async def test_stopping_waits_for_a_call_whose_client_has_gone(authority: Authority) -> None:
    gate = Gate()
    async with running(authority, answer=gate.answer) as outside:
        client = await outside.connect()
        await client.send(a_request())
        await gate.entered.wait()
        await client.close()
        stopping = asyncio.ensure_future(outside.listener.stop(drain_seconds=60))
        for _ in range(20):
            await asyncio.sleep(0)
        assert not stopping.done()

        gate.open.set()
        await stopping
        assert gate.left.is_set()
        assert not gate.cancelled


async def test_a_call_that_outlasts_the_drain_is_cancelled_and_may_clean_up(authority: Authority) -> None:
    gate = Gate()
    async with running(authority, answer=gate.answer) as outside:
        client = await outside.connect()
        await client.send(a_request())
        await gate.entered.wait()
        await outside.listener.stop(drain_seconds=0.01)

        assert gate.cancelled
        assert gate.left.is_set()
        assert await client.is_closed()


async def test_a_flood_of_connections_does_not_starve_the_others(authority: Authority) -> None:
    async with running(authority, limits=LimitSettings(max_connections_per_address=1)) as outside:
        client = await outside.connect()
        flood = [socket.create_connection(("127.0.0.1", outside.listener.port)) for _ in range(100)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        refused = outside.sample("ces_gateway_connections_refused_total", listener=NAME, reason="too_many_of_address")
        for tcp in flood:
            tcp.close()

        assert refused < 50
        assert (await client.ask(a_request())).status == 200


def _files(server: KeyPair) -> dict[str, Any]:
    return {"certificate": server.certificate_path, "key": server.key_path}


def _settings(server: KeyPair, port: int = 0) -> ListenerSettings:
    return ListenerSettings(address="127.0.0.1", port=port, **_files(server))


def _sibling(outside: Outside, settings: ListenerSettings) -> Any:
    """Another listener for the same HTTP server."""
    first = outside.listener
    return type(first)(
        settings,
        load_contexts(settings),
        first._http_server,
        LimitSettings(),
        outside.metrics,
        lambda *failure: outside.failures.put_nowait(failure),
    )
