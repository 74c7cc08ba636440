"""Mutation testing: which changes of a module does no test object to? `python scripts/mutants.py MODULE.py ...`

Each mutant (`mutation.py`) is run against the module's own tests and, where those do not object, against `--wider`.
Outcomes are kept in .cache/mutants, and are reused as long as the module and those tests stay the same. Survivors are
printed; with any, the exit status is 1.
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
_LEFT_OUT = ("*_made_here_only.py", "*test_properties.py", "*test_documentation.py")
"""Of a folder's tests: what reads the source, what draws lots, and what is slow and asks nothing that others do not."""
_REWRITTEN = "ignore::pytest.PytestAssertRewriteWarning"
"""That hypothesis is imported already."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Which changes does no test object to?")
    parser.add_argument("modules", nargs="+", type=Path, metavar="MODULE.py")
    parser.add_argument("--wider", type=Path, help="more tests (default: the folder of the module's own)")
    parser.add_argument("--own", action="store_true", help="the module's own tests alone: quick")
    options = parser.parse_args()
    survivors = sum(_examine(module, options.wider, own_alone=options.own) for module in options.modules)
    return 1 if survivors else 0


def _examine(module: Path, wider: Path | None, *, own_alone: bool) -> int:
    """The number of survivors of one module; prints them."""
    path = module.resolve().relative_to(ROOT)
    own = ROOT / "tests" / "unit" / path.relative_to("gateway").parent / f"test_{path.name}"
    more = wider.resolve() if wider else own.parent
    tests = [own] if own_alone else [own, more]
    source = (ROOT / path).read_text(encoding="utf-8")
    # The first changes nothing: it shows that the tests pass where they are run.
    found = [Mutant(0, "", "", ast.unparse(ast.parse(source))), *mutants(source)]
    alive = list(range(len(found)))
    for test in tests:
        if test.exists():
            alive = _alive(path, test.relative_to(ROOT), found, alive)
    if 0 not in alive:
        print(f"{path}: the tests do not pass without any change; see {CACHE}/copy-0", flush=True)
        return len(found)
    survivors = [found[number] for number in alive if number]
    print(f"{path}: {len(found) - 1} mutants, {len(survivors)} survive", flush=True)
    for mutant in survivors:
        print(f"  {path}:{mutant}", flush=True)
    return len(survivors)


def _alive(path: Path, test: Path, found: list[Mutant], numbers: list[int]) -> list[int]:
    """Those of the mutants to which this test, a file or a folder of them, does not object."""
    cache = CACHE / f"{'.'.join(path.with_suffix('').parts)}-{_digest(found[0].source, test)}.jsonl"
    cache.parent.mkdir(parents=True, exist_ok=True)
    known = _outcomes(cache)
    open_ = [number for number in numbers if number not in known]
    work = [partial(_work, n, path, test, [(i, found[i]) for i in open_[n::_WORKERS]], cache) for n in range(_WORKERS)]
    for pid in [_forked(part) for part in work]:
        os.waitpid(pid, 0)
    outcomes = _outcomes(cache)
    return [number for number in numbers if outcomes[number]]


def _digest(source: str, test: Path) -> str:
    texts = [file.read_text(encoding="utf-8") for file in _files(ROOT / test)]
    return sha256("\0".join((source, *texts)).encode()).hexdigest()[:16]


def _files(path: Path) -> list[Path]:
    return sorted(path.rglob("*.py")) if path.is_dir() else [path]


def _outcomes(cache: Path) -> dict[int, bool]:
    """Whether the mutant of this number survives, as far as is known."""
    lines = cache.read_text(encoding="utf-8").splitlines() if cache.exists() else []
    return dict(json.loads(line) for line in lines)


def _work(worker: int, path: Path, test: Path, mutated: list[tuple[int, Mutant]], cache: Path) -> None:
    if not mutated:
        return
    copy = CACHE / f"copy-{worker}"
    shutil.rmtree(copy, ignore_errors=True)
    for name in _COPIED:
        origin = ROOT / name
        (shutil.copytree if origin.is_dir() else shutil.copy)(origin, copy / name)
    # Compiled once by whoever ran the tests; of the module itself nothing compiled may stay.
    for compiled in (copy / path).parent.glob(f"__pycache__/{path.stem}.*"):
        compiled.unlink()
    for number, mutant in mutated:
        (copy / path).write_text(mutant.source, encoding="utf-8")
        survives = _passes(copy, test)
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
    left_out = [f"--ignore-glob={pattern}" for pattern in _LEFT_OUT] if test.is_dir() else []
    arguments = ["-x", "-q", "--no-header", "-p", "no:cacheprovider", "-W", _REWRITTEN, *left_out, str(test)]
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
