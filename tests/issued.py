"""What a CA issues and answers, for tests: certificates and CMC responses, written byte by byte.

No code of the gateway is in it. Every part of a certificate can be another one, and it is signed by the very CA all
the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha1

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.requests import (
    APPLICATION_POLICIES,
    CERTIFICATE_TEMPLATE_OID,
    SUBJECT_ALTERNATIVE_NAME,
    PrivateKey,
    a_dns_name,
    a_key,
    a_public_key_info,
    a_template_oid_extension,
    a_uri,
    an_application_policies_extension,
    an_extension,
    bit_string,
    integer,
    object_identifier,
    octet_string,
    sequence,
    set_of,
    tlv,
)

SUBJECT_KEY_IDENTIFIER = "2.5.29.14"
KEY_USAGE = "2.5.29.15"
BASIC_CONSTRAINTS = "2.5.29.19"
CRL_DISTRIBUTION_POINTS = "2.5.29.31"
CERTIFICATE_POLICIES = "2.5.29.32"
AUTHORITY_KEY_IDENTIFIER = "2.5.29.35"
EXTENDED_KEY_USAGE = "2.5.29.37"
FRESHEST_CRL = "2.5.29.46"
AUTHORITY_INFORMATION_ACCESS = "1.3.6.1.5.5.7.1.1"
SERVER_AUTH = "1.3.6.1.5.5.7.3.1"
CLIENT_AUTH = "1.3.6.1.5.5.7.3.2"

CA = "Fabrikam Issuing CA 1"
TEMPLATE_OID = "1.3.6.1.4.1.311.21.8.1.2.3"
CRL = "http://pki.corp.example/ca.crl"
CA_CERTIFICATE = "http://pki.corp.example/ca.crt"
NOW = datetime(2026, 6, 1, tzinfo=UTC)
_SHA256 = sequence(object_identifier("2.16.840.1.101.3.4.2.1"), tlv(0x05))


def a_distinguished_name(rfc4514: str) -> bytes:
    return x509.Name.from_rfc4514_string(rfc4514).public_bytes() if rfc4514 else sequence()


def a_time(time: datetime) -> bytes:
    return tlv(0x17, f"{time:%y%m%d%H%M%SZ}".encode("ascii"))


def a_validity(not_before: datetime, not_after: datetime) -> bytes:
    return sequence(a_time(not_before), a_time(not_after))


def a_key_identifier(key: PrivateKey) -> bytes:
    """RFC 5280 4.2.1.2, the first method."""
    x962 = (Encoding.X962, PublicFormat.UncompressedPoint)
    return sha1(key.public_key().public_bytes(*x962), usedforsecurity=False).digest()


def a_key_usage(bits: int, unused: int = 5) -> bytes:
    return an_extension(KEY_USAGE, bit_string(bytes((bits,)), unused), critical=True)


DIGITAL_SIGNATURE = a_key_usage(0x80, 7)


def an_extended_key_usage(*oids: str) -> bytes:
    return an_extension(EXTENDED_KEY_USAGE, sequence(*map(object_identifier, oids)))


def distribution_points(uri: str, oid: str = CRL_DISTRIBUTION_POINTS) -> bytes:
    return an_extension(oid, sequence(sequence(tlv(0xA0, tlv(0xA0, a_uri(uri))))))


def an_authority_information_access(uri: str) -> bytes:
    method = object_identifier("1.3.6.1.5.5.7.48.2")
    return an_extension(AUTHORITY_INFORMATION_ACCESS, sequence(sequence(method, a_uri(uri))))


def an_authority_key_identifier(identifier: bytes, *more: bytes) -> bytes:
    return an_extension(AUTHORITY_KEY_IDENTIFIER, sequence(tlv(0x80, identifier), *more))


def a_basic_constraints(*, ca: bool) -> bytes:
    return an_extension(BASIC_CONSTRAINTS, sequence(tlv(0x01, b"\xff") if ca else b""), critical=True)


@dataclass(frozen=True)
class Parts:
    """A TBSCertificate (RFC 5280 4.1), each part in DER. `extensions` are by OID, in their order."""

    version: bytes = tlv(0xA0, integer(2))
    serial_number: bytes = integer(0x4711)
    signature: bytes = sequence(object_identifier("1.2.840.10045.4.3.2"))
    issuer: bytes = a_distinguished_name(f"CN={CA},DC=corp,DC=example")
    validity: bytes = a_validity(NOW - timedelta(minutes=10), NOW + timedelta(days=365) - timedelta(minutes=10))
    subject: bytes = a_distinguished_name("CN=web01.partner.example")
    subject_public_key_info: bytes = a_public_key_info(a_key())
    unique_identifiers: bytes = b""
    extensions: Mapping[str, bytes] = field(default_factory=dict)

    def with_extension(self, oid: str, extension: bytes) -> "Parts":
        """In its old place, if it has one."""
        return replace(self, extensions={**self.extensions, oid: extension})

    def without_extension(self, oid: str) -> "Parts":
        return replace(self, extensions={key: value for key, value in self.extensions.items() if key != oid})

    def tbs_certificate(self) -> bytes:
        return sequence(
            self.version,
            self.serial_number,
            self.signature,
            self.issuer,
            self.validity,
            self.subject,
            self.subject_public_key_info,
            self.unique_identifiers,
            tlv(0xA3, sequence(*self.extensions.values())) if self.extensions else b"",
        )


def web_server_parts(dns: str = "web01.partner.example", key: PrivateKey | None = None) -> Parts:
    """As AD CS issues for a version 2 template that lets the enrollee supply the subject."""
    key = key or a_key()
    extensions = {
        SUBJECT_KEY_IDENTIFIER: an_extension(SUBJECT_KEY_IDENTIFIER, octet_string(a_key_identifier(key))),
        AUTHORITY_KEY_IDENTIFIER: an_authority_key_identifier(a_key_identifier(ca_key())),
        CRL_DISTRIBUTION_POINTS: distribution_points(CRL),
        AUTHORITY_INFORMATION_ACCESS: an_authority_information_access(CA_CERTIFICATE),
        CERTIFICATE_TEMPLATE_OID: a_template_oid_extension(TEMPLATE_OID, 100, 4),
        KEY_USAGE: DIGITAL_SIGNATURE,
        EXTENDED_KEY_USAGE: an_extended_key_usage(SERVER_AUTH),
        APPLICATION_POLICIES: an_application_policies_extension(SERVER_AUTH),
        SUBJECT_ALTERNATIVE_NAME: an_extension(SUBJECT_ALTERNATIVE_NAME, sequence(a_dns_name(dns))),
    }
    return Parts(subject_public_key_info=a_public_key_info(key), extensions=extensions)


def ca_key(name: str = "CA") -> PrivateKey:
    return a_key(name=name)


def a_signed_certificate(
    parts: Parts, *, key_name: str = "CA", digest: hashes.HashAlgorithm | None = None, algorithm: bytes | None = None
) -> bytes:
    """DER, signed with P-256 by the CA of that name. `algorithm` stands outside, if it is not that of the parts."""
    tbs = parts.tbs_certificate()
    key = ca_key(key_name)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    signature = key.sign(tbs, ec.ECDSA(digest or hashes.SHA256(), deterministic_signing=True))
    return sequence(tbs, algorithm or parts.signature, bit_string(signature))


@cache
def a_ca_certificate(name: str = f"CN={CA},DC=corp,DC=example", key_name: str = "CA") -> bytes:
    """Of the CA, signed by itself."""
    key = ca_key(key_name)
    parts = Parts(
        serial_number=integer(1),
        issuer=a_distinguished_name(name),
        validity=a_validity(NOW - timedelta(days=365), NOW + timedelta(days=3650)),
        subject=a_distinguished_name(name),
        subject_public_key_info=a_public_key_info(key),
        extensions={
            SUBJECT_KEY_IDENTIFIER: an_extension(SUBJECT_KEY_IDENTIFIER, octet_string(a_key_identifier(key))),
            BASIC_CONSTRAINTS: a_basic_constraints(ca=True),
            KEY_USAGE: a_key_usage(0x06, 1),
        },
    )
    return a_signed_certificate(parts, key_name=key_name)


CA_EXCHANGE = "1.3.6.1.4.1.311.21.5"


def exchange_parts() -> Parts:
    """Of a CA exchange certificate ([MS-WCCE] 3.2.1.4.3.2.15.1)."""
    key = a_key("RSA", "exchange")
    return Parts(
        serial_number=integer(0x4712),
        validity=a_validity(NOW - timedelta(minutes=10), NOW + timedelta(days=7) - timedelta(minutes=10)),
        subject=a_distinguished_name(f"CN={CA}-Xchg"),
        subject_public_key_info=a_public_key_info(key),
        extensions={
            KEY_USAGE: a_key_usage(0x20, 5),
            EXTENDED_KEY_USAGE: an_extended_key_usage(CA_EXCHANGE),
            APPLICATION_POLICIES: an_application_policies_extension(CA_EXCHANGE),
            AUTHORITY_KEY_IDENTIFIER: an_authority_key_identifier(a_key_identifier(ca_key())),
        },
    )


@cache
def an_exchange_certificate(key_name: str = "CA") -> bytes:
    """DER, signed by the CA of that name."""
    return a_signed_certificate(exchange_parts(), key_name=key_name)


# --- the CMC response -----------------------------------------------------------------------------------------------

SIGNED_DATA = "1.2.840.113549.1.7.2"
PKI_RESPONSE = "1.3.6.1.5.5.7.12.3"
NO_MESSAGES = sequence(sequence(), sequence(), sequence())
"""A ResponseBody (RFC 5272 3.2.2)."""


def a_cmc_response(
    *certificates: bytes,
    body: bytes | None = NO_MESSAGES,
    content_type: str = PKI_RESPONSE,
    outer_type: str = SIGNED_DATA,
    signer_infos: bytes | None = None,
) -> bytes:
    """A SignedData with these certificates, in this order, if there are any. The signature is left out."""
    signed_data = sequence(
        integer(3),
        set_of(_SHA256),
        sequence(object_identifier(content_type), tlv(0xA0, octet_string(body)) if body is not None else b""),
        tlv(0xA0, *certificates) if certificates else b"",
        set_of() if signer_infos is None else signer_infos,
    )
    return sequence(object_identifier(outer_type), tlv(0xA0, signed_data))
