"""A directory of accounts in memory: the port that `gateway.authn.mapping` asks."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.account import Account
from gateway.errors import AccountAmbiguous, DirectoryUnavailable, UnknownUser


@dataclass
class FakeDirectory:
    """Finds accounts by sAMAccountName, sAMAccountName@domain or userPrincipalName, as LDAP would: case is ignored."""

    accounts: Iterable[Account] = ()
    alt_security_identities: Mapping[str, Iterable[Account]] = field(default_factory=dict)
    """Value to those who have it."""
    is_down: bool = False
    asked: list[str | tuple[str, ...]] = field(default_factory=list)

    async def find_by_name(self, name: str) -> Account:
        return self._one(name, (account for account in self.accounts if name.lower() in _names(account)))

    async def find_by_sid(self, sid: str) -> Account:
        return self._one(sid, (account for account in self.accounts if account.sid == sid))

    async def find_by_alt_security_identities(self, values: Sequence[str]) -> Account:
        wanted = {value.lower() for value in values}
        holders = (
            account
            for value, accounts in self.alt_security_identities.items()
            if value.lower() in wanted
            for account in accounts
        )
        return self._one(tuple(values), holders)

    def _one(self, question: str | tuple[str, ...], answer: Iterable[Account]) -> Account:
        self.asked.append(question)
        if self.is_down:
            raise DirectoryUnavailable("no LDAP server answers")
        found = {account.sid: account for account in answer}
        if len(found) > 1:
            raise AccountAmbiguous(f"{len(found)} accounts for {question}")
        for account in found.values():
            return account
        raise UnknownUser(f"no account for {question}")


def _names(account: Account) -> set[str]:
    names = (account.sam_account_name, account.name, account.user_principal_name)
    return {name.lower() for name in names if name is not None}
