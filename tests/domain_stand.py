"""The whole of it with a directory: a real domain, the lab's Kerberos services, the gateway, clients of three kinds.

    async with a_domain_stand(setting, tmp_path) as stand:
        answer = await stand.enroll("alice", "certificate")

What a client is issued is read with `cryptography` from the bytes it got: who reached the CA stands in the certificate.
"""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes

from gateway.app import App
from gateway.cli.lab_configuration import Ports
from gateway.cli.lab_domain_configuration import domain_configuration, write_domain_configuration
from gateway.config import load_configuration
from gateway.lab.accounts import UPN_OID
from gateway.lab.credentials import KeyPair
from gateway.lab.domain import Domain
from gateway.lab.kerberos_client import Initiation, KerberosClient
from gateway.lab.negotiate import KerberosArrivals
from gateway.lab.server import CA_1, Lab, ServiceKind
from gateway.lab.world import GATEWAY_HOST, World
from tests.requests import SECURITY_IDENTIFIER, a_key, a_new_request
from tests.stand import Answer, Change, Stand, without_probes

CES_CERTIFICATE = f"/{CA_1}_CES_Certificate/service.svc/CES"
CES_PASSWORD = f"/{CA_1}_CES_UsernamePassword/service.svc/CES"
CES_KERBEROS = f"/{CA_1}_CES_Kerberos/service.svc/CES"
CEP_CERTIFICATE = "/ADPolicyProvider_CEP_Certificate/service.svc/CEP"
CEP_PASSWORD = "/ADPolicyProvider_CEP_UsernamePassword/service.svc/CEP"
CEP_KERBEROS = "/ADPolicyProvider_CEP_Kerberos/service.svc/CEP"
WAYS = ("certificate", "password", "kerberos")
_CES = {"certificate": CES_CERTIFICATE, "password": CES_PASSWORD, "kerberos": CES_KERBEROS}
_CEP = {"certificate": CEP_CERTIFICATE, "password": CEP_PASSWORD, "kerberos": CEP_KERBEROS}


@dataclass(frozen=True)
class Setting:
    """What is made once for many tests."""

    world: World
    domain: Domain
    clients: Mapping[str, KeyPair]
    """Client certificates by sAMAccountName."""
    kerberos: KerberosClient


@dataclass(frozen=True)
class Identity:
    """Whom a certificate is for, in the two ways in which Windows asks."""

    names: tuple[str, ...]
    """User principal names and DNS names of the subject alternative name."""
    sid: str


@dataclass
class DomainStand(Stand):
    setting: Setting

    async def enroll(
        self, name: str, way: str, *, template: str = "CorpUser", request: bytes | None = None, **how: Any
    ) -> Answer:
        """One Issue by this account, in one of the WAYS. `how` is what `call` takes."""
        body = self.issue_body(request or a_request(), template=template)
        return await self.call(name, way, ACTION_RST, body, _CES[way], **how)

    async def fetch_policies(self, name: str, way: str, **how: Any) -> Answer:
        """One GetPolicies."""
        return await self.call(name, way, ACTION_GET_POLICIES, GET_POLICIES, _CEP[way], **how)

    async def call(
        self,
        name: str,
        way: str,
        action: str,
        body: str,
        path: str,
        *,
        username: str | None = None,
        password: str | None = None,
        forwardable: bool = True,
        port: int | None = None,
    ) -> Answer:
        """`username` and `password` replace what the account is called and has."""
        security, client = "", None
        headers: tuple[tuple[str, str], ...] = ()
        domain = self.setting.domain
        match way:
            case "certificate":
                client = self.setting.clients[name]
            case "password":
                security = self.username_token(
                    username or f"{name}@{domain.dns_domain}", password or domain.password(name)
                )
            case "kerberos":
                initiation = await self.initiate(username or name, password or domain.password(name), forwardable)
                headers = (("Authorization", f"Negotiate {base64.b64encode(initiation.token).decode()}"),)
        message = self.envelope(action, body, security=security)
        return await self.post(message, path, client=client, headers=headers, port=port)

    async def initiate(self, account: str, password: str, forwardable: bool = True) -> Initiation:
        """A token for the gateway, bound to its certificate."""
        return await asyncio.to_thread(
            self.setting.kerberos.initiate,
            f"{account}@{self.setting.domain.realm}" if "@" not in account else account,
            password,
            f"HTTP/{GATEWAY_HOST}",
            channel_bindings=server_bindings(self.world),
            forwardable=forwardable,
        )

    def relay(self) -> Any:
        """The relay of the domain's realm: it counts what reaches the KDC."""
        assert self.app.realms is not None
        return self.app.realms.named(self.setting.domain.realm).relay

    def identity_of(self, name: str) -> Identity:
        """What the directory says."""
        domain = self.setting.domain
        found = domain.ldb().attributes(name, "userPrincipalName", "objectSid", "dNSHostName", "sAMAccountName")
        names = found["dNSHostName"] or found["userPrincipalName"] or (f"{name}@{domain.dns_domain}",)
        return Identity(tuple(names), found["objectSid"][0])


