"""The rim: every call gets one reply and one audited outcome, bugs included. The only place that catches everything."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

import structlog
from lxml import etree

from gateway.call import Call
from gateway.enrollment import Enrollment, EnrollmentRecord
from gateway.enrollment_policy import EnrollmentPolicy, EnrollmentPolicyRecord
from gateway.errors import CertificateWithheld, GatewayError, Overloaded, RateLimited, Unmatched
from gateway.faults import Outcome, fault_for, hresult_of, message_for
from gateway.policy.decision import Approval, NotPermitted, Violation
from gateway.protocol import wstep, xcep
from gateway.protocol.key_exchange import ACTION_KET_FINAL, KeyExchangeToken, render_key_exchange_token
from gateway.protocol.soap import Envelope, RenderedBody, parse_envelope, render_envelope, render_fault
from gateway.protocol.wstep import Issued
from gateway.requester import Requester
from gateway.telemetry import Metrics, PolicyOutcome
from gateway.web.negotiate import www_authenticate
from gateway.web.reply import Reply

log = structlog.get_logger()

Redact = Callable[[str], str]
"""Takes the names of the inside out of text that is not ours."""


class CallRecord(EnrollmentRecord, EnrollmentPolicyRecord, Protocol):
    """The audit record of one call, with its refusals."""

    @property
    def requester(self) -> Requester | None:
        """Who has authenticated in this call; None as long as nobody has."""
        ...

    @property
    def approval(self) -> Approval | None:
        """The decision of this call; None as long as there is none, and where it was a refusal."""
        ...

    async def refused(
        self,
        *,
        reason: str,
        outcome: str,
        hresult: str | None,
        error: BaseException,
        diagnosis: str | None = None,
        violations: tuple[Violation, ...] = (),
    ) -> None:
        """Never raises: the client gets its fault even where the record fails."""
        ...


@dataclass(frozen=True, slots=True)
class Told:
    """What a story has to say to the client."""

    outcome: str
    """issued, pending, key_exchange or published: with the faults' reasons, the closed set of the metric's outcomes."""
    action: str
    body: etree._Element | RenderedBody


Story = Callable[[Call, Envelope, CallRecord], Awaitable[Told]]


def enrollment_story(enrollment: Enrollment, redact: Redact) -> Story:
    """[MS-WSTEP]: the answer in its envelope's terms."""

    async def story(call: Call, envelope: Envelope, record: CallRecord) -> Told:
        response = await enrollment.request_security_token(call, envelope, record)
        if isinstance(response, KeyExchangeToken):
            return Told("key_exchange", ACTION_KET_FINAL, render_key_exchange_token(response))
        # The disposition is the CA's prose, and may name what is inside.
        clean = replace(response, disposition_message=redact(response.disposition_message))
        outcome = "issued" if isinstance(response, Issued) else "pending"
        return Told(outcome, wstep.ACTION_RSTRC, wstep.render_response(clean))

    return story


def enrollment_policy_story(enrollment_policy: EnrollmentPolicy) -> Story:
    """[MS-XCEP]: the answer in its envelope's terms."""

    async def story(call: Call, envelope: Envelope, record: CallRecord) -> Told:
        told = await enrollment_policy.get_policies(call, envelope, record)
        return Told("published", xcep.ACTION_GET_POLICIES_RESPONSE, told.body)

    return story


@dataclass(frozen=True, slots=True)
class SoapService:
    """One published service, from bytes to bytes."""

    story: Story
    open_record: Callable[[Call], CallRecord]
    metrics: Metrics
    clock: Callable[[], datetime]
    redact: Redact
    wsdetail: bool
    """Whether the contract has CertificateEnrollmentWSDetail: CES has, CEP has not."""

    async def answer(self, call: Call) -> Reply:
        """Never raises but for cancellation, which leaves its line in the record too."""
        record = self.open_record(call)
        envelope: Envelope | None = None
        try:
            envelope = parse_envelope(call.body)
            told = await self.story(call, envelope, record)
        except asyncio.CancelledError as error:
            await record.refused(reason="interrupted", outcome=Outcome.FAILED, hresult=None, error=error)
            raise
        except Exception as error:  # noqa: BLE001 -- the one place that catches everything
            return await self._refuse(call, envelope, record, error)
        self._count(call, record, told.outcome)
        return self._reply(200, record, self._render(told.action, told.body, envelope))

    async def refuse(self, call: Call, error: GatewayError) -> Reply:
        """The fault for a call that is not answered at all, with its line in the record. Never raises."""
        return await self._refuse(call, None, self.open_record(call), error)

    async def _refuse(self, call: Call, envelope: Envelope | None, record: CallRecord, error: Exception) -> Reply:
        fault = fault_for(error)
        if not isinstance(error, GatewayError):
            log.error("unforeseen error", call_id=call.call_id, service=call.service, exc_info=error)
        if isinstance(error, CertificateWithheld):
            self.metrics.certificate_withheld(call.service, (objection.field for objection in error.objections))
        if isinstance(error, RateLimited):
            self.metrics.rate_limited(call.service, error.limit)
        violations = error.violations if isinstance(error, NotPermitted) else ()
        await record.refused(
            reason=fault.reason,
            outcome=fault.outcome,
            hresult=hresult_of(error),
            error=error,
            diagnosis=fault.diagnosis,
            violations=violations,
        )
        self._count(call, record, fault.reason, error)
        message = message_for(error, call.call_id, wsdetail=self.wsdetail, redact=self.redact)
        body = self._render(message.action, render_fault(message.fault), envelope)
        retry_after = error.retry_after if isinstance(error, Overloaded) else None
        return self._reply(fault.status, record, body, retry_after)

    def _reply(self, status: int, record: CallRecord, body: bytes, retry_after: int | None = None) -> Reply:
        return Reply(status, body, retry_after, www_authenticate(status, record.requester))

    def _count(self, call: Call, record: CallRecord, outcome: str, error: Exception | None = None) -> None:
        seconds = (self.clock() - call.received_at).total_seconds()
        self.metrics.answered(call.service, outcome, seconds)
        decision = _decision(record.approval, error)
        if decision is not None:
            self.metrics.policy_decided(*decision)
        # A policy on trial is loud: what it would refuse goes through.
        audited = {"policy_mode": "audit"} if decision is not None and decision[1] is PolicyOutcome.AUDITED else {}
        # The canonical line: one per call, everything else about it is in the audit record under the same id.
        log.info(
            "answered",
            call_id=call.call_id,
            service=call.service,
            peer=call.peer,
            outcome=outcome,
            seconds=seconds,
            **audited,
        )

    def _render(self, action: str, body: etree._Element | RenderedBody, envelope: Envelope | None) -> bytes:
        """With a Timestamp iff the request had one: WWSAPI may ask for it, and cepces must not meet mustUnderstand."""
        security = envelope.security if envelope else None
        return render_envelope(
            action,
            body,
            relates_to=envelope.message_id if envelope else None,
            timestamp_created=self.clock() if security and security.timestamp else None,
        )


def _decision(approval: Approval | None, error: Exception | None) -> tuple[str, PolicyOutcome] | None:
    """By which policy, and how; None for a call that no policy has judged."""
    if approval is not None:
        return approval.policy.name, PolicyOutcome.AUDITED if approval.violations else PolicyOutcome.ALLOWED
    match error:
        case NotPermitted():
            return error.policy, PolicyOutcome.REFUSED
        case Unmatched():
            return "", PolicyOutcome.UNMATCHED
        case _:
            return None
