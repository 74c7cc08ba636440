"""The certificate that the CA issued: all that it says, read to be judged (RFC 5280 4, [MS-WCCE] 2.2.2.7.7).

More than of a client's certificate is read here, and nothing is skipped: an extension that cannot be read makes the
whole certificate unreadable.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat import asn1
from cryptography.x509 import ObjectIdentifier

from gateway.errors import MalformedMessage
from gateway.pki import der, extensions, oids, text
from gateway.pki.certificate import Certificate, parse_certificate
from gateway.pki.names import parse_name

AUTHORITY_KEY_IDENTIFIER = "2.5.29.35"
CRL_DISTRIBUTION_POINTS = "2.5.29.31"
FRESHEST_CRL = "2.5.29.46"
AUTHORITY_INFORMATION_ACCESS = "1.3.6.1.5.5.7.1.1"

RSASSA_PSS = "1.2.840.113549.1.1.10"
SHA_1 = "1.3.14.3.2.26"

_HASH_ALGORITHM = b"\xa0"
_URI = b"\x86"
_DIRECTORY_NAME = b"\xa4"


@asn1.sequence
class _AuthorityKeyIdentifier:
    key_identifier: Annotated[bytes | None, asn1.Implicit(0)]
    authority_cert_issuer: Annotated[list[asn1.TLV] | None, asn1.Implicit(1)]
    authority_cert_serial_number: Annotated[int | None, asn1.Implicit(2)]


@asn1.sequence
class _DistributionPointName:
    """Without nameRelativeToCRLIssuer, which nobody writes (RFC 5280 4.2.1.13 advises against it)."""

    full_name: Annotated[list[asn1.TLV], asn1.Implicit(0)]


@asn1.sequence
class _DistributionPoint:
    distribution_point: Annotated[_DistributionPointName | None, asn1.Implicit(0)]
    reasons: Annotated[asn1.BitString | None, asn1.Implicit(1)]
    crl_issuer: Annotated[list[asn1.TLV] | None, asn1.Implicit(2)]


@asn1.sequence
class _AccessDescription:
    access_method: ObjectIdentifier
    access_location: asn1.TLV


@dataclass(frozen=True, slots=True)
class AuthorityKeyIdentifier:
    """RFC 5280 4.2.1.1."""

    key_identifier: str | None
    """Lower-case hex."""
    issuer: tuple[str, ...]
    """authorityCertIssuer: directory names as RFC 4514, others as the hex of their DER."""
    serial_number: int | None


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    """All of a TBSCertificate; what `gateway.pki.certificate` reads of every certificate is in `certificate`."""

    certificate: Certificate
    version: int
    """1 to 3."""
    signature_algorithm: str
    """OID."""
    pss_hash: str | None
    """OID of the hash, which RSASSA-PSS has in its parameters; None for all other algorithms."""
    has_unique_identifiers: bool
    """issuerUniqueID or subjectUniqueID (RFC 5280 4.1.2.8: CAs must not)."""
    extensions: tuple[str, ...]
    """OIDs; none occurs twice."""
    key_usage: tuple[str, ...] | None
    """None where the extension is absent, as in the following."""
    application_policies: tuple[str, ...] | None
    certificate_policies: tuple[str, ...] | None
    """OIDs; qualifiers, which only tell where a CA's statement stands, are not looked at."""
    basic_constraints_ca: bool | None
    template_name: str | None
    template_oid: str | None
    authority_key_identifier: AuthorityKeyIdentifier | None
    crl_distribution_points: tuple[str, ...] | None
    """URIs, those of freshestCRL too; what is no URI as the hex of its DER."""
    authority_information_access: tuple[str, ...] | None
    """As above."""


def parse_issued_certificate(encoded: bytes) -> IssuedCertificate:
    """Raises MalformedMessage for anything but one strict DER certificate whose extensions can all be read."""
    certificate = parse_certificate(encoded)
    try:
        return _read(certificate)
    except ValueError as error:
        raise MalformedMessage(f"not a certificate that can be read: {error}") from error


