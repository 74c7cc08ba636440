"""The gateway's keytab file, and whether the KDC has refused it: that is remembered beyond this process.

Three wrong passwords lock an account out in many a domain, and a program that restarts by itself has soon shown them
before anybody looks. So it is written down which file was refused, and a later process reads that first.
"""

import contextlib
from dataclasses import dataclass
from pathlib import Path

Stamp = tuple[int, int, int] | None


@dataclass(frozen=True, slots=True)
class OwnKeytab:
    """Blocks for as long as small files of a local disk take."""

    path: Path
    mark: Path
    """Where a refusal is written down; in a directory that outlives a restart."""

    def stamp(self) -> Stamp:
        """What changes when the file does; None while there is none."""
        try:
            status = self.path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino

    def was_refused(self) -> bool:
        """Whether it is the very file that a KDC has refused."""
        try:
            return self.mark.read_text(encoding="ascii") == str(self.stamp())
        except (OSError, UnicodeDecodeError):
            return False

    def remember_refusal(self) -> None:
        """If it cannot be written, this process knows nevertheless."""
        with contextlib.suppress(OSError):
            self.mark.write_text(str(self.stamp()), encoding="ascii")

    def forget_refusal(self) -> None:
        with contextlib.suppress(OSError):
            self.mark.unlink(missing_ok=True)
