"""The list of keys that others know: published, leaked, or found in more hands than one."""

import re
from collections.abc import Iterator

from gateway.strict_yaml import Mistake, Mistaken

_DIGEST = re.compile(r"[0-9a-fA-F]{64}")


def parse_blocked_keys(text: str, file: str) -> frozenset[bytes]:
    """SHA-256 digests of SubjectPublicKeyInfos, one in hex a line; what follows a `#` is for people.

    Raises Mistaken with every line that is none, and if there is no digest at all: an empty list blocks nothing.
    """
    digests: set[bytes] = set()
    mistakes: list[Mistake] = []
    for number, entry in _entries(text):
        if not _DIGEST.fullmatch(entry):
            mistakes.append(Mistake(file, number, "", "not the SHA-256 of a SubjectPublicKeyInfo: 64 hex digits"))
        elif (digest := bytes.fromhex(entry)) in digests:
            mistakes.append(Mistake(file, number, "", "this key stands here twice"))
        else:
            digests.add(digest)
    if not digests and not mistakes:
        mistakes.append(Mistake(file, 0, "", "no keys: leave blocked_keys out, or list some"))
    if mistakes:
        raise Mistaken(tuple(mistakes))
    return frozenset(digests)


def _entries(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if entry := line.partition("#")[0].strip():
            yield number, entry
