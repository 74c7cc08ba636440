"""The internal servers behind one published service: which is asked, and which is asked next if it was not reached.

Lower priorities first; within one, smooth weighted round robin. What was sent is never sent again: another server is
tried only where it is certain that the first one has not seen the request.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from gateway.credential import Credential, Way
from gateway.errors import DelegationNotListed, GatewayError, ServicePrincipalUnknown, UpstreamUnavailable
from gateway.requester import Requester
from gateway.upstream.breaker import Breaker
from gateway.upstream.outcome import Outcome, outcome_of

S = TypeVar("S")
T = TypeVar("T")

_SEARCH_SECONDS = 20.0
"""After which no other server is tried. WCF clients wait 60 s (sendTimeout): that leaves the last server the defaults
of `connect_seconds` and `answer_seconds`, 35 s together, and the KDC its 5 s."""

_OF_ONE_SERVER = (ServicePrincipalUnknown, DelegationNotListed)
"""What the KDC says of one SPN. Another server's may be in order, and nothing was sent."""


@dataclass(slots=True)
class Member(Generic[S]):
    """One server of a pool."""

    name: str
    """`host:port`."""
    way: Way[S]
    breaker: Breaker
    priority: int = 1
    weight: int = 1
    current: int = field(default=0, init=False)
    """Of the smooth weighted round robin."""
    in_flight: int = field(default=0, init=False)


class Pool(Generic[S]):
    """The `Inside` of `gateway.credential`. For one event loop."""

    def __init__(
        self,
        members: Sequence[Member[S]],
        clock: Callable[[], float],
        on_attempt: Callable[[str, Outcome], None] = lambda _name, _outcome: None,
    ) -> None:
        """`clock` gives monotonic seconds; `on_attempt` is told of each server that was tried."""
        assert members
        self.members = tuple(members)
        self._clock = clock
        self._on_attempt = on_attempt

    async def reach(self, ask: Callable[[Way[S]], Awaitable[T]]) -> T:
        """As Inside says."""
        end = self._clock() + _SEARCH_SECONDS
        errors: list[GatewayError] = []
        left = list(self.members)
        while left and (not errors or self._clock() < end):
            member = choose(left)
            left.remove(member)
            try:
                return await self._try(member, ask)
            except UpstreamUnavailable as error:
                if error.sent:
                    raise
                errors.append(error)
            except _OF_ONE_SERVER as error:
                errors.append(error)
        raise _together(errors)

    async def credential(self, requester: Requester) -> Credential:
        """As Inside says."""
        errors: list[GatewayError] = []
        for member in self.members:
            try:
                return await member.way.transition.credential(requester)
            except _OF_ONE_SERVER as error:
                errors.append(error)
        raise _together(errors)

    def trouble(self) -> str | None:
        """Which servers are ejected, and why; None while none is."""
        ejected = [f"{m.name}: {m.breaker.last_failure}" for m in self.members if not m.breaker.is_closed]
        return "; ".join(ejected) or None

    async def _try(self, member: Member[S], ask: Callable[[Way[S]], Awaitable[T]]) -> T:
        attempt = member.breaker.begin()
        member.in_flight += 1
        outcome, failure = Outcome.GIVEN_UP, ""
        try:
            answer = await ask(member.way)
            outcome = Outcome.ANSWERED
        except GatewayError as error:
            outcome, failure = outcome_of(error), str(error)
            raise
        else:
            return answer
        finally:
            member.in_flight -= 1
            member.breaker.end(attempt, outcome.verdict, failure)
            self._on_attempt(member.name, outcome)


def choose(members: Sequence[Member[S]]) -> Member[S]:
    """The one whose turn it is: of the lowest priority that has any that is admitting.

    If none is, the one that has rested longest: a chance is better than none.
    """
    admitting = [member for member in members if member.breaker.is_admitting]
    if not admitting:
        return min(members, key=lambda member: member.breaker.opened_at or 0.0)
    first = min(member.priority for member in admitting)
    return _next_in_turn([member for member in admitting if member.priority == first])


def _next_in_turn(group: Sequence[Member[S]]) -> Member[S]:
    """Smooth weighted round robin (nginx's): in as many calls as all weights together, each has as many as its own."""
    for member in group:
        member.current += member.weight
    chosen = max(group, key=lambda member: (member.current, -member.in_flight))
    chosen.current -= sum(member.weight for member in group)
    return chosen


def _together(errors: Sequence[GatewayError]) -> GatewayError:
    """One error for all servers, none of which was reached."""
    for error in errors:
        # It does not heal by itself, as a server does that is down.
        if isinstance(error, _OF_ONE_SERVER):
            return error
    if len(errors) == 1:
        return errors[0]
    return UpstreamUnavailable("; ".join(map(str, errors)), sent=False)
