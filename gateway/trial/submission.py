"""What a client submits, from a file: a request in PEM or DER, or a whole captured message."""

import re
from base64 import b64decode
from dataclasses import dataclass

from gateway.errors import MalformedMessage
from gateway.protocol import wstep
from gateway.protocol.soap import parse_envelope
from gateway.protocol.wstep import ContextItem

_PEM = re.compile(rb"-----BEGIN [A-Z0-9 ]+-----\s*([A-Za-z0-9+/=\s]*)-----END [A-Z0-9 ]+-----\s*")
"""Whatever its label: Windows writes CMC and CMS as NEW CERTIFICATE REQUEST."""


@dataclass(frozen=True, slots=True)
class Submission:
    der: bytes
    """Whatever the format: it is told from these bytes."""
    additional_context: tuple[ContextItem, ...] = ()


def read_submission(content: bytes) -> Submission:
    """Raises MalformedMessage, also for a message that asks for no certificate."""
    begin = content.lstrip()
    if begin.startswith(b"<"):
        token = wstep.parse_request(parse_envelope(content))
        if not isinstance(token, wstep.Issue):
            raise MalformedMessage("the message asks for no certificate")
        return Submission(token.certificate_request, token.additional_context)
    if not begin.startswith(b"-----BEGIN"):
        return Submission(content)
    return Submission(_from_pem(begin))


def _from_pem(text: bytes) -> bytes:
    pem = _PEM.fullmatch(text)
    if pem is None:
        raise MalformedMessage("PEM of more than one block, or of none that is whole")
    try:
        return b64decode(b"".join(pem[1].split()), validate=True)
    except ValueError as error:
        raise MalformedMessage(f"PEM that is not base64: {error}") from error
