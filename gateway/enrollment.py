"""One enrollment, from the client's message to the CA's answer.

The order of the statements in `_issue` is the gateway's security argument: nothing reaches the CA that was not
authenticated, parsed, approved and recorded, in that order, nor in the name of anybody whom the transition's guard has
not admitted, nor twice, since the ledger has it before it goes; nothing leaves that was not checked.
"""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol, assert_never

from gateway.call import Call
from gateway.credential import Credential, Inside, Way
from gateway.doubt import is_denied, leaves_doubt
from gateway.errors import (
    CertificateWithheld,
    GatewayError,
    KeyArchivalNotPermitted,
    Objection,
    OutcomeUnknown,
    PendingRequestUnknown,
)
from gateway.lost_answer import Trace, look_for
from gateway.pki.authorities import CertificationAuthorities
from gateway.pki.parse_request import parse_certificate_request
from gateway.policy.decision import Application, Approval, Policies, approve
from gateway.policy.exchange_certificate import check_exchange_certificate
from gateway.policy.expected import expected_of
from gateway.policy.issued import Reach, check_issued, check_pending
from gateway.policy.issued_origin import Issuers
from gateway.policy.key_archival import may_archive_a_key
from gateway.policy.renewal_only import require_renewal_of_shown
from gateway.policy.signers import standing_of_shown
from gateway.protocol import wstep
from gateway.protocol.key_exchange import KeyExchangeToken
from gateway.protocol.soap import Envelope, UpstreamRefused
from gateway.protocol.wstep import Issued, Pending, RequestSecurityTokenResponse
from gateway.requester import Requester
from gateway.submission import Answered, InDoubt, Submission, UnderSubmission, Withheld

STILL_ON_ITS_WAY = timedelta(minutes=15)
"""How long an internal CES may hold a request whose caller has gone, before it reaches the CA or never will: WCF gives
a call ten minutes by default (sendTimeout)."""

Authenticate = Callable[[Call, Envelope], Awaitable[Requester]]
"""Who calls. Raises NotAuthenticated, or what the one who was asked failed with."""


class CertificateEnrollmentService(Protocol):
    """The internal CES. Raises UpstreamError."""

    async def submit(self, approval: Approval, credential: Credential) -> RequestSecurityTokenResponse: ...

    async def query(self, ca_request_id: str, credential: Credential) -> RequestSecurityTokenResponse: ...

    async def exchange_key(self, credential: Credential) -> KeyExchangeToken: ...


class Ledger(Protocol):
    """What was sent to the CA behind one service. Every method raises StateUnavailable."""

    async def heard_from(self, requester: Requester) -> None:
        """Note that it has asked: who does not even try to renew is found by that."""
        ...

    async def identical(self, approval: Approval) -> Submission | None:
        """The submission of the identical request, if there was one a while ago, when it is not on its way any more."""
        ...

    async def find(self, request_id: str) -> Submission | None:
        """By the RequestID that the client was told."""
        ...

    async def open(self, service: str, approval: Approval) -> Submission:
        """Durable when this returns."""
        ...

    async def answered(self, submission: Submission, response: RequestSecurityTokenResponse) -> Submission:
        """Durable when this returns; `response` is as the CA sent it."""
        ...

    async def withheld(self, submission: Submission, certificate: bytes) -> None: ...

    async def in_doubt(self, submission: Submission) -> None: ...

    async def forget(self, submission: Submission) -> None: ...

    async def denied(self, submission: Submission) -> None: ...

    async def latest(self) -> str | None:
        """The highest RequestID that the CA is known to have given."""
        ...


class Budgets(Protocol):
    """How much anybody may have of the CA. Raises RateLimited, and StateUnavailable."""

    async def certificate(self, requester: Requester, template: str) -> None:
        """Spend one certificate."""
        ...

    async def poll(self, service: str, request_id: str) -> None:
        """Spend one question for a pending request."""
        ...


