"""Which partner a requester belongs to: a name for several accounts, or for whatever some mapping rules lead to."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Self

import structlog
from pydantic import AfterValidator, Field, model_validator

from gateway.authn.account_name import objection_to
from gateway.call import Call
from gateway.enrollment import Authenticate
from gateway.protocol.soap import Envelope
from gateway.requester import Requester
from gateway.strict_yaml import Settings

log = structlog.get_logger()


def _account(text: str) -> str:
    objection = objection_to(text.removeprefix("@"))
    if objection is not None:
        raise ValueError(f"the account name {objection}")
    return text.lower()


class PartnerSettings(Settings):
    """One partner: who fits either list."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$")]
    """Stands in policies and in the audit record."""
    accounts: tuple[Annotated[str, AfterValidator(_account)], ...] = ()
    """Accounts in any case, or `@partner.example` for every account at that domain."""
    mapping_rules: tuple[str, ...] = ()
    """Names of rules in `mapping`: the partner has whatever account they lead to."""

    @model_validator(mode="after")
    def _has_somebody(self) -> Self:
        if not (self.accounts or self.mapping_rules):
            raise ValueError("needs accounts or mapping_rules")
        return self

    def has_account(self, account: str) -> bool:
        """Whether it is in `accounts`; an account at a domain also by the domain."""
        account = account.lower()
        name, at_sign, domain = account.rpartition("@")
        if not name:
            # An account that is called like a domain is not one of those at it.
            return not at_sign and account in self.accounts
        return account in self.accounts or f"@{domain}" in self.accounts

    def has(self, requester: Requester) -> bool:
        return self.has_account(requester.account) or requester.mapping_rule in self.mapping_rules


def _uniquely_named(partners: tuple[PartnerSettings, ...]) -> tuple[PartnerSettings, ...]:
    repeated = [name for name, times in Counter(partner.name for partner in partners).items() if times > 1]
    if repeated:
        raise ValueError(f"several partners have the name {', '.join(repeated)}")
    return partners


PartnerList = Annotated[tuple[PartnerSettings, ...], AfterValidator(_uniquely_named)]
"""Those of a configuration."""


def with_partner(requester: Requester, partners: Sequence[PartnerSettings]) -> Requester:
    """The requester with the name of its partner. Who belongs to several belongs to none: no rule is then guessed."""
    names = [partner.name for partner in partners if partner.has(requester)]
    if len(names) > 1:
        log.warning("account of several partners counts for none", account=requester.account, partners=names)
    return replace(requester, partner=names[0]) if len(names) == 1 else requester


@dataclass(frozen=True, slots=True)
class PartnerOf:
    """An authenticator that says of each requester which partner it belongs to."""

    authenticate: Authenticate
    partners: Sequence[PartnerSettings]

    async def __call__(self, call: Call, envelope: Envelope) -> Requester:
        """Raises what the authenticator raises."""
        return with_partner(await self.authenticate(call, envelope), self.partners)
