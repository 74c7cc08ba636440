"""Why a policy applied, and why the others did not."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from gateway.pki.certificate_request import TemplateReference
from gateway.policy.decision import Application, Policies, Policy

_MOST_SIMILAR = 5
_SIMILARITY = 0.8
"""Of difflib: a letter or two in a word of ten."""


@dataclass(frozen=True, slots=True)
class Led:
    """One naming of a template, and the policy that it leads to."""

    reference: TemplateReference
    policy: Policy | None


@dataclass(frozen=True, slots=True)
class Other:
    """A policy that did not judge the application."""

    policy: Policy
    reason: str
    is_close: bool
    """Whether somebody might have expected it to: by its template's name, or because it is for this requester."""


def led_to(policies: Policies, application: Application) -> tuple[Led, ...]:
    """Where each naming of a template leads, in the order of the request."""
    return tuple(Led(reference, policies.find(reference)) for reference in application.template_references)


def others(policies: Policies, application: Application, judged_by: Policy | None) -> Iterator[Other]:
    """Every policy that did not judge, the close ones first, each kind in the order of the files."""
    named = {id(led.policy) for led in led_to(policies, application)}
    similar = _similar(policies, application)
    found = [
        _other(policy, application, is_named=id(policy) in named, is_similar=policy.template.name.casefold() in similar)
        for policy in policies.policies
        if policy is not judged_by
    ]
    yield from (other for other in found if other.is_close)
    yield from (other for other in found if not other.is_close)


def _other(policy: Policy, application: Application, *, is_named: bool, is_similar: bool) -> Other:
    is_for_requester = any(rule.requesters.admits(application.requester) for rule in policy.rules)
    if is_named:
        reason = f"the request names its template {policy.template.name}, and another one elsewhere"
    else:
        similar = ", though a similar name" if is_similar else ""
        reason = f"the request does not name its template {policy.template.name}{similar}"
    requester = "it has rules" if is_for_requester else "it has no rule"
    return Other(policy, f"{reason}; {requester} for this requester", is_named or is_similar or is_for_requester)


def _similar(policies: Policies, application: Application) -> frozenset[str]:
    """Template names, case folded, that one of those in the request may be a slip of."""
    known = [policy.template.name.casefold() for policy in policies.policies]
    asked = {reference.name.casefold() for reference in application.template_references if reference.name is not None}
    return frozenset(
        match for name in asked for match in get_close_matches(name, known, n=_MOST_SIMILAR, cutoff=_SIMILARITY)
    )
