"""A domain is made once, which takes some ten seconds, and then copied: a copy starts in one.

Templates are kept in a directory of the caller's choice, by a digest of all that goes into them: the programs, Samba's
version and the spec. A change of any of them makes a new one and removes that realm's old ones.
"""

import fcntl
import hashlib
import json
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType

from gateway.lab.ad.configuration import HOST_NAME, smb_conf
from gateway.lab.ad.debian import ENVIRONMENT, PACKAGES, PYTHON, DomainUnavailable, demand_samba, samba_version
from gateway.lab.ad.population import DomainSpec

PASSWORDS = "passwords.json"
"""By sAMAccountName, in a template and in its copies."""

_INGREDIENTS = ("configuration.py", "provision.py", "template.py")
_DIRECTORIES = ("etc", "keytabs", "lock", "log", "ncalrpc", "ntp", "run", "winbindd")


def copy_template(spec: DomainSpec, templates: Path, directory: Path) -> None:
    """Make `directory`, which must not exist, a copy of the spec's template. Raises DomainUnavailable."""
    demand_samba()
    with _locked(templates):
        template = templates / f"{spec.realm}-{_digest(spec)}"
        if not template.exists():
            _remove_older(templates, spec.realm)
            _build(spec, template)
        shutil.copytree(template, directory)


def read_passwords(directory: Path) -> MappingProxyType[str, str]:
    """By sAMAccountName, of a copied template."""
    return MappingProxyType(json.loads((directory / PASSWORDS).read_bytes()))


def _digest(spec: DomainSpec) -> str:
    sources = (Path(__file__).with_name(name).read_bytes() for name in _INGREDIENTS)
    parts = (samba_version(), repr(spec).encode(), *sources)
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()[:16]


@contextmanager
def _locked(templates: Path) -> Iterator[None]:
    """Alone with the templates, among the processes that use them."""
    templates.mkdir(parents=True, exist_ok=True)
    with (templates / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _remove_older(templates: Path, realm: str) -> None:
    for older in templates.glob(f"{realm}-*"):
        shutil.rmtree(older)


def _build(spec: DomainSpec, template: Path) -> None:
    """Whole or not at all: it gets its name when it is finished."""
    unfinished = template.with_name(f"{template.name}.unfinished")
    passwords = {account.name: secrets.token_urlsafe(12) for account in spec.accounts}
    unfinished.mkdir(mode=0o700)
    for name in _DIRECTORIES:
        (unfinished / name).mkdir()
    (unfinished / PASSWORDS).write_text(json.dumps(passwords))
    (unfinished / "etc" / "smb.conf").write_text(smb_conf(unfinished, spec.realm, spec.netbios, spec.addresses[0]))
    with (unfinished / "log" / "provision.log").open("wb") as log:
        ended = subprocess.run(  # noqa: S603 -- constants
            [PYTHON, "-I", Path(__file__).with_name("provision.py")],
            input=json.dumps(_description(spec, unfinished, passwords)).encode(),
            stdout=log,
            stderr=log,
            check=False,
            env=ENVIRONMENT,
        )
    if ended.returncode != 0:
        last_line = (unfinished / "log" / "provision.log").read_text(errors="replace").strip().rpartition("\n")[2]
        raise DomainUnavailable(
            f"{spec.realm} could not be made: {last_line} (all of it in {unfinished}/log; are the Debian packages"
            f" {PACKAGES} installed?)"
        )
    unfinished.rename(template)


def _description(spec: DomainSpec, directory: Path, passwords: dict[str, str]) -> dict[str, object]:
    """What `provision` reads."""
    accounts = [
        {**asdict(account), "attributes": dict(account.attributes), "password": passwords[account.name]}
        for account in spec.accounts
    ]
    return {
        "directory": str(directory),
        "host": HOST_NAME,
        "administrator_password": f"Aa1-{secrets.token_urlsafe(12)}",
        "realm": spec.realm,
        "netbios": spec.netbios,
        "addresses": spec.addresses,
        "upn_suffixes": spec.upn_suffixes,
        "lockout_threshold": spec.lockout_threshold,
        "groups": dict(spec.groups),
        "accounts": accounts,
    }
