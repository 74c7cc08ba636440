"""What is counted of one realm."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from gateway.kerberos.relay import KdcOutcome
from gateway.telemetry.labels import RealmPart
from gateway.telemetry.seconds import SECONDS


class RealmSeries:
    """The series that have a realm."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.kdc_seconds = Histogram(
            "ces_gateway_kdc_seconds",
            "What the exchanges with the realm's KDCs took, by their outcome.",
            ["realm", "outcome"],
            buckets=SECONDS,
            registry=registry,
        )
        self.tickets = Counter(
            "ces_gateway_tickets",
            "Tickets that were shown to internal services, by where they came from: cache or kdc.",
            ["realm", "source"],
            registry=registry,
        )
        self.trouble = Gauge(
            "ces_gateway_realm_trouble",
            "1 while this part of the realm does not do its work, as far as is known.",
            ["realm", "part"],
            registry=registry,
        )


class RealmMetrics:
    """What the gateway counts of one realm. Made by `Metrics.realm`."""

    def __init__(self, name: str, series: RealmSeries) -> None:
        self._name = name
        self._series = series
        for outcome in KdcOutcome:
            series.kdc_seconds.labels(name, outcome)
        for source in ("cache", "kdc"):
            series.tickets.labels(name, source)

    def kdc_answered(self, outcome: KdcOutcome, seconds: float) -> None:
        """A KDC answered, or none did."""
        self._series.kdc_seconds.labels(self._name, outcome).observe(seconds)

    def ticket_used(self, *, is_cached: bool) -> None:
        """A ticket was shown to an internal service."""
        self._series.tickets.labels(self._name, "cache" if is_cached else "kdc").inc()

    def watch(self, part: RealmPart, is_in_trouble: Callable[[], bool]) -> None:
        """Have each rendering ask how the part is. `is_in_trouble` is called on the event loop and must not block."""
        self._series.trouble.labels(self._name, part).set_function(lambda: float(is_in_trouble()))
