"""SOAP messages to the lab, written out, and a reader for its answers."""

import base64
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.sax.saxutils import escape

from lxml import etree

CAPTURED = Path(__file__).parents[2] / "vectors" / "soap"

WSTEP = "http://schemas.microsoft.com/windows/pki/2009/01/enrollment"
XCEP = "http://schemas.microsoft.com/windows/pki/2009/01/enrollmentpolicy"
WST = "http://docs.oasis-open.org/ws-sx/ws-trust/200512"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
X509V3 = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3"
PASSWORD_TEXT = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText"
DISPATCHER = "http://schemas.microsoft.com/net/2005/12/windowscommunicationfoundation/dispatcher"
ACTION_RST = f"{WSTEP}/RST/wstep"
ACTION_GET_POLICIES = f"{XCEP}/IPolicy/GetPolicies"
MESSAGE_ID = "urn:uuid:0c6196cd-5b25-4af5-9672-05dcf4f8c3cd"

_NS = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "a": "http://www.w3.org/2005/08/addressing",
    "d": "http://schemas.microsoft.com/2004/09/ServiceModel/Diagnostics",
    "wst": WST,
    "wstep": WSTEP,
    "wsse": WSSE,
    "wsu": WSU,
    "xcep": XCEP,
}


def an_envelope(
    body: str, *, to: str, action: str = ACTION_RST, headers: str = "", message_id: str | None = MESSAGE_ID
) -> bytes:
    identified = "" if message_id is None else f"<a:MessageID>{message_id}</a:MessageID>"
    return (
        f'<s:Envelope xmlns:a="{_NS["a"]}" xmlns:s="{_NS["s"]}"><s:Header>'
        f'<a:Action s:mustUnderstand="1">{action}</a:Action>{identified}'
        f'<a:To s:mustUnderstand="1">{to}</a:To>{headers}</s:Header><s:Body>{body}</s:Body></s:Envelope>'
    ).encode()


def an_issue(
    der: bytes | None,
    *,
    token_type: str = X509V3,
    request_type: str = f"{WST}/Issue",
    value_type: str = f"{WSTEP}#PKCS10",
    encoding_type: str = f"{WSSE}#base64binary",
    context: str = "",
    more: str = "",
) -> str:
    binary = (
        ""
        if der is None
        else f'<BinarySecurityToken ValueType="{value_type}" EncodingType="{encoding_type}" xmlns="{WSSE}">'
        f"{base64.b64encode(der).decode()}</BinarySecurityToken>"
    )
    return (
        f'<RequestSecurityToken PreferredLanguage="en-US" xmlns="{WST}"><TokenType>{token_type}</TokenType>'
        f"<RequestType>{request_type}</RequestType>{binary}{context}{more}</RequestSecurityToken>"
    )


def an_additional_context(*items: tuple[str, str]) -> str:
    inside = "".join(
        f'<ContextItem Name="{name}"><Value>{escape(value)}</Value></ContextItem>' for name, value in items
    )
    return (
        f'<AdditionalContext xmlns="http://schemas.xmlsoap.org/ws/2006/12/authorization">{inside}</AdditionalContext>'
    )


def a_query(request_id: str | None) -> str:
    inside = "" if request_id is None else f'<RequestID xmlns="{WSTEP}">{request_id}</RequestID>'
    return (
        f'<RequestSecurityToken xmlns="{WST}"><TokenType>{X509V3}</TokenType>'
        f"<RequestType>{WSTEP}/QueryTokenStatus</RequestType>{inside}</RequestSecurityToken>"
    )


def a_get_policies(*, client: str | None = None, request_filter: str = '<requestFilter xsi:nil="true"/>') -> str:
    if client is None:
        client = '<client><lastUpdate xsi:nil="true"/><preferredLanguage xsi:nil="true"/></client>'
    return (
        f'<GetPolicies xmlns="{XCEP}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f"{client}{request_filter}</GetPolicies>"
    )


def a_security_header(
    user_name: str,
    password: str,
    *,
    created: datetime,
    validity: timedelta = timedelta(minutes=5),
    password_type: str | None = PASSWORD_TEXT,
    timestamp: bool = True,
) -> str:
    kind = "" if password_type is None else f' Type="{password_type}"'
    stamp = (
        f'<u:Timestamp u:Id="_0"><u:Created>{an_instant(created)}</u:Created>'
        f"<u:Expires>{an_instant(created + validity)}</u:Expires></u:Timestamp>"
    )
    return (
        f'<o:Security s:mustUnderstand="1" xmlns:o="{WSSE}" xmlns:u="{WSU}">{stamp if timestamp else ""}'
        f"<o:UsernameToken><o:Username>{escape(user_name)}</o:Username>"
        f"<o:Password{kind}>{escape(password)}</o:Password></o:UsernameToken></o:Security>"
    )


def an_instant(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, to be looked into."""

    envelope: etree._Element

    def text(self, path: str) -> str | None:
        """Of the first element at that path, with the prefixes of this module."""
        return self.envelope.findtext(path, namespaces=_NS)

    def find(self, path: str) -> etree._Element | None:
        return self.envelope.find(path, namespaces=_NS)

    def texts(self, path: str) -> list[str]:
        return [element.text or "" for element in self.envelope.findall(path, namespaces=_NS)]

    def token(self, path: str) -> bytes:
        """The decoded BinarySecurityToken below that element."""
        return base64.b64decode(self.text(f"{path}/wsse:BinarySecurityToken") or "")

    @property
    def action(self) -> str | None:
        return self.text("s:Header/a:Action")

    @property
    def reason(self) -> str | None:
        return self.text(".//s:Reason/s:Text")

    @property
    def code(self) -> str | None:
        return self.text(".//s:Code/s:Value")

    @property
    def subcode(self) -> tuple[str, str] | None:
        """Resolved with the prefixes in scope where it stands."""
        value = self.find(".//s:Subcode/s:Value")
        if value is None:
            return None
        prefix, _, name = (value.text or "").partition(":")
        return value.nsmap[prefix], name

    @property
    def error_code(self) -> int | None:
        code = self.text(".//wstep:CertificateEnrollmentWSDetail/wstep:ErrorCode")
        return None if code is None else int(code) & 0xFFFFFFFF


def a_reply(answer: bytes) -> Reply:
    return Reply(etree.fromstring(answer))
