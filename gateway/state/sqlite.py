"""State in a SQLite file: many callers, one thread, one sync for all who came together (group commit)."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar

from gateway.errors import StateUnavailable
from gateway.state import sqlite_tables
from gateway.state.sqlite_file import BUSY_SECONDS, Operation, SqliteFile
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

T = TypeVar("T")

MAX_WAITING = 1000
"""Operations that wait for the disk; some MB, since few values are long."""
MAX_TOGETHER = 200
"""Operations in one transaction: other processes wait for it."""
ANSWER_SECONDS = 2 * BUSY_SECONDS
"""For a whole operation: the transaction before it, and its own, may each have to wait for the lock."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    operation: Operation[Any]
    writes: bool
    done: asyncio.Future[Any]


class SqliteState:
    """A `State`, made by `SqliteState.open`."""

    def __init__(self, path: Path, file: SqliteFile, thread: ThreadPoolExecutor, clock: Callable[[], datetime]) -> None:
        """Of a file that was opened in this one thread; see `open`."""
        self._path = path
        self._file = file
        self._thread = thread
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._waiting: list[_Waiting] = []
        self._is_open = True
        self._is_scheduled = False
        self._is_running = False

    @classmethod
    async def open(cls, path: Path, clock: Callable[[], datetime]) -> Self:
        """Open the file, or make it. Raises StateUnavailable.

        `clock` gives the aware time, and is called in another thread.
        """
        # One thread: the connection is used by it alone, and closed when everything else is done.
        thread = ThreadPoolExecutor(1, thread_name_prefix="state")
        try:
            file = await asyncio.get_running_loop().run_in_executor(thread, SqliteFile, path)
        except StateUnavailable:
            thread.shutdown(wait=False)
            raise
        return cls(path, file, thread, clock)

    async def get(self, table: Table, key: str) -> Entry | None:
        return await self._run(partial(sqlite_tables.get, table=table, key=key), writes=False)

    async def put(
        self, table: Table, key: str, value: bytes, *, expires: datetime, replaces: Entry | None
    ) -> Entry | None:
        check_entry(key, value)
        operation = partial(
            sqlite_tables.put,
            table=table,
            entry=Entry(key, value, new_version()),
            expires=microseconds(expires),
            replaces=None if replaces is None else replaces.version,
        )
        return await self._run(operation, writes=True)

    async def remove(self, table: Table, entry: Entry) -> bool:
        return await self._run(partial(sqlite_tables.remove, table=table, entry=entry), writes=True)

    async def page(self, table: Table, *, after: str = "", limit: int = 100) -> Sequence[Entry]:
        return await self._run(partial(sqlite_tables.page, table=table, after=after, limit=limit), writes=False)

    async def spend(self, spendings: Sequence[Spending]) -> Overspent | None:
        check_spendings(spendings)
        return await self._run(partial(sqlite_tables.spend, spendings=spendings), writes=True)

    async def give_back(self, spendings: Sequence[Spending]) -> None:
        await self._run(partial(sqlite_tables.give_back, spendings=spendings), writes=True)

    async def close(self) -> None:
        """What is being done is finished; what waits is not done."""
        if not self._is_open:
            return
        self._is_open = False
        waiting, self._waiting = self._waiting, []
        self._fail(waiting, self._closed())
        await self._loop.run_in_executor(self._thread, self._file.close)
        self._thread.shutdown(wait=False)

    async def _run(self, operation: Operation[T], *, writes: bool) -> T:
        if not self._is_open:
            raise self._closed()
        if len(self._waiting) >= MAX_WAITING:
            raise StateUnavailable(
                f"{MAX_WAITING} operations are waiting for {self._path}: its disk is too slow, or does not answer"
            )
        waiting = _Waiting(operation, writes, self._loop.create_future())
        self._waiting.append(waiting)
        self._schedule()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                result: T = await waiting.done
        except TimeoutError as error:
            raise StateUnavailable(
                f"{self._path} has not answered in {ANSWER_SECONDS:.0f} s: see whether its disk is in order"
            ) from error
        return result

    def _schedule(self) -> None:
        """Not at once: what else happens in this turn of the event loop shares the sync."""
        if not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._start)

    def _start(self) -> None:
        self._is_scheduled = False
        if self._is_running or not self._waiting:
            return
        # Nobody wants to know of those any more who have given up, and they count their write as in doubt.
        wanted = [waiting for waiting in self._waiting if not waiting.done.done()]
        together, self._waiting = wanted[:MAX_TOGETHER], wanted[MAX_TOGETHER:]
        if not together:
            return
        self._is_running = True
        work = partial(
            self._file.run,
            [waiting.operation for waiting in together],
            lambda: microseconds(self._clock()),
            writes=any(waiting.writes for waiting in together),
        )
        self._loop.run_in_executor(self._thread, work).add_done_callback(partial(self._finish, together))

    def _finish(self, together: Sequence[_Waiting], done: asyncio.Future[list[object]]) -> None:
        self._is_running = False
        if (error := done.exception()) is not None:
            self._fail(together, error)
        else:
            for waiting, result in zip(together, done.result(), strict=True):
                if not waiting.done.done():
                    waiting.done.set_result(result)
        if self._waiting:
            self._schedule()

    def _closed(self) -> StateUnavailable:
        return StateUnavailable(f"the state in {self._path} is closed: the gateway is stopping")

    @staticmethod
    def _fail(together: Sequence[_Waiting], error: BaseException) -> None:
        for waiting in together:
            if not waiting.done.done():
                waiting.done.set_exception(_copy(error))


def _copy(error: BaseException) -> BaseException:
    """For each caller its own, since raising one adds to its traceback."""
    if not isinstance(error, StateUnavailable):
        return error
    copy = StateUnavailable(str(error))
    copy.__cause__ = error
    return copy
