"""The form of a line, and how it hangs on the line before. No I/O.

A line is one JSON object in ASCII. It carries a number and the SHA-256 of the bytes of its predecessor (without the
newline), so that nothing can be changed, taken out, put in or moved without rewriting everything after it.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

MAX_LINE_BYTES = 4 * 1024 * 1024
"""Bounds what a reader holds at a time. The longest approval: a message's worth of text, each character escaped."""


class Event(StrEnum):
    """What a line tells."""

    STARTED = "started"
    STOPPED = "stopped"
    APPROVED = "approved"
    ANSWERED = "answered"
    WITHHELD = "withheld"
    """An incident: a certificate was issued that is not the one that was approved."""
    PUBLISHED = "published"
    REFUSED = "refused"
    HTTP_REFUSED = "http_refused"
    HANDSHAKE_FAILED = "handshake_failed"
    LOST = "lost"
    """So many lines could not be written before this one."""
    RECOVERED = "recovered"
    """A torn last line was cut off: its length and SHA-256."""
    CHAIN_RESTARTED = "chain_restarted"
    """The line before this one is torn and could not be cut off: its length and SHA-256."""


@dataclass(frozen=True, slots=True)
class Link:
    """The end of a chain: what the next line hangs on."""

    sequence: int
    digest: str


BEGINNING = Link(0, 64 * "0")


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it was read."""

    event: str
    fields: Mapping[str, object]
    previous: str
    link: Link
    """The end of the chain with this line."""


def render_body(event: Event, facts: Mapping[str, object]) -> str:
    """What a line tells, as JSON: all of it but its place in the chain."""
    return json.dumps({"event": event, **facts}, separators=(",", ":"))


def render_line(time: datetime, previous: Link, body: str) -> tuple[bytes, Link]:
    """The line's bytes without newline, and the end of the chain with it. `time` is RFC 3339, UTC, microseconds."""
    stamp = time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
    sequence = previous.sequence + 1
    head = f'{{"time":"{stamp}Z","sequence":{sequence},"previous":"{previous.digest}",'
    line = (head + body[1:]).encode("ascii")
    return line, Link(sequence, digest(line))


def parse_line(line: bytes) -> Line | None:
    """A line (without newline) as this program writes it, or None."""
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return None
    match fields:
        case {"time": str(), "sequence": bool()}:
            return None
        case {"time": str(), "sequence": int(sequence), "previous": str(previous), "event": str(event)}:
            return Line(event, fields, previous, Link(sequence, digest(line)))
        case _:
            return None


def digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()
