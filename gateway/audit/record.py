"""The record of one call: facts are noted as they become known, and stand in every line that follows."""

from collections.abc import Callable, Sequence
from datetime import datetime

import structlog

from gateway.audit import facts
from gateway.audit.chain import Event
from gateway.audit.judged import judged
from gateway.audit.writer import Writer
from gateway.call import Call
from gateway.credential import Credential
from gateway.enrollment_policy import Told
from gateway.errors import CertificateWithheld, Objection, RateLimited, RecordNotWritten, StateUnavailable
from gateway.policy.comparison import Difference
from gateway.policy.decision import Application, Approval, Violation
from gateway.protocol.key_exchange import KeyExchangeToken
from gateway.protocol.wstep import RequestSecurityTokenResponse
from gateway.requester import Requester
from gateway.submission import Submission

log = structlog.get_logger()

_NO_DECISION = (RateLimited, StateUnavailable)
"""The policies have approved, if they were asked at all: their decision was not what refused, nor is to be replayed."""

SecondOpinion = Callable[[Application], Difference | None]
"""What another set of policies would have made of an application, if that is something else. Never raises."""


class CallRecord:
    """An EnrollmentRecord and an EnrollmentPolicyRecord, and the place for refusals."""

    def __init__(
        self, call: Call, writer: Writer, clock: Callable[[], datetime], second_opinion: SecondOpinion
    ) -> None:
        self._call = call
        self._writer = writer
        self._clock = clock
        self._second_opinion = second_opinion
        self._facts = facts.of_call(call)
        self._requester: Requester | None = None
        self._undecided: Application | None = None
        """Until a line has told what was decided, and all that it takes to decide again."""
        self._approval: Approval | None = None

    @property
    def requester(self) -> Requester | None:
        """Who has authenticated in this call; None as long as nobody has."""
        return self._requester

    @property
    def approval(self) -> Approval | None:
        """The decision of this call; None as long as there is none, and where it was a refusal."""
        return self._approval

    def authenticated(self, requester: Requester) -> None:
        """Note a fact for the lines to come."""
        self._requester = requester
        self._facts |= facts.of_requester(requester)

    def applied(self, application: Application) -> None:
        """Note a fact for the lines to come."""
        self._facts |= facts.of_application(application)
        self._undecided = application

    async def approved(self, approval: Approval) -> None:
        """The decision, on the disk when this returns. Raises RecordNotWritten: then nothing may be submitted."""
        self._approval = approval
        self._facts |= facts.of_approval(approval)
        told = self._facts | facts.of_violations(approval.violations) | self._deciding(is_approved=True)
        await self._writer.append(Event.APPROVED, told, durable=True)

    def transitioned(self, credential: Credential) -> None:
        """Note a fact for the lines to come."""
        self._facts |= facts.of_credential(credential)

    def filed(self, submission: Submission, *, is_repeated: bool) -> None:
        """Note a fact for the lines to come: where it stands in the ledger, and whether since an earlier call."""
        self._facts |= facts.of_submission(submission, is_repeated=is_repeated)

    def objected(self, objections: Sequence[Objection]) -> None:
        """Note a fact for the lines to come: what is wrong with a certificate that is released on trial."""
        self._facts |= facts.of_objections(objections)

    async def withheld(self, incident: CertificateWithheld) -> None:
        """The certificate that must be revoked, on the disk when this returns, if it can be.

        Never raises: nothing is released either way, and the incident itself must go on.
        """
        log.error("certificate withheld", call_id=self._call.call_id, service=self._call.service, detail=str(incident))
        try:
            await self._writer.append(
                Event.WITHHELD, self._facts | facts.of_incident(incident) | self._duration(), durable=True
            )
        except RecordNotWritten:
            log.exception("a withheld certificate is not in the audit record", call_id=self._call.call_id)

    async def answered(self, response: RequestSecurityTokenResponse, ca_request_id: str | None) -> None:
        """What the CA made of it, on the disk when this returns. Raises RecordNotWritten."""
        told = facts.of_response(response, ca_request_id)
        await self._writer.append(Event.ANSWERED, self._facts | told | self._duration(), durable=True)

    async def published(self, told: Told) -> None:
        """Which templates were shown. Written, not synced: a crash loses no certificate. Raises RecordNotWritten."""
        await self._writer.append(
            Event.PUBLISHED, self._facts | facts.of_publication(told) | self._duration(), durable=False
        )

    async def exchanged(self, token: KeyExchangeToken) -> None:
        """Which exchange certificate was passed on. Written, not synced, as above. Raises RecordNotWritten."""
        await self._writer.append(
            Event.ANSWERED, self._facts | facts.of_key_exchange(token) | self._duration(), durable=False
        )

    async def refused(
        self,
        *,
        reason: str,
        outcome: str,
        hresult: str | None,
        error: BaseException,
        diagnosis: str | None = None,
        violations: Sequence[Violation] = (),
    ) -> None:
        """What the client was told, and why; `diagnosis` is an id of `gateway.diagnosis`.

        Never raises: the client gets its fault even where the record fails.

        Neither synced nor waited for. A refusal that a power failure takes away leaves no certificate unexplained, and
        whoever sends what is refused must not make the disk sync once for each, nor wait for a disk that hangs.
        """
        told: facts.Facts = {"outcome": outcome, "reason": reason}
        if hresult is not None:
            told["hresult"] = hresult
        if diagnosis is not None:
            told["diagnosis"] = diagnosis
        try:
            told |= facts.of_refusal(error, violations) | self._duration()
            if not isinstance(error, _NO_DECISION):
                told |= self._deciding(is_approved=False)
            self._writer.note(Event.REFUSED, self._facts | told)
        except Exception as unforeseen:
            log.exception("audit line not made", call_id=self._call.call_id)
            self._writer.lose(f"a refusal cannot be told: {type(unforeseen).__name__}")

    def _deciding(self, *, is_approved: bool) -> facts.Facts:
        """What stands in the line that tells the decision, and in no other: it may be long."""
        application, self._undecided = self._undecided, None
        if application is None:
            return {}
        told = judged(application, is_approved=is_approved)
        difference = self._second_opinion(application)
        return told if difference is None else told | facts.of_difference(difference)

    def _duration(self) -> facts.Facts:
        """Milliseconds since the call arrived; the wall clock may have been set back meanwhile."""
        elapsed = self._clock() - self._call.received_at
        return {"duration_ms": max(0.0, round(elapsed.total_seconds() * 1000, 1))}
