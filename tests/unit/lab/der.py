"""A reader of DER that knows tags and lengths only, to look at captured and at made messages with the same eyes."""

from collections.abc import Iterator
from dataclasses import dataclass

SEQUENCE, SET, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, UTF8_STRING, GENERALIZED_TIME = (
    0x30,
    0x31,
    0x02,
    0x06,
    0x04,
    0x0C,
    0x18,
)


@dataclass(frozen=True, slots=True)
class Node:
    tag: int
    content: bytes
    encoded: bytes

    @property
    def children(self) -> tuple["Node", ...]:
        return tuple(nodes(self.content)) if self.tag & 0x20 else ()

    def __getitem__(self, index: int) -> "Node":
        return self.children[index]

    @property
    def outline(self) -> tuple[object, ...]:
        """The tags, nested as the elements are."""
        return (self.tag, *(child.outline for child in self.children))

    @property
    def oid(self) -> str:
        assert self.tag == OBJECT_IDENTIFIER
        numbers, number = [], 0
        for byte in self.content:
            number = number << 7 | byte & 0x7F
            if not byte & 0x80:
                numbers.append(number)
                number = 0
        first = min(numbers[0] // 40, 2)
        return ".".join(map(str, (first, numbers[0] - 40 * first, *numbers[1:])))

    @property
    def integer(self) -> int:
        assert self.tag == INTEGER
        return int.from_bytes(self.content, "big", signed=True)


def node(der: bytes) -> Node:
    """The one element that these bytes are."""
    (only,) = nodes(der)
    return only


def nodes(der: bytes) -> Iterator[Node]:
    while der:
        tag, length, start = der[0], der[1], 2
        if length & 0x80:
            start += length & 0x7F
            length = int.from_bytes(der[2:start], "big")
        assert len(der) >= start + length, "cut short"
        yield Node(tag, der[start : start + length], der[: start + length])
        der = der[start + length :]
