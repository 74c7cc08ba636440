"""Server processes: started, watched, and stopped by their process id."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.tools import RUN, BenchError

_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Server:
    """One running server with all its processes."""

    name: str
    port: int
    pid: int

    def processes(self) -> list[int]:
        return _with_children(self.pid)

    def cpu_seconds(self) -> float:
        """User and system time of all threads so far, to the nanosecond, where /proc/PID/stat counts in hundredths."""
        return sum(time.clock_gettime(_cpu_clock(pid)) for pid in self.processes())

    def memory_bytes(self) -> int:
        """Proportional set size: a page that several processes share counts once in all."""
        return sum(_proportional_set_size(pid) for pid in self.processes())


def _cpu_clock(pid: int) -> int:
    """The CPU-time clock of another process, as clock_getcpuclockid(3) makes it (CPUCLOCK_SCHED is 2)."""
    return (~pid << 3) | 2


def _with_children(pid: int) -> list[int]:
    try:
        children = [
            int(child)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text().split()
        ]
    except FileNotFoundError:
        return []
    return [pid, *(descendant for child in children for descendant in _with_children(child))]


def _proportional_set_size(pid: int) -> int:
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return next(int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:"))


def free_port() -> int:
    """A port of the loopback address that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def running(name: str, port: int, command: Sequence[str | Path]) -> AsyncIterator[Server]:
    """A server that takes connections when the block begins, and is gone when it ends. Raises BenchError."""
    log = RUN / f"{name}.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(*map(str, command), cwd=_ROOT, stdout=output, stderr=output)
    try:
        await _until_listening(name, port, process, log)
        yield Server(name, port, process.pid)
    finally:
        if process.returncode is None:
            await _stop(process)


async def _until_listening(name: str, port: int, process: asyncio.subprocess.Process, log: Path) -> None:
    try:
        async with asyncio.timeout(20):
            while process.returncode is None:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.05)
                else:
                    writer.close()
                    return
    except TimeoutError:
        pass
    said = await asyncio.to_thread(log.read_text, errors="replace")
    raise BenchError(f"{name} does not listen on port {port}; it said:\n{said[-3000:]}")


async def _stop(process: asyncio.subprocess.Process) -> None:
    process.terminate()
    try:
        async with asyncio.timeout(10):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
