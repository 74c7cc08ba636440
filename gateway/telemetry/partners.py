"""What the ledger has of each partner."""

from collections.abc import Mapping
from datetime import datetime

from prometheus_client import CollectorRegistry, Gauge


class PartnerMetrics:
    """What the ledger has of each partner."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._certificates = Gauge(
            "ces_gateway_certificates",
            "Certificates that were issued through the gateway, until some time after their end.",
            ["partner", "stage"],
            registry=registry,
        )
        self._submissions = Gauge(
            "ces_gateway_submissions",
            "Requests that were sent to a CA, and of which nobody has a certificate.",
            ["partner", "stage"],
            registry=registry,
        )
        self._silent = Gauge(
            "ces_gateway_certificates_silent",
            "Certificates that end soon, and that nobody has tried to renew since.",
            ["partner"],
            registry=registry,
        )
        self._next_end = Gauge(
            "ces_gateway_certificates_next_end_seconds",
            "When the first certificate that is not renewed ends, in seconds since the epoch; +Inf: there is none.",
            ["partner"],
            registry=registry,
        )

    def certificates_counted(
        self,
        partner: str,
        *,
        certificates: Mapping[str, int],
        submissions: Mapping[str, int],
        silent: int,
        next_end: datetime | None,
    ) -> None:
        """What the ledger has of one partner now, by stage; `partner` is of the configuration, or empty."""
        for stage, count in certificates.items():
            self._certificates.labels(partner, stage).set(count)
        for stage, count in submissions.items():
            self._submissions.labels(partner, stage).set(count)
        self._silent.labels(partner).set(silent)
        # There must be a number: +Inf is further away than any alert looks.
        self._next_end.labels(partner).set(float("inf") if next_end is None else next_end.timestamp())
