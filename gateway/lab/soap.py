"""SOAP 1.2 messages with WS-Addressing 1.0, read and written as WCF does."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import uuid4

from lxml import etree

from gateway.lab.markup import Markup, element, text
from gateway.lab.namespaces import ADDRESSING, DIAGNOSTICS, SOAP, WSSE, WSU

ADDRESSING_FAULT = f"{ADDRESSING}/soap/fault"
TIMESTAMP_VALIDITY = timedelta(minutes=5)

_ADDRESSING_HEADERS = {
    f"{{{ADDRESSING}}}{name}" for name in ("Action", "To", "MessageID", "ReplyTo", "FaultTo", "From")
}


class NotSoap(Exception):
    """Bytes that are no SOAP 1.2 envelope: WCF answers them with a bare HTTP 400."""


class SoapFault(Exception):
    """A fault to be sent. `code` is a local name of the SOAP namespace, `subcode` is (namespace, local name)."""

    def __init__(
        self,
        code: str,
        subcode: tuple[str, str] | None,
        reason: str,
        *,
        action: str = ADDRESSING_FAULT,
        detail: Markup | None = None,
        headers: Iterable[Markup] = (),
    ) -> None:
        super().__init__(reason)
        self.code = code
        self.subcode = subcode
        self.reason = reason
        self.action = action
        self.detail = detail
        self.headers = tuple(headers)


@dataclass(frozen=True, slots=True)
class Message:
    """One request. Header texts are trimmed, as WCF trims them."""

    action: str
    message_id: str | None
    to: str
    """Empty if there is none."""
    security: etree._Element | None
    mandatory: tuple[str, ...]
    """Headers marked mustUnderstand that are not of WS-Addressing, as {namespace}name."""
    body: etree._Element


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service says: an action, and the content of the body."""

    action: str
    body: Markup
    body_attributes: Mapping[str, str] = field(default_factory=dict)


def read(message: bytes) -> Message:
    """Raises NotSoap, or SoapFault for headers that WS-Addressing forbids."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True)
    try:
        envelope = etree.fromstring(message, parser)
    except etree.XMLSyntaxError as error:
        raise NotSoap(str(error)) from error
    if envelope.getroottree().docinfo.internalDTD is not None:
        raise NotSoap("a document type declaration")
    if envelope.tag != f"{{{SOAP}}}Envelope":
        raise NotSoap(f"the root is {envelope.tag}")
    header, body = envelope.find(f"{{{SOAP}}}Header"), envelope.find(f"{{{SOAP}}}Body")
    if header is None or body is None or len(body) != 1:
        raise NotSoap("not one header and one body with one child")
    action = _addressing_header(header, "Action")
    if action is None:
        raise SoapFault(
            "Sender",
            (ADDRESSING, "MessageAddressingHeaderRequired"),
            "A required header representing a Message Addressing Property is not present.",
        )
    return Message(
        action=action,
        message_id=_addressing_header(header, "MessageID"),
        to=_addressing_header(header, "To") or "",
        security=header.find(f"{{{WSSE}}}Security"),
        mandatory=tuple(
            child.tag
            for child in header
            if child.get(f"{{{SOAP}}}mustUnderstand") in {"1", "true"} and child.tag not in _ADDRESSING_HEADERS
        ),
        body=body[0],
    )


def _addressing_header(header: etree._Element, name: str) -> str | None:
    found = header.findall(f"{{{ADDRESSING}}}{name}")
    if len(found) > 1:
        raise SoapFault(
            "Sender",
            (ADDRESSING, "InvalidAddressingHeader"),
            f"Multiple headers with name '{name}' and namespace '{ADDRESSING}' found.",
        )
    return (found[0].text or "").strip() if found else None


def write(answer: Answer, relates_to: str | None, *, secured_at: datetime | None) -> bytes:
    """The reply envelope; `secured_at` adds the wsse:Security header of a service with message credentials."""
    activity = element(
        "ActivityId",
        text("00000000-0000-0000-0000-000000000000"),
        attributes={"CorrelationId": str(uuid4()), "xmlns": DIAGNOSTICS},
    )
    return _envelope(answer, relates_to, (activity,), secured_at)


def write_fault(fault: SoapFault, relates_to: str | None, *, secured_at: datetime | None) -> bytes:
    """The fault's envelope."""
    answer = Answer(fault.action, _fault(fault))
    if fault.action == ADDRESSING_FAULT:
        return _envelope(answer, relates_to, fault.headers, secured_at)
    return write(answer, relates_to, secured_at=secured_at)


def _envelope(answer: Answer, relates_to: str | None, headers: Iterable[Markup], secured_at: datetime | None) -> bytes:
    namespaces = {"xmlns:s": SOAP, "xmlns:a": ADDRESSING} | ({} if secured_at is None else {"xmlns:u": WSU})
    header = element(
        "s:Header",
        element("a:Action", text(answer.action), attributes={"s:mustUnderstand": "1"}),
        *(() if relates_to is None else (element("a:RelatesTo", text(relates_to)),)),
        *headers,
        *(() if secured_at is None else (_security(secured_at),)),
    )
    body = element("s:Body", answer.body, attributes=answer.body_attributes)
    return element("s:Envelope", header, body, attributes=namespaces).encode()


def _security(created: datetime) -> Markup:
    timestamp = element(
        "u:Timestamp",
        element("u:Created", text(_instant(created))),
        element("u:Expires", text(_instant(created + TIMESTAMP_VALIDITY))),
        attributes={"u:Id": "_0"},
    )
    return element("o:Security", timestamp, attributes={"s:mustUnderstand": "1", "xmlns:o": WSSE})


def _instant(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"


def _fault(fault: SoapFault) -> Markup:
    code = [element("s:Value", text(f"s:{fault.code}"))]
    if fault.subcode is not None:
        namespace, name = fault.subcode
        # The prefix "a" is WS-Addressing's unless it is declared anew, as WCF does.
        declared = {} if namespace == ADDRESSING else {"xmlns:a": namespace}
        code.append(element("s:Subcode", element("s:Value", text(f"a:{name}"), attributes=declared)))
    return element(
        "s:Fault",
        element("s:Code", *code),
        element("s:Reason", element("s:Text", text(fault.reason), attributes={"xml:lang": "en-US"})),
        *(() if fault.detail is None else (element("s:Detail", fault.detail),)),
    )
