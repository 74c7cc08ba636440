from dataclasses import replace
from hashlib import sha256

import pytest

from gateway.pki import oids
from gateway.pki.keys import PublicKey
from gateway.policy.decision import Application, Concern
from gateway.policy.key_condition import KeyCondition, KeyRule
from gateway.policy.vocabulary import SIGNATURE_ALGORITHMS
from tests.builders import a_public_key, a_request, an_application


def violations(condition: KeyCondition, application: Application, concern: Concern) -> list[tuple[str, str, str]]:
    """(field, value, wanted) of each violation."""
    found = condition.violations("a rule", application)
    assert all((violation.rule, violation.concern) == ("a rule", concern) for violation in found)
    return [(violation.field, violation.value, violation.wanted) for violation in found]


KEYS = KeyCondition(
    (
        KeyRule("RSA", 2048, 4096),
        KeyRule("EC", curves=("secp256r1", "secp384r1")),
        KeyRule("Ed25519"),
    )
)
WANTED_KEYS = "RSA 2048 to 4096 or EC secp256r1 or secp384r1 or Ed25519"


@pytest.mark.parametrize(
    "key",
    [
        a_public_key("RSA", 2048),
        a_public_key("RSA", 3072),
        a_public_key("RSA", 4096),
        a_public_key("EC", 256, "secp256r1"),
        a_public_key("EC", 384, "secp384r1"),
        a_public_key("Ed25519", 256),
    ],
)
def test_a_key_of_an_allowed_kind_is_allowed(key: PublicKey) -> None:
    assert violations(KEYS, an_application(a_request(key=key)), Concern.KEY) == []


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        (a_public_key("RSA", 2047), "RSA 2047"),
        (a_public_key("RSA", 4097), "RSA 4097"),
        (a_public_key("EC", 521, "secp521r1"), "EC secp521r1"),
        (a_public_key("EC", 256, "secp256k1"), "EC secp256k1"),
        (a_public_key("EC", 2048), "EC 2048"),
        (a_public_key("DSA", 2048), "DSA 2048"),
        (a_public_key("Ed448", 456), "Ed448 456"),
        (a_public_key("OID.1.2.3", 0), "OID.1.2.3 0"),
    ],
)
def test_a_key_of_no_allowed_kind_is_one_violation(key: PublicKey, shown: str) -> None:
    application = an_application(a_request(key=key))

    assert violations(KEYS, application, Concern.KEY) == [("publicKey", shown, WANTED_KEYS)]


def test_without_a_maximum_every_longer_key_will_do() -> None:
    condition = KeyCondition((KeyRule("RSA", 3072),))

    assert violations(condition, an_application(a_request(key=a_public_key("RSA", 16384))), Concern.KEY) == []
    assert violations(condition, an_application(), Concern.KEY) == [("publicKey", "RSA 2048", "RSA 3072 or more")]


@pytest.mark.parametrize("oid", SIGNATURE_ALGORITHMS)
def test_signatures_that_prove_something_are_allowed(oid: str) -> None:
    assert violations(KEYS, an_application(a_request(signature_algorithm=oid)), Concern.KEY) == []


@pytest.mark.parametrize(
    "oid",
    [
        pytest.param("1.2.840.113549.1.1.2", id="md2WithRSAEncryption"),
        pytest.param("1.2.840.113549.1.1.4", id="md5WithRSAEncryption"),
        pytest.param("1.2.840.113549.1.1.5", id="sha1WithRSAEncryption"),
        pytest.param("1.3.14.3.2.29", id="sha1WithRSA of OIW"),
        pytest.param("1.3.14.3.2.3", id="md5WithRSA of OIW"),
        pytest.param("1.2.840.10040.4.3", id="dsa-with-sha1"),
        pytest.param("1.2.840.10045.4.1", id="ecdsa-with-SHA1"),
        pytest.param("1.2.840.10045.4.3", id="ecdsa-with-Specified"),
        pytest.param("2.16.840.1.101.3.4.2.1", id="null signature: a bare SHA-256"),
        pytest.param("1.2.3", id="unknown"),
    ],
)
def test_every_other_signature_is_a_violation(oid: str) -> None:
    assert violations(KEYS, an_application(a_request(signature_algorithm=oid)), Concern.KEY) == [
        ("signatureAlgorithm", oid, "RSA or ECDSA with SHA-2, or EdDSA")
    ]


@pytest.mark.parametrize("oid", oids.WEAK_SIGNATURE_ALGORITHMS)
def test_the_signatures_that_the_parser_calls_weak_are_not_allowed(oid: str) -> None:
    assert oid not in SIGNATURE_ALGORITHMS


def test_key_and_signature_are_both_reported() -> None:
    request = a_request(key=a_public_key("RSA", 1024), signature_algorithm="1.2.840.113549.1.1.5")

    assert [field for field, _, _ in violations(KEYS, an_application(request), Concern.KEY)] == [
        "publicKey",
        "signatureAlgorithm",
    ]


# --- exponents ------------------------------------------------------------------------------------------------------


def rsa(exponent: int, modulus: int | None = None) -> PublicKey:
    return replace(a_public_key("RSA", 2048), exponent=exponent, modulus=modulus)


@pytest.mark.parametrize(("exponent", "expected"), [(65537, []), (3, [("publicExponent", "3", "17 or 65537")])])
def test_an_exponent_that_is_not_listed_is_a_violation(exponent: int, expected: list[tuple[str, str, str]]) -> None:
    condition = KeyCondition((KeyRule("RSA", 2048, public_exponents=(65537, 17)),))

    assert violations(condition, an_application(a_request(key=rsa(exponent))), Concern.KEY) == expected


def test_an_exponent_counts_for_the_kind_that_it_is_listed_with() -> None:
    kinds = (KeyRule("RSA", 2048, 2048, public_exponents=(65537,)), KeyRule("RSA", 4096, public_exponents=(3,)))

    assert violations(KeyCondition(kinds), an_application(a_request(key=rsa(3))), Concern.KEY) == [
        ("publicExponent", "3", "65537")
    ]


def test_one_of_several_kinds_is_enough_for_an_exponent() -> None:
    kinds = (KeyRule("RSA", 2048, public_exponents=(65537,)), KeyRule("RSA", 2048, public_exponents=(3,)))

    assert violations(KeyCondition(kinds), an_application(a_request(key=rsa(3))), Concern.KEY) == []


# --- keys that are known --------------------------------------------------------------------------------------------


def test_a_weak_key_is_forbidden_by_every_rule() -> None:
    request = a_request(key=rsa(65537, modulus=3 * ((1 << 2047) + 1)))

    (weak,) = KEYS.violations("a rule", an_application(request))

    assert (weak.field, weak.value) == ("publicKey", "a prime factor below 752")
    assert weak.is_forbidden


def test_a_key_that_is_blocked_is_forbidden_by_every_rule() -> None:
    key = a_public_key("RSA", 2048)
    digest = sha256(key.subject_public_key_info)
    condition = KeyCondition(KEYS.allowed, frozenset({digest.digest()}))

    (known,) = condition.violations("a rule", an_application(a_request(key=key)))

    assert (known.field, known.value) == ("publicKey", digest.hexdigest())
    assert known.is_forbidden


def test_another_key_than_the_blocked_is_not() -> None:
    condition = KeyCondition(KEYS.allowed, frozenset({sha256(b"another").digest()}))

    assert condition.violations("a rule", an_application()) == ()
