"""From what somebody does to what that takes of which budgets. Pure: nothing is spent here."""

from collections.abc import Iterable
from hashlib import sha256
from ipaddress import ip_address

from gateway.policy.wellformed import folded
from gateway.rates.address import one_client
from gateway.rates.settings import AddressOverride, Limit, NameOverride, RateLimitSettings
from gateway.requester import Requester
from gateway.state.gcra import Budget
from gateway.state.state import Spending

_MAX_NAME = 120
"""Characters of a key that are somebody's name; a longer one is told by its digest."""
_DIGEST = "#"


class Spendings:
    """By the settings. No budget, no spending: where an override says `unlimited`."""

    def __init__(self, settings: RateLimitSettings) -> None:
        self._request = _ByNetwork(settings.requests_per_address.budget, settings.requests_per_address.overrides)
        self._failure_of_address = _ByNetwork(
            settings.failed_authentications_per_address.budget, settings.failed_authentications_per_address.overrides
        )
        self._failure_of_account = _ByName(
            settings.failed_authentications_per_account.budget, settings.failed_authentications_per_account.overrides
        )
        self._certificate_of_account = _ByName(
            settings.certificates_per_account.budget, settings.certificates_per_account.overrides
        )
        self._certificate_of_partner = _ByName(
            settings.certificates_per_partner.budget, settings.certificates_per_partner.overrides
        )
        self._certificate_of_template = _ByName(
            settings.certificates_per_template.budget, settings.certificates_per_template.overrides
        )
        self._poll = settings.polls_per_request.budget

    def request(self, peer: str) -> tuple[Spending, ...]:
        """One HTTP request from an address."""
        return _all((Limit.REQUESTS_PER_ADDRESS, one_client(peer), self._request.of(peer)))

    def failed_authentication(self, peer: str, account: str | None) -> tuple[Spending, ...]:
        """`account` as the client names it; None where it names none before it has authenticated."""
        of_address = (
            Limit.FAILED_AUTHENTICATIONS_PER_ADDRESS,
            one_client(peer),
            self._failure_of_address.of(peer),
        )
        if account is None:
            return _all(of_address)
        return _all(
            of_address,
            (Limit.FAILED_AUTHENTICATIONS_PER_ACCOUNT, _folded(account), self._failure_of_account.of(account)),
        )

    def certificate(self, requester: Requester, template: str) -> tuple[Spending, ...]:
        """One request that goes to a CA."""
        account, partner = requester.account, requester.partner
        wanted = [
            (Limit.CERTIFICATES_PER_ACCOUNT, _folded(account), self._certificate_of_account.of(account)),
            (Limit.CERTIFICATES_PER_TEMPLATE, _folded(template), self._certificate_of_template.of(template)),
        ]
        if partner is not None:
            wanted.append((Limit.CERTIFICATES_PER_PARTNER, _folded(partner), self._certificate_of_partner.of(partner)))
        return _all(*wanted)

    def poll(self, service: str, request_id: str) -> tuple[Spending, ...]:
        """One question for a pending request. Two CAs may give the same number: the service tells them apart."""
        return _all((Limit.POLLS_PER_REQUEST, f"{service}:{request_id}", self._poll))


def limit_of(spending: Spending) -> Limit:
    """Which limit it counts towards."""
    return Limit(spending.key.partition(":")[0])


def _folded(name: str) -> str:
    """Spellings that mean the same to a directory."""
    return folded(name.casefold())


class _ByName:
    """The override that has the name decides, else the budget of everybody."""

    def __init__(self, general: Budget, overrides: Iterable[NameOverride]) -> None:
        self._general = general
        self._overrides = {_folded(name): override.budget for override in overrides for name in override.names}

    def of(self, name: str) -> Budget | None:
        return self._overrides.get(_folded(name), self._general)


class _ByNetwork:
    """The smallest network that has the address decides."""

    def __init__(self, general: Budget, overrides: Iterable[AddressOverride]) -> None:
        self._general = general
        networks = [(network, override.budget) for override in overrides for network in override.networks]
        self._overrides = sorted(networks, key=lambda pair: -pair[0].prefixlen)

    def of(self, peer: str) -> Budget | None:
        address = ip_address(peer)
        return next((budget for network, budget in self._overrides if address in network), self._general)


def _all(*wanted: tuple[Limit, str, Budget | None]) -> tuple[Spending, ...]:
    return tuple(Spending(_key(limit, who), budget) for limit, who, budget in wanted if budget is not None)


def _key(limit: Limit, who: str) -> str:
    """Printable ASCII of bounded length, and never the same for two."""
    is_plain = who.isascii() and who.isprintable() and len(who) <= _MAX_NAME and not who.startswith(_DIGEST)
    if not is_plain:
        who = _DIGEST + sha256(who.encode(errors="surrogatepass")).hexdigest()
    return f"{limit}:{who}"
