"""[MS-WSTEP]: RequestSecurityToken and its answer."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from lxml import etree

from gateway.errors import ActionNotSupported, EncodingTypeInvalid, MalformedMessage
from gateway.protocol import xsd
from gateway.protocol.namespaces import AUTH, WSSE, WST, WSTEP, XML, XSI
from gateway.protocol.soap import Envelope
from gateway.protocol.xml import (
    NIL,
    WHITE_SPACE,
    add,
    is_nil,
    name_of,
    new,
    optional,
    printable,
    quote,
    required,
    text,
    trimmed,
)

ACTION_RST = "http://schemas.microsoft.com/windows/pki/2009/01/enrollment/RST/wstep"
ACTION_RSTRC = "http://schemas.microsoft.com/windows/pki/2009/01/enrollment/RSTRC/wstep"
ACTION_FAULT = (
    "http://schemas.microsoft.com/windows/pki/2009/01/enrollment/RequestSecurityTokenCertificateEnrollmentWSDetailFault"
)
ACTION_KET = "http://docs.oasis-open.org/ws-sx/ws-trust/200512/RST/KET"

_REQUEST = f"{{{WST}}}RequestSecurityToken"
_TOKEN_TYPE = f"{{{WST}}}TokenType"
_REQUEST_TYPE = f"{{{WST}}}RequestType"
_REQUEST_KET = f"{{{WST}}}RequestKET"
_RESPONSES = f"{{{WST}}}RequestSecurityTokenResponseCollection"
_RESPONSE = f"{{{WST}}}RequestSecurityTokenResponse"
_REQUESTED_SECURITY_TOKEN = f"{{{WST}}}RequestedSecurityToken"
_BINARY_SECURITY_TOKEN = f"{{{WSSE}}}BinarySecurityToken"
_SECURITY_TOKEN_REFERENCE = f"{{{WSSE}}}SecurityTokenReference"
_REFERENCE = f"{{{WSSE}}}Reference"
_ADDITIONAL_CONTEXT = f"{{{AUTH}}}AdditionalContext"
_CONTEXT_ITEM = f"{{{AUTH}}}ContextItem"
_VALUE = f"{{{AUTH}}}Value"
_REQUEST_ID = f"{{{WSTEP}}}RequestID"
_DISPOSITION_MESSAGE = f"{{{WSTEP}}}DispositionMessage"
_LANG = f"{{{XML}}}lang"

_BASE64_BINARY = f"{WSSE}#base64binary"
"""What AD CS takes, and Windows and cepces send. Not WS-Security's own Base64Binary: AD CS refuses that."""

MAX_REQUEST_ID = 128
"""Characters. AD CS counts in decimal; other servers give 128-bit numbers, also as UUIDs."""
MAX_CONTEXT_ITEMS = 64
"""certreq sends two, a Windows MDM client some twenty ([MS-MDE2] 4.3)."""
MAX_CONTEXT_NAME = 128
MAX_CONTEXT_VALUE = 4096
"""Characters. A SAN of many names is the longest attribute that AD CS knows."""

_CONTROL = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
_CONTEXT_NAME = re.compile(f"[^:{_CONTROL}]{{1,{MAX_CONTEXT_NAME}}}")
_CONTEXT_VALUE = re.compile(f"[^{_CONTROL}]{{0,{MAX_CONTEXT_VALUE}}}")
_OPAQUE_ID = re.compile(f"[^{_CONTROL}]{{1,{MAX_REQUEST_ID}}}")


class RequestType(StrEnum):
    """[MS-WSTEP] 3.1.4.1.2.7. There is no Renew: a renewal is an Issue whose token is signed by the old certificate."""

    ISSUE = "http://docs.oasis-open.org/ws-sx/ws-trust/200512/Issue"
    QUERY_TOKEN_STATUS = "http://schemas.microsoft.com/windows/pki/2009/01/enrollment/QueryTokenStatus"
    KET = "http://docs.oasis-open.org/ws-sx/ws-trust/200512/KET"


