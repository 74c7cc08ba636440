"""Who is being verified in this process, by budget, and who waits for one of them to be known."""

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class _Queue:
    in_flight: int = 0
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)

    def wake(self) -> None:
        """One who waits for one place; all of them where nobody is left to wait for."""
        while self.waiting:
            waiter = self.waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                if self.in_flight:
                    return


class Turns:
    """Places are given back one by one, and each is offered to one who waits: not all of them ask for it."""

    def __init__(self) -> None:
        self._queues: dict[str, _Queue] = {}

    @contextmanager
    def taken(self, keys: Iterable[str]) -> Iterator[None]:
        """While somebody who has spent of these budgets is being verified, and what is his is given back."""
        keys = tuple(keys)
        for key in keys:
            self._queues.setdefault(key, _Queue()).in_flight += 1
        try:
            yield
        finally:
            for key in keys:
                self._end(key)

    async def settled(self, key: str) -> bool:
        """Return when one who has spent of this budget is known; False at once if there is nobody."""
        queue = self._queues.get(key)
        if queue is None:
            return False
        waiter = asyncio.get_running_loop().create_future()
        queue.waiting.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if not waiter.cancelled():
                # It was his turn, and he is gone.
                queue.wake()
            raise
        return True

    def _end(self, key: str) -> None:
        queue = self._queues[key]
        queue.in_flight -= 1
        if not queue.in_flight:
            del self._queues[key]
        queue.wake()
