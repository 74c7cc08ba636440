"""The conditions on names: the subject, and the subject alternative name.

What no rule speaks of is refused, occurrence by occurrence.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gateway.pki.names import GeneralName, GeneralNameType, Name, other_name
from gateway.policy.decision import Application, Concern, Violation
from gateway.policy.patterns import Exact, ExactName, Pattern
from gateway.policy.security_identifier import states_security_identifier
from gateway.policy.violations import first_of, violation
from gateway.policy.vocabulary import REFUSED_NAMES
from gateway.policy.wellformed import WELL_FORMED, folded, is_plain
from gateway.requester import Requester

_MOST_JUDGED = 100
"""Of one field, where a rule allows fewer: so many are told one by one."""


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

    def wanted_instead_of(self, value: str, requester: Requester) -> Iterator[str]:
        """What this rule wants, for each of its objections to a well-formed value."""
        if not self.min_length <= len(value) <= self.max_length:
            yield f"{self.min_length} to {self.max_length} characters"
        spellings = {value, folded(value)}
        yield from (
            f"anything but {pattern}"
            for pattern in self.deny
            if any(pattern.matches(spelling, requester) for spelling in spellings)
        )
        # An asterisk stands for names that nobody has read, so it must be written out in the policy.
        allow = [pattern for pattern in self.allow if "*" not in value or isinstance(pattern, Exact | ExactName)]
        if not any(pattern.matches(value, requester) for pattern in allow):
            yield " or ".join(map(str, self.allow))


@dataclass(frozen=True, slots=True)
class SubjectCondition:
    """`subject`: the attributes of the distinguished name, by their X.520 names."""

    fields: Mapping[str, NameRule]

    def violations(self, rule: str, application: Application) -> tuple[Violation, ...]:
        return self.violations_of(application.request.subject, rule, application.requester)

    def violations_of(self, subject: Name, rule: str, requester: Requester) -> tuple[Violation, ...]:
        """Those of any subject, that of another certificate for instance."""
        names = [_Named(attribute.type, attribute.value) for attribute in subject.attributes()]
        return first_of(_violations(rule, Concern.SUBJECT, names, self.fields, requester))


@dataclass(frozen=True, slots=True)
class SubjectAlternativeNameCondition:
    """`subjectAlternativeName`: the general names, by their types; an otherName's is `otherName 1.2.3`.

    URIs that state a security identifier are judged by `gateway.policy.security_identifier`, wherever they stand.
    """

    fields: Mapping[str, NameRule]

    def violations(self, rule: str, application: Application) -> tuple[Violation, ...]:
        return self.violations_of(application.request.subject_alternative_name, rule, application.requester)

    def violations_of(
        self, general_names: Sequence[GeneralName], rule: str, requester: Requester
    ) -> tuple[Violation, ...]:
        """Those of any general names, those of another certificate for instance."""
        names = [_named(name) for name in general_names if not states_security_identifier(name)]
        return first_of(_violations(rule, Concern.SUBJECT_ALTERNATIVE_NAME, names, self.fields, requester))


@dataclass(frozen=True, slots=True)
class _Named:
    """One occurrence of a name."""

    field: str
    value: str
    wanted_spelling: str | None = None
    """What is wrong with the form of the value; None if nothing is."""
    is_forbidden: bool = False


def _named(name: GeneralName) -> _Named:
    field, value = name.type.value, name.value
    if name.type is GeneralNameType.OTHER_NAME:
        oid, value = other_name(name)
        return _Named(f"{field} {oid}", value, is_forbidden=oid in REFUSED_NAMES)
    if name.type in REFUSED_NAMES:
        return _Named(field, value, is_forbidden=True)
    return _Named(field, value, None if WELL_FORMED[name.type](value) else f"a well-formed {field}")


def _violations(
    rule: str,
    concern: Concern,
    names: Sequence[_Named],
    fields: Mapping[str, NameRule],
    requester: Requester,
) -> Iterator[Violation]:
    occurrences = Counter(name.field for name in names)
    for field, name_rule in fields.items():
        times = occurrences[field]
        if times > name_rule.max_occurrences:
            yield violation(rule, concern, field, f"{times} occurrences", f"at most {name_rule.max_occurrences}")
        if name_rule.mandatory and not times:
            yield violation(rule, concern, field, "", "at least one")
    # Objected to by their number: comparing thousands with every pattern would only take time.
    too_many = {field for field, one in fields.items() if occurrences[field] > max(one.max_occurrences, _MOST_JUDGED)}
    for name in names:
        if name.field in too_many:
            continue
        for wanted in _wanted(name, fields.get(name.field), requester):
            yield violation(rule, concern, name.field, name.value, wanted, is_forbidden=name.is_forbidden)


def _wanted(name: _Named, name_rule: NameRule | None, requester: Requester) -> Iterator[str]:
    if name_rule is None:
        yield "absent"
    elif name.wanted_spelling is not None:
        yield name.wanted_spelling
    elif not is_plain(name.value):
        yield f"a {name.field} of printable NFKC text without superfluous blanks"
    else:
        yield from name_rule.wanted_instead_of(name.value, requester)
