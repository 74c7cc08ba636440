"""The catalogue in force, and its file: learned from answers, written when it changes, read when somebody has."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import structlog

from gateway.catalogue.file import read_text, write_text
from gateway.policy.catalogue import Catalogue, Learned, learned
from gateway.policy.catalogue_document import read_catalogue, write_catalogue
from gateway.protocol.xcep import GetPoliciesResponse
from gateway.strict_yaml import Mistaken

log = structlog.get_logger()


class CatalogueKeeper:
    """For one event loop. Nothing here raises: a call must not fail for want of the catalogue."""

    def __init__(
        self, file: Path, clock: Callable[[], datetime], on_change: Callable[[Catalogue], None] = lambda _: None
    ) -> None:
        """Read the file. One with mistakes is logged and left alone until it is `reload`ed without: it is somebody's.

        `clock` gives the aware time, UTC; `on_change` is called with every new catalogue, but for the first.
        """
        self.catalogue = Catalogue()
        self._file = file
        self._clock = clock
        self._on_change = on_change
        self._text: str | None = None
        """What the file held when it was last read or written; None while there was none."""
        self._has_mistakes = False
        self._is_written = True
        """Whether a restart would know what was learned."""
        self._learned_at: dict[str, datetime] = {}
        self._read()

    def learn(self, service: str, response: GetPoliciesResponse, *, is_complete: bool = False) -> None:
        """Take in what the inside has answered to this CEP service; `is_complete` if nothing filtered the answer."""
        now = self._clock()
        self._learned_at[service] = now
        newer = learned(response, Learned(service, now.replace(microsecond=0)))
        before = self.catalogue
        if before.merged(newer, is_complete=is_complete) == before and self._is_written:
            return
        # What somebody has configured in the file meanwhile must not be overwritten.
        self._read()
        self.catalogue = self.catalogue.merged(newer, is_complete=is_complete)
        self._tell(before)
        self._write()

    def reload(self) -> None:
        """Read the file again, if somebody has changed it."""
        before = self.catalogue
        self._read()
        self._tell(before)

    def seconds_since(self, service: str) -> float:
        """How long ago this service has answered; infinity if it has not since the start."""
        at = self._learned_at.get(service)
        return float("inf") if at is None else (self._clock() - at).total_seconds()

    def _tell(self, before: Catalogue) -> None:
        if self.catalogue != before:
            log.info("template catalogue changed", templates=len(self.catalogue.templates))
            self._on_change(self.catalogue)

    def _read(self) -> None:
        """What is configured is the file's, and so is the rest until something was learned since the start."""
        try:
            text = read_text(self._file)
            if text == self._text:
                return
            self._text = text
            read = Catalogue() if text is None else read_catalogue(text, self._file)
        except Mistaken as mistaken:
            self._has_mistakes = True
            log.error("template catalogue not read, and not written either", mistakes=str(mistaken).splitlines())
            return
        self._has_mistakes = False
        self._is_written = not self._learned_at
        self.catalogue = self.catalogue.with_configured(read) if self._learned_at else read

    def _write(self) -> None:
        self._is_written = False
        if self._has_mistakes:
            return
        text = write_catalogue(self.catalogue)
        try:
            write_text(self._file, text)
        except OSError as error:
            log.error("template catalogue not written: a restart will not know it", error=str(error))
        else:
            self._text = text
            self._is_written = True
