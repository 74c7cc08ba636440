"""The lists that environments are made from, and what is promised about the extra."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
WANTED = {
    "requirements.lock": PYPROJECT["project"]["dependencies"],
    "requirements-dev.lock": [
        *PYPROJECT["project"]["dependencies"],
        *PYPROJECT["project"]["optional-dependencies"]["dev"],
    ],
    "requirements-kerberos.lock": PYPROJECT["project"]["optional-dependencies"]["kerberos"],
    "requirements-build.lock": [*PYPROJECT["build-system"]["requires"], *PYPROJECT["dependency-groups"]["build"]],
}
"""Of each lock file, what it is resolved from."""


def locked(name: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==([^ ;]+)", (ROOT / name).read_text(), re.MULTILINE))


@pytest.mark.parametrize("name", WANTED)
def test_what_is_locked_is_what_is_asked_for(name: str) -> None:
    versions = locked(name)

    for requirement in map(Requirement, WANTED[name]):
        assert versions[canonicalize_name(requirement.name)] in requirement.specifier, requirement


def test_no_package_is_locked_in_two_versions() -> None:
    everywhere: dict[str, set[str]] = {}
    for name in WANTED:
        for package, version in locked(name).items():
            everywhere.setdefault(package, set()).add(version)

    assert {package: versions for package, versions in everywhere.items() if len(versions) > 1} == {}


def test_every_lock_file_has_its_test() -> None:
    assert {path.name for path in ROOT.glob("requirements*.lock")} == set(WANTED)


def test_the_program_does_without_the_extra() -> None:
    program = """
import sys
sys.modules.update(dict.fromkeys(("bonsai", "gssapi", "krb5")))
import gateway.app, gateway.cli.main
"""

    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)
