"""Two decisions about one application, compared: the one that counts, and what a candidate would have made of it."""

from dataclasses import dataclass
from enum import StrEnum

from gateway.policy.decision import Decision


class Change(StrEnum):
    """What a candidate would change."""

    WOULD_ALLOW = "would_allow"
    WOULD_REFUSE = "would_refuse"
    OTHER_RULE = "other_rule"
    """Allowed as before, but by another rule or another policy."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What counts of a decision: whether a request goes through, and by what."""

    policy: str | None
    """None if none was found."""
    rule: str | None
    """The one that allowed; None for a refusal."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A candidate's decision that is not the one that counts."""

    change: Change
    policy: str
    """The one that counts, or, where that has none for the request, the candidate's."""
    candidate: Decision


def ruling_of(decision: Decision) -> Ruling:
    policy = None if decision.policy is None else decision.policy.name
    return Ruling(policy, None if decision.approval is None else decision.approval.rule.name)


def difference(counts: Ruling, candidate: Decision) -> Difference | None:
    """None where the candidate comes to the same end. Refusals are the same, whatever their reasons."""
    would_be = ruling_of(candidate)
    change = _change(counts, would_be)
    if change is None:
        return None
    policy = counts.policy or would_be.policy
    assert policy is not None, "where one of them allows, it has a policy"
    return Difference(change, policy, candidate)


def _change(counts: Ruling, would_be: Ruling) -> Change | None:
    if counts.rule is None:
        return None if would_be.rule is None else Change.WOULD_ALLOW
    if would_be.rule is None:
        return Change.WOULD_REFUSE
    return None if counts == would_be else Change.OTHER_RULE
