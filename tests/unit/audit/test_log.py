import asyncio
import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway import __version__
from gateway.audit import writer
from gateway.audit.chain import MAX_LINE_BYTES
from gateway.audit.journal import Disk
from gateway.audit.log import AuditLog
from gateway.audit.tail import AuditFileUnusable
from gateway.audit.verification import verify
from gateway.errors import RecordNotWritten
from tests.unit.audit.samples import Clock, FaultyDisk, a_call, an_approval, events_of, lines_of


class Failures:
    """Counts what is reported; `changed` is set at each."""

    def __init__(self) -> None:
        self.count = 0
        self.changed = asyncio.Event()

    def __call__(self) -> None:
        self.count += 1
        self.changed.set()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


@pytest.fixture
def failures() -> Failures:
    return Failures()


@pytest.fixture
def faulty() -> FaultyDisk:
    return FaultyDisk()


@asynccontextmanager
async def a_log(
    path: Path, failures: Failures | None = None, disk: Disk | None = None, *, retry_seconds: float = 3600
) -> AsyncIterator[AuditLog]:
    async with AuditLog(path, Clock(), failures or Failures(), disk=disk, retry_seconds=retry_seconds) as log:
        yield log


async def approve(log: AuditLog) -> None:
    await log.open(a_call()).approved(an_approval())


async def refuse(log: AuditLog) -> None:
    await log.open(a_call()).refused(reason="r", outcome="refused", hresult=None, error=RecordNotWritten("x"))


class GatedDisk:
    """A disk whose sync waits until it is let go."""

    def __init__(self) -> None:
        self.syncing = threading.Semaphore(0)
        self.gate = threading.Event()
        self.gate.set()
        self.syncs = 0

    def disk(self) -> Disk:
        return Disk(sync=self._sync)

    def _sync(self, _fd: int) -> None:
        self.syncing.release()
        assert self.gate.wait(timeout=30)
        self.syncs += 1

    async def is_syncing(self) -> None:
        await asyncio.to_thread(self.syncing.acquire)


# --- durability -----------------------------------------------------------------------------------------------------


async def test_start_and_stop_are_on_record(path: Path) -> None:
    async with a_log(path):
        pass

    started, stopped = lines_of(path)
    assert (started["event"], started["version"], stopped["event"]) == ("started", __version__, "stopped")
    assert verify(path).ok


async def test_an_approval_returns_only_when_it_is_synced(path: Path) -> None:
    gated = GatedDisk()
    async with a_log(path, disk=gated.disk()) as log:
        await gated.is_syncing()
        gated.gate.clear()
        approval = asyncio.ensure_future(approve(log))
        await gated.is_syncing()

        assert not approval.done()
        assert "approved" in events_of(path)

        gated.gate.set()
        await approval


@pytest.mark.parametrize("fault", ["write", "sync"])
async def test_an_approval_that_cannot_be_made_durable_is_none(
    path: Path, faulty: FaultyDisk, failures: Failures, fault: str
) -> None:
    async with a_log(path, failures, faulty.disk()) as log:
        faulty.faults = {fault}

        with pytest.raises(RecordNotWritten, match=r"No space|Input/output"):
            await approve(log)

        assert failures.count == 1
        assert not log.is_healthy()
        faulty.faults = set()


async def test_a_hundred_appends_at_once_are_dense_and_share_their_syncs(path: Path) -> None:
    gated = GatedDisk()
    async with a_log(path, disk=gated.disk()) as log:
        before = gated.syncs
        await asyncio.gather(*(approve(log) for _ in range(100)))
        shared = gated.syncs - before

    assert [line["sequence"] for line in lines_of(path)] == list(range(1, 103))
    assert verify(path).ok
    assert shared == 1


async def test_what_comes_during_a_sync_shares_the_next_one(path: Path) -> None:
    gated = GatedDisk()
    async with a_log(path, disk=gated.disk()) as log:
        await gated.is_syncing()
        gated.gate.clear()
        first = asyncio.ensure_future(approve(log))
        await gated.is_syncing()
        others = []
        for _ in range(10):
            others.append(asyncio.ensure_future(approve(log)))
            await asyncio.sleep(0)
        before = gated.syncs
        gated.gate.set()
        await asyncio.gather(first, *others)

        assert gated.syncs - before == 2


async def test_a_caller_that_gives_up_does_not_disturb_the_others(path: Path) -> None:
    gated = GatedDisk()
    async with a_log(path, disk=gated.disk()) as log:
        await gated.is_syncing()
        gated.gate.clear()
        impatient, patient = (asyncio.ensure_future(approve(log)) for _ in range(2))
        await gated.is_syncing()
        impatient.cancel()
        gated.gate.set()

        await patient
        with pytest.raises(asyncio.CancelledError):
            await impatient


# --- what gets lost -------------------------------------------------------------------------------------------------


async def test_the_log_recovers_with_the_disk_and_tells_how_many_lines_are_missing(
    path: Path, faulty: FaultyDisk
) -> None:
    async with a_log(path, disk=faulty.disk()) as log:
        faulty.faults, faulty.written_before_failing = {"write"}, 100
        await refuse(log)
        await refuse(log)
        with pytest.raises(RecordNotWritten):
            await approve(log)
        faulty.faults = set()

        await approve(log)
        assert log.is_healthy()

    lines = lines_of(path)
    assert [line["event"] for line in lines] == ["started", "lost", "approved", "stopped"]
    assert lines[1]["lines"] == 3
    assert verify(path).ok


