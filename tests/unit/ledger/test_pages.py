from datetime import timedelta

from gateway.ledger.pages import pages, submissions
from gateway.state.memory import MemoryState
from gateway.state.state import Table
from tests.ledger import DAY, NOW, a_line, keep


async def test_a_table_of_several_pages_is_read_to_its_end() -> None:
    state = MemoryState(lambda: NOW)
    lines = [a_line(str(n), f"web{n}") for n in range(250)]
    await keep(state, *lines)

    found = [line async for line in submissions(state)]

    assert sorted(found, key=lambda line: int(line.request_id)) == lines


async def test_what_is_over_is_not_there() -> None:
    state = MemoryState(lambda: NOW + 1000 * DAY)
    await keep(state, a_line())

    assert [line async for line in submissions(state)] == []


async def test_only_keys_with_the_prefix_are_read() -> None:
    state = MemoryState(lambda: NOW)
    for key in ("a", "b", "ba", "bb", "c"):
        await state.put(Table.SIGHTINGS, key, b"", expires=NOW + timedelta(1), replaces=None)

    assert [entry.key async for entry in pages(state, Table.SIGHTINGS, prefix="b")] == ["ba", "bb"]
