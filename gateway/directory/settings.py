"""How one realm's directory is reached."""

from typing import Annotated

from pydantic import Field

from gateway.strict_yaml import Settings


class DirectorySettings(Settings):
    """LDAP, signed and sealed by Kerberos with the gateway's own ticket: no other secret, and no TLS of its own."""

    servers: Annotated[tuple[str, ...], Field(min_length=1)]
    """`host` or `host:port` (389) of domain controllers, in the order of preference. The host as in an ldap/ SPN."""
    seconds: float = Field(default=3, gt=0, le=30)
    """How long a connection may take to be made, a search to get its turn on it, and then its answer: each of them."""
