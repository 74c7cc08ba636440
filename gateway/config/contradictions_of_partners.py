"""What is wrong with the partners of a configuration, as far as it can be seen before anybody calls."""

from collections.abc import Iterator
from itertools import combinations

from gateway.authn.partners import PartnerSettings
from gateway.config.settings import Configuration
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
