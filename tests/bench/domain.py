"""What Kerberos is measured with: Samba's domain, the lab inside, the gateway in a process of its own, its clients."""

import asyncio
import base64
import os
import shutil
import ssl
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from aiohttp import ClientSession, TCPConnector

from gateway.cli.lab_configuration import Ports, write_file
from gateway.cli.lab_domain_configuration import domain_configuration
from gateway.cli.lab_insiders import TEMPLATE, TEMPLATES
from gateway.lab.clients import issue_clients
from gateway.lab.credentials import KeyPair
from gateway.lab.domain import CORP, Domain
from gateway.lab.kerberos_client import KerberosClient
from gateway.lab.negotiate import KerberosArrivals
from gateway.lab.server import Lab
from gateway.lab.world import GATEWAY_HOST, World, create_world
from gateway.protocol import wstep
from gateway.protocol.security import Secret, UsernameToken
from gateway.protocol.soap import render_envelope
from tests.bench.servers import Server, free_port, running
from tests.bench.tools import RUN, BenchError
from tests.domain_stand import CES_CERTIFICATE, CES_KERBEROS, CES_PASSWORD, a_request, server_bindings
from tests.rates import PLENTY

WAYS: Mapping[str, str] = {
    "protocol_transition": CES_CERTIFICATE,
    "constrained_delegation": CES_KERBEROS,
    "user_ticket": CES_PASSWORD,
}
"""The service of each transition."""
_WARM_UP = 10


@dataclass(frozen=True, slots=True)
class Setting:
    """What is made once, for any number of gateways."""

    domain: Domain
    world: World
    lab: Lab
    clients: Mapping[str, KeyPair]
    kerberos: KerberosClient


@dataclass(frozen=True, slots=True)
class Question:
    """One enrollment's HTTP request, ready to be sent: what it took to make it is the client's matter."""

    session: ClientSession
    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Costs:
    """Of one enrollment, or of several at once. Times in milliseconds."""

    total: float
    """Between the first request and the end of the last answer, as the clients see it."""
    exchanges: float
    """With the KDC."""
    kdc: float
    """That they took, as the gateway's relay measures it: from the whole request to the whole answer."""
    inside: float
    """That the exchange with the internal CES took, with the handshake before it."""
    cpu: float
    """Of the gateway."""

    @property
    def beside_kdc(self) -> float:
        return self.total - self.kdc


@asynccontextmanager
async def a_setting() -> AsyncIterator[Setting]:
    """The domain and the lab, running."""
    directory = RUN / "kerberos"
    shutil.rmtree(directory, ignore_errors=True)
    world = create_world(directory)
    with Domain(CORP, directory / "domain", templates=TEMPLATES) as domain:
        # The lab's services are in this process.
        os.environ |= {"KRB5_CONFIG": str(domain.krb5_conf), "KRB5CCNAME": "MEMORY:none"}
        kerberos = KerberosClient(domain.krb5_conf)
        try:
            async with Lab(world, KerberosArrivals(domain, world)) as lab:
                yield Setting(domain, world, lab, issue_clients(world, domain), kerberos)
        finally:
            kerberos.close()


