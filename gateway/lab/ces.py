"""The Certificate Enrollment Web Service: [MS-WSTEP] in front of one certification authority.

Its answers follow a captured one, byte for byte but for the values.
"""

import base64
import binascii

from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from gateway.lab.accounts import Account
from gateway.lab.authority import CertificationAuthority, Disposition, NoSuchRequest, RequestRow
from gateway.lab.hresult import HResult
from gateway.lab.markup import Markup, boolean, element, nil, text
from gateway.lab.namespaces import (
    AUTH,
    BASE64_BINARY,
    DISPATCHER,
    PKCS7,
    PKCS10,
    WSSE,
    WST,
    WSTEP,
    X509V3,
    XSD,
    XSI,
)
from gateway.lab.soap import Answer, Message, SoapFault

ACTION_RST = f"{WSTEP}/RST/wstep"
ACTION_RSTRC = f"{WSTEP}/RSTRC/wstep"
ACTION_KET = f"{WST}/RST/KET"
ACTION_KET_FINAL = f"{WST}/RSTR/KETFinal"
ACTION_FAULT = f"{WSTEP}/RequestSecurityTokenCertificateEnrollmentWSDetailFault"
REQUEST_TYPE_ISSUE = f"{WST}/Issue"
REQUEST_TYPE_KET = f"{WST}/KET"
REQUEST_TYPE_QUERY_TOKEN_STATUS = f"{WSTEP}/QueryTokenStatus"


class CertificateEnrollmentService:
    """One CES instance. `uri` is its own address, which it names to those who shall ask again.

    `renewal_only` is how `Install-AdcsEnrollmentWebService -RenewalOnly -AllowKeyBasedRenewal` sets it up: it calls the
    CA as itself, for renewals.
    """

    def __init__(self, authority: CertificationAuthority, uri: str, *, renewal_only: bool = False) -> None:
        self._authority = authority
        self._uri = uri
        self._renewal_only = renewal_only

    def answer(self, message: Message, caller: Account) -> Answer:
        """[MS-WSTEP] 3.1.4.2. Raises SoapFault."""
        if message.action not in {ACTION_RST, ACTION_KET}:
            raise _invalid("action")
        token = message.body
        if token.tag != f"{{{WST}}}RequestSecurityToken":
            raise _invalid("RequestSecurityToken")
        if _text(token, f"{{{WST}}}TokenType") != X509V3:
            raise _invalid("TokenType")
        request_type = _text(token, f"{{{WST}}}RequestType")
        if message.action == ACTION_KET:
            return self._exchange(token, request_type)
        if request_type == REQUEST_TYPE_ISSUE:
            row = self._authority.submit(
                _certificate_request(token), _attributes(token), caller, renews_on_behalf=self._renewal_only
            )
            return self._report(row, row.status)
        if request_type == REQUEST_TYPE_QUERY_TOKEN_STATUS:
            return self._query(token)
        raise _invalid("RequestType")

    def _exchange(self, token: etree._Element, request_type: str | None) -> Answer:
        """[MS-WSTEP] 3.1.4.2.2.1."""
        if request_type != REQUEST_TYPE_KET:
            raise _invalid("RequestType")
        if _only(token, f"{{{WST}}}RequestKET") is None:
            raise internal_service_fault()
        certificate = self._authority.exchange_certificate().public_bytes(Encoding.DER)
        return Answer(ACTION_KET_FINAL, key_exchange_token(certificate))

    def _query(self, token: etree._Element) -> Answer:
        request_id = _text(token, f"{{{WSTEP}}}RequestID") or ""
        if not (request_id.isascii() and request_id.isdigit()):
            raise _invalid("RequestID")
        try:
            row = self._authority.retrieve(int(request_id))
        except NoSuchRequest as error:
            raise _wstep_fault(_sentence(error.hresult), error.hresult) from error
        denied = row.disposition is Disposition.DENIED
        # Whoever denied it, who asks later hears of the administrator ([MS-WCCE] 3.2.1.4.2.1.3).
        return self._report(row, HResult.CERTSRV_E_ADMIN_DENIED_REQUEST if denied else row.status)

    def _report(self, row: RequestRow, status: HResult) -> Answer:
        response = self._authority.full_response(row)
        if row.disposition in {Disposition.DENIED, Disposition.FAILED}:
            raise _wstep_fault(
                row.disposition_message,
                status,
                binary_response=response,
                invalid_request=row.disposition is Disposition.DENIED,
                request_id=row.request_id,
            )
        requested = (
            pending_token(self._uri)
            if row.certificate is None
            else issued_token(row.certificate.public_bytes(Encoding.DER))
        )
        return Answer(ACTION_RSTRC, response_collection(row.disposition_message, response, requested, row.request_id))


def response_collection(disposition_message: str, response: bytes, requested: Markup, request_id: int) -> Markup:
    """The body of an answer, in the order of real ones ([MS-WSTEP] 3.1.4.1.3.4)."""
    return element(
        "RequestSecurityTokenResponseCollection",
        element(
            "RequestSecurityTokenResponse",
            element("TokenType", text(X509V3)),
            element(
                "DispositionMessage",
                text(disposition_message),
                attributes={"xml:lang": "en-US", "xmlns": WSTEP},
            ),
            _binary_security_token(PKCS7, response),
            element("RequestedSecurityToken", requested),
            element("RequestID", text(request_id), attributes={"xmlns": WSTEP}),
        ),
        attributes={"xmlns": WST},
    )


