"""The certification authorities whose certificates count here: as signers of requests, and as what comes back.

Pure: revocation lists and the time are given. An authority is trusted because the configuration names its certificate;
no path is built to anywhere.
"""

from dataclasses import dataclass

from gateway.pki.certificate import Certificate


@dataclass(frozen=True, slots=True)
class TrustedCertificate:
    """A certificate that one of the authorities has issued, valid and not revoked. Only this module makes one."""

    certificate: Certificate
    authority: str
    """The common name of the authority."""


def vouched_for_before(certificate: Certificate, authority: str) -> TrustedCertificate:
    """As it was when the request came, says the record: for looking back, never for deciding."""
    return TrustedCertificate(certificate, authority)
