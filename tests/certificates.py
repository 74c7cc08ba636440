"""Throw-away certificates for tests, as PEM files: an authority, what it signs for servers, what it signs for clients.

Validity is relative to the real clock, because OpenSSL looks at that one.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An end entity certificate and its P-256 key, in memory and as files."""

    certificate: x509.Certificate
    certificate_path: Path
    """PEM, the leaf only: the authority is a root."""
    key_path: Path
    """PEM, PKCS#8, unencrypted."""

    @property
    def der(self) -> bytes:
        """The certificate's DER."""
        return self.certificate.public_bytes(Encoding.DER)


@dataclass(frozen=True, slots=True)
class Authority:
    """A root CA. What it signs is written into its directory."""

    certificate: x509.Certificate
    private_key: ec.EllipticCurvePrivateKey
    directory: Path
    certificate_path: Path
    """PEM: a trust store with this root only."""


def an_authority(directory: Path, name: str = "Partner Root CA") -> Authority:
    """A root CA whose files go to `directory`, typically pytest's `tmp_path`."""
    private_key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        _builder(subject, subject, private_key.public_key(), now - timedelta(days=30), now + timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(certificate_signing=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(private_key.public_key()), critical=False)
        .sign(private_key, hashes.SHA256())
    )
    path = directory / f"{_file_name(name)}.ca.pem"
    path.write_bytes(certificate.public_bytes(Encoding.PEM))
    return Authority(certificate, private_key, directory, path)


def a_server_certificate(
    authority: Authority,
    *names: str,
    not_before: datetime | None = None,
    not_after: datetime | None = None,
    extended_key_usage: Sequence[x509.ObjectIdentifier] = (ExtendedKeyUsageOID.SERVER_AUTH,),
) -> KeyPair:
    """A certificate for DNS names and IP addresses; `localhost` and 127.0.0.1 without any.

    Valid from yesterday for 90 days. An empty `extended_key_usage` leaves the extension out.
    """
    now = datetime.now(UTC)
    alternatives = [_general_name(name) for name in names or ("localhost", "127.0.0.1")]
    return _issue(
        authority,
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0] if names else "localhost")]),
        not_before=not_before or now - timedelta(days=1),
        not_after=not_after or now + timedelta(days=90),
        extended_key_usage=extended_key_usage,
        alternatives=alternatives,
    )


def a_client_certificate(
    authority: Authority,
    common_name: str = "device01.partner.example",
    *,
    expired: bool = False,
    alternatives: Sequence[x509.GeneralName] = (),
    extended_key_usage: Sequence[x509.ObjectIdentifier] = (ExtendedKeyUsageOID.CLIENT_AUTH,),
) -> KeyPair:
    """A certificate for a TLS client. Valid for 90 days from yesterday; or it was, until an hour ago."""
    now = datetime.now(UTC)
    return _issue(
        authority,
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]),
        not_before=now - timedelta(days=1),
        not_after=now - timedelta(hours=1) if expired else now + timedelta(days=90),
        extended_key_usage=extended_key_usage,
        alternatives=alternatives,
    )


def _issue(
    authority: Authority,
    subject: x509.Name,
    *,
    not_before: datetime,
    not_after: datetime,
    extended_key_usage: Sequence[x509.ObjectIdentifier],
    alternatives: Sequence[x509.GeneralName],
) -> KeyPair:
    private_key = ec.generate_private_key(ec.SECP256R1())
    issuer_key = x509.SubjectKeyIdentifier.from_public_key(authority.private_key.public_key())
    builder = (
        _builder(subject, authority.certificate.subject, private_key.public_key(), not_before, not_after)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(certificate_signing=False), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer_key),
            critical=False,
        )
    )
    if extended_key_usage:
        builder = builder.add_extension(x509.ExtendedKeyUsage(extended_key_usage), critical=False)
    if alternatives:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    certificate = builder.sign(authority.private_key, hashes.SHA256())

    # The serial number keeps the files of certificates for one name apart.
    stem = f"{_file_name(subject.rfc4514_string())}-{certificate.serial_number:x}"
    certificate_path = authority.directory / f"{stem}.crt.pem"
    key_path = authority.directory / f"{stem}.key.pem"
    certificate_path.write_bytes(certificate.public_bytes(Encoding.PEM))
    key_path.write_bytes(private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return KeyPair(certificate, certificate_path, key_path)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
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
    )


def _key_usage(*, certificate_signing: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certificate_signing,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificate_signing,
        crl_sign=certificate_signing,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _file_name(text: str) -> str:
    return "".join(character if character.isalnum() or character in ".-" else "_" for character in text)
