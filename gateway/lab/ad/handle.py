"""The directory of a running domain, to look at and to change while it runs."""

import json
import subprocess
from pathlib import Path
from threading import Lock
from typing import Any

from gateway.lab.ad.debian import ENVIRONMENT, PYTHON, DomainUnavailable

Value = str | tuple[str, ...]


class DirectoryHandle:
    """Accounts and groups go by sAMAccountName or SID. Every change is seen by the controller at once; several threads
    may use a handle. Whatever the directory refuses raises DomainUnavailable.

    Who changes an account that others use puts it back: `unlock` after wrong passwords, `set_password` with
    `Domain.password` after another password, `modify` with the values that `attributes` gave before.
    """

    def __init__(self, directory: Path) -> None:
        self._lock = Lock()
        self._log = (directory / "log" / "live.log").open("wb")
        self._process = subprocess.Popen(  # noqa: S603 -- constants, and a directory of ours
            [
                PYTHON,
                "-I",
                Path(__file__).with_name("live.py"),
                directory / "etc" / "smb.conf",
                directory / "private" / "sam.ldb",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=ENVIRONMENT,
            start_new_session=True,
        )

    def attributes(self, name: str, *wanted: str) -> dict[str, tuple[str, ...]]:
        """Of the account or group of that name; SIDs in their text form, () for absent ones."""
        found: dict[str, list[str]] = self._order("attributes", name=name, wanted=wanted)
        return {attribute: tuple(values) for attribute, values in found.items()}

    def groups(self, name: str) -> frozenset[str]:
        """The names of all groups that the account is in, through other groups and by its primary one too."""
        return frozenset(self._order("groups", name=name))

    def modify(self, name: str, /, **attributes: Value) -> None:
        """Replace attributes; () removes one."""
        values = {key: (value,) if isinstance(value, str) else value for key, value in attributes.items()}
        self._order("modify", name=name, attributes=values)

    def set_password(self, name: str, password: str) -> None:
        """Its key version grows by one with each: keytabs from before are of no use to accept tickets with."""
        self._order("set_password", name=name, password=password)

    def unlock(self, name: str) -> None:
        """Forget all of its wrong passwords ([MS-ADTS] 3.1.1.1.8 and 3.1.1.5.3.2)."""
        self.modify(name, lockoutTime="0")

    def export_keytab(self, name: str, path: Path) -> None:
        """Add its present keys to the keytab file, under its own and all of its service principal names."""
        self._order("export_keytab", name=name, path=str(path))

    def close(self) -> None:
        """The helper process ends. Once is enough, more do no harm."""
        with self._lock:
            self._process.communicate()
            self._log.close()

    def _order(self, order: str, **arguments: object) -> Any:
        with self._lock:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(json.dumps([order, arguments]).encode() + b"\n")
            self._process.stdin.flush()
            answer = json.loads(
                self._process.stdout.readline() or '{"error": "its helper has ended; see log/live.log"}'
            )
        if "error" in answer:
            raise DomainUnavailable(f"{order} of {arguments['name']}: {answer['error']}")
        return answer["result"]
