"""Regular expressions of .NET, which TameMyCerts searches for anywhere in a value, as RE2's of the same meaning.

What the two have in common is taken over construct by construct. The classes that .NET has of all Unicode (`\\d`,
`\\w`, `\\s`) are written out, for RE2's are of ASCII. What is not known to mean the same is NotExpressible.
"""

import re
from collections.abc import Iterator
from enum import Enum, auto

from gateway.policy.patterns import NotAPattern, Regex
from gateway.policy.wellformed import is_plain


class NotExpressible(Exception):
    """There is nothing that means the same. The text says of what."""


_CLASSES = {
    "d": r"\p{Nd}",
    "w": r"\p{L}\p{Mn}\p{Nd}\p{Pc}",
    "s": r"\t-\r\x{85}\p{Z}",
}
"""Without the brackets (.NET: "Character classes in regular expressions")."""
_CONTROLS = frozenset("tnrfva")
_QUANTIFIER = re.compile(r"[*+?]\??|\{[0-9]+(?:,[0-9]*)?\}\??")
_GROUP = re.compile(r"\((?:\?(?::|<[A-Za-z_]\w*>|'[A-Za-z_]\w*'|(?P<flags>[is]+)(?P<end>[:)])))?")
_CATEGORY = re.compile(r"\\[pP]\{[LMNPSZ][a-z]?\}")
_HEXADECIMAL = re.compile(r"\\x(?P<two>[0-9A-Fa-f]{2})|\\u(?P<four>[0-9A-Fa-f]{4})")
_SPECIAL = frozenset("\\.+*?()|[]{}^$")
_SPECIAL_IN_CLASS = _SPECIAL | {"-"}


class _Kind(Enum):
    BEGIN = auto()
    END = auto()
    OPEN = auto()
    CLOSE = auto()
    OR = auto()
    FLAGS = auto()
    OTHER = auto()


_Token = tuple[_Kind, str]
_ANCHORS = {"^": (_Kind.BEGIN, "^"), "$": (_Kind.END, "$"), "|": (_Kind.OR, "|"), ")": (_Kind.CLOSE, ")")}


def to_re2(expression: str, *, ignore_case: bool = False, anywhere: bool = False) -> str:
    """An expression of RE2 that matches just where .NET finds `expression`.

    It is to match the whole value, or, with `anywhere`, to be found in it. Raises NotExpressible.
    """
    tokens = list(_tokens(expression))
    text = "".join(text for _, text in tokens)
    if not anywhere:
        text = _for_whole_values(tokens, text)
    text = f"(?i){text}" if ignore_case else text
    if not is_plain(text):
        raise NotExpressible("characters that no value can have, or blanks side by side")
    try:
        Regex(text)
    except NotAPattern as error:
        raise NotExpressible(str(error)) from error
    return text


def is_anchored(expression: str) -> bool:
    """Whether the expression speaks of values as a whole. Raises NotExpressible."""
    return _anchors(list(_tokens(expression))) == (True, True)


def _for_whole_values(tokens: list[_Token], text: str) -> str:
    begins, ends = _anchors(tokens)
    if begins and ends:
        return text
    return f"{'' if begins else '.*'}(?:{text}){'' if ends else '.*'}"


def _anchors(tokens: list[_Token]) -> tuple[bool, bool]:
    """Whether there is `^` before everything, and `$` after everything."""
    kinds = [kind for kind, _ in tokens]
    if not kinds or _has_alternatives(kinds):
        return False, False
    quantified = len(tokens) > 1 and bool(_QUANTIFIER.fullmatch(tokens[1][1]))
    return kinds[0] is _Kind.BEGIN and not quantified, kinds[-1] is _Kind.END


def _has_alternatives(kinds: list[_Kind]) -> bool:
    depth = 0
    for kind in kinds:
        depth += (kind is _Kind.OPEN) - (kind is _Kind.CLOSE)
        if kind is _Kind.OR and depth == 0:
            return True
    return False


def _tokens(expression: str) -> Iterator[_Token]:
    position = 0
    while position < len(expression):
        kind, text, position = _token(expression, position)
        yield kind, text


