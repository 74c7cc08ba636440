"""One enrollment, from the client's message to the CA's answer.

The order of the statements in `_issue` is the gateway's security argument: nothing reaches the CA that was not
authenticated, parsed, approved and recorded, in that order, nor in the name of anybody whom the transition's guard has
not admitted; nothing leaves that was not checked.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Protocol, assert_never

from gateway.call import Call
from gateway.credential import Credential, Inside, Way
from gateway.errors import ActionNotSupported, CertificateWithheld, Objection, PendingRequestUnknown
from gateway.pki.authorities import CertificationAuthorities
from gateway.pki.parse_request import parse_certificate_request
from gateway.policy.decision import Application, Approval, Policies, approve
from gateway.policy.expected import Expected, expected_of
from gateway.policy.issued import Reach, check_issued, check_pending
from gateway.policy.issued_origin import Issuers
from gateway.protocol import wstep
from gateway.protocol.soap import Envelope
from gateway.protocol.wstep import Issued, Pending, RequestSecurityTokenResponse
from gateway.requester import Requester

Authenticate = Callable[[Call, Envelope], Awaitable[Requester]]
"""Who calls. Raises NotAuthenticated, or what the one who was asked failed with."""


class CertificateEnrollmentService(Protocol):
    """The internal CES. Raises UpstreamError."""

    async def submit(self, approval: Approval, credential: Credential) -> RequestSecurityTokenResponse: ...

    async def query(self, pending: "PendingRequest", credential: Credential) -> RequestSecurityTokenResponse: ...


@dataclass(frozen=True, slots=True)
class PendingRequest:
    """What must be remembered of a request that the CA has taken under submission."""

    request_id: str
    requester: Requester
    """As of this call: who asks after it now."""
    expected: Expected
    """What its certificate must be."""


class PendingRequests(Protocol):
    """Who owns which pending request: a guessed RequestID must not fetch somebody else's certificate."""

    async def remember(self, service: str, pending: PendingRequest) -> None: ...

    async def find(self, service: str, request_id: str, requester: Requester) -> PendingRequest | None:
        """The request, if this requester's account submitted it through this service."""
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

    def objected(self, objections: tuple[Objection, ...]) -> None:
        """Note a fact for the lines to come: what is wrong with a certificate that is released on trial."""
        ...

    async def withheld(self, incident: CertificateWithheld) -> None:
        """Durable when this returns, if it can be. Never raises: the incident itself goes on."""
        ...

    async def answered(self, response: RequestSecurityTokenResponse) -> None: ...


@dataclass(frozen=True, slots=True)
class Enrollment:
    """The enrollment use case of one published service, and what it needs from outside."""

    authenticate: Authenticate
    policies: Callable[[], Policies]
    """The snapshot in force; a reload swaps it whole."""
    authorities: Callable[[], CertificationAuthorities]
    """Who vouches for signers, by the revocation lists of this moment."""
    inside: Inside[CertificateEnrollmentService]
    """Where the CA is reached, and as whom."""
    pending: PendingRequests
    issuers: Callable[[], Issuers]
    """The CA behind this service, as the configuration knows it."""
    public_uri: str
    """Where clients reach this service: the only address that ever leaves."""

    async def request_security_token(
        self, call: Call, envelope: Envelope, record: EnrollmentRecord
    ) -> RequestSecurityTokenResponse:
        """Serve one RequestSecurityToken ([MS-WSTEP] 3.1.4.1); every refusal is a GatewayError."""
        requester = await self.authenticate(call, envelope)
        record.authenticated(requester)

        token = wstep.parse_request(envelope)
        match token:
            case wstep.Issue():
                response = await self._issue(call, requester, token, record)
            case wstep.QueryTokenStatus():
                response = await self._query_token_status(call, requester, token, record)
            case wstep.KET():
                raise ActionNotSupported("KET: key exchange tokens are not served")
            case _:
                assert_never(token)

        await record.answered(response)
        return response

    async def _issue(
        self, call: Call, requester: Requester, token: wstep.Issue, record: EnrollmentRecord
    ) -> RequestSecurityTokenResponse:
        request = parse_certificate_request(token.certificate_request)
        signers = self.authorities().vouch_for(request.signers, call.received_at)
        application = Application(requester, request, token.additional_context, signers)
        record.applied(application)

        approval = approve(self.policies(), application)
        # Recorded before the CA acts: after a crash, no certificate exists that the audit record cannot explain.
        await record.approved(approval)

        # Once, but for servers that have certainly not seen it; each has a credential of its own.
        async def submit(way: Way[CertificateEnrollmentService]) -> tuple[RequestSecurityTokenResponse, Reach]:
            credential = await way.transition.credential(requester)
            record.transitioned(credential)
            return await way.service.submit(approval, credential), Reach(requester, credential)

        response, reach = await self.inside.reach(submit)
        expected = expected_of(approval, call.received_at)
        return await self._release(call, response, expected, reach, record)

    async def _query_token_status(
        self, call: Call, requester: Requester, token: wstep.QueryTokenStatus, record: EnrollmentRecord
    ) -> RequestSecurityTokenResponse:
        pending = await self.pending.find(call.service, token.request_id, requester)
        if pending is None:
            raise PendingRequestUnknown(f"{requester.account} has no pending request {token.request_id!r} here")

        async def query(way: Way[CertificateEnrollmentService]) -> tuple[RequestSecurityTokenResponse, Reach]:
            credential = await way.transition.credential(requester)
            record.transitioned(credential)
            return await way.service.query(pending, credential), Reach(requester, credential)

        response, reach = await self.inside.reach(query)
        return await self._release(call, response, pending.expected, reach, record)

    async def _release(
        self,
        call: Call,
        response: RequestSecurityTokenResponse,
        expected: Expected,
        reach: Reach,
        record: EnrollmentRecord,
    ) -> RequestSecurityTokenResponse:
        """Check what the CA answered, and take the inside's address out of it."""
        try:
            match response:
                case Issued():
                    record.objected(check_issued(response, expected, reach, self.issuers(), call.received_at))
                    return response
                case Pending():
                    check_pending(response)
                    pending = PendingRequest(response.request_id, reach.requester, expected)
                    await self.pending.remember(call.service, pending)
                    return replace(response, reference_uri=self.public_uri)
                case _:
                    assert_never(response)
        except CertificateWithheld as incident:
            # Recorded before anybody is told: the certificate exists, and somebody has to revoke it.
            await record.withheld(incident)
            raise
