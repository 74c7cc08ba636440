import asyncio
import socket
import ssl
import struct
from pathlib import Path

import pytest

from gateway.telemetry import HandshakeFailure
from gateway.web.handshake import handshake_failure
from gateway.web.limits import LimitSettings
from gateway.web.tls import ClientCertificates
from tests.certificates import Authority, a_client_certificate, a_server_certificate, an_authority
from tests.unit.web.outside import Outside, a_request, running

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


async def the_failure(outside: Outside) -> HandshakeFailure:
    peer, listener, reason, detail = await outside.failures.get()

    assert (peer, listener) == ("127.0.0.1", "127.0.0.1:0")
    assert detail
    assert outside.sample("ces_gateway_tls_handshake_failures_total", listener=listener, reason=reason.value) == 1
    return reason


async def refused(outside: Outside, version: ssl.TLSVersion, authority: Authority | None, *, expired: bool) -> str:
    """The alert that a client gets, by OpenSSL's name."""
    certificate = a_client_certificate(authority, expired=expired) if authority else None
    try:
        client = await outside.connect(certificate, version=version)
        # In TLS 1.3 the client's side of the handshake is done before the server has seen the certificate.
        await client.reader.read()
    except ssl.SSLError as error:
        return error.reason
    return "none"


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_client_certificate_of_a_stranger_is_refused(
    authority: Authority, other_authority: Authority, version: ssl.TLSVersion
) -> None:
    async with running(authority, client_certificates=ClientCertificates.OPTIONAL) as outside:
        alert = await refused(outside, version, other_authority, expired=False)

        assert alert == "TLSV1_ALERT_UNKNOWN_CA"
        assert await the_failure(outside) is HandshakeFailure.CLIENT_CERTIFICATE_UNTRUSTED


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_client_certificate_of_a_namesake_is_refused(
    authority: Authority, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    namesake = an_authority(tmp_path, "Partner Root CA")
    async with running(authority, client_certificates=ClientCertificates.REQUIRED) as outside:
        await refused(outside, version, namesake, expired=False)

        assert await the_failure(outside) is HandshakeFailure.CLIENT_CERTIFICATE_UNTRUSTED


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_expired_client_certificate_is_refused(authority: Authority, version: ssl.TLSVersion) -> None:
    async with running(authority, client_certificates=ClientCertificates.OPTIONAL) as outside:
        alert = await refused(outside, version, authority, expired=True)

        assert alert == "SSLV3_ALERT_CERTIFICATE_EXPIRED"
        assert await the_failure(outside) is HandshakeFailure.CLIENT_CERTIFICATE_EXPIRED


@pytest.mark.parametrize(
    ("version", "alert"),
    [
        (ssl.TLSVersion.TLSv1_2, "SSLV3_ALERT_HANDSHAKE_FAILURE"),
        (ssl.TLSVersion.TLSv1_3, "TLSV13_ALERT_CERTIFICATE_REQUIRED"),
    ],
)
async def test_a_required_client_certificate_is_required(
    authority: Authority, version: ssl.TLSVersion, alert: str
) -> None:
    async with running(authority, client_certificates=ClientCertificates.REQUIRED) as outside:
        assert await refused(outside, version, None, expired=False) == alert
        assert await the_failure(outside) is HandshakeFailure.CLIENT_CERTIFICATE_MISSING


def refuse_the_server(context: ssl.SSLContext, port: int) -> None:
    with (
        socket.create_connection(("127.0.0.1", port)) as tcp,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        context.wrap_socket(tcp, server_hostname="localhost")


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_server_certificate_that_the_client_refuses_is_told_apart(
    authority: Authority, other_authority: Authority, version: ssl.TLSVersion
) -> None:
    server = a_server_certificate(other_authority)
    async with running(authority, certificate=server.certificate_path, key=server.key_path) as outside:
        # Not by asyncio, which forgets to send a client's alert, too.
        await asyncio.to_thread(refuse_the_server, outside.client_context(version=version), outside.listener.port)

        assert await the_failure(outside) is HandshakeFailure.SERVER_CERTIFICATE_REFUSED


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", HandshakeFailure.NOT_TLS),
        (b"SSH-2.0-x\r\n", HandshakeFailure.NOT_TLS),
        (bytes(20), HandshakeFailure.NOT_TLS),
        (b"\x16\x03\x01\x00\x05abcde", HandshakeFailure.PROTOCOL),
    ],
)
@pytest.mark.parametrize("with_server_names", [False, True])
async def test_what_is_not_tls_is_told_apart(
    authority: Authority, data: bytes, reason: HandshakeFailure, with_server_names: bool
) -> None:
    own = a_server_certificate(authority, "ces.example.com")
    server_names = {"ces.example.com": {"certificate": own.certificate_path, "key": own.key_path}}
    async with running(authority, server_names=server_names if with_server_names else {}) as outside:
        client = await outside.connect_tcp()
        await client.send(data)
        await client.reader.read()
        await client.close()

        assert await the_failure(outside) is reason


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("with_server_names", [False, True])
async def test_a_server_name_that_is_not_ascii_is_refused(authority: Authority, with_server_names: bool) -> None:
    own = a_server_certificate(authority, "ces.example.com")
    server_names = {"ces.example.com": {"certificate": own.certificate_path, "key": own.key_path}}
    async with running(authority, server_names=server_names if with_server_names else {}) as outside:
        client = await outside.connect_tcp()
        to_server = ssl.MemoryBIO()
        tls = outside.client_context().wrap_bio(ssl.MemoryBIO(), to_server, server_hostname="ces.example.com")
        with pytest.raises(ssl.SSLWantReadError):
            tls.do_handshake()
        await client.send(to_server.read().replace(b"ces.example", b"\xff\xfe\xfd.example"))
        await client.reader.read()
        await client.close()

        assert await the_failure(outside) is HandshakeFailure.PROTOCOL


