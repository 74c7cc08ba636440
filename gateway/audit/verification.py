"""Is an audit file what was written? Reads it once, line by line, however long it is.

What this cannot see: that lines are missing at the end, or that everything was written anew. Both show against the
number and the digest of a later or an earlier look, kept somewhere else.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from gateway.audit.chain import BEGINNING, MAX_LINE_BYTES, Event, Line, Link, parse_line


@dataclass(frozen=True, slots=True)
class Verification:
    """What a file showed, up to its end or to the first line that is not in order."""

    count: int
    """Lines in order."""
    first_sequence: int | None
    """1, unless the file continues another one: then lines before it exist, or have been taken away."""
    last_sequence: int | None
    previous: str | None
    """What the first line hangs on: the `digest` of the file before, or 64 zeros."""
    digest: str | None
    """SHA-256 of the last line in order."""
    restarts: int
    """Torn lines that the next line explains: written when the disk failed, and could not be cut off."""
    broken_line: int | None
    """From 1."""
    reason: str | None

    @property
    def ok(self) -> bool:
        """Whether every line is in order. True of an empty file, too."""
        return self.broken_line is None


def verify(path: Path) -> Verification:
    """Follow the chain. Raises OSError if the file cannot be read."""
    walk = _Walk()
    with path.open("rb") as file:
        number = 0
        while raw := file.readline(MAX_LINE_BYTES):
            number += 1
            walk.step(number, raw)
    return walk.result()


class _Doubtful:
    """Lines out of order, which a `chain_restarted` behind them may yet explain."""

    def __init__(self, number: int, reason: str) -> None:
        self.number = number
        self.reason = reason
        self._hash = hashlib.sha256()
        self._bytes = 0
        self._newline = b""

    def add(self, raw: bytes) -> None:
        """The last newline is not counted: it may be the one that closes what was torn."""
        self._feed(self._newline)
        line = raw.removesuffix(b"\n")
        self._newline = raw[len(line) :]
        self._feed(line)

    def _feed(self, piece: bytes) -> None:
        self._hash.update(piece)
        self._bytes += len(piece)

    def is_explained_by(self, line: Line) -> bool:
        told = (line.fields.get("bytes"), line.fields.get("sha256"))
        return line.event == Event.CHAIN_RESTARTED and told == (self._bytes, self._hash.hexdigest())


class _Walk:
    def __init__(self) -> None:
        self._first: Line | None = None
        self._end: Link | None = None
        self._count = 0
        self._restarts = 0
        self._doubtful: _Doubtful | None = None

    def step(self, number: int, raw: bytes) -> None:
        line = parse_line(raw.removesuffix(b"\n")) if raw.endswith(b"\n") else None
        reason = self._objection(line, raw)
        if line is not None and reason is None and self._doubtful is None:
            self._accept(line)
        elif line is not None and reason is None and self._doubtful and self._doubtful.is_explained_by(line):
            self._accept(line)
            self._doubtful = None
            self._restarts += 1
        else:
            self._doubtful = self._doubtful or _Doubtful(number, reason or "")
            self._doubtful.add(raw)

    def result(self) -> Verification:
        return Verification(
            count=self._count,
            first_sequence=self._first.link.sequence if self._first else None,
            last_sequence=self._end.sequence if self._end else None,
            previous=self._first.previous if self._first else None,
            digest=self._end.digest if self._end else None,
            restarts=self._restarts,
            broken_line=self._doubtful.number if self._doubtful else None,
            reason=self._doubtful.reason if self._doubtful else None,
        )

    def _accept(self, line: Line) -> None:
        self._first = self._first or line
        self._end = line.link
        self._count += 1

    def _objection(self, line: Line | None, raw: bytes) -> str | None:
        if line is None:
            if raw.endswith(b"\n"):
                return "is not a line of an audit record"
            return "has no end: torn by a crash, being written now, or longer than any line of this program"
        return self._out_of_order(line)

    def _out_of_order(self, line: Line) -> str | None:
        number = line.link.sequence
        if self._end is None:
            is_beginning = line.previous == BEGINNING.digest
            return None if (number == 1) == is_beginning else f"has the number {number} but hangs on {line.previous}"
        if number != self._end.sequence + 1:
            return f"has the number {number}, after {self._end.sequence}"
        if line.previous != self._end.digest:
            return "does not hang on the line before it: that one was changed, or this one was put in its place"
        return None
