"""The server name that a client asks for, read before its handshake begins.

Whether a handshake asks for a client certificate must be known when OpenSSL's connection object is made: switching the
context in an `sni_callback` switches certificate and trust, but leaves the object's own verify mode. So the ClientHello
is peeked at and left in the socket. OpenSSL reads it, in a throw-away object: there is no second parser here.
"""

import asyncio
import socket
import ssl

_MAX_PEEK = 16_384 + 5
"""One full TLS record (RFC 8446 5.1). Post-quantum key shares make a ClientHello of some 2 KiB."""


class _Hello(ssl.SSLObject):
    server_name: str | None = None


class ServerNameReader:
    """Reads server names for any number of connections."""

    def __init__(self) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.sslobject_class = _Hello
        self._context.sni_callback = _note

    async def read(self, client: socket.socket) -> str | None:
        """The server name of the ClientHello that `client` sends, None without one or where there is no ClientHello.

        Does not consume anything; waits as long as it takes. What is not TLS is left to the handshake to refuse.
        """
        incoming = ssl.MemoryBIO()
        hello = self._context.wrap_bio(incoming, ssl.MemoryBIO(), server_side=True)
        assert isinstance(hello, _Hello)
        seen = 0
        try:
            while True:
                await _readable(client)
                peeked = client.recv(_MAX_PEEK, socket.MSG_PEEK)
                incoming.write(peeked[seen:])
                if not _wants_more(hello) or len(peeked) in {seen, _MAX_PEEK}:
                    return hello.server_name
                seen = len(peeked)
                # What was peeked stays readable: without this the selector would report it again and again.
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, _size_to_wait_for(peeked))
        finally:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)


def _note(hello: ssl.SSLObject, server_name: str | None, _context: ssl.SSLContext) -> int:
    assert isinstance(hello, _Hello)
    hello.server_name = server_name
    return ssl.AlertDescription.ALERT_DESCRIPTION_USER_CANCELLED


def _wants_more(hello: ssl.SSLObject) -> bool:
    try:
        hello.do_handshake()
    except ssl.SSLWantReadError:
        return True
    except ssl.SSLError:
        # The alert of `_note`, or no ClientHello at all.
        pass
    return False


def _size_to_wait_for(peeked: bytes) -> int:
    """How many bytes there must be before another look is worth while: a record more than is here."""
    end = 0
    while end + 5 <= len(peeked):
        end += 5 + int.from_bytes(peeked[end + 3 : end + 5])
    return min(end if end > len(peeked) else end + 5, _MAX_PEEK)


async def _readable(client: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    readable = loop.create_future()
    loop.add_reader(client, _resolve, readable)
    try:
        await readable
    finally:
        loop.remove_reader(client)


def _resolve(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