def _read(certificate: Certificate) -> IssuedCertificate:
    structure = der.decode(der.Certificate, certificate.der)
    tbs = structure.tbs_certificate
    if der.encode(tbs.signature) != der.encode(structure.signature_algorithm):
        raise ValueError("two different signature algorithms (RFC 5280 4.1.1.2)")
    if structure.signature_value.padding_bits():
        raise ValueError("a signature that is no whole number of octets")
    algorithm, parameters = der.algorithm(structure.signature_algorithm)
    asserted = extensions.index(tbs.extensions or ())
    template = extensions.read(asserted, oids.CERTIFICATE_TEMPLATE, extensions.certificate_template_oid)
    locations = [
        extensions.read(asserted, oid, _distribution_points) for oid in (CRL_DISTRIBUTION_POINTS, FRESHEST_CRL)
    ]
    return IssuedCertificate(
        certificate=certificate,
        version=tbs.version + 1,
        signature_algorithm=algorithm,
        pss_hash=_hash_of_pss(parameters) if algorithm == RSASSA_PSS else None,
        has_unique_identifiers=tbs.issuer_unique_id is not None or tbs.subject_unique_id is not None,
        extensions=tuple(asserted),
        key_usage=extensions.read(asserted, oids.KEY_USAGE, extensions.key_usage),
        application_policies=extensions.read(asserted, oids.APPLICATION_CERT_POLICIES, _policy_identifiers),
        certificate_policies=extensions.read(asserted, oids.CERTIFICATE_POLICIES, _policy_identifiers),
        basic_constraints_ca=extensions.read(asserted, oids.BASIC_CONSTRAINTS, extensions.basic_constraints_ca),
        template_name=extensions.read(asserted, oids.ENROLL_CERTTYPE, extensions.certificate_template_name),
        template_oid=template[0] if template else None,
        authority_key_identifier=extensions.read(asserted, AUTHORITY_KEY_IDENTIFIER, _authority_key_identifier),
        crl_distribution_points=_joined(locations),
        authority_information_access=extensions.read(asserted, AUTHORITY_INFORMATION_ACCESS, _access_locations),
    )


def _hash_of_pss(parameters: list[asn1.TLV]) -> str:
    """RFC 4055 3.1: hashAlgorithm is the [0], SHA-1 by default."""
    for parameter in parameters:
        for item in der.elements(parameter):
            if item.tag_bytes == _HASH_ALGORITHM:
                oid, _ = der.algorithm(der.element(bytes(item.data)))
                return oid
    return SHA_1


def _policy_identifiers(value: bytes) -> tuple[str, ...]:
    policies = der.sequence_of(der.PolicyInformation, der.element(value))
    return tuple(policy.policy_identifier.dotted_string for policy in policies)


def _authority_key_identifier(value: bytes) -> AuthorityKeyIdentifier:
    identifier = der.decode(_AuthorityKeyIdentifier, value)
    return AuthorityKeyIdentifier(
        identifier.key_identifier.hex() if identifier.key_identifier is not None else None,
        tuple(map(_issuer, identifier.authority_cert_issuer or ())),
        identifier.authority_cert_serial_number,
    )


def _issuer(entry: asn1.TLV) -> str:
    if entry.tag_bytes != _DIRECTORY_NAME:
        return der.encode(entry).hex()
    return str(parse_name(der.decode(der.DirectoryName, der.encode(entry, tag=der.SEQUENCE)).rdn_sequence))


def _distribution_points(value: bytes) -> tuple[str, ...]:
    return tuple(_locations_of(der.sequence_of(_DistributionPoint, der.element(value))))


def _locations_of(points: list[_DistributionPoint]) -> Iterator[str]:
    for point in points:
        if point.distribution_point is not None:
            yield from map(_location, point.distribution_point.full_name)
        yield from map(_location, point.crl_issuer or ())


def _access_locations(value: bytes) -> tuple[str, ...]:
    descriptions = der.sequence_of(_AccessDescription, der.element(value))
    return tuple(_location(description.access_location) for description in descriptions)


def _location(entry: asn1.TLV) -> str:
    return text.ia5_string(entry.data) if entry.tag_bytes == _URI else der.encode(entry).hex()


def _joined(lists: list[tuple[str, ...] | None]) -> tuple[str, ...] | None:
    """The lists in one; None if all are absent."""
    present = [entries for entries in lists if entries is not None]
    return tuple(entry for entries in present for entry in entries) if present else None


def is_signed_by(certificate: Certificate, issuer: Certificate) -> bool:
    """Whether the signature verifies under the issuer's key, and the issuer is called by its name.

    Both are v3 with positive serial numbers: the library reads no others.
    """
    try:
        issuing = x509.load_der_x509_certificate(issuer.der)
        x509.load_der_x509_certificate(certificate.der).verify_directly_issued_by(issuing)
    except (InvalidSignature, UnsupportedAlgorithm, TypeError, ValueError):
        return False
    return True
