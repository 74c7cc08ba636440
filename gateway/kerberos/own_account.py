"""The gateway's own ticket-granting ticket: asked for with the keytab, kept, and renewed before it ends.

It must never lock its own account out: a key that the KDC has refused once is not shown to it again until the keytab
file changes.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import krb5

from gateway.errors import GatewayError, OwnAccountUnusable, OwnKeytabRefused, OwnKeytabUnusable
from gateway.kerberos import ccache
from gateway.kerberos.codes import Step, translated
from gateway.kerberos.own_keytab import OwnKeytab, Stamp
from gateway.kerberos.relay import KdcTrouble
from gateway.kerberos.workers import Workers
from gateway.tickets import CredentialCache

_AHEAD = 0.1
_AT_LEAST_AHEAD = timedelta(minutes=5)
"""A ticket is renewed when a tenth of its life is left, or five minutes: the clocks may differ by as much. With Active
Directory's 10 hours, that leaves an hour for a KDC to come back."""
_AT_MOST_AHEAD = 0.5
"""Of its life: a KDC that gives out minutes is not asked in every call."""
_PAUSE = timedelta(minutes=1)
"""After a failure, where it is not known at once that the next attempt is as vain."""

_NEEDS_SOMEBODY = (OwnKeytabRefused, OwnKeytabUnusable, OwnAccountUnusable)


@dataclass(frozen=True, slots=True)
class _Held:
    cache: CredentialCache
    since: datetime
    renew_at: datetime
    ends: datetime
    keytab: Stamp
    """Of the file that it was had with."""

    def is_due(self, now: datetime, keytab: Stamp) -> bool:
        """Also with another file: whether it is a good one should be seen now, not when the ticket ends at night."""
        return self.renew_at <= now or self.keytab != keytab


@dataclass(frozen=True, slots=True)
class _Failure:
    error: GatewayError
    at: datetime
    keytab: Stamp

    def forbids(self, now: datetime, keytab: Stamp, *, has_ticket: bool) -> bool:
        """Whether another attempt would do harm, or is most likely vain."""
        if keytab != self.keytab:
            return False
        match self.error:
            case OwnKeytabRefused():
                # It would be one more of the few wrong passwords that lead to a lock-out. No time heals it.
                return True
            case OwnAccountUnusable() | OwnKeytabUnusable():
                # No wrong password in it, and somebody may unlock the account, or chmod the file.
                return now < self.at + _PAUSE
            case _:
                # A KDC can be back at any moment: who needs it asks, who does not, has time.
                return has_ticket and now < self.at + _PAUSE


