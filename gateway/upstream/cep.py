"""The internal CEP: one GetPolicies ([MS-XCEP])."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.credential import Credential
from gateway.errors import MalformedMessage, UpstreamMisbehaved
from gateway.protocol import xcep
from gateway.protocol.xcep import GetPolicies, GetPoliciesResponse
from gateway.upstream.soap_client import SoapClient


@dataclass(frozen=True, slots=True)
class CepClient:
    """The CertificateEnrollmentPolicyService of `gateway.enrollment_policy`."""

    client: SoapClient
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    """The aware time, UTC."""

    async def fetch_policies(self, request: GetPolicies, credential: Credential) -> GetPoliciesResponse:
        """What the inside offers to this credential. Raises UpstreamError or CredentialsRefusedInside."""
        answer = await self.client.exchange(
            xcep.ACTION_GET_POLICIES,
            xcep.render_get_policies(request),
            credential,
            answer_action=xcep.ACTION_GET_POLICIES_RESPONSE,
        )
        try:
            return xcep.parse_get_policies_response(answer)
        except MalformedMessage as error:
            raise UpstreamMisbehaved(f"CEP sent a GetPoliciesResponse that cannot be read: {error}") from error

    async def probe(self, credential: Credential) -> None:
        """As `gateway.upstream.health.Probed` says: ask what has changed since now, which costs CEP next to nothing."""
        await self.fetch_policies(self._nothing_new(), credential)

    async def knock(self) -> None:
        """As `gateway.upstream.health.Probed` says."""
        await self.client.knock(xcep.ACTION_GET_POLICIES, xcep.render_get_policies(self._nothing_new()))

    def _nothing_new(self) -> GetPolicies:
        return GetPolicies(f"{self.clock():%Y-%m-%dT%H:%M:%SZ}", None, None)
