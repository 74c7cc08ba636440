"""The scene of a lab with a domain: its own people come from outside, each in one of the three ways.

Needs the extra `kerberos`, Debian's Samba and root.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gateway.cli.lab_configuration import Ports
from gateway.cli.lab_domain_configuration import write_domain_configuration
from gateway.cli.lab_steps import StepFailed, a_client, a_request, be_issued, be_refused, fetch_policy
from gateway.credential import KerberosCredential, OwnCertificate
from gateway.errors import MutualAuthenticationFailed
from gateway.lab.ad.template import PASSWORDS
from gateway.lab.clients import issue_clients
from gateway.lab.credentials import KeyPair
from gateway.lab.domain import CORP, Domain
from gateway.lab.domain_accounts import find_account
from gateway.lab.kerberos_client import Initiation, KerberosClient, NoTicket
from gateway.lab.negotiate import KerberosArrivals
from gateway.lab.server import CA_1, Lab
from gateway.lab.world import GATEWAY_HOST, World
from gateway.pki.certificate import parse_certificate
from gateway.pki.names import GeneralNameType
from gateway.protocol.security import Secret, UsernameToken
from gateway.tickets import CredentialCache, ServiceTicket

TEMPLATE = "CorpUser"
TEMPLATES = Path(".cache") / "ad"
"""In the working directory: where the made domain is kept for the next time."""

_CEP_BY_KERBEROS = "/ADPolicyProvider_CEP_Kerberos/service.svc/CEP"
_CES_BY_KERBEROS = f"/{CA_1}_CES_Kerberos/service.svc/CES"
_CES_BY_PASSWORD = f"/{CA_1}_CES_UsernamePassword/service.svc/CES"
_CES_BY_CERTIFICATE = f"/{CA_1}_CES_Certificate/service.svc/CES"


@contextmanager
def insiders(world: World) -> Iterator["Insiders"]:
    """With the domain running. Raises DomainUnavailable."""
    with Domain(CORP, world.directory / "domain", templates=TEMPLATES) as domain:
        kerberos = KerberosClient(domain.krb5_conf)
        try:
            print(f"domain started      {domain.realm} at {domain.address}")
            yield Insiders(world, domain, issue_clients(world, domain), kerberos)
        finally:
            kerberos.close()


class Insiders:
    """Alice, who gets her certificate in every way, and Carol, who must not be impersonated."""

    def __init__(
        self, world: World, domain: Domain, certificates: Mapping[str, KeyPair], kerberos: KerberosClient
    ) -> None:
        self._world = world
        self._domain = domain
        self._certificates = certificates
        self._kerberos = kerberos
        self.lab = Lab(world, KerberosArrivals(domain, world))

    def write_configuration(self, ports: Ports) -> Path:
        return write_domain_configuration(self._world, self.lab, self._domain, ports)

    async def demonstrate(self, ports: Ports, audit: Path) -> None:
        world, placeholder = self._world, a_request("a placeholder")
        alice = _Initiator(self._kerberos, "alice", self._domain.password("alice"))
        async with a_client(
            world, ports.url(ports.https, _CEP_BY_KERBEROS), alice.credential, negotiator=alice
        ) as client:
            await fetch_policy(client, "alice")

        async with a_client(
            world, ports.url(ports.https, _CES_BY_KERBEROS), alice.credential, negotiator=alice
        ) as client:
            self._check(await be_issued(client, placeholder, TEMPLATE, "by Kerberos"))

        name = f"alice@{self._domain.dns_domain}"
        password = UsernameToken(name, Secret(self._domain.password("alice")))
        async with a_client(world, ports.url(ports.https, _CES_BY_PASSWORD), password) as client:
            self._check(await be_issued(client, placeholder, TEMPLATE, "by password"))

        url = ports.url(ports.https_certificate, _CES_BY_CERTIFICATE)
        async with a_client(world, url, OwnCertificate(), certificate=self._certificates["alice"]) as client:
            self._check(await be_issued(client, placeholder, TEMPLATE, "by client certificate"))
        async with a_client(world, url, OwnCertificate(), certificate=self._certificates["carol"]) as client:
            await be_refused(client, placeholder, TEMPLATE, audit)

    def addresses(self, ports: Ports) -> Iterator[tuple[str, str]]:
        yield "policy service", ports.url(ports.https, _CEP_BY_KERBEROS)
        yield "enrollment service", ports.url(ports.https, _CES_BY_KERBEROS)
        yield "  by password", ports.url(ports.https, _CES_BY_PASSWORD)
        yield "  by certificate", ports.url(ports.https_certificate, _CES_BY_CERTIFICATE)
        yield "domain", f"KRB5_CONFIG={self._domain.krb5_conf}, ldap://{self._domain.address}"
        yield "  passwords", str(self._domain.directory / PASSWORDS)
        yield "  certificates", str(self._certificates["alice"].certificate.parent)

    def _check(self, issued: bytes) -> None:
        """That it is Alice's, by the names with which Windows maps it to her account."""
        alice = find_account(self._domain, "alice")
        certificate = parse_certificate(issued)
        names = [
            name.value
            for name in certificate.subject_alternative_name
            if name.type is GeneralNameType.USER_PRINCIPAL_NAME
        ]
        if (names, certificate.security_identifiers) != ([alice.user_principal_name], (alice.sid,)):
            raise StepFailed(f"the certificate is for {names} and {certificate.security_identifiers}")
        print(f"                    it is hers: {alice.user_principal_name}, {alice.sid}")


@dataclass(frozen=True, slots=True)
class _Initiator:
    """A user at a machine of the domain: a Negotiator that gets its tickets in a process of its own."""

    kerberos: KerberosClient
    name: str
    password: str

    @property
    def credential(self) -> KerberosCredential:
        """Stands for the ticket, which is in that process."""
        now = datetime.now(UTC)
        spn = f"HTTP/{GATEWAY_HOST}"
        ticket = ServiceTicket(self.name, self.name, spn, now, now, CredentialCache("MEMORY:elsewhere"))
        return KerberosCredential(ticket, "own_account", is_cached=False, acts_as_sid=None)

    async def begin(self, ticket: ServiceTicket, channel_bindings: bytes | None, /) -> "_Negotiation":
        try:
            initiation = await asyncio.to_thread(
                self.kerberos.initiate,
                self.name,
                self.password,
                ticket.service_principal_name,
                channel_bindings=channel_bindings,
            )
        except NoTicket as error:
            raise StepFailed(f"a ticket for {ticket.service_principal_name}: {error}") from error
        return _Negotiation(initiation)


@dataclass(frozen=True, slots=True)
class _Negotiation:
    initiation: Initiation

    @property
    def token(self) -> bytes:
        return self.initiation.token

    async def finish(self, reply: bytes | None, /) -> None:
        if reply is None or not self.initiation.verifies(reply):
            raise MutualAuthenticationFailed("the gateway has not proved itself")
