"""The inside is asked for its templates: by the gateway itself, under its own name, at the start and then regularly."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import structlog

from gateway.credential import Inside, Way
from gateway.enrollment_policy import CertificateEnrollmentPolicyService
from gateway.errors import GatewayError
from gateway.protocol.xcep import GetPolicies, GetPoliciesResponse

log = structlog.get_logger()

RETRY_SECONDS = 60.0
"""After a failure: soon enough for a start beside a CEP that is being started, and no load for it."""

EVERYTHING = GetPolicies(last_update=None, preferred_language=None, request_filter=None)
"""Without lastUpdate CEP must answer in full, and without a filter with every template ([MS-XCEP] 3.1.4.1.3.22)."""


@dataclass(frozen=True, slots=True)
class Refresher:
    """Of one CEP service."""

    service: str
    inside: Inside[CertificateEnrollmentPolicyService]
    """Every way has an identity of the gateway's own."""
    seconds: float
    """From one answer to the next question."""
    learn: Callable[[GetPoliciesResponse], None]
    count_failure: Callable[[], None]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            is_refreshed = await self.refresh()
            await self.sleep(self.seconds if is_refreshed else min(self.seconds, RETRY_SECONDS))

    async def refresh(self) -> bool:
        """Ask once, and say whether there was an answer. What failed is logged and counted; the last good stays."""
        try:
            response = await self.inside.reach(_fetch)
        except GatewayError as error:
            self.count_failure()
            log.warning("template catalogue not refreshed", service=self.service, error=str(error))
            return False
        self.learn(response)
        return True


async def _fetch(way: Way[CertificateEnrollmentPolicyService]) -> GetPoliciesResponse:
    assert way.own_identity is not None
    return await way.service.fetch_policies(EVERYTHING, await way.own_identity.own_credential())


class Refreshing:
    """`async with Refreshing(refreshers)`: they run until its end."""

    def __init__(self, refreshers: Iterable[Refresher]) -> None:
        self._refreshers = tuple(refreshers)
        self.tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        for refresher in self._refreshers:
            # Kept, and awaited at the end. No TaskGroup: who enters it must leave it, and this may end in another task.
            task = asyncio.create_task(refresher.run(), name=refresher.service)  # noqa: TID251 -- see above
            task.add_done_callback(_report)
            self.tasks.append(task)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


def _report(task: asyncio.Task[None]) -> None:
    """A mistake of ours must not end the asking without a word."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("template catalogue is not refreshed any more", service=task.get_name(), exc_info=error)
