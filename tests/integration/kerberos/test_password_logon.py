"""Passwords against a real domain controller, which locks an account at its third wrong one."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.account import Account
from gateway.authn.kerberos_password import KerberosPasswords
from gateway.authn.password_attempts import PasswordAttempts
from gateway.directory.client import Directory
from gateway.directory.settings import DirectorySettings
from gateway.errors import (
    AccountDisabled,
    AccountExpired,
    AccountLocked,
    NotAuthenticated,
    PasswordExpired,
    PasswordNotTried,
    UnknownUser,
    WrongPassword,
)
from gateway.kerberos.logon import PasswordLogon
from gateway.kerberos.own_account import OwnAccount
from gateway.kerberos.own_keytab import OwnKeytab
from gateway.kerberos.workers import Workers
from gateway.lab.domain import Domain
from gateway.protocol.security import Secret, UsernameToken
from gateway.requester import Verifier
from gateway.tickets import TicketGrantingTicket

WRONG = "not the password"


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def keytab(domain: Domain) -> Path:
    return domain.keytab("svc-gateway")


@pytest.fixture
def workers() -> Iterator[Workers]:
    workers = Workers()
    yield workers
    workers.close()


@pytest.fixture
async def directory(domain: Domain, keytab: Path, workers: Workers, tmp_path: Path) -> AsyncIterator[Directory]:
    own_keytab = OwnKeytab(keytab, tmp_path / "refused")
    own = OwnAccount(f"svc-gateway@{domain.realm}", own_keytab, workers, now, lambda: None)
    async with Directory(domain.realm, DirectorySettings(servers=(domain.address,)), own.cache, now) as directory:
        yield directory


def anybody(_account: Account) -> None:
    """No rules of a guard."""


@pytest.fixture
def verify(domain: Domain, keytab: Path, workers: Workers, directory: Directory) -> KerberosPasswords:
    logon = PasswordLogon(f"svc-gateway@{domain.realm}", keytab, workers, lambda: None)
    return KerberosPasswords(directory, logon, PasswordAttempts(now), anybody, now)


@pytest.fixture
def gina(domain: Domain) -> Iterator[str]:
    """Nobody has shown a wrong password of hers yet, and afterwards that is so again."""
    domain.ldb().unlock("gina")
    yield "gina"
    domain.ldb().unlock("gina")


def bad_password_count(domain: Domain, name: str) -> int:
    (count,) = domain.ldb().attributes(name, "badPwdCount")["badPwdCount"] or ("0",)
    return int(count)


@pytest.mark.parametrize(
    ("username", "account"),
    [
        ("alice", "alice"),
        ("CORP\\alice", "alice"),
        ("alice@corp.fabrikam.example", "alice"),
        ("robert@corp.fabrikam.example", "bob"),
        ("heidi.jones@partner-a.example", "heidi"),
        ("carol", "carol"),
        ("paul", "paul"),
    ],
)
async def test_the_right_password_is_worth_a_ticket(
    domain: Domain, verify: KerberosPasswords, username: str, account: str
) -> None:
    verified = await verify(UsernameToken(username, Secret(domain.password(account))))

    assert (verified.account, verified.verified_by) == (f"{account}@corp.fabrikam.example", Verifier.KERBEROS)
    assert isinstance(verified.evidence, TicketGrantingTicket)
    assert verified.evidence.client == f"{account}@{domain.realm}"
    assert verified.directory_account is not None
    assert verified.directory_account.sam_account_name == account


@pytest.mark.parametrize(
    ("account", "refusal"), [("dora", AccountDisabled), ("erin", PasswordExpired), ("frank", AccountExpired)]
)
async def test_an_account_that_may_not_log_on_does_not_whatever_the_password(
    domain: Domain, verify: KerberosPasswords, account: str, refusal: type[NotAuthenticated]
) -> None:
    for password in (domain.password(account), WRONG):
        with pytest.raises(refusal):
            await verify(UsernameToken(account, Secret(password)))

    assert bad_password_count(domain, account) == 0


@pytest.mark.parametrize("username", ["nobody", "WOODGROVE\\alice", "*", ""])
async def test_nobody_is_nobody(verify: KerberosPasswords, username: str) -> None:
    with pytest.raises(UnknownUser):
        await verify(UsernameToken(username, Secret(WRONG)))


async def test_a_locked_account_is_not_tried(domain: Domain, verify: KerberosPasswords, gina: str) -> None:
    domain.ldb().modify(gina, lockoutTime=str((int(now().timestamp()) + 11_644_473_600) * 10_000_000))

    with pytest.raises(AccountLocked):
        await verify(UsernameToken(gina, Secret(domain.password(gina))))


async def test_many_callers_with_wrong_passwords_never_lock_the_account(
    domain: Domain, verify: KerberosPasswords, directory: Directory, gina: str
) -> None:
    names = (gina, "CORP\\gina", "gina@corp.fabrikam.example", "GINA")
    guesses = [verify(UsernameToken(names[number % 4], Secret(f"{WRONG} {number}"))) for number in range(60)]

    refusals = await asyncio.gather(*guesses, return_exceptions=True)

    assert sum(isinstance(refusal, WrongPassword) for refusal in refusals) == 2
    assert sum(isinstance(refusal, PasswordNotTried) for refusal in refusals) == 58
    assert bad_password_count(domain, gina) == 2
    assert not (await directory.find_by_name(gina)).is_locked_out


async def test_wrong_passwords_elsewhere_are_counted_too(domain: Domain, verify: KerberosPasswords, gina: str) -> None:
    elsewhere = KerberosPasswords(verify.directory, verify.logon, PasswordAttempts(now), anybody, now)
    with pytest.raises(WrongPassword):
        await elsewhere(UsernameToken(gina, Secret(WRONG)))

    with pytest.raises(WrongPassword):
        await verify(UsernameToken(gina, Secret(WRONG)))
    with pytest.raises(PasswordNotTried):
        await verify(UsernameToken(gina, Secret(WRONG)))

    assert bad_password_count(domain, gina) == 2


async def test_the_right_password_begins_anew(domain: Domain, verify: KerberosPasswords, gina: str) -> None:
    for _ in range(3):
        with pytest.raises(WrongPassword):
            await verify(UsernameToken(gina, Secret(WRONG)))
        await verify(UsernameToken(gina, Secret(domain.password(gina))))

    assert bad_password_count(domain, gina) == 0