def _token(expression: str, at: int) -> tuple[_Kind, str, int]:
    """The token that begins at `at`, in RE2's spelling, and where it ends."""
    character = expression[at]
    if character in _ANCHORS:
        return (*_ANCHORS[character], at + 1)
    if character == "(":
        return _group(expression, at)
    if character == "[":
        text, end = _class(expression, at)
        return _Kind.OTHER, text, end
    if character == "\\":
        text, end = _escape(expression, at)
        kind = {r"\A": _Kind.BEGIN, r"\z": _Kind.END}.get(text, _Kind.OTHER)
        return kind, text, end
    if quantifier := _QUANTIFIER.match(expression, at):
        return _Kind.OTHER, quantifier[0], quantifier.end()
    return _Kind.OTHER, "." if character == "." else _literal(character), at + 1


def _group(expression: str, at: int) -> tuple[_Kind, str, int]:
    group = _GROUP.match(expression, at)
    assert group is not None, "the parenthesis alone matches"
    if group[0] == "(" and expression[at + 1 : at + 2] == "?":
        raise NotExpressible(f"the construct {expression[at : at + 4]!r}")
    flags = group["flags"]
    if group["end"] == ")":
        return _Kind.FLAGS, group[0], group.end()
    return _Kind.OPEN, f"(?{flags}:" if flags else "(?:", group.end()


def _escape(expression: str, at: int) -> tuple[str, int]:
    r"""What begins with a backslash, outside of a class: \Z is \z where no value ends with a line feed."""
    letter = expression[at + 1 : at + 2]
    if letter in {"A", "z", "Z"}:
        return rf"\{letter.replace('Z', 'z')}", at + 2
    if letter in {"D", "W", "S"}:
        return f"[^{_CLASSES[letter.lower()]}]", at + 2
    if letter in _CLASSES:
        return f"[{_CLASSES[letter]}]", at + 2
    return _escaped_character(expression, at)


def _escaped_character(expression: str, at: int) -> tuple[str, int]:
    """What begins with a backslash and means the same in a class and outside."""
    letter = expression[at + 1 : at + 2]
    if category := _CATEGORY.match(expression, at):
        return category[0], category.end()
    if number := _HEXADECIMAL.match(expression, at):
        return f"\\x{{{number['two'] or number['four']}}}", number.end()
    if letter in _CONTROLS:
        return f"\\{letter}", at + 2
    if not letter or letter == "_" or letter.isalnum():
        raise NotExpressible(f"the escape {expression[at : at + 2]!r}")
    return _literal(letter, _SPECIAL_IN_CLASS), at + 2


def _literal(character: str, special: frozenset[str] = _SPECIAL) -> str:
    return f"\\{character}" if character in special else character


def _class(expression: str, at: int) -> tuple[str, int]:
    """A bracketed class, each of its characters written out."""
    position = at + 1
    negated = expression.startswith("^", position)
    position += negated
    members: list[str] = []
    # A bracket that closes nothing stands for itself.
    while not expression.startswith("]", position) or not members:
        member, position = _member(expression, position)
        if expression.startswith("-", position) and expression[position + 1 : position + 2] not in {"]", ""}:
            last, position = _member(expression, position + 1)
            if any(map(_is_many, (member, last))):
                raise NotExpressible("a range from or to a class of characters")
            member = f"{member}-{last}"
        members.append(member)
    return f"[{'^' if negated else ''}{''.join(members)}]", position + 1


def _is_many(member: str) -> bool:
    return member in _CLASSES.values() or member.lower().startswith("\\p")


def _member(expression: str, at: int) -> tuple[str, int]:
    character = expression[at : at + 1]
    if not character:
        raise NotExpressible("a class of characters without an end")
    if character == "[" and expression[at - 1] == "-":
        raise NotExpressible("a class of characters that is subtracted from another")
    if character != "\\":
        return _literal(character, _SPECIAL_IN_CLASS), at + 1
    letter = expression[at + 1 : at + 2]
    if letter == "D":
        return r"\P{Nd}", at + 2
    if letter in _CLASSES:
        return _CLASSES[letter], at + 2
    return _escaped_character(expression, at)
