import hashlib
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from gateway.pki.channel_binding import tls_server_end_point
from tests.requests import object_identifier

RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SHA256_WITH_RSA = object_identifier("1.2.840.113549.1.1.11")
PREFIX = b"tls-server-end-point:"

OPENSSL_DER = (
    "3082013c3081e402144c9b6ea83d526a59ffd588dbb3187ccfe8d1ea54300906072a8648ce3d040130223120301e06035504030c17656e"
    "726f6c6c2e66616272696b616d2e6578616d706c65301e170d3236313132333035303833335a170d3237313132333035303833335a3022"
    "3120301e06035504030c17656e726f6c6c2e66616272696b616d2e6578616d706c653059301306072a8648ce3d020106082a8648ce3d03"
    "010703420004d152f22bb9d36a54edce7ddc3b3161b2614f96318d5559156f3f68cc93742c669c42f90bb8b6df774f1aeb19d57dfe1ddd"
    "1acb3bcb5948b415e7d00832424733300906072a8648ce3d04010348003045022100e53c376dcc4a8bee14a2200a2ba053c90d52fd8672"
    "18d56dd0c446b3bc69c2090220324c50489fb53c7bec0cd93e482c9d0744dcfe49fe08d3dedb2d93bd7dcbf297"
)
"""`openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -sha1`: ecdsa-with-SHA1."""
OPENSSL_SHA256 = "fe2e3dc9e286931a47f627e84264b6f2f39d68467275a6ed989f5cf529149d98"
"""`openssl x509 -outform DER | openssl dgst -sha256`."""


def a_certificate(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey,
    algorithm: hashes.SHA224 | hashes.SHA256 | hashes.SHA384 | hashes.SHA512 | None,
    pss: padding.PSS | None = None,
) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "enroll.fabrikam.example")])
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), 1, datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    )
    return builder.sign(key, algorithm, rsa_padding=pss).public_bytes(Encoding.DER)


@pytest.mark.parametrize("algorithm", [hashes.SHA224(), hashes.SHA256(), hashes.SHA384(), hashes.SHA512()])
def test_the_hash_is_that_of_the_signature(
    algorithm: hashes.SHA224 | hashes.SHA256 | hashes.SHA384 | hashes.SHA512,
) -> None:
    for key in (RSA_KEY, ec.generate_private_key(ec.SECP384R1())):
        der = a_certificate(key, algorithm)

        assert tls_server_end_point(der) == PREFIX + hashlib.new(algorithm.name, der).digest()


@pytest.mark.parametrize(
    "oid",
    [
        pytest.param("1.2.840.113549.1.1.4", id="md5WithRSAEncryption"),
        pytest.param("1.2.840.113549.1.1.5", id="sha1WithRSAEncryption"),
    ],
)
def test_weak_hashes_are_replaced_by_sha256(oid: str) -> None:
    """Nobody signs so any more: the algorithm's name is put in the place of another."""
    strong = a_certificate(RSA_KEY, hashes.SHA512())
    weak = strong.replace(object_identifier("1.2.840.113549.1.1.13"), object_identifier(oid))
    assert weak != strong

    assert tls_server_end_point(weak) == PREFIX + hashlib.sha256(weak).digest()


def test_rsassa_pss_names_its_hash_in_its_parameters() -> None:
    pss = padding.PSS(padding.MGF1(hashes.SHA384()), padding.PSS.DIGEST_LENGTH)
    der = a_certificate(RSA_KEY, hashes.SHA384(), pss)

    assert tls_server_end_point(der) == PREFIX + hashlib.sha384(der).digest()


@pytest.mark.parametrize("key", [ed25519.Ed25519PrivateKey.generate(), ed448.Ed448PrivateKey.generate()])
def test_a_signature_without_a_hash_has_no_binding(key: ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey) -> None:
    with pytest.raises(ValueError, match="has no hash"):
        tls_server_end_point(a_certificate(key, None))


def test_an_unknown_signature_algorithm_has_no_binding() -> None:
    known = a_certificate(RSA_KEY, hashes.SHA256())
    unknown = known.replace(SHA256_WITH_RSA, object_identifier("1.2.840.113549.1.1.99"))

    with pytest.raises(ValueError, match="cannot be told"):
        tls_server_end_point(unknown)


def test_a_certificate_of_a_version_that_there_is_not_has_no_binding() -> None:
    """Found by fuzzing: cryptography's InvalidVersion is no ValueError."""
    v3 = a_certificate(RSA_KEY, hashes.SHA256())
    v4 = v3.replace(bytes.fromhex("a003020102"), bytes.fromhex("a003020103"))

    with pytest.raises(ValueError, match="cannot be told"):
        tls_server_end_point(v4)


@given(st.binary(max_size=64))
def test_what_is_no_certificate_has_no_binding(octets: bytes) -> None:
    with pytest.raises(ValueError, match="cannot be told"):
        tls_server_end_point(octets)


def test_a_certificate_of_an_independent_tool_has_its_binding() -> None:
    assert tls_server_end_point(bytes.fromhex(OPENSSL_DER)).hex() == PREFIX.hex() + OPENSSL_SHA256
