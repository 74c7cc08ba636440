"""For tests of states: a clock to set, and short words for what is written and spent."""

from datetime import UTC, datetime, timedelta

from gateway.state.gcra import Budget
from gateway.state.state import Entry, Spending, State, Table

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def go_on(self, **time: float) -> None:
        self.now += timedelta(**time)


async def written(state: State, key: str, value: bytes = b"value", *, expires: datetime = LATER) -> Entry:
    """A new entry of SUBMISSIONS."""
    entry = await state.put(Table.SUBMISSIONS, key, value, expires=expires, replaces=None)
    assert entry is not None
    return entry


def of(key: str, quantity: int = 1, *, burst: int = 3) -> Spending:
    """One is earned each minute."""
    return Spending(key, Budget(count=1, period=timedelta(minutes=1), burst=burst), quantity)
