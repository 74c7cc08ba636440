"""Health probes that speak SOAP: each internal server is asked now and then, also when no client comes.

A probe tells the breaker what an attempt would. Where the gateway has an identity of its own there, the question goes
through to the CA; elsewhere the service can only be heard to ask for a credential, which says that it runs, but not
that its CA does: that ejects a server that is down, and leaves it to the next client to bring it back.

What a probe asks writes nothing: QueryTokenStatus and GetPolicies read, and there is no probe by Issue.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Protocol

import structlog
from pydantic import Field

from gateway.credential import Credential, OwnIdentity
from gateway.errors import GatewayError
from gateway.upstream.breaker import Breaker, BreakerSettings, Verdict
from gateway.upstream.outcome import outcome_of

log = structlog.get_logger()

_LEAST_JITTER = 0.5
"""A probe comes after half to one and a half of the interval: many replicas do not ask at once."""


class HealthSettings(BreakerSettings):
    """Of the internal servers of one service."""

    probe_seconds: Annotated[float, Field(ge=0, le=3600)] = 30.0
    """Between two probes of a server; 0 for none. A server that died is known before a client meets it, and IIS
    unloads no application that is asked so often (idleTimeout: 20 minutes)."""


class Probed(Protocol):
    """A client of an internal CES or CEP, as far as probes ask it. Everything raises UpstreamError."""

    async def probe(self, credential: Credential) -> None:
        """Ask it something that changes nothing, and to which only a service that works has an answer."""
        ...

    async def knock(self) -> None:
        """Ask without a credential: it must ask for one."""
        ...


@dataclass(frozen=True, slots=True)
class Monitor:
    """Of one server."""

    service: str
    server: str
    probed: Probed
    identity: OwnIdentity | None
    breaker: Breaker
    seconds: float
    random: Callable[[], float]
    """From 0 to 1."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def run(self) -> None:
        """Until it is cancelled. The first probe comes after a pause too: at the start, a server is taken for good."""
        while True:
            await self.sleep(self.seconds * (_LEAST_JITTER + self.random()))
            await self.probe()

    async def probe(self) -> None:
        """Once, and not at all while the server is left alone: a probe is a trial as any other."""
        if not self.breaker.is_admitting:
            return
        attempt = self.breaker.begin()
        verdict, failure = Verdict.NONE, ""
        try:
            verdict = await self._verdict()
        except GatewayError as error:
            verdict, failure = outcome_of(error).verdict, str(error)
            log.warning("health probe failed", service=self.service, server=self.server, error=failure)
        finally:
            self.breaker.end(attempt, verdict, failure)

    async def _verdict(self) -> Verdict:
        if self.identity is None:
            await self.probed.knock()
            return Verdict.NONE
        await self.probed.probe(await self.identity.own_credential())
        return Verdict.GOOD
