"""The limits at work: what is spent when, and what is given back."""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import structlog

from gateway.errors import (
    CredentialsMissing,
    ImpersonationRefused,
    NotAuthenticated,
    Overloaded,
    RateLimited,
    SecurityHeaderInvalid,
    SignerExpired,
    SignerRevoked,
    SignerUntrusted,
    StateUnavailable,
)
from gateway.rates.settings import RateLimitSettings
from gateway.rates.spendings import Spendings, limit_of
from gateway.rates.turns import Turns
from gateway.requester import Requester
from gateway.state.state import Overspent, Spending, State

log = structlog.get_logger()

PATIENCE_SECONDS = 10.0
"""For others to be verified: as `authn.password_attempts` has it. A hundred hashes take less."""
_PAUSES_SECONDS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
"""Three seconds in all, for those whom other processes verify: they are seen in the budget only."""


class RateLimits:
    """Of everybody, by one state.

    Every method raises RateLimited, after which nothing is spent, and StateUnavailable: what cannot be counted is
    refused.
    """

    def __init__(
        self,
        settings: RateLimitSettings,
        state: State,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`pause` waits for so many seconds."""
        self._spendings = Spendings(settings)
        self._state = state
        self._patience_seconds = patience_seconds
        self._pause = pause
        self._turns = Turns()

    async def request(self, peer: str) -> None:
        """Spend one request of this address."""
        await self._spend(self._spendings.request(peer))

    async def certificate(self, requester: Requester, template: str) -> None:
        """Spend one certificate of the account, of its partner, and of the template: of all of them, or of none."""
        await self._spend(self._spendings.certificate(requester, template))

    async def poll(self, service: str, request_id: str) -> None:
        """Spend one question for a pending request."""
        await self._spend(self._spendings.poll(service, request_id))

    @asynccontextmanager
    async def authenticating(self, peer: str, account: str | None) -> AsyncIterator[None]:
        """Around an authentication. It counts as failed until it is known: guesses at the same time are not more.

        Given back is what has not failed, also where nobody knows because it was never looked at: a KDC that does not
        answer is not the client's failure. Who goes away in between is in doubt, and counts. Raises Overloaded where
        those who came before take too long.
        """
        spendings = self._spendings.failed_authentication(peer, account)
        await self._take_turn(spendings)
        with self._turns.taken(spending.key for spending in spendings):
            try:
                yield
            except Exception as error:
                if not is_failed_authentication(error):
                    await self._give_back(spendings)
                raise
            await self._give_back(spendings)

    async def _take_turn(self, spendings: Sequence[Spending]) -> None:
        """A crowd of honest clients with one account, or behind one address, waits until those before are known.

        Raises Overloaded where that takes too long.
        """
        pauses = iter(_PAUSES_SECONDS)
        try:
            async with asyncio.timeout(self._patience_seconds):
                while (overspent := await self._overspent(spendings)) is not None:
                    if await self._turns.settled(overspent.spending.key):
                        continue
                    seconds = next(pauses, None)
                    if seconds is None:
                        raise _refusal(overspent)
                    await self._pause(seconds)
        except TimeoutError as error:
            raise Overloaded(
                "those who came before, from this address or with this account, are still being verified",
                retry_after=math.ceil(PATIENCE_SECONDS),
            ) from error

    async def _spend(self, spendings: Sequence[Spending]) -> None:
        overspent = await self._overspent(spendings)
        if overspent is not None:
            raise _refusal(overspent)

    async def _overspent(self, spendings: Sequence[Spending]) -> Overspent | None:
        return await self._state.spend(spendings) if spendings else None

    async def _give_back(self, spendings: Sequence[Spending]) -> None:
        """Never raises: what went well stays well, and one budget is a little smaller for a while."""
        if not spendings:
            return
        try:
            await self._state.give_back(spendings)
        except StateUnavailable as error:
            log.warning("a budget was not given back", error=str(error))


def is_failed_authentication(error: Exception) -> bool:
    """Whether somebody has tried to be whom he is not, or may not be.

    Not where nothing was shown, or something that says nothing about anybody (a stale Timestamp). But also where no
    password was tried because of whose account it is: else whoever guesses would see which accounts those are.
    """
    if isinstance(error, CredentialsMissing | SecurityHeaderInvalid):
        return False
    # A certificate that shall stand for itself is vouched for as a signer is.
    shown = SignerUntrusted | SignerExpired | SignerRevoked
    return isinstance(error, NotAuthenticated | ImpersonationRefused | shown)


def _refusal(overspent: Overspent) -> RateLimited:
    spending, seconds = overspent.spending, max(1, math.ceil(overspent.retry_after_seconds))
    budget = spending.budget
    return RateLimited(
        f"{spending.key} has used up its {budget.count} in {budget.period} ({budget.burst} at a time), and has one more"
        f" in {seconds} s. If that is too little for an honest client, write an override in rate_limits",
        limit=limit_of(spending),
        retry_after=seconds,
    )
