"""Where an issued certificate comes from, and when it counts: issuer, signature, serial number, dates."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gateway.errors import Objection
from gateway.pki.certificate import Certificate
from gateway.pki.issued_certificate import AuthorityKeyIdentifier, IssuedCertificate, is_signed_by
from gateway.policy.expected import Expected
from gateway.policy.issued_fields import Field, objection
from gateway.policy.vocabulary import SIGNATURE_ALGORITHMS

BACKDATING = timedelta(days=1)
"""How far before the approval notBefore may lie. AD CS dates back by ten minutes ([MS-WCCE] 3.2.1.4.2.1.4.7,
Config_CA_Clock_Skew_Minutes); administrators who have devices with bad clocks set hours."""
CLOCK_SKEW = timedelta(minutes=10)
"""How far the CA's clock may be ahead of the gateway's: Kerberos' five minutes (RFC 4120 8.2), and the time that the CA
took."""

_STRONG_HASHES = frozenset({"2.16.840.1.101.3.4.2.1", "2.16.840.1.101.3.4.2.2", "2.16.840.1.101.3.4.2.3", None})
"""SHA-256, SHA-384, SHA-512; None where the algorithm itself says it."""
_V3 = 3


@dataclass(frozen=True, slots=True)
class Issuers:
    """The certification authority behind a service."""

    name: str
    """Its common name."""
    certificates: tuple[Certificate, ...] = ()
    """Of its present and former keys. Without any, only the name can be compared."""


def objections_to_origin(
    issued: IssuedCertificate, expected: Expected, issuers: Issuers, now: datetime
) -> Iterator[Objection]:
    """All that is wrong with who issued it, and when."""
    yield from objections_to_signature(issued, issuers)
    if issued.has_unique_identifiers:
        yield objection(Field.UNIQUE_IDENTIFIERS, "present", "absent (RFC 5280 4.1.2.8)")
    yield from _objections_to_dates(issued.certificate, expected, now)


def objections_to_signature(issued: IssuedCertificate, issuers: Issuers) -> Iterator[Objection]:
    """All that is wrong with who signed it, and how; a signature that cannot be verified is."""
    certificate = issued.certificate
    if issued.version != _V3:
        yield objection(Field.VERSION, f"v{issued.version}", "v3")
    if certificate.serial_number <= 0:
        yield objection(Field.SERIAL_NUMBER, str(certificate.serial_number), "a positive number (RFC 5280 4.1.2.2)")
    if issued.signature_algorithm not in SIGNATURE_ALGORITHMS or issued.pss_hash not in _STRONG_HASHES:
        shown = " with ".join(filter(None, (issued.signature_algorithm, issued.pss_hash)))
        yield objection(Field.SIGNATURE_ALGORITHM, shown, "RSA or ECDSA with SHA-2, or EdDSA")
    yield from _objections_to_issuer(issued, issuers)


def _objections_to_issuer(issued: IssuedCertificate, issuers: Issuers) -> Iterator[Objection]:
    certificate = issued.certificate
    names = [attribute.value for attribute in certificate.issuer.attributes() if attribute.type == "commonName"]
    if names != [issuers.name]:
        yield objection(Field.ISSUER, str(certificate.issuer), f"the CA of this service, CN={issuers.name}")
    if not issuers.certificates or issued.version != _V3 or certificate.serial_number <= 0:
        return
    namesakes = [issuer for issuer in issuers.certificates if issuer.subject == certificate.issuer]
    signers = [issuer for issuer in namesakes if is_signed_by(certificate, issuer)]
    if not namesakes:
        known = " or ".join(str(issuer.subject) for issuer in issuers.certificates)
        yield objection(Field.ISSUER, str(certificate.issuer), known)
    elif not signers:
        yield objection(
            Field.SIGNATURE,
            "not this CA's",
            "one by a key of this CA, as certification_authorities or the catalogue have it",
        )
    elif issued.authority_key_identifier and not any(
        _identifies(issued.authority_key_identifier, signer) for signer in signers
    ):
        shown = issued.authority_key_identifier.key_identifier or "another certificate"
        wanted = " or ".join(signer.subject_key_identifier or "none" for signer in signers)
        yield objection(Field.AUTHORITY_KEY_IDENTIFIER, shown, f"the issuer's: {wanted}")


def _identifies(identifier: AuthorityKeyIdentifier, issuer: Certificate) -> bool:
    """RFC 5280 4.2.1.1: by key, by issuer and serial number of the issuer's certificate, or by both."""
    return (
        identifier.key_identifier in {None, issuer.subject_key_identifier}
        and identifier.issuer in {(), (str(issuer.issuer),)}
        and identifier.serial_number in {None, issuer.serial_number}
    )


def _objections_to_dates(certificate: Certificate, expected: Expected, now: datetime) -> Iterator[Objection]:
    not_before, not_after = certificate.not_before, certificate.not_after
    if not_before < expected.approved_at - BACKDATING:
        earliest = _time(expected.approved_at - BACKDATING)
        yield objection(Field.NOT_BEFORE, _time(not_before), f"{earliest} or later: a day before it was approved")
    if not_before > now + CLOCK_SKEW:
        yield objection(Field.NOT_BEFORE, _time(not_before), "a time that has come; compare the clocks")
    if not_after <= now:
        yield objection(Field.NOT_AFTER, _time(not_after), "a time that has not passed")
    if not_after <= not_before:
        yield objection(Field.VALIDITY, "an end before its beginning", "notBefore before notAfter")
    validity = not_after - not_before
    if expected.maximum_validity is not None and validity > expected.maximum_validity:
        yield objection(Field.VALIDITY, _days(validity), f"at most {_days(expected.maximum_validity)} (validity)")


def _time(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _days(duration: timedelta) -> str:
    return f"{duration / timedelta(days=1):g} days"
