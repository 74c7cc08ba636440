"""RSA keys that somebody else can compute, made by their flaw; signed with by hand, since libraries refuse.

The same in every run: primes are derived from names.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from hashlib import sha256, shake_256
from math import gcd, prod

from cryptography import x509

from tests.requests import an_rsa_public_key_info, bit_string, integer, object_identifier, sequence, tlv

SHA256_DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
"""RFC 8017 9.2, note 1."""


@dataclass(frozen=True, slots=True)
class WeakKey:
    modulus: int
    exponent: int
    private_exponent: int

    @property
    def public_key_info(self) -> bytes:
        return an_rsa_public_key_info(self.modulus, self.exponent)

    def sign(self, message: bytes) -> bytes:
        """RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 8.2.1)."""
        octets = (self.modulus.bit_length() + 7) // 8
        info = SHA256_DIGEST_INFO + sha256(message).digest()
        encoded = b"\x00\x01" + b"\xff" * (octets - len(info) - 3) + b"\x00" + info
        return pow(int.from_bytes(encoded, "big"), self.private_exponent, self.modulus).to_bytes(octets, "big")

    def sign_request(self, subject: str, attributes: Iterable[bytes]) -> bytes:
        """A PKCS#10 for this key."""
        name = x509.Name.from_rfc4514_string(subject).public_bytes()
        info = sequence(integer(0), name, self.public_key_info, tlv(0xA0, *sorted(attributes)))
        algorithm = sequence(object_identifier("1.2.840.113549.1.1.11"), tlv(0x05))
        return sequence(info, algorithm, bit_string(self.sign(info)))


def _from_primes(*primes: int, exponent: int = 65537) -> WeakKey:
    return WeakKey(prod(primes), exponent, pow(exponent, -1, prod(prime - 1 for prime in primes)))


def _number(name: str, bits: int) -> int:
    """A number of exactly so many bits, the second one set too."""
    number = int.from_bytes(shake_256(name.encode()).digest(bits // 8 + 1), "big") % (1 << bits)
    return number | 3 << bits - 2


def _is_prime(number: int) -> bool:
    """Fermat's test to base 2: good enough for numbers that nobody chose."""
    return gcd(number, SMALL) == 1 and pow(2, number - 1, number) == 1


SMALL = prod(n for n in range(3, 1000) if all(n % d for d in range(2, n)))


def _prime(start: int, exponent: int = 65537) -> int:
    number = start | 1
    while gcd(number - 1, exponent) != 1 or not _is_prime(number):
        number += 2
    return number


def _too_short() -> WeakKey:
    return _from_primes(_prime(_number("short p", 512)), _prime(_number("short q", 512)))


def _exponent_of_3() -> WeakKey:
    return _from_primes(_prime(_number("three p", 1024), 3), _prime(_number("three q", 1024), 3), exponent=3)


def _small_factor() -> WeakKey:
    """751 is the largest prime that is looked for."""
    return _from_primes(751, _prime(_number("small q", 2039)))


def _close_primes() -> WeakKey:
    """CVE-2022-26320."""
    first = _prime(_number("close", 1024))
    return _from_primes(first, _prime(first + 2))


def _roca() -> WeakKey:
    """CVE-2017-15361: every prime is k * M + (65537^a mod M), M being the product of the first primes."""
    return _from_primes(_roca_prime("roca p", 11), _roca_prime("roca q", 13))


PRIMORIAL = prod(n for n in range(2, 168) if all(n % d for d in range(2, n)))


def _roca_prime(name: str, power: int) -> int:
    factor = _number(name, 1024) // PRIMORIAL
    while not _is_prime(number := factor * PRIMORIAL + pow(65537, power, PRIMORIAL)):
        factor += 1
    return number


def _blocked() -> WeakKey:
    """A good one, which is known to have leaked."""
    return _from_primes(_prime(_number("leaked p", 1024)), _prime(_number("leaked q", 1024)))


WEAK_KEYS: dict[str, Callable[[], WeakKey]] = {
    "too-short": _too_short,
    "exponent-3": _exponent_of_3,
    "small-factor": _small_factor,
    "close-primes": _close_primes,
    "roca": _roca,
    "blocked": _blocked,
}


@cache
def a_weak_key(kind: str) -> WeakKey:
    return WEAK_KEYS[kind]()
