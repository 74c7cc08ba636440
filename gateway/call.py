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
    negotiate: str | None
    """What stood behind `Negotiate` in the Authorization header (RFC 4559 4.2), not decoded yet; None without one, and
    for services that do not take it."""
    channel_bindings: bytes | None
    """`tls-server-end-point` of the certificate that the gateway showed on this connection (RFC 5929 4), as the
    application data of a GSS channel binding: prefix, colon and hash."""
    body: bytes
