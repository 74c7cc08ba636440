"""What of Debian's a domain needs: Samba, and the Python that has its bindings."""

import os
import subprocess
from pathlib import Path

SAMBA = Path("/usr/sbin/samba")
PYTHON = Path("/usr/bin/python3")
"""Debian's own: Samba's bindings are for no other."""
PACKAGES = "samba-ad-dc samba-ad-provision"
"""They bring the others that are needed."""
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
"""Of its programs: nothing of this process' own, least of all its virtual environment and its KRB5_CONFIG."""

_NEEDED = (SAMBA, PYTHON, Path("/usr/share/samba/setup/provision.ldif"))


class DomainUnavailable(Exception):
    """There can be no domain here, or its controller does not work."""


def demand_samba() -> None:
    """Raises DomainUnavailable, with what to do, where no domain can be made or started."""
    missing = [str(path) for path in _NEEDED if not path.exists()]
    if missing:
        raise DomainUnavailable(
            f"a domain needs Samba, and there is no {missing[0]}: install the Debian packages {PACKAGES}"
        )
    if os.geteuid() != 0:
        raise DomainUnavailable("a domain needs root: its controller serves ports below 1024")


def faketime() -> Path:
    """The library that gives a process another time. Raises DomainUnavailable."""
    for library in Path("/usr/lib").glob("*/faketime/libfaketime.so.1"):
        return library
    raise DomainUnavailable("a controller with another time needs libfaketime: install that Debian package")


def samba_version() -> bytes:
    return subprocess.run([SAMBA, "--version"], check=True, capture_output=True).stdout  # noqa: S603 -- a constant
