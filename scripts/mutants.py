"""Mutation testing: which changes of a module does no test object to? `python scripts/mutants.py MODULE.py ...`

Each mutant (`mutation.py`) meets the tests that execute its line, as coverage has it; what is executed on import meets
all. A mutant that a test has objected to stays dead, in .cache/mutants, as long as the module and that test are the
same. Survivors are printed but for those of which `mutants_explained.txt` says why; with any, the exit status
is 1.
"""

import argparse
import ast
import importlib
import json
import os
import resource
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path

# Slow to import, and none of ours: the processes that run the tests have them from this one.
import coverage
import cryptography.x509
import hypothesis
import lxml.etree
import mutation
import pydantic
import pytest
import re2
import yaml
from mutation import Mutant, mutants

_IMPORTED = (cryptography, hypothesis, lxml, pydantic, re2, yaml)

ROOT = Path(__file__).parents[1]
CACHE = ROOT / ".cache" / "mutants"
EXPLAINED = Path(__file__).with_name("mutants_explained.txt")
_COPIED = ("gateway", "tests", "policies", "docs", "scripts", "helm", "pyproject.toml", "CONTRIBUTING.md")
_SECONDS = 30
"""Of the processor, that the tests of a line may take: more is a loop without an end, which is an objection too."""
_SECONDS_OF_ALL = 180
_FIRST = 2
"""So many files are tried before all others: to collect them takes longer than to run most of them."""
_WORKERS = 2
_LEFT_OUT = ("*_made_here_only.py", "*test_documentation.py")
"""Tests that read the source, and that are slow and ask nothing that others do not."""
_NO_LOTS = "not hypothesis"
"""Which tests: with those that draw lots, what survives would differ from run to run."""
_REWRITTEN = "ignore::pytest.PytestAssertRewriteWarning"
"""That hypothesis is imported already."""
_NOT_ASKED = {pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.NO_TESTS_COLLECTED}
"""No objection: there was no such test."""


@dataclass(frozen=True)
class Covered:
    """Which tests execute which line of a module, by their names on pytest's command line."""

    path: Path
    tests: list[Path]
    by_line: dict[int, list[str]]

    def tests_of(self, mutant: Mutant) -> list[str]:
        """For pytest's command line, those of the module's own file first."""
        found = dict.fromkeys(name for line in mutant.lines for name in self.by_line.get(line, ()))
        if "" in found:
            return [str(file) for file in self.files]
        return sorted(found, key=lambda test: (not test.startswith(f"{self.own}::"), test))

    @property
    def own(self) -> Path:
        return _own(self.path)

    @property
    def files(self) -> list[Path]:
        files = [file for test in self.tests for file in (sorted(test.rglob("test_*.py")) if test.is_dir() else [test])]
        return [file for file in files if not any(file.match(pattern) for pattern in _LEFT_OUT)]


def main() -> int:
    parser = argparse.ArgumentParser(description="Which changes does no test object to?")
    parser.add_argument("modules", nargs="+", type=Path, metavar="MODULE.py")
    parser.add_argument(
        "--tests", nargs="+", type=Path, help="files and folders (default: the folder of its own tests)"
    )
    options = parser.parse_args()
    modules = [module.resolve().relative_to(ROOT) for module in options.modules]
    tests = {module: options.tests or [_own(module).parent] for module in modules}
    covered = {tuple(paths): _coverage(paths) for paths in tests.values()}
    explained = _explained()
    survivors = 0
    for module in modules:
        survivors += _examine(Covered(module, tests[module], covered[tuple(tests[module])].get(module, {})), explained)
    return 1 if survivors else 0


def _own(module: Path) -> Path:
    return Path("tests", "unit", *module.parts[1:-1], f"test_{module.name}")


