"""What an internal CES or CEP answers, written by hand: no code of the gateway, and nothing that it could agree with.

Every function returns a body for `tests.fakes.internal.replies`: it answers the message that was received.
"""

from base64 import b64encode
from collections.abc import Callable

from tests.fakes.internal import Received
from tests.issued import a_ca_certificate, a_cmc_response

ENROLLMENT = "http://schemas.microsoft.com/windows/pki/2009/01/enrollment"
ENROLLMENT_POLICY = "http://schemas.microsoft.com/windows/pki/2009/01/enrollmentpolicy"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
X509V3 = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3"
TRUST = "http://docs.oasis-open.org/ws-sx/ws-trust/200512"
ACTION_RSTRC = f"{ENROLLMENT}/RSTRC/wstep"
ACTION_WSTEP_FAULT = f"{ENROLLMENT}/RequestSecurityTokenCertificateEnrollmentWSDetailFault"
ACTION_GET_POLICIES_RESPONSE = f"{ENROLLMENT_POLICY}/IPolicy/GetPoliciesResponse"

Answer = Callable[[Received], bytes]


def an_answer(action: str, body: str, *, relates_to: str | None = None) -> Answer:
    """A SOAP 1.2 envelope around the XML of `body`, about the message received unless `relates_to` says otherwise."""

    def answer(received: Received) -> bytes:
        return (
            '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"'
            ' xmlns:a="http://www.w3.org/2005/08/addressing">'
            f'<s:Header><a:Action s:mustUnderstand="1">{action}</a:Action>'
            f"<a:RelatesTo>{received.message_id if relates_to is None else relates_to}</a:RelatesTo></s:Header>"
            f"<s:Body>{body}</s:Body></s:Envelope>"
        ).encode()

    return answer


def a_fault(
    code: str = "s:Receiver",
    subcode: str | None = None,
    reason: str = "The request is refused.",
    *,
    error_code: int | None = None,
    action: str = ACTION_WSTEP_FAULT,
    relates_to: str | None = None,
) -> Answer:
    """Reply with it on status 500. `error_code`, an HRESULT as a signed integer, adds CertificateEnrollmentWSDetail."""
    inner = f"<s:Subcode><s:Value>{subcode}</s:Value></s:Subcode>" if subcode else ""
    detail = (
        '<s:Detail><CertificateEnrollmentWSDetail xmlns="http://schemas.microsoft.com/windows/pki/2009/01/enrollment"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><BinaryResponse xsi:nil="true"/>'
        f"<ErrorCode>{error_code}</ErrorCode><InvalidRequest>true</InvalidRequest>"
        '<RequestID xsi:nil="true"/></CertificateEnrollmentWSDetail></s:Detail>'
        if error_code is not None
        else ""
    )
    return an_answer(
        action,
        f'<s:Fault xmlns:wsse="{WSSE}"><s:Code><s:Value>{code}</s:Value>{inner}</s:Code>'
        f'<s:Reason><s:Text xml:lang="en-US">{reason}</s:Text></s:Reason>{detail}</s:Fault>',
        relates_to=relates_to,
    )


def issued(
    certificate: bytes,
    *,
    request_id: str = "10",
    disposition_message: str = "Issued",
    cmc_response: bytes | None = None,
) -> Answer:
    """In the element order of the captured AD CS answer. `certificate` is DER; by default the CMC response has it."""
    return _response(
        _token(f"{WSSE}#PKCS7", cmc_response or a_cmc_response(certificate, a_ca_certificate())),
        _token(X509V3, certificate),
        request_id=request_id,
        disposition_message=disposition_message,
    )


def pending(request_id: str = "11", *, disposition_message: str = "Taken Under Submission") -> Answer:
    """[MS-WSTEP] 3.1.4.1.3.8: the reference is the address of the inside."""
    reference = (
        f'<SecurityTokenReference xmlns="{WSSE}">'
        '<Reference URI="https://ces.corp.fabrikam.example/CA_CES_UsernamePassword/service.svc/CES"/>'
        "</SecurityTokenReference>"
    )
    return _response(
        _token(f"{WSSE}#PKCS7", a_cmc_response(a_ca_certificate())),
        reference,
        request_id=request_id,
        disposition_message=disposition_message,
    )


def key_exchange_token(certificate: bytes) -> Answer:
    """[MS-WSTEP] 4.1.2.2. `certificate` is DER."""
    return an_answer(
        f"{TRUST}/RSTR/KETFinal",
        f'<RequestSecurityTokenResponseCollection xmlns="{TRUST}"><RequestSecurityTokenResponse>'
        f"<TokenType>{X509V3}</TokenType><RequestedSecurityToken><KeyExchangeToken>{_token(X509V3, certificate)}"
        "</KeyExchangeToken></RequestedSecurityToken></RequestSecurityTokenResponse>"
        "</RequestSecurityTokenResponseCollection>",
    )


def policies_of_nothing(policy_id: str = "{083C7011-1D0A-4855-885D-AC945184658C}") -> Answer:
    """A GetPoliciesResponse that offers nothing."""
    return an_answer(
        ACTION_GET_POLICIES_RESPONSE,
        f'<GetPoliciesResponse xmlns="{ENROLLMENT_POLICY}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f"<response><policyID>{policy_id}</policyID><policyFriendlyName>Corp</policyFriendlyName>"
        '<nextUpdateHours>8</nextUpdateHours><policiesNotChanged xsi:nil="true"/><policies xsi:nil="true"/></response>'
        '<cAs xsi:nil="true"/><oIDs xsi:nil="true"/></GetPoliciesResponse>',
    )


def _response(token: str, requested_security_token: str, *, request_id: str, disposition_message: str) -> Answer:
    return an_answer(
        ACTION_RSTRC,
        '<RequestSecurityTokenResponseCollection xmlns="http://docs.oasis-open.org/ws-sx/ws-trust/200512">'
        f"<RequestSecurityTokenResponse><TokenType>{X509V3}</TokenType>"
        f'<DispositionMessage xml:lang="en-US" xmlns="{ENROLLMENT}">{disposition_message}</DispositionMessage>'
        f"{token}<RequestedSecurityToken>{requested_security_token}</RequestedSecurityToken>"
        f'<RequestID xmlns="{ENROLLMENT}">{request_id}</RequestID>'
        "</RequestSecurityTokenResponse></RequestSecurityTokenResponseCollection>",
    )


def _token(value_type: str, content: bytes) -> str:
    return (
        f'<BinarySecurityToken ValueType="{value_type}" EncodingType="{WSSE}#base64binary" xmlns="{WSSE}">'
        f"{b64encode(content).decode()}</BinarySecurityToken>"
    )
