"""The whole of it for a test: the lab inside, the gateway before it, and clients that are not our own code.

    async with a_stand(world, tmp_path) as stand:
        answer = await stand.post(stand.issue(...))

Requests are written by hand and answers read with plain lxml: a mistake in the gateway's codecs is not mirrored.
"""

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from xml.sax.saxutils import escape

import yaml
from lxml import etree

from gateway.app import App, now
from gateway.audit import verify
from gateway.cli.lab_configuration import Ports, configuration, write_configuration
from gateway.config import load_configuration
from gateway.lab.server import CA_1, Lab, ServiceKind
from gateway.lab.world import GATEWAY_HOST, KeyPair, World
from tests.fakes.internal import FakeInternal

ALICE = "alice@partner-a.example"
ACTION_RST = "http://schemas.microsoft.com/windows/pki/2009/01/enrollment/RST/wstep"
ACTION_GET_POLICIES = "http://schemas.microsoft.com/windows/pki/2009/01/enrollmentpolicy/IPolicy/GetPolicies"
TRUST = "http://docs.oasis-open.org/ws-sx/ws-trust/200512"
ISSUE = f"{TRUST}/Issue"
QUERY_TOKEN_STATUS = "http://schemas.microsoft.com/windows/pki/2009/01/enrollment/QueryTokenStatus"
CES_PASSWORD = f"/{CA_1}_CES_UsernamePassword/service.svc/CES"
CES_CERTIFICATE = f"/{CA_1}_CES_Certificate/service.svc/CES"
CEP_PASSWORD = "/ADPolicyProvider_CEP_UsernamePassword/service.svc/CEP"
CEP_CERTIFICATE = "/ADPolicyProvider_CEP_Certificate/service.svc/CEP"

WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
NAMESPACES = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "a": "http://www.w3.org/2005/08/addressing",
    "wst": TRUST,
    "wsse": WSSE,
    "wstep": "http://schemas.microsoft.com/windows/pki/2009/01/enrollment",
    "xcep": "http://schemas.microsoft.com/windows/pki/2009/01/enrollmentpolicy",
}
MESSAGE_ID = "urn:uuid:0c6196cd-5b25-4af5-9672-05dcf4f8c3cd"


@dataclass(frozen=True)
class Answer:
    """One HTTP answer, as a client sees it."""

    status: int
    headers: dict[str, str]
    body: bytes

    def find(self, path: str) -> str | None:
        """Text of the first element at an XPath with the usual prefixes."""
        found = etree.fromstring(self.body).find(path, NAMESPACES)
        return None if found is None else (found.text or "")

    @property
    def fault(self) -> "SoapFault":
        root = etree.fromstring(self.body)
        values = [_qname(value) for value in root.findall(".//s:Code//s:Value", NAMESPACES)]
        code = self.find(".//wstep:ErrorCode")
        return SoapFault(
            values[0],
            values[1] if len(values) > 1 else None,
            int(code) & 0xFFFFFFFF if code else None,
            self.find(".//s:Reason/s:Text") or "",
        )

    @property
    def certificate(self) -> bytes:
        """DER of the leaf in RequestedSecurityToken."""
        text = self.find(".//wst:RequestedSecurityToken/wsse:BinarySecurityToken")
        assert text, self.body
        return base64.b64decode(text)


@dataclass(frozen=True)
class SoapFault:
    code: str
    subcode: str | None
    hresult: int | None
    text: str


def _qname(value: etree._Element) -> str:
    """`{namespace}local`, resolved by lxml's own knowledge of the prefixes in scope."""
    prefix, _, local = (value.text or "").rpartition(":")
    return f"{{{value.nsmap[prefix or None]}}}{local}"


