"""The internal CES: an approval becomes a new RequestSecurityToken ([MS-WSTEP]).

Only the DER of the certificate request is the client's own, byte for byte, since it is signed and was judged as a
whole. The words around it are written anew.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.credential import Credential
from gateway.enrollment import PendingRequest
from gateway.errors import MalformedMessage, UpstreamMisbehaved
from gateway.pki.certificate_request import EnrollmentNameValuePair, RequestFormat, TemplateCarrier
from gateway.policy.decision import Application, Approval
from gateway.protocol import wstep
from gateway.protocol.wstep import ContextItem, RequestSecurityToken, RequestSecurityTokenResponse
from gateway.upstream.soap_client import SoapClient

_MACHINE_NAMES = ("ccm", "rmd")
"""Request attributes with the client machine's own name: AD CS records ccm, and compares rmd with the account's
dNSHostName ([MS-WCCE] 3.2.2.6.2.1.1). Neither says what the certificate will contain."""

_VALUE_TYPES = {
    RequestFormat.PKCS10: wstep.ValueType.PKCS10,
    RequestFormat.CMS: wstep.ValueType.PKCS7,
    RequestFormat.CMC: wstep.ValueType.PKCS7,
}
"""As [MS-WSTEP] 4.1.5.1 labels a renewal: by what the bytes are, whatever the client called them."""

_LDH = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DNS_HOST_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LDH}(?:\.{_LDH})*", re.ASCII | re.IGNORECASE)
"""RFC 1123 2.1. Above all no colon and no line break: CES hands `name:value` lines to the CA, so those would add
attributes that nobody judged."""


@dataclass(frozen=True, slots=True)
class CesClient:
    """The CertificateEnrollmentService of `gateway.enrollment`."""

    client: SoapClient

    async def submit(self, approval: Approval, credential: Credential) -> RequestSecurityTokenResponse:
        """Send what was approved to the CA. Raises UpstreamError or CredentialsRefusedInside."""
        application = approval.application
        token = wstep.Issue(
            application.request.der,
            _VALUE_TYPES[application.request.format],
            tuple(_additional_context(application, approval)),
        )
        return await self._request_security_token(token, credential)

    async def query(self, pending: PendingRequest, credential: Credential) -> RequestSecurityTokenResponse:
        """Ask what became of a pending request. Raises as `submit` does."""
        return await self._request_security_token(wstep.QueryTokenStatus(pending.request_id), credential)

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


def _additional_context(application: Application, approval: Approval) -> Iterator[ContextItem]:
    """What goes to the CA as request attributes.

    The template's name is the policy's spelling, and is not added where the client named the template in the signed
    request only: the CA would still read it there.
    """
    if any(reference.carrier is TemplateCarrier.ADDITIONAL_CONTEXT for reference in application.template_references):
        yield ContextItem("CertificateTemplate", approval.policy.template.name)
    for name in _MACHINE_NAMES:
        values = {item.value for item in application.additional_context if _normalised(item) == name}
        if len(values) == 1 and _DNS_HOST_NAME.fullmatch(value := values.pop()):
            yield ContextItem(name, value)


def _normalised(item: ContextItem) -> str:
    return EnrollmentNameValuePair(item.name, item.value).normalised