def _examine(covered: Covered, explained: dict[str, str]) -> int:
    """The number of survivors of one module that nobody has explained, and of explanations of none; prints them."""
    path = covered.path
    found = list(mutants((ROOT / path).read_text(encoding="utf-8")))
    alive = _alive(covered, found)
    survivors = [mutant for mutant in alive if f"{path}: {mutant.change}" not in explained]
    known = len(alive) - len(survivors)
    print(f"{path}: {len(found)} mutants, {len(survivors)} survive, {known} more are explained", flush=True)
    for mutant in survivors:
        print(f"  {path}:{mutant}", flush=True)
    stale = {told for told in explained if told.startswith(f"{path}: ")} - {f"{path}: {each.change}" for each in alive}
    for told in sorted(stale):
        print(f"  explained, and gone or objected to: {told}", flush=True)
    return len(survivors) + len(stale)


def _explained() -> dict[str, str]:
    """Why a mutant need not be objected to, by how it is printed without its line."""
    reasons: dict[str, str] = {}
    reason = ""
    for line in EXPLAINED.read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            reason = line[2:]
        elif line:
            reasons[line] = reason
    return reasons


def _coverage(tests: list[Path]) -> dict[Path, dict[int, list[str]]]:
    """By module and line the tests that execute it; the name is empty of what is executed outside of any."""
    cache = CACHE / f"coverage-{_digest([ROOT / 'gateway', *(ROOT / test for test in tests)])}"
    if not cache.exists():
        cache.parent.mkdir(parents=True, exist_ok=True)
        pid = _forked(partial(_cover, tests, cache.with_suffix(".new")))
        if os.waitpid(pid, 0)[1]:
            raise SystemExit(f"{', '.join(map(str, tests))}: they do not pass without any change")
        cache.with_suffix(".new").rename(cache)
    data = coverage.CoverageData(str(cache))
    data.read()
    return {Path(file).relative_to(ROOT): data.contexts_by_lineno(file) for file in data.measured_files()}


def _cover(tests: list[Path], cache: Path) -> None:
    measured = coverage.Coverage(data_file=str(cache), config_file=False, source=[str(ROOT / "gateway")])
    os.chdir(ROOT)
    measured.start()
    status = _pytest([str(test) for test in tests], _Contexts(measured))
    measured.stop()
    measured.save()
    os._exit(status)


def _digest(paths: list[Path]) -> str:
    files = sorted({file for path in paths for file in (path.rglob("*.py") if path.is_dir() else [path])})
    return sha256("\0".join(file.read_text(encoding="utf-8") for file in files).encode()).hexdigest()[:16]


def _alive(covered: Covered, found: list[Mutant]) -> list[Mutant]:
    """Those of the mutants to which no test objects."""
    digest = _digest([ROOT / covered.path, Path(mutation.__file__)])
    cache = CACHE / f"{'.'.join(covered.path.with_suffix('').parts)}-{digest}.jsonl"
    dead = _dead(cache)
    work = [(number, mutant) for number, mutant in enumerate(found) if number not in dead]
    for pid in [_forked(partial(_work, n, covered, work[n::_WORKERS], cache)) for n in range(_WORKERS)]:
        os.waitpid(pid, 0)
    dead = _dead(cache)
    return [mutant for number, mutant in enumerate(found) if number not in dead]


def _dead(cache: Path) -> set[int]:
    """The numbers of those to which a test has objected that is still the same."""
    lines = cache.read_text(encoding="utf-8").splitlines() if cache.exists() else []
    return {number for number, test, digest in map(json.loads, lines) if digest == _digest_of_test(test)}


def _digest_of_test(test: str) -> str:
    """Of its function alone: more tests in its file change nothing."""
    file, _, name = test.partition("::")
    if not (ROOT / file).is_file():
        return ""
    functions = ast.parse((ROOT / file).read_text(encoding="utf-8")).body
    wanted = name.partition("[")[0]
    return sha256("".join(ast.dump(each) for each in functions if _name(each) == wanted).encode()).hexdigest()[:16]


def _name(node: ast.stmt) -> str:
    return node.name if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else ""


