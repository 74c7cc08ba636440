"""Keeps the revocation lists current in the background; what is at hand is always a whole snapshot."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Protocol, Self

import structlog

from gateway.background import Background
from gateway.pki.authorities import CertificationAuthorities
from gateway.pki.revocation_list import RevocationList, RevocationListUnusable
from gateway.revocation.read import read_authority, read_list
from gateway.revocation.settings import CertificationAuthoritySettings

log = structlog.get_logger()

START_SECONDS = 10.0
"""How long a start waits for the first lists: without them signers are refused, and everybody else is served."""
RETRY = timedelta(minutes=1)
"""After a failure, and as often at the most when a list is over."""


class Observer(Protocol):
    """What is counted of the lists of an authority."""

    def revocation_list_read(self, authority: str, this_update: datetime, next_update: datetime) -> None:
        """The list that is over first."""
        ...

    def revocation_list_failed(self, authority: str) -> None: ...


class AuthoritiesKeeper:
    """`async with AuthoritiesKeeper(...) as authorities`, and `authorities()` is the snapshot to judge by."""

    def __init__(
        self,
        settings: tuple[CertificationAuthoritySettings, ...],
        clock: Callable[[], datetime],
        observer: Observer,
    ) -> None:
        """Read the certificates. Raises ValueError or OSError."""
        self._settings = settings
        self._authorities = tuple(map(read_authority, settings))
        self._sources = [
            _Source(n, source, authority_settings)
            for n, authority_settings in enumerate(settings)
            for source in authority_settings.crl
        ]
        self._clock = clock
        self._observer = observer
        reading = ((f"revocation list {each.source}", partial(self._keep, each)) for each in self._sources)
        self._background = Background(reading)
        self._snapshot = CertificationAuthorities(self._authorities)

    def __call__(self) -> CertificationAuthorities:
        return self._snapshot

    async def __aenter__(self) -> Self:
        self._background.start()
        with suppress(TimeoutError):
            async with asyncio.timeout(START_SECONDS):
                for source in self._sources:
                    await source.tried.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._background.stop()

    def reload(self) -> None:
        """Read certificates and lists again. Raises ValueError or OSError, and then nothing has changed."""
        self._authorities = tuple(map(read_authority, self._settings))
        self._publish()
        for source in self._sources:
            source.again.set()

    def troubles(self) -> dict[str, Callable[[], str | None]]:
        """By authority: what somebody should look at."""
        return {f"certification authority {each.name}": partial(self.trouble, each.name) for each in self._settings}

    def pauses(self) -> list[timedelta]:
        """Of each list: for how long it is left alone from now."""
        return [source.pause(self._clock()) for source in self._sources]

    def trouble(self, authority: str) -> str | None:
        """Why signers of this authority are refused, or will be."""
        sources = [source for source in self._sources if source.settings.name == authority]
        for source in sources:
            if source.at_hand is None or not source.at_hand.is_current(self._clock()):
                return f"{source.source}: {source.trouble or 'the revocation list is over'}"
        return None

    async def _keep(self, source: "_Source") -> None:
        while True:
            # Before it is read: what asks for another reading meanwhile is not lost.
            source.again.clear()
            await self._refresh(source)
            source.tried.set()
            with suppress(TimeoutError):
                await asyncio.wait_for(source.again.wait(), source.pause(self._clock()).total_seconds())

    async def _refresh(self, source: "_Source") -> None:
        name = source.settings.name
        try:
            found = await read_list(source.source, self._authorities[source.index].certificates)
            source.take(found)
        except RevocationListUnusable as error:
            source.trouble = str(error)
            self._observer.revocation_list_failed(name)
            log.error("revocation list not read", authority=name, source=str(source.source), error=str(error))
            return
        self._publish()
        lists = [each.at_hand for each in self._sources if each.settings.name == name and each.at_hand is not None]
        first = min(lists, key=lambda each: each.next_update)
        self._observer.revocation_list_read(name, first.this_update, first.next_update)
        log.info(
            "revocation list read",
            authority=name,
            source=str(source.source),
            entries=len(found.revoked),
            next_update=found.next_update.isoformat(),
        )

    def _publish(self) -> None:
        lists = tuple(source.at_hand for source in self._sources if source.at_hand is not None)
        self._snapshot = CertificationAuthorities(self._authorities, lists)


class _Source:
    """One list, where it comes from, and the last good state of it."""

    def __init__(self, index: int, source: str | Path, settings: CertificationAuthoritySettings) -> None:
        self.index = index
        self.source = source
        self.settings = settings
        self.at_hand: RevocationList | None = None
        self.trouble: str | None = None
        self.tried = asyncio.Event()
        self.again = asyncio.Event()

    def take(self, found: RevocationList) -> None:
        """Raises RevocationListUnusable for one that is older: somebody shows again what was before a revocation."""
        at_hand = self.at_hand
        if at_hand is not None and at_hand.issuer == found.issuer and found.this_update < at_hand.this_update:
            raise RevocationListUnusable(
                f"is of {found.this_update:%Y-%m-%d %H:%M} UTC, older than the one at hand: it is not taken"
            )
        self.at_hand, self.trouble = found, None

    def pause(self, now: datetime) -> timedelta:
        """Until the next reading."""
        regular = timedelta(minutes=self.settings.refresh_minutes)
        if self.trouble is not None or self.at_hand is None:
            return RETRY
        return max(RETRY, min(regular, self.at_hand.next_update - now))
