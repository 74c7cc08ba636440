"""The certification authorities whose certificates count here: as signers of requests, and as what comes back.

Pure: revocation lists and the time are given. An authority is trusted because the configuration names its certificate;
no path is built to anywhere.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from gateway.errors import RevocationUnknown, SignerExpired, SignerRefused, SignerRevoked, SignerUntrusted
from gateway.pki.certificate import Certificate
from gateway.pki.revocation_list import SHA2, RevocationList, uris


@dataclass(frozen=True, slots=True)
class TrustedCertificate:
    """A certificate that one of the authorities has issued, valid and not revoked. Only this module makes one."""

    certificate: Certificate
    authority: str
    """The common name of the authority."""


@dataclass(frozen=True, slots=True)
class UntrustedCertificate:
    """A certificate for which no authority vouches, and why: for where that is no reason to refuse by itself."""

    certificate: Certificate
    reason: str


def vouched_for_before(certificate: Certificate, authority: str) -> TrustedCertificate:
    """As it was when the request came, says the record: for looking back, never for deciding."""
    return TrustedCertificate(certificate, authority)


@dataclass(frozen=True, slots=True)
class CertificationAuthority:
    """One authority, by its own certificates: several where it was renewed.

    Raises ValueError for a certificate that may not issue others (RFC 5280 4.2.1.3, 4.2.1.9).
    """

    name: str
    """The common name, as `ca` of a CES service."""
    certificates: tuple[Certificate, ...]

    def __post_init__(self) -> None:
        for certificate in self.certificates:
            if not _may_issue(certificate):
                raise ValueError(
                    f"{certificate.subject} is not the certificate of an authority: it needs basicConstraints with cA,"
                    " and keyCertSign where it has a keyUsage"
                )

    def issuer_of(self, certificate: Certificate) -> Certificate | None:
        """The one of its own certificates under whose name and key the certificate was issued."""
        return next((issuer for issuer in self.certificates if _has_issued(issuer, certificate)), None)


@dataclass(frozen=True, slots=True)
class CertificationAuthorities:
    """All that are configured, with the revocation lists at hand: a snapshot."""

    authorities: tuple[CertificationAuthority, ...] = ()
    revocation_lists: tuple[RevocationList, ...] = ()

    def vouch_for(self, certificates: tuple[Certificate, ...], now: datetime) -> tuple[TrustedCertificate, ...]:
        """Each of these certificates, issued by an authority itself, valid `now` and not revoked.

        Raises SignerUntrusted, SignerExpired, SignerRevoked or RevocationUnknown.
        """
        return tuple(self._vouch_for(certificate, now) for certificate in certificates)

    def standing_of(self, certificate: Certificate, now: datetime) -> TrustedCertificate | UntrustedCertificate:
        """The same of one certificate, for which nobody needs to vouch."""
        try:
            return self._vouch_for(certificate, now)
        except SignerRefused as error:
            return UntrustedCertificate(certificate, str(error))

    def certificates_of(self, name: str) -> tuple[Certificate, ...]:
        """The own certificates of the authority of this name; none where it is not configured."""
        return tuple(own for authority in self.authorities if authority.name == name for own in authority.certificates)

    def _vouch_for(self, certificate: Certificate, now: datetime) -> TrustedCertificate:
        authority, issuer = self._origin(certificate)
        _require_dates(issuer, f"the certificate of the authority {authority.name}", now)
        _require_dates(certificate, _called(certificate), now)
        self._require_not_revoked(certificate, authority, issuer, now)
        return TrustedCertificate(certificate, authority.name)

    def _origin(self, certificate: Certificate) -> tuple[CertificationAuthority, Certificate]:
        for authority in self.authorities:
            issuer = authority.issuer_of(certificate)
            if issuer is not None:
                return authority, issuer
        known = ", ".join(authority.name for authority in self.authorities) or "there are none"
        raise SignerUntrusted(
            f"{_called(certificate)} was issued by none of certification_authorities ({known}), with RSA or ECDSA and"
            f" SHA-2. It names {certificate.issuer}: if that authority is to be trusted, add its own certificate"
        )

    def _require_not_revoked(
        self, certificate: Certificate, authority: CertificationAuthority, issuer: Certificate, now: datetime
    ) -> None:
        lists = [found for found in self.revocation_lists if _speaks_of(found, certificate, issuer)]
        for found in lists:
            # Also where the list is over: nothing that was revoked comes back by itself.
            if (reason := found.revoked.get(certificate.serial_number)) is not None:
                raise SignerRevoked(f"{_called(certificate)} was revoked by {authority.name}: {reason}")
        if not lists:
            raise RevocationUnknown(
                f"whether {authority.name} has revoked {_called(certificate)} is not known: no revocation list of the"
                f" key that signed it was read. Give the authority a crl for each of its keys, and see the log"
            )
        if not any(found.is_current(now) for found in lists):
            latest = max(lists, key=lambda found: found.next_update)
            raise RevocationUnknown(
                f"whether {authority.name} has revoked {_called(certificate)} is not known: its revocation list is of"
                f" {latest.this_update:%Y-%m-%d %H:%M} to {latest.next_update:%Y-%m-%d %H:%M} UTC. Have the authority"
                " publish a new one, and see that the gateway reaches it"
            )


def _called(certificate: Certificate) -> str:
    return f"the certificate {certificate.serial_number:x} of {certificate.subject}"


def _require_dates(certificate: Certificate, what: str, now: datetime) -> None:
    if not certificate.not_before <= now <= certificate.not_after:
        raise SignerExpired(
            f"{what} is valid from {certificate.not_before:%Y-%m-%d %H:%M} to {certificate.not_after:%Y-%m-%d %H:%M}"
            " UTC, not now: a new one must be enrolled for without it"
        )


def _speaks_of(found: RevocationList, certificate: Certificate, issuer: Certificate) -> bool:
    """An authority that has renewed its key publishes a list for each key ([MS-WCCE] 3.2.1.4.1)."""
    return (
        found.issuer.subject == issuer.subject
        and found.issuer.public_key == issuer.public_key
        and found.covers(_distribution_points(certificate))
    )


def _distribution_points(certificate: Certificate) -> Iterator[str]:
    for value in _extensions(certificate):
        if isinstance(value, x509.CRLDistributionPoints):
            for point in value:
                yield from uris(point.full_name or ())


def _extensions(certificate: Certificate) -> tuple[x509.ExtensionType, ...]:
    """None where one cannot be read: then it neither issues nor is found in a list that is one of several."""
    try:
        return tuple(e.value for e in x509.load_der_x509_certificate(certificate.der).extensions)
    except (ValueError, x509.DuplicateExtension, x509.InvalidVersion, x509.UnsupportedGeneralNameType):
        return ()


def _may_issue(certificate: Certificate) -> bool:
    extensions = _extensions(certificate)
    usages = [value for value in extensions if isinstance(value, x509.KeyUsage)]
    return any(isinstance(value, x509.BasicConstraints) and value.ca for value in extensions) and all(
        usage.key_cert_sign for usage in usages
    )


def _has_issued(issuer: Certificate, certificate: Certificate) -> bool:
    """Name and signature; the names as this gateway reads them are compared first, since it costs nothing."""
    if issuer.subject != certificate.issuer:
        return False
    try:
        issued = x509.load_der_x509_certificate(certificate.der)
        if not isinstance(issued.signature_hash_algorithm, SHA2):
            return False
        issued.verify_directly_issued_by(x509.load_der_x509_certificate(issuer.der))
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm, x509.InvalidVersion):
        return False
    return True
