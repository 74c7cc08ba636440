"""Kerberos tickets as values: whose they are, for what, until when. The secrets stay in the library's memory."""

from dataclasses import dataclass, field
from datetime import datetime


class CredentialCache:
    """A MEMORY credential cache of MIT Kerberos, with tickets in it; destroyed when nobody refers to it any more.

    Made by `gateway.kerberos.ccache` only.
    """

    __slots__ = ("__weakref__", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        """With its type: `MEMORY:…`. Names no secret, and is of no use outside this process."""

    def __repr__(self) -> str:
        return f"CredentialCache({self.name})"


@dataclass(frozen=True, slots=True)
class TicketGrantingTicket:
    """What the KDC gave for a user's own password. The password itself is not kept."""

    client: str
    """Principal name."""
    cache: CredentialCache = field(repr=False)


@dataclass(frozen=True, slots=True)
class EvidenceTicket:
    """The service ticket with which a client came to the gateway ([MS-SFU] 3.1.5.2: the "evidence" of S4U2proxy)."""

    client: str
    """Principal name, as the ticket says it."""
    channel_bound: bool
    """Whether the client has bound it to the TLS connection that it came on (RFC 5929 4)."""
    cache: CredentialCache | None = field(repr=False)
    """With the ticket itself; None where it cannot be used towards another service: it is not forwardable."""
    reply_token: bytes = field(repr=False)
    """What proves the gateway to the client (RFC 4559 5): goes back with the answer."""


@dataclass(frozen=True, slots=True)
class ServiceTicket:
    """A ticket for an internal service, in the name of one account."""

    account: str
    """`Account.name` of whom the service will see."""
    client: str
    """Principal name, as in the ticket."""
    service_principal_name: str
    """With its realm."""
    starts: datetime
    ends: datetime
    """Both aware, UTC, as in the ticket."""
    cache: CredentialCache = field(repr=False)
    """Holds this one ticket and nothing that could fetch another."""
