"""Users' passwords, against Active Directory (Samba)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import errors
from gateway.errors import GatewayError
from gateway.lab.domain import Domain
from gateway.protocol.security import Secret
from tests.kerberos_realms import a_realm, account_of
from tests.silver_tickets import Service, a_keytab


@pytest.fixture
def victim(domain: Domain) -> Iterator[str]:
    """An account whose wrong passwords are forgotten afterwards."""
    domain.ldb().unlock("u03")
    yield "u03"
    domain.ldb().unlock("u03")


def bad_passwords(domain: Domain, name: str) -> int:
    (count,) = domain.ldb().attributes(name, "badPwdCount")["badPwdCount"]
    return int(count)


@pytest.mark.parametrize("name", ["alice", "bob", "heidi", "paul", "u50"])
async def test_the_right_password_logs_on(domain: Domain, tmp_path: Path, name: str) -> None:
    async with a_realm(domain, tmp_path) as realm:
        ticket = await realm.kerberos.logon.log_on(account_of(domain, name), Secret(domain.password(name)))

        assert ticket.client == f"{name}@CORP.FABRIKAM.EXAMPLE"


async def test_a_wrong_password_counts_once(domain: Domain, tmp_path: Path, victim: str) -> None:
    async with a_realm(domain, tmp_path) as realm:
        with pytest.raises(errors.WrongPassword):
            await realm.kerberos.logon.log_on(account_of(domain, victim), Secret("wrong"))

        assert bad_passwords(domain, victim) == 1
        assert realm.relay.exchanges == 2


async def test_a_right_password_is_forgiven_the_wrong_ones(domain: Domain, tmp_path: Path, victim: str) -> None:
    async with a_realm(domain, tmp_path) as realm:
        with pytest.raises(errors.WrongPassword):
            await realm.kerberos.logon.log_on(account_of(domain, victim), Secret("wrong"))

        await realm.kerberos.logon.log_on(account_of(domain, victim), Secret(domain.password(victim)))

    assert bad_passwords(domain, victim) == 0


async def test_a_password_beyond_ascii_logs_on(domain: Domain, tmp_path: Path, victim: str) -> None:
    password = "Pässwörd €uro 🔑 9"
    domain.ldb().set_password(victim, password)
    try:
        async with a_realm(domain, tmp_path) as realm:
            ticket = await realm.kerberos.logon.log_on(account_of(domain, victim), Secret(password))

            assert ticket.client == f"{victim}@CORP.FABRIKAM.EXAMPLE"
    finally:
        domain.ldb().set_password(victim, domain.password(victim))


@pytest.mark.parametrize(
    ("name", "error"),
    [("dora", errors.AccountLocked), ("frank", errors.AccountLocked), ("erin", errors.PasswordExpired)],
)
async def test_an_account_that_may_not_log_on_does_not_with_the_right_password(
    domain: Domain, tmp_path: Path, name: str, error: type[GatewayError]
) -> None:
    async with a_realm(domain, tmp_path) as realm:
        with pytest.raises(error) as raised:
            await realm.kerberos.logon.log_on(account_of(domain, name), Secret(domain.password(name)))

        assert type(raised.value) is error


async def test_a_locked_account_does_not_log_on_with_the_right_password(
    domain: Domain, tmp_path: Path, victim: str
) -> None:
    async with a_realm(domain, tmp_path) as realm:
        for _ in range(domain.spec.lockout_threshold):
            with pytest.raises(errors.WrongPassword):
                await realm.kerberos.logon.log_on(account_of(domain, victim), Secret("wrong"))

        with pytest.raises(errors.AccountLocked):
            await realm.kerberos.logon.log_on(account_of(domain, victim), Secret(domain.password(victim)))


async def test_an_unknown_account_is_unknown(domain: Domain, tmp_path: Path) -> None:
    async with a_realm(domain, tmp_path) as realm:
        with pytest.raises(errors.UnknownUser):
            await realm.kerberos.logon.log_on(account_of(domain, "nobody"), Secret("secret"))


async def test_a_kdc_that_does_not_know_the_gateways_key_vouches_for_nobody(domain: Domain, tmp_path: Path) -> None:
    keytab = tmp_path / "gateway.keytab"
    keytab.write_bytes(a_keytab(Service("svc-gateway2", domain.realm, b"x" * 32)))
    async with a_realm(domain, tmp_path, account="svc-gateway2", keytab=keytab) as realm:
        with pytest.raises(errors.OwnKeytabRefused, match="is not the KDC"):
            await realm.kerberos.logon.log_on(account_of(domain, "alice"), Secret(domain.password("alice")))


async def test_nobody_is_vouched_for_without_the_gateways_key(domain: Domain, tmp_path: Path) -> None:
    async with a_realm(domain, tmp_path, account="svc-gateway", keytab=domain.keytab("svc-gateway2")) as realm:
        with pytest.raises(errors.OwnKeytabUnusable):
            await realm.kerberos.logon.log_on(account_of(domain, "alice"), Secret(domain.password("alice")))


async def test_without_an_spn_of_the_gateways_account_no_kdc_can_prove_itself(domain: Domain, tmp_path: Path) -> None:
    spns = domain.ldb().attributes("svc-gateway2", "servicePrincipalName")["servicePrincipalName"]
    async with a_realm(domain, tmp_path, account="svc-gateway2") as realm:
        try:
            domain.ldb().modify("svc-gateway2", servicePrincipalName=())

            with pytest.raises(errors.OwnAccountUnusable, match="no servicePrincipalName"):
                await realm.kerberos.logon.log_on(account_of(domain, "alice"), Secret(domain.password("alice")))
        finally:
            domain.ldb().modify("svc-gateway2", servicePrincipalName=spns)
