import asyncio
import socket
from collections.abc import Iterator

import pytest

from gateway.directory import server
from gateway.directory.server import Server
from gateway.kerberos.workers import Workers


@pytest.fixture
def workers() -> Iterator[Workers]:
    workers = Workers()
    yield workers
    workers.close()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dc1.corp.example", Server("dc1.corp.example", 389)),
        ("192.0.2.1:3890", Server("192.0.2.1", 3890)),
        ("2001:db8::1", Server("2001:db8::1", 389)),
        ("[2001:db8::1]:3890", Server("2001:db8::1", 3890)),
    ],
)
def test_servers_are_hosts_with_or_without_a_port(text: str, expected: Server) -> None:
    assert Server.parse(text) == expected
    assert Server.parse(str(expected)) == expected


@pytest.mark.parametrize("text", ["dc1:", "dc1:x", "dc1:0", "dc1:65536", ":389", "dc1:٣"])
def test_anything_else_is_a_mistake(text: str) -> None:
    with pytest.raises(ValueError, match="host:port"):
        Server.parse(text)


async def test_a_server_that_accepts_is_there(workers: Workers) -> None:
    async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]

        await Server("localhost", port).reach(workers, 5)


async def test_a_server_that_refuses_is_not(workers: Workers) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))

        with pytest.raises(OSError, match="does not accept a connection: Connection refused"):
            await Server("127.0.0.1", bound.getsockname()[1]).reach(workers, 5)


async def test_a_server_whose_packets_are_lost_is_not_waited_for_longer(workers: Workers) -> None:
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for taken in (first, second):
            taken.setblocking(False)
            taken.connect_ex(full.getsockname())

        with pytest.raises(TimeoutError, match="does not react"):
            await Server("127.0.0.1", full.getsockname()[1]).reach(workers, 0.05)


async def test_a_name_that_nobody_has_is_no_server(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(host: str) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, f"no {host}")

    monkeypatch.setattr(server, "_look_up", look_up)

    with pytest.raises(OSError, match=r"does not resolve: no dc1\.corp\.example"):
        await Server("dc1.corp.example", 389).reach(workers, 5)
