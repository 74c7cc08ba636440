"""`gateway.state.sqlite`: one file, several processes, and what can happen to it."""

import asyncio
import os
import signal
import sqlite3
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.errors import StateUnavailable
from gateway.state.sqlite import MAX_TOGETHER, MAX_WAITING, SqliteState
from gateway.state.state import Table
from tests.state import LATER, Clock, of, written

PREAMBLE = """
import asyncio, sys
from pathlib import Path
from gateway.state.sqlite import SqliteState
from gateway.state.state import Table
from tests.state import LATER, Clock, of

path = Path(sys.argv[1])
"""

SPENDER = f"""{PREAMBLE}
async def main():
    state = await SqliteState.open(path, Clock())
    print("ready", flush=True)
    sys.stdin.readline()
    answers = await asyncio.gather(*(state.spend([of("a", burst=30)]) for _ in range(50)))
    more = [await state.spend([of("a", burst=30)]) for _ in range(5)]
    print([*answers, *more].count(None))
    await state.close()

asyncio.run(main())
"""

WRITER = f"""{PREAMBLE}
async def main():
    state = await SqliteState.open(path, Clock())
    async def write(lane):
        n = 0
        while True:
            key = f"{{lane}}-{{n}}"
            await state.put(Table.SUBMISSIONS, key, key.encode() * 100, expires=LATER, replaces=None)
            print(key, flush=True)
            n += 1
    await asyncio.gather(*map(write, range(5)))

asyncio.run(main())
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite"


@pytest.fixture
async def state(path: Path) -> AsyncIterator[SqliteState]:
    state = await SqliteState.open(path, Clock())
    yield state
    await state.close()


async def a_process(program: str, path: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program, str(path)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def changed(path: Path, statement: str) -> None:
    """By somebody else."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(statement)
        connection.commit()


async def test_what_was_written_is_there_after_a_restart(path: Path) -> None:
    state = await SqliteState.open(path, Clock())
    entry = await written(state, "a")
    await state.spend([of("a", 3)])
    await state.close()

    state = await SqliteState.open(path, Clock())

    assert await state.get(Table.SUBMISSIONS, "a") == entry
    assert await state.spend([of("a")]) is not None
    await state.close()


async def test_nobody_else_can_read_its_files(path: Path, state: SqliteState) -> None:
    await written(state, "a")

    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}

    assert modes == dict.fromkeys(("state.sqlite", "state.sqlite-wal", "state.sqlite-shm"), 0o600)


async def test_a_file_that_others_can_read_is_shut(path: Path, state: SqliteState) -> None:
    path.chmod(0o644)

    second = await SqliteState.open(path, Clock())

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    await second.close()


async def test_each_transaction_is_synced(path: Path, state: SqliteState) -> None:
    (answer,) = await state._run(lambda connection, _: connection.execute("PRAGMA synchronous").fetchone(), writes=True)

    assert answer == 2, "FULL"


async def test_two_processes_never_exceed_a_budget_by_one(path: Path) -> None:
    processes = [await a_process(SPENDER, path) for _ in range(2)]
    for process in processes:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"

    outputs = await asyncio.gather(*(process.communicate(b"go\n") for process in processes))

    assert sum(int(output) for output, _ in outputs) == 30


async def test_processes_that_start_at_once_make_one_file(path: Path) -> None:
    processes = [await a_process(SPENDER, path) for _ in range(4)]

    outputs = await asyncio.gather(*(process.communicate(b"go\n") for process in processes))

    assert sum(int(output.splitlines()[1]) for output, _ in outputs) == 30
    assert [file.name for file in path.parent.iterdir()] == ["state.sqlite"]


async def test_a_kill_loses_nothing_that_was_acknowledged(path: Path) -> None:
    for _ in range(3):
        process = await a_process(WRITER, path)
        assert process.stdout is not None
        said = [await process.stdout.readline() for _ in range(25)]
        process.send_signal(signal.SIGKILL)
        said += [line async for line in process.stdout if line.endswith(b"\n")]
        await process.wait()

        state = await SqliteState.open(path, Clock())

        keys = [line.decode().strip() for line in said]
        entries = [await state.get(Table.SUBMISSIONS, key) for key in keys]
        assert [entry and entry.value for entry in entries] == [key.encode() * 100 for key in keys]
        for entry in entries:
            assert entry
            await state.remove(Table.SUBMISSIONS, entry)
        # What was written and not acknowledged may be there too.
        for entry in await state.page(Table.SUBMISSIONS):
            await state.remove(Table.SUBMISSIONS, entry)
        await state.close()


async def test_what_comes_together_is_one_transaction(path: Path, state: SqliteState) -> None:
    transactions: list[str] = []
    await state._run(lambda connection, _: connection.set_trace_callback(transactions.append), writes=False)

    await asyncio.gather(*(written(state, str(n)) for n in range(MAX_TOGETHER + 1)))

    assert [statement for statement in transactions if statement == "COMMIT"] == ["COMMIT"] * 3, "the trace's own first"


