"""Signed PKCS#10 requests for tests, well-formed or deliberately not.

Everything is written byte by byte here, by no code of the gateway. Keys and signatures are derived from names, so the
same call gives the same bytes in every run; nothing is secret.
"""

from collections.abc import Iterable
from functools import cache
from hashlib import sha256, shake_256
from itertools import count
from math import gcd, lcm
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey

EXTENSION_REQUEST = "1.2.840.113549.1.9.14"
CERT_EXTENSIONS = "1.3.6.1.4.1.311.2.1.14"
ENROLLMENT_NAME_VALUE_PAIR = "1.3.6.1.4.1.311.13.2.1"
CERTIFICATE_TEMPLATE_NAME = "1.3.6.1.4.1.311.20.2"
CERTIFICATE_TEMPLATE_OID = "1.3.6.1.4.1.311.21.7"
APPLICATION_POLICIES = "1.3.6.1.4.1.311.21.10"
SECURITY_IDENTIFIER = "1.3.6.1.4.1.311.25.2"
USER_PRINCIPAL_NAME = "1.3.6.1.4.1.311.20.2.3"
SUBJECT_ALTERNATIVE_NAME = "2.5.29.17"


# --- DER ------------------------------------------------------------------------------------------------------------


def tlv(tag: int, *content: bytes) -> bytes:
    """One DER element of a single-byte tag."""
    data = b"".join(content)
    if len(data) < 0x80:
        return bytes((tag, len(data))) + data
    length = len(data).to_bytes((len(data).bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + data


def sequence(*content: bytes) -> bytes:
    return tlv(0x30, *content)


def set_of(*content: bytes) -> bytes:
    """A SET OF in the order that DER asks for (X.690 11.6)."""
    return tlv(0x31, *sorted(content))


def integer(value: int) -> bytes:
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def octet_string(value: bytes) -> bytes:
    return tlv(0x04, value)


def bit_string(value: bytes, unused_bits: int = 0) -> bytes:
    return tlv(0x03, bytes((unused_bits,)), value)


def object_identifier(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    return tlv(0x06, *map(_base128, (first * 40 + second, *rest)))


def _base128(number: int) -> bytes:
    digits = [number & 0x7F]
    while number := number >> 7:
        digits.append(0x80 | number & 0x7F)
    return bytes(reversed(digits))


def utf8_string(text: str) -> bytes:
    return tlv(0x0C, text.encode())


def printable_string(text: str) -> bytes:
    return tlv(0x13, text.encode("ascii"))


def ia5_string(text: str) -> bytes:
    return tlv(0x16, text.encode("ascii"))


def bmp_string(text: str) -> bytes:
    return tlv(0x1E, text.encode("utf-16-be"))


# --- parts of a request ---------------------------------------------------------------------------------------------


def an_extension(oid: str, value: bytes, *, critical: bool = False) -> bytes:
    """`value` is the DER inside extnValue."""
    return sequence(object_identifier(oid), tlv(0x01, b"\xff") if critical else b"", octet_string(value))


def an_attribute(oid: str, *values: bytes) -> bytes:
    return sequence(object_identifier(oid), set_of(*values))


def an_extension_request(*extensions: bytes) -> bytes:
    return an_attribute(EXTENSION_REQUEST, sequence(*extensions))


def a_name_value_pair(name: str, value: str) -> bytes:
    """One value of the attribute ENROLLMENT_NAME_VALUE_PAIR."""
    return sequence(bmp_string(name), bmp_string(value))


def a_dns_name(name: str) -> bytes:
    return tlv(0x82, name.encode("ascii"))


def a_uri(uri: str) -> bytes:
    return tlv(0x86, uri.encode("ascii"))


def an_other_name(oid: str, value: bytes) -> bytes:
    return tlv(0xA0, object_identifier(oid), tlv(0xA0, value))


def a_user_principal_name(name: str) -> bytes:
    return an_other_name(USER_PRINCIPAL_NAME, utf8_string(name))


def a_template_name_extension(name: str) -> bytes:
    """As Windows and cepces write it: a bare BMPString."""
    return an_extension(CERTIFICATE_TEMPLATE_NAME, bmp_string(name))


def a_template_oid_extension(oid: str, *versions: int) -> bytes:
    return an_extension(CERTIFICATE_TEMPLATE_OID, sequence(object_identifier(oid), *map(integer, versions)))


def a_subject_alternative_name(*general_names: bytes) -> bytes:
    return an_extension(SUBJECT_ALTERNATIVE_NAME, sequence(*general_names))


def a_security_identifier_extension(sid: str) -> bytes:
    """szOID_NTDS_CA_SECURITY_EXT ([MS-WCCE] 2.2.2.7.7.4)."""
    return an_extension(SECURITY_IDENTIFIER, a_security_identifier(sid))


def a_security_identifier(sid: str) -> bytes:
    """The value of that extension."""
    return sequence(an_other_name(f"{SECURITY_IDENTIFIER}.1", octet_string(sid.encode("ascii"))))


def an_application_policies_extension(*oids: str) -> bytes:
    return an_extension(APPLICATION_POLICIES, sequence(*(sequence(object_identifier(oid)) for oid in oids)))


def an_rdn(*attributes: tuple[str, bytes]) -> bytes:
    """A RelativeDistinguishedName of these types (OIDs) and values (DER)."""
    return set_of(*(sequence(object_identifier(oid), value) for oid, value in attributes))


def a_public_key_info(key: PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def an_rsa_public_key_info(modulus: int, exponent: int) -> bytes:
    algorithm = sequence(object_identifier("1.2.840.113549.1.1.1"), tlv(0x05))
    return sequence(algorithm, bit_string(sequence(integer(modulus), integer(exponent))))


def an_ec_public_key_info(parameters: bytes, point: bytes) -> bytes:
    return sequence(sequence(object_identifier("1.2.840.10045.2.1"), parameters), bit_string(point))


# --- the request ----------------------------------------------------------------------------------------------------


def a_certification_request(
    subject: str | bytes = "CN=web01.partner.example",
    *,
    dns: Iterable[str] = ("web01.partner.example",),
    general_names: Iterable[bytes] = (),
    template: str | None = "PartnerWebServer",
    template_oid: str | None = None,
    key: PrivateKey | None = None,
    extra_extensions: Iterable[bytes] = (),
    extra_attributes: Iterable[bytes] = (),
    is_new: bool = False,
) -> bytes:
    """DER of a PKCS#10 that is signed by its own key; `is_new`: with another signature each time.

    `subject` is RFC 4514 text, or the DER of a Name. `dns` and then `general_names` (DER) make the subject alternative
    name, `template` the extension of a version 1 name, `template_oid` that of a version 2 template (major 100, minor
    1). Extensions go into one extensionRequest attribute; empty ones are left out altogether.
    """
    names = [*map(a_dns_name, dns), *general_names]
    extensions = [
        *([a_template_name_extension(template)] if template is not None else []),
        *([a_template_oid_extension(template_oid, 100, 1)] if template_oid is not None else []),
        *([a_subject_alternative_name(*names)] if names else []),
        *extra_extensions,
    ]
    attributes = [*([an_extension_request(*extensions)] if extensions else []), *extra_attributes]
    return a_signed_request(subject, attributes=attributes, key=key, is_new=is_new)


def a_new_request(name: str, **parts: Any) -> bytes:
    """A PKCS#10 for a host which is not the same as any before: the identical request is not submitted twice."""
    return a_certification_request(f"CN={name}", **{"dns": (name,), "is_new": True, **parts})


def a_signed_request(
    subject: str | bytes = "CN=web01.partner.example",
    *,
    attributes: Iterable[bytes] = (),
    key: PrivateKey | None = None,
    digest: hashes.HashAlgorithm | None = None,
    subject_public_key_info: bytes | None = None,
    version: int = 0,
    is_new: bool = False,
) -> bytes:
    """A PKCS#10 of just these parts; `subject_public_key_info` puts another key in than the one that signs."""
    key = key or a_key()
    spki = subject_public_key_info or a_public_key_info(key)
    info = sequence(integer(version), _name(subject), spki, tlv(0xA0, *sorted(attributes)))
    algorithm, signature = sign(info, key, digest or hashes.SHA256(), is_new=is_new)
    return sequence(info, algorithm, bit_string(signature))


def _name(subject: str | bytes) -> bytes:
    if isinstance(subject, bytes):
        return subject
    return x509.Name.from_rfc4514_string(subject).public_bytes() if subject else sequence()


_ALGORITHMS = {
    ("RSA", "md5"): "1.2.840.113549.1.1.4",
    ("RSA", "sha1"): "1.2.840.113549.1.1.5",
    ("RSA", "sha256"): "1.2.840.113549.1.1.11",
    ("RSA", "sha384"): "1.2.840.113549.1.1.12",
    ("RSA", "sha512"): "1.2.840.113549.1.1.13",
    ("EC", "sha1"): "1.2.840.10045.4.1",
    ("EC", "sha256"): "1.2.840.10045.4.3.2",
    ("EC", "sha384"): "1.2.840.10045.4.3.3",
    ("EC", "sha512"): "1.2.840.10045.4.3.4",
}


def sign(message: bytes, key: PrivateKey, digest: hashes.HashAlgorithm, *, is_new: bool = False) -> tuple[bytes, bytes]:
    """AlgorithmIdentifier and signature; the same in every run, unless one by an EC key shall be new."""
    match key:
        case rsa.RSAPrivateKey():
            algorithm = sequence(object_identifier(_ALGORITHMS["RSA", digest.name]), tlv(0x05))
            return algorithm, key.sign(message, padding.PKCS1v15(), digest)
        case ec.EllipticCurvePrivateKey():
            algorithm = sequence(object_identifier(_ALGORITHMS["EC", digest.name]))
            return algorithm, key.sign(message, ec.ECDSA(digest, deterministic_signing=not is_new))
        case ed25519.Ed25519PrivateKey():
            return sequence(object_identifier("1.3.101.112")), key.sign(message)
        case ed448.Ed448PrivateKey():
            return sequence(object_identifier("1.3.101.113")), key.sign(message)
    raise TypeError(key)


# --- keys -----------------------------------------------------------------------------------------------------------


_CURVES: dict[str, ec.EllipticCurve] = {"256": ec.SECP256R1(), "384": ec.SECP384R1(), "521": ec.SECP521R1()}


@cache
def a_key(kind: str = "EC", name: str = "requester") -> PrivateKey:
    """The one key of this name: EC (P-256), EC-384, EC-521, RSA (2048), RSA-<bits>, Ed25519 or Ed448."""
    seed = f"{kind} {name}".encode()
    match kind.split("-"):
        case ["EC"]:
            return ec.derive_private_key(_number(seed, 255), ec.SECP256R1())
        case ["EC", bits]:
            return ec.derive_private_key(_number(seed, int(bits) - 1), _CURVES[bits])
        case ["RSA"]:
            return _rsa_key(seed, 2048)
        case ["RSA", bits]:
            return _rsa_key(seed, int(bits))
        case ["Ed25519"]:
            return ed25519.Ed25519PrivateKey.from_private_bytes(sha256(seed).digest())
        case ["Ed448"]:
            return ed448.Ed448PrivateKey.from_private_bytes(shake_256(seed).digest(57))
    raise ValueError(f"no such kind of key: {kind}")


def _number(seed: bytes, bits: int) -> int:
    """A number of exactly so many bits."""
    return int.from_bytes(shake_256(seed).digest(bits // 8 + 1), "big") % (1 << bits - 1) | 1 << bits - 1


def _rsa_key(seed: bytes, bits: int) -> rsa.RSAPrivateKey:
    e = 65537
    p, q = (_prime(seed + suffix, bits // 2, e) for suffix in (b" p", b" q"))
    d = pow(e, -1, lcm(p - 1, q - 1))
    public = rsa.RSAPublicNumbers(e, p * q)
    return rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public).private_key()


def _prime(seed: bytes, bits: int, e: int) -> int:
    """A prime with its two highest bits set, so that the product of two has exactly twice the bits."""
    start = _number(seed, bits) | 1 << bits - 2 | 1
    return next(n for n in count(start, 2) if gcd(n - 1, e) == 1 and _is_prime(n))


_PRODUCT_OF_SMALL_PRIMES = 3 * 5 * 7 * 11 * 13 * 17 * 19 * 23 * 29 * 31 * 37 * 41 * 43 * 47 * 53 * 59 * 61 * 67 * 71


def _is_prime(number: int) -> bool:
    """Fermat's test to base 2: good enough for numbers that nobody chose, and for keys that nobody must trust."""
    return gcd(number, _PRODUCT_OF_SMALL_PRIMES) == 1 and pow(2, number - 1, number) == 1
