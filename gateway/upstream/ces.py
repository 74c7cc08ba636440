"""The internal CES: an approval becomes a new RequestSecurityToken ([MS-WSTEP]).

Only the DER of the certificate request is the client's own, byte for byte, since it is signed and was judged as a
whole. The words around it are written anew, from what was allowed.
"""

from dataclasses import dataclass

from gateway.credential import Credential
from gateway.errors import MalformedMessage, UpstreamMisbehaved
from gateway.pki.certificate_request import RequestFormat
from gateway.policy.decision import Approval
from gateway.protocol import wstep
from gateway.protocol.key_exchange import ACTION_KET_FINAL, KeyExchangeToken, parse_key_exchange_token
from gateway.protocol.soap import UpstreamRefused
from gateway.protocol.wstep import RequestSecurityToken, RequestSecurityTokenResponse
from gateway.upstream.outcome import Outcome, outcome_of
from gateway.upstream.soap_client import SoapClient

_NO_REQUEST = wstep.QueryTokenStatus("2147483647")
"""The greatest RequestID that a CA's database could have (a LONG), which none comes to. Its row is looked for, and not
found: CERTSRV_E_PROPERTY_EMPTY ([MS-WCCE] 3.2.1.4.2.1.3). Not 0: that is what a new request has."""

_VALUE_TYPES = {
    RequestFormat.PKCS10: wstep.ValueType.PKCS10,
    RequestFormat.CMS: wstep.ValueType.PKCS7,
    RequestFormat.CMC: wstep.ValueType.PKCS7,
}
"""As [MS-WSTEP] 4.1.5.1 labels a renewal: by what the bytes are, whatever the client called them."""


@dataclass(frozen=True, slots=True)
class CesClient:
    """The CertificateEnrollmentService of `gateway.enrollment`."""

    client: SoapClient

    async def submit(self, approval: Approval, credential: Credential) -> RequestSecurityTokenResponse:
        """Send what was approved to the CA. Raises UpstreamError or CredentialsRefusedInside."""
        request = approval.application.request
        token = wstep.Issue(request.der, _VALUE_TYPES[request.format], approval.additional_context)
        return await self._request_security_token(token, credential)

    async def query(self, ca_request_id: str, credential: Credential) -> RequestSecurityTokenResponse:
        """Ask what became of the request to which the CA has given this RequestID. Raises as `submit` does."""
        return await self._request_security_token(wstep.QueryTokenStatus(ca_request_id), credential)

    async def exchange_key(self, credential: Credential) -> KeyExchangeToken:
        """Ask for the CA exchange certificate. Raises as `submit` does."""
        answer = await self.client.exchange(
            wstep.ACTION_KET, wstep.render_request(wstep.KET()), credential, answer_action=ACTION_KET_FINAL
        )
        try:
            return parse_key_exchange_token(answer)
        except MalformedMessage as error:
            raise UpstreamMisbehaved(f"CES sent a KeyExchangeToken that cannot be read: {error}") from error

    async def probe(self, credential: Credential) -> None:
        """As `gateway.upstream.health.Probed` says: ask the CA after a request that there is not."""
        try:
            await self._request_security_token(_NO_REQUEST, credential)
        except UpstreamRefused as error:
            if outcome_of(error) is not Outcome.ANSWERED:
                raise

    async def knock(self) -> None:
        """As `gateway.upstream.health.Probed` says."""
        await self.client.knock(wstep.ACTION_RST, wstep.render_request(_NO_REQUEST))

    async def _request_security_token(
        self, token: RequestSecurityToken, credential: Credential
    ) -> RequestSecurityTokenResponse:
        answer = await self.client.exchange(
            wstep.ACTION_RST, wstep.render_request(token), credential, answer_action=wstep.ACTION_RSTRC
        )
        try:
            return wstep.parse_response(answer)
        except MalformedMessage as error:
            raise UpstreamMisbehaved(f"CES sent a RequestSecurityTokenResponse that cannot be read: {error}") from error
