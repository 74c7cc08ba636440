"""The simple types of XML Schema part 2 that the messages use: an element's text to a value, and back.

Readers raise MalformedMessage, nothing else.
"""

import re
from binascii import a2b_base64, b2a_base64
from datetime import UTC, datetime

from lxml import etree

from gateway.errors import MalformedMessage
from gateway.protocol.xml import NIL, add, name_of, quote, text, trimmed

_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
# Bounded, since int() takes time quadratic in the digits; [0-9], since \d and int() know the digits of all scripts.
_INTEGER = re.compile(r"[+-]?[0-9]{1,20}")
_DATE_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})"
)
_LANGUAGE = re.compile(r"(?=.{1,35}\Z)[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*")
"""RFC 3066, 2.1; of the length that RFC 5646, 4.4.1 gives the longest tag it can think of."""


def boolean(element: etree._Element) -> bool:
    """xs:boolean."""
    value = _BOOLEANS.get(trimmed(element))
    if value is None:
        raise _not_a("boolean", element)
    return value


def int_(element: etree._Element) -> int:
    """xs:int: 32 bits, signed."""
    return integer(element, -(2**31), 2**31 - 1)


def unsigned_int(element: etree._Element) -> int:
    """xs:unsignedInt: 32 bits."""
    return integer(element, 0, 2**32 - 1)


def unsigned_long(element: etree._Element) -> int:
    """xs:unsignedLong: 64 bits."""
    return integer(element, 0, 2**64 - 1)


def integer(element: etree._Element, least: int, most: int) -> int:
    """xs:integer within bounds."""
    lexical = trimmed(element)
    if _INTEGER.fullmatch(lexical) is None or not least <= int(lexical) <= most:
        raise MalformedMessage(f"{name_of(element)} is no integer from {least} to {most}: {quote(lexical)}")
    return int(lexical)


def base64_binary(element: etree._Element) -> bytes:
    """xs:base64Binary: padded, pad bits zero, no foreign characters (RFC 4648, 3); Windows breaks lines with CR LF."""
    try:
        lexical = text(element).encode("ascii").translate(None, b" \t\r\n")
        content = a2b_base64(lexical)
    except ValueError as error:
        raise _not_a("base64Binary", element) from error
    # Encoded anew, since the decoder skips what it does not like, and its strict mode differs between Python versions.
    if b2a_base64(content, newline=False) != lexical:
        raise _not_a("base64Binary", element)
    return content


def date_time(element: etree._Element) -> datetime:
    """xs:dateTime with a time zone, as UTC; digits beyond the microsecond are cut off."""
    lexical = trimmed(element)
    if _DATE_TIME.fullmatch(lexical) is None:
        raise _not_a("dateTime with a time zone", element)
    try:
        return datetime.fromisoformat(lexical).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _not_a("dateTime", element) from error


def language(lexical: str | None) -> str | None:
    """A language tag, or None for what is none: it is a wish, and no message fails for it."""
    return lexical if lexical is not None and _LANGUAGE.fullmatch(lexical) else None


def _not_a(name: str, element: etree._Element) -> MalformedMessage:
    return MalformedMessage(f"{name_of(element)} is no xs:{name}: {quote(text(element))}")


def to_base64(content: bytes) -> str:
    """Without line breaks, as canonical xs:base64Binary is: Windows' CR LF would go out as `&#13;` on every line."""
    return b2a_base64(content, newline=False).decode("ascii")


def add_value(parent: etree._Element, tag: str, value: bool | int | bytes | str | None) -> None:
    """A new last child with the canonical form of the value, xsi:nil for None."""
    match value:
        case None:
            add(parent, tag, attributes={NIL: "true"})
        case bool():
            add(parent, tag, "true" if value else "false")
        case bytes():
            add(parent, tag, to_base64(value))
        case _:
            add(parent, tag, str(value))
