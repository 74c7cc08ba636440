"""The one interface behind which state is kept, and its values.

Small on purpose: whatever needs more than a conditional write of one entry is built so that it does not.
"""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Protocol

from gateway.state.gcra import Budget

MAX_KEY = 200
"""Characters of a key: printable ASCII."""
MAX_VALUE = 1_048_576
"""Bytes of a value."""

_KEY = re.compile(rf"[ -~]{{1,{MAX_KEY}}}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Table(StrEnum):
    """What kinds of things are remembered."""

    SUBMISSIONS = "submissions"
    """Every request that was sent to a CA, and what became of it: by the RequestID that clients know."""
    REPEATS = "repeats"
    """The RequestID of a submission, by the digest of who asked for what."""
    SIGHTINGS = "sightings"
    """What was last heard, by whom or what it was heard of."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What stands under a key."""

    key: str
    value: bytes
    version: str
    """Opaque; never the same for two writes of one key."""


@dataclass(frozen=True, slots=True)
class Spending:
    """So much of somebody's budget."""

    key: str
    """Whose budget of what: printable ASCII."""
    budget: Budget
    quantity: int = 1
    """At least 0. 0 asks whether there is room for one, and takes none."""


@dataclass(frozen=True, slots=True)
class Overspent:
    """Nothing was taken of any budget."""

    spending: Spending
    """The one that has to wait longest."""
    retry_after_seconds: float
    """When there will be room for it, if nobody else takes it; greater than 0."""


class State(Protocol):
    """What several workers and replicas share. Safe to be called concurrently.

    Every method raises StateUnavailable if it cannot be known, or not be made durable; whether a write has happened is
    then in doubt.
    """

    async def get(self, table: Table, key: str) -> Entry | None:
        """What stands there and has not expired."""
        ...

    async def put(
        self, table: Table, key: str, value: bytes, *, expires: datetime, replaces: Entry | None
    ) -> Entry | None:
        """Write if what stands there is `replaces`, and nothing if that is None. None where it is something else.

        Durable when this returns. `expires`: aware; from then on the entry is as if it had never been.
        """
        ...

    async def remove(self, table: Table, entry: Entry) -> bool:
        """Remove the entry if it still is what stands there, and say whether it was."""
        ...

    async def page(self, table: Table, *, after: str = "", limit: int = 100) -> Sequence[Entry]:
        """The entries whose keys come after `after`, in the order of their bytes; at most `limit` of them."""
        ...

    async def spend(self, spendings: Sequence[Spending]) -> Overspent | None:
        """Take all of them, or nothing where one of them has no room. Keys must differ."""
        ...

    async def give_back(self, spendings: Sequence[Spending]) -> None:
        """Undo a spending of a moment ago."""
        ...

    async def close(self) -> None: ...


def microseconds(moment: datetime) -> int:
    """Since the epoch. `moment` is aware."""
    return (moment - _EPOCH) // _MICROSECOND


def new_version() -> str:
    """32 hexadecimal digits. By chance and not by count: a store that has lost its data never gives one out again."""
    return secrets.token_hex(16)


def check_entry(key: str, value: bytes) -> None:
    """Raises ValueError for what no store takes, whichever is configured."""
    _check_key(key)
    if len(value) > MAX_VALUE:
        raise ValueError(f"a value has at most {MAX_VALUE} bytes, not {len(value)}")


def check_spendings(spendings: Sequence[Spending]) -> None:
    """Raises ValueError for what no store takes, whichever is configured."""
    for spending in spendings:
        _check_key(spending.key)
        if spending.quantity < 0:
            raise ValueError(f"{spending.quantity} cannot be spent")
    if len({spending.key for spending in spendings}) != len(spendings):
        raise ValueError("each key is spent of once: add the quantities")


def _check_key(key: str) -> None:
    if not _KEY.fullmatch(key):
        raise ValueError(f"a key has 1 to {MAX_KEY} characters of printable ASCII, unlike {key[: MAX_KEY + 1]!r}")
