"""What has been decided, decided again under a candidate: only what would change is told."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from gateway.audit.chain import MAX_LINE_BYTES, parse_line
from gateway.faults import fault_for
from gateway.policy.comparison import Change, difference
from gateway.policy.decision import Decision, NotPermitted, Policies, decide
from gateway.trial.recorded import NotReplayable, RecordedDecision, recorded_decision, tells_a_decision


@dataclass(frozen=True, slots=True)
class Changed:
    """One decision that the candidate would make otherwise."""

    recorded: RecordedDecision
    change: Change
    candidate: Decision

    @property
    def template(self) -> str:
        """As the request names it. There is no change without one."""
        names = (reference.name or reference.oid or "" for reference in self.recorded.application.template_references)
        return ", ".join(dict.fromkeys(names))

    @property
    def was(self) -> str:
        ruling = self.recorded.ruling
        return f"allowed by {ruling.policy}: {ruling.rule}" if ruling.rule else f"refused, {self.recorded.reason}"

    @property
    def would_be(self) -> str:
        if self.candidate.approval is not None:
            return f"allowed by {self.candidate.approval.policy.name}: {self.candidate.approval.rule.name}"
        assert self.candidate.error is not None, "a decision is one or the other"
        return f"refused, {fault_for(self.candidate.error).reason}"

    @property
    def vanished(self) -> tuple[str, ...]:
        """Violations that the candidate does not find."""
        found = set(self._found())
        return tuple(text for violation in self.recorded.violations if (text := str(violation)) not in found)

    @property
    def new(self) -> tuple[str, ...]:
        """Violations that only the candidate finds."""
        known = {str(violation) for violation in self.recorded.violations}
        return tuple(text for text in self._found() if text not in known)

    def _found(self) -> tuple[str, ...]:
        error, approval = self.candidate.error, self.candidate.approval
        violations = approval.violations if approval is not None else ()
        return tuple(map(str, error.violations if isinstance(error, NotPermitted) else violations))


@dataclass(slots=True)
class Summary:
    """How many decisions were looked at."""

    same: int = 0
    changed: int = 0
    not_replayable: Counter[str] = field(default_factory=Counter)
    """By reason."""


def replay(lines: Iterable[bytes], candidate: Policies, summary: Summary, *, since: str = "") -> Iterator[Changed]:
    """Each decision that would be another one, in the order of the lines; counts all of them in `summary`.

    `since` is RFC 3339, UTC, compared as text: as much of it as is given.
    """
    for line in lines:
        parsed = parse_line(line)
        if parsed is None:
            summary.not_replayable["no line of an audit record"] += 1
            continue
        if str(parsed.fields["time"]) < since or not tells_a_decision(parsed.fields):
            continue
        try:
            recorded = recorded_decision(parsed.fields)
        except NotReplayable as error:
            summary.not_replayable[str(error)] += 1
            continue
        found = difference(recorded.ruling, decide(candidate, recorded.application))
        if found is None:
            summary.same += 1
        else:
            summary.changed += 1
            yield Changed(recorded, found.change, found.candidate)


def lines_of(file: BinaryIO) -> Iterator[bytes]:
    """The lines of a file of any size, one at a time; the rest of one that is too long comes as a line of its own."""
    while line := file.readline(MAX_LINE_BYTES):
        yield line.rstrip(b"\n")
