"""What was issued through the gateway, as an administrator asks for it: to whom, until when, renewed by what.

Pure, and linear in the number of lines once they are sorted.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from gateway.ledger.hearing import NOTED_EVERY, key_of_account, key_of_certificate
from gateway.submission import Answered, CertificateFacts, InDoubt, Submission, UnderSubmission, Withheld

SOON = 10
"""A certificate ends soon in the last tenth of its life, however short that is. Windows renews in the last fifth at
the earliest: half of that it has had then."""


class Stage(StrEnum):
    """How far a submission is, or the certificate that came of it."""

    SENT = "sent"
    """The CA's answer may come at any moment."""
    IN_DOUBT = "in_doubt"
    """Nobody waits for the answer any more, and whether there is a certificate is not known."""
    PENDING = "pending"
    DENIED = "denied"
    """It was pending, and the CA said no when its client asked again."""
    WITHHELD = "withheld"
    VALID = "valid"
    ENDING = "ending"
    """It ends soon, and is not renewed."""
    RENEWED = "renewed"
    """Another one has taken its place, even where it is valid still."""
    LAPSED = "lapsed"
    """It is over, and was not renewed."""


@dataclass(frozen=True, slots=True)
class Holding:
    """A line of the ledger, beside all the others."""

    submission: Submission
    partner: str | None
    """The submission's; of a machine that renews by its certificate alone, that of the certificate before."""
    stage: Stage
    renewed_by: str | None
    """The RequestID, as clients know it, of what has taken its place."""
    tried_at: datetime
    """When its holder was last known to ask for a certificate."""
    is_silent: bool
    """It ends soon, and nobody has tried to renew it since."""

    @property
    def certificate(self) -> CertificateFacts | None:
        """None where none was released."""
        outcome = self.submission.outcome
        return outcome.certificate if isinstance(outcome, Answered) else None


def holdings(
    submissions: Iterable[Submission], heard: Mapping[str, datetime], now: datetime, warn: timedelta
) -> list[Holding]:
    """Each line with what the others say of it, in the order in which they were sent.

    `heard` is what `Hearing` has noted; `warn` is how long before its end a certificate of a long life ends soon.
    """
    lines = sorted(submissions, key=lambda line: (line.submitted_at, line.request_id))
    renewed_by = _renewed_by(lines)
    partners = _partners(lines)
    tried = _tried(lines, heard)
    found = []
    for line, partner in zip(lines, partners, strict=True):
        facts = _facts(line)
        successor = renewed_by.get(facts.sha256) if facts else None
        stage = _stage(line, now, warn, is_renewed=successor is not None)
        shown = heard.get(key_of_certificate(facts.sha256)) if facts else None
        tried_at = max(filter(None, (tried[line.account.casefold()], shown)))
        is_silent = stage is Stage.ENDING and facts is not None and tried_at < soon_from(facts, warn) - NOTED_EVERY
        found.append(Holding(line, partner, stage, successor, tried_at, is_silent))
    return found


def soon_from(facts: CertificateFacts, warn: timedelta) -> datetime:
    """From when on the certificate ends soon."""
    return facts.not_after - min(warn, (facts.not_after - facts.not_before) / SOON)


def _facts(line: Submission) -> CertificateFacts | None:
    return line.outcome.certificate if isinstance(line.outcome, Answered) else None


def _stage(line: Submission, now: datetime, warn: timedelta, *, is_renewed: bool) -> Stage:
    match line.outcome:
        case InDoubt():
            return Stage.SENT if line.may_be_on_its_way(now) else Stage.IN_DOUBT
        case UnderSubmission(is_denied=is_denied):
            return Stage.DENIED if is_denied else Stage.PENDING
        case Withheld():
            return Stage.WITHHELD
        case Answered(certificate=facts):
            if is_renewed:
                return Stage.RENEWED
            if facts.not_after <= now:
                return Stage.LAPSED
            return Stage.ENDING if soon_from(facts, warn) <= now else Stage.VALID
        case _:
            assert_never(line.outcome)


def _renewed_by(lines: Sequence[Submission]) -> dict[str, str]:
    """By the SHA-256 of a certificate. One that names it as the old one counts before one for the same names."""
    found: dict[str, str] = {}
    open_by_names: defaultdict[Hashable, list[tuple[CertificateFacts, str]]] = defaultdict(list)
    for line in lines:
        facts = _facts(line)
        if facts is None:
            continue
        # Their ends only fall from the bottom up: what a new one outlives is at the top, and each leaves once.
        before = open_by_names[_names(line, facts)]
        while before and before[-1][0].not_after < facts.not_after:
            found[before.pop()[0].sha256] = line.request_id
        before.append((facts, line.request_id))
    named = {line.renews: line.request_id for line in lines if line.renews is not None and _facts(line) is not None}
    return found | named


def _names(line: Submission, facts: CertificateFacts) -> Hashable:
    names = frozenset(facts.subject_alternative_name)
    return line.account.casefold(), line.template.casefold(), facts.subject, names


def _partners(lines: Iterable[Submission]) -> list[str | None]:
    """Of each line. A certificate that stands for itself belongs to no partner, but the first one of its chain may."""
    by_certificate: dict[str, str | None] = {}
    found = []
    for line in lines:
        partner = line.partner if line.partner is not None else by_certificate.get(line.renews or "")
        if (facts := _facts(line)) is not None:
            by_certificate[facts.sha256] = partner
        found.append(partner)
    return found


def _tried(lines: Iterable[Submission], heard: Mapping[str, datetime]) -> dict[str, datetime]:
    """By account, in lower case."""
    # In the order in which they were sent: the last one counts.
    sent = {line.account.casefold(): line.submitted_at for line in lines}
    return {account: max(at, heard.get(key_of_account(account), at)) for account, at in sent.items()}
