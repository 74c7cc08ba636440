"""Certificate revocation lists (RFC 5280 5) of authorities that the configuration names.

Complete lists only: a delta list alone does not say what is not revoked, and what an indirect list says of other
authorities' certificates nobody here has asked it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import CRLEntryExtensionOID, ExtensionOID

from gateway.pki.certificate import Certificate

MAX_REVOCATION_LIST_BYTES = 32 * 1024 * 1024
"""Some 600,000 entries of AD CS, which take seven seconds to read, in a thread."""

SHA2 = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
"""The digests of signatures that count here (SP 800-131A)."""

_UNDERSTOOD = frozenset(
    {ExtensionOID.AUTHORITY_KEY_IDENTIFIER, ExtensionOID.CRL_NUMBER, ExtensionOID.ISSUING_DISTRIBUTION_POINT}
)
_UNDERSTOOD_OF_ENTRIES = frozenset({CRLEntryExtensionOID.CRL_REASON, CRLEntryExtensionOID.INVALIDITY_DATE})


_UNREADABLE = (
    ValueError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""What the library raises for what is not as RFC 5280 has it."""


class RevocationListUnusable(Exception):
    """Not a revocation list of this authority that can be judged by."""


@dataclass(frozen=True, slots=True)
class RevocationList:
    """A list whose signature has been verified. Only `parse_revocation_list` makes one."""

    issuer: Certificate
    """The authority's certificate under whose key it verifies. The list speaks of what that key has signed."""
    this_update: datetime
    """Aware, UTC."""
    next_update: datetime
    """Aware, UTC. From then on nobody knows what the authority has revoked since."""
    revoked: Mapping[int, str] = field(repr=False)
    """By serial number: the reason as RFC 5280 5.3.1 calls it, `unspecified` where the entry has none."""
    distribution_points: frozenset[str] | None = None
    """Where the list is one of several: it speaks of the certificates that name one of these URIs (RFC 5280 5.2.5)."""

    def is_current(self, now: datetime) -> bool:
        return self.this_update <= now < self.next_update

    def covers(self, distribution_points: Iterable[str]) -> bool:
        """Whether it speaks of a certificate with these cRLDistributionPoints (RFC 5280 6.3.3 (b)(2))."""
        return self.distribution_points is None or not self.distribution_points.isdisjoint(distribution_points)


def parse_revocation_list(encoded: bytes, issuers: tuple[Certificate, ...]) -> RevocationList:
    """A list that one of these certificates' keys has signed, from DER or PEM.

    Takes seconds for a large one: call it off the event loop. Raises RevocationListUnusable.
    """
    if len(encoded) > MAX_REVOCATION_LIST_BYTES:
        raise RevocationListUnusable(f"has more than {MAX_REVOCATION_LIST_BYTES} bytes")
    try:
        return _read(encoded, issuers)
    except _UNREADABLE as error:
        raise RevocationListUnusable(f"is not a revocation list that can be read: {error}") from error


def _read(encoded: bytes, issuers: tuple[Certificate, ...]) -> RevocationList:
    load = x509.load_pem_x509_crl if encoded.startswith(b"-----BEGIN") else x509.load_der_x509_crl
    crl = load(encoded)
    issuer = next((issuer for issuer in issuers if _has_signed(issuer, crl)), None)
    if issuer is None:
        raise RevocationListUnusable(
            f"does not verify, with RSA or ECDSA and SHA-2, under a certificate of the authority that may sign lists;"
            f" it says it is of {crl.issuer.rfc4514_string()}"
        )
    _require_understood(crl.extensions, _UNDERSTOOD)
    if crl.next_update_utc is None:
        raise RevocationListUnusable("has no nextUpdate, which RFC 5280 5.1.2.5 wants: it would count for ever")
    return RevocationList(
        issuer=issuer,
        this_update=crl.last_update_utc,
        next_update=crl.next_update_utc,
        revoked=MappingProxyType(dict(map(_entry, crl))),
        distribution_points=_distribution_points(crl.extensions),
    )


def _has_signed(issuer: Certificate, crl: x509.CertificateRevocationList) -> bool:
    certificate = x509.load_der_x509_certificate(issuer.der)
    key = certificate.public_key()
    return (
        certificate.subject == crl.issuer
        and isinstance(crl.signature_hash_algorithm, SHA2)
        and isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)
        and _may_sign_lists(certificate)
        and crl.is_signature_valid(key)
    )


def _may_sign_lists(certificate: x509.Certificate) -> bool:
    """RFC 5280 4.2.1.3: without the extension, the key may be used for everything."""
    usages = [e.value for e in certificate.extensions if isinstance(e.value, x509.KeyUsage)]
    return all(usage.crl_sign for usage in usages)


def _require_understood(extensions: x509.Extensions, understood: frozenset[x509.ObjectIdentifier]) -> None:
    for extension in extensions:
        if extension.oid == ExtensionOID.DELTA_CRL_INDICATOR:
            raise RevocationListUnusable("is a delta list: name the complete one, without + in its file's name")
        if extension.critical and extension.oid not in understood:
            raise RevocationListUnusable(f"has a critical extension that is not known here: {extension.oid}")


def _distribution_points(extensions: x509.Extensions) -> frozenset[str] | None:
    """Of the issuingDistributionPoint (RFC 5280 5.2.5): None where the list is the only one."""
    for extension in extensions:
        point = extension.value
        if isinstance(point, x509.IssuingDistributionPoint):
            _require_complete(point)
            if point.full_name is not None:
                return frozenset(uris(point.full_name))
    return None


def _require_complete(point: x509.IssuingDistributionPoint) -> None:
    if point.indirect_crl:
        raise RevocationListUnusable("is an indirect list: name that of the authority itself")
    partial = (
        point.only_contains_ca_certs
        or point.only_contains_attribute_certs
        or point.only_some_reasons is not None
        or point.relative_name is not None
    )
    if partial:
        raise RevocationListUnusable("speaks of some certificates or reasons only: name the complete list")


def uris(names: Iterable[x509.GeneralName]) -> tuple[str, ...]:
    """The uniformResourceIdentifiers among these names."""
    return tuple(name.value for name in names if isinstance(name, x509.UniformResourceIdentifier))


def _entry(entry: x509.RevokedCertificate) -> tuple[int, str]:
    reason = x509.ReasonFlags.unspecified
    for extension in entry.extensions:
        if extension.oid == CRLEntryExtensionOID.CERTIFICATE_ISSUER:
            raise RevocationListUnusable("is an indirect list: name that of the authority itself")
        if extension.critical and extension.oid not in _UNDERSTOOD_OF_ENTRIES:
            raise RevocationListUnusable(f"has an entry with a critical extension not known here: {extension.oid}")
        if isinstance(extension.value, x509.CRLReason):
            reason = extension.value.reason
    return entry.serial_number, reason.value
