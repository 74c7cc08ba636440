"""What the sections of a policy file are made of.

Nothing is coerced, and nothing may be empty: leaving a section out is how to allow nothing.
"""

import re
from typing import Annotated, TypeVar

from pydantic import AfterValidator, ConfigDict
from pydantic.alias_generators import to_camel

from gateway.policy.wellformed import is_plain
from gateway.strict_yaml import Settings

T = TypeVar("T")


class Section(Settings):
    """A part of a policy file. Its keys are the standards' names, or TameMyCerts' where the standards have none."""

    model_config = ConfigDict(alias_generator=to_camel)


def not_empty(value: T) -> T:
    """For validators: pydantic reports their ValueErrors, each with its place."""
    if not value:
        raise ValueError("must not be empty: leave it out, or say what is allowed")
    return value


Some = Annotated[tuple[T, ...], AfterValidator(not_empty)]
"""A list with something in it."""

Given = Annotated[T | None, AfterValidator(not_empty)]
"""Something that can be left out. None stands for that alone, not for a key with nothing after it."""


def _plain(text: str) -> str:
    if not text or not is_plain(text):
        raise ValueError("must be printable text in Unicode form NFKC, without superfluous blanks, and not empty")
    return text


PlainText = Annotated[str, AfterValidator(_plain)]

_OBJECT_IDENTIFIER = re.compile(r"(?:[01]\.[1-3]?[0-9]|2\.(?:0|[1-9][0-9]*))(?:\.(?:0|[1-9][0-9]*))*")


def is_object_identifier(text: str) -> bool:
    """Dotted numbers in their one spelling (RFC 4512 1.4)."""
    return bool(_OBJECT_IDENTIFIER.fullmatch(text))


def _object_identifier(text: str) -> str:
    if not is_object_identifier(text):
        raise ValueError("not an object identifier in dotted numbers")
    return text


ObjectIdentifier = Annotated[str, AfterValidator(_object_identifier)]
