"""X.509 certificates: the requester's, and the one that the CA issued."""

from dataclasses import dataclass
from datetime import datetime

from gateway.pki.keys import PublicKey
from gateway.pki.names import GeneralName, Name


@dataclass(frozen=True, slots=True)
class Certificate:
    der: bytes
    subject: Name
    issuer: Name
    serial_number: int
    not_before: datetime
    """Aware, UTC."""
    not_after: datetime
    """Aware, UTC."""
    public_key: PublicKey
    subject_alternative_name: tuple[GeneralName, ...]
    sha256_fingerprint: str
    """Lower-case hex."""


def parse_certificate(der: bytes) -> Certificate:
    """Raises MalformedMessage for anything but one strict DER certificate."""
    raise NotImplementedError
