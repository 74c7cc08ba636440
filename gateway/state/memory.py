"""State in the memory of this process: for tests, and for those who need nothing to survive."""

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import count, islice

from gateway.state import gcra
from gateway.state.state import (
    Entry,
    Overspent,
    Spending,
    Table,
    check_entry,
    check_spendings,
    microseconds,
)


class MemoryState:
    """A `State`. Nothing here waits, so that every method happens at once."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        """`clock` gives the aware time."""
        self._clock = clock
        self._tables: dict[Table, dict[str, tuple[Entry, datetime]]] = {table: {} for table in Table}
        self._tats: dict[str, int] = {}
        self._versions = count(1)

    async def get(self, table: Table, key: str) -> Entry | None:
        entry, expires = self._tables[table].get(key, (None, self._clock()))
        return entry if expires > self._clock() else None

    async def put(
        self, table: Table, key: str, value: bytes, *, expires: datetime, replaces: Entry | None
    ) -> Entry | None:
        check_entry(key, value)
        if await self.get(table, key) != replaces:
            return None
        self._forget_expired(table)
        entry = Entry(key, value, str(next(self._versions)))
        self._tables[table][key] = (entry, expires)
        return entry

    async def remove(self, table: Table, entry: Entry) -> bool:
        if await self.get(table, entry.key) != entry:
            return False
        del self._tables[table][entry.key]
        return True

    async def page(self, table: Table, *, after: str = "", limit: int = 100) -> Sequence[Entry]:
        self._forget_expired(table)
        entries = self._tables[table]
        return [entries[key][0] for key in islice((key for key in sorted(entries) if key > after), limit)]

    async def spend(self, spendings: Sequence[Spending]) -> Overspent | None:
        check_spendings(spendings)
        now = microseconds(self._clock())
        lacking = [(gcra.lacking(s.budget, self._tats.get(s.key, 0), now, s.quantity), s) for s in spendings]
        worst, spending = max(lacking, key=lambda pair: pair[0], default=(0, None))
        if worst > 0 and spending is not None:
            return Overspent(spending, worst / 1_000_000)
        for s in spendings:
            self._tats[s.key] = gcra.spent(s.budget, self._tats.get(s.key, 0), now, s.quantity)
        self._forget_earned(now)
        return None

    async def give_back(self, spendings: Sequence[Spending]) -> None:
        for s in spendings:
            if s.key in self._tats:
                self._tats[s.key] = gcra.given_back(s.budget, self._tats[s.key], s.quantity)

    async def close(self) -> None:
        """Nothing is held."""

    def _forget_expired(self, table: Table) -> None:
        now = self._clock()
        entries = self._tables[table]
        for key in [key for key, (_, expires) in entries.items() if expires <= now]:
            del entries[key]

    def _forget_earned(self, now: int) -> None:
        for key in [key for key, tat in self._tats.items() if tat <= now]:
            del self._tats[key]
