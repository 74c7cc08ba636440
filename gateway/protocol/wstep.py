"""[MS-WSTEP]: RequestSecurityToken and its answer."""

from dataclasses import dataclass
from enum import StrEnum

from lxml import etree

from gateway.protocol.soap import Envelope

ACTION_RST = "http://schemas.microsoft.com/windows/pki/2009/01/enrollment/RST/wstep"
ACTION_RSTRC = "http://schemas.microsoft.com/windows/pki/2009/01/enrollment/RSTRC/wstep"
ACTION_FAULT = (
    "http://schemas.microsoft.com/windows/pki/2009/01/enrollment/RequestSecurityTokenCertificateEnrollmentWSDetailFault"
)


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
    """Raises MalformedMessage, ActionNotSupported or EncodingTypeInvalid."""
    raise NotImplementedError


def render_request(token: RequestSecurityToken) -> etree._Element:
    """As certreq writes it: the body of a message with ACTION_RST."""
    raise NotImplementedError


def parse_response(envelope: Envelope) -> RequestSecurityTokenResponse:
    """Classify by structure, never by text. Raises MalformedMessage."""
    raise NotImplementedError


def render_response(response: RequestSecurityTokenResponse) -> etree._Element:
    """In the element order of the captured AD CS answer: the body of a message with ACTION_RSTRC."""
    raise NotImplementedError
