"""RSA keys that anybody can take apart, told by the public key alone.

What boulder's goodkey asks as well: a small factor, the fingerprint of ROCA, primes that are close to each other.
"""

from collections.abc import Iterator
from functools import lru_cache
from math import gcd, isqrt, lcm, prod

_FERMAT_ROUNDS = 100
"""CVE-2022-26320 fell within one round; boulder and badkeys try 100."""


@lru_cache(maxsize=32)
def weakness(modulus: int, exponent: int) -> str | None:
    """Why this RSA key protects nothing, or None where nothing is known against it.

    Some 100 us; every rule asks for the same key, and is answered once.
    """
    if exponent < 3 or exponent % 2 == 0:
        return "an exponent that encrypts nothing, or cannot be inverted"
    if gcd(modulus, _PRIMORIAL) != 1:
        return "a prime factor below 752"
    if _is_roca(modulus):
        return "the fingerprint of ROCA (CVE-2017-15361)"
    if _has_close_factors(modulus):
        return "two factors that are close to each other (CVE-2022-26320)"
    return None


def _primes_below(limit: int) -> Iterator[int]:
    return (n for n in range(2, limit) if all(n % divisor for divisor in range(2, isqrt(n) + 1)))


_PRIMORIAL = prod(_primes_below(752))

# --- ROCA -----------------------------------------------------------------------------------------------------------
# Infineon's library made primes of the form k * M + (65537**a mod M), where M is the product of the first primes: at
# least of the first 39, whatever the length of the key. So the modulus is a power of 65537 modulo M, which a modulus
# that was made honestly is by a chance of 2**-150 or so (Nemec et al., The Return of Coppersmith's Attack, 2).

_GENERATOR = 65537
_M = prod(_primes_below(168))


def _order(prime: int) -> int:
    """Of the generator in the multiplicative group of the prime: the least n with 65537**n = 1."""
    power, n = _GENERATOR % prime, 1
    while power != 1:
        power, n = power * _GENERATOR % prime, n + 1
    return n


_ORDER = lcm(*(_order(prime) for prime in _primes_below(168)))


def _prime_powers(number: int) -> Iterator[int]:
    """The greatest powers of primes that divide it: their product is the number."""
    for prime in _primes_below(168):
        power = 1
        while number % (power * prime) == 0:
            power *= prime
        if power > 1:
            yield power


def _subgroup(size: int) -> frozenset[int]:
    generator = pow(_GENERATOR, _ORDER // size, _M)
    return frozenset(pow(generator, n, _M) for n in range(size))


_SUBGROUPS = tuple((_ORDER // size, _subgroup(size)) for size in _prime_powers(_ORDER))
"""The group that the generator makes is the product of these (Pohlig and Hellman): an element of it is one whose
projections are in all of them."""


def _is_roca(modulus: int) -> bool:
    residue = modulus % _M
    if pow(residue, _ORDER, _M) != 1:
        return False
    return all(pow(residue, cofactor, _M) in subgroup for cofactor, subgroup in _SUBGROUPS)


# --- Fermat ---------------------------------------------------------------------------------------------------------

_COPRIMES = (64, 9, 5, 7, 11, 13)
_SIEVE = prod(_COPRIMES)


def _squares() -> frozenset[int]:
    """Modulo _SIEVE: by Chinese remainders, since the squares of so many numbers would take most of a second."""
    found, product = [0], 1
    for m in _COPRIMES:
        inverse = pow(product, -1, m)
        squares = {n * n % m for n in range(m)}
        found = [known + product * ((square - known) * inverse % m) for known in found for square in squares]
        product *= m
    return frozenset(found)


_SQUARES = _squares()
"""Fewer than one number in a hundred has such a remainder: the others need no square root."""


def _has_close_factors(modulus: int) -> bool:
    """Fermat's factorisation: n = a*a - b*b with an a just above the root of n."""
    root = isqrt(modulus - 1)
    small_root, small_modulus = root % _SIEVE, modulus % _SIEVE
    return any(
        ((small_root + n) ** 2 - small_modulus) % _SIEVE in _SQUARES and _is_square((root + n) ** 2 - modulus)
        for n in range(1, _FERMAT_ROUNDS + 1)
    )


def _is_square(number: int) -> bool:
    return isqrt(number) ** 2 == number
