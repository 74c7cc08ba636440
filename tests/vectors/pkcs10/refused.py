"""Vectors that the parser refuses: malformed, or unproven."""

from collections.abc import Iterator
from hashlib import sha256

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.requests import (
    CERT_EXTENSIONS,
    EXTENSION_REQUEST,
    a_certification_request,
    a_dns_name,
    a_key,
    a_public_key_info,
    a_signed_request,
    a_subject_alternative_name,
    a_template_name_extension,
    an_attribute,
    an_ec_public_key_info,
    an_extension,
    an_extension_request,
    an_rsa_public_key_info,
    bit_string,
    ia5_string,
    integer,
    object_identifier,
    sequence,
    tlv,
    utf8_string,
)
from tests.vectors.pkcs10.vector import MALFORMED, NOT_PROVEN, RENEWAL_MISMATCH, Vector

P256_EXPLICIT = bytes.fromhex(
    "3081f7020101302c06072a8648ce3d0101022100ffffffff00000001000000000000000000000000ffffffffffffffffffffffff305b0420ff"
    "ffffff00000001000000000000000000000000fffffffffffffffffffffffc04205ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f6"
    "3bce3c3e27d2604b031500c49d360886e704936a6678e1139d26b7819f7e900441046b17d1f2e12c4247f8bce6e563a440f277037d812deb33"
    "a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5022100ffffffff00000000ffffffffff"
    "ffffffbce6faada7179e84f3b9cac2fc632551020101"
)
"""ECParameters of P-256 written out (X9.62)."""


def malformed() -> Iterator[Vector]:
    """What says something twice, unreadably, or in a place that no rule speaks of."""
    good = a_certification_request()
    template = a_template_name_extension("PartnerWebServer")
    yield Vector("trailing-byte", "a byte after the request", MALFORMED, good + b"\x00")
    yield Vector("long-form-length", "a length in more octets than needed", MALFORMED, b"\x30\x83\x00" + good[2:])
    yield Vector("version-1", "version 1", MALFORMED, a_signed_request(version=1))
    challenge = sequence(a_public_key_info(a_key()), ia5_string("challenge"))
    spkac = sequence(challenge, sequence(object_identifier("1.2.840.10045.4.3.2")), bit_string(bytes(70)))
    yield Vector("spkac", "a SignedPublicKeyAndChallenge", MALFORMED, spkac)
    yield Vector(
        "duplicate-extension",
        "the template name twice",
        MALFORMED,
        a_certification_request(extra_extensions=[template]),
    )
    yield Vector(
        "duplicate-attribute",
        "extensionRequest twice",
        MALFORMED,
        a_certification_request(extra_attributes=[an_extension_request(a_template_name_extension("User"))]),
    )
    yield Vector(
        "both-extension-attributes",
        "extensionRequest and szOID_CERT_EXTENSIONS",
        MALFORMED,
        a_certification_request(
            extra_attributes=[
                an_attribute(CERT_EXTENSIONS, sequence(an_extension("2.5.29.15", bit_string(b"\x80", 7))))
            ]
        ),
    )
    yield Vector(
        "two-valued-extension-request",
        "extensionRequest with two values",
        MALFORMED,
        a_signed_request(
            attributes=[
                an_attribute(EXTENSION_REQUEST, sequence(template), sequence(a_template_name_extension("User")))
            ]
        ),
    )
    yield Vector(
        "challenge-password",
        "an attribute that is not served: challengePassword",
        MALFORMED,
        a_certification_request(extra_attributes=[an_attribute("1.2.840.113549.1.9.7", utf8_string("secret"))]),
    )
    yield Vector(
        "renewal-certificate",
        "a renewal that no certificate has signed",
        RENEWAL_MISMATCH,
        a_certification_request(extra_attributes=[an_attribute("1.3.6.1.4.1.311.13.1", sequence())]),
    )
    yield Vector(
        "san-nul", "a NUL in a dNSName", MALFORMED, a_certification_request(dns=["corp.example\x00.partner.example"])
    )
    yield Vector(
        "san-not-ia5",
        "a dNSName of UTF-8",
        MALFORMED,
        a_certification_request(dns=(), general_names=[tlv(0x82, "köln.example".encode())]),
    )
    yield Vector(
        "san-five-octets",
        "an iPAddress of five octets",
        MALFORMED,
        a_certification_request(general_names=[tlv(0x87, bytes(5))]),
    )
    yield Vector(
        "san-unknown-tag",
        "an entry that no GeneralName has",
        MALFORMED,
        a_certification_request(general_names=[tlv(0x89, b"?")]),
    )
    yield Vector(
        "san-in-sequence",
        "a SAN that is no SEQUENCE",
        MALFORMED,
        a_certification_request(
            dns=(), extra_extensions=[an_extension("2.5.29.17", a_dns_name("web01.partner.example"))]
        ),
    )
    yield Vector(
        "two-subject-alternative-names",
        "subjectAltName twice",
        MALFORMED,
        a_certification_request(extra_extensions=[a_subject_alternative_name(a_dns_name("admin.corp.example"))]),
    )
    yield Vector(
        "ec-explicit-parameters",
        "the parameters of P-256 written out (compare CVE-2020-0601)",
        MALFORMED,
        a_signed_request(subject_public_key_info=an_ec_public_key_info(P256_EXPLICIT, public_point())),
    )
    p256 = object_identifier("1.2.840.10045.3.1.7")
    yield Vector(
        "ec-point-off-curve",
        "a point that is not on P-256",
        MALFORMED,
        a_signed_request(subject_public_key_info=an_ec_public_key_info(p256, b"\x04" + bytes([1]) * 64)),
    )
    yield Vector(
        "rsa-huge-modulus",
        "RSA with 16392 bits: verifying is expensive",
        MALFORMED,
        a_signed_request(key=a_key("RSA"), subject_public_key_info=an_rsa_public_key_info((1 << 16392) - 1, 65537)),
    )
    yield Vector(
        "rsa-huge-exponent",
        "RSA with an exponent of 2047 bits: verifying is expensive",
        MALFORMED,
        a_signed_request(
            key=a_key("RSA"), subject_public_key_info=an_rsa_public_key_info((1 << 2048) - 1, (1 << 2047) - 1)
        ),
    )


def public_point() -> bytes:
    return a_key().public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def unproven() -> Iterator[Vector]:
    """Requests that do not show possession of the key."""
    good = a_certification_request()
    yield Vector("broken-signature", "the last bit of the signature flipped", NOT_PROVEN, flipped(good))
    yield Vector(
        "stolen-key",
        "another's public key, signed with one's own",
        NOT_PROVEN,
        a_signed_request(key=a_key(name="thief"), subject_public_key_info=a_public_key_info(a_key())),
    )
    info = sequence(integer(0), sequence(), a_public_key_info(a_key()), tlv(0xA0))
    hash_only = sequence(object_identifier("2.16.840.1.101.3.4.2.1"), tlv(0x05))
    null_signature = sequence(info, hash_only, bit_string(sha256(info).digest()))
    yield Vector("null-signature", "a hash for a signature ([MS-WCCE] 2.2.2.6.5)", NOT_PROVEN, null_signature)
    yield Vector(
        "rsa-sha1",
        "a correct sha1WithRSAEncryption signature, which the library no longer verifies",
        NOT_PROVEN,
        a_signed_request(key=a_key("RSA"), digest=hashes.SHA1()),
    )


def flipped(der: bytes) -> bytes:
    return der[:-1] + bytes((der[-1] ^ 1,))
