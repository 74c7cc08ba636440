"""The self-test, kept up to date: what it says is of this moment, and is said once."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.advertising import TEST_EVERY, Advertising
from gateway.config import CEPSettings, Configuration
from gateway.telemetry import Metrics
from gateway.web.reply import PublishedService, Reply
from tests.unit.config.samples import a_configuration, load

CA = "Corp Issuing CA 1"


class World:
    def __init__(self, directory: Path) -> None:
        self.configuration: Configuration = load(directory, a_configuration(directory)).configuration
        self.now = datetime.now(UTC)
        self.cas: frozenset[str] = frozenset()
        self.metrics = Metrics()
        self.advertising = Advertising(
            self.configuration,
            published=self.published,
            offered_cas=lambda: self.cas,
            metrics=self.metrics,
            clock=lambda: self.now,
            redact=str.upper,
        )

    def published(self) -> Sequence[PublishedService]:
        async def answer(*_: object) -> Reply:
            return Reply(200, b"")

        return [
            PublishedService(
                each.name, each.path, self.configuration.public_host_of(each), answer, answer, negotiate=False
            )
            for each in self.configuration.services
        ]

    @property
    def policy(self) -> CEPSettings:
        (policy,) = (each for each in self.configuration.services if isinstance(each, CEPSettings))
        return policy

    def cas_told(self) -> set[str]:
        return set(self.advertising.publication(self.policy).uris)

    def trouble(self) -> str | None:
        return self.advertising.troubles()["service ca"]()

    def gauge(self) -> str:
        (line,) = (line for line in self.metrics.render().decode().splitlines() if "not_advertised{" in line)
        return line.rpartition(" ")[2]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_what_works_is_told_and_is_the_same_value_while_nothing_changes(world: World) -> None:
    first = world.advertising.publication(world.policy)

    world.now += TEST_EVERY
    assert world.advertising.publication(world.policy) is first
    assert set(first.uris) == {CA}
    assert first.redact("a") == "A"
    assert (world.trouble(), world.gauge()) == (None, "0.0")


def test_what_does_not_work_is_not_told_and_it_is_said_once_until_it_does(world: World) -> None:
    world.cas = frozenset({"Another CA"})
    with capture_logs() as logs:
        world.advertising.test()
        world.advertising.test()

    assert world.cas_told() == set()
    assert "Another CA" in (world.trouble() or "")
    assert world.gauge() == "1.0"
    assert [(line["log_level"], line["service"]) for line in logs] == [("warning", "ca")]

    world.cas = frozenset({CA})
    with capture_logs() as logs:
        world.advertising.test()
    assert world.cas_told() == {CA}
    assert (world.trouble(), world.gauge()) == (None, "0.0")
    assert [line["log_level"] for line in logs] == ["info"]


def test_time_alone_is_noticed(world: World) -> None:
    assert world.cas_told() == {CA}

    world.now += timedelta(days=36500)
    assert world.cas_told() == set()
    assert "expired" in (world.trouble() or "")


def test_files_are_not_read_for_every_client(world: World, tmp_path: Path) -> None:
    assert world.cas_told() == {CA}
    world.configuration.listeners[0].certificate.unlink()

    world.now += TEST_EVERY - timedelta(seconds=1)
    assert world.cas_told() == {CA}
    world.now += timedelta(seconds=1)
    assert world.cas_told() == set()