class ValueType(StrEnum):
    """What a BinarySecurityToken says it is. A label only: the format is decided by the DER."""

    PKCS10 = "http://schemas.microsoft.com/windows/pki/2009/01/enrollment#PKCS10"
    PKCS7 = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd#PKCS7"
    X509V3 = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3"


@dataclass(frozen=True, slots=True)
class ContextItem:
    """auth:ContextItem of auth:AdditionalContext: what CES hands to the CA as a request attribute."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Issue:
    """RequestType ISSUE: a certificate request, new or a renewal."""

    certificate_request: bytes
    """The decoded BinarySecurityToken."""
    value_type: ValueType
    additional_context: tuple[ContextItem, ...] = ()
    preferred_language: str | None = None


@dataclass(frozen=True, slots=True)
class QueryTokenStatus:
    """RequestType QUERY_TOKEN_STATUS: what became of a pending request."""

    request_id: str
    preferred_language: str | None = None


@dataclass(frozen=True, slots=True)
class KET:
    """RequestType KET: the CA's key exchange certificate."""

    preferred_language: str | None = None


RequestSecurityToken = Issue | QueryTokenStatus | KET


@dataclass(frozen=True, slots=True)
class Issued:
    """RequestedSecurityToken holds a BinarySecurityToken: the certificate."""

    disposition_message: str
    language: str
    certificate: bytes
    """DER of the leaf, from RequestedSecurityToken."""
    cmc_response: bytes | None
    """The CA-signed CMC full response that Windows installs from: passed on intact."""
    request_id: str | None


@dataclass(frozen=True, slots=True)
class Pending:
    """RequestedSecurityToken holds a SecurityTokenReference: where to ask again."""

    disposition_message: str
    language: str
    reference_uri: str
    cmc_response: bytes | None
    request_id: str


RequestSecurityTokenResponse = Issued | Pending


def parse_request(envelope: Envelope) -> RequestSecurityToken:
    """Read a RequestSecurityToken ([MS-WSTEP] 3.1.4.2). Elements that the request's type does not use are ignored.

    Raises MalformedMessage, ActionNotSupported or EncodingTypeInvalid.
    """
    if envelope.action not in {ACTION_RST, ACTION_KET}:
        raise ActionNotSupported(f"the action {quote(envelope.action)} is none of [MS-WSTEP]")
    body = envelope.body
    if body.tag != _REQUEST:
        raise MalformedMessage(f"the Body holds {name_of(body)}, not a RequestSecurityToken")
    token_type = trimmed(required(body, _TOKEN_TYPE))
    if token_type != ValueType.X509V3:
        raise MalformedMessage(f"the TokenType {quote(token_type)} is not X509v3 ([MS-WSTEP] 3.1.4.1.2.8)")
    request_type = trimmed(required(body, _REQUEST_TYPE))
    language = xsd.language(body.get("PreferredLanguage"))
    match request_type, envelope.action == ACTION_KET:
        case RequestType.ISSUE, False:
            return _parse_issue(body, language)
        case RequestType.QUERY_TOKEN_STATUS, False:
            return QueryTokenStatus(_parse_request_id(body), language)
        case RequestType.KET, True:
            required(body, _REQUEST_KET)
            return KET(language)
    raise ActionNotSupported(f"the RequestType {quote(request_type)} does not go with the action {envelope.action}")


def _parse_issue(body: etree._Element, language: str | None) -> Issue:
    token = required(body, _BINARY_SECURITY_TOKEN)
    encoding_type = token.get("EncodingType", "").strip(WHITE_SPACE)
    if encoding_type != _BASE64_BINARY:
        raise EncodingTypeInvalid(f"the EncodingType {quote(encoding_type)} is not {_BASE64_BINARY}")
    value_type = token.get("ValueType", "").strip(WHITE_SPACE)
    if value_type not in {ValueType.PKCS10, ValueType.PKCS7}:
        raise MalformedMessage(f"the ValueType {quote(value_type)} is neither PKCS10 nor PKCS7")
    try:
        certificate_request = xsd.base64_binary(token)
    except MalformedMessage as error:
        raise EncodingTypeInvalid(str(error)) from error
    if not certificate_request:
        raise MalformedMessage("the BinarySecurityToken is empty")
    context = optional(body, _ADDITIONAL_CONTEXT)
    items = () if context is None else tuple(_parse_context(context))
    return Issue(certificate_request, ValueType(value_type), items, language)


