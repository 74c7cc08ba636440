"""Whole tables of the state, page by page: others get their turn in between."""

from collections.abc import AsyncIterator

from gateway.ledger.document import Line, read
from gateway.state.state import Entry, State, Table
from gateway.submission import Submission

_ENTRIES = 100
"""Of one page: read in some milliseconds, and at most a few MB of requests that are not answered."""


async def pages(state: State, table: Table, *, prefix: str = "") -> AsyncIterator[Entry]:
    """The entries whose keys begin like this. What is written meanwhile may be missing. Raises StateUnavailable."""
    after = prefix
    while entries := await state.page(table, after=after, limit=_ENTRIES):
        for entry in entries:
            if not entry.key.startswith(prefix):
                return
            yield entry
        after = entries[-1].key


async def submissions(state: State) -> AsyncIterator[Submission]:
    """Every line of the ledger, without what was answered. Raises StateUnavailable."""
    async for entry in pages(state, Table.SUBMISSIONS):
        yield read(Line, entry).submission
