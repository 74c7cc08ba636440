"""The two-sided check: what the CA issued is judged too, before it is handed out."""

from gateway.errors import CertificateWithheld, MalformedMessage, UpstreamMisbehaved
from gateway.pki.certificate import parse_certificate


def check_issued(der: bytes, *, subject_public_key_info: bytes) -> None:
    """A certificate for another key never leaves the gateway, whatever the CA or the wire did.

    Raises UpstreamMisbehaved if it is no certificate, or CertificateWithheld. The latter then exists at the CA: its
    text tells the operator which one to revoke.
    """
    try:
        certificate = parse_certificate(der)
    except MalformedMessage as error:
        raise UpstreamMisbehaved(f"the issued certificate cannot be read: {error}") from error
    if certificate.public_key.subject_public_key_info != subject_public_key_info:
        raise CertificateWithheld(
            f"the issued certificate (serial {certificate.serial_number:x}, SHA-256 {certificate.sha256_fingerprint})"
            " carries another public key than the request: withheld; revoke it at the CA"
        )
