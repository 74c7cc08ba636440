"""How an audit file ends: where its chain stops, and what a crash or a full disk left behind it."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.audit.chain import MAX_LINE_BYTES, Link, parse_line

_FIRST_WINDOW = 64 * 1024
_LAST_WINDOW = 2 * MAX_LINE_BYTES
"""A torn line and a whole one before it."""
_BEGINNING_OF_A_LINE = b'{"time":"'


class AuditFileUnusable(OSError):
    """The file cannot be opened, is another process', or is not an audit record."""


@dataclass(frozen=True, slots=True)
class Tail:
    """The end of a file. What is torn was never reported as written to anybody."""

    link: Link | None
    """Of the last whole line; None if there is none."""
    end: int
    """The offset behind that line."""
    torn: bytes
    """What follows it."""


def read_tail(fd: int) -> Tail:
    """Look back from the end as far as needed, not through the whole file.

    Raises AuditFileUnusable for a file that this program has not written: nothing of it may be cut off.
    """
    size = os.fstat(fd).st_size
    window = _FIRST_WINDOW
    while True:
        begin = max(0, size - window)
        block = os.pread(fd, size - begin, begin)
        for line, end in _lines_backwards(block):
            parsed = parse_line(line)
            if parsed is not None:
                return Tail(parsed.link, begin + end, block[end:])
        if begin == 0 and _is_torn_first_line(block):
            return Tail(None, 0, block)
        if begin == 0 or window >= _LAST_WINDOW:
            raise AuditFileUnusable("it is not an audit record: no line of one near its end")
        window *= 2


def _lines_backwards(block: bytes) -> Iterator[tuple[bytes, int]]:
    """Each line without its newline, and the offset behind its newline; the last one first.

    The first may be the rest of a longer one: as JSON, the rest of an object is none.
    """
    end = block.rfind(b"\n")
    while end >= 0:
        begin = block.rfind(b"\n", 0, end) + 1
        yield block[begin:end], end + 1
        end = begin - 1


def _is_torn_first_line(block: bytes) -> bool:
    """An empty file; or what began as a line of this program; or a file that grew, but whose content never came."""
    return _BEGINNING_OF_A_LINE.startswith(block[: len(_BEGINNING_OF_A_LINE)]) or not block.strip(b"\0")
