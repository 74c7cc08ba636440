"""A state that is measured, and asked now and then whether it is there: without calls, nobody would know."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from time import perf_counter
from types import TracebackType
from typing import Protocol, Self, TypeVar

import structlog

from gateway.background import Background
from gateway.errors import StateUnavailable
from gateway.state.gcra import Budget
from gateway.state.state import Entry, Overspent, Spending, State, Table

log = structlog.get_logger()

T = TypeVar("T")

PROBE_SECONDS = 5.0
"""As often as Kubernetes asks whether the gateway is ready, by this project's chart."""

_PROBE = (Spending("probe of the gateway", Budget(1, timedelta(milliseconds=1), 1)),)
"""It writes: a full disk, and a server that has become a replica, can still be read."""


class StateOperation(StrEnum):
    """What is asked of a state."""

    GET = "get"
    PUT = "put"
    REMOVE = "remove"
    PAGE = "page"
    SPEND = "spend"
    GIVE_BACK = "give_back"


class StateMetrics(Protocol):
    """What is counted."""

    def state_answered(self, operation: StateOperation, seconds: float) -> None: ...

    def state_failed(self, operation: StateOperation) -> None: ...


class WatchedState:
    """A `State` around another one: `async with WatchedState(...)`, which closes it at the end."""

    def __init__(
        self,
        state: State,
        metrics: StateMetrics,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._state = state
        self._metrics = metrics
        self._sleep = sleep
        self._is_healthy = True
        self._background = Background([("the state is probed", self._probe)])

    def is_healthy(self) -> bool:
        """Whether the last operation was answered."""
        return self._is_healthy

    async def __aenter__(self) -> Self:
        self._background.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._background.stop()
        await self.close()

    async def get(self, table: Table, key: str) -> Entry | None:
        return await self._watch(StateOperation.GET, self._state.get(table, key))

    async def put(
        self, table: Table, key: str, value: bytes, *, expires: datetime, replaces: Entry | None
    ) -> Entry | None:
        return await self._watch(
            StateOperation.PUT, self._state.put(table, key, value, expires=expires, replaces=replaces)
        )

    async def remove(self, table: Table, entry: Entry) -> bool:
        return await self._watch(StateOperation.REMOVE, self._state.remove(table, entry))

    async def page(self, table: Table, *, after: str = "", limit: int = 100) -> Sequence[Entry]:
        return await self._watch(StateOperation.PAGE, self._state.page(table, after=after, limit=limit))

    async def spend(self, spendings: Sequence[Spending]) -> Overspent | None:
        return await self._watch(StateOperation.SPEND, self._state.spend(spendings))

    async def give_back(self, spendings: Sequence[Spending]) -> None:
        await self._watch(StateOperation.GIVE_BACK, self._state.give_back(spendings))

    async def close(self) -> None:
        await self._state.close()

    async def _watch(self, operation: StateOperation, answer: Awaitable[T]) -> T:
        start = perf_counter()
        try:
            result = await answer
        except StateUnavailable as error:
            self._metrics.state_failed(operation)
            self._found(error)
            raise
        self._metrics.state_answered(operation, perf_counter() - start)
        self._found(None)
        return result

    def _found(self, error: StateUnavailable | None) -> None:
        """The log has the change, not every failure: the audit record has those."""
        if error is not None and self._is_healthy:
            log.error("state unavailable: requests are refused", error=str(error))
        elif error is None and not self._is_healthy:
            log.info("state available again")
        self._is_healthy = error is None

    async def _probe(self) -> None:
        while True:
            await self._sleep(PROBE_SECONDS)
            try:
                await self.spend(_PROBE)
            except StateUnavailable:
                continue  # _found has seen it
            except Exception:
                log.exception("the state cannot be probed")
