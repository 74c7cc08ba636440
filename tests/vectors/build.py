"""Writes the PKCS#10 vectors and the list of them: `python -m tests.vectors.build`.

Keys and signatures are derived from names (tests.requests), so every run writes the same bytes.
"""

from collections.abc import Iterator
from pathlib import Path

from tests.vectors.pkcs10.readable import attacks, ordinary
from tests.vectors.pkcs10.refused import malformed, unproven
from tests.vectors.pkcs10.vector import Vector

FOLDER = Path(__file__).parent / "pkcs10"

README = """\
# PKCS#10 vectors

Written by `python -m tests.vectors.build` from `readable.py` and `refused.py`; edit those, not these files.
`read` means that the parser takes it and leaves the judgement to the policy; otherwise the error is named.

| file | contents | outcome |
| --- | --- | --- |
{rows}

## Captured

| file | origin |
| --- | --- |
| `captured-certreq-ws2025.der` | certreq on Windows Server 2025 (10.0.26100): the bare PKCS#10 of a \
RequestSecurityToken, published in scootscootscootscoot/spiffe-ad-broker, `internal/issuer/adcs/testdata/` |
| `captured-cepces-0.3.17.der` | openSUSE/cepces v0.3.17: the PKCS#10 of a RequestSecurityToken, invented subject |
"""


def vectors() -> Iterator[Vector]:
    yield from ordinary()
    yield from attacks()
    yield from malformed()
    yield from unproven()


def files() -> dict[Path, bytes]:
    """Everything that belongs into the folder, but what was captured."""
    rows = "\n".join(f"| `{vector.name}.der` | {vector.contents} | {vector.outcome} |" for vector in vectors())
    return {
        **{FOLDER / f"{vector.name}.der": vector.der for vector in vectors()},
        FOLDER / "README.md": README.format(rows=rows).encode(),
    }


def main() -> None:
    for path, contents in files().items():
        path.write_bytes(contents)


if __name__ == "__main__":
    main()
