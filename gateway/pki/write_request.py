"""Requests written and signed: PKCS#10, the certificates that sign a renewal, and the CMS around it.

For the examples of policy files: the keys are thrown away with the run.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import assert_never

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.pki.write import (
    attribute,
    bit_string,
    extension,
    integer,
    object_identifier,
    octet_string,
    sequence,
    set_of,
    tlv,
)

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey

_ID_DATA = "1.2.840.113549.1.7.1"
_ID_SIGNED_DATA = "1.2.840.113549.1.7.2"
_CONTENT_TYPE = "1.2.840.113549.1.9.3"
_MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
_RENEWAL_CERTIFICATE = "1.3.6.1.4.1.311.13.1"
_SHA256 = "2.16.840.1.101.3.4.2.1"
_ALGORITHMS = {
    "RSA": sequence(object_identifier("1.2.840.113549.1.1.11"), tlv(0x05)),
    "EC": sequence(object_identifier("1.2.840.10045.4.3.2")),
    "Ed25519": sequence(object_identifier("1.3.101.112")),
    "Ed448": sequence(object_identifier("1.3.101.113")),
}
_CLOCK_SKEW = timedelta(minutes=10)


def subject_public_key_info(key: PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _signed(message: bytes, key: PrivateKey) -> tuple[bytes, bytes]:
    """AlgorithmIdentifier and signature; over SHA-256 where the algorithm leaves a choice."""
    match key:
        case rsa.RSAPrivateKey():
            return _ALGORITHMS["RSA"], key.sign(message, padding.PKCS1v15(), hashes.SHA256())
        case ec.EllipticCurvePrivateKey():
            return _ALGORITHMS["EC"], key.sign(message, ec.ECDSA(hashes.SHA256()))
        case ed25519.Ed25519PrivateKey():
            return _ALGORITHMS["Ed25519"], key.sign(message)
        case ed448.Ed448PrivateKey():
            return _ALGORITHMS["Ed448"], key.sign(message)
        case _:
            assert_never(key)


def certification_request(subject: bytes, key: PrivateKey, attributes: Sequence[bytes]) -> bytes:
    """A PKCS#10 (RFC 2986 4). `subject` is the DER of a Name."""
    info = sequence(integer(0), subject, subject_public_key_info(key), tlv(0xA0, *sorted(attributes)))
    algorithm, signature = _signed(info, key)
    return sequence(info, algorithm, bit_string(signature))


def renewal_attribute(certificate: bytes) -> bytes:
    """szOID_RENEWAL_CERTIFICATE: which certificate is to be renewed ([MS-WCCE] 2.2.2.7)."""
    return attribute(_RENEWAL_CERTIFICATE, certificate)


# --- certificates and lists (RFC 5280 4.1, 5.1) -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Signer:
    """A certificate with its key."""

    certificate: bytes
    issuer: bytes
    """DER of a Name, as all that follow."""
    subject: bytes
    serial_number: int
    key: PrivateKey


def _time(time: datetime) -> bytes:
    if time.year < 2050:
        return tlv(0x17, f"{time:%y%m%d%H%M%SZ}".encode())
    return tlv(0x18, f"{time:%Y%m%d%H%M%SZ}".encode())


def issue(
    *,
    subject: bytes,
    key: PrivateKey,
    serial_number: int,
    not_before: datetime,
    not_after: datetime,
    extensions: Sequence[bytes],
    issuer: Signer | None = None,
) -> Signer:
    """A certificate; without `issuer`, one that has signed itself."""
    issuer_name = subject if issuer is None else issuer.subject
    algorithm, _ = _signed(b"", key if issuer is None else issuer.key)
    to_be_signed = sequence(
        tlv(0xA0, integer(2)),
        integer(serial_number),
        algorithm,
        issuer_name,
        sequence(_time(not_before), _time(not_after)),
        subject,
        subject_public_key_info(key),
        tlv(0xA3, sequence(*extensions)) if extensions else b"",
    )
    _, signature = _signed(to_be_signed, key if issuer is None else issuer.key)
    certificate = sequence(to_be_signed, algorithm, bit_string(signature))
    return Signer(certificate, issuer_name, subject, serial_number, key)


def revocation_list(issuer: Signer, now: datetime) -> bytes:
    """A list that revokes nothing, current at `now`."""
    algorithm, _ = _signed(b"", issuer.key)
    number = tlv(0xA0, sequence(extension("2.5.29.20", integer(1))))
    to_be_signed = sequence(
        integer(1), algorithm, issuer.subject, _time(now - _CLOCK_SKEW), _time(now + timedelta(days=1)), number
    )
    _, signature = _signed(to_be_signed, issuer.key)
    return sequence(to_be_signed, algorithm, bit_string(signature))


# --- CMS (RFC 5652 5) -------------------------------------------------------------------------------------------------


def signed_data(content: bytes, signers: Sequence[Signer], attributes: Sequence[bytes] = ()) -> bytes:
    """A CMS around a PKCS#10, as renewals and enrollment agents send it ([MS-WCCE] 2.2.2.6.2).

    `attributes` are signed too, by each signer.
    """
    digest_algorithm = sequence(object_identifier(_SHA256))
    contents = sequence(object_identifier(_ID_DATA), tlv(0xA0, octet_string(content)))
    infos = (_signer_info(content, signer, digest_algorithm, attributes) for signer in signers)
    certificates = tlv(0xA0, *sorted(signer.certificate for signer in signers))
    value = sequence(integer(1), set_of(digest_algorithm), contents, certificates, set_of(*infos))
    return sequence(object_identifier(_ID_SIGNED_DATA), tlv(0xA0, value))


def _signer_info(content: bytes, signer: Signer, digest_algorithm: bytes, attributes: Sequence[bytes]) -> bytes:
    signed_attributes = set_of(
        attribute(_CONTENT_TYPE, object_identifier(_ID_DATA)),
        attribute(_MESSAGE_DIGEST, octet_string(sha256(content).digest())),
        *attributes,
    )
    algorithm, signature = _signed(signed_attributes, signer.key)
    return sequence(
        integer(1),
        sequence(signer.issuer, integer(signer.serial_number)),
        digest_algorithm,
        # Signed as a SET OF, sent with a tag of its own (RFC 5652 5.4).
        b"\xa0" + signed_attributes[1:],
        algorithm,
        octet_string(signature),
    )
