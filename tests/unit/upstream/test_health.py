import asyncio
from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from gateway.background import Background
from gateway.credential import Credential, OwnCertificate
from gateway.errors import GatewayError, KdcUnreachable, UpstreamMisbehaved, UpstreamUnavailable
from gateway.upstream.breaker import Breaker, BreakerSettings
from gateway.upstream.health import Monitor
from gateway.upstream.outcome import Outcome
from tests.fakes.clock import MonotonicClock

DOWN = UpstreamUnavailable("connection refused", sent=False)


@dataclass
class Server:
    """An internal server and the gateway's own identity in one, and what watches it."""

    has_identity: bool = True
    error: Exception | None = None
    no_credential: GatewayError | None = None
    asked: list[str] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    is_enough: asyncio.Event = field(default_factory=asyncio.Event)
    clock: MonotonicClock = field(default_factory=MonotonicClock)

    def __post_init__(self) -> None:
        settings = BreakerSettings(failures=2, first_pause_seconds=10)
        self.breaker = Breaker(settings, self.clock, lambda: 1.0)
        identity = self if self.has_identity else None
        self.monitor = Monitor("ces", "ces:443", self, identity, self.breaker, 30, lambda: 0.25, self.sleep)

    async def own_credential(self) -> Credential:
        if self.no_credential:
            raise self.no_credential
        return OwnCertificate()

    async def probe(self, credential: Credential) -> None:
        assert credential == OwnCertificate()
        await self._ask("probe")

    async def knock(self) -> None:
        await self._ask("knock")

    async def _ask(self, what: str) -> None:
        self.asked.append(what)
        if self.error:
            raise self.error

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if len(self.slept) == 3:
            self.is_enough.set()
            await asyncio.Event().wait()

    def eject(self) -> None:
        for _ in range(2):
            self.breaker.end(self.breaker.begin(), Outcome.NO_ANSWER.verdict, "no answer")


@pytest.mark.parametrize("has_identity", [True, False])
@pytest.mark.parametrize("error", [DOWN, UpstreamMisbehaved("HTML"), UpstreamUnavailable("silent", sent=True)])
async def test_a_server_that_fails_its_probes_is_ejected_before_a_client_meets_it(
    has_identity: bool, error: GatewayError
) -> None:
    server = Server(has_identity, error)
    with capture_logs() as logs:
        await server.monitor.probe()
        await server.monitor.probe()

    assert not server.breaker.is_closed
    assert [line["event"] for line in logs] == ["health probe failed"] * 2


async def test_a_server_that_is_left_alone_is_not_probed_either() -> None:
    server = Server()
    server.eject()

    await server.monitor.probe()

    assert server.asked == []


async def test_an_answer_under_the_gateways_own_name_brings_a_server_back() -> None:
    server = Server()
    server.eject()
    server.clock.tick(10)

    await server.monitor.probe()

    assert server.asked == ["probe"]
    assert server.breaker.is_closed


async def test_that_a_service_asks_for_a_credential_does_not_bring_it_back_but_makes_room_for_a_trial() -> None:
    server = Server(has_identity=False)
    server.eject()
    server.clock.tick(10)

    await server.monitor.probe()

    assert server.asked == ["knock"]
    assert not server.breaker.is_closed
    assert server.breaker.is_admitting


async def test_that_a_service_asks_for_a_credential_does_not_outweigh_what_clients_met() -> None:
    server = Server(has_identity=False)
    server.breaker.end(server.breaker.begin(), Outcome.NO_ANSWER.verdict, "no answer")

    await server.monitor.probe()
    server.breaker.end(server.breaker.begin(), Outcome.NO_ANSWER.verdict, "no answer")

    assert not server.breaker.is_closed


async def test_a_failed_trial_prolongs_the_pause() -> None:
    server = Server(error=DOWN)
    server.eject()
    server.clock.tick(10)

    await server.monitor.probe()

    server.clock.tick(19)
    assert not server.breaker.is_admitting
    server.clock.tick(1)
    assert server.breaker.is_admitting


async def test_where_the_gateway_has_no_ticket_nothing_is_said_of_the_server() -> None:
    server = Server(no_credential=KdcUnreachable("no KDC"))
    for _ in range(3):
        await server.monitor.probe()

    assert server.asked == []
    assert server.breaker.is_closed


async def test_probes_come_after_pauses_with_jitter() -> None:
    server = Server()
    async with Background([("probes", server.monitor.run)]):
        await server.is_enough.wait()

    assert server.slept == [22.5] * 3
    assert server.asked == ["probe"] * 2
