"""A throw-away Active Directory domain: one Samba domain controller on one loopback address.

    with Domain(CORP, Path("state/corp"), templates=Path(".cache/ad")) as domain:
        domain.address                     # KDC on port 88, LDAP on 389 as ldap/ADDRESS: it needs no DNS
        domain.krb5_conf                   # KRB5_CONFIG of a client that knows this realm only
        domain.password("alice"), domain.keytab("svc-gateway")
        domain.ldb().modify("alice", mail="alice@corp.fabrikam.example")

All that it is lies in its directory, which is made for it and may be removed afterwards. Needs root and Debian's Samba.
Accounts: see `gateway.lab.ad.population`.
"""

import hashlib
import shutil
import socket
import subprocess
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from gateway.lab.ad.configuration import krb5_conf, smb_conf
from gateway.lab.ad.debian import ENVIRONMENT, SAMBA, DomainUnavailable, faketime
from gateway.lab.ad.handle import DirectoryHandle
from gateway.lab.ad.population import CORP, WOODGROVE, DomainSpec
from gateway.lab.ad.template import copy_template, read_passwords

__all__ = ["CORP", "WOODGROVE", "DirectoryHandle", "Domain", "DomainSpec", "DomainUnavailable"]

_PORTS = (88, 389)
_START_SECONDS = 30
_STOP_SECONDS = 5


class Domain:
    """A context manager. Its controller ends with it, and with this process, however that ends."""

    def __init__(
        self, spec: DomainSpec, directory: Path, *, templates: Path, clock_offset: timedelta = timedelta(0)
    ) -> None:
        """`templates` keeps the made domain for the next time. `clock_offset` is how far the controller's clock is
        ahead of this machine's.
        """
        self.spec = spec
        self.directory = directory.absolute()
        self.address = ""
        """The first of the spec's addresses that nobody uses; known once it is entered, as is `pid`."""
        self.pid = 0
        """Of the controller, one process: SIGSTOP makes it silent, until SIGCONT."""
        self._templates = templates.absolute()
        self._clock_offset = clock_offset
        self._exit = ExitStack()
        self._handle: DirectoryHandle | None = None

    @property
    def realm(self) -> str:
        return self.spec.realm

    @property
    def dns_domain(self) -> str:
        return self.spec.dns_domain

    @property
    def netbios(self) -> str:
        return self.spec.netbios

    @property
    def base_dn(self) -> str:
        return self.spec.base_dn

    @property
    def krb5_conf(self) -> Path:
        """For clients of this domain alone."""
        return self.directory / "krb5.conf"

    def keytab(self, name: str) -> Path:
        """Of a service account or computer, by sAMAccountName, with the keys that it was made with."""
        return self.directory / "keytabs" / f"{name}.keytab"

    def password(self, name: str) -> str:
        """With which the account was made."""
        return self._passwords[name]

    def ldb(self) -> DirectoryHandle:
        """The directory, to change while the controller runs; the same handle each time."""
        if self._handle is None:
            self._handle = DirectoryHandle(self.directory)
            self._exit.callback(self._handle.close)
        return self._handle

    def __enter__(self) -> Self:
        """Raises DomainUnavailable."""
        with ExitStack() as stack:
            if not _claim(str(self.directory), stack):
                raise DomainUnavailable(f"{self.directory} is another process' domain")
            self.address = self._claim_address(stack)
            shutil.rmtree(self.directory, ignore_errors=True)
            copy_template(self.spec, self._templates, self.directory)
            self._passwords = read_passwords(self.directory)
            self._write_configuration()
            self._start(stack)
            self._exit = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._exit.close()

    def _claim_address(self, stack: ExitStack) -> str:
        for address in self.spec.addresses:
            # Somebody else's controller may be there, too.
            if _claim(address, stack) and not any(_answers(address, port) for port in _PORTS):
                return address
        raise DomainUnavailable(f"all addresses of {self.realm} are in use: {', '.join(self.spec.addresses)}")

    def _write_configuration(self) -> None:
        smb = smb_conf(self.directory, self.realm, self.netbios, self.address)
        (self.directory / "etc" / "smb.conf").write_text(smb)
        self.krb5_conf.write_text(krb5_conf([(self.realm, self.address)]))

    def _start(self, stack: ExitStack) -> None:
        environment = ENVIRONMENT | {"KRB5_CONFIG": str(self.krb5_conf)}
        if self._clock_offset:
            environment |= {
                "LD_PRELOAD": str(faketime()),
                "FAKETIME": f"{self._clock_offset.total_seconds():+}",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            }
        log = stack.enter_context((self.directory / "log" / "stdout").open("wb"))
        process = subprocess.Popen(  # noqa: S603 -- constants, and a directory of ours
            # Interactive: Samba then stays in the foreground and ends when its standard input does, that is with us.
            [SAMBA, "--interactive", "--model=single", "--no-process-group", "-s", self.directory / "etc" / "smb.conf"],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env=environment,
            cwd=self.directory,
            # Out of the terminal's process group: Ctrl-C is for us.
            start_new_session=True,
        )
        stack.callback(_end, process)
        self.pid = process.pid
        for _ in range(_START_SECONDS * 50):
            try:
                process.wait(0.02)
            except subprocess.TimeoutExpired:
                if all(_answers(self.address, port) for port in _PORTS):
                    return
            else:
                break
        raise DomainUnavailable(f"the controller of {self.realm} did not start: see {self.directory}/log")


def _claim(what: str, stack: ExitStack) -> bool:
    """Keep others on this machine from it, until the stack is closed or this process ends."""
    claim = socket.socket(socket.AF_UNIX)
    try:
        # An abstract name has no file that could outlive us, and at most 107 bytes (unix(7)).
        claim.bind(b"\0ces-gateway-lab-" + hashlib.sha256(what.encode()).digest())
    except OSError:
        claim.close()
        return False
    stack.callback(claim.close)
    return True


def _answers(address: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((address, port)) == 0


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
