"""What operators see: logs, and metrics."""

from gateway.telemetry.labels import ConnectionRefusal, HandshakeFailure, HttpRefusalReason, PolicyOutcome, RealmPart
from gateway.telemetry.logs import configure_logging
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.realms import RealmMetrics
from gateway.telemetry.upstreams import UpstreamMetrics

__all__ = [
    "ConnectionRefusal",
    "HandshakeFailure",
    "HttpRefusalReason",
    "Metrics",
    "PolicyOutcome",
    "RealmMetrics",
    "RealmPart",
    "UpstreamMetrics",
    "configure_logging",
]
