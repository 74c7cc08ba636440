import pytest
from cryptography.hazmat import asn1

from gateway.pki.text import BMP_STRING, UTF8_STRING, character_string, ia5_string, visible
from tests.requests import tlv


def element(tag: int, octets: bytes) -> asn1.TLV:
    return asn1.decode_der(asn1.TLV, tlv(tag, octets))


@pytest.mark.parametrize(
    ("tag", "octets", "text"),
    [
        (0x0C, "Köln 日本".encode(), "Köln 日本"),
        (0x12, b"0123", "0123"),
        (0x13, b"Partner", "Partner"),
        (0x13, b"AT&T *", "AT&T *"),
        (0x14, b"K\xf6ln", "Köln"),
        (0x16, b"a@b.example", "a@b.example"),
        (0x1A, b"visible", "visible"),
        (0x1C, "Köln".encode("utf-32-be"), "Köln"),
        (0x1E, "Köln".encode("utf-16-be"), "Köln"),
        (0x0C, b"", ""),
    ],
)
def test_every_type_of_character_string_is_read(tag: int, octets: bytes, text: str) -> None:
    assert character_string(element(tag, octets)) == text


@pytest.mark.parametrize(
    ("tag", "octets"),
    [
        (0x0C, b"\xff"),
        (0x0C, b"\xc0\x80"),  # NUL, overlong
        (0x0C, b"\xed\xa0\x80"),  # a surrogate
        (0x13, b"K\xf6ln"),
        (0x16, b"\x80"),
        (0x1C, b"\x00\x11\x00\x00"),
        (0x1E, b"\x00"),
        (0x1E, b"\xd8\x00"),
    ],
)
def test_octets_that_are_no_text_are_refused(tag: int, octets: bytes) -> None:
    with pytest.raises(ValueError, match="codec"):
        character_string(element(tag, octets))


@pytest.mark.parametrize("tag", [0x04, 0x02, 0x1B, 0x2C, 0x80])
def test_a_value_of_another_type_is_no_character_string(tag: int) -> None:
    with pytest.raises(ValueError, match=f"a value of tag {tag:02x}"):
        character_string(element(tag, b"a"))


def test_only_the_wanted_types_are_taken() -> None:
    assert character_string(element(0x1E, b"\x00a"), BMP_STRING) == "a"
    with pytest.raises(ValueError, match="tag 1e"):
        character_string(element(0x1E, b"\x00a"), UTF8_STRING)


@pytest.mark.parametrize(
    "hidden", ["\x00", "\n", "\x7f", "\x85", "\u00ad", "\u200b", "\u202e", "\u2028", "\u2029", "\ufeff"]
)
def test_a_character_that_nobody_sees_is_refused(hidden: str) -> None:
    with pytest.raises(ValueError, match=f"U\\+{ord(hidden):04X}.* at position 5"):
        visible(f"admin{hidden}")


@pytest.mark.parametrize("text", ["", "web01", "株式会社\u3000日立", "Ünï\u00a0cöde"])
def test_blanks_and_letters_of_every_script_are_text(text: str) -> None:
    assert visible(text) == text


def test_an_ia5_string_has_no_other_characters() -> None:
    assert ia5_string(b"web01") == "web01"
    with pytest.raises(ValueError, match="ascii"):
        ia5_string("köln".encode())
