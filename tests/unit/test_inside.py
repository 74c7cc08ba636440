from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.config import CEPSettings, CESSettings, Configuration
from gateway.inside import InsideServers
from gateway.telemetry import Metrics
from gateway.transition.pass_on import PassOnUsernameToken, UseOwnCertificate
from gateway.upstream.breaker import Verdict
from gateway.upstream.settings import UpstreamSettings
from gateway.upstream.soap_client import SoapClient
from tests.unit.config.samples import a_configuration, a_configuration_with_a_realm, load

NOW = datetime(2026, 11, 23, tzinfo=UTC)


class FakeRealm:
    """Gives out names of what it would make, with the SPN that it is for."""

    def of(self, service: CEPSettings | CESSettings) -> "FakeRealm | None":
        return None if service.realm is None else self

    def transition(self, service: CEPSettings | CESSettings, upstream: UpstreamSettings) -> Any:
        return f"{service.transition} to {upstream.spn}"

    def own_identity(self, upstream: UpstreamSettings) -> Any:
        return f"own account at {upstream.spn}"

    def soap_client(self, upstream: UpstreamSettings, on_exchange: Callable[[float], None]) -> SoapClient:
        return SoapClient(upstream, lambda: NOW, on_exchange)


def configured(directory: Path, content: dict[str, Any], *services: int) -> Configuration:
    """With a second server behind these services."""
    for n in services:
        one = content["services"][n]["upstream"]
        content["services"][n]["upstream"] = [
            one,
            {**one, "url": "https://ces2.corp.example:8443/CES", "priority": 2, "weight": 3},
        ]
    return load(directory, content).configuration


def inside_of(configuration: Configuration, realms: Any = None) -> InsideServers:
    return InsideServers(Metrics(services=[service.name for service in configuration.services]), realms, lambda: NOW)


def ces_of(configuration: Configuration, n: int) -> CESSettings:
    service = configuration.services[n]
    assert isinstance(service, CESSettings)
    return service


async def test_a_list_of_servers_becomes_a_pool_of_them(tmp_path: Path) -> None:
    configuration = configured(tmp_path, a_configuration(tmp_path), 1)
    async with inside_of(configuration) as inside:
        pool = await inside.ces(ces_of(configuration, 1))

    assert [(m.name, m.priority, m.weight) for m in pool.members] == [
        ("ces.corp.example:443", 1, 1),
        ("ces2.corp.example:8443", 2, 3),
    ]
    assert all(isinstance(m.way.transition, PassOnUsernameToken) for m in pool.members)
    assert all(m.way.own_identity is None for m in pool.members)


async def test_where_the_gateway_shows_its_own_certificate_it_has_an_identity_for_probes(tmp_path: Path) -> None:
    configuration = configured(tmp_path, a_configuration(tmp_path))
    service = configuration.services[0]
    assert isinstance(service, CEPSettings)
    async with inside_of(configuration) as inside:
        (member,) = (await inside.cep(service)).members

    assert isinstance(member.way.transition, UseOwnCertificate)
    assert isinstance(member.way.own_identity, UseOwnCertificate)


@pytest.mark.parametrize(
    ("n", "transition"), [(2, "protocol_transition"), (3, "user_ticket"), (4, "constrained_delegation")]
)
async def test_each_server_has_tickets_for_its_own_spn(tmp_path: Path, n: int, transition: str) -> None:
    configuration = configured(tmp_path, a_configuration_with_a_realm(tmp_path), n)
    async with inside_of(configuration, FakeRealm()) as inside:
        pool = await inside.ces(ces_of(configuration, n))

    ways: list[Any] = [m.way.transition for m in pool.members]
    assert ways == [f"{transition} to HTTP/ces.corp.example", f"{transition} to HTTP/ces2.corp.example"]
    assert all(m.way.own_identity is None for m in pool.members), "its own account is not the requester's"


async def test_the_gateways_own_account_probes_by_a_ticket_for_each_server(tmp_path: Path) -> None:
    configuration = configured(tmp_path, a_configuration_with_a_realm(tmp_path), 5)
    async with inside_of(configuration, FakeRealm()) as inside:
        pool = await inside.ces(ces_of(configuration, 5))

    identities: list[Any] = [m.way.own_identity for m in pool.members]
    assert identities == ["own account at HTTP/ces.corp.example", "own account at HTTP/ces2.corp.example"]


async def test_troubles_are_told_by_service(tmp_path: Path) -> None:
    configuration = configured(tmp_path, a_configuration(tmp_path), 1)
    async with inside_of(configuration) as inside:
        pool = await inside.ces(ces_of(configuration, 1))
        trouble = inside.troubles()["upstream ca"]
        assert trouble() is None

        breaker = pool.members[0].breaker
        for _ in range(configuration.services[1].health.failures):
            breaker.end(breaker.begin(), Verdict.BAD, "connection refused")

        assert trouble() == "ces.corp.example:443: connection refused"
