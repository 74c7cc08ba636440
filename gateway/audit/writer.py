"""Many callers, one writer, one sync for all that came together (group commit).

What must be durable is awaited, and RecordNotWritten tells that it is not. What nobody waits for is written as soon as
it can be; what gets lost is counted, and the next line that succeeds tells how many lines are missing before it.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from pathlib import Path

import structlog

from gateway.audit.chain import MAX_LINE_BYTES, Event, render_body
from gateway.audit.facts import Facts
from gateway.audit.journal import Disk, Entry, Journal
from gateway.errors import RecordNotWritten

log = structlog.get_logger()

MAX_WAITING = 10_000
"""Lines held while the disk does not answer: some 60 MB."""

_MAX_BODY = MAX_LINE_BYTES - 1024
"""Time, number and digest take less."""

_Waiting = tuple[Entry, asyncio.Future[None] | None]


class Writer:
    """The queue before a journal, and the one thread that touches it."""

    def __init__(
        self,
        path: Path,
        clock: Callable[[], datetime],
        on_failure: Callable[[], None],
        disk: Disk,
        retry_seconds: float,
    ) -> None:
        self._path = path
        self._clock = clock
        self._on_failure = on_failure
        self._disk = disk
        self._retry_seconds = retry_seconds
        self._retry: asyncio.TimerHandle | None = None
        self._waiting: list[_Waiting] = []
        self._is_open = False
        self._is_scheduled = False
        self._is_writing = False
        self._lost = 0
        self.is_healthy = False
        """Whether the last attempt to write succeeded."""

    async def start(self, event: Event, facts: Facts) -> None:
        """Open the file and make `event` the first line. Raises AuditFileUnusable or RecordNotWritten."""
        self._loop = asyncio.get_running_loop()
        # One thread: writing, rotating and closing come one after the other, without a lock.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="audit")
        try:
            self._journal = await self._loop.run_in_executor(self._thread, Journal, self._path, self._disk)
        except OSError:
            self._thread.shutdown(wait=False)
            raise
        self._is_open = True
        try:
            await self.append(event, facts, durable=True)
        except RecordNotWritten:
            await self._close()
            raise

    async def stop(self, event: Event) -> None:
        """Write what waits, and `event` as the last line. Never raises: what cannot be written is reported."""
        last = self._loop.create_future()
        self._put(event, {}, durable=True, written=last)
        self._is_open = False
        with contextlib.suppress(RecordNotWritten):
            await last
        await self._close()

    async def _close(self) -> None:
        self._is_open = self.is_healthy = False
        if self._retry is not None:
            self._retry.cancel()
        await self._loop.run_in_executor(self._thread, self._journal.close)
        self._thread.shutdown(wait=False)

    async def append(self, event: Event, facts: Facts, *, durable: bool) -> None:
        """Return when the line is written, and synced if it is `durable`. Raises RecordNotWritten."""
        written = self._loop.create_future()
        self._put(event, facts, durable=durable, written=written)
        await written

    def note(self, event: Event, facts: Facts) -> None:
        """Have the line written soon, without waiting for it."""
        self._put(event, facts, durable=False, written=None)

    def lose(self, detail: str, *, lines: int = 1) -> None:
        """Count lines that will not be written."""
        self._lost += lines
        self._report("audit lines lost", detail, lines=lines)

    def reopen(self) -> None:
        """Follow a rotation, after what waits now has been written. Before `start`, there is nothing to follow."""
        if not self._is_open:
            return
        self._write()
        self._loop.run_in_executor(self._thread, self._journal.reopen).add_done_callback(self._reopened)

    def _reopened(self, done: asyncio.Future[None]) -> None:
        if (error := done.exception()) is not None:
            self._report("audit record not rotated, the old file stays in use", error)

    def _put(self, event: Event, facts: Facts, *, durable: bool, written: asyncio.Future[None] | None) -> None:
        entry = Entry(self._clock(), render_body(event, facts), durable)
        waiting = (entry, written)
        if not self._is_open:
            self._fail([waiting], "the audit log is closed")
        elif len(self._waiting) >= MAX_WAITING:
            self.is_healthy = False
            self._fail([waiting], f"{MAX_WAITING} lines are waiting for the disk")
        elif len(entry.body) > _MAX_BODY:
            self._fail([waiting], f"a line of {len(entry.body)} bytes is too long to be kept")
        else:
            self._waiting.append(waiting)
            self._schedule()

    def _schedule(self) -> None:
        """Not at once: what else happens in this turn of the event loop shares the sync."""
        if not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._write)

    def _write(self) -> None:
        self._is_scheduled = False
        if self._is_writing or not (self._waiting or self._lost):
            return
        self._is_writing = True
        batch, self._waiting = self._waiting, []
        told = self._lost
        entries = [entry for entry, _ in batch]
        if told:
            time = entries[0].time if entries else self._clock()
            # Durable, so that it also proves the disk.
            entries.insert(0, Entry(time, render_body(Event.LOST, {"lines": told}), durable=True))
        done = self._loop.run_in_executor(self._thread, self._journal.append, entries)
        done.add_done_callback(partial(self._written, batch, told))

    def _written(self, batch: Sequence[_Waiting], told: int, done: asyncio.Future[None]) -> None:
        self._is_writing = False
        error = done.exception()
        if error is None:
            self.is_healthy = True
            self._lost -= told
            for _, written in batch:
                if written is not None and not written.done():
                    written.set_result(None)
        else:
            self.is_healthy = False
            self._fail(batch, f"{self._path} cannot be written: {error}", error)
            self._retry_later()
        if self._waiting:
            self._schedule()

    def _retry_later(self) -> None:
        """Without a caller too: a gateway that is not healthy gets no calls that could show that it is again."""
        if self._retry is not None:
            self._retry.cancel()
        if self._is_open:
            self._retry = self._loop.call_later(self._retry_seconds, self._write)

    def _fail(self, batch: Sequence[_Waiting], detail: str, error: BaseException | None = None) -> None:
        for _, written in batch:
            if written is not None and not written.done():
                not_written = RecordNotWritten(detail)
                not_written.__cause__ = error
                written.set_exception(not_written)
        self.lose(detail, lines=len(batch))

    def _report(self, what: str, error: object, **more: int) -> None:
        log.error(what, error=str(error), **more)
        self._on_failure()
