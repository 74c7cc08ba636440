"""Where a request can say something: the same words, put into each place that a CA reads ([MS-WCCE] 2.2.2.6).

A message is described by what it says in each place, and written as the RequestSecurityToken that a client would send.
"""

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from xml.sax.saxutils import escape, quoteattr

from tests.cmc import (
    Signer,
    a_cmc_request,
    a_cms_request,
    a_reg_info,
    an_add_attributes,
    an_add_extensions,
    nested,
    signed_by_key,
)
from tests.requests import (
    CERT_EXTENSIONS,
    ENROLLMENT_NAME_VALUE_PAIR,
    EXTENSION_REQUEST,
    PrivateKey,
    a_key,
    a_name_value_pair,
    a_signed_request,
    an_attribute,
    sequence,
)

Pair = tuple[str, str]
Bytes = tuple[bytes, ...]
Pairs = tuple[Pair, ...]


@dataclass(frozen=True, slots=True)
class Message:
    """What a request says, place by place. Extensions and attributes are DER; pairs are name and value."""

    subject: str | bytes = "CN=web01.partner.example"
    key: PrivateKey = field(default_factory=a_key)
    extension_request: Bytes = ()
    """In the PKCS#10."""
    cert_extensions: Bytes = ()
    """In the PKCS#10, under Microsoft's own attribute."""
    pairs: Pairs = ()
    """In the PKCS#10."""
    attributes: Bytes = ()
    """Further ones of the PKCS#10."""
    envelope: str = "PKCS#10"
    """PKCS#10, CMS, CMC, or CMS twice."""
    signed_pairs: Pairs = ()
    """Among the signed attributes of the outermost layer."""
    reg_info: str = ""
    add_extensions: Bytes = ()
    added_extensions: Bytes = ()
    """In an attribute that the control szOID_CMC_ADD_ATTRIBUTES adds."""
    added_attribute: str = ""
    """Which of the two."""
    add_attributes: Bytes = ()
    """Further ones that it adds."""
    signers: tuple[Signer, ...] | None = None
    """Of the outermost layer; the request's own key by default."""
    context: Pairs = ()
    """SOAP's AdditionalContext."""
    der: bytes | None = None
    """Instead of all that."""

    def with_extensions(self, *extensions: bytes) -> "Message":
        return replace(self, extension_request=(*self.extension_request, *extensions))

    @property
    def certificate_request(self) -> bytes:
        """DER of the outermost layer."""
        if self.der is not None:
            return self.der
        match self.envelope:
            case "PKCS#10":
                return self.certificate_request_inside()
            case "CMS":
                return a_cms_request(self.certificate_request_inside(), self._signers())
            case "CMS twice":
                return nested(
                    a_cms_request(self.certificate_request_inside(), (signed_by_key(self.key),)),
                    self._signers(),
                    SIGNED_DATA,
                )
            case "CMC":
                return a_cmc_request(self.certificate_request_inside(), self._controls(), self._signers())
        raise ValueError(self.envelope)

    def certificate_request_inside(self) -> bytes:
        """DER of the PKCS#10 alone."""
        attributes = [
            *([an_attribute(EXTENSION_REQUEST, sequence(*self.extension_request))] if self.extension_request else []),
            *([an_attribute(CERT_EXTENSIONS, sequence(*self.cert_extensions))] if self.cert_extensions else []),
            *([pairs_attribute(self.pairs)] if self.pairs else []),
            *self.attributes,
        ]
        return a_signed_request(self.subject, attributes=attributes, key=self.key)

    def _signers(self) -> tuple[Signer, ...]:
        signed = (pairs_attribute(self.signed_pairs),) if self.signed_pairs else ()
        if self.signers is None:
            return (signed_by_key(self.key, *signed),)
        first, *others = self.signers
        return (replace(first, signed=(*first.signed, *signed)), *others)

    def _controls(self) -> list[bytes]:
        extensions = (
            an_attribute(self.added_attribute, sequence(*self.added_extensions)) if self.added_extensions else b""
        )
        added = [attribute for attribute in (extensions, *self.add_attributes) if attribute]
        return [
            *([a_reg_info(self.reg_info)] if self.reg_info else []),
            *([an_add_extensions(*self.add_extensions)] if self.add_extensions else []),
            *([an_add_attributes(*added)] if added else []),
        ]

    def token(self) -> bytes:
        """The SOAP message of [MS-WSTEP] 3.1.4.1."""
        kind = PKCS10 if self.envelope == "PKCS#10" and self.der is None else PKCS7
        items = "".join(
            f"<auth:ContextItem Name={quoteattr(name, LINES)}>"
            f"<auth:Value>{escape(value, LINES)}</auth:Value></auth:ContextItem>"
            for name, value in self.context
        )
        context = f"<auth:AdditionalContext>{items}</auth:AdditionalContext>" if items else ""
        digits = b64encode(self.certificate_request).decode()
        lines = "\n".join(digits[start : start + 76] for start in range(0, len(digits), 76))
        return TOKEN.format(kind=kind, token=lines, context=context).encode()


SIGNED_DATA = "1.2.840.113549.1.7.2"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
PKCS7 = f"{WSSE}#PKCS7"
PKCS10 = "http://schemas.microsoft.com/windows/pki/2009/01/enrollment#PKCS10"
LINES = {"\n": "&#10;", "\r": "&#13;"}

