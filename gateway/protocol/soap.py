"""SOAP 1.2 envelopes with WS-Addressing 1.0 headers."""

from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from gateway.errors import UpstreamError
from gateway.protocol.security import Security, UsernameToken


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
    raise NotImplementedError


def parse_fault(envelope: Envelope) -> Fault | None:
    """The fault that the envelope carries, or None if its body is something else. Raises MalformedMessage."""
    raise NotImplementedError


def render_envelope(
    action: str,
    body: etree._Element,
    *,
    message_id: str | None = None,
    relates_to: str | None = None,
    to: str | None = None,
    username_token: UsernameToken | None = None,
    timestamp_created: datetime | None = None,
) -> bytes:
    """UTF-8 XML. A `timestamp_created` adds a wsse:Security header with a Timestamp that is valid for five minutes."""
    raise NotImplementedError


def render_fault(fault: Fault) -> etree._Element:
    """The s:Fault element."""
    raise NotImplementedError
