import pytest

from gateway.policy.template_flags import (
    BITS,
    EnrollmentFlags,
    GeneralFlags,
    PrivateKeyFlags,
    SubjectNameFlags,
    flags_of,
    words,
)

KINDS = (EnrollmentFlags, GeneralFlags, PrivateKeyFlags, SubjectNameFlags)


def test_flags_are_told_by_their_names_from_the_lowest_bit() -> None:
    assert words(SubjectNameFlags(0x82000001)) == (
        "ENROLLEE_SUPPLIES_SUBJECT",
        "SUBJECT_ALT_REQUIRE_UPN",
        "SUBJECT_REQUIRE_DIRECTORY_PATH",
    )


def test_a_bit_without_a_name_is_told_as_its_number() -> None:
    assert words(PrivateKeyFlags(0x01000010)) == ("EXPORTABLE_KEY", "0x01000000")


@pytest.mark.parametrize("kind", KINDS)
def test_each_bit_is_read_as_it_was_told(kind: type[EnrollmentFlags]) -> None:
    for n in range(BITS):
        assert flags_of(kind, words(kind(1 << n))) == kind(1 << n)


@pytest.mark.parametrize("word", ["PEND_ALL", "0x3", "0x0", "0x100000000", "0xg", "-0x1", "2", ""])
def test_what_is_neither_a_name_nor_a_bit_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="is no flag: write"):
        flags_of(EnrollmentFlags, [word])
