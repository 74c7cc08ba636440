"""What counts as one client, as far as addresses tell."""

from ipaddress import ip_address

IPV6_PREFIX_LENGTH = 64
"""An IPv6 customer is given at least so much (RFC 6177), and can take any address in it."""


def one_client(peer: str) -> str:
    """The canonical text of an IPv4 address as it is; of an IPv6 address, its /64."""
    address = ip_address(peer)
    return str(address) if address.version == 4 else address.exploded[:19]
