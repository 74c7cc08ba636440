"""The ledger of one certification authority: every submission, before it leaves and after it is answered.

Two entries tell of one submission. The line, under the RequestID that clients know, is kept as long as the certificate
lives. The repeat, under the digest of who asked for what, leads to the line for a bounded time, in which the identical
request is not sent again; it is written after the line and removed before it, so that it always leads somewhere.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256

from gateway.errors import MalformedMessage, Overloaded, StateUnavailable
from gateway.ledger.document import Line, Repeat, read
from gateway.ledger.hearing import Hearing
from gateway.pki.certificate import parse_certificate
from gateway.policy.decision import Approval
from gateway.protocol.wstep import Issued, Pending, RequestSecurityTokenResponse
from gateway.requester import Requester
from gateway.state.state import Entry, State, Table
from gateway.submission import Answered, CertificateFacts, InDoubt, Submission, UnderSubmission, Withheld

REPEATED_WITHIN = timedelta(hours=24)
"""A client that lost the answer asks again within minutes, an autoenrolling one after its eight hours."""
OPEN_FOR = timedelta(days=90)
"""For pending requests to be approved, and for doubts to be cleared up by people. certutil -deleterow is advised for
requests that are older than some months."""
KEPT_AFTER_THE_END = timedelta(days=90)
"""Of a certificate: whoever asks who had it, asks after it is over too."""

_MAX_REQUEST_ID = 2**31 - 1
_ATTEMPTS = 5
_PAUSE_SECONDS = 0.2


class Ledger:
    """The Ledger of `gateway.enrollment`."""

    def __init__(
        self,
        state: State,
        clock: Callable[[], datetime],
        ca: str,
        answer_seconds: float,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`answer_seconds`: the longest that a submission can take, with all that is tried for it."""
        self._state = state
        self._clock = clock
        self._ca = ca
        self._answer = timedelta(seconds=answer_seconds)
        self._pause = pause
        self._hearing = Hearing(state, clock)

    async def heard_from(self, requester: Requester) -> None:
        """Note that it asks, whatever will become of it. Raises StateUnavailable."""
        await self._hearing.note(requester)

    async def identical(self, approval: Approval) -> Submission | None:
        """The submission of the identical request for the same account, if there was one a while ago.

        Waits as long as it may be on its way. Raises StateUnavailable.
        """
        digest = self._digest(approval)
        while True:
            repeat = await self._state.get(Table.REPEATS, digest)
            if repeat is None:
                return None
            submission = await self.find(read(Repeat, repeat).request_id)
            if submission is None or not submission.may_be_on_its_way(self._clock()):
                return submission
            await self._pause(_PAUSE_SECONDS)

    async def find(self, request_id: str) -> Submission | None:
        """By the RequestID that the client was told; of another CA's, None. Raises StateUnavailable."""
        if not (request_id.isascii() and request_id.isdigit() and len(request_id) <= len(str(_MAX_REQUEST_ID))):
            return None
        entry = await self._state.get(Table.SUBMISSIONS, request_id)
        submission = None if entry is None else read(Line, entry).submission
        if submission is None or submission.ca != self._ca:
            return None
        kept = await self._kept(submission)
        if kept is None:
            return submission
        if isinstance(submission.outcome, Answered):
            return replace(submission, answer=replace(kept, request_id=request_id))
        # Whoever noted the answer got no further.
        return await self.answered(submission, kept)

    async def open(self, service: str, approval: Approval) -> Submission:
        """Write the submission down, durably, before it leaves.

        Raises StateUnavailable, or Overloaded if the identical request is being sent at this very moment.
        """
        now = self._clock()
        application = approval.application
        renewed = application.request.renewal_certificate
        submission = Submission(
            request_id="",
            digest=self._digest(approval),
            service=service,
            ca=self._ca,
            account=application.requester.account,
            partner=application.requester.partner,
            template=approval.policy.template.name,
            submitted_at=now,
            renews=None if renewed is None else renewed.sha256_fingerprint,
            outcome=InDoubt(until=now + self._answer, after=await self.latest()),
            request=application.request.der,
            additional_context=application.additional_context,
        )
        submission = await self._file(submission, now)
        repeat = Repeat(request_id=submission.request_id).to_bytes()
        expires = now + REPEATED_WITHIN
        if await self._state.put(Table.REPEATS, submission.digest, repeat, expires=expires, replaces=None) is None:
            await self._remove(Table.SUBMISSIONS, submission.request_id)
            raise Overloaded(f"the identical request of {submission.account} is being sent", retry_after=1)
        return submission

    async def answered(self, submission: Submission, response: RequestSecurityTokenResponse) -> Submission:
        """Note what came of it, and was found right; `response` is the CA's, with the CA's RequestID.

        Raises StateUnavailable: the outcome is then in doubt, and the answer may be got again.
        """
        if isinstance(response, Pending):
            settled = replace(submission, outcome=UnderSubmission(response.request_id))
            await self._write(settled, settled.submitted_at + OPEN_FOR)
        else:
            settled = await self._issued(submission, response)
        if response.request_id is not None:
            await self._heard_of(response.request_id)
        return settled

    async def _issued(self, submission: Submission, response: Issued) -> Submission:
        facts = _facts(response.certificate)
        outcome = Answered(response.request_id, facts)
        settled = replace(submission, outcome=outcome, request=None, additional_context=())
        await self._keep(submission, response)
        await self._write(settled, facts.not_after + KEPT_AFTER_THE_END)
        return replace(settled, answer=replace(response, request_id=submission.request_id))

    async def withheld(self, submission: Submission, certificate: bytes) -> None:
        """Note that there is a certificate that nobody gets. Raises StateUnavailable."""
        outcome = Withheld(sha256(certificate).hexdigest())
        settled = replace(submission, outcome=outcome, request=None, additional_context=())
        await self._write(settled, settled.submitted_at + OPEN_FOR)

    async def denied(self, submission: Submission) -> None:
        """Note that the CA does not issue what was pending. Raises StateUnavailable."""
        if isinstance(submission.outcome, UnderSubmission) and not submission.outcome.is_denied:
            outcome = replace(submission.outcome, is_denied=True)
            await self._write(replace(submission, outcome=outcome), submission.submitted_at + OPEN_FOR)

    async def in_doubt(self, submission: Submission) -> None:
        """Note that nobody waits for the answer any more. Raises StateUnavailable."""
        if isinstance(submission.outcome, InDoubt):
            outcome = replace(submission.outcome, until=self._clock())
            await self._write(replace(submission, outcome=outcome), submission.submitted_at + OPEN_FOR)

    async def forget(self, submission: Submission) -> None:
        """Strike it out: it is certain that no certificate came of it. Raises StateUnavailable."""
        await self._remove(Table.REPEATS, submission.digest)
        await self._remove(Table.SUBMISSIONS, submission.request_id)

    async def latest(self) -> str | None:
        """The highest RequestID of the CA that was heard of; None where it does not count them, or nothing was heard.

        Raises StateUnavailable.
        """
        entry = await self._state.get(Table.SIGHTINGS, self._sighting)
        return None if entry is None else entry.value.decode()

    async def _file(self, submission: Submission, now: datetime) -> Submission:
        """Under a RequestID that nobody can guess, and that nothing else has."""
        for _ in range(_ATTEMPTS):
            filed = replace(submission, request_id=str(secrets.randbelow(_MAX_REQUEST_ID) + 1))
            value = Line(submission=filed).to_bytes()
            if await self._state.put(Table.SUBMISSIONS, filed.request_id, value, expires=now + OPEN_FOR, replaces=None):
                return filed
        raise StateUnavailable(f"{_ATTEMPTS} random RequestIDs were all taken: is the state shared by too many?")

    async def _write(self, submission: Submission, expires: datetime) -> None:
        value = Line(submission=replace(submission, answer=None)).to_bytes()
        await self._overwrite(Table.SUBMISSIONS, submission.request_id, value, expires)

    async def _kept(self, submission: Submission) -> Issued | None:
        entry = await self._state.get(Table.REPEATS, submission.digest)
        repeat = None if entry is None else read(Repeat, entry)
        return repeat.answer if repeat is not None and repeat.request_id == submission.request_id else None

    async def _keep(self, submission: Submission, answer: Issued) -> None:
        repeat = Repeat(request_id=submission.request_id, answer=answer).to_bytes()
        expires = submission.submitted_at + REPEATED_WITHIN
        entry = await self._state.get(Table.REPEATS, submission.digest)
        # After the time in which requests count as repeated, another one may have taken the place.
        if entry is not None and read(Repeat, entry).request_id == submission.request_id:
            await self._state.put(Table.REPEATS, submission.digest, repeat, expires=expires, replaces=entry)

    async def _overwrite(self, table: Table, key: str, value: bytes, expires: datetime) -> None:
        for _ in range(_ATTEMPTS):
            entry = await self._state.get(table, key)
            if await self._state.put(table, key, value, expires=expires, replaces=entry) is not None:
                return
        raise StateUnavailable(f"{key} of {table} is written by others again and again")

    async def _remove(self, table: Table, key: str) -> None:
        entry = await self._state.get(table, key)
        if entry is not None:
            await self._state.remove(table, entry)

    async def _heard_of(self, ca_request_id: str) -> None:
        """Remember the highest RequestID. Of servers that do not count in decimal, nothing is remembered."""
        if not (ca_request_id.isascii() and ca_request_id.isdigit()):
            return
        for _ in range(_ATTEMPTS):
            entry: Entry | None = await self._state.get(Table.SIGHTINGS, self._sighting)
            if entry is not None and int(entry.value) >= int(ca_request_id):
                return
            expires = self._clock() + OPEN_FOR
            if await self._state.put(
                Table.SIGHTINGS, self._sighting, ca_request_id.encode(), expires=expires, replaces=entry
            ):
                return

    @property
    def _sighting(self) -> str:
        return f"request-id:{sha256(self._ca.encode()).hexdigest()}"

    def _digest(self, approval: Approval) -> str:
        application = approval.application
        told = (self._ca, application.requester.account.casefold(), *_context(approval))
        framed = b"".join(len(part).to_bytes(4, "big") + part for part in (text.encode() for text in told))
        return sha256(framed + application.request.der).hexdigest()


def _context(approval: Approval) -> Iterator[str]:
    for item in approval.application.additional_context:
        yield item.name
        yield item.value


def _facts(der: bytes) -> CertificateFacts:
    try:
        certificate = parse_certificate(der)
    except MalformedMessage as error:
        raise AssertionError("it was read when it was checked") from error
    return CertificateFacts(
        sha256=certificate.sha256_fingerprint,
        serial_number=f"{certificate.serial_number:x}",
        issuer=str(certificate.issuer),
        subject=str(certificate.subject),
        subject_alternative_name=tuple(f"{n.type}:{n.value}" for n in certificate.subject_alternative_name),
        not_before=certificate.not_before,
        not_after=certificate.not_after,
    )
