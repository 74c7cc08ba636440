"""How many more passwords may be tried for an account: never so many that the last of them could lock it out.

A place is taken before a password is tried and settled by what came of it. Between the two it counts as a wrong one, so
that no number of callers at a time gets further than one after the other. Whatever is in doubt counts as well.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import zip_longest

from gateway.account import Account, LockoutPolicy
from gateway.errors import (
    AccountDisabled,
    AccountExpired,
    AccountLocked,
    KdcSilent,
    KerberosFailed,
    Overloaded,
    PasswordExpired,
    PasswordNotTried,
    WrongPassword,
)

MAX_ACCOUNTS = 10_000
"""With failures; whoever guesses has to name accounts that exist."""
THRESHOLD_WITHOUT_LOCKOUT = 10
"""What Windows Server sets since 2022. Domains that lock nobody out are those in which guesses go unnoticed."""
WINDOW_WITHOUT_LOCKOUT = timedelta(minutes=10)

_NEVER_OURS = 1
"""The wrong password that locks the account comes from somewhere else."""
_PATIENCE_SECONDS = 10
"""A try takes milliseconds; one at a KDC that does not answer as long as the relay waits."""
_DOUBT = timedelta(minutes=1)
"""How long a try counts of which nobody knows what came of it: then, the directory's own count says."""
_NO_VERDICT = (KerberosFailed, Overloaded, AccountDisabled, AccountExpired, AccountLocked, PasswordExpired)
"""No wrong password was counted: the KDC was not reached, or did not look at it, or found it right."""


@dataclass(slots=True)
class _Tried:
    """Of one account."""

    in_flight: int = 0
    counts_until: list[datetime] = field(default_factory=list)
    """Of each failure."""
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when one of those in flight has ended; then there is another one."""

    def settle(self) -> None:
        self.in_flight -= 1
        self.settled.set()
        self.settled = asyncio.Event()

    def forget_before(self, now: datetime) -> None:
        self.counts_until = [until for until in self.counts_until if now < until]


class PasswordAttempts:
    """Of all realms: accounts are told apart by their SIDs."""

    def __init__(self, clock: Callable[[], datetime], capacity: int = MAX_ACCOUNTS) -> None:
        self._clock = clock
        self._capacity = capacity
        self._tried: OrderedDict[str, _Tried] = OrderedDict()
        self._forgotten = _Tried()
        """The worst of those there was no room for: so much is assumed of everybody who is not remembered."""

    async def turn(self, account: Account, policy: LockoutPolicy) -> bool:
        """Return when no other try of this account stands in the way: a client may send several requests at once.

        False without having waited: to be followed by `trying` at once. True after having waited: then the account is
        to be looked up anew, and the turn to be asked for again. Raises Overloaded if the others take too long.
        """
        has_waited = False
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                while (tried := self._tried.get(account.sid)) and self._is_only_busy(tried, account, policy):
                    has_waited = True
                    await tried.settled.wait()
        except TimeoutError as error:
            raise Overloaded(
                f"{account.name}: passwords that came before are still being tried", retry_after=_PATIENCE_SECONDS
            ) from error
        return has_waited

    @contextmanager
    def trying(self, account: Account, policy: LockoutPolicy) -> Iterator[None]:
        """Around one try of a password, which raises WrongPassword, or what says that it gave no verdict.

        `account` was looked up for this very try. Raises PasswordNotTried instead, if a wrong one could lock it out.
        """
        tried = self._take_place(account, policy)
        known = tuple(tried.counts_until)
        window = timedelta(seconds=policy.observation_window_seconds) or WINDOW_WITHOUT_LOCKOUT
        try:
            yield
        except WrongPassword:
            # Each one extends those before it, as at the domain controller ([MS-ADTS] 3.1.1.8.4.4: badPwdCount begins
            # anew only after a whole window without any).
            tried.counts_until = [self._clock() + window] * (len(tried.counts_until) + 1)
            raise
        except _NO_VERDICT as error:
            if isinstance(error, KdcSilent):
                tried.counts_until.append(self._clock() + _DOUBT)
            raise
        except BaseException:
            # Whoever was waiting is gone; the KDC may yet say no.
            tried.counts_until.append(self._clock() + _DOUBT)
            raise
        else:
            # Of those that came meanwhile, nobody knows whether the KDC has seen them before or after.
            tried.counts_until = [until for until in tried.counts_until if not any(until is old for old in known)]
        finally:
            tried.settle()
            self._tidy(account.sid)

    def _take_place(self, account: Account, policy: LockoutPolicy) -> _Tried:
        tried = self._tried.get(account.sid)
        if tried is None:
            tried = _Tried(counts_until=[*self._forgotten.counts_until])
        wrong, most = self._wrong(tried, account, policy), _most(policy)
        if wrong + tried.in_flight >= most:
            raise PasswordNotTried(
                f"{account.name}: {wrong} wrong ones, {tried.in_flight} being tried, and no more than {most} may be"
            )
        tried.in_flight += 1
        self._tried[account.sid] = tried
        self._tried.move_to_end(account.sid)
        return tried

    def _wrong(self, tried: _Tried, account: Account, policy: LockoutPolicy) -> int:
        tried.forget_before(self._clock())
        wrong = len(tried.counts_until)
        return max(wrong, account.bad_password_count) if policy.threshold else wrong

    def _is_only_busy(self, tried: _Tried, account: Account, policy: LockoutPolicy) -> bool:
        wrong, most = self._wrong(tried, account, policy), _most(policy)
        return wrong < most <= wrong + tried.in_flight

    def _tidy(self, sid: str) -> None:
        """Forget who has nothing against him, and whom there is no room for."""
        tried = self._tried[sid]
        if not tried.in_flight and not tried.counts_until:
            del self._tried[sid]
        while len(self._tried) > self._capacity:
            oldest = next((sid for sid, tried in self._tried.items() if not tried.in_flight), None)
            if oldest is None:
                # As many as are being tried at a time, which others bound.
                return
            self._remember_the_worst(self._tried.pop(oldest).counts_until)

    def _remember_the_worst(self, counts_until: list[datetime]) -> None:
        """Of two accounts' failures, each in order of time, as many as either has, and each for as long."""
        now = self._clock()
        self._forgotten.forget_before(now)
        latest_first = (sorted(each, reverse=True) for each in (counts_until, self._forgotten.counts_until))
        beginning = datetime.min.replace(tzinfo=UTC)
        merged = (max(pair) for pair in zip_longest(*latest_first, fillvalue=beginning))
        self._forgotten.counts_until = [until for until in merged if now < until]


def _most(policy: LockoutPolicy) -> int:
    """Wrong passwords that there may be; the next one is not the gateway's."""
    return (policy.threshold or THRESHOLD_WITHOUT_LOCKOUT) - _NEVER_OURS
