"""Memory per idle connection: many clients shake hands and say nothing more."""

import asyncio
import socket
import ssl
from contextlib import ExitStack

from tests.bench.servers import Server
from tests.bench.tools import BenchError
from tests.bench.world import World

SETTLE_SECONDS = 1.0


def client_context(world: World) -> ssl.SSLContext:
    """A client that shows its certificate, and does not look at the server's."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.load_cert_chain(world.client)
    return context


async def kib_per_idle_connection(server: Server, world: World, connections: int) -> float:
    """Growth of the server's memory, per connection. Raises BenchError if it did not keep them all."""
    context = client_context(world)
    await asyncio.sleep(SETTLE_SECONDS)
    before = server.memory_bytes()
    with ExitStack() as stack:
        clients = [
            stack.enter_context(await asyncio.to_thread(_connect, context, server.port)) for _ in range(connections)
        ]
        await asyncio.sleep(SETTLE_SECONDS)
        after = server.memory_bytes()
        lost = sum(_is_closed(client) for client in clients)
    if lost:
        raise BenchError(f"{server.name} has closed {lost} of {connections} idle connections before they were counted")
    return (after - before) / connections / 1024


def _connect(context: ssl.SSLContext, port: int) -> ssl.SSLSocket:
    client = socket.create_connection(("127.0.0.1", port), timeout=10)
    return context.wrap_socket(client, server_hostname="localhost")


def _is_closed(client: ssl.SSLSocket) -> bool:
    """Whether the server has ended the connection; a session ticket that it sent is passed over."""
    client.setblocking(False)
    try:
        return client.read(1) == b""
    except ssl.SSLWantReadError:
        return False
    except OSError:
        return True
