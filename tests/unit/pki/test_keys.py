from pathlib import Path
from time import process_time

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from gateway.pki.certificate import parse_certificate
from gateway.pki.keys import PublicKey, key_identifiers, parse_public_key
from tests.issued import a_key_identifier, ca_key
from tests.requests import (
    a_key,
    a_public_key_info,
    an_ec_public_key_info,
    an_rsa_public_key_info,
    bit_string,
    integer,
    object_identifier,
    sequence,
    tlv,
)
from tests.vectors.pkcs10.refused import P256_EXPLICIT, public_point

CAPTURED = (Path(__file__).parents[2] / "vectors" / "certificate" / "captured-adcs-leaf.der").read_bytes()
SECP256R1 = object_identifier("1.2.840.10045.3.1.7")


@pytest.mark.parametrize(
    ("kind", "algorithm", "size", "curve"),
    [
        ("RSA", "RSA", 2048, None),
        ("RSA-1024", "RSA", 1024, None),
        ("EC", "EC", 256, "secp256r1"),
        ("EC-384", "EC", 384, "secp384r1"),
        ("EC-521", "EC", 521, "secp521r1"),
        ("Ed25519", "Ed25519", 256, None),
        ("Ed448", "Ed448", 448, None),
    ],
)
def test_a_key_is_described(kind: str, algorithm: str, size: int, curve: str | None) -> None:
    info = a_public_key_info(a_key(kind))

    key = parse_public_key(info)

    assert (key.algorithm, key.size, key.curve, key.subject_public_key_info) == (algorithm, size, curve, info)
    assert (key.modulus is None, key.exponent) == ((False, 65537) if algorithm == "RSA" else (True, None))


def test_an_rsa_key_has_its_numbers() -> None:
    key = parse_public_key(an_rsa_public_key_info((1 << 2047) + 1, 17))

    assert (key.modulus, key.exponent) == ((1 << 2047) + 1, 17)


def test_a_dsa_key_is_described() -> None:
    key = dsa.generate_private_key(1024).public_key()
    info = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    assert parse_public_key(info) == PublicKey("DSA", 1024, None, info)


def test_a_key_for_key_agreement_goes_by_its_oid() -> None:
    key = x25519.X25519PrivateKey.from_private_bytes(bytes(32)).public_key()
    info = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    assert parse_public_key(info) == PublicKey("OID.1.3.101.110", 0, None, info)


def test_a_diffie_hellman_key_is_not_given_to_the_library() -> None:
    """Which would test its modulus for being prime: two seconds where it is not, a minute where it is."""
    parameters = sequence(*map(integer, ((1 << 10_000) - 1_234_567, 2)))
    info = sequence(sequence(object_identifier("1.2.840.113549.1.3.1"), parameters), bit_string(integer(5)))
    started = process_time()

    assert parse_public_key(info) == PublicKey("OID.1.2.840.113549.1.3.1", 0, None, info)
    assert process_time() - started < 0.5


def test_a_key_that_the_library_does_not_know_goes_by_its_oid() -> None:
    info = sequence(sequence(object_identifier("1.2.3.4")), bit_string(b"key"))

    assert parse_public_key(info) == PublicKey("OID.1.2.3.4", 0, None, info)


def test_a_curve_that_the_library_does_not_know_goes_by_the_oid_of_the_algorithm() -> None:
    info = an_ec_public_key_info(object_identifier("1.3.132.0.16"), b"\x04" + bytes(72))

    assert parse_public_key(info) == PublicKey("OID.1.2.840.10045.2.1", 0, None, info)


def test_explicit_curve_parameters_are_refused_even_if_they_are_those_of_a_named_curve() -> None:
    info = an_ec_public_key_info(P256_EXPLICIT, public_point())
    load_der_public_key(info)  # the library would take it

    with pytest.raises(ValueError, match="not named"):
        parse_public_key(info)


@pytest.mark.parametrize("parameters", [b"", tlv(0x05)])
def test_a_curve_that_is_left_out_is_refused(parameters: bytes) -> None:
    with pytest.raises(ValueError, match="not named"):
        parse_public_key(an_ec_public_key_info(parameters, public_point()))


@pytest.mark.parametrize("point", [b"\x04" + bytes([1]) * 64, b"\x04" + bytes(63), b"\x02" + b"\x11" * 32])
def test_a_point_that_is_not_on_the_curve_is_refused(point: bytes) -> None:
    with pytest.raises(ValueError, match="not a public key"):
        parse_public_key(an_ec_public_key_info(SECP256R1, point))


def test_a_point_may_be_compressed() -> None:
    compressed = an_ec_public_key_info(SECP256R1, bytes((0x02 + public_point()[-1] % 2,)) + public_point()[1:33])

    assert parse_public_key(compressed).curve == "secp256r1"


def test_a_hybrid_point_is_refused() -> None:
    hybrid = an_ec_public_key_info(SECP256R1, bytes((0x06 + public_point()[-1] % 2,)) + public_point()[1:])
    load_der_public_key(hybrid)  # the library would take it

    with pytest.raises(ValueError, match="neither compressed nor uncompressed"):
        parse_public_key(hybrid)


@pytest.mark.parametrize("point", [b"", b"\x00"])
def test_the_point_at_infinity_is_no_key(point: bytes) -> None:
    with pytest.raises(ValueError, match="neither compressed nor uncompressed"):
        parse_public_key(an_ec_public_key_info(SECP256R1, point))


def test_rsa_is_bounded_by_what_verifying_costs() -> None:
    largest = an_rsa_public_key_info((1 << 16384) - 1, (1 << 32) - 1)

    assert parse_public_key(largest).size == 16384
    with pytest.raises(ValueError, match="modulus has 16385 bits"):
        parse_public_key(an_rsa_public_key_info((1 << 16385) - 1, 65537))
    with pytest.raises(ValueError, match="exponent has 33 bits"):
        parse_public_key(an_rsa_public_key_info((1 << 2048) - 1, (1 << 33) - 1))


def test_a_dsa_modulus_is_bounded_too() -> None:
    numbers = [tlv(0x02, b"\x01" + b"\xff" * octets) for octets in (2048, 32, 1)]
    info = sequence(sequence(object_identifier("1.2.840.10040.4.1"), sequence(*numbers)), bit_string(numbers[0]))

    with pytest.raises(ValueError, match="DSA modulus has 16385 bits"):
        parse_public_key(info)


@pytest.mark.parametrize(
    "info",
    [
        b"",
        sequence(),
        sequence(sequence(), bit_string(b"")),
        sequence(sequence(object_identifier("1.2.3"), tlv(0x05), tlv(0x05)), bit_string(b"")),
        a_public_key_info(a_key()) + b"\x00",
    ],
)
def test_what_is_no_key_info_is_refused(info: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_public_key(info)


def test_the_key_identifier_of_a_captured_certificate_is_a_hash_of_its_key() -> None:
    certificate = parse_certificate(CAPTURED)

    assert certificate.subject_key_identifier in key_identifiers(certificate.public_key.subject_public_key_info)


def test_another_key_s_hash_is_no_identifier_of_a_key() -> None:
    assert a_key_identifier(ca_key()).hex() not in key_identifiers(a_public_key_info(a_key()))


def test_the_second_method_of_rfc_5280_is_0100_and_sixty_bits() -> None:
    sha1 = a_key_identifier(a_key())
    short = f"4{sha1.hex()[-15:]}"

    assert {sha1.hex(), short} <= key_identifiers(a_public_key_info(a_key()))
