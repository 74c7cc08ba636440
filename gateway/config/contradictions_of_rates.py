"""What is wrong with the overrides of rate limits, as far as it can be seen before anybody calls."""

from collections.abc import Collection, Hashable, Iterable, Iterator

from gateway.policy.decision import Policies
from gateway.rates.settings import AddressOverride, Limit, NameOverride, RateLimitSettings
from gateway.strict_yaml import Path as KeyPath


def contradictions_of_rates(limits: RateLimitSettings, partners: Collection[str]) -> Iterator[tuple[KeyPath, str]]:
    """Whoever is named must be there, and once: which override stands first decides nothing.

    `partners`: the names of those that there are.
    """
    yield from _repeated(Limit.REQUESTS_PER_ADDRESS, limits.requests_per_address.overrides)
    yield from _repeated(Limit.FAILED_AUTHENTICATIONS_PER_ADDRESS, limits.failed_authentications_per_address.overrides)
    yield from _repeated(Limit.FAILED_AUTHENTICATIONS_PER_ACCOUNT, limits.failed_authentications_per_account.overrides)
    yield from _repeated(Limit.CERTIFICATES_PER_ACCOUNT, limits.certificates_per_account.overrides)
    yield from _repeated(Limit.CERTIFICATES_PER_PARTNER, limits.certificates_per_partner.overrides)
    yield from _repeated(Limit.CERTIFICATES_PER_TEMPLATE, limits.certificates_per_template.overrides)
    for n, override in enumerate(limits.certificates_per_partner.overrides):
        for m, name in enumerate(override.names):
            if name not in partners:
                at = (*_place(Limit.CERTIFICATES_PER_PARTNER, n), "partners", m)
                yield at, f"{name} is not the name of one of `partners`"


def unknown_templates(limits: RateLimitSettings, policies: Policies) -> Iterator[str]:
    """Overrides for templates that no policy is for: nothing would ever fit them."""
    known = {policy.template.name.casefold() for policy in policies.policies}
    for override in limits.certificates_per_template.overrides:
        for name in override.names:
            if name.casefold() not in known:
                yield f"rate_limits: {Limit.CERTIFICATES_PER_TEMPLATE}: no policy is for the template {name}"


def _repeated(limit: Limit, overrides: Iterable[AddressOverride | NameOverride]) -> Iterator[tuple[KeyPath, str]]:
    seen: set[Hashable] = set()
    for n, override in enumerate(overrides):
        for who in _whom(override):
            if who in seen:
                yield _place(limit, n), f"{who} stands here already, with another budget perhaps: name it once"
            seen.add(who)


def _whom(override: AddressOverride | NameOverride) -> Iterable[Hashable]:
    if isinstance(override, AddressOverride):
        return override.networks
    return (name.casefold() for name in override.names)


def _place(limit: Limit, override: int) -> KeyPath:
    return ("rate_limits", limit, "overrides", override)
