"""State in a Redis or Valkey server, by its scripts.

The server's clock counts, so that replicas need not agree on one.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Self

import structlog
from redis.asyncio import Redis
from redis.exceptions import NoPermissionError, ReadOnlyError, RedisError

from gateway.errors import StateUnavailable
from gateway.state import redis_scripts as scripts
from gateway.state.redis_server import connection_pool, objection_to, remedy_for, warning_about
from gateway.state.settings import RedisSettings
from gateway.state.state import (
    Entry,
    Overspent,
    Spending,
    Table,
    check_entry,
    check_spendings,
    microseconds,
    new_version,
)

log = structlog.get_logger()

_VERSION = 32
"""Bytes before the value."""


class RedisState:
    """A `State`, made by `RedisState.open`."""

    def __init__(self, settings: RedisSettings, clock: Callable[[], datetime] | None = None) -> None:
        """`clock` gives the aware time, if it shall not be the server's. Raises Mistaken."""
        self._clock = clock
        self._pool = connection_pool(settings)
        self._redis: Redis = Redis.from_pool(self._pool)
        self._place = f"{settings.host}:{settings.port}"
        self._turns = asyncio.Semaphore(settings.max_connections)
        """Taken in the order of asking."""
        self._seconds = settings.connect_seconds + settings.answer_seconds
        self._keys = {table: scripts.keys_of_table(settings.prefix, table) for table in Table}
        self._budgets = scripts.keys_of_budgets(settings.prefix)
        self._get = self._redis.register_script(scripts.GET)
        self._put = self._redis.register_script(scripts.PUT)
        self._remove = self._redis.register_script(scripts.REMOVE)
        self._page = self._redis.register_script(scripts.PAGE)
        self._spend = self._redis.register_script(scripts.SPEND)
        self._give_back = self._redis.register_script(scripts.GIVE_BACK)

    @classmethod
    async def open(cls, settings: RedisSettings, clock: Callable[[], datetime] | None = None) -> Self:
        """Connect, and see whether the server is one that can keep this. Raises StateUnavailable or Mistaken."""
        state = cls(settings, clock)
        try:
            await state._examine()
        except BaseException:
            await state.close()
            raise
        return state

    async def get(self, table: Table, key: str) -> Entry | None:
        async with self._answering():
            found = await self._get(self._keys[table], [self._now(), key])
        return None if found is None else _entry(key, found)

    async def put(
        self, table: Table, key: str, value: bytes, *, expires: datetime, replaces: Entry | None
    ) -> Entry | None:
        check_entry(key, value)
        entry = Entry(key, value, new_version())
        raw = entry.version.encode() + value
        version = "" if replaces is None else replaces.version
        async with self._answering():
            arguments = [self._now(), key, raw, microseconds(expires), version]
            is_written = await self._put(self._keys[table], arguments)
        return entry if is_written else None

    async def remove(self, table: Table, entry: Entry) -> bool:
        async with self._answering():
            return bool(await self._remove(self._keys[table], [self._now(), entry.key, entry.version]))

    async def page(self, table: Table, *, after: str = "", limit: int = 100) -> Sequence[Entry]:
        async with self._answering():
            found: list[bytes] = await self._page(self._keys[table], [self._now(), after, limit])
        return [_entry(key.decode(), raw) for key, raw in zip(found[::2], found[1::2], strict=True)]

    async def spend(self, spendings: Sequence[Spending]) -> Overspent | None:
        check_spendings(spendings)
        arguments = [
            argument
            for spending in spendings
            for argument in (spending.key, spending.budget.interval, spending.budget.tolerance, spending.quantity)
        ]
        async with self._answering():
            lacking = await self._spend(self._budgets, [self._now(), *arguments])
        if lacking is None:
            return None
        which, wait = lacking
        return Overspent(spendings[which], int(wait) / 1_000_000)

    async def give_back(self, spendings: Sequence[Spending]) -> None:
        arguments = [
            argument
            for spending in spendings
            for argument in (spending.key, spending.budget.interval * spending.quantity)
        ]
        async with self._answering():
            await self._give_back(self._budgets, arguments)

    async def close(self) -> None:
        """Hang up, also where the server does not answer."""
        await self._pool.disconnect()

    async def _examine(self) -> None:
        try:
            async with self._answering():
                info: dict[str, Any] = await self._redis.info()
        except StateUnavailable as error:
            if not isinstance(error.__cause__, NoPermissionError):
                raise
            log.warning("whether the state may be lost is not known: the ACL forbids INFO", server=self._place)
            return
        if (objection := objection_to(info)) is not None:
            raise StateUnavailable(f"the Redis server {self._place} cannot keep the state: {objection}")
        if (warning := warning_about(info)) is not None:
            log.warning("what the state knows may be lost", server=self._place, reason=warning)

    def _now(self) -> str | int:
        """Empty: the server's own."""
        return "" if self._clock is None else microseconds(self._clock())

    @asynccontextmanager
    async def _answering(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._seconds), self._turns:
                yield
        except (RedisError, OSError) as error:
            if isinstance(error, ReadOnlyError):
                # The primary is another one now, and the old one keeps its connections.
                await self._pool.disconnect(inuse_connections=False)
            text = str(error) or f"no answer in {self._seconds:g} s"
            raise StateUnavailable(
                f"the Redis server {self._place} cannot be asked, {text}: {remedy_for(error)}"
            ) from error


def _entry(key: str, raw: bytes) -> Entry:
    return Entry(key, raw[_VERSION:], raw[:_VERSION].decode())