def key_exchange_token(certificate: bytes) -> Markup:
    """The body of the answer to a KET, as in [MS-WSTEP] 4.1.2.2."""
    return element(
        "RequestSecurityTokenResponseCollection",
        element(
            "RequestSecurityTokenResponse",
            element("TokenType", text(X509V3)),
            element(
                "RequestedSecurityToken",
                element("KeyExchangeToken", _binary_security_token(X509V3, certificate)),
            ),
        ),
        attributes={"xmlns": WST},
    )


def issued_token(certificate: bytes) -> Markup:
    """What RequestedSecurityToken holds once there is a certificate (DER)."""
    return _binary_security_token(X509V3, certificate)


def pending_token(uri: str) -> Markup:
    """What RequestedSecurityToken holds until then: where to ask again."""
    return element("SecurityTokenReference", element("Reference", attributes={"URI": uri}), attributes={"xmlns": WSSE})


def internal_service_fault() -> SoapFault:
    """What WCF says when a service throws ([MS-WSTEP] 4.1.4.2)."""
    return SoapFault(
        "Receiver",
        (DISPATCHER, "InternalServiceFault"),
        "The server was unable to process the request due to an internal error.  For more information about the error,"
        " either turn on IncludeExceptionDetailInFaults (either from ServiceBehaviorAttribute or from the"
        " <serviceDebug> configuration behavior) on the server in order to send the exception information back to the"
        " client, or turn on tracing as per the Microsoft .NET Framework SDK documentation and inspect the server trace"
        " logs.",
        action=f"{DISPATCHER}/fault",
    )


def _certificate_request(token: etree._Element) -> bytes:
    binary = _only(token, f"{{{WSSE}}}BinarySecurityToken")
    if binary is None:
        raise _invalid("BinarySecurityToken")
    if binary.get("EncodingType") != BASE64_BINARY:
        raise _invalid("EncodingType")
    # The format is read from the DER; Microsoft's own clients label a PKCS#10 as #PKCS7.
    if binary.get("ValueType") not in {PKCS10, PKCS7}:
        raise _invalid("ValueType")
    try:
        return base64.b64decode("".join((binary.text or "").split()), validate=True)
    except binascii.Error as error:
        raise _invalid("BinarySecurityToken") from error


def _attributes(token: etree._Element) -> str:
    """AdditionalContext as the string that CES hands to the CA: a line break inside it makes another attribute."""
    context = _only(token, f"{{{AUTH}}}AdditionalContext")
    items = () if context is None else context.findall(f"{{{AUTH}}}ContextItem")
    return "\n".join(f"{item.get('Name', '')}:{item.findtext(f'{{{AUTH}}}Value') or ''}" for item in items)


def _text(parent: etree._Element, tag: str) -> str | None:
    child = _only(parent, tag)
    return None if child is None else child.text


def _only(parent: etree._Element, tag: str) -> etree._Element | None:
    children = parent.findall(tag)
    if len(children) > 1:
        raise _invalid(etree.QName(tag).localname)
    return children[0] if children else None


def _invalid(name: str) -> SoapFault:
    return _wstep_fault(f"The {name} is invalid.", HResult.E_INVALIDARG)


def _sentence(hresult: HResult) -> str:
    return f"{hresult.text} {hresult} ({hresult.signed} {hresult.name})"


def _wstep_fault(
    reason: str,
    hresult: HResult,
    *,
    binary_response: bytes | None = None,
    invalid_request: bool = False,
    request_id: int | None = None,
) -> SoapFault:
    """A fault with CertificateEnrollmentWSDetail ([MS-WSTEP] 3.1.4.1.3.7), without subcode, as real ones are."""
    detail = element(
        "CertificateEnrollmentWSDetail",
        nil("BinaryResponse")
        if binary_response is None
        else element("BinaryResponse", text(_wrapped_base64(binary_response))),
        element("ErrorCode", text(hresult.signed)),
        element("InvalidRequest", boolean(invalid_request)),
        nil("RequestID") if request_id is None else element("RequestID", text(request_id)),
        attributes={"xmlns": WSTEP, "xmlns:xsd": XSD, "xmlns:xsi": XSI},
    )
    return SoapFault("Receiver", None, reason, action=ACTION_FAULT, detail=detail)


def _binary_security_token(value_type: str, value: bytes) -> Markup:
    return element(
        "BinarySecurityToken",
        text(_wrapped_base64(value)),
        attributes={"ValueType": value_type, "EncodingType": BASE64_BINARY, "xmlns": WSSE},
    )


def _wrapped_base64(value: bytes) -> str:
    """Lines of 64 characters, each with its CRLF, as CryptBinaryToString writes them."""
    digits = base64.b64encode(value).decode()
    return "".join(f"{digits[start : start + 64]}\r\n" for start in range(0, len(digits), 64))
