"""What an attack of the corpus is."""

from collections.abc import Iterable
from dataclasses import dataclass

from tests.vectors.attacks.carriers import Message


@dataclass(frozen=True, slots=True)
class Attack:
    """A trick in one carrier, and the same message without the trick."""

    trick: str
    carrier: str
    attack: Message
    harmless: Message
    caught_by: tuple[str, ...]
    """`section.field` of every violation; or the one error's class."""

    @property
    def name(self) -> str:
        return f"{self.trick}--{self.carrier}"


def caught(words: str | Iterable[str]) -> tuple[str, ...]:
    return (words,) if isinstance(words, str) else tuple(words)
