"""[MS-WSTEP] 3.1.4.2.2.1: the answer to a KET, in which the CA gives the certificate of its exchange key."""

from dataclasses import dataclass

from lxml import etree

from gateway.protocol.namespaces import WST, XSI
from gateway.protocol.soap import Envelope
from gateway.protocol.wstep import ValueType, add_binary_security_token, binary_security_token, only_response
from gateway.protocol.xml import add, new, required

ACTION_KET_FINAL = "http://docs.oasis-open.org/ws-sx/ws-trust/200512/RSTR/KETFinal"

_RESPONSES = f"{{{WST}}}RequestSecurityTokenResponseCollection"
_RESPONSE = f"{{{WST}}}RequestSecurityTokenResponse"
_TOKEN_TYPE = f"{{{WST}}}TokenType"
_REQUESTED_SECURITY_TOKEN = f"{{{WST}}}RequestedSecurityToken"
_KEY_EXCHANGE_TOKEN = f"{{{WST}}}KeyExchangeToken"


@dataclass(frozen=True, slots=True)
class KeyExchangeToken:
    """wst:KeyExchangeToken: to whose key a client encrypts the private key that is to be archived."""

    certificate: bytes
    """DER of the CA exchange certificate, as it came."""


def parse_key_exchange_token(envelope: Envelope) -> KeyExchangeToken:
    """Raises MalformedMessage."""
    response = only_response(envelope, ACTION_KET_FINAL)
    token = required(required(response, _REQUESTED_SECURITY_TOKEN), _KEY_EXCHANGE_TOKEN)
    return KeyExchangeToken(binary_security_token(token, ValueType.X509V3))


def render_key_exchange_token(token: KeyExchangeToken) -> etree._Element:
    """As in [MS-WSTEP] 4.1.2.2: the body of a message with ACTION_KET_FINAL."""
    root = new(_RESPONSES, nsmap={None: WST, "xsi": XSI})
    response = add(root, _RESPONSE)
    add(response, _TOKEN_TYPE, ValueType.X509V3)
    exchange = add(add(response, _REQUESTED_SECURITY_TOKEN), _KEY_EXCHANGE_TOKEN)
    add_binary_security_token(exchange, ValueType.X509V3, token.certificate)
    return root
