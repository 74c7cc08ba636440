"""Mutations that keep the form of what they change, so that the fuzzer comes past a parser's first look.

Each takes an input, the most bytes that the outcome may have, a seed and libFuzzer's own mutation of bytes. Half of the
outcomes are libFuzzer's, for the form itself must be attacked too.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from random import Random

Bytes = Callable[[bytes, int], bytes]
"""libFuzzer's mutation: input, most bytes of the outcome."""
Mutation = Callable[[bytes, int, int, Bytes], bytes]

_SOME = 64
"""Bytes that a mutated primitive value may have."""
_OCTET_STRING = 0x04
_BIT_STRING = 0x03
_CONSTRUCTED = 0x20
_MAX_DEPTH = 32
_TAGS = bytes.fromhex("01 02 03 04 05 06 0a 0c 12 13 14 16 17 18 1a 1c 1e 30 31 80 81 82 86 87 88 a0 a1 a2 a3 a4")


def of_der(seeds: Iterable[bytes]) -> Mutation:
    """Elements are changed, left out, doubled, exchanged and brought in from `seeds`; all lengths are made right."""
    pool = [node.encoded() for seed in seeds for node in _walk(parse(seed))]

    def mutate(data: bytes, most: int, seed: int, mutate_bytes: Bytes) -> bytes:
        random = Random(seed)
        tree = parse(data)
        if not tree or random.random() < 0.5:
            return mutate_bytes(data, most)
        for _ in range(random.choice((1, 1, 1, 2, 4))):
            _change(tree, random, pool, mutate_bytes)
        changed = b"".join(node.encoded() for node in tree)
        return changed if len(changed) <= most else mutate_bytes(data, most)

    return mutate


def of_text(tokens: str, seeds: Iterable[bytes]) -> Mutation:
    """As `of_der`, with the matches of the regular expression `tokens` as the elements."""
    split = re.compile(tokens.encode(), re.DOTALL)
    pool = sorted({token for seed in seeds for token in split.findall(seed)})

    def mutate(data: bytes, most: int, seed: int, mutate_bytes: Bytes) -> bytes:
        random = Random(seed)
        found: list[bytes] = split.findall(data)
        if not found or random.random() < 0.5:
            return mutate_bytes(data, most)
        at = random.randrange(len(found))
        match random.randrange(5):
            case 0:
                del found[at : at + random.choice((1, 1, 2, 5))]
            case 1:
                found.insert(at, random.choice(pool))
            case 2:
                found[at] = random.choice(pool)
            case 3:
                found[at:at] = found[random.randrange(len(found)) :][: random.choice((1, 3, 8))]
            case _:
                found[at] = mutate_bytes(found[at], len(found[at]) + _SOME)
        return b"".join(found)[:most]

    return mutate


# --- DER ------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Node:
    """An element. What an OCTET STRING or BIT STRING wraps is opened, as long as it is DER itself."""

    tag: int
    prefix: bytes = b""
    """The octet of unused bits."""
    content: bytes = b""
    children: "list[Node] | None" = None

    def encoded(self) -> bytes:
        inside = self.content if self.children is None else b"".join(child.encoded() for child in self.children)
        inside = self.prefix + inside
        if len(inside) < 0x80:
            return bytes((self.tag, len(inside))) + inside
        length = len(inside).to_bytes((len(inside).bit_length() + 7) // 8)
        return bytes((self.tag, 0x80 | len(length))) + length + inside


def parse(data: bytes, depth: int = 0) -> list[Node]:
    """The elements that `data` consists of, empty if it does not consist of any."""
    nodes: list[Node] = []
    position = 0
    while position < len(data):
        header = _header(data, position)
        if header is None:
            return []
        start, end = header
        nodes.append(_node(data[position], data[start:end], depth))
        position = end
    return nodes


def _header(data: bytes, position: int) -> tuple[int, int] | None:
    """Where the content begins and ends."""
    if position + 2 > len(data) or data[position] & 0x1F == 0x1F:
        return None
    length = data[position + 1]
    start = position + 2
    if length >= 0x80:
        octets = length & 0x7F
        if not 1 <= octets <= 3:
            return None
        length = int.from_bytes(data[start : start + octets])
        start += octets
    return (start, start + length) if start + length <= len(data) else None


def _node(tag: int, content: bytes, depth: int) -> Node:
    prefix = content[:1] if tag == _BIT_STRING else b""
    opens = tag & _CONSTRUCTED or tag in {_OCTET_STRING, _BIT_STRING}
    children = parse(content[len(prefix) :], depth + 1) if opens and depth < _MAX_DEPTH else []
    return Node(tag, prefix, content[len(prefix) :], children or None)


def _walk(nodes: list[Node]) -> Iterator[Node]:
    for node in nodes:
        yield node
        yield from _walk(node.children or [])


def _change(tree: list[Node], random: Random, pool: list[bytes], mutate_bytes: Bytes) -> None:
    families = [tree, *(node.children for node in _walk(tree) if node.children)]
    siblings = random.choice(families)
    if not siblings:
        return
    at = random.randrange(len(siblings))
    node = siblings[at]
    match random.randrange(8):
        case 0:
            del siblings[at]
        case 1:
            siblings.insert(at, Node(node.tag, node.prefix, node.content, node.children))
        case 2:
            other = random.randrange(len(siblings))
            siblings[at], siblings[other] = siblings[other], siblings[at]
        case 3:
            siblings[at] = parse(random.choice(pool))[0]
        case 4:
            siblings.insert(at, parse(random.choice(pool))[0])
        case 5:
            node.tag = random.choice(_TAGS)
        case 6:
            siblings[at] = Node(random.choice(b"\x30\x31\x04\xa0"), children=[node])
        case _:
            inside = node.encoded()[2:] if node.children else node.content
            node.content, node.children = mutate_bytes(inside, len(inside) + _SOME), None
