"""Roots, TLS certificates and client certificates of the lab's world. No templates here: see `authority`."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway.lab.accounts import UPN_OID, Account

VALID_SINCE = timedelta(days=1)
"""How long ago everything became valid."""
VALID_FOR = timedelta(days=29)
"""How much longer it is valid: with VALID_SINCE, 30 days."""

_KEY_FORMAT = (
    serialization.Encoding.PEM,
    serialization.PrivateFormat.PKCS8,
    serialization.NoEncryption(),
)


@dataclass(frozen=True, slots=True)
class KeyPair:
    """Two PEM files: a certificate and its private key (PKCS#8, unencrypted)."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Credential:
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def write(self, files: KeyPair) -> None:
        files.certificate.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        write_private(files.key, self.key.private_bytes(*_KEY_FORMAT))


@dataclass(frozen=True, slots=True)
class Issuer:
    """A self-signed root that issues what a world needs, with P-256 keys throughout."""

    credential: Credential

    @classmethod
    def root(cls, common_name: str) -> Self:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        now = datetime.now(UTC).replace(microsecond=0)
        certificate = (
            _builder(name, name, key.public_key(), not_before=now - VALID_SINCE, not_after=now + VALID_FOR)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(key_usage("key_cert_sign", "crl_sign", "digital_signature"), critical=True)
            .sign(key, hashes.SHA256())
        )
        return cls(Credential(certificate, key))

    @classmethod
    def open(cls, files: KeyPair) -> Self:
        """The one that `write` wrote there."""
        key = serialization.load_pem_private_key(files.key.read_bytes(), password=None)
        assert isinstance(key, ec.EllipticCurvePrivateKey), "all keys here are"
        return cls(Credential(x509.load_pem_x509_certificate(files.certificate.read_bytes()), key))

    @property
    def not_after(self) -> datetime:
        return self.credential.certificate.not_valid_after_utc

    def write(self, files: KeyPair) -> None:
        self.credential.write(files)

    def write_certificate(self, path: Path) -> None:
        path.write_bytes(self.credential.certificate.public_bytes(serialization.Encoding.PEM))

    def issue_server(self, hosts: Iterable[str]) -> Credential:
        """For these DNS names, localhost and 127.0.0.1."""
        hosts = tuple(hosts)
        names = [*map(x509.DNSName, (*hosts, "localhost")), x509.IPAddress(ip_address("127.0.0.1"))]
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])])
        return self._issue(subject, names, ExtendedKeyUsageOID.SERVER_AUTH)

    def issue_client(self, account: Account, organization: str, *, expired: bool = False) -> Credential:
        """For the account: its name, its UPN as otherName and as rfc822Name, and a computer's host name."""
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
                x509.NameAttribute(NameOID.COMMON_NAME, account.name),
            ]
        )
        names: list[x509.GeneralName] = [
            x509.OtherName(UPN_OID, asn1.encode_der(account.user_principal_name)),
            x509.RFC822Name(account.user_principal_name),
        ]
        if account.dns_host_name is not None:
            names.append(x509.DNSName(account.dns_host_name))
        return self._issue(subject, names, ExtendedKeyUsageOID.CLIENT_AUTH, expired=expired)

    def _issue(
        self,
        subject: x509.Name,
        names: Iterable[x509.GeneralName],
        usage: x509.ObjectIdentifier,
        *,
        expired: bool = False,
    ) -> Credential:
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = self.credential.certificate
        not_after = datetime.now(UTC) - timedelta(hours=1) if expired else self.not_after
        certificate = (
            _builder(
                subject,
                issuer.subject,
                key.public_key(),
                not_before=issuer.not_valid_before_utc,
                not_after=not_after,
            )
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(key_usage("digital_signature"), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.credential.key.public_key()), critical=False
            )
            .sign(self.credential.key, hashes.SHA256())
        )
        return Credential(certificate, key)


def key_usage(*usages: str) -> x509.KeyUsage:
    """The KeyUsage of these bits, in cryptography's spelling."""
    bits = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{bit: bit in usages for bit in bits})


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    *,
    not_before: datetime,
    not_after: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )
