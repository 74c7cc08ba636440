"""The two-sided check: what the CA issued is judged too, before it is handed out."""

from gateway.errors import CertificateWithheld, MalformedMessage, UpstreamMisbehaved
from gateway.pki.certificate import Certificate, parse_certificate


def check_issued(der: bytes, *, subject_public_key_info: bytes, sid: str | None = None) -> None:
    """A certificate for another key or another account never leaves the gateway, whatever the CA or the wire did.

    `sid` is the objectSid of the account that the CA has seen, None where it is the gateway's own. A certificate that
    states no SID is for nobody in particular.

    Raises UpstreamMisbehaved if it is no certificate, or CertificateWithheld. The latter then exists at the CA: its
    text tells the operator which one to revoke.
    """
    try:
        certificate = parse_certificate(der)
    except MalformedMessage as error:
        raise UpstreamMisbehaved(f"the issued certificate cannot be read: {error}") from error
    if certificate.public_key.subject_public_key_info != subject_public_key_info:
        raise _withheld(certificate, "carries another public key than the request")
    if sid is not None and certificate.security_identifiers not in {(), (sid,)}:
        stated = " and ".join(certificate.security_identifiers)
        raise _withheld(certificate, f"is for the account {stated}, the requester is {sid}")


def _withheld(certificate: Certificate, objection: str) -> CertificateWithheld:
    return CertificateWithheld(
        f"the issued certificate (serial {certificate.serial_number:x}, SHA-256 {certificate.sha256_fingerprint})"
        f" {objection}: withheld; revoke it at the CA"
    )