async def test_the_disk_is_tried_again_without_a_caller(path: Path, faulty: FaultyDisk, failures: Failures) -> None:
    async with a_log(path, failures, faulty.disk(), retry_seconds=0) as log:
        faulty.faults = {"sync"}
        with pytest.raises(RecordNotWritten):
            await approve(log)
        failures.changed.clear()
        await failures.changed.wait()
        faulty.faults = set()
        while not log.is_healthy():  # noqa: ASYNC110 -- success is told to nobody, and needs no telling
            await asyncio.sleep(0)

    assert events_of(path) == ["started", "lost", "stopped"]
    assert lines_of(path)[1]["lines"] == 1


async def test_a_refusal_never_raises_and_is_counted(path: Path, faulty: FaultyDisk, failures: Failures) -> None:
    async with a_log(path, failures, faulty.disk()) as log:
        faulty.faults = {"write"}

        await refuse(log)
        await failures.changed.wait()

        assert failures.count == 1
        faulty.faults = set()


async def test_lines_do_not_pile_up_before_a_disk_that_hangs(
    path: Path, failures: Failures, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MAX_WAITING", 3)
    gated = GatedDisk()
    async with a_log(path, failures, gated.disk()) as log:
        await gated.is_syncing()
        gated.gate.clear()
        first = asyncio.ensure_future(approve(log))
        await gated.is_syncing()
        for _ in range(5):
            await refuse(log)

        with pytest.raises(RecordNotWritten, match="waiting for the disk"):
            await approve(log)

        assert failures.count == 3
        assert not log.is_healthy()
        gated.gate.set()
        await first

    assert {"lost", "refused"} <= set(events_of(path))
    assert verify(path).ok


async def test_a_line_that_no_reader_would_take_is_not_written(path: Path, failures: Failures) -> None:
    async with a_log(path, failures) as log:
        log.http_refused(call_id="6f1c", service=None, peer="x" * MAX_LINE_BYTES, reason="bad_request", status=400)

        assert failures.count == 1


async def test_after_the_stop_nothing_is_written(path: Path, failures: Failures) -> None:
    async with a_log(path, failures) as log:
        pass

    with pytest.raises(RecordNotWritten, match="closed"):
        await approve(log)
    await refuse(log)

    assert events_of(path) == ["started", "stopped"]
    assert failures.count == 2
    assert not log.is_healthy()


async def test_a_stop_writes_what_waits(path: Path) -> None:
    async with a_log(path) as log:
        for _ in range(3):
            await refuse(log)

    assert events_of(path) == ["started", "refused", "refused", "refused", "stopped"]


async def test_a_stop_on_a_broken_disk_still_ends(path: Path, faulty: FaultyDisk, failures: Failures) -> None:
    async with a_log(path, failures, faulty.disk()):
        faulty.faults = {"sync"}

    assert failures.count == 1


# --- start ----------------------------------------------------------------------------------------------------------


async def test_there_is_no_start_without_a_record(path: Path, faulty: FaultyDisk) -> None:
    faulty.faults = {"sync"}
    with pytest.raises(RecordNotWritten):
        async with a_log(path, disk=faulty.disk()):
            pytest.fail("started")

    async with a_log(path):
        pass


async def test_two_processes_cannot_share_a_file(path: Path) -> None:
    async with a_log(path):
        with pytest.raises(AuditFileUnusable, match="in use"):
            async with a_log(path):
                pytest.fail("started")


# --- rotation -------------------------------------------------------------------------------------------------------


def rename(old: Path, new: Path) -> None:
    old.rename(new)


async def test_a_rotation_keeps_the_chain_and_every_line(path: Path) -> None:
    old = path.with_suffix(".1")
    async with a_log(path) as log:
        await approve(log)
        rename(path, old)
        await refuse(log)
        log.reopen()
        await approve(log)

    assert events_of(old) == ["started", "approved", "refused"]
    assert events_of(path) == ["approved", "stopped"]
    assert verify(path).previous == verify(old).digest


async def test_a_rotation_that_fails_is_reported_and_the_old_file_goes_on(path: Path, failures: Failures) -> None:
    old = path.with_suffix(".1")
    async with a_log(path, failures) as log:
        rename(path, old)
        os.mkdir(path)  # noqa: PTH102 -- the blocking call that ruff's ASYNC rules let pass
        log.reopen()
        await failures.changed.wait()
        await approve(log)

    assert events_of(old) == ["started", "approved", "stopped"]


# --- what is outside of calls ---------------------------------------------------------------------------------------


async def test_refusals_before_any_service_are_on_record(path: Path) -> None:
    async with a_log(path) as log:
        log.http_refused(call_id="6f1c", service="ces", peer="192.0.2.1", reason="unknown_path", status=404)
        log.handshake_failed(peer="192.0.2.2", listener="outside", reason="not_tls")

    _, http, handshake, _ = lines_of(path)
    assert {key: http[key] for key in ("event", "peer", "reason", "status")} == {
        "event": "http_refused",
        "peer": "192.0.2.1",
        "reason": "unknown_path",
        "status": 404,
    }
    assert {key: handshake[key] for key in ("event", "peer", "listener", "reason")} == {
        "event": "handshake_failed",
        "peer": "192.0.2.2",
        "listener": "outside",
        "reason": "not_tls",
    }


async def test_the_times_of_the_lines_do_not_go_back(path: Path, faulty: FaultyDisk) -> None:
    async with a_log(path, disk=faulty.disk()) as log:
        faulty.faults = {"write"}
        with pytest.raises(RecordNotWritten):
            await approve(log)
        faulty.faults = set()
        await asyncio.gather(approve(log), refuse(log), approve(log))

    times = [line["time"] for line in lines_of(path)]
    assert times == sorted(times)
