import asyncio
from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from gateway.background import Background
from gateway.catalogue.refresh import EVERYTHING, RETRY_SECONDS, Refresher
from gateway.credential import Credential, OwnCertificate
from gateway.errors import GatewayError, OwnKeytabRefused, UpstreamUnavailable
from gateway.protocol.xcep import GetPolicies, GetPoliciesResponse
from tests.fakes.inside import OneServer
from tests.templates import an_offer

HOUR = 3600.0


@dataclass
class Inside:
    """CEP and the gateway's own name in one; `script` says how each question ends, the last word for ever."""

    script: list[GatewayError | Exception | None] = field(default_factory=lambda: [None])
    refused: GatewayError | None = None
    asked: int = 0
    learned: list[GetPoliciesResponse] = field(default_factory=list)
    failures: int = 0
    slept: list[float] = field(default_factory=list)
    enough: int = 3
    done: asyncio.Event = field(default_factory=asyncio.Event)

    async def own_credential(self) -> Credential:
        if self.refused:
            raise self.refused
        return OwnCertificate()

    async def fetch_policies(self, request: GetPolicies, credential: Credential) -> GetPoliciesResponse:
        assert (request, credential) == (EVERYTHING, OwnCertificate())
        end = self.script[min(self.asked, len(self.script) - 1)]
        self.asked += 1
        if end is not None:
            raise end
        return an_offer()

    def count_failure(self) -> None:
        self.failures += 1

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if len(self.slept) >= self.enough:
            self.done.set()
            await asyncio.Event().wait()

    def refresher(self, seconds: float = HOUR) -> Refresher:
        return Refresher(
            "cep", OneServer(self, self, self), seconds, self.learned.append, self.count_failure, self.sleep
        )


async def test_an_answer_is_learned() -> None:
    inside = Inside()

    assert await inside.refresher().refresh()

    assert inside.learned == [an_offer()]


@pytest.mark.parametrize(
    "inside",
    [Inside(script=[UpstreamUnavailable("no connection", sent=False)]), Inside(refused=OwnKeytabRefused("old key"))],
)
async def test_what_fails_is_counted_and_told_and_nothing_is_learned(inside: Inside) -> None:
    with capture_logs() as logs:
        assert not await inside.refresher().refresh()

    assert (inside.learned, inside.failures) == ([], 1)
    assert [(line["event"], line["service"]) for line in logs] == [("template catalogue not refreshed", "cep")]


async def test_it_is_asked_at_the_start_and_regularly_and_soon_again_after_a_failure() -> None:
    inside = Inside(script=[None, UpstreamUnavailable("no connection", sent=False), None])

    async with Background([("cep", inside.refresher().run)]):
        await inside.done.wait()

    assert inside.slept == [HOUR, RETRY_SECONDS, HOUR]
    assert len(inside.learned) == 2


async def test_a_failure_does_not_make_the_asking_rarer() -> None:
    inside = Inside(script=[UpstreamUnavailable("no connection", sent=False)], enough=1)

    async with Background([("cep", inside.refresher(seconds=30).run)]):
        await inside.done.wait()

    assert inside.slept == [30]
