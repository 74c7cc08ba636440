from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.account import Account, LockoutPolicy, UserAccountControl
from gateway.authn.kerberos_password import InDirectory, KerberosPasswords
from gateway.authn.password_attempts import PasswordAttempts
from gateway.authn.username_token import Verified
from gateway.errors import (
    AccountDisabled,
    AccountLocked,
    AccountPrivileged,
    DirectoryUnavailable,
    KdcUnreachable,
    PasswordNotTried,
    UnknownUser,
    WrongPassword,
)
from gateway.protocol.security import Secret, UsernameToken
from gateway.requester import Verifier
from gateway.tickets import CredentialCache, TicketGrantingTicket
from tests.builders import an_account

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TICKET = TicketGrantingTicket("alice@CORP.EXAMPLE", CredentialCache("MEMORY:alice"))


@dataclass
class FakeDirectory:
    """Of one account, under the names that it has."""

    account: Account = field(default_factory=an_account)
    is_down: bool = False

    async def find_by_name(self, name: str) -> Account:
        if self.is_down:
            raise DirectoryUnavailable("no LDAP server answers")
        if name.lower() not in {"alice", "corp\\alice", "alice@corp.example"}:
            raise UnknownUser(name)
        return self.account

    async def lockout_policy(self) -> LockoutPolicy:
        return LockoutPolicy(threshold=3, observation_window_seconds=1800)


@dataclass
class FakeLogon:
    """A KDC that knows one password."""

    tried: list[tuple[str, str]] = field(default_factory=list)
    is_down: bool = False

    async def log_on(self, account: Account, password: Secret) -> TicketGrantingTicket:
        self.tried.append((account.principal, password.reveal()))
        if self.is_down:
            raise KdcUnreachable("no KDC accepts a connection")
        if password.reveal() != "secret":
            raise WrongPassword(account.name)
        return TICKET


@pytest.fixture
def directory() -> FakeDirectory:
    return FakeDirectory()


@pytest.fixture
def logon() -> FakeLogon:
    return FakeLogon()


def check(account: Account) -> None:
    """As the guard does."""
    if account.admin_count:
        raise AccountPrivileged(f"{account.name} is an administrator's")


@pytest.fixture
def verify(directory: FakeDirectory, logon: FakeLogon) -> KerberosPasswords:
    return KerberosPasswords(directory, logon, PasswordAttempts(lambda: NOW), check, lambda: NOW)


def a_token(username: str = "alice", password: str = "secret") -> UsernameToken:
    return UsernameToken(username, Secret(password))


@pytest.mark.parametrize("username", ["alice", "CORP\\ALICE", "alice@corp.example"])
async def test_the_right_password_is_worth_a_ticket_of_the_account_that_the_name_means(
    verify: KerberosPasswords, logon: FakeLogon, username: str
) -> None:
    verified = await verify(a_token(username))

    assert verified == Verified("alice@corp.example", Verifier.KERBEROS, TICKET, an_account())
    assert logon.tried == [("alice@CORP.EXAMPLE", "secret")]


async def test_no_password_is_kept(verify: KerberosPasswords) -> None:
    assert "secret" not in repr(await verify(a_token()))


async def test_an_unknown_name_is_not_tried(verify: KerberosPasswords, logon: FakeLogon) -> None:
    with pytest.raises(UnknownUser):
        await verify(a_token("bob"))

    assert logon.tried == []


@pytest.mark.parametrize("password", ["secret", "a guess"])
async def test_an_account_that_the_guard_refuses_is_not_tried_whatever_the_password(
    verify: KerberosPasswords, directory: FakeDirectory, logon: FakeLogon, password: str
) -> None:
    directory.account = an_account(admin_count=True)

    with pytest.raises(AccountPrivileged):
        await verify(a_token(password=password))

    assert logon.tried == []


@pytest.mark.parametrize(
    ("state", "refusal"),
    [({"user_account_control": UserAccountControl(0x202)}, AccountDisabled), ({"is_locked_out": True}, AccountLocked)],
)
async def test_an_account_that_is_not_usable_is_not_tried(
    verify: KerberosPasswords,
    directory: FakeDirectory,
    logon: FakeLogon,
    state: dict[str, Any],
    refusal: type[Exception],
) -> None:
    directory.account = an_account(**state)

    with pytest.raises(refusal):
        await verify(a_token())

    assert logon.tried == []


async def test_one_password_of_three_is_left(verify: KerberosPasswords, logon: FakeLogon) -> None:
    for _ in range(2):
        with pytest.raises(WrongPassword):
            await verify(a_token(password="wrong"))

    for username in ("alice", "CORP\\alice", "alice@corp.example"):
        with pytest.raises(PasswordNotTried):
            await verify(a_token(username))

    assert len(logon.tried) == 2


async def test_a_kdc_that_is_down_costs_no_try(verify: KerberosPasswords, logon: FakeLogon) -> None:
    logon.is_down = True
    for _ in range(5):
        with pytest.raises(KdcUnreachable):
            await verify(a_token())

    logon.is_down = False
    assert (await verify(a_token())).evidence is TICKET


async def test_a_directory_that_is_down_lets_nobody_in(
    verify: KerberosPasswords, directory: FakeDirectory, logon: FakeLogon
) -> None:
    directory.is_down = True

    with pytest.raises(DirectoryUnavailable):
        await verify(a_token())

    assert logon.tried == []


# --- verified otherwise ---------------------------------------------------------------------------------------------


async def a_password_file(token: UsernameToken) -> Verified:
    if token.password.reveal() != "secret":
        raise WrongPassword(token.username)
    return Verified("CORP\\alice", Verifier.PASSWORD_FILE, token)


async def test_who_was_verified_otherwise_is_looked_up_under_the_verified_name(directory: FakeDirectory) -> None:
    token = a_token("whatever")

    verified = await InDirectory(a_password_file, directory, lambda: NOW)(token)

    assert verified == Verified("alice@corp.example", Verifier.PASSWORD_FILE, token, an_account())


async def test_who_was_not_verified_is_not_looked_up(directory: FakeDirectory) -> None:
    directory.is_down = True

    with pytest.raises(WrongPassword):
        await InDirectory(a_password_file, directory, lambda: NOW)(a_token(password="wrong"))


async def test_a_verified_name_is_no_usable_account(directory: FakeDirectory) -> None:
    directory.account = an_account(is_locked_out=True)

    with pytest.raises(AccountLocked):
        await InDirectory(a_password_file, directory, lambda: NOW)(a_token())