TOKEN = """\
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://www.w3.org/2005/08/addressing">
<s:Header>
<a:Action s:mustUnderstand="1">http://schemas.microsoft.com/windows/pki/2009/01/enrollment/RST/wstep</a:Action>
<a:MessageID>urn:uuid:6f9619ff-8b86-d011-b42d-00c04fc964ff</a:MessageID>
</s:Header>
<s:Body>
<wst:RequestSecurityToken xmlns:wst="http://docs.oasis-open.org/ws-sx/ws-trust/200512"
 xmlns:auth="http://schemas.xmlsoap.org/ws/2006/12/authorization">
<wst:TokenType>http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3</wst:TokenType>
<wst:RequestType>http://docs.oasis-open.org/ws-sx/ws-trust/200512/Issue</wst:RequestType>
<BinarySecurityToken xmlns="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
 ValueType="{kind}"
 EncodingType="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd#base64binary">
{token}
</BinarySecurityToken>
{context}</wst:RequestSecurityToken>
</s:Body>
</s:Envelope>
"""


def pairs_attribute(pairs: Pairs) -> bytes:
    """One attribute szOID_ENROLLMENT_NAME_VALUE_PAIR, with a value for each pair."""
    return an_attribute(ENROLLMENT_NAME_VALUE_PAIR, *(a_name_value_pair(name, value) for name, value in pairs))


# --- where extensions can stand -------------------------------------------------------------------------------------

Extending = Callable[[Message, Bytes], Message]
"""A message that says these extensions, too."""


def _in_extension_request(message: Message, extensions: Bytes) -> Message:
    return message.with_extensions(*extensions)


def _in_cert_extensions(message: Message, extensions: Bytes) -> Message:
    # In the one attribute or in the other: both in one request are refused as such.
    moved = (*message.extension_request, *message.cert_extensions, *extensions)
    return replace(message, extension_request=(), cert_extensions=moved)


def _enveloped(envelope: str, place: Extending) -> Extending:
    return lambda message, extensions: place(replace(message, envelope=envelope), extensions)


def _in_add_extensions(message: Message, extensions: Bytes) -> Message:
    return replace(message, envelope="CMC", add_extensions=(*message.add_extensions, *extensions))


def _in_add_attributes(oid: str) -> Extending:
    """All of them there: a PKCS#10 must have none in such an attribute then."""

    def place(message: Message, extensions: Bytes) -> Message:
        moved = (*message.extension_request, *message.added_extensions, *extensions)
        return replace(message, envelope="CMC", extension_request=(), added_attribute=oid, added_extensions=moved)

    return place


EXTENSIONS: dict[str, Extending] = {
    "pkcs10-extensionRequest": _in_extension_request,
    "pkcs10-szOID_CERT_EXTENSIONS": _in_cert_extensions,
    "cms-pkcs10-extensionRequest": _enveloped("CMS", _in_extension_request),
    "cms-cms-pkcs10-extensionRequest": _enveloped("CMS twice", _in_extension_request),
    "cmc-pkcs10-extensionRequest": _enveloped("CMC", _in_extension_request),
    "cmc-pkcs10-szOID_CERT_EXTENSIONS": _enveloped("CMC", _in_cert_extensions),
    "cmc-addExtensions": _in_add_extensions,
    "cmc-addAttributes-extensionRequest": _in_add_attributes(EXTENSION_REQUEST),
    "cmc-addAttributes-szOID_CERT_EXTENSIONS": _in_add_attributes(CERT_EXTENSIONS),
}

# --- where name/value pairs can stand -------------------------------------------------------------------------------

Pairing = Callable[[Message, Pairs], Message]
"""A message that says these name/value pairs, too."""


def _in_pkcs10(message: Message, pairs: Pairs) -> Message:
    return replace(message, pairs=(*message.pairs, *pairs))


def _with_envelope(envelope: str, place: Pairing) -> Pairing:
    return lambda message, pairs: place(replace(message, envelope=envelope), pairs)


def _in_signed_attributes(envelope: str) -> Pairing:
    return lambda message, pairs: replace(message, envelope=envelope, signed_pairs=(*message.signed_pairs, *pairs))


def _in_reg_info(message: Message, pairs: Pairs) -> Message:
    text = "".join(f"{_percent(name)}={_percent(value)}&" for name, value in pairs)
    return replace(message, envelope="CMC", reg_info=message.reg_info + text)


def _percent(text: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in " .-_\\:") else _octets(c) for c in text)


def _octets(character: str) -> str:
    return "".join(f"%{octet:02X}" for octet in character.encode())


def _in_added_attribute(message: Message, pairs: Pairs) -> Message:
    return replace(message, envelope="CMC", add_attributes=(*message.add_attributes, pairs_attribute(pairs)))


def _in_context(message: Message, pairs: Pairs) -> Message:
    return replace(message, context=(*message.context, *pairs))


PAIRS: dict[str, Pairing] = {
    "pkcs10-nameValuePair": _in_pkcs10,
    "cmc-pkcs10-nameValuePair": _with_envelope("CMC", _in_pkcs10),
    "cms-signedAttributes-nameValuePair": _in_signed_attributes("CMS"),
    "cmc-signedAttributes-nameValuePair": _in_signed_attributes("CMC"),
    "cmc-regInfo": _in_reg_info,
    "cmc-addAttributes-nameValuePair": _in_added_attribute,
    "additionalContext": _in_context,
    "cmc-additionalContext": _with_envelope("CMC", _in_context),
}
