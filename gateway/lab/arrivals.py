"""Who arrives at the lab's Kerberos services: the port between its listeners and `gateway.lab.negotiate`."""

from dataclasses import dataclass
from typing import Protocol

from gateway.lab.accounts import Account


@dataclass(frozen=True, slots=True)
class Arrival:
    """What a Kerberos service makes of an Authorization header."""

    account: Account | None
    """None if nobody was recognised."""
    www_authenticate: str
    """The header to answer with, whatever else the answer is."""
    refusal: str | None
    """Why nobody was recognised; the client never hears it."""


class Arrivals(Protocol):
    """How clients are recognised."""

    async def arrive(self, authorization: str | None) -> Arrival:
        """For the value of the Authorization header."""
        ...
