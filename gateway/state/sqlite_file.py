"""The file of a SQLite state: made whole, opened checked, changed in transactions that last. Blocking; for one thread.

Several processes have it open. What is committed outlives kill -9 by WAL, and a power cut by `synchronous=FULL`.
"""

import os
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from gateway.errors import StateUnavailable
from gateway.state.sqlite_tables import SCHEMA, SCHEMA_VERSION

T = TypeVar("T")

Operation = Callable[[sqlite3.Connection, int], T]
"""What is done in a transaction, at a moment: microseconds since the epoch."""

BUSY_SECONDS = 5.0
"""How long another process may hold the lock. A transaction takes milliseconds, on an overloaded disk some hundred."""

_REMEDIES = {
    sqlite3.SQLITE_BUSY: "another process does not give up its lock: see whether the disk is overloaded, or a backup or"
    " a stopped process holds the file",
    sqlite3.SQLITE_FULL: "make room on the disk",
    sqlite3.SQLITE_CORRUPT: "stop every gateway that uses it, restore it from a backup or move it away (docs/state.md)",
    sqlite3.SQLITE_NOTADB: "it is no SQLite file: name another one, or move it away",
    sqlite3.SQLITE_CANTOPEN: "the gateway's user must be able to read and write it, and to make files beside it",
    sqlite3.SQLITE_READONLY: "the gateway's user must be able to write it, and to make files beside it",
}
_OTHERWISE = "see whether the disk is in order"


class SqliteFile:
    """One connection of this process."""

    def __init__(self, path: Path) -> None:
        """Open the file, or make it, with mode 0600. Raises StateUnavailable."""
        self._path = path
        try:
            if not path.exists():
                _make(path)
            path.chmod(0o600)
            self._connection = _connected(path)
            self._identity = path.stat()
        except (OSError, sqlite3.Error) as error:
            raise _unavailable(path, error) from error
        try:
            self._check()
        except BaseException:
            self._connection.close()
            raise

    def run(self, operations: Sequence[Operation[object]], clock: Callable[[], int], *, writes: bool) -> list[object]:
        """The results of all, in one transaction, which is on the disk when this returns. Raises StateUnavailable."""
        try:
            self._check_place()
            self._connection.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
            try:
                now = clock()
                results = [operation(self._connection, now) for operation in operations]
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
        except (OSError, sqlite3.Error) as error:
            raise _unavailable(self._path, error) from error
        return results

    def close(self) -> None:
        """The last one of all processes writes the log back into the file."""
        self._connection.close()

    def _check_place(self) -> None:
        """Else this process would go on with a file that no other one sees. Raises OSError or StateUnavailable."""
        if not os.path.samestat(self._path.stat(), self._identity):
            raise StateUnavailable(
                f"{self._path} was replaced while it was in use: start every gateway that uses it anew"
            )

    def _check(self) -> None:
        try:
            (version,) = self._connection.execute("PRAGMA user_version").fetchone()
            (answer,) = self._connection.execute("PRAGMA quick_check(1)").fetchone()
            (mode,) = self._connection.execute("PRAGMA journal_mode").fetchone()
        except sqlite3.Error as error:
            raise _unavailable(self._path, error) from error
        if version != SCHEMA_VERSION:
            raise StateUnavailable(
                f"{self._path} has the form {version}, and this program writes {SCHEMA_VERSION}: run the version that"
                " made it, or move it away (docs/state.md)"
            )
        if mode != "wal":
            raise StateUnavailable(
                f"{self._path} is on a file system where processes share no memory: use a local disk"
            )
        if answer != "ok":
            raise StateUnavailable(f"{self._path} is damaged, {answer}: {_REMEDIES[sqlite3.SQLITE_CORRUPT]}")


def _make(path: Path) -> None:
    """Beside its place, and then put there: whoever opens it finds it whole."""
    new = path.with_name(f"{path.name}.new-{os.getpid()}")
    new.unlink(missing_ok=True)
    os.close(os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    try:
        connection = _connected(new)
        try:
            connection.executescript(f"BEGIN; {SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
        finally:
            connection.close()
        try:
            os.link(new, path)
        except FileExistsError:
            return  # another process was faster
        _sync_directory(path.parent)
    finally:
        new.unlink(missing_ok=True)


def _connected(path: Path) -> sqlite3.Connection:
    # By a URI, which can say that nothing shall be made: SQLite would give it another mode.
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode=rw", uri=True, timeout=BUSY_SECONDS, isolation_level=None
    )
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _sync_directory(directory: Path) -> None:
    """A new file is durable only with its name."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _unavailable(path: Path, error: OSError | sqlite3.Error) -> StateUnavailable:
    # The low byte is the error, the others are its kind (sqlite.org/rescode.html).
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return StateUnavailable(
        f"the state in {path} cannot be read or written, {error}: {_REMEDIES.get(code, _OTHERWISE)}"
    )