class OwnAccount:
    """For one event loop."""

    def __init__(
        self,
        principal: str,
        keytab: OwnKeytab,
        workers: Workers,
        clock: Callable[[], datetime],
        kdc_trouble: Callable[[], KdcTrouble | None],
    ) -> None:
        """`clock` gives the aware time, UTC; `kdc_trouble` is the relay's."""
        self._principal = principal
        self._keytab = keytab
        self._workers = workers
        self._clock = clock
        self._kdc_trouble = kdc_trouble
        self._held: _Held | None = None
        self._failure: _Failure | None = None
        self._flight: asyncio.Task[CredentialCache] | None = None

    @property
    def trouble(self) -> str | None:
        """What the last attempt failed with, also while an older ticket still serves; None after a success."""
        if self._failure is None:
            return None
        held = self._at_hand()
        until = f" (the ticket at hand ends at {held.ends:%Y-%m-%d %H:%M:%S} UTC)" if held else ""
        return f"{self._failure.error}{until}"

    @property
    def is_refused(self) -> bool:
        """Whether there is no ticket until somebody puts the keytab or the account right. A KDC heals by itself."""
        is_bad = self._failure is not None and isinstance(self._failure.error, _NEEDS_SOMEBODY)
        return is_bad and self._at_hand() is None

    async def cache(self) -> CredentialCache:
        """A cache with a TGT that is good for a while yet. It is everybody's: nothing may be put into it.

        Asks the KDC when there is none; renews it beside the call when its end is near or the keytab has changed.
        Raises OwnKeytabRefused, OwnKeytabUnusable, OwnAccountUnusable, KdcUnreachable, KdcSilent, ClockSkewed,
        KerberosFailed, Overloaded.
        """
        now, keytab, held, failure = self._clock(), self._keytab.stamp(), self._at_hand(), self._failure
        if held is not None:
            if held.is_due(now, keytab) and not (failure and failure.forbids(now, keytab, has_ticket=True)):
                self._take_off(keytab)
            return held.cache
        if failure is not None and failure.forbids(now, keytab, has_ticket=False):
            # Without the traces of those whom it was raised to before.
            raise failure.error.with_traceback(None)
        flight = self._take_off(keytab)
        # Unlike an `await` of the task, this does not hand the cancellation of one caller on to it.
        await asyncio.wait((flight,))
        return flight.result()

    def discard(self, cache: CredentialCache) -> None:
        """Forget a ticket that the KDC did not take, so that the next call asks for another.

        Unless it is quite new: then another one would fare no better.
        """
        if self._held is not None and self._held.cache is cache and self._clock() >= self._held.since + _PAUSE:
            self._held = None

    def close(self) -> None:
        """Stop a request that is under way; who waits for it is cancelled."""
        if self._flight is not None:
            self._flight.cancel()

    def _at_hand(self) -> _Held | None:
        """Unless it has ended."""
        return self._held if self._held is not None and self._clock() < self._held.ends else None

    def _take_off(self, keytab: Stamp) -> asyncio.Task[CredentialCache]:
        """The one request to the KDC, which all wait for."""
        if self._flight is None:
            # Kept here until it ends. It outlives those who asked: the next caller finds what it has brought.
            self._flight = asyncio.create_task(self._fly(keytab))  # noqa: TID251 -- see above
            self._flight.add_done_callback(self._landed)
        return self._flight

    async def _fly(self, keytab: Stamp) -> CredentialCache:
        try:
            ticket = await self._workers.at_kdc(self._ask)
        except GatewayError as error:
            self._failure = _Failure(error, self._clock(), keytab)
            raise
        self._held, self._failure = _hold(ticket, self._clock(), keytab), None
        return self._held.cache

    def _landed(self, flight: asyncio.Task[CredentialCache]) -> None:
        self._flight = None
        if not flight.cancelled():
            # Nobody may be left who asked: then asyncio would complain of an error that nobody has looked at.
            flight.exception()

    def _ask(self) -> krb5.Creds:
        """Blocks."""
        if self._keytab.was_refused():
            raise OwnKeytabRefused(
                f"{self._keytab.path} was refused for {self._principal} before this start, and has not changed since:"
                " put a new one in its place; should it be good after all, touch it"
            )
        context = krb5.init_context()
        principal = krb5.parse_name_flags(context, self._principal.encode())
        keytab = krb5.kt_resolve(context, f"FILE:{self._keytab.path}".encode())
        try:
            # Beforehand: the request would begin without the key, and hide what is wrong with it behind another error.
            krb5.kt_get_entry(context, keytab, principal)
        except krb5.Krb5Error as error:
            raise OwnKeytabUnusable(
                f"{self._keytab.path} has no key of {self._principal} that can be read: {error}"
            ) from error
        options = krb5.get_init_creds_opt_alloc(context)
        # Also the evidence of S4U2self is forwardable only if this is ([MS-SFU] 3.2.5.1.2).
        krb5.get_init_creds_opt_set_forwardable(options, forwardable=True)
        try:
            with translated(Step.OWN_AS, self._principal, self._kdc_trouble):
                ticket = krb5.get_init_creds_keytab(context, principal, options, keytab)
        except OwnKeytabRefused:
            self._keytab.remember_refusal()
            raise
        self._keytab.forget_refusal()
        return ticket


def _hold(ticket: krb5.Creds, now: datetime, keytab: Stamp) -> _Held:
    ends = datetime.fromtimestamp(ticket.times.endtime, UTC)
    life = ends - now
    ahead = min(max(life * _AHEAD, _AT_LEAST_AHEAD), life * _AT_MOST_AHEAD)
    return _Held(ccache.holding(ticket), now, ends - ahead, ends, keytab)
