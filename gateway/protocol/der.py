"""The DER of SPNEGO and Kerberos, where every field of a SEQUENCE has an explicit tag of its own (X.690).

What cannot be read is a ValueError; the parsers of this package turn it into their own error.
"""

from cryptography.hazmat import asn1
from cryptography.x509 import ObjectIdentifier

ENUMERATED = 0x0A
SEQUENCE = 0x30
_INTEGER = b"\x02"
_LONG_FORM = 0x80
"""Of a length, with the number of its octets (X.690 8.1.3.5)."""


def application(number: int) -> int:
    """The tag of [APPLICATION number], constructed."""
    return 0x60 | number


def context(number: int) -> int:
    """The tag of [number], constructed: as EXPLICIT tags are."""
    return 0xA0 | number


# --- reading --------------------------------------------------------------------------------------------------------


def contents(der: bytes, tag: int) -> bytes:
    """What is inside of exactly one value of this tag, nothing after it."""
    value = asn1.decode_der(asn1.TLV, der)
    if value.tag_bytes != bytes((tag,)):
        raise ValueError(f"a value of tag {value.tag_bytes.hex()} where {tag:02x} is wanted")
    return bytes(value.data)


def elements(der: bytes, at_most: int) -> list[bytes]:
    """The DER of each element of a SEQUENCE, whatever they are; nothing is read behind the last that may be there.

    The library would read them all before they can be counted: 24000 fit into a token that nobody has proved.
    """
    inside = contents(der, SEQUENCE)
    found: list[bytes] = []
    start = 0
    while start < len(inside):
        if len(found) == at_most:
            raise ValueError(f"a SEQUENCE of more than {at_most} elements")
        end = _end_of_value(inside, start)
        found.append(inside[start:end])
        asn1.decode_der(asn1.TLV, found[-1])
        start = end
    return found


def _end_of_value(octets: bytes, start: int) -> int:
    """Where the value ends that begins at `start`, if it is one of DER and its tag is one octet; the library tells."""
    contents_at = start + 2
    length = int.from_bytes(octets[start + 1 : contents_at])
    if length < _LONG_FORM:
        return contents_at + length
    length_at, contents_at = contents_at, contents_at + (length - _LONG_FORM)
    return contents_at + int.from_bytes(octets[length_at:contents_at])


def fields(der: bytes, count: int) -> dict[int, bytes]:
    """The DER of the values in a SEQUENCE by the numbers of their tags, which are explicit, ascend and begin at [0].

    `count` is how many the structure has; each of them may be absent.
    """
    found: dict[int, bytes] = {}
    least = 0
    for element in elements(der, count):
        number = element[0] - context(0)
        if not least <= number < count:
            raise ValueError(f"a field of tag {element[0]:02x} that is unknown, or out of order")
        found[number] = contents(element, element[0])
        least = number + 1
    return found


def required(found: dict[int, bytes], number: int) -> bytes:
    """A field that is not OPTIONAL."""
    if number not in found:
        raise ValueError(f"field [{number}] is missing")
    return found[number]


def object_identifier(der: bytes) -> str:
    """In its dotted form."""
    return asn1.decode_der(ObjectIdentifier, der).dotted_string


def octet_string(der: bytes) -> bytes:
    return asn1.decode_der(bytes, der)


def integer(der: bytes) -> int:
    return asn1.decode_der(int, der)


def enumerated(der: bytes) -> int:
    """An ENUMERATED is an INTEGER of another tag (X.690 8.4)."""
    contents(der, ENUMERATED)
    return integer(_INTEGER + der[1:])


# --- writing --------------------------------------------------------------------------------------------------------


def encode(tag: int, *parts: bytes) -> bytes:
    """One value of this tag, with the parts inside."""
    inside = b"".join(parts)
    if len(inside) < _LONG_FORM:
        return bytes((tag, len(inside))) + inside
    length = len(inside).to_bytes((len(inside).bit_length() + 7) // 8)
    return bytes((tag, _LONG_FORM | len(length))) + length + inside


def encode_object_identifier(dotted: str) -> bytes:
    return asn1.encode_der(ObjectIdentifier(dotted))


def encode_octet_string(octets: bytes) -> bytes:
    return asn1.encode_der(octets)
