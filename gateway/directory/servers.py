"""One kept connection to one of a realm's domain controllers, and another one when it breaks.

A search is harmless to repeat, and is repeated once. All callers share the connection and the attempt to make one, so
that a directory that is down is asked by one of them, not by all.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.directory.connection import Connection, ConnectionBroken, SearchRefused
from gateway.directory.search import Entry, Search
from gateway.directory.server import Server
from gateway.directory.ticket import NoTicket, fetch_ticket
from gateway.errors import DirectoryUnavailable
from gateway.kerberos.workers import Workers
from gateway.tickets import CredentialCache

_LAST_FOR = 60.0
"""Seconds for which a server that failed is tried last."""
_TICKET_MARGIN = timedelta(minutes=1)
"""Before the end of its ticket, a connection is replaced: domain controllers close it at the end."""


@dataclass(frozen=True, slots=True)
class _InUse:
    server: Server
    connection: Connection
    ends: datetime
    """With its ticket."""


class Servers:
    """Of one realm."""

    def __init__(
        self,
        realm: str,
        servers: Sequence[str],
        seconds: float,
        own_cache: Callable[[], Awaitable[CredentialCache]],
        clock: Callable[[], datetime],
    ) -> None:
        """`servers` and `seconds` as in DirectorySettings. Raises ValueError."""
        self._realm = realm
        self._servers = [Server.parse(text) for text in servers]
        self._seconds = seconds
        self._own_cache = own_cache
        self._clock = clock
        self._workers = Workers(kdc_threads=2, local_threads=2)
        self._failed_at: dict[Server, float] = {}
        self._in_use: _InUse | None = None
        self._connecting: asyncio.Task[_InUse] | None = None
        self.trouble: str | None = None
        """What each server did at the last attempt; None when one has answered."""

    async def search(self, search: Search) -> list[Entry]:
        """As `Connection.search`. Raises DirectoryUnavailable, Overloaded where searches queue up, and what the
        gateway's own Kerberos raises.
        """
        try:
            return await self._search(search)
        except ConnectionBroken:
            try:
                return await self._search(search)
            except ConnectionBroken as error:
                raise DirectoryUnavailable(f"no directory of {self._realm} answers: {self.trouble or error}") from error

    async def close(self) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait((self._connecting,))
        if self._in_use is not None:
            self._in_use.connection.give_up("the gateway ends")
        self._workers.close()

    async def _search(self, search: Search) -> list[Entry]:
        used = await self._connected()
        try:
            return await used.connection.search(search)
        except SearchRefused as error:
            raise DirectoryUnavailable(f"{used.server} refuses a search: {error}") from error
        except ConnectionBroken as error:
            # Of those whose searches ended with it, the first one here says so.
            if self._in_use is used:
                self._in_use = None
                used.connection.give_up(str(error))
                self._has_failed(used.server)
                self.trouble = f"{used.server}: {error}"
            raise

    async def _connected(self) -> _InUse:
        if self._in_use is not None:
            if self._in_use.connection.trouble is None and self._clock() < self._in_use.ends - _TICKET_MARGIN:
                return self._in_use
            self._in_use.connection.give_up("its ticket is about to expire")
            self._in_use = None
        # One that is done and yet here was cancelled before it began.
        if self._connecting is None or self._connecting.done():
            # Kept here until it ends, and awaited by those who asked; it outlives a caller that is cancelled.
            self._connecting = asyncio.create_task(self._connect())  # noqa: TID251 -- see above
            self._connecting.add_done_callback(_retrieve_error)
        connecting = self._connecting
        # Unlike an `await` of the task, this does not hand the cancellation of one caller on to it.
        await asyncio.wait((connecting,))
        if connecting.cancelled():
            raise DirectoryUnavailable("the gateway ends")
        return connecting.result()

    async def _connect(self) -> _InUse:
        try:
            own = await self._own_cache()
            failures: list[str] = []
            for server in sorted(self._servers, key=self._has_just_failed):
                try:
                    self._in_use = await self._connect_to(server, own)
                except (OSError, NoTicket, ConnectionBroken) as error:
                    self._has_failed(server)
                    failures.append(f"{server}: {error}")
                else:
                    self._failed_at.pop(server, None)
                    self.trouble = None
                    return self._in_use
            self.trouble = "; ".join(failures)
            raise DirectoryUnavailable(f"no directory of {self._realm} lets the gateway in: {self.trouble}")
        finally:
            self._connecting = None

    async def _connect_to(self, server: Server, own: CredentialCache) -> _InUse:
        """The three steps in this order: between the second and the third, nothing may take time."""
        ticket = await self._workers.at_kdc(fetch_ticket, own, f"ldap/{server.host}@{self._realm}")
        await server.reach(self._workers, self._seconds)
        return _InUse(server, await Connection.open(server, ticket.cache, self._seconds), ticket.ends)

    def _has_failed(self, server: Server) -> None:
        self._failed_at[server] = asyncio.get_running_loop().time()

    def _has_just_failed(self, server: Server) -> bool:
        failed_at = self._failed_at.get(server)
        return failed_at is not None and asyncio.get_running_loop().time() < failed_at + _LAST_FOR


def _retrieve_error(connecting: asyncio.Task[_InUse]) -> None:
    """Nobody may be left who asked: then asyncio would complain of an error that nobody has looked at."""
    if not connecting.cancelled():
        connecting.exception()
