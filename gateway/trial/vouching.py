"""Who signed the request of an example: certificates of throw-away authorities, which are trusted for this one run.

Nothing is revoked here: an example says of a certificate that it is over, or that its authority is none of ours.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from gateway.errors import SignerExpired, SignerUntrusted
from gateway.pki.authorities import TrustedCertificate, vouched_for_before
from gateway.pki.certificate import Certificate
from gateway.pki.write_request import Signer


def vouched_for(
    signers: Iterable[Certificate], authorities: Sequence[Signer], now: datetime
) -> tuple[TrustedCertificate, ...]:
    """The signers, each of them vouched for. Raises SignerUntrusted or SignerExpired for the first that is not."""
    loaded = [x509.load_der_x509_certificate(authority.certificate) for authority in authorities]
    return tuple(_vouched_for(signers, loaded, now))


def _vouched_for(
    signers: Iterable[Certificate], authorities: Sequence[x509.Certificate], now: datetime
) -> Iterator[TrustedCertificate]:
    for signer in signers:
        loaded = x509.load_der_x509_certificate(signer.der)
        if not any(_has_issued(authority, loaded) for authority in authorities):
            raise SignerUntrusted(f"no authority of the example has issued the certificate of {signer.subject}")
        if not signer.not_before <= now <= signer.not_after:
            raise SignerExpired(f"the certificate of {signer.subject} is valid to {signer.not_after}")
        yield vouched_for_before(signer, str(signer.issuer))


def _has_issued(authority: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, InvalidSignature):
        return False
    return True
