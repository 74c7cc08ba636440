"""Public keys as policies speak of them."""

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from gateway.pki import der, oids

MAX_KEY_BITS = 16384
"""OpenSSL's OPENSSL_RSA_MAX_MODULUS_BITS: nobody uses more, and verification costs grow with the square."""
MAX_RSA_EXPONENT_BITS = 32
"""As CryptoAPI's RSAPUBKEY has room for. Verifying with 16384 bits takes 8 ms then, and a request is signed nine times
at most."""

_READ = frozenset({
    oids.RSA_ENCRYPTION,
    oids.RSASSA_PSS,
    oids.ID_EC_PUBLIC_KEY,
    oids.ID_DSA,
    oids.ID_ED25519,
    oids.ID_ED448,
})  # fmt: skip
"""What the library is given. It tests the modulus of a Diffie-Hellman key for being prime, which takes seconds."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    algorithm: str
    """RSA, EC, Ed25519, Ed448, DSA, or `OID.1.2.3` for what is not known here."""
    size: int
    """Bits: the modulus, the curve's field (256 for Ed25519), or 0 where the algorithm is not known."""
    curve: str | None
    """For EC: secp256r1, secp384r1, secp521r1, ..."""
    subject_public_key_info: bytes
    """DER. Two keys are the same key iff these are equal."""
    modulus: int | None = None
    """For RSA, as the exponent."""
    exponent: int | None = None


class _Facts(NamedTuple):
    algorithm: str
    size: int
    curve: str | None = None


def parse_public_key(subject_public_key_info: bytes) -> PublicKey:
    """Read a SubjectPublicKeyInfo (RFC 5280 4.1.2.7).

    Raises ValueError for what is no key: a point off its curve, a curve that is not named (CVE-2020-0601), or an RSA or
    DSA key so large that verifying with it is an attack.
    """
    info = der.decode(der.SubjectPublicKeyInfo, subject_public_key_info)
    oid, parameters = der.algorithm(info.algorithm)
    if oid == oids.ID_EC_PUBLIC_KEY:
        _require_rfc5480(parameters, info.subject_public_key.as_bytes())
    if oid not in _READ:
        return PublicKey(f"OID.{oid}", 0, None, subject_public_key_info)
    try:
        key = load_der_public_key(subject_public_key_info)
    except UnsupportedAlgorithm:
        return PublicKey(f"OID.{oid}", 0, None, subject_public_key_info)
    except ValueError as error:
        raise ValueError(f"not a public key of algorithm {oid}: {error}") from error
    match key:
        case rsa.RSAPublicKey():
            _bound("RSA modulus", key.key_size, MAX_KEY_BITS)
            numbers = key.public_numbers()
            _bound("RSA exponent", numbers.e.bit_length(), MAX_RSA_EXPONENT_BITS)
            return PublicKey("RSA", key.key_size, None, subject_public_key_info, numbers.n, numbers.e)
        case ec.EllipticCurvePublicKey():
            facts = _Facts("EC", key.key_size, key.curve.name)
        case ed25519.Ed25519PublicKey():
            facts = _Facts("Ed25519", 256)
        case ed448.Ed448PublicKey():
            facts = _Facts("Ed448", 448)
        case _:
            assert isinstance(key, dsa.DSAPublicKey), "the last of _READ"
            _bound("DSA modulus", key.key_size, MAX_KEY_BITS)
            facts = _Facts("DSA", key.key_size)
    return PublicKey(*facts, subject_public_key_info)


def _require_rfc5480(parameters: list[asn1.TLV], point: bytes) -> None:
    """The library also takes what RFC 5480 2.1.1 and 2.2 forbid: explicit parameters, and hybrid points."""
    if [parameter.tag_bytes for parameter in parameters] != [der.OBJECT_IDENTIFIER]:
        raise ValueError("an elliptic curve that is not named: explicit parameters are not served")
    if point[:1] not in {b"\x02", b"\x03", b"\x04"}:
        raise ValueError("a point that is neither compressed nor uncompressed")


def _bound(what: str, bits: int, most: int) -> None:
    if bits > most:
        raise ValueError(f"the {what} has {bits} bits: at most {most} are served")


def key_identifiers(subject_public_key_info: bytes) -> frozenset[str]:
    """The identifiers that a CA may derive from a key, in lower-case hex.

    SHA-1 (RFC 5280 4.2.1.2) and SHA-2, whole or cut to 160 bits (RFC 7093 2), over the BIT STRING or, as older Windows
    and RFC 7093's fourth method have it, over the whole structure.
    """
    key = der.decode(der.SubjectPublicKeyInfo, subject_public_key_info).subject_public_key.as_bytes()
    hashes = (hashlib.sha256, hashlib.sha384, hashlib.sha512)
    found = set()
    for content in (key, subject_public_key_info):
        # A name for a key, which secures nothing.
        sha1 = hashlib.sha1(content, usedforsecurity=False).digest()
        # RFC 5280's second method: 0100 and the last 60 bits.
        found |= {sha1.hex(), bytes((0x40 | sha1[-8] & 0x0F, *sha1[-7:])).hex()}
        for algorithm in hashes:
            digest = algorithm(content).hexdigest()
            found |= {digest, digest[:40]}
    return frozenset(found)
