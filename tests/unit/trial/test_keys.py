import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa

from gateway.policy.examples import ECKey, EdwardsKey, Key, RSAKey
from gateway.trial.keys import KeyRing

SHORT = RSAKey.model_validate({"algorithm": "RSA", "length": 1024, "publicExponent": 3})


def test_a_key_is_made_once_for_each_kind_and_use() -> None:
    keys = KeyRing()
    kind = ECKey(algorithm="EC", curve="secp384r1")

    assert keys(kind, "request") is keys(ECKey(algorithm="EC", curve="secp384r1"), "request")
    assert keys(kind, "request") is not keys(kind, "signer")


@pytest.mark.parametrize(
    ("kind", "made"),
    [
        (SHORT, rsa.RSAPrivateKey),
        (ECKey(algorithm="EC", curve="brainpoolP512r1"), ec.EllipticCurvePrivateKey),
        (EdwardsKey(algorithm="Ed448"), ed448.Ed448PrivateKey),
    ],
)
def test_a_key_is_of_the_kind_that_is_asked_for(kind: Key, made: type) -> None:
    assert isinstance(KeyRing()(kind, "request"), made)


def test_lengths_and_exponents_count() -> None:
    key = KeyRing()(SHORT, "request")

    assert isinstance(key, rsa.RSAPrivateKey)
    assert (key.key_size, key.public_key().public_numbers().e) == (1024, 3)
