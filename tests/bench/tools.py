"""What the benchmark needs from the system: nginx, a C compiler and OpenSSL's headers, from Debian's packages."""

import os
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
RUN = HERE / "run"
TLSLOAD = RUN / "tlsload"

_PROBE = "#include <openssl/ssl.h>\nint main(void) { return 0; }\n"


class BenchError(Exception):
    """The benchmark cannot go on; the text says why."""


def find_nginx() -> str | None:
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def _compiles() -> bool:
    if shutil.which("gcc") is None:
        return False
    command = ("gcc", "-fsyntax-only", "-x", "c", "-")
    return subprocess.run(command, input=_PROBE, text=True, check=False, capture_output=True).returncode == 0


def provide() -> str:
    """Install what is missing, compile the load generator, and return the path of nginx. Raises BenchError."""
    missing = [] if find_nginx() else ["nginx-light"]
    if not _compiles():
        missing += ["gcc", "libc6-dev", "libssl-dev"]
    if missing:
        print(f"bench: installing the Debian packages {' '.join(missing)}", flush=True)
        _install(missing)
    RUN.mkdir(exist_ok=True)
    source = HERE / "tlsload.c"
    if not TLSLOAD.exists() or TLSLOAD.stat().st_mtime < source.stat().st_mtime:
        _run(
            "gcc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-o", str(TLSLOAD), str(source), "-lssl", "-lcrypto", "-lm"
        )
    nginx = find_nginx()
    if nginx is None:
        raise BenchError("nginx is not there, although its package is installed")
    return nginx


def _install(packages: list[str]) -> None:
    """As root or by sudo. The package's own nginx is not started: it would take port 80."""
    as_root = () if os.geteuid() == 0 else ("sudo",)
    _run(*as_root, "apt-get", "update", "-qq")
    environment = ("env", "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1")
    _run(*as_root, *environment, "apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages)


def _run(*command: str) -> None:
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise BenchError(f"{command[0]} is not there") from error
    if done.returncode != 0:
        raise BenchError(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")
