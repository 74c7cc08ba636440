"""One domain controller's LDAP port, and whether anybody is there. Whoever connects to nobody hangs for minutes."""

import asyncio
import os
import socket
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Self

from gateway.kerberos.workers import Workers

PORT = 389
"""LDAP in the clear; what encrypts is Kerberos. Active Directory takes no second encryption inside TLS (636)."""


@dataclass(frozen=True, slots=True)
class Server:
    host: str
    """As in its ldap/ SPN: a name, or an address."""
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """`host`, `host:port` or `[IPv6]:port`. Raises ValueError."""
        host, colon, port = text.rpartition(":")
        if not colon or _is_address(text):
            return cls(text, PORT)
        if not host or not port.isascii() or not port.isdecimal() or not 0 < int(port) < 2**16:
            raise ValueError(f"{text!r} is not host, host:port or [IPv6]:port")
        return cls(host.removeprefix("[").removesuffix("]"), int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    async def reach(self, workers: Workers, seconds: float) -> None:
        """Connect to the first of its addresses that accepts, and let go again.

        Raises OSError, TimeoutError among them, whose text says what "it" did.
        """
        end = asyncio.get_running_loop().time() + seconds
        try:
            async with asyncio.timeout_at(end):
                addresses = [self.host] if _is_address(self.host) else await workers.locally(_look_up, self.host)
        except TimeoutError as error:
            raise TimeoutError("its name was not resolved in time") from error
        except OSError as error:
            raise OSError(f"its name does not resolve: {error.strerror}") from error
        failure = OSError("its name has no address")
        for number, address in enumerate(addresses):
            now = asyncio.get_running_loop().time()
            try:
                # Each one has its share of what time is left: where IPv6 leads nowhere, IPv4 may do.
                async with asyncio.timeout((end - now) / (len(addresses) - number)):
                    _, writer = await asyncio.open_connection(address, self.port)
            except TimeoutError:
                failure = TimeoutError("it does not react to an attempt to connect: are packets dropped on the way?")
            except OSError as error:
                # asyncio's own text tells the address, and not the reason.
                failure = OSError(f"it does not accept a connection: {os.strerror(error.errno or 0)}")
            else:
                writer.transport.abort()
                return
        raise failure


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _look_up(host: str) -> list[str]:
    """Blocks. In the system's order (RFC 6724)."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [str(sockaddr[0]) for *_, sockaddr in found]
