"""Writes the vectors of requests and the lists of them: `python -m tests.vectors.build`.

Keys and signatures are derived from names (tests.requests), so every run writes the same bytes.
"""

from collections.abc import Iterator
from pathlib import Path

from tests.vectors.cmc.readable import carriers, formats, purposes
from tests.vectors.cmc.refused import contradictory, unreadable, unsigned
from tests.vectors.pkcs10.readable import attacks, ordinary
from tests.vectors.pkcs10.refused import malformed, unproven
from tests.vectors.pkcs10.vector import Vector

FOLDER = Path(__file__).parent / "pkcs10"
CMC_FOLDER = Path(__file__).parent / "cmc"

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

CMC_README = """\
# CMS and CMC vectors

Written by `python -m tests.vectors.build` from `readable.py` and `refused.py`, with `tests/cmc.py`; edit those, not
these files. `read` means that the parser takes it and leaves the judgement to the policy.

| file | contents | outcome |
| --- | --- | --- |
{rows}

## Documented

| file | origin |
| --- | --- |
| `documented-ces-renewal.der` | the request of [MS-WSTEP] 4.1.5.1, made by Windows in 2009: a CMS renewal, \
signed with SHA-1, without signed attributes |
"""


def vectors() -> Iterator[Vector]:
    yield from ordinary()
    yield from attacks()
    yield from malformed()
    yield from unproven()


def cmc_vectors() -> Iterator[Vector]:
    yield from formats()
    yield from purposes()
    yield from carriers()
    yield from unsigned()
    yield from contradictory()
    yield from unreadable()


def files() -> dict[Path, bytes]:
    """Everything that belongs into the folders, but what was captured."""
    return _folder(FOLDER, README, vectors()) | _folder(CMC_FOLDER, CMC_README, cmc_vectors())


def _folder(folder: Path, readme: str, contents: Iterator[Vector]) -> dict[Path, bytes]:
    all_of_it = list(contents)
    rows = "\n".join(f"| `{vector.name}.der` | {vector.contents} | {vector.outcome} |" for vector in all_of_it)
    return {
        **{folder / f"{vector.name}.der": vector.der for vector in all_of_it},
        folder / "README.md": readme.format(rows=rows).encode(),
    }


def main() -> None:
    for path, contents in files().items():
        path.write_bytes(contents)


if __name__ == "__main__":
    main()
