"""Fuzzes every target of `tests.fuzz` in turn: `python scripts/fuzz.py [--seconds N] [TARGET ...]`.

Each starts from a clean corpus below .cache/fuzz, the vectors and what was found before. Exits with 1 if anything was
found.
"""

import argparse
import importlib.util
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
_INTERRUPTED = 72
"""libFuzzer's exit status after SIGINT or SIGTERM."""
CACHE = ROOT / ".cache" / "fuzz"
sys.path.insert(0, str(ROOT))

from tests.fuzz.targets import FINDINGS, TARGETS, seeds_of  # noqa: E402 -- only now can it be found


def main() -> int:
    parser = argparse.ArgumentParser(description="Fuzz the parsers.")
    parser.add_argument("--seconds", type=int, default=20, metavar="N", help="for each target (default: %(default)s)")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)} (default: all)")
    options = parser.parse_args()
    if importlib.util.find_spec("atheris") is None:
        return _without_atheris()
    unknown = set(options.targets) - TARGETS.keys()
    if unknown:
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    found = [name for name in options.targets or TARGETS if not _fuzz(name, options.seconds)]
    if found:
        print(f"To be looked at: {', '.join(found)}.")
    return 1 if found else 0


def _without_atheris() -> int:
    """As the marker in pyproject.toml says where there are wheels."""
    place = f"Python {platform.python_version()} on {sys.platform} {platform.machine()}"
    if sys.platform == "linux" and platform.machine() == "x86_64" and sys.version_info < (3, 14):
        print(f"atheris is not installed, though it has a wheel for {place}: run `make .venv/dev`.")
        return 1
    print(f"Not fuzzed: atheris has no wheel for {place}.")
    return 0


def _fuzz(name: str, seconds: int) -> bool:
    """Whether the target stood it. Prints one line, and what was found."""
    folder = CACHE / name
    shutil.rmtree(folder, ignore_errors=True)
    corpus, seeds = folder / "corpus", folder / "seeds"
    corpus.mkdir(parents=True)
    seeds.mkdir()
    for number, seed in enumerate(seeds_of(TARGETS[name])):
        (seeds / f"{number:03}").write_bytes(seed)
    command = [sys.executable, "-m", "tests.fuzz", name, f"-max_total_time={seconds}", "-print_final_stats=1"]
    command += [f"-artifact_prefix={folder}/", str(corpus), str(seeds)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)  # noqa: S603 -- our own words only
    status = process.wait()
    output = (folder / "log").read_text(encoding="utf-8", errors="replace")
    executions = _last(r"stat::number_of_executed_units: +(\d+)|^#(\d+)\s", output)
    edges = _last(r" cov: (\d+)", output)
    print(f"{name:20} {executions:>9} executions, {edges:>5} edges", end="", flush=True)
    if status == 0:
        print()
        return True
    if status == _INTERRUPTED:
        print(", interrupted before its time: nothing found, and nothing shown")
        return False
    print(f", FOUND SOMETHING (exit status {status}):\n{output[-4000:]}")
    print(f"See it again: {sys.executable} -m tests.fuzz {name} {folder}/FILE; keep FILE in {FINDINGS}/{name}.")
    return False


def _last(pattern: str, output: str) -> str:
    matches = re.findall(pattern, output, re.MULTILINE)
    return "".join(matches[-1]) if matches else "no"


if __name__ == "__main__":
    sys.exit(main())
