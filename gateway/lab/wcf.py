"""The part of WCF that decides before a service sees a message: SOAP, credentials, address, headers.

The order is WCF's: the security channel looks before the dispatcher, and mustUnderstand is checked last.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol
from urllib.parse import unquote, urlsplit

from lxml import etree

from gateway.lab import security, soap
from gateway.lab.accounts import Account, Directory
from gateway.lab.markup import element
from gateway.lab.namespaces import ADDRESSING, WSSE
from gateway.lab.soap import Answer, Message, NotSoap, SoapFault

MEDIA_TYPE = "application/soap+xml"


class ServiceKind(Enum):
    """How a service authenticates its clients: the word in its URL, and its number in [MS-XCEP] 3.1.4.1.3.5."""

    KERBEROS = ("Kerberos", 2)
    USERNAME_PASSWORD = ("UsernamePassword", 4)
    CERTIFICATE = ("Certificate", 8)

    @property
    def word(self) -> str:
        return self.value[0]

    @property
    def client_authentication(self) -> int:
        return self.value[1]


class Service(Protocol):
    """CEP or CES."""

    def answer(self, message: Message, caller: Account) -> Answer:
        """Raises SoapFault."""
        ...


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A service under an address."""

    uri: str
    kind: ServiceKind
    service: Service


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """Status and body; an empty body goes without a content type."""

    status: int
    body: bytes = b""


class Host:
    """Hands messages to endpoints."""

    def __init__(self, directory: Directory, clock: Callable[[], datetime]) -> None:
        self._directory = directory
        self._clock = clock

    def answer(self, endpoint: Endpoint, body: bytes, client: Account | None) -> HttpAnswer:
        """`client` is the account that the listener has recognised, by TLS client certificate or by Kerberos."""
        try:
            message = soap.read(body)
        except NotSoap:
            return HttpAnswer(400)
        except SoapFault as fault:
            return HttpAnswer(500, soap.write_fault(fault, None, secured_at=None))
        try:
            caller = self._authenticate(endpoint, message, client)
        except SoapFault as fault:
            # A fault of the security channel is not secured itself.
            return HttpAnswer(500, soap.write_fault(fault, message.message_id, secured_at=None))
        secured_at = self._clock() if endpoint.kind is ServiceKind.USERNAME_PASSWORD else None
        try:
            answer = _dispatch(endpoint, message, caller)
        except SoapFault as fault:
            return HttpAnswer(500, soap.write_fault(fault, message.message_id, secured_at=secured_at))
        return HttpAnswer(200, soap.write(answer, message.message_id, secured_at=secured_at))

    def _authenticate(self, endpoint: Endpoint, message: Message, client: Account | None) -> Account:
        match endpoint.kind:
            case ServiceKind.USERNAME_PASSWORD:
                return security.authenticate(message.security, self._directory, self._clock())
            case ServiceKind.CERTIFICATE | ServiceKind.KERBEROS:
                assert client is not None, "the listener lets nobody else through"
                return client


def _dispatch(endpoint: Endpoint, message: Message, caller: Account) -> Answer:
    if not _same_address(message.to, endpoint.uri):
        raise SoapFault(
            "Sender",
            (ADDRESSING, "DestinationUnreachable"),
            f"The message with To '{message.to}' cannot be processed at the receiver, due to an AddressFilter mismatch"
            " at the EndpointDispatcher.  Check that the sender and receiver's EndpointAddresses agree.",
        )
    if message.message_id is None:
        raise SoapFault(
            "Sender",
            (ADDRESSING, "MessageAddressingHeaderRequired"),
            "A required header representing a Message Addressing Property is not present.",
        )
    _verify_understood(endpoint, message)
    return endpoint.service.answer(message, caller)


def _same_address(to: str, uri: str) -> bool:
    """WCF's comparison: scheme, port and path without regard to case. The host does not count."""
    return _address(to) == _address(uri)


def _address(uri: str) -> tuple[str, int | None, str] | None:
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        return None
    return parts.scheme, port or {"https": 443}.get(parts.scheme), unquote(parts.path).casefold()


def _verify_understood(endpoint: Endpoint, message: Message) -> None:
    understood = {f"{{{WSSE}}}Security"} if endpoint.kind is ServiceKind.USERNAME_PASSWORD else set()
    for name in map(etree.QName, (tag for tag in message.mandatory if tag not in understood)):
        not_understood = element(
            "s:NotUnderstood", attributes={"qname": f"h:{name.localname}", "xmlns:h": name.namespace or ""}
        )
        raise SoapFault(
            "MustUnderstand",
            None,
            f"The header '{name.localname}' from the namespace '{name.namespace}' was not understood by the recipient"
            " of this message, causing the message to not be processed.  This error typically indicates that the"
            " sender of this message has enabled a communication protocol that the receiver cannot process.  Please"
            " ensure that the configuration of the client's binding is consistent with the service's binding. ",
            headers=(not_understood,),
        )
