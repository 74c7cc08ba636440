import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.directory.sid import domain_of, parse_sid, render_sid

ADMINISTRATORS = bytes.fromhex("01020000000000052000000020020000")


def test_the_two_forms_of_a_sid() -> None:
    assert parse_sid(ADMINISTRATORS) == "S-1-5-32-544"
    assert render_sid("S-1-5-32-544") == ADMINISTRATORS


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=15))
def test_each_form_is_the_others_only_one(authority: int, parts: list[int]) -> None:
    text = "-".join(("S", "1", str(authority), *map(str, parts)))

    assert parse_sid(render_sid(text)) == text


@given(st.binary(max_size=80))
def test_bytes_are_a_sid_or_a_mistake(value: bytes) -> None:
    try:
        text = parse_sid(value)
    except ValueError:
        return
    assert render_sid(text) == value


@pytest.mark.parametrize(
    "value",
    [
        b"",
        ADMINISTRATORS[:-1],
        ADMINISTRATORS + b"\0",
        b"\2" + ADMINISTRATORS[1:],
        bytes.fromhex("0100000000000005"),
        bytes.fromhex("0110000000000005") + bytes(64),
        bytes.fromhex("010101000000000500000000"),
    ],
)
def test_what_is_not_a_sid_is_refused(value: bytes) -> None:
    with pytest.raises(ValueError, match="SID"):
        parse_sid(value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "S-1-5",
        "s-1-5-32-544",
        "S-2-5-32-544",
        "S-1-5-32-0544",
        "S-1-5-32-4294967296",
        "S-1-5-32-544\n",
        "S-1-5-32-544>",
        "S-1-5-٣٢",
        "S-1-5" + 16 * "-1",
    ],
)
def test_only_the_text_that_windows_writes_is_a_sid(text: str) -> None:
    with pytest.raises(ValueError, match="SID"):
        render_sid(text)


def test_a_domains_sid_is_all_but_the_last_part() -> None:
    assert domain_of("S-1-5-21-1-2-3-1104") == "S-1-5-21-1-2-3"
