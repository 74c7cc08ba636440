"""What is wrong with the partners of a configuration, as far as it can be seen before anybody calls."""

from collections.abc import Iterator
from itertools import combinations

from gateway.authn.partners import PartnerSettings
from gateway.config.settings import Configuration
from gateway.policy.decision import Policies
from gateway.policy.requesters import RequestersCondition
from gateway.strict_yaml import Path as KeyPath


def contradictions_of_partners(configuration: Configuration) -> Iterator[tuple[KeyPath, str]]:
    """An account belongs to one partner, and what is named must be there."""
    rules = {rule.name: rule.account for rule in configuration.mapping}
    for n, partner in enumerate(configuration.partners):
        for m, name in enumerate(partner.mapping_rules):
            if name not in rules:
                yield ("partners", n, "mapping_rules", m), f"there is no mapping rule {name}"
    for (_, first), (n, second) in combinations(enumerate(configuration.partners), 2):
        for what in dict.fromkeys(_shared(first, second, rules)):
            yield ("partners", n), f"{what} belongs to {first.name} too: it would count for neither"


def unknown_partners(configuration: Configuration, policies: Policies) -> Iterator[str]:
    """What policies say of partners that there are not: nobody would ever fit it."""
    known = {partner.name for partner in configuration.partners}
    for policy in policies.policies:
        for rule in policy.rules:
            if isinstance(rule.requesters, RequestersCondition):
                named = {entry.partner for entry in rule.requesters.admitted if entry.partner is not None}
                for name in sorted(named - known):
                    of_whom = f"policy {policy.name}: the rule {rule.name}"
                    yield f"{of_whom} is for the partner {name}, whom `partners` does not have"


def _shared(first: PartnerSettings, second: PartnerSettings, rules: dict[str, str | None]) -> Iterator[str]:
    yield from (f"the mapping rule {name}" for name in second.mapping_rules if name in first.mapping_rules)
    yield from (f"the account {account}" for account in second.accounts if account in first.accounts)
    yield from (f"the account {account}" for account in second.accounts if first.has_account(account))
    yield from (f"the account {account}" for account in first.accounts if second.has_account(account))
    for one, other in ((first, second), (second, first)):
        for name in one.mapping_rules:
            account = rules.get(name)
            if account is not None and other.has_account(account):
                yield f"the account {account} of the mapping rule {name}"