class EnrollmentRecord(Protocol):
    """The audit record of one call."""

    def authenticated(self, requester: Requester) -> None:
        """Note a fact for the lines to come."""
        ...

    def applied(self, application: Application) -> None:
        """Note a fact for the lines to come."""
        ...

    async def approved(self, approval: Approval) -> None:
        """Durable when this returns. Raises RecordNotWritten if it cannot be."""
        ...

    def transitioned(self, credential: Credential) -> None:
        """Note a fact for the lines to come."""
        ...

    def filed(self, submission: Submission, *, is_repeated: bool) -> None:
        """Note a fact for the lines to come: where it stands in the ledger, and whether since an earlier call."""
        ...

    def objected(self, objections: tuple[Objection, ...]) -> None:
        """Note a fact for the lines to come: what is wrong with a certificate that is released on trial."""
        ...

    async def withheld(self, incident: CertificateWithheld) -> None:
        """Durable when this returns, if it can be. Never raises: the incident itself goes on."""
        ...

    async def answered(self, response: RequestSecurityTokenResponse, ca_request_id: str | None) -> None:
        """`response` is as the client gets it; `ca_request_id` is what the CA calls it."""
        ...

    async def exchanged(self, token: KeyExchangeToken) -> None: ...


@dataclass(frozen=True, slots=True)
class IssuingCA:
    """One certification authority, and how it is reached."""

    inside: Inside[CertificateEnrollmentService]
    """Its CES, and as whom the gateway goes there."""
    ledger: Ledger
    issuers: Callable[[], Issuers]
    """Its name and certificates, as the configuration or the catalogue knows them."""


class IssuingCAs(Protocol):
    """Those that one published service leads to."""

    def of_template(self, common_name: str) -> IssuingCA:
        """The one that issues it."""
        ...

    @property
    def own(self) -> IssuingCA:
        """The one that the service is published for."""
        ...

    def __iter__(self) -> Iterator[IssuingCA]: ...


@dataclass(frozen=True, slots=True)
class _Errand:
    """What a CA is asked in one call: for which submission, on which grounds, and as whom."""

    ca: IssuingCA
    submission: Submission
    approval: Approval
    credential: Credential

    @property
    def reach(self) -> Reach:
        return Reach(self.approval.application.requester, self.credential)


