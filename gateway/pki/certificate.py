"""X.509 certificates: the requester's, and the one that the CA issued."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import sha256

from gateway.errors import MalformedMessage
from gateway.pki import der, extensions, oids
from gateway.pki.keys import PublicKey, parse_public_key
from gateway.pki.names import GeneralName, GeneralNameType, Name, parse_general_names, parse_name

_VERSIONS = range(3)
"""v1(0) to v3(2) (RFC 5280 4.1.2.1)."""
_MAX_SERIAL_NUMBER_BITS = 160
"""20 octets (RFC 5280 4.1.2.2)."""


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
    extended_key_usage: tuple[str, ...] | None = None
    """OIDs; None where the extension is absent, which means any use (RFC 5280 4.2.1.12)."""
    subject_key_identifier: str | None = None
    """Lower-case hex. What the issuer wrote: it need not have to do with the key (RFC 5280 4.2.1.2)."""
    security_identifiers: tuple[str, ...] = ()
    """The SIDs that the certificate states of its subject, in szOID_NTDS_CA_SECURITY_EXT ([MS-WCCE] 2.2.2.7.7.4) and in
    tag URIs of the subjectAltName (KB5014754). One that several places agree on stands here once."""
    template_name: str | None = None
    """The template that it was issued by: the common name of a version 1 template (1.3.6.1.4.1.311.20.2)."""
    template_oid: str | None = None
    """The object identifier of a later one (1.3.6.1.4.1.311.21.7)."""
    certificate_policies: tuple[str, ...] | None = None


def parse_certificate(der: bytes) -> Certificate:
    """Raises MalformedMessage for anything but one strict DER certificate."""
    try:
        return _read(der)
    except ValueError as error:
        raise MalformedMessage(f"not a certificate that can be read: {error}") from error


# The same certificate is read again and again: a client's with each of its calls, an issued one for the check and for
# the record. Reading takes 50 us, and depends on nothing but the bytes.
@lru_cache(maxsize=256)
def _read(encoded: bytes) -> Certificate:
    certificate = der.decode(der.Certificate, encoded).tbs_certificate
    if certificate.version not in _VERSIONS:
        raise ValueError("a version other than v1, v2 and v3")
    if certificate.serial_number.bit_length() > _MAX_SERIAL_NUMBER_BITS:
        raise ValueError("the serial number has more than 20 octets")
    asserted = extensions.index(certificate.extensions or ())
    names = extensions.read(asserted, oids.SUBJECT_ALT_NAME, parse_general_names) or ()
    return Certificate(
        der=encoded,
        subject=parse_name(certificate.subject),
        issuer=parse_name(certificate.issuer),
        serial_number=certificate.serial_number,
        not_before=certificate.validity.not_before.as_datetime(),
        not_after=certificate.validity.not_after.as_datetime(),
        public_key=parse_public_key(der.encode(certificate.subject_public_key_info)),
        subject_alternative_name=names,
        sha256_fingerprint=sha256(encoded).hexdigest(),
        extended_key_usage=extensions.read(asserted, oids.EXT_KEY_USAGE, extensions.extended_key_usage),
        subject_key_identifier=extensions.read(
            asserted, oids.SUBJECT_KEY_IDENTIFIER, extensions.subject_key_identifier
        ),
        security_identifiers=_security_identifiers(
            extensions.read(asserted, oids.NTDS_CA_SECURITY_EXT, extensions.security_identifier), names
        ),
        template_name=extensions.read(asserted, oids.ENROLL_CERTTYPE, extensions.certificate_template_name),
        template_oid=extensions.read(asserted, oids.CERTIFICATE_TEMPLATE, _template_oid),
        certificate_policies=extensions.read(
            asserted, oids.CERTIFICATE_POLICIES, extensions.certificate_policies_of_certificate
        ),
    )


def _template_oid(value: bytes) -> str:
    oid, _, _ = extensions.certificate_template_oid(value)
    return oid


def _security_identifiers(in_extension: str | None, names: tuple[GeneralName, ...]) -> tuple[str, ...]:
    in_uris = (
        extensions.security_identifier_of_uri(name.value)
        for name in names
        if name.type is GeneralNameType.UNIFORM_RESOURCE_IDENTIFIER
    )
    return tuple(dict.fromkeys(sid for sid in (in_extension, *in_uris) if sid is not None))