async def test_what_fails_is_not_half_done_and_the_next_one_succeeds(path: Path, state: SqliteState) -> None:
    def fail(*_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    answers = await asyncio.gather(written(state, "a"), state._run(fail, writes=True), return_exceptions=True)

    assert [type(answer) for answer in answers] == [StateUnavailable, StateUnavailable]
    assert await state.get(Table.SUBMISSIONS, "a") is None
    await written(state, "a")


async def test_a_disk_that_is_full_is_told_of(path: Path, state: SqliteState) -> None:
    # What SQLite says where it may not have another page.
    await state._run(lambda connection, _: connection.execute("PRAGMA max_page_count = 1"), writes=False)

    with pytest.raises(StateUnavailable, match=r"state\.sqlite cannot .* full: make room on the disk"):
        await written(state, "a", b"x" * 100_000)

    await state._run(lambda connection, _: connection.execute("PRAGMA max_page_count = 100000"), writes=False)
    await written(state, "a", b"x" * 100_000)


async def test_a_lock_that_another_process_keeps_is_told_of(path: Path, state: SqliteState) -> None:
    await state._run(lambda connection, _: connection.execute("PRAGMA busy_timeout = 1"), writes=False)
    with closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")

        assert await state.get(Table.SUBMISSIONS, "a") is None, "nobody keeps a reader waiting"
        with pytest.raises(StateUnavailable, match="locked: another process does not give up its lock"):
            await written(state, "a")

    await written(state, "a")


async def test_a_file_that_was_moved_away_or_replaced_is_not_written_any_more(path: Path, state: SqliteState) -> None:
    path.rename(path.with_name("moved"))
    with pytest.raises(StateUnavailable, match="No such file"):
        await written(state, "a")

    other = await SqliteState.open(path, Clock())

    with pytest.raises(StateUnavailable, match="replaced while it was in use: start every gateway"):
        await written(state, "a")
    await other.close()


async def test_more_than_can_wait_is_refused(path: Path, state: SqliteState) -> None:
    tries = [state.get(Table.SUBMISSIONS, "a") for _ in range(MAX_WAITING + 5)]

    answers = await asyncio.gather(*tries, return_exceptions=True)

    refused = [answer for answer in answers if isinstance(answer, StateUnavailable)]
    assert len(refused) == 5
    assert "1000 operations are waiting" in str(refused[0])


async def test_who_gives_up_disturbs_nobody_else(path: Path, state: SqliteState) -> None:
    impatient = asyncio.ensure_future(written(state, "a"))
    patient = asyncio.ensure_future(written(state, "b"))
    await asyncio.sleep(0)
    impatient.cancel()

    assert await patient == await state.get(Table.SUBMISSIONS, "b")
    assert await state.get(Table.SUBMISSIONS, "a") is None


async def test_after_the_end_nothing_is_answered(path: Path) -> None:
    state = await SqliteState.open(path, Clock())
    waiting = asyncio.ensure_future(written(state, "a"))
    await asyncio.sleep(0)

    await state.close()
    await state.close()

    with pytest.raises(StateUnavailable, match="closed: the gateway is stopping"):
        await waiting
    with pytest.raises(StateUnavailable, match="closed"):
        await state.get(Table.SUBMISSIONS, "a")


# --- files that cannot be used --------------------------------------------------------------------------------------


async def test_a_directory_that_is_not_there_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(StateUnavailable, match="No such file or directory"):
        await SqliteState.open(tmp_path / "absent" / "state.sqlite", Clock())


async def test_a_file_of_another_version_is_left_alone(path: Path, state: SqliteState) -> None:
    changed(path, "PRAGMA user_version = 7")

    with pytest.raises(StateUnavailable, match="has the form 7, and this program writes 1"):
        await SqliteState.open(path, Clock())


@pytest.mark.parametrize("content", [b"", b"no database at all" * 1000, b"SQLite format 3\0" + b"\xff" * 8000])
async def test_a_file_that_is_no_state_is_left_alone(path: Path, content: bytes) -> None:
    path.write_bytes(content)

    with pytest.raises(StateUnavailable, match=r"state\.sqlite"):
        await SqliteState.open(path, Clock())


async def test_a_damaged_file_is_told_of_when_it_is_opened(path: Path) -> None:
    state = await SqliteState.open(path, Clock())
    for n in range(50):
        await written(state, f"key {n}", b"x" * 500)
    await state.close()
    whole = path.read_bytes()
    page = 4096
    path.write_bytes(whole[: 2 * page] + b"\xa5" * page + whole[3 * page :])

    with pytest.raises(StateUnavailable, match="stop every gateway that uses it, restore it from a backup"):
        await SqliteState.open(path, Clock())


async def test_a_backup_is_used_as_the_file_was(path: Path, state: SqliteState) -> None:
    entry = await written(state, "a")
    changed(path, f"VACUUM INTO '{path}.backup'")

    restored = await SqliteState.open(path.with_name("state.sqlite.backup"), Clock())

    assert await restored.get(Table.SUBMISSIONS, "a") == entry
    (mode,) = await restored._run(
        lambda connection, _: connection.execute("PRAGMA journal_mode").fetchone(), writes=False
    )
    assert mode == "wal", "which VACUUM INTO does not keep"
    await restored.close()


async def test_what_a_kill_left_of_a_new_file_is_in_nobody_s_way(path: Path) -> None:
    path.with_name(f"state.sqlite.new-{os.getpid()}").write_bytes(b"half")

    state = await SqliteState.open(path, Clock())

    await written(state, "a", expires=LATER)
    await state.close()
    assert [file.name for file in path.parent.iterdir()] == ["state.sqlite"]
