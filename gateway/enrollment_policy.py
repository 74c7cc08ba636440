"""One GetPolicies: what this requester may enroll, told in the outside's addresses.

Read from top to bottom: authenticated, parsed, fetched from the internal CEP, reduced to what the gateway's own
policies would allow, rewritten, recorded. Nothing of the inside's answer passes that `publish` did not put there.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Protocol

from gateway.call import Call
from gateway.credential import Credential, Inside, Way
from gateway.errors import UpstreamMisbehaved
from gateway.policy.decision import Policies
from gateway.policy.publication import Publication, publish
from gateway.protocol import xcep
from gateway.protocol.soap import Envelope
from gateway.protocol.xcep import GetPolicies, GetPoliciesResponse
from gateway.requester import Requester


class CertificateEnrollmentPolicyService(Protocol):
    """The internal CEP. Raises UpstreamError."""

    async def fetch_policies(self, request: GetPolicies, credential: Credential) -> GetPoliciesResponse: ...


class EnrollmentPolicyRecord(Protocol):
    """The audit record of one call."""

    def authenticated(self, requester: Requester) -> None:
        """Note a fact for the lines to come."""
        ...

    def transitioned(self, credential: Credential) -> None:
        """Note a fact for the lines to come."""
        ...

    async def published(self, response: GetPoliciesResponse) -> None: ...


@dataclass(frozen=True, slots=True)
class EnrollmentPolicy:
    """The policy use case of one published service, and what it needs from outside."""

    authenticate: Callable[[Call, Envelope], Awaitable[Requester]]
    policies: Callable[[], Policies]
    """The snapshot in force; a reload swaps it whole."""
    inside: Inside[CertificateEnrollmentPolicyService]
    """Where the policies are fetched, and as whom."""
    publication: Publication
    learn: Callable[[GetPoliciesResponse], None] = lambda _: None
    """Told of each answer of the inside, whatever becomes of the call. Never raises."""

    async def get_policies(self, call: Call, envelope: Envelope, record: EnrollmentPolicyRecord) -> GetPoliciesResponse:
        """Serve one GetPolicies ([MS-XCEP] 3.1.4.1); every refusal is a GatewayError."""
        requester = await self.authenticate(call, envelope)
        record.authenticated(requester)

        request = xcep.parse_get_policies(envelope)
        admitting = self.policies().admitting(requester)

        async def fetch(way: Way[CertificateEnrollmentPolicyService]) -> GetPoliciesResponse:
            credential = await way.transition.credential(requester)
            record.transitioned(credential)
            # Without lastUpdate: the answer depends on the gateway's configuration too, so that the inside's "not
            # changed" would be wrong for the outside.
            return await way.service.fetch_policies(replace(request, last_update=None), credential)

        offered = await self.inside.reach(fetch)
        if offered.policies_not_changed:
            raise UpstreamMisbehaved("CEP answered 'not changed' to a request without lastUpdate")

        self.learn(offered)
        response = publish(offered, {policy.template.name for policy in admitting}, self.publication)
        await record.published(response)
        return response
