"""What is counted of the internal servers of one service."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge

from gateway.upstream.outcome import Outcome


class UpstreamSeries:
    """The series that have an internal server."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ["service", "upstream"]
        self.healthy = Gauge(
            "ces_gateway_upstream_healthy",
            "1 while the internal server is asked as often as it should be; 0 while it is left alone.",
            labels,
            registry=registry,
        )
        self.requests = Counter(
            "ces_gateway_upstream_requests",
            "Attempts of calls at this internal server, by what they came to; a call can have several.",
            [*labels, "outcome"],
            registry=registry,
        )
        self.ejections = Counter(
            "ces_gateway_upstream_ejections",
            "How often the internal server was left alone from then on, after failures in a row.",
            labels,
            registry=registry,
        )


class UpstreamMetrics:
    """What the gateway counts of the internal servers of one service. Made by `Metrics.upstreams`."""

    def __init__(self, service: str, series: UpstreamSeries) -> None:
        self._service = service
        self._series = series

    def watch(self, server: str, is_healthy: Callable[[], bool]) -> None:
        """Have each rendering ask how the server is. Must not block. Its series start at zero."""
        self._series.healthy.labels(self._service, server).set_function(lambda: float(is_healthy()))
        self._series.ejections.labels(self._service, server)
        for outcome in Outcome:
            self._series.requests.labels(self._service, server, outcome)

    def tried(self, server: str, outcome: Outcome) -> None:
        """A call was tried at this server."""
        self._series.requests.labels(self._service, server, outcome).inc()

    def ejected(self, server: str) -> None:
        """It has failed so often in a row that it is left alone."""
        self._series.ejections.labels(self._service, server).inc()
