"""The conditions on names: the subject, and the subject alternative name.

What no rule speaks of is refused, occurrence by occurrence.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from gateway.pki.names import GeneralName, GeneralNameType, Name
from gateway.policy.decision import Application, Concern, Violation
from gateway.policy.patterns import Exact, Pattern
from gateway.policy.violations import first_of, violation
from gateway.policy.wellformed import WELL_FORMED, is_plain
from gateway.requester import Requester

_SECURITY_IDENTIFIER_URI = "tag:microsoft.com,"
"""How a URI names the account that a certificate stands for (KB5014754: tag:microsoft.com,2022-09-14:sid:S-1-5-...)."""


@dataclass(frozen=True, slots=True)
class NameRule:
    """What may stand in one field: each value must match a pattern of `allow`, and none of `deny`."""

    allow: tuple[Pattern, ...]
    deny: tuple[Pattern, ...] = ()
    mandatory: bool = False
    max_occurrences: int = 1
    min_length: int = 1
    """Characters, as `max_length`."""
    max_length: int = 128

    def wanted_instead_of(self, value: str) -> Iterator[str]:
        """What this rule wants, for each of its objections to a well-formed value."""
        if not self.min_length <= len(value) <= self.max_length:
            yield f"{self.min_length} to {self.max_length} characters"
        yield from (f"anything but {pattern}" for pattern in self.deny if pattern.matches(value))
        # An asterisk stands for names that nobody has read, so it must be written out in the policy.
        allow = [pattern for pattern in self.allow if "*" not in value or isinstance(pattern, Exact)]
        if not any(pattern.matches(value) for pattern in allow):
            yield " or ".join(map(str, self.allow))


@dataclass(frozen=True, slots=True)
class SubjectCondition:
    """`subject`: the attributes of the distinguished name, by their X.520 names."""

    fields: Mapping[str, NameRule]

    def violations(self, rule: str, application: Application) -> tuple[Violation, ...]:
        return self.violations_of(application.request.subject, rule, application.requester)

    def violations_of(self, subject: Name, rule: str, requester: Requester) -> tuple[Violation, ...]:  # noqa: ARG002 -- patterns will ask for it
        """Those of any subject, that of another certificate for instance."""
        names = [(attribute.type, attribute.value) for attribute in subject.attributes()]
        return first_of(_violations(rule, Concern.SUBJECT, names, self.fields, _wanted_spelling))


@dataclass(frozen=True, slots=True)
class SubjectAlternativeNameCondition:
    """`subjectAlternativeName`: the general names, by their types.

    A security identifier in a URI is refused whatever the patterns say: it names the account directly.
    """

    fields: Mapping[GeneralNameType, NameRule]

    def violations(self, rule: str, application: Application) -> tuple[Violation, ...]:
        return self.violations_of(application.request.subject_alternative_name, rule, application.requester)

    def violations_of(
        self,
        general_names: Sequence[GeneralName],
        rule: str,
        requester: Requester,  # noqa: ARG002 -- patterns will ask for it
    ) -> tuple[Violation, ...]:
        """Those of any general names, those of another certificate for instance."""
        names = [(name.type, name.value) for name in general_names]
        concern = Concern.SUBJECT_ALTERNATIVE_NAME
        return first_of(_violations(rule, concern, names, self.fields, _wanted_spelling_of_general_name))


F = TypeVar("F", bound=str)


def _violations(
    rule: str,
    concern: Concern,
    names: Sequence[tuple[F, str]],
    fields: Mapping[F, NameRule],
    wanted_spelling: Callable[[F, str], str | None],
) -> Iterator[Violation]:
    occurrences = Counter(field for field, _ in names)
    for field, name_rule in fields.items():
        times = occurrences[field]
        if times > name_rule.max_occurrences:
            yield violation(rule, concern, field, f"{times} occurrences", f"at most {name_rule.max_occurrences}")
        if name_rule.mandatory and not times:
            yield violation(rule, concern, field, "", "at least one")
    for field, value in names:
        allowed = fields.get(field)
        if allowed is None:
            yield violation(rule, concern, field, value, "absent")
        elif spelling := wanted_spelling(field, value):
            yield violation(rule, concern, field, value, spelling)
        else:
            yield from (violation(rule, concern, field, value, wanted) for wanted in allowed.wanted_instead_of(value))


def _wanted_spelling(field: str, value: str) -> str | None:
    return None if is_plain(value) else f"a {field} of printable NFKC text without superfluous blanks"


def _wanted_spelling_of_general_name(field: GeneralNameType, value: str) -> str | None:
    if not WELL_FORMED[field](value):
        return f"a well-formed {field}"
    if field is GeneralNameType.UNIFORM_RESOURCE_IDENTIFIER and value.lower().startswith(_SECURITY_IDENTIFIER_URI):
        return "no security identifier"
    return _wanted_spelling(field, value)
