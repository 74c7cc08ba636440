"""Writes a policy file for people: short things on one line, and places that an administrator must fill in."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ToFillIn:
    """A place without a value, which no policy file is loaded with; the comment says what belongs there."""

    comment: str


Node = str | int | Sequence["Node"] | Mapping[str, "Node"] | ToFillIn
"""`int` has `bool` in it."""


def render(content: Mapping[str, Node], comments: Sequence[str]) -> str:
    """The text of a file, the comments at its head."""
    lines = [*(comment_line(comment) for comment in comments), *_mapping(content)]
    return "\n".join(lines) + "\n"


def comment_line(text: str) -> str:
    """One line, whatever is in the text."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return f"# {printable}".rstrip()


def _mapping(content: Mapping[str, Node]) -> Iterator[str]:
    for key, value in content.items():
        if isinstance(value, ToFillIn):
            yield f"{key}: {comment_line(value.comment.removeprefix(f'{key}: '))}"
        elif (short := _flow(value)) is not None:
            yield f"{key}: {short}"
        else:
            yield f"{key}:"
            yield from (f"  {line}" for line in _block(value))


def _block(value: Node) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from _mapping(value)
        return
    assert isinstance(value, Sequence), "scalars are short"
    for item in value:
        short = _flow(item)
        first, *rest = [short] if short is not None else _block(item)
        yield f"- {first}"
        yield from (f"  {line}" for line in rest)


def _flow(value: Node) -> str | None:
    """On one line, where that is readable."""
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str():
            return _scalar(value)
        case Mapping() if len(value) == 1:
            ((key, inner),) = value.items()
            return f"{{{key}: {_scalar(inner)}}}" if isinstance(inner, str) else None
        case Sequence():
            words = [_scalar(item) for item in value if isinstance(item, str) and item.isalnum()]
            return f"[{', '.join(words)}]" if len(words) == len(value) else None
    return None


def _scalar(text: str) -> str:
    """In single quotes, which leave backslashes alone; in double ones what is not printable."""
    if text.isascii() and text.isalpha() and text.lower() not in _WORDS_OF_YAML:
        return text
    if text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    return '"' + "".join(f"\\U{ord(character):08x}" for character in text) + '"'


_WORDS_OF_YAML = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})
