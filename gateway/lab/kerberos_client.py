"""A Kerberos client in a process of its own: it has another KRB5_CONFIG than the gateway beside it.

    client = KerberosClient(krb5_conf)
    initiation = client.initiate("alice", password, "HTTP/enroll.fabrikam.example", channel_bindings=None)
    initiation.token                     # SPNEGO, for `Authorization: Negotiate`
    initiation.verifies(reply)           # whether the server has proved itself, with what stood in WWW-Authenticate

Tickets are asked for at the KDCs of that file, and kept: one AS-REQ per account and password.
"""

import base64
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any


class NoTicket(Exception):
    """Kerberos would not: with the library's text."""


@dataclass(frozen=True, slots=True)
class Initiation:
    """A client's half of an authentication."""

    client: "KerberosClient"
    number: int
    token: bytes

    def verifies(self, reply: bytes) -> bool:
        """Whether this reply completes the authentication, mutually. To be asked once."""
        return bool(self.client.order("verify", number=self.number, reply=base64.b64encode(reply).decode()))


class KerberosClient:
    """Its process starts when it is first used, and ends when it is closed. Several threads may use it."""

    def __init__(self, krb5_conf: Path) -> None:
        """The file may grow later: it is read anew for each account."""
        self._krb5_conf = krb5_conf
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = Lock()

    def initiate(
        self,
        account: str,
        password: str,
        spn: str,
        *,
        channel_bindings: bytes | None = None,
        forwardable: bool = True,
    ) -> Initiation:
        """An account of the default realm, or `account@REALM`; the service is of the same one. A UPN of another suffix
        is written as an enterprise name is shown: `heidi.jones\\@partner-a.example`. Raises NoTicket.

        `channel_bindings` is the application data: `tls-server-end-point:` and the hash (RFC 5929 4).
        """
        made = self.order(
            "initiate",
            account=account,
            password=password,
            spn=spn,
            channel_bindings=None if channel_bindings is None else base64.b64encode(channel_bindings).decode(),
            forwardable=forwardable,
        )
        return Initiation(self, made["number"], base64.b64decode(made["token"]))

    def forget(self) -> None:
        """Forget all tickets, as after a change in the directory that they would not notice."""
        self.order("forget")

    def order(self, order: str, **arguments: object) -> Any:
        """One order of `kerberos_initiator`, and what it answers. Raises NoTicket."""
        with self._lock:
            process = self._process = self._process or self._start()
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps([order, arguments]).encode() + b"\n")
            process.stdin.flush()
            answer = json.loads(process.stdout.readline() or b'{"error": "its process has ended"}')
        if "error" in answer:
            raise NoTicket(answer["error"])
        return answer["result"]

    def close(self) -> None:
        with self._lock:
            if self._process is not None:
                self._process.communicate()
                self._process = None

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 -- constants
            [sys.executable, "-I", Path(__file__).with_name("kerberos_initiator.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "KRB5_CONFIG": str(self._krb5_conf), "KRB5CCNAME": "MEMORY:none"},
            start_new_session=True,
        )
