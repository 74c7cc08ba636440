"""How violations are made: bounded, because what the client wrote goes into the audit record."""

from collections.abc import Iterable
from itertools import islice

from gateway.policy.decision import Concern, Violation

_LONGEST_VALUE = 120
"""Characters: a DNS name that people chose, with room; the request itself is in the record as a digest."""
_LONGEST_WANTED = 400
_MOST = 20
"""Of one condition. A request has room for a thousand wrong names, and each rule would report them all."""


def first_of(violations: Iterable[Violation]) -> tuple[Violation, ...]:
    """All of them, or as many as a reader will take, and one that is forbidden if there is any: enough for the verdict,
    which asks whether there are any, and, where a policy is on trial, whether one of them is forbidden."""
    each = iter(violations)
    found = tuple(islice(each, _MOST))
    if any(one.is_forbidden for one in found):
        return found
    return (*found, *islice((one for one in each if one.is_forbidden), 1))


def violation(
    rule: str, concern: Concern, field: str, value: str, wanted: str, *, is_forbidden: bool = False
) -> Violation:
    """A Violation whose texts are cut where they are longer than a reader, or the record, should have to take."""
    return Violation(
        rule,
        concern,
        _cut(field, _LONGEST_VALUE),
        _cut(value, _LONGEST_VALUE),
        _cut(wanted, _LONGEST_WANTED),
        is_forbidden,
    )


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
