"""What a vector is."""

from dataclasses import dataclass

READ = "read"
MALFORMED = "MalformedCertificationRequest"
NOT_SUPPORTED = "RequestFormatNotSupported"
NOT_PROVEN = "ProofOfPossessionFailed"
SIGNATURE_INVALID = "SignatureInvalid"
RENEWAL_MISMATCH = "RenewalCertificateMismatch"


@dataclass(frozen=True, slots=True)
class Vector:
    name: str
    contents: str
    outcome: str
    """READ, or the name of the error."""
    der: bytes
