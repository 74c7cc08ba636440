"""Whose certificate it is that signed a request: that of the requester, or somebody else's."""

from datetime import datetime
from enum import StrEnum

from gateway.pki.authorities import CertificationAuthorities, TrustedCertificate, UntrustedCertificate
from gateway.pki.certificate import Certificate
from gateway.pki.certificate_request import CertificateRequest
from gateway.requester import Requester


class Owner(StrEnum):
    """By what a certificate is the requester's."""

    CLIENT_CERTIFICATE = "clientCertificate"
    """It is the very certificate that the requester has shown to TLS."""
    SECURITY_IDENTIFIER = "securityIdentifier"
    """It states the SID of the requester's directory account, and no other."""
    NAMES = "names"
    """Its names are such as the rule allows this requester."""


def standing_of_shown(
    request: CertificateRequest, requester: Requester, authorities: CertificationAuthorities, now: datetime
) -> TrustedCertificate | UntrustedCertificate | None:
    """What the authorities say of the client certificate with which a request came that nobody has signed
    (`Application.shown`)."""
    if request.signers or not isinstance(requester.evidence, Certificate):
        return None
    return authorities.standing_of(requester.evidence, now)


def is_client_certificate(certificate: Certificate, requester: Requester) -> bool:
    return isinstance(requester.evidence, Certificate) and requester.evidence.der == certificate.der


def states_own_security_identifier(certificate: Certificate, requester: Requester) -> bool:
    account = requester.directory_account
    return account is not None and certificate.security_identifiers == (account.sid,)


def described(certificate: Certificate) -> str:
    """For violations: enough to find it at its CA."""
    return f"{certificate.subject} (serial number {certificate.serial_number:x} of {certificate.issuer})"