def _parse_context(context: etree._Element) -> Iterator[ContextItem]:
    """CES hands the items to the CA as lines of `name:value` ([MS-WCCE] 3.2.1.4.2.1.2).

    A line break in an item, or a colon in a name, would therefore add attributes that nobody judged.
    """
    items = list(context.iterchildren(_CONTEXT_ITEM))
    if len(items) > MAX_CONTEXT_ITEMS:
        raise MalformedMessage(f"the AdditionalContext holds {len(items)} items, more than {MAX_CONTEXT_ITEMS}")
    for item in items:
        name = item.get("Name", "")
        if _CONTEXT_NAME.fullmatch(name) is None:
            raise MalformedMessage(
                f"the ContextItem's Name {quote(name)} is empty, longer than {MAX_CONTEXT_NAME} characters, or has a"
                " colon or a control character"
            )
        value = text(required(item, _VALUE))
        if _CONTEXT_VALUE.fullmatch(value) is None:
            raise MalformedMessage(
                f"the Value of the ContextItem {quote(name)} is longer than {MAX_CONTEXT_VALUE} characters, or has a"
                f" control character: {quote(value)}"
            )
        yield ContextItem(name, value)


def _parse_request_id(parent: etree._Element) -> str:
    """[MS-WSTEP] 3.1.4.2.1.2. An opaque string."""
    request_id = _optional_request_id(parent)
    if request_id is None:
        raise MalformedMessage(f"{name_of(parent)} has no RequestID")
    return request_id


def _optional_request_id(parent: etree._Element) -> str | None:
    element = optional(parent, _REQUEST_ID)
    if element is None or is_nil(element) or not (request_id := trimmed(element)):
        return None
    if _OPAQUE_ID.fullmatch(request_id) is None:
        raise MalformedMessage(
            f"the RequestID {quote(request_id)} is longer than {MAX_REQUEST_ID} characters, or has a control character"
        )
    return request_id


def render_request(token: RequestSecurityToken) -> etree._Element:
    """As certreq writes it: the body of a message with ACTION_RST, for a KET with ACTION_KET.

    Of certreq's message only the BinarySecurityToken's empty wsu:Id is left out, which is no xs:ID.
    """
    root = new(_REQUEST, nsmap={None: WST, "xsi": XSI})
    if token.preferred_language is not None:
        root.set("PreferredLanguage", printable(token.preferred_language))
    add(root, _TOKEN_TYPE, ValueType.X509V3)
    match token:
        case Issue():
            add(root, _REQUEST_TYPE, RequestType.ISSUE)
            add_binary_security_token(root, token.value_type, token.certificate_request)
            if token.additional_context:
                context = add(root, _ADDITIONAL_CONTEXT, nsmap={None: AUTH})
                for item in token.additional_context:
                    add(add(context, _CONTEXT_ITEM, attributes={"Name": item.name}), _VALUE, item.value)
        case QueryTokenStatus():
            add(root, _REQUEST_TYPE, RequestType.QUERY_TOKEN_STATUS)
            _add_request_id(root, token.request_id)
        case KET():
            add(root, _REQUEST_TYPE, RequestType.KET)
            add(root, _REQUEST_KET)
            _add_request_id(root, None)
        case _:
            assert_never(token)
    return root


def parse_response(envelope: Envelope) -> RequestSecurityTokenResponse:
    """Classify by structure, never by text: the disposition is prose in the client's language.

    Raises MalformedMessage.
    """
    response = only_response(envelope, ACTION_RSTRC)
    disposition = required(response, _DISPOSITION_MESSAGE)
    message, language = text(disposition), disposition.get(_LANG, "")
    # The first BinarySecurityToken is the CA's CMC response: the certificate is in RequestedSecurityToken.
    cmc = optional(response, _BINARY_SECURITY_TOKEN)
    cmc_response = None if cmc is None else _parse_token(cmc, ValueType.PKCS7)
    requested = required(response, _REQUESTED_SECURITY_TOKEN)
    certificate = optional(requested, _BINARY_SECURITY_TOKEN)
    reference = optional(requested, _SECURITY_TOKEN_REFERENCE)
    if certificate is not None and reference is None:
        der = _parse_token(certificate, ValueType.X509V3)
        return Issued(message, language, der, cmc_response, _optional_request_id(response))
    if reference is not None and certificate is None:
        return Pending(message, language, _parse_reference(reference), cmc_response, _parse_request_id(response))
    raise MalformedMessage("RequestedSecurityToken holds neither a certificate nor a reference, or it holds both")