@dataclass(frozen=True, slots=True)
class Enrollment:
    """The enrollment use case of one published service, and what it needs from outside."""

    authenticate: Authenticate
    policies: Callable[[], Policies]
    """The snapshot in force; a reload swaps it whole."""
    authorities: Callable[[], CertificationAuthorities]
    """Who vouches for signers, by the revocation lists of this moment."""
    cas: IssuingCAs
    budgets: Budgets
    public_uri: str
    """Where clients reach this service: the only address that ever leaves."""
    renewal_only: bool = False
    """Whether nothing is taken but renewals of the certificate that the requester has shown to TLS."""

    async def request_security_token(
        self, call: Call, envelope: Envelope, record: EnrollmentRecord
    ) -> RequestSecurityTokenResponse | KeyExchangeToken:
        """Serve one RequestSecurityToken ([MS-WSTEP] 3.1.4.1); every refusal is a GatewayError."""
        requester = await self.authenticate(call, envelope)
        record.authenticated(requester)

        token = wstep.parse_request(envelope)
        await self.cas.own.ledger.heard_from(requester)
        match token:
            case wstep.Issue():
                return await self._issue(call, requester, token, record)
            case wstep.QueryTokenStatus():
                return await self._query_token_status(call, requester, token, record)
            case wstep.KET():
                return await self._exchange_key(call, requester, record)
            case _:
                assert_never(token)

    async def _issue(
        self, call: Call, requester: Requester, token: wstep.Issue, record: EnrollmentRecord
    ) -> RequestSecurityTokenResponse:
        application = self._application(
            requester, token.certificate_request, token.additional_context, call.received_at
        )
        record.applied(application)

        approval = approve(self.policies(), application)
        for ca in self.cas:
            before = await ca.ledger.identical(approval)
            if before is not None:
                # One certificate, however often a client asks, and at whichever CA's address: it may have lost the
                # answer, or the gateway has.
                return await self._resume(call, requester, ca, before, record)

        ca = self.cas.of_template(approval.policy.template.name)
        await self.budgets.certificate(requester, approval.policy.template.name)
        # Recorded before the CA acts: after a crash, no certificate exists that the audit record cannot explain.
        await record.approved(approval)

        # Once, but for servers that have certainly not seen it; each is shown a credential of its own.
        async def submit(way: Way[CertificateEnrollmentService]) -> tuple[_Errand, RequestSecurityTokenResponse]:
            credential = await _credential(way, requester, record)
            submission = await ca.ledger.open(call.service, approval)
            record.filed(submission, is_repeated=False)
            try:
                response = await way.service.submit(approval, credential)
            except GatewayError as error:
                await (ca.ledger.in_doubt if leaves_doubt(error) else ca.ledger.forget)(submission)
                raise
            return _Errand(ca, submission, approval, credential), response

        errand, response = await ca.inside.reach(submit)
        return await self._release(call, errand, response, record)

    async def _query_token_status(
        self, call: Call, requester: Requester, token: wstep.QueryTokenStatus, record: EnrollmentRecord
    ) -> RequestSecurityTokenResponse:
        for ca in self.cas:
            submission = await ca.ledger.find(token.request_id)
            if submission is not None and self._may_ask_after(submission, requester):
                return await self._resume(call, requester, ca, submission, record)
        raise PendingRequestUnknown(f"{requester.account} has no pending request {token.request_id!r} here")

    def _may_ask_after(self, submission: Submission, requester: Requester) -> bool:
        """Who submitted it; or whom the policy names, as long as the request is at hand to be judged as theirs."""
        if submission.account == requester.account:
            return True
        return submission.request is not None and self.policies().lets_collect(requester, submission.template)

    async def _resume(
        self, call: Call, requester: Requester, ca: IssuingCA, submission: Submission, record: EnrollmentRecord
    ) -> RequestSecurityTokenResponse:
        """The answer to a request that was submitted before. Nothing is submitted here."""
        record.filed(submission, is_repeated=True)
        if isinstance(submission.outcome, Withheld):
            raise CertificateWithheld(f"request {submission.request_id}: its certificate was withheld before")
        if submission.answer is not None and isinstance(submission.outcome, Answered):
            await record.answered(submission.answer, submission.outcome.ca_request_id)
            return submission.answer
        if submission.request is None:
            raise PendingRequestUnknown(f"request {submission.request_id} was answered, which is not kept any more")

        await self.budgets.poll(call.service, submission.request_id)
        # What is pending for days is released by the policies of today.
        application = self._application(
            requester, submission.request, submission.additional_context, submission.submitted_at
        )
        approval = approve(self.policies(), application)

        async def find(way: Way[CertificateEnrollmentService]) -> tuple[_Errand, RequestSecurityTokenResponse | None]:
            errand = _Errand(ca, submission, approval, await _credential(way, requester, record))
            return errand, await self._find(way.service, errand, call.received_at)

        errand, response = await ca.inside.reach(find)
        if response is None:
            return await self._hold_out(submission, record)
        return await self._release(call, errand, response, record)

    async def _hold_out(self, submission: Submission, record: EnrollmentRecord) -> Pending:
        """Nothing is settled: the client goes on asking, and gets it if it is issued."""
        told = Pending("Taken Under Submission", "en-US", self.public_uri, None, submission.request_id)
        await record.answered(told, None)
        return told

    async def _find(
        self, service: CertificateEnrollmentService, errand: _Errand, now: datetime
    ) -> RequestSecurityTokenResponse | None:
        """Ask the CA for what it has, under the RequestID that it gave, or under those that it may have given.

        None where it may be pending. What certainly never came to the CA is struck out of the ledger: the next time, it
        is a new request.
        """

        async def query(ca_request_id: str) -> RequestSecurityTokenResponse:
            return await service.query(ca_request_id, errand.credential)

        submission = errand.submission
        match submission.outcome:
            case UnderSubmission(ca_request_id=ca_request_id):
                try:
                    return await query(ca_request_id)
                except UpstreamRefused as refused:
                    if is_denied(refused.fault):
                        await errand.ca.ledger.denied(submission)
                    raise
            case InDoubt(after=after):
                key = errand.approval.application.request.public_key.subject_public_key_info
                found = await look_for(key, query, after=after, latest=await errand.ca.ledger.latest())
            case _:
                raise AssertionError("it was answered before")
        match found:
            case Issued():
                return found
            case Trace.PERHAPS_PENDING:
                return None
            case Trace.NONE if now - submission.submitted_at > STILL_ON_ITS_WAY:
                await errand.ca.ledger.forget(submission)
        raise OutcomeUnknown(
            f"request {submission.request_id} of {submission.account} for {submission.template} was sent at"
            f" {submission.submitted_at:%Y-%m-%dT%H:%M:%SZ}, and what the CA {submission.ca} made of it is not known."
            " Look for it at the CA (certutil -view); it is not sent again before that is certain, or a day has passed"
        )

    async def _exchange_key(self, call: Call, requester: Requester, record: EnrollmentRecord) -> KeyExchangeToken:
        """The CA's exchange certificate, for whoever may archive a key ([MS-WSTEP] 3.1.4.2.2.1).

        The service's own CA's: a KET names no template.
        """
        if not may_archive_a_key(self.policies(), requester):
            raise KeyArchivalNotPermitted(
                f"{requester.account} asks for a key exchange token, and no rule that admits it has keyArchival"
            )

        async def exchange(way: Way[CertificateEnrollmentService]) -> KeyExchangeToken:
            return await way.service.exchange_key(await _credential(way, requester, record))

        token = await self.cas.own.inside.reach(exchange)
        check_exchange_certificate(token.certificate, self.cas.own.issuers(), call.received_at)
        await record.exchanged(token)
        return token

    async def _release(
        self, call: Call, errand: _Errand, response: RequestSecurityTokenResponse, record: EnrollmentRecord
    ) -> RequestSecurityTokenResponse:
        """Check what the CA answered, write it down, and put the gateway's own names into it."""
        ca, submission = errand.ca, errand.submission
        try:
            match response:
                case Issued():
                    expected = expected_of(errand.approval, submission.submitted_at)
                    record.objected(check_issued(response, expected, errand.reach, ca.issuers(), call.received_at))
                    told: RequestSecurityTokenResponse = replace(response, request_id=submission.request_id)
                case Pending():
                    check_pending(response)
                    told = replace(response, request_id=submission.request_id, reference_uri=self.public_uri)
                case _:
                    assert_never(response)
        except CertificateWithheld as incident:
            # Recorded before anybody is told: the certificate exists, and somebody has to revoke it.
            await record.withheld(incident)
            await ca.ledger.withheld(submission, incident.certificate)
            raise

        await ca.ledger.answered(submission, response)
        await record.answered(told, response.request_id)
        return told

    def _application(
        self, requester: Requester, der: bytes, additional_context: tuple[wstep.ContextItem, ...], at: datetime
    ) -> Application:
        """What is to be judged, with the signers of whom an authority says that they were good `at` that time."""
        request = parse_certificate_request(der)
        authorities = self.authorities()
        signers = authorities.vouch_for(request.signers, at)
        if self.renewal_only:
            require_renewal_of_shown(request, requester)
        shown = standing_of_shown(request, requester, authorities, at)
        return Application(requester, request, additional_context, signers, shown)


async def _credential(
    way: Way[CertificateEnrollmentService], requester: Requester, record: EnrollmentRecord
) -> Credential:
    """As whom the gateway goes inside: the one way to a credential, and it passes the guard."""
    credential = await way.transition.credential(requester)
    record.transitioned(credential)
    return credential
