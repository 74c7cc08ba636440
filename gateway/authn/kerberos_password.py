"""User name and password, verified by the KDC of the account's realm; and accounts for who was verified otherwise."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gateway.account import Account, LockoutPolicy
from gateway.authn.account_state import check_usable
from gateway.authn.password_attempts import PasswordAttempts
from gateway.authn.username_token import Verified, Verify
from gateway.protocol.security import Secret, UsernameToken
from gateway.requester import Verifier
from gateway.tickets import TicketGrantingTicket


class AccountDirectory(Protocol):
    """`gateway.directory.client.Directory`."""

    async def find_by_name(self, name: str) -> Account: ...

    async def lockout_policy(self) -> LockoutPolicy: ...


class Logon(Protocol):
    """`gateway.kerberos.logon.PasswordLogon`."""

    async def log_on(self, account: Account, password: Secret) -> TicketGrantingTicket: ...


@dataclass(frozen=True, slots=True)
class KerberosPasswords:
    """Asks the KDC of one realm, unless the directory knows already, or a wrong password could lock the account out."""

    directory: AccountDirectory
    logon: Logon
    attempts: PasswordAttempts
    check: Callable[[Account], None]
    """The guard's rules about an account. Raises ImpersonationRefused."""
    clock: Callable[[], datetime]

    async def __call__(self, token: UsernameToken) -> Verified:
        """Raises UnknownUser, AccountAmbiguous, what `check_usable` and `check` raise, PasswordNotTried, WrongPassword,
        Overloaded, and KerberosFailed's.
        """
        account = await self._account(token.username)
        policy = await self.directory.lockout_policy()
        while await self.attempts.turn(account, policy):
            # Others have tried meanwhile: what the directory counts is not what it was.
            account = await self._account(token.username)
        with self.attempts.trying(account, policy):
            ticket = await self.logon.log_on(account, token.password)
        return Verified(account.name, Verifier.KERBEROS, ticket, account)

    async def _account(self, name: str) -> Account:
        """For which a password may be tried: never the gateway's own, nor one that could not enroll anyway."""
        account = await self.directory.find_by_name(name)
        check_usable(account, self.clock())
        self.check(account)
        return account


@dataclass(frozen=True, slots=True)
class InDirectory:
    """Finds the account of the directory whose name `verify` has verified otherwise."""

    verify: Verify
    directory: AccountDirectory
    clock: Callable[[], datetime]

    async def __call__(self, token: UsernameToken) -> Verified:
        """Raises what `verify` raises; then UnknownUser, AccountAmbiguous, what `check_usable` raises, and
        DirectoryUnavailable.
        """
        verified = await self.verify(token)
        account = await self.directory.find_by_name(verified.account)
        check_usable(account, self.clock())
        return Verified(account.name, verified.verified_by, verified.evidence, account)