def only_response(envelope: Envelope, action: str) -> etree._Element:
    """The one RequestSecurityTokenResponse of an answer with this action ([MS-WSTEP] 3.1.4.1.3.5).

    Raises MalformedMessage.
    """
    if envelope.action != action:
        raise MalformedMessage(f"the answer has the action {quote(envelope.action)}, not {action}")
    if envelope.body.tag != _RESPONSES:
        raise MalformedMessage(f"the answer holds {name_of(envelope.body)}, not a {_RESPONSES.rpartition('}')[2]}")
    response = required(envelope.body, _RESPONSE)
    token_type = trimmed(required(response, _TOKEN_TYPE))
    if token_type != ValueType.X509V3:
        raise MalformedMessage(f"the answer's TokenType {quote(token_type)} is not X509v3")
    return response


def binary_security_token(parent: etree._Element, value_type: ValueType) -> bytes:
    """The content of the one BinarySecurityToken in an answer's element. Raises MalformedMessage."""
    return _parse_token(required(parent, _BINARY_SECURITY_TOKEN), value_type)


def _parse_token(token: etree._Element, value_type: ValueType) -> bytes:
    """The EncodingType is not looked at: servers other than AD CS spell it in their own ways, and it is base64."""
    found = token.get("ValueType", "").strip(WHITE_SPACE)
    if found != value_type:
        raise MalformedMessage(f"the answer's BinarySecurityToken is of ValueType {quote(found)}, not {value_type}")
    content = xsd.base64_binary(token)
    if not content:
        raise MalformedMessage("the answer's BinarySecurityToken is empty")
    return content


def _parse_reference(reference: etree._Element) -> str:
    uri = required(reference, _REFERENCE).get("URI", "").strip(WHITE_SPACE)
    if not uri:
        raise MalformedMessage("the pending request's Reference has no URI")
    return uri


def render_response(response: RequestSecurityTokenResponse) -> etree._Element:
    """In the element order of the captured AD CS answer: the body of a message with ACTION_RSTRC."""
    root = new(_RESPONSES, nsmap={None: WST, "xsi": XSI})
    element = add(root, _RESPONSE)
    add(element, _TOKEN_TYPE, ValueType.X509V3)
    # Windows fails with WS_E_INVALID_FORMAT without it.
    add(element, _DISPOSITION_MESSAGE, response.disposition_message, {_LANG: response.language}, {None: WSTEP})
    if response.cmc_response is not None:
        add_binary_security_token(element, ValueType.PKCS7, response.cmc_response)
    requested = add(element, _REQUESTED_SECURITY_TOKEN)
    match response:
        case Issued():
            add_binary_security_token(requested, ValueType.X509V3, response.certificate)
        case Pending():
            reference = add(requested, _SECURITY_TOKEN_REFERENCE, nsmap={None: WSSE})
            add(reference, _REFERENCE, attributes={"URI": response.reference_uri})
        case _:
            assert_never(response)
    _add_request_id(element, response.request_id)
    return root


def add_binary_security_token(parent: etree._Element, value_type: ValueType, content: bytes) -> None:
    """In the one encoding that AD CS takes."""
    attributes = {"ValueType": value_type, "EncodingType": _BASE64_BINARY}
    add(parent, _BINARY_SECURITY_TOKEN, xsd.to_base64(content), attributes, {None: WSSE})


def _add_request_id(parent: etree._Element, request_id: str | None) -> None:
    element = add(parent, _REQUEST_ID, request_id, nsmap={None: WSTEP})
    if request_id is None:
        element.set(NIL, "true")
