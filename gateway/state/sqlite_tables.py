"""The tables of a SQLite state, and the operations on them: each within a transaction, at a given moment.

Moments are microseconds since the epoch. sqlite3.Error passes.
"""

import sqlite3
from collections.abc import Sequence

from gateway.state import gcra
from gateway.state.state import Entry, Overspent, Spending, Table

SCHEMA_VERSION = 1
"""`PRAGMA user_version` of the file. Another form of the tables has another number."""

SCHEMA = """
CREATE TABLE entries (
    kind TEXT NOT NULL, key TEXT NOT NULL, version TEXT NOT NULL, expires INTEGER NOT NULL, value BLOB NOT NULL,
    UNIQUE (kind, key)
);
CREATE INDEX entries_expires ON entries (expires);
CREATE TABLE budgets (key TEXT PRIMARY KEY, tat INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX budgets_tat ON budgets (tat);
"""

_BITE = 20
"""Rows that are over and are removed with each write: more than one write adds, and less than anybody notices."""


def get(connection: sqlite3.Connection, now: int, table: Table, key: str) -> Entry | None:
    row = connection.execute(
        "SELECT value, version FROM entries WHERE kind = ? AND key = ? AND expires > ?", (table, key, now)
    ).fetchone()
    return None if row is None else Entry(key, *row)


def put(
    connection: sqlite3.Connection, now: int, table: Table, entry: Entry, *, expires: int, replaces: str | None
) -> Entry | None:
    """`replaces` is a version."""
    if _version(connection, now, table, entry.key) != replaces:
        return None
    _forget_expired(connection, now)
    connection.execute(
        "INSERT INTO entries (kind, key, version, expires, value) VALUES (?, ?, ?, ?, ?) ON CONFLICT (kind, key)"
        " DO UPDATE SET version = excluded.version, expires = excluded.expires, value = excluded.value",
        (table, entry.key, entry.version, expires, entry.value),
    )
    return entry


def remove(connection: sqlite3.Connection, now: int, table: Table, entry: Entry) -> bool:
    if _version(connection, now, table, entry.key) != entry.version:
        return False
    connection.execute("DELETE FROM entries WHERE kind = ? AND key = ?", (table, entry.key))
    return True


def page(connection: sqlite3.Connection, now: int, table: Table, after: str, limit: int) -> Sequence[Entry]:
    rows = connection.execute(
        "SELECT key, value, version FROM entries WHERE kind = ? AND key > ? AND expires > ? ORDER BY key LIMIT ?",
        (table, after, now, limit),
    )
    return [Entry(*row) for row in rows]


def spend(connection: sqlite3.Connection, now: int, spendings: Sequence[Spending]) -> Overspent | None:
    tats = [_tat(connection, spending.key) for spending in spendings]
    for_each = list(zip(spendings, tats, strict=True))
    lacking = [(gcra.lacking(s.budget, tat, now, s.quantity), s) for s, tat in for_each]
    worst, spending = max(lacking, key=lambda pair: pair[0], default=(0, None))
    if worst > 0 and spending is not None:
        return Overspent(spending, worst / 1_000_000)
    rows = [(s.key, gcra.spent(s.budget, tat, now, s.quantity)) for s, tat in for_each if s.quantity]
    if rows:
        _forget_earned(connection, now)
        connection.executemany(
            "INSERT INTO budgets (key, tat) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET tat = excluded.tat", rows
        )
    return None


def give_back(connection: sqlite3.Connection, _now: int, spendings: Sequence[Spending]) -> None:
    connection.executemany(
        "UPDATE budgets SET tat = tat - ? WHERE key = ?", [(s.budget.interval * s.quantity, s.key) for s in spendings]
    )


def _version(connection: sqlite3.Connection, now: int, table: Table, key: str) -> str | None:
    row = connection.execute(
        "SELECT version FROM entries WHERE kind = ? AND key = ? AND expires > ?", (table, key, now)
    ).fetchone()
    return None if row is None else row[0]


def _tat(connection: sqlite3.Connection, key: str) -> int:
    row = connection.execute("SELECT tat FROM budgets WHERE key = ?", (key,)).fetchone()
    return 0 if row is None else row[0]


def _forget_expired(connection: sqlite3.Connection, now: int) -> None:
    connection.execute(
        "DELETE FROM entries WHERE rowid IN (SELECT rowid FROM entries WHERE expires <= ? LIMIT ?)", (now, _BITE)
    )


def _forget_earned(connection: sqlite3.Connection, now: int) -> None:
    connection.execute(
        "DELETE FROM budgets WHERE key IN (SELECT key FROM budgets WHERE tat <= ? LIMIT ?)", (now, _BITE)
    )
