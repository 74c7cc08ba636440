"""Tickets for internal services, kept for a few minutes: one question to the KDC where many calls have the same.

What a ticket does not notice (a disabled account, a new group) lasts as long as its entry, so entries are short-lived.
No timer runs: what has expired is let go of when the next ticket is asked for, and its secret is destroyed with the
last reference to its CredentialCache.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.tickets import ServiceTicket

_MARGIN = timedelta(minutes=5)
"""The clock of the internal service may be ahead by as much (RFC 4120 8.2, and the default of Active Directory)."""
_SWEEP_EVERY = timedelta(seconds=10)
"""Looking through 10,000 entries takes a millisecond of everybody's: not in every call."""


@dataclass(frozen=True, slots=True)
class TicketKey:
    """Whose ticket, for what, and how it was come by."""

    transition: str
    account_sid: str | None
    """None for the gateway's own account."""
    spn: str


@dataclass(frozen=True, slots=True)
class _Entry:
    ticket: ServiceTicket
    expires: datetime


class TicketCache:
    """Of one realm. For one event loop."""

    def __init__(self, ticket_seconds: float, clock: Callable[[], datetime], capacity: int = 10_000) -> None:
        """Keep a ticket for `ticket_seconds`, with 0 not at all.

        Beyond `capacity`, the one longest not used goes first: 10,000 tickets are some 50 MB.
        `clock` gives the aware time, UTC.
        """
        assert capacity > 0
        self._lifetime = timedelta(seconds=ticket_seconds)
        self._clock = clock
        self._capacity = capacity
        self._entries: OrderedDict[TicketKey, _Entry] = OrderedDict()
        self._flights: dict[TicketKey, asyncio.Task[ServiceTicket]] = {}
        self._next_sweep = clock()

    async def ticket(self, key: TicketKey, fetch: Callable[[], Awaitable[ServiceTicket]]) -> tuple[ServiceTicket, bool]:
        """The ticket, and whether it is left from an earlier call.

        Who asks while it is being fetched gets the same one, or the same error: raises what `fetch` raises.
        """
        if not self._lifetime:
            return await fetch(), False
        now = self._clock()
        self._let_go_of_expired(now)
        entry = self._entries.get(key)
        if entry is not None and now < entry.expires:
            self._entries.move_to_end(key)
            return entry.ticket, True
        flight = self._flight(key, fetch)
        # Unlike an `await` of the task, this does not hand the cancellation of one caller on to it.
        await asyncio.wait((flight,))
        return flight.result(), False

    def discard(self, ticket: ServiceTicket) -> None:
        """Forget a ticket that was refused inside, so that the next call starts afresh. A newer one stays."""
        # A search, but a rare one: otherwise every ticket would have to know its key.
        for key, entry in self._entries.items():
            if entry.ticket is ticket:
                del self._entries[key]
                return

    def _flight(self, key: TicketKey, fetch: Callable[[], Awaitable[ServiceTicket]]) -> asyncio.Task[ServiceTicket]:
        flight = self._flights.get(key)
        # One that is done and yet here was cancelled before it began, e.g. by a loop that is being closed.
        if flight is None or flight.done():
            # Kept here until it ends, and awaited by those who asked. It outlives them: a client that has hung up comes
            # again, and finds the ticket.
            flight = asyncio.create_task(self._fetch(key, fetch))  # noqa: TID251 -- see above
            flight.add_done_callback(_retrieve_error)
            self._flights[key] = flight
        return flight

    async def _fetch(self, key: TicketKey, fetch: Callable[[], Awaitable[ServiceTicket]]) -> ServiceTicket:
        try:
            ticket = await fetch()
        finally:
            del self._flights[key]
        self._keep(key, ticket)
        return ticket

    def _keep(self, key: TicketKey, ticket: ServiceTicket) -> None:
        now = self._clock()
        expires = min(ticket.ends - _MARGIN, now + self._lifetime)
        if expires <= now:
            return
        self._entries[key] = _Entry(ticket, expires)
        self._entries.move_to_end(key)
        if len(self._entries) > self._capacity:
            self._entries.popitem(last=False)

    def _let_go_of_expired(self, now: datetime) -> None:
        if now < self._next_sweep:
            return
        self._next_sweep = now + _SWEEP_EVERY
        for key in [key for key, entry in self._entries.items() if entry.expires <= now]:
            del self._entries[key]


def _retrieve_error(flight: asyncio.Task[ServiceTicket]) -> None:
    """Nobody may be left who asked: then asyncio would complain of an error that nobody has looked at."""
    if not flight.cancelled():
        flight.exception()
