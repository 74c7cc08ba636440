import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.audit.chain import Event, digest, parse_line, render_body
from gateway.audit.journal import Disk, Entry, Journal
from gateway.audit.tail import AuditFileUnusable
from gateway.audit.verification import verify
from tests.unit.audit.samples import NOW, FaultyDisk, events_of, lines_of


def an_entry(name: str = "x", *, durable: bool = True) -> Entry:
    return Entry(NOW, render_body(Event.REFUSED, {"call_id": name}), durable)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


@pytest.fixture
def faulty() -> FaultyDisk:
    return FaultyDisk()


@contextmanager
def a_journal(path: Path, disk: Disk | None = None) -> Iterator[Journal]:
    journal = Journal(path, disk or Disk())
    try:
        yield journal
    finally:
        journal.close()


def calls_in(path: Path) -> list[str]:
    return [line["call_id"] for line in lines_of(path) if line["event"] == "refused"]


# --- the ordinary way -----------------------------------------------------------------------------------------------


def test_lines_are_numbered_from_one_and_chained(path: Path) -> None:
    with a_journal(path) as journal:
        journal.append([an_entry(), an_entry()])
        journal.append([an_entry()])

    assert [line["sequence"] for line in lines_of(path)] == [1, 2, 3]
    assert verify(path).ok


def test_a_new_file_is_not_for_everybodys_eyes(path: Path) -> None:
    previous = os.umask(0)
    try:
        with a_journal(path):
            assert path.stat().st_mode & 0o777 == 0o640
    finally:
        os.umask(previous)


def test_a_new_files_name_is_made_durable_too(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(os.fstat(fd).st_ino))

    with a_journal(path):
        assert synced == [path.parent.stat().st_ino]


def test_a_batch_is_one_write_and_one_sync(path: Path, faulty: FaultyDisk) -> None:
    with a_journal(path, faulty.disk()) as journal:
        journal.append([an_entry(), an_entry(durable=False), an_entry()])

    assert faulty.calls == ["write", "sync"]


def test_lines_that_nobody_waits_for_are_not_synced(path: Path, faulty: FaultyDisk) -> None:
    with a_journal(path, faulty.disk()) as journal:
        journal.append([an_entry(durable=False)])

    assert faulty.calls == ["write"]


def test_a_restart_continues_number_and_chain(path: Path) -> None:
    for _ in range(2):
        with a_journal(path) as journal:
            journal.append([an_entry()])

    assert verify(path).last_sequence == 2
    assert verify(path).ok


def test_another_process_cannot_write_the_same_file(path: Path) -> None:
    with a_journal(path), pytest.raises(AuditFileUnusable, match="in use"):
        Journal(path, Disk())


def test_a_file_that_is_given_up_can_be_taken(path: Path) -> None:
    with a_journal(path):
        pass
    fd = os.open(path, os.O_RDWR)

    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(fd)


@pytest.mark.parametrize("where", ["absent/audit.jsonl", "."])
def test_a_file_that_cannot_be_opened_is_said_so(tmp_path: Path, where: str) -> None:
    with pytest.raises(AuditFileUnusable, match="cannot be opened"):
        Journal(tmp_path / where, Disk())


