"""Keys for examples, thrown away with the run. Each is made once: an RSA key takes a tenth of a second."""

from collections.abc import Callable, Mapping
from typing import assert_never

from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from gateway.pki.write_request import PrivateKey
from gateway.policy.examples import ECKey, EdwardsKey, Key, RSAKey

_CURVES: Mapping[str, ec.EllipticCurve] = {
    "secp256r1": ec.SECP256R1(),
    "secp384r1": ec.SECP384R1(),
    "secp521r1": ec.SECP521R1(),
    "brainpoolP256r1": ec.BrainpoolP256R1(),
    "brainpoolP384r1": ec.BrainpoolP384R1(),
    "brainpoolP512r1": ec.BrainpoolP512R1(),
}
_EDWARDS: Mapping[str, Callable[[], PrivateKey]] = {
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
    "Ed448": ed448.Ed448PrivateKey.generate,
}


class KeyRing:
    """A `gateway.policy.example_requests.Keys`."""

    def __init__(self) -> None:
        self._made: dict[tuple[Key, str], PrivateKey] = {}

    def __call__(self, kind: Key, use: str) -> PrivateKey:
        made = self._made.get((kind, use))
        if made is None:
            made = self._made[kind, use] = _make(kind)
        return made


def _make(kind: Key) -> PrivateKey:
    match kind:
        case RSAKey():
            return rsa.generate_private_key(kind.public_exponent, kind.length)
        case ECKey():
            return ec.generate_private_key(_CURVES[kind.curve])
        case EdwardsKey():
            return _EDWARDS[kind.algorithm]()
        case _:
            assert_never(kind)
