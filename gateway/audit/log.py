"""The audit log as the program sees it: started, stopped, rotated, and opened for each call."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Self

from gateway import __version__
from gateway.audit.chain import Event
from gateway.audit.facts import Facts
from gateway.audit.journal import Disk
from gateway.audit.record import CallRecord, SecondOpinion
from gateway.audit.writer import Writer
from gateway.call import Call


class AuditLog:
    """The record of one process, in one file: `async with AuditLog(...)`."""

    def __init__(
        self,
        path: Path,
        clock: Callable[[], datetime],
        on_failure: Callable[[], None],
        *,
        disk: Disk | None = None,
        retry_seconds: float = 5.0,
        second_opinion: SecondOpinion = lambda _: None,
    ) -> None:
        """`on_failure` is called on the event loop whenever lines are lost or a rotation fails; both are logged too.

        A disk that failed is tried again with every line, and every `retry_seconds` without one.
        `second_opinion` is asked about every application, when it has been decided about.
        """
        self._second_opinion = second_opinion
        self._clock = clock
        self._writer = Writer(path, clock, on_failure, disk or Disk(), retry_seconds)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Continue the file's chain, or begin one. Raises AuditFileUnusable or RecordNotWritten."""
        await self._writer.start(Event.STARTED, {"version": __version__})

    async def stop(self) -> None:
        """Write what is left. Lines that come later are lost, and counted as such."""
        await self._writer.stop(Event.STOPPED)

    def reopen(self) -> None:
        """Go on in a new file after the old one was renamed: what a SIGHUP of logrotate asks for."""
        self._writer.reopen()

    def is_healthy(self) -> bool:
        """Whether records can be written, as far as is known: without, nothing is enrolled."""
        return self._writer.is_healthy

    def open(self, call: Call) -> CallRecord:
        """The record of one call to a service."""
        return CallRecord(call, self._writer, self._clock, self._second_opinion)

    def http_refused(self, *, call_id: str, service: str | None, peer: str, reason: str, status: int) -> None:
        """A request that the HTTP server refused before any service saw it. `reason` is of a closed set."""
        addressed = {} if service is None else {"service": service}
        self._note(Event.HTTP_REFUSED, peer, {"call_id": call_id, **addressed, "reason": reason, "status": status})

    def handshake_failed(self, *, peer: str, listener: str, reason: str) -> None:
        """A connection without a TLS session. `reason` is of a closed set."""
        self._note(Event.HANDSHAKE_FAILED, peer, {"listener": listener, "reason": reason})

    def _note(self, event: Event, peer: str, facts: Facts) -> None:
        self._writer.note(event, {"peer": peer, **facts})