@dataclass
class Stand:
    world: World
    lab: Lab
    app: App
    ports: Ports
    audit_file: Path
    output: list[bytes] = field(default_factory=list, kw_only=True)
    """Every byte that the gateway sent, for leak scans."""

    # --- messages ---------------------------------------------------------------------------------------------------

    def envelope(self, action: str, body: str, *, security: str | None = None, to: str = "") -> bytes:
        """By hand; `security` None stands for alice's own right password."""
        header = self.username_token() if security is None else security
        return (
            f'<s:Envelope xmlns:s="{NAMESPACES["s"]}" xmlns:a="{NAMESPACES["a"]}"><s:Header>'
            f'<a:Action s:mustUnderstand="1">{action}</a:Action><a:MessageID>{MESSAGE_ID}</a:MessageID>'
            f'<a:To s:mustUnderstand="1">{to or "https://" + GATEWAY_HOST + "/"}</a:To>{header}</s:Header>'
            f"<s:Body>{body}</s:Body></s:Envelope>"
        ).encode()

    def username_token(self, username: str = ALICE, password: str | None = None) -> str:
        """As cepces writes it, but for its quirks: no Timestamp."""
        secret = self.world.passwords[ALICE] if password is None else password
        return (
            f'<o:Security s:mustUnderstand="1" xmlns:o="{WSSE}"><o:UsernameToken><o:Username>{escape(username)}'
            f"</o:Username><o:Password>{escape(secret)}</o:Password></o:UsernameToken></o:Security>"
        )

    def issue_body(self, request: bytes | str, *, template: str | None = None, request_type: str = ISSUE) -> str:
        """A RequestSecurityToken around DER (or around text that stands for its base64)."""
        token = request if isinstance(request, str) else base64.b64encode(request).decode()
        context = (
            '<AdditionalContext xmlns="http://schemas.xmlsoap.org/ws/2006/12/authorization"><ContextItem'
            f' Name="CertificateTemplate"><Value>{template}</Value></ContextItem></AdditionalContext>'
            if template
            else ""
        )
        return (
            f'<RequestSecurityToken xmlns="{TRUST}"><TokenType>http://docs.oasis-open.org/wss/2004/01/'
            f"oasis-200401-wss-x509-token-profile-1.0#X509v3</TokenType><RequestType>{request_type}</RequestType>"
            '<BinarySecurityToken ValueType="http://schemas.microsoft.com/windows/pki/2009/01/enrollment#PKCS10"'
            f' EncodingType="{WSSE}#base64binary" xmlns="{WSSE}">{token}</BinarySecurityToken>{context}'
            "</RequestSecurityToken>"
        )

    def issue(self, request: bytes | str, *, template: str | None = None, security: str | None = None) -> bytes:
        return self.envelope(ACTION_RST, self.issue_body(request, template=template), security=security)

    def query_token_status(self, request_id: str, *, security: str | None = None) -> bytes:
        body = (
            f'<RequestSecurityToken xmlns="{TRUST}"><TokenType>http://docs.oasis-open.org/wss/2004/01/'
            f"oasis-200401-wss-x509-token-profile-1.0#X509v3</TokenType><RequestType>{QUERY_TOKEN_STATUS}</RequestType>"
            f'<RequestID xmlns="{NAMESPACES["wstep"]}">{request_id}</RequestID></RequestSecurityToken>'
        )
        return self.envelope(ACTION_RST, body, security=security)

    def get_policies(self, *, security: str | None = None, last_update: str | None = None) -> bytes:
        since = f"<lastUpdate>{last_update}</lastUpdate>" if last_update else '<lastUpdate xsi:nil="true"/>'
        body = (
            f'<GetPolicies xmlns="{NAMESPACES["xcep"]}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><client>'
            f'{since}<preferredLanguage xsi:nil="true"/></client><requestFilter>'
            '<policyOIDs xsi:nil="true"/><clientVersion>0</clientVersion><serverVersion>0</serverVersion>'
            "</requestFilter></GetPolicies>"
        )
        return self.envelope(ACTION_GET_POLICIES, body, security=security)

    # --- the wire ---------------------------------------------------------------------------------------------------

    async def post(
        self,
        body: bytes,
        path: str = CES_PASSWORD,
        *,
        client: KeyPair | None = None,
        method: str = "POST",
        content_type: str | None = "application/soap+xml; charset=utf-8",
        headers: tuple[tuple[str, str], ...] = (),
        server_name: str = GATEWAY_HOST,
        port: int | None = None,
    ) -> Answer:
        """One request on a connection of its own; services by certificate are on their own port."""
        fields = [("Host", GATEWAY_HOST), ("Connection", "close"), ("Content-Length", str(len(body))), *headers]
        if content_type:
            fields.append(("Content-Type", content_type))
        head = "".join(f"{name}: {value}\r\n" for name, value in fields)
        request = f"{method} {quote(path, safe='/%?=&')} HTTP/1.1\r\n{head}\r\n".encode() + body
        usual = self.ports.https_certificate if client else self.ports.https
        return _answer(await self.send(request, port=port or usual, client=client, server_name=server_name))

    async def send(
        self, raw: bytes, *, port: int | None = None, client: KeyPair | None = None, server_name: str = GATEWAY_HOST
    ) -> bytes:
        """Bytes over TLS, and all that comes back until the gateway closes. Raises ssl.SSLError, ConnectionError."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.world.public_ca)
        if client:
            context.load_cert_chain(client.certificate, client.key)
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port or self.ports.https, ssl=context, server_hostname=server_name
        )
        try:
            writer.write(raw)
            received = await reader.read()
        finally:
            writer.close()
        self.output.append(received)
        return received

    # --- what is left behind ----------------------------------------------------------------------------------------

    def audit(self, *events: str) -> list[dict[str, Any]]:
        """The lines of these events, in order."""
        lines = [
            json.loads(line) for line in self.audit_file.read_text().splitlines(keepends=True) if line.endswith("\n")
        ]
        return [line for line in lines if not events or line["event"] in events]

    async def next_audit(self, event: str) -> dict[str, Any]:
        """The first line of this event, which the gateway writes without anybody waiting for it."""
        while not (lines := self.audit(event)):  # noqa: ASYNC110 -- another thread writes, and tells nobody
            await asyncio.sleep(0)
        return lines[0]

    async def refusal_of(self, answer: Answer) -> dict[str, Any]:
        """The audit line of a refusal, found by the call id that the client got. Refusals are not waited for."""
        call_id = answer.headers["X-Call-Id"]
        while not (lines := [line for line in self.audit("refused") if line["call_id"] == call_id]):  # noqa: ASYNC110
            await asyncio.sleep(0)
        return lines[0]

    def assert_audit_is_intact(self) -> None:
        verification = verify(self.audit_file)
        assert verification.ok, verification.reason


def _answer(raw: bytes) -> Answer:
    head, _, body = raw.partition(b"\r\n\r\n")
    status_line, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return Answer(int(status_line.split(" ")[1]), headers, body)


Change = Callable[[dict[str, Any]], None]
"""Alters the configuration before the gateway reads it."""


@asynccontextmanager
async def a_stand(
    world: World,
    directory: Path,
    change: Change = lambda _: None,
    clock: Callable[[], datetime] = now,
    *,
    renewal_only: Collection[tuple[ServiceKind, str]] = (),
) -> AsyncIterator[Stand]:
    """Lab and gateway, running. Configuration, policies and audit record go into `directory`.

    `renewal_only` is about the inside.
    """
    async with Lab(world, renewal_only=renewal_only) as lab:
        ports = Ports.free()
        file = write_stand_configuration(world, lab, ports, directory, change)
        async with App(load_configuration(file, datetime.now(UTC)), clock) as app:
            yield Stand(world, lab, app, ports, directory / "audit.jsonl")


def write_stand_configuration(
    world: World, lab: Lab, ports: Ports, directory: Path, change: Change = lambda _: None
) -> Path:
    """As of the lab, with the audit record in `directory`; the file's path."""
    write_configuration(world, lab, ports)
    content = configuration(world, lab, ports)
    content["audit"]["file"] = str(directory / "audit.jsonl")
    # Labs that share a world are so many CAs of one name, and the last one has written its own.
    del content["certification_authorities"]
    without_probes(content)
    change(content)
    file = world.directory / f"{directory.name}.yaml"
    file.write_text(yaml.safe_dump(content))
    return file


def without_probes(content: dict[str, Any]) -> None:
    """Else a slow test would find more questions at its internal service than it has asked."""
    for published in content["services"]:
        published["health"] = {"probe_seconds": 0}


def service(content: dict[str, Any], name: str) -> dict[str, Any]:
    """One service of a configuration."""
    found: dict[str, Any] = next(service for service in content["services"] if service["name"] == name)
    return found


def with_fake(fake: FakeInternal, name: str = "ca1-password", **upstream: float) -> Change:
    """Put a scripted internal service behind a published one."""

    def change(content: dict[str, Any]) -> None:
        path = urlsplit(fake.url).path
        service(content, name)["upstream"] |= {
            "url": f"https://ces.corp.fabrikam.example:{fake.port}{path}",
            "server_address": fake.address,
            "trust": str(fake.trust),
            **upstream,
        }

    return change


def internal_uri(lab: Lab) -> str:
    """What must never leave."""
    return lab.ces_uri(ServiceKind.USERNAME_PASSWORD, CA_1)
