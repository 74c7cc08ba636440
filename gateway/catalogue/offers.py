"""The inside's answers to GetPolicies, kept: asked for once where many want to know, and given on while CEP is down.

Of one CEP service. In memory, for one event loop: an answer costs one question to have it again, and what is told of it
is decided in each call.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

import structlog

from gateway.enrollment_policy import Offer, Question
from gateway.errors import GatewayError, TicketRefusedInside, UpstreamUnavailable
from gateway.protocol.xcep import GetPoliciesResponse

log = structlog.get_logger()

NEXT_UPDATE_HOURS = 8
"""Where CEP does not say: Windows' default ([MS-XCEP] appendix B, <4>)."""
LONGEST_HOURS = 7 * 24
"""CEP may say 490,000 years. A week is as long as Kerberos renews a ticket by default: who has not heard of the inside
for that long knows nothing of it."""
RETRY_AFTER = timedelta(seconds=30)
"""After a failure: as long as one answer may take. Until then clients do not wait for another one."""
CAPACITY = 64 * 1024 * 1024
"""Bytes of distinct answers, as they print, and of questions: 250 accounts that see 208 templates each, all different,
or any number that see the same. In memory it is up to a half more."""
_ENTRY = 500
"""Bytes that an entry counts beside its answer."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What several questions may have in common."""

    response: GetPoliciesResponse
    digest: bytes
    size: int
    """In bytes, printed."""


@dataclass(slots=True)
class _Kept:
    answer: _Answer
    at: datetime
    ask_again: datetime
    good_until: datetime


class KeptOffers:
    """The Offers of `gateway.enrollment_policy`."""

    def __init__(
        self,
        service: str,
        cache_seconds: float,
        clock: Callable[[], datetime],
        on_stale: Callable[[], None] = lambda: None,
        capacity: int = CAPACITY,
    ) -> None:
        """Ask again after `cache_seconds`, or after nextUpdateHours if that is sooner; with 0, keep nothing.

        `clock` gives the aware time, UTC; `on_stale` is told of each offer that is given on since the inside is not
        there. What was longest not asked for goes when there is more than `capacity`.
        """
        self._service = service
        self._cache_seconds = cache_seconds
        self._clock = clock
        self._on_stale = on_stale
        self._capacity = capacity
        self._kept: OrderedDict[Question, _Kept] = OrderedDict()
        self._users: dict[bytes, tuple[_Answer, int]] = {}
        """Distinct answers by digest, with the number of entries that have them."""
        self.size = 0
        self._flights: dict[Question, asyncio.Task[_Answer]] = {}
        self._absence: str | None = None

    async def offer(self, question: Question, ask: Callable[[], Awaitable[GetPoliciesResponse]]) -> Offer:
        """As Offers says. Who asks while the inside is being asked gets the same answer, or the same error."""
        if question.asked_as is None or not self._cache_seconds:
            return _offer(_answer(await ask()))
        kept = self._find(question)
        if kept is not None and self._clock() < kept.ask_again:
            return self._given(kept)
        flight = self._flight(question, ask)
        # Unlike an `await` of the task, this does not hand the cancellation of one caller on to it.
        await asyncio.wait((flight,))
        try:
            return _offer(flight.result())
        except UpstreamUnavailable as error:
            # The ticket may be refused because of whose it is: that is an answer.
            if isinstance(error, TicketRefusedInside):
                raise
            return self.last(question, error)

    def last(self, question: Question, error: GatewayError) -> Offer:
        """As Offers says."""
        kept = self._find(question)
        self._note(str(error))
        if kept is None:
            raise error
        now = self._clock()
        if kept.ask_again <= now:
            kept.ask_again = now + RETRY_AFTER
        return self._given(kept)

    def trouble(self) -> str | None:
        """Why the inside cannot be asked; None while it can, as far as is known."""
        return self._absence

    def _given(self, kept: _Kept) -> Offer:
        age = max(0.0, (self._clock() - kept.at).total_seconds())
        is_stale = kept.at + self._fresh_for(kept.answer) <= self._clock()
        if is_stale:
            self._on_stale()
        return _offer(kept.answer, age, is_stale=is_stale)

    def _find(self, question: Question) -> _Kept | None:
        kept = self._kept.get(question)
        if kept is None:
            return None
        if kept.good_until <= self._clock():
            self._drop(question)
            return None
        self._kept.move_to_end(question)
        return kept

    def _flight(self, question: Question, ask: Callable[[], Awaitable[GetPoliciesResponse]]) -> asyncio.Task[_Answer]:
        flight = self._flights.get(question)
        # One that is done and yet here was cancelled before it began, e.g. by a loop that is being closed.
        if flight is None or flight.done():
            # Kept here until it ends, and awaited by those who asked. It outlives them: a client that has hung up comes
            # again, and finds the answer.
            flight = asyncio.create_task(self._fetch(question, ask))  # noqa: TID251 -- see above
            flight.add_done_callback(_retrieve_error)
            self._flights[question] = flight
        return flight

    async def _fetch(self, question: Question, ask: Callable[[], Awaitable[GetPoliciesResponse]]) -> _Answer:
        try:
            answer = _answer(await ask())
        finally:
            del self._flights[question]
        self._note(None)
        self._keep(question, answer)
        return answer

    def _note(self, absence: str | None) -> None:
        if absence is not None and self._absence is None:
            log.warning("CEP cannot be asked, its last answers are given on", service=self._service, error=absence)
        elif absence is None and self._absence is not None:
            log.info("CEP answers again", service=self._service)
        self._absence = absence

    def _fresh_for(self, answer: _Answer) -> timedelta:
        return min(timedelta(seconds=self._cache_seconds), _next_update(answer.response))

    # --- memory -----------------------------------------------------------------------------------------------------

    def _keep(self, question: Question, answer: _Answer) -> None:
        self._drop(question)
        now = self._clock()
        known, users = self._users.get(answer.digest, (answer, 0))
        self._users[answer.digest] = (known, users + 1)
        self._kept[question] = _Kept(known, now, now + self._fresh_for(known), now + _next_update(known.response))
        self.size += _size(question) + (0 if users else answer.size)
        while self.size > self._capacity:
            self._drop(next(iter(self._kept)))

    def _drop(self, question: Question) -> None:
        kept = self._kept.pop(question, None)
        if kept is None:
            return
        self.size -= _size(question)
        answer, users = self._users.pop(kept.answer.digest)
        if users > 1:
            self._users[answer.digest] = (answer, users - 1)
        else:
            self.size -= answer.size


def _answer(response: GetPoliciesResponse) -> _Answer:
    # Equal values, of nothing but numbers, texts and octets, print alike: 5 ms for 208 templates, where XML takes 60.
    content = repr(response).encode()
    return _Answer(response, sha256(content).digest(), len(content))


def _offer(answer: _Answer, age_seconds: float = 0.0, *, is_stale: bool = False) -> Offer:
    return Offer(answer.response, answer.digest, age_seconds, is_stale)


def _next_update(response: GetPoliciesResponse) -> timedelta:
    return timedelta(hours=min(response.next_update_hours or NEXT_UPDATE_HOURS, LONGEST_HOURS))


def _size(question: Question) -> int:
    wanted = question.request.request_filter
    return _ENTRY + sum(map(len, (wanted and wanted.policy_oids) or ()))


def _retrieve_error(flight: asyncio.Task[_Answer]) -> None:
    """Nobody may be left who asked: then asyncio would complain of an error that nobody has looked at."""
    if not flight.cancelled():
        flight.exception()
