"""Counts the certificates of the shared ledger now and then, for the metrics: in every replica the same."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from types import TracebackType
from typing import Protocol, Self

import structlog

from gateway.background import Background
from gateway.errors import StateUnavailable
from gateway.ledger.census import OF_CERTIFICATES, OF_SUBMISSIONS, Census, census
from gateway.ledger.certificates import holdings
from gateway.ledger.document import Line, read
from gateway.ledger.hearing import heard
from gateway.ledger.pages import pages
from gateway.state.state import Entry, State, Table

log = structlog.get_logger()

EVERY_SECONDS = 300.0
"""Nothing that is counted asks for an answer within minutes; fifty thousand lines take some seconds of a thread."""


class CertificateMetrics(Protocol):
    """What is shown."""

    def certificates_counted(
        self,
        partner: str,
        *,
        certificates: Mapping[str, int],
        submissions: Mapping[str, int],
        silent: int,
        next_end: datetime | None,
    ) -> None:
        """By stage; `next_end` is None where there is none that is valid and not renewed."""
        ...


class CertificateWatcher:
    """`async with CertificateWatcher(...)`: it counts until its end."""

    def __init__(
        self,
        state: State,
        clock: Callable[[], datetime],
        warn: timedelta,
        metrics: CertificateMetrics,
        *,
        partners: Sequence[str],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`partners` are those of the configuration."""
        self._state = state
        self._clock = clock
        self._warn = warn
        self._partners = partners
        self._metrics = metrics
        self._sleep = sleep
        self._background = Background([("certificates are counted", self._watch)])

    async def __aenter__(self) -> Self:
        self._background.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._background.stop()

    async def count(self) -> None:
        """Once. Raises StateUnavailable, and what was counted before stays."""
        tried = await heard(self._state)
        entries = [entry async for entry in pages(self._state, Table.SUBMISSIONS)]
        # Calls are served meanwhile.
        for partner, found in (await asyncio.to_thread(self._census, entries, tried)).items():
            self._metrics.certificates_counted(
                partner,
                certificates={stage: found.stages[stage] for stage in OF_CERTIFICATES},
                submissions={stage: found.stages[stage] for stage in OF_SUBMISSIONS},
                silent=found.silent,
                next_end=found.next_end,
            )

    def _census(self, entries: Sequence[Entry], tried: Mapping[str, datetime]) -> dict[str, Census]:
        lines = (read(Line, entry).submission for entry in entries)
        return census(holdings(lines, tried, self._clock(), self._warn), self._partners)

    async def _watch(self) -> None:
        while True:
            try:
                await self.count()
            except StateUnavailable as error:
                log.warning("certificates not counted", error=str(error))
            except Exception:
                # A mistake of ours must not end the counting without a word.
                log.exception("certificates cannot be counted")
            await self._sleep(EVERY_SECONDS)
