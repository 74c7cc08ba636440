"""A submission whose answer was lost: the CA is asked for what it may have made of it, number by number.

[MS-WSTEP] has no look-up by key. AD CS counts its RequestIDs up, and answers QueryTokenStatus for each ([MS-WCCE]
3.2.1.4.2.1.3); what has the key of the request is what came of it.
"""

from collections.abc import Awaitable, Callable, Iterable
from enum import StrEnum

from gateway.doubt import is_past_the_last
from gateway.policy.issued import is_for_key
from gateway.protocol.soap import UpstreamRefused
from gateway.protocol.wstep import Issued, Pending, RequestSecurityTokenResponse

_CANDIDATES = 20
"""Requests that a CA may have taken from others meanwhile, and that are looked at."""
_BITS = 31
"""Of a RequestID: a LONG of the CA's database."""

Query = Callable[[str], Awaitable[RequestSecurityTokenResponse]]
"""QueryTokenStatus. Raises UpstreamError."""


class Trace(StrEnum):
    """What is left of a submission of which there is no certificate."""

    NONE = "none"
    """The CA has given none of the numbers that came into question: it has never got it, or has not got it yet."""
    PERHAPS_PENDING = "perhaps_pending"
    """It may be a request that the CA has not decided about; whose those are, it does not say."""
    LOST = "lost"
    """It may be anywhere."""


async def look_for(
    subject_public_key_info: bytes, query: Query, *, after: str | None, latest: str | None
) -> Issued | Trace:
    """The certificate with this key, or what else there is to say.

    `after` is the highest RequestID that was known when the request left, `latest` the one that is known now. Without
    either, the CA's last one is looked for. Raises what `query` raises, but for refusals by the CA.
    """
    if after is not None:
        first = int(after) + 1
        return await _look_at(range(first, first + _CANDIDATES), subject_public_key_info, query)
    last = await _last(query) if latest is None else int(latest)
    found = await _look_at(range(last, max(last - _CANDIDATES, 0), -1), subject_public_key_info, query)
    # Behind the last there is nothing, but before the first that was looked at there are others.
    return Trace.LOST if found is Trace.NONE else found


async def _look_at(numbers: Iterable[int], subject_public_key_info: bytes, query: Query) -> Issued | Trace:
    trace = Trace.LOST
    for number in numbers:
        answer = await _answer(number, query)
        if answer is None:
            return Trace.NONE if trace is Trace.LOST else trace
        if isinstance(answer, Issued) and is_for_key(answer, subject_public_key_info):
            return answer
        if isinstance(answer, Pending):
            trace = Trace.PERHAPS_PENDING
    return trace


async def _last(query: Query) -> int:
    """The highest RequestID that the CA has given, or 0; bit by bit, in 31 questions.

    Rows that were deleted look like numbers that were not given. Those are old ones: they do not hide what came since,
    unless the highest power of two is among them.
    """
    last = 0
    for bit in reversed(range(_BITS)):
        if await _answer(last + (1 << bit), query) is not None:
            last += 1 << bit
    return last


async def _answer(number: int, query: Query) -> RequestSecurityTokenResponse | UpstreamRefused | None:
    """None where the CA has given no such number yet."""
    try:
        return await query(str(number))
    except UpstreamRefused as refused:
        return None if is_past_the_last(refused.fault) else refused