def _work(worker: int, covered: Covered, mutated: list[tuple[int, Mutant]], cache: Path) -> None:
    if not mutated:
        return
    copy = CACHE / f"copy-{worker}"
    shutil.rmtree(copy, ignore_errors=True)
    for name in _COPIED:
        origin = ROOT / name
        (shutil.copytree if origin.is_dir() else shutil.copy)(origin, copy / name)
    os.chdir(copy)
    sys.path[:0] = [str(copy)]
    sys.dont_write_bytecode = True
    _import_what_stays(covered)
    # Compiled once by whoever ran the tests; of the module itself nothing compiled may stay.
    for compiled in covered.path.parent.glob(f"__pycache__/{covered.path.stem}.*"):
        compiled.unlink()
    # Who has objected before comes first: it is likely to object again.
    objected = Counter({str(covered.own): 1})
    for number, mutant in mutated:
        covered.path.write_text(mutant.source, encoding="utf-8")
        tests = sorted(covered.tests_of(mutant), key=lambda test: -objected[_file(test)])
        first = set(list(dict.fromkeys(map(_file, tests)))[:_FIRST])
        rounds = [[test for test in tests if (_file(test) in first) is is_first] for is_first in (True, False)]
        test = next((found for some in rounds if some and (found := _objection(some)) is not None), None)
        if test is not None:
            objected[_file(test)] += 1
            with cache.open("a", encoding="utf-8") as file:
                file.write(json.dumps([number, test, _digest_of_test(test)]) + "\n")


def _file(test: str) -> str:
    return test.partition("::")[0]


def _import_what_stays(covered: Covered) -> None:
    """Have all of ours that the tests import, but for what depends on the module that changes."""
    imports = {_module(path): set(_imports(path)) for top in ("gateway", "tests") for path in Path(top).rglob("*.py")}
    for name in sorted({name for file in covered.files for name in _imports(file)} & imports.keys()):
        importlib.import_module(name)
    changing, found = set[str](), {_module(covered.path)}
    while found:
        changing |= found
        found = {name for name, imported in imports.items() if imported & found} - changing
    for name in changing & sys.modules.keys():
        parent, _, last = name.rpartition(".")
        if parent in sys.modules:
            # What is imported from its package must not be the old one.
            vars(sys.modules[parent]).pop(last, None)
        del sys.modules[name]


def _module(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def _imports(path: Path) -> Iterator[str]:
    """The modules that a file imports, and names in them that may be modules too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _objection(tests: list[str]) -> str | None:
    """Which one objects, if any. In a process of its own, which has from its parent what does not change.

    Empty where it is not known: the module cannot be imported, or the tests came to no end.
    """
    told = Path("objection")
    told.unlink(missing_ok=True)
    _, status = os.waitpid(_forked(partial(_test, tests, told)), 0)
    if os.waitstatus_to_exitcode(status) in {pytest.ExitCode.OK, *_NOT_ASKED}:
        return None
    return told.read_text(encoding="utf-8") if told.exists() else ""


def _test(tests: list[str], told: Path) -> None:
    """Exits with pytest's status, or dies of the limit."""
    seconds = _SECONDS if "::" in tests[0] else _SECONDS_OF_ALL
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    failures = _Failures()
    status = _pytest(tests, failures)
    told.write_text(failures.first, encoding="utf-8")
    os._exit(status)


def _pytest(tests: list[str], plugin: object) -> int:
    """The exit status."""
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    left_out = [f"--ignore-glob={pattern}" for pattern in _LEFT_OUT]
    plain = ["-x", "-q", "--no-header", "-p", "no:cacheprovider", "-W", _REWRITTEN, "-m", _NO_LOTS]
    return int(pytest.main([*plain, *left_out, *tests], plugins=[plugin]))


class _Contexts:
    """A plugin that tells coverage which test runs. Coverage would take any function for one that is called test_..."""

    def __init__(self, measured: coverage.Coverage) -> None:
        self._measured = measured

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        self._measured.switch_context(item.nodeid.partition("[")[0])
        try:
            yield
        finally:
            self._measured.switch_context("")


class _Failures:
    """A plugin that knows the first."""

    first = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.first:
            self.first = report.nodeid


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
