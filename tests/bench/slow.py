"""Slow clients: how long a server puts up with each."""

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass

from tests.bench.idle import client_context
from tests.bench.servers import Server
from tests.bench.world import CES_PATH, World

_HEADER = f"POST {CES_PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/soap+xml\r\n".encode()


@dataclass(frozen=True, slots=True)
class SlowClient:
    """One way of being slow."""

    description: str
    begins_with: bytes = b""
    adds_every_second: bytes = b""
    shakes_hands: bool = True


SLOW_CLIENTS = (
    SlowClient("no ClientHello", shakes_hands=False),
    SlowClient("silent after the handshake"),
    SlowClient("stops within the header", _HEADER + b"X: "),
    SlowClient("1 byte of header a second", _HEADER + b"X: ", b"a"),
    SlowClient("stops within the body", _HEADER + b"Content-Length: 4096\r\n\r\n<"),
    SlowClient("1 byte of body a second", _HEADER + b"Content-Length: 4096\r\n\r\n<", b"a"),
)


async def seconds_until_dropped(server: Server, world: World, client: SlowClient, patience: float) -> float | None:
    """When the server ended the connection, with or without an answer; None if it still had not after `patience`."""
    context = client_context(world) if client.shakes_hands else None
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=context)
    loop = asyncio.get_running_loop()
    begin = loop.time()
    writer.write(client.begins_with)
    try:
        while loop.time() - begin < patience:
            if await _ends(reader):
                return loop.time() - begin
            writer.write(client.adds_every_second)
        return None
    finally:
        writer.transport.abort()


async def _ends(reader: asyncio.StreamReader) -> bool:
    """Whether the connection ends within the next second. An answer comes before its end, and is passed over."""
    try:
        async with asyncio.timeout(1):
            while await reader.read(65536):
                pass
    except TimeoutError:
        return False
    except (OSError, ssl.SSLError):
        return True
    return True


async def all_slow_clients(servers: Sequence[Server], world: World, patience: float) -> dict[str, list[float | None]]:
    """For each way of being slow, when each server dropped the client. All wait at the same time."""
    async with asyncio.TaskGroup() as group:
        waiting = {
            client.description: [
                group.create_task(seconds_until_dropped(server, world, client, patience)) for server in servers
            ]
            for client in SLOW_CLIENTS
        }
    return {how: [task.result() for task in tasks] for how, tasks in waiting.items()}
