"""Two Active Directory domains without a trust, and clients of theirs; both start when first asked for.

A domain is the session's: a test that changes an account puts it back, by `domain.ldb().modify` with what `attributes`
said before, or by `set_password` with `domain.password`. One that shows wrong passwords takes the fixture `gina`, who
is unlocked afterwards, or does the same for somebody else: `domain.ldb().unlock("u07")`.

KRB5_CONFIG is set for clients in this process that have no gateway beside them. Where there is one, it sets its own:
clients beside it use `kerberos_client`, which is a process of its own.
"""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from gateway.lab.ad.configuration import krb5_conf
from gateway.lab.clients import issue_clients
from gateway.lab.domain import CORP, WOODGROVE, Domain
from gateway.lab.kerberos_client import KerberosClient
from gateway.lab.world import create_world
from tests.domain_stand import DomainStand, Setting, a_domain_stand

TEMPLATES = Path(__file__).parents[3] / ".cache" / "ad"


class Realms:
    """The domains that run, and the krb5.conf of their clients."""

    def __init__(self, directory: Path) -> None:
        self.krb5_conf = directory / "krb5.conf"
        self._realms: list[tuple[str, str]] = []

    def add(self, domain: Domain) -> None:
        self._realms.append((domain.realm, domain.address))
        # The first one stays the default realm, whichever was asked for first.
        self.krb5_conf.write_text(krb5_conf(sorted(self._realms)))


@pytest.fixture(scope="session")
def realms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Realms]:
    realms = Realms(tmp_path_factory.mktemp("realms"))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("KRB5_CONFIG", str(realms.krb5_conf))
        environment.setenv("KRB5CCNAME", "MEMORY:none")
        # libldap reads it once, at the first connection of the process: else what DNS makes of 127.0.0.88 would count.
        environment.setenv("LDAPSASL_NOCANON", "on")
        yield realms


@pytest.fixture(autouse=True)
def environment(realms: Realms) -> Iterator[None]:
    """A gateway makes the process' environment its own, for good: each test begins with that of the clients."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def domain(realms: Realms, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Domain]:
    """CORP.FABRIKAM.EXAMPLE."""
    with Domain(CORP, tmp_path_factory.mktemp("corp"), templates=TEMPLATES) as domain:
        realms.add(domain)
        yield domain


@pytest.fixture
def gina(domain: Domain) -> Iterator[str]:
    """An account that may be locked out."""
    yield "gina"
    domain.ldb().unlock("gina")


@pytest.fixture(scope="session")
def other_domain(realms: Realms, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Domain]:
    """WOODGROVE.EXAMPLE: the same account names in a forest of its own."""
    with Domain(WOODGROVE, tmp_path_factory.mktemp("woodgrove"), templates=TEMPLATES) as domain:
        realms.add(domain)
        yield domain


@pytest.fixture(scope="session")
def kerberos_client(realms: Realms) -> Iterator[KerberosClient]:
    """A client of all realms that run, in a process of its own."""
    client = KerberosClient(realms.krb5_conf)
    yield client
    client.close()


@pytest.fixture(scope="session")
def setting(domain: Domain, kerberos_client: KerberosClient, tmp_path_factory: pytest.TempPathFactory) -> Setting:
    """What the whole of it stands on: made once, since nothing of it changes."""
    world = create_world(tmp_path_factory.mktemp("domain-world"))
    return Setting(world, domain, issue_clients(world, domain), kerberos_client)


@pytest.fixture
async def stand(setting: Setting, tmp_path: Path) -> AsyncIterator[DomainStand]:
    """With the configuration of `ces-gateway lab --ad`."""
    async with a_domain_stand(setting, tmp_path) as running:
        yield running
