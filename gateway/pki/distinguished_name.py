"""Distinguished names as an administrator writes them: the text of RFC 4514, compared by structure.

`CN=Partner CA, O=Partner` and `cn=Partner CA,O=Partner` are the same; values are compared letter for letter.
"""

import re

DistinguishedName = tuple[frozenset[tuple[str, str]], ...]
"""RDNs in the order of the text, each a set of (attribute type in lower case, value)."""

_TYPE = r"[A-Za-z][A-Za-z0-9-]*|(?:OID\.)?[0-9]+(?:\.[0-9]+)+"
# Possessive: the text may come from a certificate, and must not make the expression try alternatives without end.
_CHARACTER = r"""(?:\\[0-9A-Fa-f]{2})++|\\[ "#+,;<=>\\]|[^"+,;<>\\\0]"""
# A value that begins with an unescaped # would be BER in hex (RFC 4514 2.4), which the gateway never prints.
_ATTRIBUTE = re.compile(rf" *({_TYPE}) *= *+(?!#)((?:{_CHARACTER})*+)([,+]|\Z)", re.DOTALL)
_CHARACTERS = re.compile(_CHARACTER, re.DOTALL)


def parse_distinguished_name(text: str) -> DistinguishedName:
    """Raises ValueError for anything but one distinguished name with at least one RDN."""
    rdns: list[frozenset[tuple[str, str]]] = []
    members: set[tuple[str, str]] = set()
    separator, position = ",", 0
    while separator:
        match = _ATTRIBUTE.match(text, position)
        if match is None:
            raise ValueError(f"{text[position:]!r} is not as in CN=Partner CA,O=Partner,C=DE (RFC 4514)")
        kind, value, separator = match.groups()
        member = _member(kind, value)
        if member in members:
            raise ValueError(f"{match[0]!r} stands twice in one RDN")
        members.add(member)
        if separator != "+":
            rdns.append(frozenset(members))
            members = set()
        position = match.end()
    return tuple(rdns)


def in_any_case(name: DistinguishedName) -> DistinguishedName:
    """For comparisons as a directory makes them, which tells no values apart by their case."""
    return tuple(frozenset((kind, value.lower()) for kind, value in rdn) for rdn in name)


def is_below(name: DistinguishedName, container: DistinguishedName) -> bool:
    """Whether it stands in the container, or deeper; nothing stands in itself. In any case."""
    return len(name) > len(container) and in_any_case(name)[-len(container) :] == in_any_case(container)


def _member(kind: str, value: str) -> tuple[str, str]:
    characters = _CHARACTERS.findall(value)
    while characters and characters[-1] == " ":
        characters.pop()
    return kind.lower().removeprefix("oid."), "".join(map(_unescaped, characters))


def _unescaped(character: str) -> str:
    if not character.startswith("\\"):
        return character
    return character[1] if len(character) == 2 else bytes.fromhex(character.replace("\\", "")).decode()