def a_request(key: str = "requester") -> bytes:
    """For an online template: a key, and a placeholder for the subject. Never the same twice."""
    return a_new_request("placeholder", dns=(), template=None, key=a_key(name=key))


ACTION_RST = "http://schemas.microsoft.com/windows/pki/2009/01/enrollment/RST/wstep"
ACTION_GET_POLICIES = "http://schemas.microsoft.com/windows/pki/2009/01/enrollmentpolicy/IPolicy/GetPolicies"
GET_POLICIES = (
    '<GetPolicies xmlns="http://schemas.microsoft.com/windows/pki/2009/01/enrollmentpolicy"'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><client><lastUpdate xsi:nil="true"/>'
    '<preferredLanguage xsi:nil="true"/></client><requestFilter><policyOIDs xsi:nil="true"/>'
    "<clientVersion>0</clientVersion><serverVersion>0</serverVersion></requestFilter></GetPolicies>"
)


def server_bindings(world: World) -> bytes:
    """tls-server-end-point of the gateway's certificate (RFC 5929 4), computed by other code than the gateway's."""
    certificate = x509.load_pem_x509_certificate(world.gateway_server.certificate.read_bytes())
    return b"tls-server-end-point:" + certificate.fingerprint(hashes.SHA256())


def identity_in(der: bytes) -> Identity:
    """Read from an issued certificate."""
    certificate = x509.load_der_x509_certificate(der)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    upns = [
        asn1.decode_der(str, name.value)
        for name in names.get_values_for_type(x509.OtherName)
        if name.type_id == UPN_OID
    ]
    extension = certificate.extensions.get_extension_for_oid(x509.ObjectIdentifier(SECURITY_IDENTIFIER)).value
    assert isinstance(extension, x509.UnrecognizedExtension)
    sid = extension.value[extension.value.rindex(b"S-1-") :].decode()
    return Identity((*upns, *names.get_values_for_type(x509.DNSName)), sid)


@asynccontextmanager
async def a_domain_stand(
    setting: Setting,
    directory: Path,
    change: Change = lambda _: None,
    *,
    renewal_only: Collection[tuple[ServiceKind, str]] = (),
) -> AsyncIterator[DomainStand]:
    """Running; `change` alters the configuration of `ces-gateway lab --ad` first.

    `renewal_only` is about the inside.
    """
    arrivals = KerberosArrivals(setting.domain, setting.world)
    async with Lab(setting.world, arrivals, renewal_only=renewal_only) as lab:
        ports = Ports.free()
        write_domain_configuration(setting.world, lab, setting.domain, ports)
        content = domain_configuration(setting.world, lab, setting.domain, ports)
        content["audit"]["file"] = str(directory / "audit.jsonl")
        # Labs that share a world are so many CAs of one name, and the last one has written its own.
        del content["certification_authorities"]
        without_probes(content)
        change(content)
        file = setting.world.directory / f"{directory.name}.yaml"
        file.write_text(yaml.safe_dump(content))
        async with App(load_configuration(file, datetime.now(UTC))) as app:
            yield DomainStand(setting.world, lab, app, ports, directory / "audit.jsonl", setting=setting)


def transition(word: str, *names: str) -> Change:
    """Let these services (all, if none is named) go inside in another way."""

    def change(content: dict[str, Any]) -> None:
        for service in content["services"]:
            if not names or service["name"] in names:
                service["transition"] = word

    return change


def both(*changes: Callable[[dict[str, Any]], None]) -> Change:
    def change(content: dict[str, Any]) -> None:
        for each in changes:
            each(content)

    return change


def kerberos_settings(**settings: Any) -> Change:
    """Of the realm."""

    def change(content: dict[str, Any]) -> None:
        content["realms"][0]["kerberos"] |= settings

    return change
