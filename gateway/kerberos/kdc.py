"""One KDC, asked once: Kerberos over TCP (RFC 4120 7.2.2), within a deadline, and nothing believed about lengths."""

import asyncio
import socket
from concurrent.futures import Executor
from ipaddress import ip_address

from gateway.protocol import der

PORT = 88
MAX_REQUEST = 64 * 1024
"""Windows' MaxTokenSize is 48,000 bytes, and a request carries at most two tickets, of which S4U2proxy's is the one
with a PAC of the user's groups."""
MAX_ANSWER = 1024 * 1024

_LENGTH = 4
_KRB_ERROR = 30
_KRB_ERROR_FIELDS = 13
_ERROR_CODE = 6
"""RFC 4120 5.9.1."""
_KDC_ERR_SVC_UNAVAILABLE = 29


class TooLong(Exception):
    """A message whose length field says more than is taken.

    That includes the reserved high bit (RFC 5021), which makes it at least 2**31.
    """


class NoAnswer(Exception):
    """Why a KDC gave none. The text goes on after the KDC's name: "refused the connection"."""

    def __init__(self, what_it_did: str, *, was_reached: bool) -> None:
        super().__init__(what_it_did)
        self.was_reached = was_reached
        """Whether it had accepted the connection."""


class Kdc:
    """By address or by name; a name may have several addresses, which then are one KDC."""

    def __init__(self, text: str, resolver: Executor) -> None:
        """`host`, `host:port` or `[IPv6]:port`. Names are looked up in `resolver`, anew each time.

        Raises ValueError.
        """
        self.text = text
        self._host, self._port = _parse(text)
        self._resolver = resolver

    async def ask(self, request: bytes, seconds: float) -> bytes:
        """The answer, whatever it says. Raises NoAnswer."""
        end = asyncio.get_running_loop().time() + seconds
        limit = f"within {seconds:.1f} s"
        addresses = await self._addresses(end, limit)
        reader, writer = await self._connect(addresses, end, limit)
        try:
            async with asyncio.timeout_at(end):
                write_message(writer, request)
                await writer.drain()
                answer = await read_message(reader, MAX_ANSWER)
        except TimeoutError as error:
            raise NoAnswer(f"accepted the connection, and did not answer {limit}", was_reached=True) from error
        except (OSError, EOFError) as error:
            raise NoAnswer("accepted the connection, and closed it without an answer", was_reached=True) from error
        except TooLong as error:
            raise NoAnswer(f"announced an answer of {error} bytes, as no KDC does", was_reached=True) from error
        finally:
            # Nothing is left to be sent: whoever does not take a request's bytes must not keep the socket.
            writer.transport.abort()
        if _is_unavailable(answer):
            raise NoAnswer("says that it is not available (KDC_ERR_SVC_UNAVAILABLE)", was_reached=True)
        return answer

    async def _addresses(self, end: float, limit: str) -> list[str]:
        if _is_address(self._host):
            return [self._host]
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout_at(end):
                found = await loop.run_in_executor(self._resolver, _look_up, self._host)
        except TimeoutError as error:
            raise NoAnswer(f"has a name that DNS did not resolve {limit}", was_reached=False) from error
        except OSError as error:
            raise NoAnswer(f"has a name that does not resolve ({error.strerror})", was_reached=False) from error
        return found

    async def _connect(
        self, addresses: list[str], end: float, limit: str
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """To the first address that accepts; each one may take its share of the time that is left."""
        reason = ""
        for number, address in enumerate(addresses):
            now = asyncio.get_running_loop().time()
            try:
                async with asyncio.timeout((end - now) / (len(addresses) - number)):
                    return await asyncio.open_connection(address, self._port)
            except TimeoutError:
                reason = f"did not react to an attempt to connect {limit}: are packets dropped on the way?"
            except ConnectionRefusedError:
                reason = "refused the connection"
            except OSError as error:
                reason = f"cannot be reached ({error.strerror})"
        raise NoAnswer(reason, was_reached=False)


async def read_message(reader: asyncio.StreamReader, most: int) -> bytes:
    """The next message. Raises TooLong, EOFError and OSError."""
    length = int.from_bytes(await reader.readexactly(_LENGTH))
    if length > most:
        raise TooLong(length)
    return await reader.readexactly(length)


def write_message(writer: asyncio.StreamWriter, message: bytes) -> None:
    writer.write(len(message).to_bytes(_LENGTH) + message)


def _is_unavailable(answer: bytes) -> bool:
    """What a domain controller says while it starts. The library would ask the next KDC, but knows of one only."""
    try:
        krb_error = der.fields(der.contents(answer, der.application(_KRB_ERROR)), _KRB_ERROR_FIELDS)
        return der.integer(der.required(krb_error, _ERROR_CODE)) == _KDC_ERR_SVC_UNAVAILABLE
    except ValueError:
        return False


def _parse(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or _is_address(text):
        return text, PORT
    if not host or not port.isascii() or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise ValueError(f"{text!r} is not host, host:port or [IPv6]:port")
    return host.removeprefix("[").removesuffix("]"), int(port)


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
