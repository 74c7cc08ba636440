"""A KDC without Active Directory behind it; tests/integration has the real one."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.errors import AccountChanged, KerberosFailed, OwnKeytabRefused, WrongPassword
from gateway.kerberos import ccache
from gateway.kerberos.logon import PasswordLogon
from gateway.kerberos.workers import Workers
from gateway.protocol.security import Secret
from tests.builders import an_account
from tests.fakes.kdc import FakeKdc
from tests.kerberos_realms import relayed
from tests.silver_tickets import Service, a_keytab

REALM = "CORP.EXAMPLE"
KEY = b"g" * 32


@dataclass
class Stand:
    logon: PasswordLogon
    kdc: FakeKdc


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    keytab, workers = tmp_path / "gateway.keytab", Workers()
    keytab.write_bytes(a_keytab(Service("svc-gateway", REALM, KEY)))
    async with (
        FakeKdc(REALM, passwords={"alice": "secret"}, keys={"svc-gateway": KEY}) as kdc,
        relayed({REALM: [kdc.address]}, tmp_path) as (relay,),
    ):
        yield Stand(PasswordLogon(f"svc-gateway@{REALM}", keytab, workers, lambda: relay.trouble), kdc)
    workers.close()


async def test_the_right_password_is_worth_a_ticket(stand: Stand) -> None:
    ticket = await stand.logon.log_on(an_account("alice"), Secret("secret"))

    assert ticket.client == f"alice@{REALM}"
    assert str(ccache.ticket_granting_ticket(ticket.cache).client) == f"alice@{REALM}"
    assert ccache.tickets(ticket.cache) == []


async def test_a_wrong_password_is_wrong(stand: Stand) -> None:
    with pytest.raises(WrongPassword):
        await stand.logon.log_on(an_account("alice"), Secret("guess"))


async def test_a_wrong_password_is_shown_to_the_kdc_once(stand: Stand) -> None:
    stand.kdc.refuses_proofs = True

    with pytest.raises(WrongPassword):
        await stand.logon.log_on(an_account("alice"), Secret("guess"))

    assert stand.kdc.proofs == 1


async def test_who_knows_the_password_is_not_yet_the_kdc(stand: Stand) -> None:
    """An attacker between gateway and KDC, who answers for the password that he has typed in himself."""
    del stand.kdc.keys["svc-gateway"]

    with pytest.raises(OwnKeytabRefused, match="is not the KDC"):
        await stand.logon.log_on(an_account("alice"), Secret("secret"))


async def test_the_kdc_must_mean_the_account_that_the_directory_meant(stand: Stand) -> None:
    """Renamed meanwhile, and the name given to another: the password is right, but for that one."""
    stand.kdc.sid = "S-1-5-21-1-2-3-500"

    with pytest.raises(AccountChanged, match=r"a ticket of S-1-5-21-1-2-3-500 for alice@CORP\.EXAMPLE"):
        await stand.logon.log_on(an_account("alice"), Secret("secret"))


async def test_a_kdc_that_does_not_say_whose_ticket_it_is_is_not_enough(stand: Stand) -> None:
    stand.kdc.sid = None

    with pytest.raises(KerberosFailed, match="without saying whose it is"):
        await stand.logon.log_on(an_account("alice"), Secret("secret"))


@pytest.mark.parametrize("password", ["", "\0", "secret\0", "\0secret"])
async def test_a_password_that_the_library_would_cut_short_is_not_tried(stand: Stand, password: str) -> None:
    with pytest.raises(WrongPassword):
        await stand.logon.log_on(an_account("alice"), Secret(password))

    assert not stand.kdc.requests


async def test_a_name_with_separators_in_it_is_one_name(stand: Stand) -> None:
    stand.kdc.keys["a/b@c"] = stand.kdc.keys["alice"]

    with pytest.raises(WrongPassword):
        await stand.logon.log_on(an_account("a/b@c"), Secret("secret"))

    assert b"a/b@c" in stand.kdc.requests[0]


async def test_no_error_tells_the_password(stand: Stand) -> None:
    with pytest.raises(WrongPassword) as raised:
        await stand.logon.log_on(an_account("alice"), Secret("my guess"))

    assert "my guess" not in str(raised.value)
    assert "my guess" not in str(raised.value.__cause__)
