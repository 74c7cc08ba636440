"""KDCs that are down, silent, slow or of another time, and who notices (Samba behind a gate; fakes for the rest)."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from gateway import errors
from gateway.lab.domain import CORP, Domain
from gateway.protocol.security import Secret
from gateway.tickets import ServiceTicket
from tests.fakes.gate import Gate
from tests.integration.kerberos.conftest import TEMPLATES
from tests.kerberos_realms import PATIENCE, RealmOf, Running, a_realm, account_of, admitted, realms_of

CES = "HTTP/ces.corp.fabrikam.example"
AT_ONCE = 0.1
"""Seconds of patience with a KDC that will not answer."""
SHORTLY = 1.0
"""The same beside one that will."""
KDC_THREADS = 8
"""Of Workers."""


@contextmanager
def a_refusing_address() -> Iterator[str]:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


@asynccontextmanager
async def a_gated_realm(domain: Domain, directory: Path) -> AsyncIterator[tuple[Running, Gate]]:
    async with Gate(domain) as gate, a_realm(domain, directory, kdcs=[gate.address]) as realm:
        yield realm, gate


# --- no KDC ---------------------------------------------------------------------------------------------------------


async def test_a_kdc_that_is_down_is_unreachable_for_all_that_need_one(domain: Domain, tmp_path: Path) -> None:
    with a_refusing_address() as refusing:
        async with a_realm(domain, tmp_path, kdcs=[refusing]) as realm:
            with pytest.raises(errors.KdcUnreachable, match=f"{refusing} refused the connection"):
                await realm.kerberos.own.cache()
            with pytest.raises(errors.KdcUnreachable):
                await realm.kerberos.delegation.s4u(admitted(domain, "alice"), CES)
            with pytest.raises(errors.KdcUnreachable):
                await realm.kerberos.logon.log_on(account_of(domain, "alice"), Secret("secret"))


async def test_a_kdc_that_falls_silent_is_told_as_such_at_every_step(domain: Domain, tmp_path: Path) -> None:
    async with a_gated_realm(domain, tmp_path) as (realm, gate):
        tgt = await realm.kerberos.logon.log_on(account_of(domain, "alice"), Secret(domain.password("alice")))
        await realm.kerberos.own.cache()
        gate.open.clear()
        realm.relay._kdc_seconds = AT_ONCE

        silence = f"{gate.address} accepted the connection, and did not answer"
        with pytest.raises(errors.KdcSilent, match=silence):
            await realm.kerberos.delegation.s4u(admitted(domain, "alice"), CES)
        with pytest.raises(errors.KdcSilent, match=silence):
            await realm.kerberos.delegation.user_ticket(tgt, admitted(domain, "alice"), CES)
        with pytest.raises(errors.KdcSilent, match=silence):
            await realm.kerberos.delegation.own_ticket(CES)
        with pytest.raises(errors.KdcSilent, match=silence):
            await realm.kerberos.logon.log_on(account_of(domain, "alice"), Secret("secret"))


async def test_a_kdc_that_comes_back_serves_at_once(domain: Domain, tmp_path: Path) -> None:
    async with a_gated_realm(domain, tmp_path) as (realm, gate):
        gate.open.clear()
        realm.relay._kdc_seconds = AT_ONCE
        with pytest.raises(errors.KdcSilent):
            await realm.kerberos.own.cache()
        assert not realm.kerberos.own.is_refused

        gate.open.set()
        realm.relay._kdc_seconds = PATIENCE

        await realm.kerberos.delegation.s4u(admitted(domain, "alice"), CES)
        assert realm.relay.trouble is None


async def test_a_good_second_kdc_serves(domain: Domain, tmp_path: Path) -> None:
    with a_refusing_address() as refusing:
        async with a_realm(domain, tmp_path, kdcs=[refusing, domain.address]) as realm:
            await realm.kerberos.delegation.s4u(admitted(domain, "alice"), CES)


async def test_a_good_second_kdc_serves_beside_a_silent_one(domain: Domain, tmp_path: Path) -> None:
    async with Gate(domain) as silent:
        silent.open.clear()
        async with a_realm(domain, tmp_path, kdcs=[silent.address, domain.address], kdc_seconds=SHORTLY) as realm:
            await realm.kerberos.delegation.s4u(admitted(domain, "alice"), CES)

            # Only the first request has waited for it.
            assert not silent.arrived.locked()
            await silent.arrived.acquire()
            assert silent.arrived.locked()


# --- a slow KDC -----------------------------------------------------------------------------------------------------


async def all_threads_wait(domain: Domain, realm: Running, gate: Gate) -> list[asyncio.Task[ServiceTicket]]:
    """As many requests as there are threads for, all of them at a KDC that keeps them waiting."""
    await realm.kerberos.own.cache()
    while not gate.arrived.locked():
        await gate.arrived.acquire()
    gate.open.clear()
    waiting = [
        asyncio.ensure_future(realm.kerberos.delegation.s4u(admitted(domain, f"u{number:02}"), CES))
        for number in range(1, KDC_THREADS + 1)
    ]
    for _ in waiting:
        await gate.arrived.acquire()
    return waiting


async def test_the_event_loop_goes_on_while_a_kdc_takes_its_time(domain: Domain, tmp_path: Path) -> None:
    async with a_gated_realm(domain, tmp_path) as (realm, gate):
        waiting = await all_threads_wait(domain, realm, gate)

        for _ in range(1000):
            await asyncio.sleep(0)
        assert not any(future.done() for future in waiting)

        gate.open.set()
        tickets = await asyncio.gather(*waiting)
        assert [ticket.client for ticket in tickets] == [
            f"u{number:02}@CORP.FABRIKAM.EXAMPLE" for number in range(1, KDC_THREADS + 1)
        ]


async def test_who_has_a_ticket_does_not_notice(domain: Domain, tmp_path: Path) -> None:
    async with a_gated_realm(domain, tmp_path) as (realm, gate):
        ticket = await realm.kerberos.delegation.s4u(admitted(domain, "alice"), CES)
        waiting = await all_threads_wait(domain, realm, gate)

        assert (await realm.kerberos.negotiator.begin(ticket, None)).token
        await realm.kerberos.own.cache()
        assert not any(future.done() for future in waiting)

        gate.open.set()
        await asyncio.gather(*waiting)


async def test_another_realm_does_not_notice(domain: Domain, other_domain: Domain, tmp_path: Path) -> None:
    async with (
        Gate(domain) as gate,
        realms_of(tmp_path, RealmOf(domain, kdcs=[gate.address]), RealmOf(other_domain)) as (realm, other),
    ):
        waiting = await all_threads_wait(domain, realm, gate)

        ticket = await other.kerberos.delegation.s4u(admitted(other_domain, "alice"), "HTTP/ces.woodgrove.example")
        assert ticket.client == "alice@WOODGROVE.EXAMPLE"
        assert not any(future.done() for future in waiting)

        gate.open.set()
        await asyncio.gather(*waiting)


async def test_who_hangs_up_frees_his_thread_when_the_kdc_has_answered(domain: Domain, tmp_path: Path) -> None:
    async with a_gated_realm(domain, tmp_path) as (realm, gate):
        waiting = await all_threads_wait(domain, realm, gate)
        for future in waiting:
            future.cancel()
        gate.open.set()

        ticket = await realm.kerberos.delegation.s4u(admitted(domain, "alice"), CES)

        assert ticket.client == "alice@CORP.FABRIKAM.EXAMPLE"


# --- another time ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [timedelta(minutes=10), timedelta(minutes=-10)], ids=["ahead", "behind"])
async def test_a_wrong_clock_is_told(tmp_path: Path, offset: timedelta) -> None:
    with Domain(CORP, tmp_path / "domain", templates=TEMPLATES, clock_offset=offset) as domain:
        async with a_realm(domain, tmp_path) as realm:
            with pytest.raises(errors.ClockSkewed):
                await realm.kerberos.own.cache()
            with pytest.raises(errors.ClockSkewed):
                await realm.kerberos.logon.log_on(account_of(domain, "alice"), Secret(domain.password("alice")))
            assert not realm.kerberos.own.is_refused
