"""A gateway's Kerberos in this process: its relay, and the environment that goes with it, put back afterwards.

async with relayed({"CORP.EXAMPLE": [kdc.address]}, tmp_path) as (relay,): ...
"""

import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gateway.account import Account, Admitted
from gateway.kerberos import environment
from gateway.kerberos.realm import KerberosRealm
from gateway.kerberos.relay import KdcOutcome, KdcRelay
from gateway.kerberos.settings import KerberosSettings
from gateway.lab.ad.debian import DomainUnavailable
from gateway.lab.domain import Domain
from tests.builders import an_account

PATIENCE = 60.0
"""Seconds: for KDCs that will answer, on a machine that may be busy."""


@dataclass
class Clock:
    """Ahead of the machine's by as much as a test says."""

    ahead: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@contextmanager
def kept_environment() -> Iterator[None]:
    """The variables are afterwards what they were before."""
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)


@asynccontextmanager
async def relayed(
    realms: Mapping[str, Sequence[str]],
    directory: Path,
    *,
    kdc_seconds: float = PATIENCE,
    total_seconds: float = PATIENCE,
    outcomes: list[KdcOutcome] | None = None,
) -> AsyncIterator[tuple[KdcRelay, ...]]:
    """Relays to the KDCs of each realm; this process asks them. `outcomes` collects how the exchanges end."""

    def note(outcome: KdcOutcome, _seconds: float) -> None:
        if outcomes is not None:
            outcomes.append(outcome)

    async with AsyncExitStack() as stack:
        stack.enter_context(kept_environment())
        relays = tuple(KdcRelay(kdcs, kdc_seconds, total_seconds, note) for kdcs in realms.values())
        for relay in relays:
            await relay.start()
            stack.push_async_callback(relay.stop)
        addresses = {realm: relay.address for realm, relay in zip(realms, relays, strict=True)}
        environment.prepare(directory / "kerberos", addresses, {})
        yield relays


@dataclass
class Running:
    """One realm of a gateway."""

    kerberos: KerberosRealm
    relay: KdcRelay
    clock: Clock


@dataclass
class RealmOf:
    """What a realm is to be like. Its KDC is the domain's, unless `kdcs` says otherwise; its keytab the account's."""

    domain: Domain
    account: str = "svc-gateway"
    keytab: Path | None = None
    kdcs: Sequence[str] = ()

    @property
    def settings(self) -> KerberosSettings:
        keytab = self.keytab or self.domain.keytab(self.account)
        return KerberosSettings(account=self.account, keytab=keytab, kdcs=tuple(self.kdcs or (self.domain.address,)))


@asynccontextmanager
async def realms_of(
    directory: Path, *wanted: RealmOf, kdc_seconds: float = PATIENCE
) -> AsyncIterator[tuple[Running, ...]]:
    """Several realms of one gateway."""
    kdcs = {one.domain.realm: one.settings.kdcs for one in wanted}
    async with relayed(kdcs, directory, kdc_seconds=kdc_seconds) as relays:
        running = []
        for one, relay in zip(wanted, relays, strict=True):
            clock, name = Clock(), one.domain.realm
            kerberos = KerberosRealm(name, one.settings, relay, clock, directory)
            running.append(Running(kerberos, relay, clock))
        try:
            yield tuple(running)
        finally:
            for realm in running:
                # First: whoever waits for a KDC in a thread does so no longer.
                await realm.relay.stop()
                realm.kerberos.close()


@asynccontextmanager
async def a_realm(
    domain: Domain,
    directory: Path,
    *,
    account: str = "svc-gateway",
    keytab: Path | None = None,
    kdcs: Sequence[str] = (),
    kdc_seconds: float = PATIENCE,
) -> AsyncIterator[Running]:
    """The only one of a gateway."""
    async with realms_of(directory, RealmOf(domain, account, keytab, kdcs), kdc_seconds=kdc_seconds) as (realm,):
        yield realm


def account_of(domain: Domain, name: str) -> Account:
    """As far as Kerberos asks: its names, and its objectSid if there is such an account."""
    try:
        sids = domain.ldb().attributes(name, "objectSid")
    except DomainUnavailable:
        return an_account(name, realm=domain.realm)
    return an_account(name, realm=domain.realm, sid=sids["objectSid"][0])


def admitted(domain: Domain, name: str) -> Admitted:
    """As if the guard had done so."""
    return Admitted(account_of(domain, name))
