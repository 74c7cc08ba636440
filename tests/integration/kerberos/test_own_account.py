"""The gateway's own account, against Active Directory (Samba)."""

from pathlib import Path

import krb5
import pytest

from gateway import errors
from gateway.kerberos import ccache
from gateway.lab.domain import Domain
from tests.kerberos_realms import a_realm
from tests.silver_tickets import Service, a_keytab


def a_stale_keytab(domain: Domain, directory: Path, account: str) -> Path:
    """Of a password that was never the account's."""
    path = directory / f"{account}.keytab"
    path.write_bytes(a_keytab(Service(account, domain.realm, b"x" * 32, kvno=99)))
    return path


def bad_passwords(domain: Domain, account: str) -> int:
    (count,) = domain.ldb().attributes(account, "badPwdCount")["badPwdCount"]
    return int(count)


async def test_the_keytab_is_worth_a_forwardable_ticket(domain: Domain, tmp_path: Path) -> None:
    async with a_realm(domain, tmp_path) as realm:
        ticket = ccache.ticket_granting_ticket(await realm.kerberos.own.cache())

        assert str(ticket.client) == "svc-gateway@CORP.FABRIKAM.EXAMPLE"
        assert krb5.TicketFlags.forwardable in ticket.ticket_flags


async def test_a_stale_keytab_counts_as_one_wrong_password_however_often_it_is_needed(
    domain: Domain, tmp_path: Path
) -> None:
    domain.ldb().unlock("svc-gateway2")
    keytab = a_stale_keytab(domain, tmp_path, "svc-gateway2")
    async with a_realm(domain, tmp_path, account="svc-gateway2", keytab=keytab) as realm:
        try:
            for _ in range(20):
                with pytest.raises(errors.OwnKeytabRefused):
                    await realm.kerberos.own.cache()

            assert bad_passwords(domain, "svc-gateway2") == 1
        finally:
            domain.ldb().unlock("svc-gateway2")


async def test_a_good_keytab_in_its_place_heals_it(domain: Domain, tmp_path: Path) -> None:
    keytab = a_stale_keytab(domain, tmp_path, "svc-gateway2")
    async with a_realm(domain, tmp_path, account="svc-gateway2", keytab=keytab) as realm:
        try:
            with pytest.raises(errors.OwnKeytabRefused):
                await realm.kerberos.own.cache()

            keytab.write_bytes(domain.keytab("svc-gateway2").read_bytes())

            await realm.kerberos.own.cache()
            assert realm.kerberos.own.trouble is None
        finally:
            domain.ldb().unlock("svc-gateway2")


async def test_an_account_that_does_not_exist_is_unusable(domain: Domain, tmp_path: Path) -> None:
    keytab = a_stale_keytab(domain, tmp_path, "svc-nobody")
    async with a_realm(domain, tmp_path, account="svc-nobody", keytab=keytab) as realm:
        with pytest.raises(errors.OwnAccountUnusable, match="does not know the gateway's account"):
            await realm.kerberos.own.cache()


@pytest.mark.parametrize("account", ["dora", "frank"])
async def test_an_account_that_is_disabled_or_has_expired_is_unusable(
    domain: Domain, tmp_path: Path, account: str
) -> None:
    keytab = tmp_path / "gateway.keytab"
    domain.ldb().export_keytab(account, keytab)
    async with a_realm(domain, tmp_path, account=account, keytab=keytab) as realm:
        with pytest.raises(errors.OwnAccountUnusable):
            await realm.kerberos.own.cache()


async def test_a_keytab_with_two_versions_of_the_key_is_good(domain: Domain, tmp_path: Path) -> None:
    """As during a roll-over, after the password has been changed."""
    keytab = tmp_path / "gateway.keytab"
    keytab.write_bytes(a_keytab(Service("svc-gateway2", domain.realm, b"x" * 32, kvno=1)))
    domain.ldb().export_keytab("svc-gateway2", keytab)
    async with a_realm(domain, tmp_path, account="svc-gateway2", keytab=keytab) as realm:
        await realm.kerberos.own.cache()

        assert realm.kerberos.own.trouble is None
