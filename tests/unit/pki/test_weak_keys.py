"""Weak keys are made here by the mistakes that made them in the field."""

from itertools import count
from math import isqrt, prod
from random import Random

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from gateway.pki.weak_keys import weakness

SMALL_PRIMES = [n for n in range(2, 1000) if all(n % divisor for divisor in range(2, n))]
ROCA = "the fingerprint of ROCA (CVE-2017-15361)"
CLOSE = "two factors that are close to each other (CVE-2022-26320)"
SMALL = "a prime factor below 752"


def is_prime(number: int) -> bool:
    return all(number % prime for prime in SMALL_PRIMES) and pow(2, number - 1, number) == 1


def prime_from(number: int) -> int:
    """The first prime from here on."""
    return next(n for n in count(number | 1, 2) if is_prime(n))


def a_prime(random: Random, bits: int) -> int:
    return prime_from(random.getrandbits(bits) | 3 << bits - 2)


def a_roca_prime(random: Random, bits: int, primes: int) -> int:
    """k * M + (65537**a mod M), with M the product of the first so many primes."""
    m = prod(SMALL_PRIMES[:primes])
    while True:
        k = random.getrandbits(bits - m.bit_length()) | 1 << bits - m.bit_length() - 1
        candidate = k * m + pow(65537, random.getrandbits(200), m)
        if is_prime(candidate):
            return candidate


@pytest.fixture(scope="module")
def honest() -> list[int]:
    random = Random(20171015)
    primes = [a_prime(random, 256) for _ in range(400)]
    return [p * q for p, q in zip(primes[:200], primes[200:], strict=True)]


def test_no_honest_key_is_weak(honest: list[int]) -> None:
    assert [modulus for modulus in honest if weakness(modulus, 65537) is not None] == []


@pytest.mark.parametrize("bits", [2048, 3072, 4096])
def test_no_key_of_the_library_is_weak(bits: int) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits).public_key().public_numbers()

    assert weakness(key.n, key.e) is None


@pytest.mark.parametrize(("bits", "primes"), [(256, 39), (512, 71), (1024, 126)])
def test_a_key_of_the_formula_of_roca_is_found(bits: int, primes: int) -> None:
    random = Random(bits)

    assert weakness(a_roca_prime(random, bits, primes) * a_roca_prime(random, bits, primes), 65537) == ROCA


def test_one_prime_of_the_formula_of_roca_is_not_enough_to_be_found() -> None:
    random = Random(1)

    assert weakness(a_roca_prime(random, 256, 39) * a_prime(random, 256), 65537) is None


def test_what_has_the_right_remainders_but_is_no_power_is_not_found() -> None:
    """Modulo each prime it is some power of the generator, but modulo all of them it is not one and the same power."""
    m = prod(SMALL_PRIMES[:39])
    # One modulo all primes but two, where it is different powers of the generator.
    residue = next(n for n in range(1, m, m // 29 // 43) if n % 29 == pow(65537, 2, 29) and n % 43 == pow(65537, 5, 43))
    random = Random(2)
    modulus = next(
        n
        for n in count(residue + m * random.getrandbits(400), m)
        if all(n % prime for prime in SMALL_PRIMES if prime < 752)
    )

    assert weakness(modulus, 65537) is None


@pytest.mark.parametrize("factor", [3, 5, 7, 11, 167, 173, 743, 751])
def test_a_small_factor_is_found(factor: int) -> None:
    assert weakness(factor * a_prime(Random(factor), 512), 65537) == SMALL


def test_the_first_prime_that_is_not_small_is_none() -> None:
    assert weakness(757 * a_prime(Random(757), 512), 65537) is None


def test_an_even_modulus_is_found() -> None:
    assert weakness(2 * a_prime(Random(2), 512), 65537) == SMALL


@pytest.mark.parametrize("distance", [2, 1 << 20, 1 << 200])
def test_primes_that_are_close_are_found(distance: int) -> None:
    p = a_prime(Random(3), 512)

    assert weakness(p * prime_from(p + distance), 65537) == CLOSE


def test_the_square_of_a_prime_is_found() -> None:
    assert weakness(a_prime(Random(4), 512) ** 2, 65537) == CLOSE


@pytest.mark.parametrize(("rounds", "expected"), [(1, CLOSE), (2, CLOSE), (100, CLOSE), (101, None)])
def test_a_hundred_rounds_are_tried(rounds: int, expected: str | None) -> None:
    """(a - b) * (a + b), where the root of the product is a little more than `rounds` - 1 below a."""
    pairs = ((a, isqrt(2 * a * rounds - a)) for a in count(1 << 512))
    modulus = next(
        a * a - b * b
        for a, b in pairs
        if all((a * a - b * b) % prime for prime in SMALL_PRIMES) and a - isqrt(a * a - b * b) == rounds
    )

    assert weakness(modulus, 65537) == expected


@pytest.mark.parametrize("exponent", [0, 1, 2, 4, 65536])
def test_an_exponent_that_is_none_is_found(honest: list[int], exponent: int) -> None:
    assert weakness(honest[0], exponent) == "an exponent that encrypts nothing, or cannot be inverted"


def test_a_small_odd_exponent_is_for_the_policy_to_judge(honest: list[int]) -> None:
    assert weakness(honest[0], 3) is None