def test_a_file_that_cannot_be_locked_is_not_used(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(_fd: int, _operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)

    with pytest.raises(AuditFileUnusable, match="cannot be kept"):
        Journal(path, Disk())


def test_a_file_of_something_else_is_refused_and_untouched(path: Path) -> None:
    path.write_text("root:x:0:0:root\n")

    with pytest.raises(AuditFileUnusable, match="not an audit record"):
        Journal(path, Disk())

    assert path.read_text() == "root:x:0:0:root\n"


# --- after a crash --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("torn", [b'{"time":"2026', b"\0" * 50, b"garbage\n"])
def test_a_torn_last_line_is_cut_off_and_told(path: Path, torn: bytes) -> None:
    with a_journal(path) as journal:
        journal.append([an_entry("before")])
    with path.open("ab") as file:
        file.write(torn)

    with a_journal(path) as journal:
        journal.append([an_entry("after")])

    _, recovered, after = lines_of(path)
    content = torn.removesuffix(b"\n")
    assert (recovered["event"], recovered["bytes"], recovered["sha256"]) == ("recovered", len(content), digest(content))
    assert after["call_id"] == "after"
    assert verify(path).ok


def test_a_recovery_is_told_once(path: Path) -> None:
    path.write_bytes(b'{"time":"2026')
    with a_journal(path) as journal:
        journal.append([an_entry()])
        journal.append([an_entry()])

    assert events_of(path) == ["recovered", "refused", "refused"]


def test_a_torn_first_line_is_cut_off_and_told(path: Path) -> None:
    path.write_bytes(b'{"time":"2026')

    with a_journal(path) as journal:
        journal.append([an_entry()])

    assert events_of(path) == ["recovered", "refused"]
    assert verify(path).ok


def test_a_whole_last_line_is_never_cut_off(path: Path) -> None:
    with a_journal(path) as journal:
        journal.append([an_entry("before")])

    with a_journal(path) as journal:
        journal.append([an_entry("after")])

    assert calls_in(path) == ["before", "after"]


# --- when the disk fails --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("fault", "partly"), [("write", 0), ("write", 10), ("write", 300), ("sync", 0)])
def test_a_batch_that_fails_leaves_nothing_behind(path: Path, faulty: FaultyDisk, fault: str, partly: int) -> None:
    with a_journal(path, faulty.disk()) as journal:
        journal.append([an_entry("before")])
        whole = path.read_bytes()
        faulty.faults, faulty.written_before_failing = {fault}, partly

        with pytest.raises(OSError, match=r"No space|Input/output"):
            journal.append([an_entry("lost"), an_entry("lost")])

        assert path.read_bytes() == whole
        faulty.faults = set()
        journal.append([an_entry("after")])

    assert events_of(path) == ["refused", "refused"]
    assert calls_in(path) == ["before", "after"]
    assert verify(path).ok


@pytest.mark.parametrize("partly", [10, 150])
def test_what_cannot_be_cut_off_is_explained(path: Path, faulty: FaultyDisk, partly: int) -> None:
    with a_journal(path, faulty.disk()) as journal:
        journal.append([an_entry("before")])
        faulty.faults, faulty.written_before_failing = {"write", "truncate"}, partly
        with pytest.raises(OSError, match="No space"):
            journal.append([an_entry("torn")])
        faulty.faults = {"truncate"}

        journal.append([an_entry("after")])

    verification = verify(path)
    assert verification.ok
    assert (verification.count, verification.restarts) == (3, 1)
    whole = [line for raw in path.read_bytes().splitlines() if (line := parse_line(raw)) is not None]
    assert [line.event for line in whole] == ["refused", "chain_restarted", "refused"]


def test_whole_lines_of_a_failed_batch_that_cannot_be_cut_off_stay_in_the_chain(path: Path, faulty: FaultyDisk) -> None:
    with a_journal(path, faulty.disk()) as journal:
        faulty.faults = {"sync", "truncate"}
        with pytest.raises(OSError, match="Input/output"):
            journal.append([an_entry("unsynced")])
        faulty.faults = set()

        journal.append([an_entry("after")])

    assert calls_in(path) == ["unsynced", "after"]
    assert verify(path).ok


def test_failing_again_while_mending_loses_nothing_of_the_chain(path: Path, faulty: FaultyDisk) -> None:
    with a_journal(path, faulty.disk()) as journal:
        journal.append([an_entry("before")])
        for partly in (20, 200, 1, 350):
            faulty.faults, faulty.written_before_failing = {"write", "truncate"}, partly
            with pytest.raises(OSError, match="No space"):
                journal.append([an_entry("lost"), an_entry("lost")])
        faulty.faults = {"truncate"}

        journal.append([an_entry("after")])

    assert verify(path).ok


def test_a_recovery_is_told_even_if_its_own_line_fails_first(path: Path, faulty: FaultyDisk) -> None:
    path.write_bytes(b'{"time":"2026')
    with a_journal(path, faulty.disk()) as journal:
        faulty.faults = {"write"}
        with pytest.raises(OSError, match="No space"):
            journal.append([an_entry("lost")])
        faulty.faults = set()

        journal.append([an_entry("after")])

    assert events_of(path) == ["recovered", "refused"]


def test_a_disk_that_takes_a_line_in_pieces_gets_it_whole(path: Path) -> None:
    with a_journal(path, Disk(write=lambda fd, data: os.write(fd, data[:7]))) as journal:
        journal.append([an_entry(), an_entry()])

    assert verify(path).count == 2


# --- rotation -------------------------------------------------------------------------------------------------------


def test_the_new_file_hangs_on_the_old_one(path: Path, tmp_path: Path) -> None:
    old = tmp_path / "audit.1.jsonl"
    with a_journal(path) as journal:
        journal.append([an_entry()])
        path.rename(old)
        journal.reopen()
        journal.append([an_entry()])

    assert verify(old).digest == verify(path).previous
    assert verify(path).first_sequence == 2
    assert verify(path).ok


def test_the_new_file_hangs_on_the_old_one_though_its_first_line_fails(path: Path, faulty: FaultyDisk) -> None:
    with a_journal(path, faulty.disk()) as journal:
        journal.append([an_entry()])
        path.rename(path.with_suffix(".1"))
        journal.reopen()
        faulty.faults, faulty.written_before_failing = {"write"}, 5
        with pytest.raises(OSError, match="No space"):
            journal.append([an_entry()])
        faulty.faults = set()
        journal.append([an_entry()])

    assert verify(path).previous == verify(path.with_suffix(".1")).digest


def test_rotation_after_a_failure_hangs_on_what_the_old_file_really_holds(path: Path, faulty: FaultyDisk) -> None:
    with a_journal(path, faulty.disk()) as journal:
        journal.append([an_entry()])
        faulty.faults = {"sync"}
        with pytest.raises(OSError, match="Input/output"):
            journal.append([an_entry()])
        faulty.faults = set()
        path.rename(path.with_suffix(".1"))
        journal.reopen()
        journal.append([an_entry()])

    assert verify(path).previous == verify(path.with_suffix(".1")).digest


def test_without_a_rotation_reopening_changes_nothing(path: Path) -> None:
    with a_journal(path) as journal:
        journal.append([an_entry()])
        journal.reopen()
        journal.append([an_entry()])

    assert verify(path).count == 2


def test_a_new_file_that_is_not_empty_is_refused_and_the_old_one_stays(path: Path, tmp_path: Path) -> None:
    old = tmp_path / "audit.1.jsonl"
    with a_journal(path) as journal:
        journal.append([an_entry()])
        path.rename(old)
        path.write_text("something else\n")

        with pytest.raises(AuditFileUnusable, match="not empty"):
            journal.reopen()
        journal.append([an_entry()])

    assert verify(old).count == 2
    assert path.read_text() == "something else\n"


def test_a_file_that_was_emptied_in_place_goes_on_with_the_chain(path: Path) -> None:
    with a_journal(path) as journal:
        journal.append([an_entry()])
        os.truncate(path, 0)
        journal.append([an_entry()])

    assert verify(path).first_sequence == 2
    assert verify(path).ok
