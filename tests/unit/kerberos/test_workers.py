import asyncio
import threading
from collections.abc import Iterator

import pytest

from gateway.errors import Overloaded, WrongPassword
from gateway.kerberos.workers import Workers


class Gate:
    """Work that goes on only when it is let."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.open = threading.Event()

    def work(self, result: str = "done") -> str:
        self.entered.release()
        assert self.open.wait(timeout=60)
        return result


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open.set()


@pytest.fixture
def workers() -> Iterator[Workers]:
    workers = Workers(kdc_threads=1, local_threads=1, waiting=1)
    yield workers
    workers.close()


async def test_work_is_done_in_another_thread(workers: Workers) -> None:
    assert await workers.at_kdc(threading.get_ident) != threading.get_ident()
    assert await workers.locally(threading.get_ident) != threading.get_ident()
    assert await workers.towards_inside(threading.get_ident) != threading.get_ident()


async def test_arguments_and_result_pass(workers: Workers) -> None:
    assert await workers.at_kdc(divmod, 7, 2) == (3, 1)
    assert await workers.locally(divmod, 7, 2) == (3, 1)


async def test_an_error_passes(workers: Workers) -> None:
    def fail() -> None:
        raise WrongPassword("the password is wrong")

    with pytest.raises(WrongPassword):
        await workers.at_kdc(fail)


async def test_a_kdc_that_takes_its_time_delays_nobody_who_needs_none(workers: Workers, gate: Gate) -> None:
    at_kdc = asyncio.ensure_future(workers.at_kdc(gate.work))
    await asyncio.to_thread(gate.entered.acquire)

    assert await workers.locally(divmod, 7, 2) == (3, 1)

    gate.open.set()
    assert await at_kdc == "done"


async def test_what_goes_inside_is_never_refused_and_waits_for_nothing_else(gate: Gate) -> None:
    workers = Workers(kdc_threads=1, local_threads=1, waiting=0)
    others = [asyncio.ensure_future(work(gate.work)) for work in (workers.at_kdc, workers.locally)]
    await asyncio.wait(others, timeout=0)
    with pytest.raises(Overloaded):
        await workers.locally(divmod, 7, 2)

    assert await asyncio.gather(*(workers.towards_inside(divmod, 7, 2) for _ in range(500))) == [(3, 1)] * 500

    gate.open.set()
    assert await asyncio.gather(*others) == ["done", "done"]
    workers.close()


async def test_beyond_the_queue_work_is_refused_at_once(workers: Workers, gate: Gate) -> None:
    async with asyncio.TaskGroup() as group:
        accepted = [group.create_task(workers.at_kdc(gate.work)) for _ in range(2)]
        await asyncio.to_thread(gate.entered.acquire)

        with pytest.raises(Overloaded) as raised:
            await workers.at_kdc(gate.work)
        assert raised.value.retry_after > 0

        gate.open.set()
    assert [task.result() for task in accepted] == ["done", "done"]
    assert await workers.at_kdc(divmod, 7, 2) == (3, 1)


async def test_who_has_waited_too_long_is_refused(gate: Gate) -> None:
    workers = Workers(kdc_threads=1, waiting=1, waiting_seconds=0)
    working = asyncio.ensure_future(workers.at_kdc(gate.work))
    waiting = asyncio.ensure_future(workers.at_kdc(gate.work))
    gate.open.set()

    results = await asyncio.gather(working, waiting, return_exceptions=True)

    assert type(results[1]) is Overloaded
    workers.close()


async def test_a_caller_that_hangs_up_does_not_let_another_in_while_its_thread_is_busy(gate: Gate) -> None:
    workers = Workers(kdc_threads=1, waiting=0)
    working = asyncio.ensure_future(workers.at_kdc(gate.work))
    await asyncio.to_thread(gate.entered.acquire)

    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working

    with pytest.raises(Overloaded):
        await workers.at_kdc(gate.work)
    gate.open.set()
    workers.close()


async def test_a_caller_that_hangs_up_while_it_waits_frees_its_place(workers: Workers, gate: Gate) -> None:
    working = asyncio.ensure_future(workers.at_kdc(gate.work))
    await asyncio.to_thread(gate.entered.acquire)
    waiting = asyncio.ensure_future(workers.at_kdc(gate.work, "second"))
    await asyncio.sleep(0)

    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    another = asyncio.ensure_future(workers.at_kdc(gate.work, "third"))
    gate.open.set()
    assert await another == "third"
    await working


async def test_who_still_waits_at_the_end_is_cancelled(workers: Workers, gate: Gate) -> None:
    working = asyncio.ensure_future(workers.at_kdc(gate.work))
    await asyncio.to_thread(gate.entered.acquire)
    waiting = asyncio.ensure_future(workers.at_kdc(gate.work))
    await asyncio.sleep(0)

    workers.close()

    with pytest.raises(asyncio.CancelledError):
        await waiting
    gate.open.set()
    assert await working == "done"
