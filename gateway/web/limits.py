"""How much one client, and all of them together, may take of the gateway's time and memory."""

from ipaddress import IPv6Address, ip_address
from typing import Annotated

from pydantic import Field

from gateway.rates.address import one_client
from gateway.strict_yaml import Settings
from gateway.telemetry import ConnectionRefusal

Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]
Count = Annotated[int, Field(gt=0, le=1_000_000)]


class LimitSettings(Settings):
    """Each default names its precedent. All apply per listener."""

    handshake_seconds: Seconds = 10.0
    """From accept to the end of the TLS handshake. Go's http.DefaultTransport gives it 10 s, asyncio 60 s."""
    header_seconds: Seconds = 10.0
    """From the handshake to a complete first request header. Apache's mod_reqtimeout gives 20 s, nginx 60 s; a client
    of this gateway has its request ready when it connects."""
    body_seconds: Seconds = 20.0
    """For the whole body, not between two bytes as in nginx: a byte a second must not hold a connection. 20 s is where
    mod_reqtimeout starts; the largest body then needs 100 kbit/s."""
    write_seconds: Seconds = 20.0
    """For the client to take its answers, where they no longer fit into the buffers (half a MiB, and the system's); one
    answer that does fit may be taken until the connection has been idle for too long. nginx's send_timeout is 60 s."""
    idle_seconds: Seconds = 75.0
    """Between two requests on one connection: nginx's keepalive_timeout."""
    max_body_bytes: Annotated[int, Field(ge=1024, le=16_777_216)] = 262_144
    """WCF's default is 65,536; requests with attestation statements grow beyond it, and none is known above 100 kB."""
    max_connections: Count = 2000
    """nginx's worker_connections is 512, Apache's event MPM serves 400. An idle connection costs 67 KiB here. The
    process may need a higher limit of open files: two a connection while it starts, and those of the inside."""
    max_connections_per_address: Count = 64
    """Per IPv4 address, or IPv6 /64. HAProxy's examples stop abuse at 20 to 100; a NAT may hide a whole site. Raise it
    to max_connections behind a balancer that puts its own address in place of the client's."""


def address_text(peer: str) -> str:
    """The canonical text of a socket's peer: IPv4 as such where a dual-stack socket shows it mapped, no zone."""
    address = ip_address(peer.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return str(address)


class Admission:
    """Counts open connections: all of them, and those of each address."""

    def __init__(self, limits: LimitSettings) -> None:
        self._limits = limits
        self._total = 0
        self._per_address: dict[str, int] = {}

    def admit(self, peer: str) -> ConnectionRefusal | None:
        """Count one more connection of `peer`, or say why not. What is admitted must `leave` once."""
        key = one_client(peer)
        if self._total >= self._limits.max_connections:
            return ConnectionRefusal.TOO_MANY
        if self._per_address.get(key, 0) >= self._limits.max_connections_per_address:
            return ConnectionRefusal.TOO_MANY_OF_ADDRESS
        self._total += 1
        self._per_address[key] = self._per_address.get(key, 0) + 1
        return None

    def leave(self, peer: str) -> None:
        """A connection of `peer` that was admitted is gone."""
        key = one_client(peer)
        self._total -= 1
        self._per_address[key] -= 1
        if not self._per_address[key]:
            del self._per_address[key]
