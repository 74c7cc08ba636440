import pytest

from tests.fuzz.mutation import of_der, of_text, parse
from tests.fuzz.targets import FINDINGS, TARGETS, VECTORS, seeds_of
from tests.requests import integer, octet_string, sequence


@pytest.mark.parametrize("name", TARGETS)
def test_what_fuzzing_starts_from_and_what_it_found_upholds_the_invariant(name: str) -> None:
    target = TARGETS[name]
    seeds = seeds_of(target)
    assert seeds

    for seed in seeds:
        target.run(seed)


def test_every_finding_is_of_a_target() -> None:
    assert {folder.name for folder in FINDINGS.iterdir()} <= TARGETS.keys()


def unchanged(data: bytes, most: int) -> bytes:
    return data[:most]


def test_a_mutation_of_der_is_der_again() -> None:
    seed = sequence(integer(1), octet_string(sequence(integer(2), integer(3))), octet_string(b"text"))
    mutate = of_der([seed])

    mutants = {mutate(seed, 1000, number, unchanged) for number in range(500)}

    assert len(mutants) > 100
    assert all(parse(mutant) or not mutant for mutant in mutants)


def test_a_mutation_is_no_longer_than_it_may_be() -> None:
    seed = sequence(integer(1), octet_string(sequence(integer(2), integer(3))))
    mutations = [of_der([seed]), of_text("<[^>]*>", [b"<a><b>"])]

    for number in range(500):
        for mutate in mutations:
            assert len(mutate(seed + b"<c>", len(seed), number, unchanged)) <= len(seed)


def test_a_request_is_read_into_elements_and_written_again() -> None:
    der = (VECTORS / "pkcs10" / "captured-certreq-ws2025.der").read_bytes()

    assert b"".join(node.encoded() for node in parse(der)) == der
