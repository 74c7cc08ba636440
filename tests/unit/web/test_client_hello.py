import asyncio
import socket
import ssl
from collections.abc import Iterator

import pytest

from gateway.web.client_hello import ServerNameReader

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


class CountingSocket(socket.socket):
    """Counts how often it is looked at."""

    looks = 0

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        self.looks += 1
        return super().recv(size, flags)


@pytest.fixture
def connection() -> Iterator[tuple[socket.socket, CountingSocket]]:
    """A client's socket and the accepted one, over TCP: SO_RCVLOWAT is a matter of the protocol."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        socket.create_connection(listening.getsockname()) as client,
    ):
        accepted, _ = listening.accept()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with CountingSocket(fileno=accepted.detach()) as accepted:
            accepted.setblocking(False)
            yield client, accepted


def a_client_hello(server_name: str | None, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.minimum_version = context.maximum_version = version
    outgoing = ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=server_name).do_handshake()
    return outgoing.read()


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_server_name_is_read_and_the_hello_stays(
    connection: tuple[socket.socket, CountingSocket], version: ssl.TLSVersion
) -> None:
    client, accepted = connection
    hello = a_client_hello("ces.example.com", version)
    client.sendall(hello)

    assert await ServerNameReader().read(accepted) == "ces.example.com"
    assert accepted.recv(65536) == hello


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_client_may_not_ask_for_a_name(
    connection: tuple[socket.socket, CountingSocket], version: ssl.TLSVersion
) -> None:
    client, accepted = connection
    client.sendall(a_client_hello(None, version))

    assert await ServerNameReader().read(accepted) is None


async def test_one_reader_serves_many(connection: tuple[socket.socket, CountingSocket]) -> None:
    client, accepted = connection
    reader = ServerNameReader()
    for server_name in ("a.example", None, "b.example"):
        hello = a_client_hello(server_name)
        client.sendall(hello)

        assert await reader.read(accepted) == server_name
        accepted.recv(len(hello))


@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x00\x05abcde", b"\x00" * 20, b"SSH-2.0-x\r\n"]
)
async def test_what_is_no_hello_has_no_name(connection: tuple[socket.socket, CountingSocket], data: bytes) -> None:
    client, accepted = connection
    client.sendall(data)

    assert await ServerNameReader().read(accepted) is None


@pytest.mark.parametrize("sent", [0, 3, 100])
async def test_a_client_that_hangs_up_has_no_name(connection: tuple[socket.socket, CountingSocket], sent: int) -> None:
    client, accepted = connection
    client.sendall(a_client_hello("ces.example.com")[:sent])
    client.close()

    assert await ServerNameReader().read(accepted) is None


async def test_a_hello_in_pieces_is_waited_for_without_looking_again_and_again(
    connection: tuple[socket.socket, CountingSocket],
) -> None:
    client, accepted = connection
    hello = a_client_hello("ces.example.com")
    reading = asyncio.ensure_future(ServerNameReader().read(accepted))

    for piece in (hello[:3], hello[3:50], hello[50:100], hello[100:]):
        client.sendall(piece)
        for _ in range(20):
            await asyncio.sleep(0)

    assert await reading == "ces.example.com"
    assert accepted.looks <= 4
    assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT) == 1


async def test_a_hello_in_several_records_is_read(connection: tuple[socket.socket, CountingSocket]) -> None:
    client, accepted = connection
    hello = a_client_hello("ces.example.com")
    header, message = hello[:3], hello[5:]
    records = [header + len(part).to_bytes(2) + part for part in (message[:40], message[40:90], message[90:])]
    reading = asyncio.ensure_future(ServerNameReader().read(accepted))

    for record in records:
        client.sendall(record)
        await asyncio.sleep(0)

    assert await reading == "ces.example.com"


async def test_a_hello_without_end_is_given_up(connection: tuple[socket.socket, CountingSocket]) -> None:
    client, accepted = connection
    # A handshake message of 64 KiB, in records of 16 KiB.
    record = b"\x16\x03\x01\x40\x00" + b"\x01\x00\xff\xff" + b"\x03\x03" + bytes(0x4000 - 6)
    client.sendall(record + record)

    assert await ServerNameReader().read(accepted) is None
