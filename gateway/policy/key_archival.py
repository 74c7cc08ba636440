"""The condition on key archival: whether a private key may, or must, travel with the request."""

from dataclasses import dataclass
from typing import Literal

from gateway.policy.decision import Application, Concern, Policies, Rule, Violation
from gateway.policy.violations import violation
from gateway.requester import Requester


@dataclass(frozen=True, slots=True)
class KeyArchivalCondition:
    """`keyArchival`: a key in a request for a template without archival is data that nobody has asked for, outside of
    every signature."""

    archival: Literal["allowed", "required"] | None

    def violations(self, rule: str, application: Application) -> tuple[Violation, ...]:
        archived = application.request.archived_key
        if archived is None and self.archival == "required":
            return (violation(rule, Concern.KEY_ARCHIVAL, "archivedKey", "", "present"),)
        if archived is not None and self.archival is None:
            return (violation(rule, Concern.KEY_ARCHIVAL, "archivedKey", f"{archived.size} bytes", "absent"),)
        return ()


def may_archive_a_key(policies: Policies, requester: Requester) -> bool:
    """Whether a rule that admits this requester lets a private key travel with a request: who has no use for the CA's
    exchange certificate need not have it."""
    rules = (rule for policy in policies.policies for rule in policy.rules)
    return any(_lets_keys_travel(rule) and rule.requesters.admits(requester) for rule in rules)


def _lets_keys_travel(rule: Rule) -> bool:
    return any(isinstance(each, KeyArchivalCondition) and each.archival is not None for each in rule.conditions)
