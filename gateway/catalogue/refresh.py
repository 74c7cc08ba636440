"""The inside is asked for its templates: by the gateway itself, under its own name, at the start and then regularly."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

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
