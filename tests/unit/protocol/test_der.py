import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.protocol import der
from tests.requests import integer, object_identifier, octet_string, sequence, tlv


@pytest.mark.parametrize("size", [0, 0x7F, 0x80, 0xFF, 0x100, 0x10000])
def test_what_is_encoded_is_read_again(size: int) -> None:
    inside = bytes(size)

    encoded = der.encode(0x04, inside)

    assert encoded == octet_string(inside)
    assert der.contents(encoded, 0x04) == der.octet_string(encoded) == inside


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\x30",
        b"\x30\x01",
        b"\x30\x00\x00",
        b"\x30\x80\x00\x00",  # BER: indefinite length
        b"\x30\x81\x00",  # BER: a length in more octets than needed
        b"\x31\x00",
    ],
)
def test_what_is_not_exactly_one_value_of_its_tag_is_refused(octets: bytes) -> None:
    with pytest.raises(ValueError, match=r"tag 31 where 30 is wanted|error parsing"):
        der.contents(octets, der.SEQUENCE)


def test_the_elements_of_a_sequence_are_found() -> None:
    long = [octet_string(bytes(size)) for size in (0x7F, 0x80, 0x100)]

    assert der.elements(sequence(integer(1), *long), 4) == [integer(1), *long]
    assert der.elements(sequence(), 0) == []
    with pytest.raises(ValueError, match="tag 31"):
        der.elements(tlv(0x31), 1)


def test_nothing_is_read_behind_the_last_element_that_may_be_there() -> None:
    with pytest.raises(ValueError, match="more than 2 elements"):
        der.elements(sequence(integer(1), integer(2), b"\xff garbage"), 2)
    with pytest.raises(ValueError, match="more than 2 elements"):
        der.fields(sequence(*(tlv(0xA0, integer(number)) for number in range(3))), 2)


@pytest.mark.parametrize(
    "element",
    [
        b"\x04",
        b"\x04\x01",
        b"\x04\x82\x01",
        b"\x04\xff",
        b"\x30\x80\x00\x00",  # BER: indefinite length
        b"\x04\x81\x01\x00",  # BER: a length in more octets than needed
        b"\x1f\x81\x00",
    ],
)
def test_an_element_that_is_not_one_of_der_is_refused(element: bytes) -> None:
    with pytest.raises(ValueError, match="error parsing"):
        der.elements(sequence(integer(1), element), 4)


def test_fields_are_found_by_their_tags() -> None:
    octets = sequence(tlv(0xA0, integer(5)), tlv(0xA2, octet_string(b"a")))

    found = der.fields(octets, 3)

    assert found == {0: integer(5), 2: octet_string(b"a")}
    assert der.required(found, 2) == octet_string(b"a")
    with pytest.raises(ValueError, match=r"field \[1\] is missing"):
        der.required(found, 1)


@pytest.mark.parametrize(
    "fields",
    [
        [tlv(0xA3, integer(5))],
        [tlv(0xA1, integer(5)), tlv(0xA0, integer(5))],
        [tlv(0xA1, integer(5)), tlv(0xA1, integer(5))],
        [integer(5)],
        [tlv(0x80, integer(5))],
        [b"\xbf\x81\x00\x00"],
    ],
)
def test_fields_that_are_unknown_or_out_of_order_are_refused(fields: list[bytes]) -> None:
    with pytest.raises(ValueError, match=r"unknown, or out of order|error parsing"):
        der.fields(sequence(*fields), 3)


def test_simple_values_are_read() -> None:
    assert der.integer(integer(-5)) == -5
    assert der.enumerated(b"\x0a\x01\x02") == 2
    assert der.object_identifier(object_identifier("1.2.840.113554.1.2.2")) == "1.2.840.113554.1.2.2"
    with pytest.raises(ValueError, match="tag 02 where 0a"):
        der.enumerated(integer(2))
    for reader in (der.integer, der.enumerated, der.object_identifier, der.octet_string):
        with pytest.raises(ValueError, match=r"error parsing|is wanted"):
            reader(b"\x05\x00")


def test_simple_values_are_written() -> None:
    assert der.encode_object_identifier("1.3.6.1.5.5.2") == object_identifier("1.3.6.1.5.5.2")
    assert der.encode_octet_string(b"a") == octet_string(b"a")
    assert (der.application(14), der.context(3)) == (0x6E, 0xA3)


@given(st.binary(max_size=32))
def test_any_bytes_are_read_or_refused(octets: bytes) -> None:
    for read in (der.integer, der.enumerated, der.object_identifier, der.octet_string):
        try:
            read(octets)
        except ValueError:
            continue


@given(st.binary(max_size=32))
def test_any_bytes_are_elements_or_refused(octets: bytes) -> None:
    """What is not refused is all there, nothing twice and nothing left out."""
    der_of_it = sequence(octets)
    try:
        found = der.elements(der_of_it, 16)
    except ValueError:
        return
    assert sequence(*found) == der_of_it
