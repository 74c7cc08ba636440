"""One HTTP exchange as the use cases see it: no HTTP library beyond this point."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Call:
    """What arrived. Made by `gateway.web` only."""

    call_id: str
    """A fresh UUID in text form: names this call in the audit record, the logs and the client's fault."""
    received_at: datetime
    """Aware, UTC."""
    peer: str
    """The IP address of the TCP peer."""
    service: str
    """The configured name of the service that was addressed; a closed set, so it can label metrics."""
    client_certificate: bytes | None
    """DER of the client certificate that the TLS handshake verified against the listener's trust store."""
    body: bytes
