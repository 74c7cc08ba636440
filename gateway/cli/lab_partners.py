"""The plain lab's scene: one partner, who enrolls by password and by client certificate."""

from collections.abc import Iterator
from pathlib import Path

from gateway.cli.lab_configuration import Ports, write_configuration
from gateway.cli.lab_steps import a_client, a_request, be_issued, be_refused, fetch_policy
from gateway.credential import OwnCertificate
from gateway.lab.server import CA_1, Lab
from gateway.lab.world import World
from gateway.protocol.security import Secret, UsernameToken

ALICE = "alice@partner-a.example"
TEMPLATE = "PartnerWebServer"
ALLOWED_NAME = "www.partner-a.example"
REFUSED_NAME = "www.somebody-else.example"

_CEP = "/ADPolicyProvider_CEP_UsernamePassword/service.svc/CEP"
_CES = f"/{CA_1}_CES_UsernamePassword/service.svc/CES"
_CES_BY_CERTIFICATE = f"/{CA_1}_CES_Certificate/service.svc/CES"


class Partners:
    """Two partners, of whom one shows what happens."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.lab = Lab(world)

    def write_configuration(self, ports: Ports) -> Path:
        return write_configuration(self._world, self.lab, ports)

    async def demonstrate(self, ports: Ports, audit: Path) -> None:
        world = self._world
        password = UsernameToken(ALICE, Secret(world.passwords[ALICE]))
        allowed = a_request(ALLOWED_NAME, ALLOWED_NAME)
        async with a_client(world, ports.url(ports.https, _CEP), password) as client:
            await fetch_policy(client, ALICE)
        async with a_client(world, ports.url(ports.https, _CES), password) as client:
            await be_issued(client, allowed, TEMPLATE, "by password")
            await be_refused(client, a_request(REFUSED_NAME, REFUSED_NAME), TEMPLATE, audit)
        url = ports.url(ports.https_certificate, _CES_BY_CERTIFICATE)
        async with a_client(world, url, OwnCertificate(), certificate=world.partner_a) as client:
            await be_issued(client, allowed, TEMPLATE, "by client certificate")

    def addresses(self, ports: Ports) -> Iterator[tuple[str, str]]:
        yield "policy service", ports.url(ports.https, _CEP)
        yield "enrollment service", ports.url(ports.https, _CES)
        yield "  by certificate", ports.url(ports.https_certificate, _CES_BY_CERTIFICATE)