async def test_a_version_that_is_too_old_is_a_matter_of_protocol(authority: Authority) -> None:
    async with running(authority) as outside:
        client = await outside.connect_tcp()
        # A ClientHello of TLS 1.1 with one cipher suite of its time.
        hello = b"\x03\x02" + bytes(32) + b"\x00" + b"\x00\x02\x00\x2f" + b"\x01\x00"
        message = b"\x01" + struct.pack(">I", len(hello))[1:] + hello
        await client.send(b"\x16\x03\x01" + struct.pack(">H", len(message)) + message)

        # Alert, fatal, protocol_version (RFC 8446 6).
        assert (await client.reader.read())[-2:] == bytes([2, 70])
        await client.close()
        assert await the_failure(outside) is HandshakeFailure.PROTOCOL


@pytest.mark.parametrize("with_server_names", [False, True])
@pytest.mark.parametrize("sent", [b"", b"\x16\x03\x01"])
async def test_a_client_that_says_nothing_is_closed(authority: Authority, sent: bytes, with_server_names: bool) -> None:
    own = a_server_certificate(authority, "ces.example.com")
    server_names = {"ces.example.com": {"certificate": own.certificate_path, "key": own.key_path}}
    async with running(
        authority,
        limits=LimitSettings(handshake_seconds=0.05),
        server_names=server_names if with_server_names else {},
    ) as outside:
        client = await outside.connect_tcp()
        await client.send(sent)

        assert await client.is_closed()
        assert await the_failure(outside) is HandshakeFailure.TIMEOUT


async def test_a_client_that_goes_away_is_no_mystery(authority: Authority) -> None:
    async with running(authority) as outside:
        client = await outside.connect_tcp()
        await client.close()

        assert await the_failure(outside) is HandshakeFailure.RESET


async def test_a_handshake_that_fails_frees_its_place(authority: Authority) -> None:
    limits = LimitSettings(max_connections=1)
    async with running(authority, limits=limits) as outside:
        for _ in range(3):
            client = await outside.connect_tcp()
            await client.send(b"GET / HTTP/1.1\r\n\r\n")
            await client.reader.read()
            await outside.until_open(0)

        assert (await (await outside.connect()).ask(a_request())).status == 200


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(24, "Too many open files"), HandshakeFailure.OTHER),
        (TimeoutError(), HandshakeFailure.TIMEOUT),
        (ConnectionAbortedError("SSL handshake is taking longer than 10 seconds"), HandshakeFailure.TIMEOUT),
        (BrokenPipeError(), HandshakeFailure.RESET),
        (ssl.SSLEOFError(8, "EOF occurred in violation of protocol"), HandshakeFailure.RESET),
    ],
)
def test_every_error_has_a_reason(error: OSError, reason: HandshakeFailure) -> None:
    assert handshake_failure(error)[0] is reason
    assert handshake_failure(error)[1]
