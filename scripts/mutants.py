"""Mutation testing: which changes of a module does no test object to? `python scripts/mutants.py MODULE.py ...`

Each mutant (`mutation.py`) is run against the module's own tests and, where those do not object, against all of
`--tests`. Outcomes are kept in .cache/mutants, and are reused as long as the module and the tests stay the same.
Survivors are printed; with any, the exit status is 1.
"""

import argparse
import ast
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from pathlib import Path

# Slow to import, and none of ours: the processes that run the tests have them from this one.
import cryptography.x509
import hypothesis
import lxml.etree
import pydantic
import pytest
import re2
import yaml
from mutation import Mutant, mutants

_IMPORTED = (cryptography, hypothesis, lxml, pydantic, re2, yaml)

ROOT = Path(__file__).parents[1]
CACHE = ROOT / ".cache" / "mutants"
_COPIED = ("gateway", "tests", "policies", "docs", "scripts", "helm", "pyproject.toml", "CONTRIBUTING.md")
_SECONDS = 120
"""That the tests of one mutant may take: more is a loop without an end, which is an objection too."""
_WORKERS = 2
_REWRITTEN = "ignore::pytest.PytestAssertRewriteWarning"
"""That hypothesis is imported already."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Which changes does no test object to?")
    parser.add_argument("modules", nargs="+", type=Path, metavar="MODULE.py")
    parser.add_argument("--tests", type=Path, help="the wider tests (default: the folder of the module's own)")
    options = parser.parse_args()
    survivors = sum(_examine(module, options.tests) for module in options.modules)
    return 1 if survivors else 0


def _examine(module: Path, wider: Path | None) -> int:
    """The number of survivors of one module; prints them."""
    path = module.resolve().relative_to(ROOT)
    own = ROOT / "tests" / "unit" / path.relative_to("gateway").parent / f"test_{path.name}"
    tests = [test.relative_to(ROOT) for test in (own, wider.resolve() if wider else own.parent) if test.exists()]
    source = (ROOT / path).read_text(encoding="utf-8")
    # The first changes nothing: it shows that the tests pass where they are run.
    found = [Mutant(0, "", "", ast.unparse(ast.parse(source))), *mutants(source)]
    cache = CACHE / f"{'.'.join(path.with_suffix('').parts)}-{_digest(source, tests)}.jsonl"
    cache.parent.mkdir(parents=True, exist_ok=True)
    pids = [_forked(partial(_work, number, path, tests, found, cache)) for number in range(_WORKERS)]
    for pid in pids:
        os.waitpid(pid, 0)
    outcomes = _outcomes(cache)
    if not outcomes.get(0):
        print(f"{path}: the tests do not pass without any change; see {CACHE}/copy-0")
        return len(found)
    survivors = [mutant for number, mutant in enumerate(found) if outcomes.get(number) and number]
    print(f"{path}: {len(found) - 1} mutants, {len(survivors)} survive, {len(found) - len(outcomes)} not examined")
    for mutant in survivors:
        print(f"  {path}:{mutant}")
    return len(survivors) + len(found) - len(outcomes)


def _digest(source: str, tests: list[Path]) -> str:
    texts = [file.read_text(encoding="utf-8") for test in tests for file in _files(ROOT / test)]
    return sha256("\0".join((source, *texts)).encode()).hexdigest()[:16]


def _files(path: Path) -> list[Path]:
    return sorted(path.rglob("*.py")) if path.is_dir() else [path]


def _outcomes(cache: Path) -> dict[int, bool]:
    """Whether the mutant of this number survives, as far as is known."""
    lines = cache.read_text(encoding="utf-8").splitlines() if cache.exists() else []
    return dict(json.loads(line) for line in lines)


def _work(worker: int, path: Path, tests: list[Path], found: list[Mutant], cache: Path) -> None:
    copy = CACHE / f"copy-{worker}"
    shutil.rmtree(copy, ignore_errors=True)
    for name in _COPIED:
        origin = ROOT / name
        (shutil.copytree if origin.is_dir() else shutil.copy)(origin, copy / name)
    # Compiled once by whoever ran the tests; of the module itself nothing compiled may stay.
    for compiled in (copy / path).parent.glob(f"__pycache__/{path.stem}.*"):
        compiled.unlink()
    known = _outcomes(cache)
    for number in range(worker, len(found), _WORKERS):
        if number in known:
            continue
        (copy / path).write_text(found[number].source, encoding="utf-8")
        survives = all(_passes(copy, test) for test in tests)
        with cache.open("a", encoding="utf-8") as file:
            file.write(json.dumps([number, survives]) + "\n")


def _passes(copy: Path, test: Path) -> bool:
    """Whether nothing objects. In a process of its own, which has what is slow to import from its parent."""
    pid = _forked(lambda: _test(copy, test))
    until = time.monotonic() + _SECONDS
    while time.monotonic() < until:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status == 0
        time.sleep(0.01)  # noqa: TID251 -- there is no event loop here
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return False


def _test(copy: Path, test: Path) -> None:
    """Exits with pytest's status."""
    os.chdir(copy)
    sys.path[:0] = [str(copy)]
    sys.dont_write_bytecode = True
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    arguments = ["-x", "-q", "--no-header", "-p", "no:cacheprovider", "-W", _REWRITTEN, str(test)]
    os._exit(int(pytest.main(arguments)))


def _forked(work: Callable[[], object]) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        work()
    except BaseException as error:  # noqa: BLE001 -- the end of a process
        print(error, file=sys.stderr)
        os._exit(2)
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
