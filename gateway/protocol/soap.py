"""SOAP 1.2 envelopes with WS-Addressing 1.0 headers, and the faults in them."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from lxml import etree

from gateway.errors import MalformedMessage, UpstreamError
from gateway.protocol import xsd
from gateway.protocol.namespaces import DISPATCHER, SOAP, SOAP11, WSA, WSSE, WSTEP, XML, XSI
from gateway.protocol.security import SECURITY, Security, UsernameToken, add_security, parse_security
from gateway.protocol.xml import (
    WHITE_SPACE,
    add,
    is_nil,
    name_of,
    new,
    optional,
    parse_document,
    quote,
    required,
    text,
    to_bytes,
    trimmed,
)

_ENVELOPE = f"{{{SOAP}}}Envelope"
_HEADER = f"{{{SOAP}}}Header"
_BODY = f"{{{SOAP}}}Body"
_MUST_UNDERSTAND = f"{{{SOAP}}}mustUnderstand"

_ACTION = f"{{{WSA}}}Action"
_MESSAGE_ID = f"{{{WSA}}}MessageID"
_RELATES_TO = f"{{{WSA}}}RelatesTo"
_TO = f"{{{WSA}}}To"
_REPLY_TO = f"{{{WSA}}}ReplyTo"
_UNDERSTOOD = frozenset({_ACTION, _MESSAGE_ID, _RELATES_TO, _TO, _REPLY_TO, SECURITY})
_ANONYMOUS = f"{WSA}/anonymous"

_EMPTY_END = b"<s:Body/></s:Envelope>"

_FAULT = f"{{{SOAP}}}Fault"
_VALUE = f"{{{SOAP}}}Value"
_LANG = f"{{{XML}}}lang"
_WSDETAIL = f"{{{WSTEP}}}CertificateEnrollmentWSDetail"
_PREFIXES = {SOAP: "s", WSA: "a", WSSE: "a", DISPATCHER: "a"}
"""The namespaces of fault codes, with the prefixes that WCF gives them."""
_T = TypeVar("_T")
_HEXADECIMAL = re.compile("0[xX][0-9a-fA-F]{1,8}")


@dataclass(frozen=True, slots=True)
class Envelope:
    """One SOAP message. `body` is the single child element of s:Body; only a parser of this package reads it."""

    action: str
    message_id: str | None
    relates_to: str | None
    to: str | None
    security: Security | None
    body: etree._Element


@dataclass(frozen=True, slots=True)
class RenderedBody:
    """The child of s:Body as bytes, with every namespace declared that it uses: for what is sent many times."""

    content: bytes


@dataclass(frozen=True, slots=True)
class CertificateEnrollmentWSDetail:
    """[MS-WSTEP] 3.1.4.1.3.7."""

    binary_response: bytes | None
    """The CA's CMC response, where there is one."""
    error_code: int | None
    """The HRESULT as the signed 32-bit integer that the schema asks for."""
    invalid_request: bool
    """True iff the issuer denied the request."""
    request_id: str | None


@dataclass(frozen=True, slots=True)
class Fault:
    """A SOAP 1.2 fault. `code` and `subcode` are (namespace, local name)."""

    code: tuple[str, str]
    subcode: tuple[str, str] | None
    reason: str
    language: str
    detail: CertificateEnrollmentWSDetail | None