@dataclass
class Gateway:
    """One that has just started: no account has a ticket in its cache, but what all accounts share is there."""

    setting: Setting
    ports: Ports
    server: Server
    management: ClientSession
    stack: AsyncExitStack
    sessions: dict[str, ClientSession] = field(default_factory=dict)

    async def question(self, name: str, way: str) -> Question:
        """What this account asks, on a connection that is open already."""
        session = await self._session(name)
        path = WAYS[way]
        port = self.ports.https_certificate if path == CES_CERTIFICATE else self.ports.https
        url = f"https://127.0.0.1:{port}{path}"
        headers = {"Host": GATEWAY_HOST, "Content-Type": "application/soap+xml; charset=utf-8"}
        async with session.get(url, headers=headers, server_hostname=GATEWAY_HOST) as response:
            await response.read()
        if path == CES_KERBEROS:
            headers["Authorization"] = f"Negotiate {base64.b64encode(await self._token(name)).decode()}"
        return Question(session, url, headers, self._message(name, by_password=path == CES_PASSWORD))

    async def enroll(self, *questions: Question) -> Costs:
        """All of them at once. Raises BenchError unless each is answered with a certificate."""
        before = await self._counters()
        cpu, begun = self.server.cpu_seconds(), time.monotonic()
        await asyncio.gather(*map(_ask, questions))
        total, cpu = time.monotonic() - begun, self.server.cpu_seconds() - cpu
        exchanges, kdc, inside = map(float.__sub__, await self._counters(), before)
        return Costs(total * 1000, exchanges, kdc * 1000, inside * 1000, cpu * 1000)

    async def _counters(self) -> tuple[float, float, float]:
        """As the gateway says: exchanges with the KDC, seconds in them, seconds in those with the inside."""
        async with self.management.get("/metrics") as response:
            lines = (await response.text()).splitlines()

        def sum_of(series: str) -> float:
            return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{series}{{"))

        return (
            sum_of("ces_gateway_kdc_seconds_count"),
            sum_of("ces_gateway_kdc_seconds_sum"),
            sum_of("ces_gateway_upstream_seconds_sum"),
        )

    async def _session(self, name: str) -> ClientSession:
        if name not in self.sessions:
            context = ssl.create_default_context(cafile=self.setting.world.public_ca)
            context.load_cert_chain(self.setting.clients[name].certificate, self.setting.clients[name].key)
            session = ClientSession(connector=TCPConnector(ssl=context, keepalive_timeout=60))
            self.sessions[name] = await self.stack.enter_async_context(session)
        return self.sessions[name]

    async def _token(self, name: str) -> bytes:
        domain = self.setting.domain
        initiation = await asyncio.to_thread(
            self.setting.kerberos.initiate,
            f"{name}@{domain.realm}",
            domain.password(name),
            f"HTTP/{GATEWAY_HOST}",
            channel_bindings=server_bindings(self.setting.world),
        )
        return initiation.token

    def _message(self, name: str, *, by_password: bool) -> bytes:
        domain = self.setting.domain
        token = UsernameToken(f"{name}@{domain.dns_domain}", Secret(domain.password(name))) if by_password else None
        issue = wstep.Issue(
            a_request(name), wstep.ValueType.PKCS10, (wstep.ContextItem("CertificateTemplate", TEMPLATE),)
        )
        return render_envelope(
            wstep.ACTION_RST,
            wstep.render_request(issue),
            message_id="urn:uuid:b5d1a601-5091-4a7d-b34b-5204c18b5919",
            to=f"https://{GATEWAY_HOST}/",
            username_token=token,
            timestamp_created=datetime.now(UTC) if token else None,
        )


async def _ask(question: Question) -> None:
    async with question.session.post(
        question.url, data=question.body, headers=question.headers, server_hostname=GATEWAY_HOST
    ) as response:
        answer = await response.read()
    if response.status != 200 or b"RequestedSecurityToken" not in answer:
        raise BenchError(f"{question.url} answered {response.status}: {answer.decode(errors='replace')}")


@asynccontextmanager
async def a_gateway(setting: Setting) -> AsyncIterator[Gateway]:
    """Started as an operator does, with the configuration of `ces-gateway lab --ad`, and warm."""
    ports = Ports(free_port(), free_port(), free_port())
    content = domain_configuration(setting.world, setting.lab, setting.domain, ports) | {"rate_limits": PLENTY}
    file = write_file(setting.world, content)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(
            running("gateway-kerberos", ports.https, [sys.executable, "-m", "gateway", "serve", "--config", file])
        )
        management = await stack.enter_async_context(ClientSession(f"http://127.0.0.1:{ports.management}"))
        gateway = Gateway(setting, ports, server, management, stack)
        for way in WAYS:
            for _ in range(_WARM_UP):
                await gateway.enroll(await gateway.question("alice", way))
        yield gateway
