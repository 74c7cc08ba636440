"""What the CEP services advertise at the moment: the self-test, kept up to date, and loud."""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import structlog

from gateway.config import CEPSettings, CESSettings, Configuration
from gateway.config.advertising import publication_of, why_not_advertised
from gateway.policy.publication import Publication
from gateway.telemetry import Metrics
from gateway.web.reply import PublishedService

log = structlog.get_logger()

TEST_EVERY = timedelta(minutes=1)
"""Of what changes with time alone, the end of a server certificate. It reads some small files."""


class Advertising:
    """For one event loop."""

    def __init__(
        self,
        configuration: Configuration,
        *,
        published: Callable[[], Sequence[PublishedService]],
        offered_cas: Callable[[], AbstractSet[str]],
        metrics: Metrics,
        clock: Callable[[], datetime],
        redact: Callable[[str], str],
    ) -> None:
        """`offered_cas` gives the common names of the CAs that the inside offers; nothing while that is not known."""
        self._configuration = configuration
        self._published = published
        self._offered_cas = offered_cas
        self._clock = clock
        self._redact = redact
        self._reasons: Mapping[str, str] = {}
        self._tested_at: datetime | None = None
        self._publications: dict[str, Publication] = {}
        for name in self._names():
            metrics.watch_advertising(name, partial(self._is_advertised, name))

    def publication(self, service: CEPSettings) -> Publication:
        """What the CEP service tells now."""
        if self._tested_at is None or self._tested_at + TEST_EVERY <= self._clock():
            self.test()
        if service.name not in self._publications:
            made = publication_of(self._configuration, service, self._reasons.keys())
            self._publications[service.name] = replace(made, redact=self._redact)
        return self._publications[service.name]

    def test(self) -> None:
        """Look again at what could have changed."""
        self._tested_at = self._clock()
        reasons = why_not_advertised(self._configuration, self._published(), self._offered_cas(), self._tested_at)
        if reasons == self._reasons:
            return
        for name in self._names():
            reason = reasons.get(name)
            if reason is not None and reason != self._reasons.get(name):
                log.warning("a service is not advertised, since it would not work", service=name, reason=reason)
            elif reason is None and name in self._reasons:
                log.info("a service is advertised again", service=name)
        self._reasons = reasons
        self._publications.clear()

    def troubles(self) -> Mapping[str, Callable[[], str | None]]:
        """For the management listener: why a service is not advertised."""
        return {f"service {name}": partial(self._reason, name) for name in self._names()}

    def _names(self) -> tuple[str, ...]:
        return tuple(service.name for service in self._configuration.services if isinstance(service, CESSettings))

    def _reason(self, name: str) -> str | None:
        return self._reasons.get(name)

    def _is_advertised(self, name: str) -> bool:
        return name not in self._reasons
