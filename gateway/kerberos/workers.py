"""Threads for what Kerberos' libraries do: they block, and let go of the interpreter's lock while they wait.

Three pools for each realm. A KDC that takes its time delays only who needs one; and whoever floods the gateway with
tickets, which it opens before it knows anybody, delays none of the calls that it has taken on.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar, TypeVarTuple

from gateway.errors import Overloaded

RETRY_AFTER = 5
"""Seconds: the most that an exchange takes with the relay's default deadline."""

_INSIDE_THREADS = 2
"""A token, or the proof that it is answered with, takes less than a millisecond."""

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Workers:
    """Of one realm."""

    def __init__(
        self, kdc_threads: int = 8, local_threads: int = 2, waiting: int = 100, waiting_seconds: float = 10
    ) -> None:
        """For the pools of `at_kdc` and `locally`, `waiting` bounds how many may stand behind those being worked on.

        Who had to wait for more than `waiting_seconds` is refused instead of being worked on: with a silent KDC, a
        queue of a hundred would take a minute, and who asks has given up by then.
        """
        self._kdc = _Pool("kdc", kdc_threads, waiting, waiting_seconds)
        self._local = _Pool("kerberos", local_threads, waiting, waiting_seconds)
        self._inside = ThreadPoolExecutor(_INSIDE_THREADS, thread_name_prefix="inside")

    async def at_kdc(self, function: Callable[[*Ts], T], *args: *Ts) -> T:
        """Call what may ask a KDC. Raises Overloaded, and what it raises."""
        return await self._kdc.call(function, *args)

    async def locally(self, function: Callable[[*Ts], T], *args: *Ts) -> T:
        """Call what asks no KDC. Raises Overloaded, and what it raises."""
        return await self._local.call(function, *args)

    async def towards_inside(self, function: Callable[[*Ts], T], *args: *Ts) -> T:
        """Call what authenticates a call inside, and asks no KDC. Raises what it raises, and never Overloaded.

        Once a CA has answered, nothing may come between its answer and the client. The queue needs no bound of its own:
        who stands in it is authenticated, stands there once, and holds one of the connections that were admitted.
        """
        return await asyncio.wrap_future(self._inside.submit(function, *args))

    def close(self) -> None:
        """Let go of the threads; who still waits is cancelled."""
        self._kdc.close()
        self._local.close()
        self._inside.shutdown(wait=False, cancel_futures=True)


class _Pool:
    def __init__(self, name: str, threads: int, waiting: int, waiting_seconds: float) -> None:
        self._name = name
        # Not asyncio.to_thread under a semaphore: a caller that hangs up would free its place, not its thread.
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._places = threading.BoundedSemaphore(threads + waiting)
        self._waiting_seconds = waiting_seconds

    async def call(self, function: Callable[[*Ts], T], *args: *Ts) -> T:
        if not self._places.acquire(blocking=False):
            raise Overloaded(f"too many calls wait for a thread ({self._name})", retry_after=RETRY_AFTER)
        work = self._threads.submit(self._work, time.monotonic() + self._waiting_seconds, partial(function, *args))
        work.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(work)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _work(self, begin_by: float, function: Callable[[], T]) -> T:
        if time.monotonic() > begin_by:
            raise Overloaded(
                f"no thread was free for {self._waiting_seconds:g} s ({self._name})", retry_after=RETRY_AFTER
            )
        return function()