class UpstreamRefused(UpstreamError):
    """The internal service answered with a SOAP fault of its own."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.reason)
        self.fault = fault


def parse_envelope(message: bytes) -> Envelope:
    """Read a SOAP 1.2 request or answer. Raises MalformedMessage or SecurityHeaderInvalid."""
    root = parse_document(message)
    if root.tag == f"{{{SOAP11}}}Envelope":
        raise MalformedMessage("the message is SOAP 1.1: only SOAP 1.2 is served")
    if root.tag != _ENVELOPE:
        raise MalformedMessage(f"the message is no SOAP Envelope but {name_of(root)}")
    parts = list(root)
    headers = _headers(parts.pop(0)) if parts and parts[0].tag == _HEADER else {}
    if [part.tag for part in parts] != [_BODY]:
        raise MalformedMessage("an Envelope holds at most one Header, and after it exactly one Body")
    # Of two, the gateway could judge the one and somebody else serve the other.
    if len(parts[0]) != 1:
        raise MalformedMessage(f"the Body holds {len(parts[0])} elements: it must hold exactly one")
    action = _text_of(headers, _ACTION)
    if action is None:
        raise MalformedMessage("the message has no WS-Addressing Action")
    _check_reply_to(headers.get(_REPLY_TO))
    security = headers.get(SECURITY)
    return Envelope(
        action=action,
        message_id=_text_of(headers, _MESSAGE_ID),
        relates_to=_text_of(headers, _RELATES_TO),
        to=_text_of(headers, _TO),
        security=None if security is None else parse_security(security),
        body=parts[0][0],
    )


def _headers(header: etree._Element) -> dict[str, etree._Element]:
    """The header blocks that the gateway understands, by name (SOAP 1.2 part 1, 5.2.3: the others may be ignored)."""
    headers: dict[str, etree._Element] = {}
    for block in header:
        if block.tag in headers:
            raise MalformedMessage(f"the header {name_of(block)} stands twice")
        if block.tag in _UNDERSTOOD:
            headers[block.tag] = block
        elif block.get(_MUST_UNDERSTAND, "0").strip(WHITE_SPACE) not in {"0", "false"}:
            raise MalformedMessage(f"the header {name_of(block)} must be understood, and is not served")
    return headers


def _text_of(headers: dict[str, etree._Element], tag: str) -> str | None:
    block = headers.get(tag)
    return None if block is None else trimmed(block) or None


def _check_reply_to(reply_to: etree._Element | None) -> None:
    """WS-Addressing 1.0 Core 3.2.1: an answer to elsewhere would make a proxy for attacks of the gateway."""
    if reply_to is None:
        return
    address = trimmed(required(reply_to, f"{{{WSA}}}Address"))
    if address != _ANONYMOUS:
        raise MalformedMessage(f"the message wants its answer sent to {quote(address)}: ReplyTo must be anonymous")


def parse_fault(envelope: Envelope) -> Fault | None:
    """The fault that the envelope carries, or None if its body is something else. Raises MalformedMessage.

    Only the Code must be there. A detail that cannot be read is left out, so that a refusal stays a refusal.
    """
    if envelope.body.tag != _FAULT:
        return None
    code = required(envelope.body, f"{{{SOAP}}}Code")
    subcode = optional(code, f"{{{SOAP}}}Subcode")
    reason = optional(envelope.body, f"{{{SOAP}}}Reason")
    # One Text for each language: the first is the one that the service prefers.
    reason_text = None if reason is None else next(reason.iterchildren(f"{{{SOAP}}}Text"), None)
    detail = optional(envelope.body, f"{{{SOAP}}}Detail")
    wsdetail = None if detail is None else optional(detail, _WSDETAIL)
    return Fault(
        code=_parse_qname(required(code, _VALUE)),
        subcode=None if subcode is None else _parse_qname(required(subcode, _VALUE)),
        reason="" if reason_text is None else text(reason_text),
        language="" if reason_text is None else reason_text.get(_LANG, ""),
        detail=None if wsdetail is None or is_nil(wsdetail) else _parse_detail(wsdetail),
    )


def _parse_qname(value: etree._Element) -> tuple[str, str]:
    """From the `{namespace}local` that parse_document has made of it."""
    namespace, _, local = text(value).removeprefix("{").partition("}")
    return namespace, local


def _parse_detail(detail: etree._Element) -> CertificateEnrollmentWSDetail:
    return CertificateEnrollmentWSDetail(
        binary_response=_readable(xsd.base64_binary, detail, "BinaryResponse") or None,
        error_code=_readable(_error_code, detail, "ErrorCode"),
        invalid_request=_readable(xsd.boolean, detail, "InvalidRequest") is True,
        request_id=_readable(trimmed, detail, "RequestID") or None,
    )


def _readable(read: Callable[[etree._Element], _T], detail: etree._Element, name: str) -> _T | None:
    element = optional(detail, f"{{{WSTEP}}}{name}")
    if element is None:
        return None
    try:
        return read(element)
    except MalformedMessage:  # nil is empty, which is no value either
        return None


def _error_code(element: etree._Element) -> int:
    """xs:int; also the same bits written unsigned or in hexadecimal."""
    lexical = trimmed(element)
    code = int(lexical, 16) if _HEXADECIMAL.fullmatch(lexical) else xsd.integer(element, -(2**31), 2**32 - 1)
    return code - 2**32 if code >= 2**31 else code


def render_body(body: etree._Element) -> RenderedBody:
    """The body alone, for `render_envelope`."""
    return RenderedBody(to_bytes(body))


def render_envelope(
    action: str,
    body: etree._Element | RenderedBody,
    *,
    message_id: str | None = None,
    relates_to: str | None = None,
    to: str | None = None,
    username_token: UsernameToken | None = None,
    timestamp_created: datetime | None = None,
) -> bytes:
    """UTF-8 XML, with prefixes and order of headers as WCF writes them; `body` becomes part of it.

    A `timestamp_created` (aware) adds a wsse:Security header with a Timestamp that is valid for five minutes. With a
    `username_token` beside it the header is the one that Windows sends.
    """
    root = new(_ENVELOPE, nsmap={"s": SOAP, "a": WSA})
    header = add(root, _HEADER)
    add(header, _ACTION, action, {_MUST_UNDERSTAND: "1"})
    if message_id is not None:
        add(header, _MESSAGE_ID, message_id)
    if relates_to is not None:
        add(header, _RELATES_TO, relates_to)
    if to is not None:
        add(header, _TO, to, {_MUST_UNDERSTAND: "1"})
    if username_token is not None or timestamp_created is not None:
        add_security(header, username_token, timestamp_created)
    place = add(root, _BODY)
    if isinstance(body, RenderedBody):
        # 2 ms less than lxml needs for 400 kB, each time.
        return to_bytes(root).removesuffix(_EMPTY_END) + b"<s:Body>" + body.content + b"</s:Body></s:Envelope>"
    place.append(body)
    return to_bytes(root)


def render_fault(fault: Fault) -> etree._Element:
    """The s:Fault element. [MS-WSTEP] 3.1.4.1.3.7 has what a detail does not say as xsi:nil."""
    root = new(_FAULT, nsmap={"s": SOAP})
    code = add(root, f"{{{SOAP}}}Code")
    _add_qname(code, fault.code)
    if fault.subcode is not None:
        _add_qname(add(code, f"{{{SOAP}}}Subcode"), fault.subcode)
    add(add(root, f"{{{SOAP}}}Reason"), f"{{{SOAP}}}Text", fault.reason, {_LANG: fault.language})
    if fault.detail is not None:
        _add_detail(add(root, f"{{{SOAP}}}Detail"), fault.detail)
    return root


def _add_qname(parent: etree._Element, name: tuple[str, str]) -> None:
    """The prefix stands in the text, where no serializer looks for it, so that it is declared beside it.

    lxml drops a declaration that an ancestor makes already: above an s:Value those are `s` and `a`, and mean the same.
    A namespace that no fault of WCF has is left out.
    """
    namespace, local = name
    prefix = _PREFIXES.get(namespace)
    if prefix is None:
        add(parent, _VALUE, local)
    else:
        add(parent, _VALUE, f"{prefix}:{local}", nsmap={prefix: namespace})


def _add_detail(parent: etree._Element, detail: CertificateEnrollmentWSDetail) -> None:
    element = add(parent, _WSDETAIL, nsmap={None: WSTEP, "xsi": XSI})
    for name, value in (
        ("BinaryResponse", detail.binary_response),
        ("ErrorCode", detail.error_code),
        ("InvalidRequest", detail.invalid_request),
        ("RequestID", detail.request_id),
    ):
        xsd.add_value(element, f"{{{WSTEP}}}{name}", value)
