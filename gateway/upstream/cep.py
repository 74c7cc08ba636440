"""The internal CEP: one GetPolicies ([MS-XCEP])."""

from dataclasses import dataclass

from gateway.errors import MalformedMessage, UpstreamMisbehaved
from gateway.protocol import xcep
from gateway.protocol.xcep import GetPolicies, GetPoliciesResponse
from gateway.requester import Requester
from gateway.transition.credential import Transition
from gateway.upstream.soap_client import SoapClient


@dataclass(frozen=True, slots=True)
class CepClient:
    """The CertificateEnrollmentPolicyService of `gateway.enrollment_policy`."""

    client: SoapClient
    transition: Transition

    async def fetch_policies(self, requester: Requester, request: GetPolicies) -> GetPoliciesResponse:
        """What the inside offers to the requester's credential.

        Raises UpstreamError, TransitionFailed or CredentialsRefusedInside.
        """
        answer = await self.client.exchange(
            xcep.ACTION_GET_POLICIES,
            xcep.render_get_policies(request),
            await self.transition.credential(requester),
            answer_action=xcep.ACTION_GET_POLICIES_RESPONSE,
        )
        try:
            return xcep.parse_get_policies_response(answer)
        except MalformedMessage as error:
            raise UpstreamMisbehaved(f"CEP sent a GetPoliciesResponse that cannot be read: {error}") from error
