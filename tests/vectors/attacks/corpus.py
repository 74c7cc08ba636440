"""All attacks, and the files that they are kept in: written by `python -m tests.vectors.build`."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from tests.vectors.attacks.attack import Attack
from tests.vectors.attacks.singles import archived, on_behalf_of, renewals, said_twice, unproven, weak_keys, wrapped
from tests.vectors.attacks.tricks import conflicts, in_extensions, in_pairs, line_breaks, templates
from tests.weak_keys import a_weak_key

FOLDER = Path(__file__).parent

README = """\
# Attack requests

Written by `python -m tests.vectors.build` from `carriers.py`, `tricks.py` and `singles.py`; edit those, not the files.
Each file of `messages/` is one RequestSecurityToken: a trick in one of the places in which a request can say it.
`tests/conformance/test_attacks.py` sends each through the parsers and the policies of `policies/`: every one must be
refused by what is named here and by nothing else, and the same message without the trick must be allowed.

| trick | refused by | carriers |
| --- | --- | --- |
{rows}
"""


def attacks() -> Iterator[Attack]:
    """Every trick in every carrier."""
    for tricks in (
        in_extensions,
        in_pairs,
        line_breaks,
        templates,
        conflicts,
        said_twice,
        wrapped,
        unproven,
        weak_keys,
        renewals,
        on_behalf_of,
        archived,
    ):
        yield from tricks()


def blocked_keys() -> frozenset[bytes]:
    """Digests of the keys that are known to have leaked."""
    return frozenset({sha256(a_weak_key("blocked").public_key_info).digest()})


def files() -> dict[Path, bytes]:
    """Everything that belongs into the folder, but the policies."""
    corpus = tuple(attacks())
    return {
        **{FOLDER / "messages" / f"{attack.name}.xml": attack.attack.token() for attack in corpus},
        FOLDER / "README.md": README.format(rows="\n".join(_rows(corpus))).encode(),
    }


def _rows(corpus: tuple[Attack, ...]) -> Iterator[str]:
    carriers: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for attack in corpus:
        carriers.setdefault((attack.trick, attack.caught_by), []).append(attack.carrier)
    for (trick, caught_by), found in carriers.items():
        words = ", ".join(f"`{word}`" for word in caught_by)
        told = ", ".join(found) if len(found) <= 9 else f"{len(found)} pairs of places"
        yield f"| {trick} | {words} | {told} |"
