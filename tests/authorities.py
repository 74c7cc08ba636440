"""Certification authorities for tests, in memory: certificates and revocation lists at any time."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.pki.authorities import CertificationAuthority
from gateway.pki.certificate import Certificate, parse_certificate
from gateway.pki.revocation_list import RevocationList, parse_revocation_list
from tests.requests import PrivateKey, a_key

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def key_usage(*usages: str) -> x509.KeyUsage:
    names = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement key_cert_sign crl_sign"
        " encipher_only decipher_only"
    )
    return x509.KeyUsage(**{name: name in usages for name in names.split()})


@dataclass(frozen=True)
class TestAuthority:
    """A self-signed authority, valid for 2026; equal names and keys make equal authorities."""

    __test__ = False

    common_name: str = "Corp Issuing CA 1"
    key_name: str = "issuing CA"
    extensions: tuple[x509.ExtensionType, ...] = (
        x509.BasicConstraints(ca=True, path_length=None),
        key_usage("key_cert_sign", "crl_sign"),
    )
    not_after: datetime = datetime(2027, 1, 1, tzinfo=UTC)
    key_kind: str = "EC"

    @property
    def key(self) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey:
        key = a_key(self.key_kind, self.key_name)
        assert isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
        return key

    @property
    def name(self) -> x509.Name:
        return a_name(self.common_name)

    @cached_property
    def certificate(self) -> Certificate:
        return self.issue(
            self.common_name, key=self.key, extensions=self.extensions, serial_number=1, not_after=self.not_after
        )

    @property
    def authority(self) -> CertificationAuthority:
        return CertificationAuthority(self.common_name, (self.certificate,))

    def issue(self, subject: str = "web01.partner.example", **parts: Any) -> Certificate:
        """A certificate of this authority, by default for the requester's key; parts as of `issue_der`."""
        return parse_certificate(self.issue_der(subject, **parts))

    def issue_der(
        self,
        subject: str = "web01.partner.example",
        *,
        key: PrivateKey | None = None,
        serial_number: int = 0x5E01,
        not_before: datetime = datetime(2026, 1, 1, tzinfo=UTC),
        not_after: datetime = datetime(2027, 1, 1, tzinfo=UTC),
        extensions: Iterable[x509.ExtensionType] = (),
        digest: hashes.SHA256 | hashes.SHA3_256 | None = None,
    ) -> bytes:
        public_key = (key or a_key()).public_key()
        builder = x509.CertificateBuilder(self.name, a_name(subject), public_key, serial_number, not_before, not_after)
        for extension in extensions:
            builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        return builder.sign(self.key, digest or hashes.SHA256()).public_bytes(Encoding.DER)

    def crl(
        self,
        revoked: Mapping[int, x509.ReasonFlags | None] | None = None,
        *,
        this_update: datetime = NOW - timedelta(days=1),
        next_update: datetime = NOW + timedelta(days=6),
        extensions: Iterable[x509.Extension[x509.ExtensionType]] = (),
        entry_extensions: Iterable[x509.Extension[x509.ExtensionType]] = (),
        digest: hashes.SHA256 | hashes.SHA3_256 | None = None,
    ) -> bytes:
        """DER of a revocation list; `entry_extensions` go into each entry."""
        builder = x509.CertificateRevocationListBuilder(self.name, this_update, next_update)
        for extension in extensions:
            builder = builder.add_extension(extension.value, critical=extension.critical)
        for serial_number, reason in (revoked or {}).items():
            entry = x509.RevokedCertificateBuilder(serial_number, this_update)
            for extension in entry_extensions:
                entry = entry.add_extension(extension.value, critical=extension.critical)
            if reason is not None:
                entry = entry.add_extension(x509.CRLReason(reason), critical=False)
            builder = builder.add_revoked_certificate(entry.build())
        return builder.sign(self.key, digest or hashes.SHA256()).public_bytes(Encoding.DER)

    def revocation_list(
        self, revoked: Mapping[int, x509.ReasonFlags | None] | None = None, **parts: Any
    ) -> RevocationList:
        return parse_revocation_list(self.crl(revoked, **parts), (self.certificate,))


def pem(*certificates: Certificate) -> bytes:
    return b"".join(x509.load_der_x509_certificate(each.der).public_bytes(Encoding.PEM) for each in certificates)


def a_name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])


def an_extension_of(value: x509.ExtensionType, *, critical: bool = True) -> x509.Extension[x509.ExtensionType]:
    return x509.Extension(value.oid, critical, value)
