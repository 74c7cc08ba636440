"""What the audit tests are about: one call and all that can be told of it, with secrets wherever there is room."""

import errno
import json
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gateway.audit.journal import Disk
from gateway.call import Call
from gateway.credential import KerberosCredential
from gateway.pki.certificate import Certificate
from gateway.pki.certificate_request import (
    CertificateRequest,
    Extension,
    RequestClientInfo,
    RequestFormat,
    TemplateCarrier,
    TemplateReference,
)
from gateway.pki.keys import PublicKey
from gateway.pki.names import AttributeTypeAndValue, GeneralName, GeneralNameType, Name
from gateway.policy.decision import Application, Approval, Policy, Rule, Template
from gateway.protocol.security import Secret, UsernameToken
from gateway.protocol.wstep import ContextItem
from gateway.requester import Requester, Verifier
from gateway.tickets import CredentialCache, EvidenceTicket, ServiceTicket
from tests.builders import an_account

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CANARY = "canary-5d41402abc4b"
"""What must never reach the file."""
KEY = PublicKey("EC", 256, "secp256r1", b"spki")
SAN = (
    GeneralName(GeneralNameType.DNS_NAME, "web01.partner.example"),
    GeneralName(GeneralNameType.IP_ADDRESS, "192.0.2.7"),
)


class Clock:
    """A millisecond later at every look."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now


@dataclass
class FaultyDisk:
    """A disk that does what it is told. `faults` name the calls that are to fail: write, sync, truncate."""

    faults: set[str] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)
    written_before_failing: int = 0
    """Bytes of a failing write that reach the file nevertheless."""

    def disk(self) -> Disk:
        return Disk(self._write, self._sync, self._truncate)

    def _write(self, fd: int, data: bytes) -> int:
        if "write" in self.faults and self.written_before_failing:
            partly = data[: self.written_before_failing]
            self.written_before_failing = 0
            return os.write(fd, partly)
        self._fail("write", errno.ENOSPC)
        return os.write(fd, data)

    def _sync(self, _fd: int) -> None:
        self._fail("sync", errno.EIO)

    def _truncate(self, fd: int, size: int) -> None:
        self._fail("truncate", errno.EPERM)
        os.ftruncate(fd, size)

    def _fail(self, call: str, code: int) -> None:
        self.calls.append(call)
        if call in self.faults:
            raise OSError(code, os.strerror(code))


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def events_of(path: Path) -> list[str]:
    return [line["event"] for line in lines_of(path)]


def a_name(common_name: str) -> Name:
    return Name(((AttributeTypeAndValue("commonName", common_name),),))


def a_call(*, client_certificate: bytes | None = None) -> Call:
    return Call("call-1", NOW, "192.0.2.1", "ces-users", client_certificate, CANARY, None, CANARY.encode())


def a_password_requester() -> Requester:
    return Requester("CORP\\alice", UsernameToken("alice@corp.example", Secret(CANARY)), Verifier.PASSWORD_FILE, NOW)


def a_certificate(der: bytes = b"client") -> Certificate:
    return Certificate(
        der=der,
        subject=a_name("device01"),
        issuer=a_name("Partner CA"),
        serial_number=0x1F,
        not_before=NOW,
        not_after=NOW + timedelta(days=1),
        public_key=KEY,
        subject_alternative_name=(),
        sha256_fingerprint="ab" * 32,
    )


def a_certificate_requester() -> Requester:
    return Requester("PARTNER", a_certificate(), Verifier.TLS, NOW, "partner-a")


def a_kerberos_requester() -> Requester:
    """Alice of the directory, with a ticket."""
    evidence = EvidenceTicket("alice@CORP.EXAMPLE", True, CredentialCache(f"MEMORY:{CANARY}"), CANARY.encode())
    return Requester("alice@corp.example", evidence, Verifier.KERBEROS, NOW, directory_account=an_account())


def a_kerberos_credential() -> KerberosCredential:
    """In her name, for the internal CES, fetched from the KDC."""
    ticket = ServiceTicket(
        account="alice@corp.example",
        client="alice@CORP.EXAMPLE",
        service_principal_name="HTTP/ces.corp.example@CORP.EXAMPLE",
        starts=NOW,
        ends=NOW + timedelta(hours=10),
        cache=CredentialCache(f"MEMORY:{CANARY}"),
    )
    return KerberosCredential(ticket, "constrained_delegation", is_cached=False, acts_as_sid=an_account().sid)


def a_request() -> CertificateRequest:
    return CertificateRequest(
        der=b"request",
        format=RequestFormat.PKCS10,
        subject=a_name("web01"),
        public_key=KEY,
        signature_algorithm="1.2.840.10045.4.3.2",
        extensions=(Extension("2.5.29.17", critical=False, value=b"\x30\x00"),),
        attributes=("1.3.6.1.4.1.311.21.20",),
        template_references=(TemplateReference(TemplateCarrier.EXTENSION_CERTIFICATE_TEMPLATE_NAME, "WebServer"),),
        name_value_pairs=(),
        subject_alternative_name=SAN,
        key_usage=None,
        extended_key_usage=None,
        application_policies=None,
        certificate_policies=None,
        basic_constraints_ca=None,
        security_identifier=None,
        client_info=RequestClientInfo(5, "web01", "CORP\\alice", "certreq.exe"),
        os_version=None,
        cryptographic_service_provider=None,
    )


def an_application(requester: Requester | None = None) -> Application:
    return Application(requester or a_password_requester(), a_request(), (ContextItem("ccm", "web01.corp.example"),))


class Everybody:
    """A condition that is always met."""

    def violations(self, rule: str, application: Application) -> tuple[()]:
        return ()

    def admits(self, requester: Requester) -> bool:
        return True


def a_policy() -> Policy:
    return Policy("web.yaml", Template("WebServer"), (Rule("web servers", Everybody(), ()),), "cd" * 32)


def an_approval() -> Approval:
    return Approval(an_application(), a_policy(), a_policy().rules[0])
