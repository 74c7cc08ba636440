"""ASN.1 character strings to text.

Characters that nobody sees are refused: they make two names look alike, or end one early (NUL, CVE-2009-2408), and who
compares linguistically passes over them where the gateway compares code points.
"""

from unicodedata import category

from cryptography.hazmat import asn1

UTF8_STRING = b"\x0c"
BMP_STRING = b"\x1e"

_CODECS = {
    UTF8_STRING: "utf-8",
    b"\x12": "ascii",  # NumericString
    # PrintableString beyond its alphabet, too: older CAs write & and * in it, and the meaning is not in doubt.
    b"\x13": "ascii",
    b"\x14": "latin-1",  # TeletexString as everybody uses it (RFC 5280 appendix B)
    b"\x16": "ascii",  # IA5String
    b"\x1a": "ascii",  # VisibleString
    b"\x1c": "utf-32-be",  # UniversalString
    BMP_STRING: "utf-16-be",  # as Windows fills it; the UCS-2 of X.680 is the part without surrogates
}

_INVISIBLE = frozenset({"Cc", "Cf", "Zl", "Zp"})
"""Unicode's general categories of control, format and line-separating characters."""


def character_string(element: asn1.TLV, *types: bytes) -> str:
    """The text of a character string: of one of these types (tags), or of any that is read here. Raises ValueError."""
    codec = _CODECS.get(element.tag_bytes)
    if codec is None or (types and element.tag_bytes not in types):
        raise ValueError(f"a value of tag {element.tag_bytes.hex()} where a character string is wanted")
    return visible(str(element.data, codec))


def ia5_string(octets: bytes | memoryview) -> str:
    """The text of an IA5String's contents. Raises ValueError."""
    return visible(str(octets, "ascii"))


def visible(text: str) -> str:
    """The text itself. Raises ValueError if a control or format character is in it."""
    if text.isascii() and text.isprintable():
        return text
    for position, character in enumerate(text):
        if category(character) in _INVISIBLE:
            raise ValueError(f"U+{ord(character):04X}, a control or format character, at position {position}")
    return text
