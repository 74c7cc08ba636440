"""What an HTTP answer of the inside means: the envelope that was asked for, or why not.

No I/O. Texts quote at most a line of what came: enough to know an IIS error page, too little to leak a message.
"""

from dataclasses import dataclass
from typing import NoReturn, assert_never

from gateway.credential import Credential, KerberosCredential, OwnCertificate
from gateway.errors import (
    CredentialsRefusedInside,
    MalformedMessage,
    SecurityHeaderInvalid,
    TicketRefusedInside,
    UpstreamMisbehaved,
    UpstreamUnavailable,
)
from gateway.protocol.namespaces import SOAP, WSSE
from gateway.protocol.security import UsernameToken
from gateway.protocol.soap import Envelope, Fault, UpstreamRefused, parse_envelope, parse_fault

MEDIA_TYPE = "application/soap+xml"

_EXCERPT = 120
"""Bytes of an answer that may be quoted."""

_SENDER = (SOAP, "Sender")
_SECURITY_SUBCODES = frozenset(
    (WSSE, name) for name in ("FailedAuthentication", "InvalidSecurity", "InvalidSecurityToken")
)
"""What WCF answers to a security header that it does not accept (WS-Security 1.0, 12)."""


@dataclass(frozen=True, slots=True)
class Question:
    """What an answer is held against."""

    url: str
    message_id: str
    answer_action: str
    credential: Credential


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back."""

    status: int
    content_type: str
    """The media type, in lower case and without parameters."""
    content_encoding: str
    body: bytes
    www_authenticate: tuple[str, ...] = ()
    """The values of this header."""

    def __str__(self) -> str:
        return f"HTTP {self.status}, {self.content_type}, {len(self.body)} bytes: {self.body[:_EXCERPT]!r}"


def expect_soap(answer: HttpAnswer, question: Question) -> None:
    """Nothing of a body is read that HTTP itself calls another thing than a SOAP message. Raises as `read_answer`."""
    match answer.status:
        case 401 | 403:
            _raise_not_admitted(question, str(answer))
        case 502 | 503 | 504:
            # Perhaps from a balancer that had already passed the request on.
            raise UpstreamUnavailable(f"{question.url} is not in service: {answer}", sent=True)
    if answer.content_encoding not in {"", "identity"}:
        raise UpstreamMisbehaved(
            f"{question.url} answered HTTP {answer.status} with a Content-Encoding that was not asked for:"
            f" {answer.content_encoding[:_EXCERPT]!r}"
        )
    if answer.content_type != MEDIA_TYPE:
        raise UpstreamMisbehaved(
            f"{question.url} did not answer with SOAP 1.2: is it the address of this service? It sent {answer}"
        )


def expect_challenge(answer: HttpAnswer, url: str, *, by_negotiate: bool) -> None:
    """That a service without which there would be no such answer has asked for a credential.

    `by_negotiate`: by HTTP (RFC 4559 4.1), as IIS does before a service with Windows authentication; else by a SOAP
    fault, as WCF does for want of a UsernameToken. Raises UpstreamUnavailable or UpstreamMisbehaved.
    """
    if answer.status in {502, 503, 504}:
        raise UpstreamUnavailable(f"{url} is not in service: {answer}", sent=True)
    if by_negotiate:
        schemes = {header.strip().partition(" ")[0].lower() for header in answer.www_authenticate}
        if answer.status != 401 or "negotiate" not in schemes:
            raise UpstreamMisbehaved(f"{url} does not ask for Negotiate where there is no ticket: it sent {answer}")
        return
    try:
        fault = parse_fault(parse_envelope(answer.body)) if answer.content_type == MEDIA_TYPE else None
    except (MalformedMessage, SecurityHeaderInvalid):
        fault = None
    if fault is None:
        raise UpstreamMisbehaved(f"{url} does not ask for a user name where there is none: it sent {answer}")


def read_answer(answer: HttpAnswer, question: Question) -> Envelope:
    """The envelope that answers the question.

    Raises UpstreamRefused with the service's own fault, CredentialsRefusedInside, UpstreamUnavailable or
    UpstreamMisbehaved.
    """
    expect_soap(answer, question)
    try:
        envelope = parse_envelope(answer.body)
        fault = parse_fault(envelope)
    except (MalformedMessage, SecurityHeaderInvalid) as error:
        text = str(error)[:_EXCERPT]
        raise UpstreamMisbehaved(f"{question.url} answered HTTP {answer.status} with a bad message: {text}") from error
    if fault is not None:
        _raise_fault(fault, envelope, question)
    if answer.status != 200 or envelope.action != question.answer_action:
        raise UpstreamMisbehaved(
            f"{question.url} answered HTTP {answer.status} with action {envelope.action[:_EXCERPT]!r}"
            f" instead of {question.answer_action!r}"
        )
    if envelope.relates_to != question.message_id:
        raise UpstreamMisbehaved(f"{question.url} answered another message than the one that was sent to it")
    return envelope


def ticket_refused(question: Question, answer: str) -> TicketRefusedInside:
    """The error for a service that does not let a ticket of its own realm in."""
    return TicketRefusedInside(
        f"{question.url} does not let the ticket in: {answer}. Check that the account that the service runs as owns the"
        " SPN (setspn -Q; with kernel-mode authentication the machine does, unless useAppPoolCredentials is set), that"
        " Negotiate stands before NTLM in IIS, and that no other TLS certificate is in between (Extended Protection)",
        sent=True,
    )


def _raise_fault(fault: Fault, envelope: Envelope, question: Question) -> NoReturn:
    # A service that could not read the message's headers cannot say which message its fault is about.
    if envelope.relates_to not in {None, question.message_id}:
        raise UpstreamMisbehaved(f"{question.url} answered with a fault about another message")
    if fault.code == _SENDER and fault.subcode in _SECURITY_SUBCODES:
        _raise_not_admitted(question, f"{fault.subcode[1]}: {fault.reason[:_EXCERPT]}")
    raise UpstreamRefused(fault)


def _raise_not_admitted(question: Question, answer: str) -> NoReturn:
    """The inside does not accept the credential. Whose fault that is depends on whose credential it was."""
    match question.credential:
        case UsernameToken(username=username):
            raise CredentialsRefusedInside(
                f"{question.url} does not accept the password of {username!r}: {answer}."
                " If it accepts nobody's, check that it is a _UsernamePassword service and that its clock is right"
            )
        case KerberosCredential():
            raise ticket_refused(question, answer)
        case OwnCertificate():
            raise UpstreamUnavailable(
                f"{question.url} does not let the gateway in under its own certificate (D07): {answer}."
                " Check that IIS maps the certificate to an account (dsmapperusage=enable) and asks for it in the"
                " handshake (clientcertnegotiation=enable), and that the account may use the service",
                sent=True,
            )
        case _:
            assert_never(question.credential)
