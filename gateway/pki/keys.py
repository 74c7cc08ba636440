"""Public keys as policies speak of them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PublicKey:
    algorithm: str
    """RSA, EC, Ed25519, Ed448, DSA, or `OID.1.2.3` for what is not known here."""
    size: int
    """Bits: the modulus, the curve's field, or 0 where the algorithm is not known."""
    curve: str | None
    """For EC: secp256r1, secp384r1, secp521r1, ..."""
    subject_public_key_info: bytes
    """DER. Two keys are the same key iff these are equal."""
