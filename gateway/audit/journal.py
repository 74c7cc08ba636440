"""The file: appended by one process, ending with a whole line whatever happened before. Blocking; for one thread.

Where the chain ends is held in memory only while every write succeeds. After a start or a failure it is read from the
file, which alone knows.
"""

import contextlib
import fcntl
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gateway.audit.chain import BEGINNING, Event, Link, digest, render_body, render_line
from gateway.audit.tail import AuditFileUnusable, read_tail


@dataclass(frozen=True, slots=True)
class Disk:
    """What of the operating system a full or broken disk makes fail."""

    write: Callable[[int, bytes], int] = os.write
    sync: Callable[[int], None] = os.fdatasync
    truncate: Callable[[int, int], None] = os.ftruncate


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to become a line."""

    time: datetime
    body: str
    """By `chain.render_body`."""
    durable: bool
    """Whether it must be on the disk before the caller goes on."""


class Journal:
    """One audit file, open."""

    def __init__(self, path: Path, disk: Disk) -> None:
        """Open or create the file, mode 0640, and make it this process' own. Raises AuditFileUnusable."""
        self._path = path
        self._disk = disk
        self._fd = _open(path)
        self._before = BEGINNING
        """What the first line of the file hangs on."""
        self._end: Link | None = None
        """The end of the chain; None while only the file knows."""
        self._cut_off: list[str] = []
        """Bodies of lines that tell of torn ones, until they are written."""
        try:
            read_tail(self._fd)
        except OSError as error:
            self.close()
            raise AuditFileUnusable(f"{path} cannot be the audit record: {error}") from error

    def close(self) -> None:
        """Also gives up the lock."""
        os.close(self._fd)

    def append(self, entries: Sequence[Entry]) -> None:
        """Write one line per entry, and sync them if one of them asks for it: all of them or none.

        Raises OSError. The file is then as before, or will be mended by the next call.
        """
        time = entries[0].time
        head, end = (b"", self._end) if self._end is not None else self._mended(time)
        lines = []
        for entry in (*(Entry(time, body, durable=False) for body in self._cut_off), *entries):
            line, end = render_line(entry.time, end, entry.body)
            lines.append(line + b"\n")

        start = os.fstat(self._fd).st_size
        self._end = None
        try:
            self._write(head + b"".join(lines))
            if any(entry.durable for entry in entries):
                self._disk.sync(self._fd)
        except OSError:
            # After a failed sync too: the kernel has dropped what it could not write, and would not report it twice.
            self._cut(start)
            raise
        self._end = end
        self._cut_off.clear()

    def reopen(self) -> None:
        """Go on in a new file if the old one was renamed; its first line hangs on the old one's last.

        Raises AuditFileUnusable; the old file then stays in use.
        """
        if self._is_current():
            return
        fd = _open(self._path)
        try:
            if os.fstat(fd).st_size:
                raise AuditFileUnusable("it is not empty: rotate by renaming, and let this process make the new file")
            before = self._end or read_tail(self._fd).link or self._before
        except OSError as error:
            os.close(fd)
            raise AuditFileUnusable(f"{self._path} cannot be the next audit record: {error}") from error
        self.close()
        self._fd = fd
        self._before = self._end = before

    def _mended(self, time: datetime) -> tuple[bytes, Link]:
        """Make the file end with a whole line. Returns what must be written first, and the end of the chain with it."""
        tail = read_tail(self._fd)
        end = tail.link or self._before
        if not tail.torn:
            return b"", end
        torn = tail.torn.removesuffix(b"\n")
        facts = {"bytes": len(torn), "sha256": digest(torn)}
        try:
            self._disk.truncate(self._fd, tail.end)
        except OSError:
            # Such is an append-only file (chattr +a). The torn line stays, and the next one explains it.
            line, end = render_line(time, end, render_body(Event.CHAIN_RESTARTED, facts))
            closing = b"" if tail.torn.endswith(b"\n") else b"\n"
            return closing + line + b"\n", end
        self._cut_off.append(render_body(Event.RECOVERED, facts))
        return b"", end

    def _write(self, data: bytes) -> None:
        """Near the end of a disk's space, the kernel writes a part before it fails."""
        while data:
            data = data[self._disk.write(self._fd, data) :]

    def _cut(self, size: int) -> None:
        """Take back what a failed write left, if that can be done now."""
        with contextlib.suppress(OSError):
            self._disk.truncate(self._fd, size)

    def _is_current(self) -> bool:
        try:
            return os.path.samestat(self._path.stat(), os.fstat(self._fd))
        except OSError:
            return False


def _open(path: Path) -> int:
    try:
        fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except OSError as error:
        raise AuditFileUnusable(f"{path} cannot be opened: {error}") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _sync_directory(path.parent)
    except BlockingIOError as error:
        os.close(fd)
        raise AuditFileUnusable(f"{path} is in use: another process keeps its audit record there") from error
    except OSError as error:
        os.close(fd)
        raise AuditFileUnusable(f"{path} cannot be kept: {error}") from error
    return fd


def _sync_directory(directory: Path) -> None:
    """A new file is durable only with its name."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
