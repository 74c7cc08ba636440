"""One LDAP connection, by bonsai: bound by Kerberos and encrypted.

bonsai lets go of the interpreter's lock while it waits for the answer to a search, so that a thread of the connection's
own does that. While it connects and binds it does not, in whichever thread, and would stop the event loop. So then
nothing is left to it that could take time: the server has just been reached, the ticket is at hand (for another one the
library would wait for the relay, which waits for the event loop), and who waits for the socket is the event loop.
"""

import asyncio
import os
import select
import socket
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Self

import bonsai
import gssapi.raw as gss
from bonsai.ldapconnection import BaseLDAPConnection

from gateway.directory.search import Attribute, Entry, Search
from gateway.directory.server import Server
from gateway.errors import Overloaded
from gateway.tickets import CredentialCache

_MIN_SSF = 128
"""Encryption by AES, or no connection: whoever could alter an answer could say whose account a name is."""
_KEEPALIVE = ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 10), (socket.TCP_KEEPCNT, 3))
"""Firewalls forget idle connections without a word: this keeps them known, or tells of it before the next search."""
_WAITING = 500
"""Searches that may stand behind the one under way. A healthy directory answers so many in a quarter of a second."""
_RETRY_AFTER = 5

_OUT_OF_ORDER = frozenset({1, 51, 52})
"""operationsError, busy and unavailable (RFC 4511 4.1.9) are about the server or the connection, not about the request.
Active Directory says operationsError where it no longer knows who is bound."""


class ConnectionBroken(Exception):
    """The connection cannot be made, or is no more; what was under way on it has no answer. Says what "it" did."""


class SearchRefused(Exception):
    """The server has answered the search with an error."""


class _Operations(BaseLDAPConnection):
    """bonsai's operations, begun and not waited for."""

    def __init__(self, client: bonsai.LDAPClient) -> None:
        super().__init__(client, is_async=True)
        self._client = client

    def wait_from_now_on(self) -> None:
        """In `get_result`, without the interpreter's lock. Else it looks at one message of an answer, and does not tell
        whether there are more in its buffers, where no selector sees them.
        """
        super().__init__(self._client, is_async=False)

    def _evaluate(self, msg_id: int, timeout: float | None = None) -> int:  # noqa: ARG002 -- the base class's
        return msg_id


class Connection:
    """Made by `open`."""

    def __init__(self, operations: _Operations, seconds: float) -> None:
        self._operations = operations
        self._seconds = seconds
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ldap")
        self._under_way: set[Future[list[Any]]] = set()
        self._socket = socket.socket(fileno=os.dup(operations.fileno()))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _KEEPALIVE:
            self._socket.setsockopt(socket.IPPROTO_TCP, option, value)
        self._trouble: str | None = None
        self._broke: str | None = None
        """The thread's word, before the event loop has heard of it."""

    @classmethod
    async def open(cls, server: Server, ticket: CredentialCache, seconds: float) -> Self:
        """Connect to a server that was just reached, and bind. `ticket` holds the one for its ldap/ SPN, and no other.

        The bind may take `seconds`, and so may each search, once it has waited for its turn for no longer than that.
        Raises ConnectionBroken.
        """
        client = bonsai.LDAPClient(f"ldap://{server}")
        client.set_credentials("GSSAPI")
        client.set_sasl_security_properties(min_ssf=_MIN_SSF)
        # Else bonsai makes numbers of what looks like one, also of a user's name.
        client.set_raw_attributes([*Attribute])
        operations = _Operations(client)
        try:
            async with asyncio.timeout(seconds):
                await _bind(operations, ticket)
        except TimeoutError as error:
            raise ConnectionBroken("it accepts a connection, and does not answer the bind in time") from error
        except (bonsai.LDAPError, OSError) as error:
            raise ConnectionBroken(f"it does not let the gateway in: {error}") from error
        return cls(operations, seconds)

    @property
    def trouble(self) -> str | None:
        """Why it is no more; None while it can be used."""
        if self._trouble is None and not self._under_way and _is_readable(self._socket):
            self.give_up("it has closed the connection")
        return self._trouble

    async def search(self, search: Search) -> list[Entry]:
        """None where the base object is not here. Raises ConnectionBroken, SearchRefused, and Overloaded."""
        if self.trouble is not None:
            raise ConnectionBroken(self.trouble)
        if len(self._under_way) > _WAITING:
            raise Overloaded(f"more than {_WAITING} searches wait for the directory", retry_after=_RETRY_AFTER)
        work = self._thread.submit(self._take_turn, search, time.monotonic() + self._seconds)
        # Until then the thread is at work with it, also for a caller that has gone away.
        self._under_way.add(work)
        work.add_done_callback(self._under_way.discard)
        found = await asyncio.wrap_future(work)
        return [Entry({name: tuple(entry[name]) for name in search.attributes if name in entry}) for entry in found]

    def give_up(self, trouble: str) -> None:
        """Let go of it at once; what is under way on it raises ConnectionBroken."""
        if self._trouble is not None:
            return
        self._trouble = trouble
        # Whatever the thread waits for has come to an end; nobody else may touch what it is at work with.
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.submit(self._close)
        self._thread.shutdown(wait=False)

    def _take_turn(self, search: Search, begin_by: float) -> list[Any]:
        """In the thread."""
        # First: what waited for a server that fell silent is to be repeated elsewhere, however long it waited.
        trouble = self._trouble or self._broke
        if trouble is not None:
            raise ConnectionBroken(trouble)
        if time.monotonic() > begin_by:
            raise Overloaded(
                f"searches queue up: the directory answers, but got to this one not within {self._seconds:g} s",
                retry_after=_RETRY_AFTER,
            )
        try:
            return self._search(search)
        except ConnectionBroken as error:
            self._broke = str(error)
            raise

    def _search(self, search: Search) -> list[Any]:
        try:
            message_id = self._operations.search(
                search.base_object, search.scope, search.filter, [*search.attributes], self._seconds
            )
            found: list[Any] = self._operations.get_result(message_id, self._seconds)
        except bonsai.TimeoutError as error:
            raise ConnectionBroken(f"it did not answer a search within {self._seconds:g} s") from error
        except bonsai.LDAPError as error:
            if error.code < 0 or error.code in _OUT_OF_ORDER:
                raise ConnectionBroken(f"the connection to it broke: {error}") from error
            raise SearchRefused(str(error)) from error
        return found

    def _close(self) -> None:
        with suppress(bonsai.LDAPError):
            self._operations.close()


async def _bind(operations: _Operations, ticket: CredentialCache) -> None:
    handle = operations.open()
    while _bind_step(operations, handle, ticket) is None:
        descriptor = operations.fileno()
        os.set_blocking(descriptor, False)
        await _readable(descriptor)
    operations.wait_from_now_on()


def _bind_step(operations: _Operations, handle: int, ticket: CredentialCache) -> Any:
    """SASL takes the default credential cache of the thread, which is nobody's but for this step."""
    gss.krb5_ccache_name(ticket.name.encode())
    try:
        return operations.get_result(handle)
    finally:
        gss.krb5_ccache_name(None)


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)


def _is_readable(connected: socket.socket) -> bool:
    """Also when it is closed."""
    readiness = select.poll()
    readiness.register(connected, select.POLLIN)
    return bool(readiness.poll(0))
