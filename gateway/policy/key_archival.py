"""The condition on key archival: whether a private key may, or must, travel with the request."""

from dataclasses import dataclass
from typing import Literal

from gateway.policy.decision import Application, Concern, Violation
from gateway.policy.violations import violation


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
