"""The internal servers behind each published service, running: pools of clients, with their breakers and probes."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from datetime import datetime
from functools import partial
from secrets import SystemRandom
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from gateway.background import Background
from gateway.config import CEPSettings, CESSettings, TransitionKind
from gateway.credential import OwnIdentity, Transition, Way
from gateway.telemetry import Metrics, UpstreamMetrics
from gateway.transition.pass_on import PassOnUsernameToken, UseOwnCertificate
from gateway.upstream.breaker import Breaker
from gateway.upstream.cep import CepClient
from gateway.upstream.ces import CesClient
from gateway.upstream.health import Monitor, Probed
from gateway.upstream.pool import Member, Pool
from gateway.upstream.settings import UpstreamSettings
from gateway.upstream.soap_client import SoapClient

if TYPE_CHECKING:
    from gateway.realms import Realm, Realms

Service = CEPSettings | CESSettings
P = TypeVar("P", bound=Probed)


class InsideServers:
    """`async with InsideServers(...)`: until its end, the pools that it made have connections and are probed."""

    def __init__(self, metrics: Metrics, realms: "Realms | None", clock: Callable[[], datetime]) -> None:
        self._metrics = metrics
        self._realms = realms
        self._clock = clock
        self._random = SystemRandom().random
        self._troubles: dict[str, Callable[[], str | None]] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def ces(self, service: CESSettings) -> Pool[CesClient]:
        """Of a CES service. Raises Mistaken if a file of the settings cannot be used."""
        return await self._pool(service, CesClient)

    async def cep(self, service: CEPSettings) -> Pool[CepClient]:
        """Of a CEP service. Raises as `ces` does."""
        return await self._pool(service, lambda client: CepClient(client, self._clock))

    def troubles(self) -> Mapping[str, Callable[[], str | None]]:
        """Which servers are ejected, by service. No matter of readiness: out of service, a gateway could tell no client
        what is wrong, and no replica would be better.
        """
        return self._troubles

    async def _pool(self, service: Service, make: Callable[[SoapClient], P]) -> Pool[P]:
        metrics = self._metrics.upstreams(service.name)
        members = [await self._member(service, upstream, make, metrics) for upstream in service.upstream]
        pool = Pool(members, time.monotonic, metrics.tried)
        self._troubles[f"upstream {service.name}"] = pool.trouble
        if service.health.probe_seconds:
            monitors = self._monitors(service, members)
            probes = ((f"probes of {each.server} for {each.service}", each.run) for each in monitors)
            await self._stack.enter_async_context(Background(probes))
        return pool

    async def _member(
        self, service: Service, upstream: UpstreamSettings, make: Callable[[SoapClient], P], metrics: UpstreamMetrics
    ) -> Member[P]:
        realm = self._realms.of(service) if self._realms else None
        observe = partial(self._metrics.upstream_answered, service.name)
        client = await self._stack.enter_async_context(self._soap_client(service, upstream, realm, observe))
        way = Way(_transition(service, upstream, realm), make(client), _own_identity(service, upstream, realm))
        breaker = Breaker(service.health, time.monotonic, self._random, partial(metrics.ejected, upstream.server))
        metrics.watch(upstream.server, lambda: breaker.is_closed)
        return Member(upstream.server, way, breaker, upstream.priority, upstream.weight)

    def _soap_client(
        self, service: Service, upstream: UpstreamSettings, realm: "Realm | None", observe: Callable[[float], None]
    ) -> SoapClient:
        if realm is not None and service.transition.shows_ticket:
            return realm.soap_client(upstream, observe)
        return SoapClient(upstream, self._clock, observe)

    def _monitors(self, service: Service, members: list[Member[P]]) -> Iterator[Monitor]:
        for member in members:
            yield Monitor(
                service.name,
                member.name,
                member.way.service,
                member.way.own_identity,
                member.breaker,
                service.health.probe_seconds,
                self._random,
            )


def _own_identity(service: Service, upstream: UpstreamSettings, realm: "Realm | None") -> OwnIdentity | None:
    """None where the gateway goes inside as its requesters only."""
    match service.transition:
        case TransitionKind.OWN_CERTIFICATE:
            return UseOwnCertificate()
        case TransitionKind.OWN_ACCOUNT:
            assert realm is not None, "check-config has seen that it has a realm"
            return realm.own_identity(upstream)
        case _:
            return None


def _transition(service: Service, upstream: UpstreamSettings, realm: "Realm | None") -> Transition:
    match service.transition:
        case TransitionKind.PASS_ON_USERNAME_TOKEN:
            return PassOnUsernameToken()
        case TransitionKind.OWN_CERTIFICATE:
            return UseOwnCertificate()
        case _:
            assert realm is not None, "check-config has seen that it has a realm"
            return realm.transition(service, upstream)
