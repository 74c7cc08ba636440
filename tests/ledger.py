"""Lines of a ledger, with literal values: no request was ever made for them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from gateway.ledger.document import Line
from gateway.state.state import State, Table
from gateway.submission import Answered, CertificateFacts, InDoubt, Submission

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def some_facts(
    name: str = "web01", *, ends: timedelta = 100 * DAY, life: timedelta = 365 * DAY, at: datetime = NOW
) -> CertificateFacts:
    """Of a certificate that ends so long after `at`."""
    return CertificateFacts(
        sha256=sha256(f"{name} {at + ends} {life}".encode()).hexdigest(),
        serial_number="41000003e9ed",
        issuer="CN=Corp Issuing CA 1",
        subject=f"CN={name}",
        subject_alternative_name=(f"dNSName:{name}.partner-a.example",),
        not_before=at + ends - life,
        not_after=at + ends,
    )


def a_line(request_id: str = "1", name: str = "web01", **changes: Any) -> Submission:
    """Of an answered request, sent when the certificate's life began; `ends`, `life`, `at` are as of `some_facts`."""
    facts = some_facts(name, **{key: changes.pop(key) for key in ("ends", "life", "at") if key in changes})
    line = Submission(
        request_id=request_id,
        digest=f"digest of {request_id}",
        service="ca1-certificate",
        ca="Corp Issuing CA 1",
        account="alice",
        partner="partner-a",
        template="WebServer",
        submitted_at=facts.not_before,
        renews=None,
        outcome=Answered("17", facts),
    )
    return replace(line, **changes)


def in_doubt(*, since: timedelta = DAY, after: str | None = "16", at: datetime = NOW) -> dict[str, Any]:
    """Changes that make `a_line` one whose answer was lost."""
    sent = at - since
    return {"submitted_at": sent, "outcome": InDoubt(until=sent + timedelta(seconds=30), after=after)}


async def keep(state: State, *lines: Submission, at: datetime = NOW) -> None:
    """As the ledger does."""
    for line in lines:
        value = Line(submission=line).to_bytes()
        await state.put(Table.SUBMISSIONS, line.request_id, value, expires=at + 1000 * DAY, replaces=None)
