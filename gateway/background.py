"""Work beside the calls, which begins and ends with the part of the gateway that it is for."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from types import TracebackType
from typing import Any, Self

import structlog

log = structlog.get_logger()

Work = Callable[[], Coroutine[Any, Any, None]]
"""Goes on until it is cancelled."""


class Background:
    """`async with Background([("what it is", work)]):` each runs until the end of the block.

    No TaskGroup: who enters one must leave it, and a part may be stopped in another task than it was started in.
    """

    def __init__(self, works: Iterable[tuple[str, Work]]) -> None:
        self._works = tuple(works)
        self.tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        for name, work in self._works:
            # Kept, and awaited by `stop`.
            task = asyncio.create_task(work(), name=name)  # noqa: TID251 -- see above
            task.add_done_callback(_report)
            self.tasks.append(task)

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


def _report(task: asyncio.Task[None]) -> None:
    """A mistake of ours must not end it without a word."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("work in the background has ended", work=task.get_name(), exc_info=error)
