"""`rate_limits`: the limits by their names, `<What>Per<Who>` as in Let's Encrypt's Boulder, each with its overrides.

A limit is a budget: `count` in each `period`, evenly earned, and up to `burst` at a time.
"""

import re
from datetime import timedelta
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, PlainValidator, model_validator
from pydantic.alias_generators import to_pascal

from gateway.policy.sections import Some
from gateway.rates.address import IPV6_PREFIX_LENGTH
from gateway.state.gcra import Budget
from gateway.strict_yaml import Settings


class Limit(StrEnum):
    """Their names in the configuration, in metrics and in the audit record."""

    REQUESTS_PER_ADDRESS = "RequestsPerAddress"
    FAILED_AUTHENTICATIONS_PER_ADDRESS = "FailedAuthenticationsPerAddress"
    FAILED_AUTHENTICATIONS_PER_ACCOUNT = "FailedAuthenticationsPerAccount"
    CERTIFICATES_PER_ACCOUNT = "CertificatesPerAccount"
    CERTIFICATES_PER_PARTNER = "CertificatesPerPartner"
    CERTIFICATES_PER_TEMPLATE = "CertificatesPerTemplate"
    POLLS_PER_REQUEST = "PollsPerRequest"


Count = Annotated[int, Field(ge=1, le=1_000_000)]
Network = IPv4Network | IPv6Network

LONGEST_PERIOD = timedelta(days=31)
LONGEST_WAIT = timedelta(days=366)
"""Until a whole burst is earned again; more is a slip of the pen."""

_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}
_PERIOD = re.compile(r"([1-9][0-9]{0,6})([smhd])")
_NUMBERS = frozenset({"count", "period", "burst"})


def _period(value: object) -> timedelta:
    match = _PERIOD.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("must be a number of seconds, minutes, hours or days: 30s, 10m, 3h or 7d")
    period = int(match[1]) * _UNITS[match[2]]
    if period > LONGEST_PERIOD:
        raise ValueError(f"must be {LONGEST_PERIOD.days}d at the most")
    return period


Period = Annotated[timedelta, PlainValidator(_period)]


def _network(value: object) -> Network:
    """One address is a network too."""
    if not isinstance(value, str):
        raise ValueError("must be an address, or a network as 192.0.2.0/24")  # noqa: TRY004 -- pydantic's are these
    network = ip_network(value)
    if isinstance(network, IPv6Network) and network.prefixlen > IPV6_PREFIX_LENGTH:
        raise ValueError(f"an IPv6 client is a /{IPV6_PREFIX_LENGTH}, whatever address it takes: name that network")
    return network


def _name(text: str) -> str:
    if not text or text != text.strip() or not text.isprintable():
        raise ValueError("must be a name, without blanks before or after it")
    return text


Networks = Some[Annotated[Network, PlainValidator(_network)]]
Names = Some[Annotated[str, AfterValidator(_name)]]


def _checked(budget: Budget) -> Budget:
    if budget.interval * budget.burst > LONGEST_WAIT / timedelta(microseconds=1):
        raise ValueError(f"a burst must be earned again within {LONGEST_WAIT.days} days")
    return budget


class _Override(Settings):
    """Another budget for some, or none at all."""

    unlimited: Literal[True] | None = None
    count: Count | None = None
    period: Period | None = None
    burst: Count | None = None

    @property
    def budget(self) -> Budget | None:
        """None where there is no limit."""
        if self.count is None or self.period is None or self.burst is None:
            return None
        return Budget(self.count, self.period, self.burst)

    @model_validator(mode="after")
    def _one_or_the_other(self) -> Self:
        given = _NUMBERS & self.model_fields_set
        if given != (frozenset() if self.unlimited else _NUMBERS):
            raise ValueError("needs count, period and burst, or else unlimited: true")
        if self.budget is not None:
            _checked(self.budget)
        return self


class AddressOverride(_Override):
    """For each address in the networks, one by one: each has a budget of its own."""

    networks: Networks


class NameOverride(_Override):
    """For each of them, one by one."""

    names: Names


class AccountOverride(NameOverride):
    """Of accounts, as policies know them; in any case."""

    names: Names = Field(alias="accounts")


class PartnerOverride(NameOverride):
    """Of those in `partners`."""

    names: Names = Field(alias="partners")


class TemplateOverride(NameOverride):
    """Of templates, by the names that policies have."""

    names: Names = Field(alias="templates")


class _Limited(Settings):
    """The budget of everybody whom no override names."""

    count: Count
    period: Period
    burst: Count

    @property
    def budget(self) -> Budget:
        return Budget(self.count, self.period, self.burst)

    @model_validator(mode="after")
    def _together(self) -> Self:
        if len(_NUMBERS & self.model_fields_set) not in {0, len(_NUMBERS)}:
            raise ValueError("count, period and burst go together: a number alone means nothing")
        _checked(self.budget)
        return self


class RequestsPerAddress(_Limited):
    """Every HTTP request, whatever it is for.

    20 a second are what Let's Encrypt gives an address for nonces, and less than a core can serve. A minute's worth at
    a time: a site of 150 machines behind one NAT that all start at 8 o'clock, with eight requests each (CEP and CES,
    each POSTed twice with Kerberos).
    """

    count: Count = 1200
    period: Period = timedelta(minutes=1)
    burst: Count = 1200
    overrides: tuple[AddressOverride, ...] = ()


class FailedAuthenticationsPerAddress(_Limited):
    """Wrong passwords, unknown users and the like, whoever was named.

    100 is the most that NIST SP 800-63B 5.2.2 lets anybody fail in a row: behind a NAT, some machines with an old
    password must not keep out the others. It is more than the connections that an address may have on a listener (64),
    so that those who are being verified never stand in each other's way.
    """

    count: Count = 100
    period: Period = timedelta(hours=1)
    burst: Count = 100
    overrides: tuple[AddressOverride, ...] = ()


class FailedAuthenticationsPerAccount(_Limited):
    """The same by the account that was named, wherever it came from.

    6 in 10 minutes at the most: below the 10 after which Microsoft's security baseline (and Windows Server since 2022)
    locks an account, so that nobody is locked out inside by guesses from outside.
    """

    count: Count = 10
    period: Period = timedelta(hours=1)
    burst: Count = 5
    overrides: tuple[AccountOverride, ...] = ()


class CertificatesPerAccount(_Limited):
    """Requests that were approved, and sent to a CA.

    Let's Encrypt's new orders per account. A machine needs a handful a year; a partner's one account for all of its
    machines needs one for each, in the week of the rollout.
    """

    count: Count = 300
    period: Period = timedelta(hours=3)
    burst: Count = 300
    overrides: tuple[AccountOverride, ...] = ()


class CertificatesPerPartner(_Limited):
    """The same by the partner that the account belongs to.

    Ten accounts' worth at a time: a fleet of 3000 machines on the day of its rollout.
    """

    count: Count = 3000
    period: Period = timedelta(days=1)
    burst: Count = 3000
    overrides: tuple[PartnerOverride, ...] = ()


class CertificatesPerTemplate(_Limited):
    """The same by the template, whoever asks.

    Several partners' worth: it stops what runs wild before the CA's database has a million rows.
    """

    count: Count = 10_000
    period: Period = timedelta(days=1)
    burst: Count = 10_000
    overrides: tuple[TemplateOverride, ...] = ()


class PollsPerRequest(_Limited):
    """Questions for a pending request, each of which the CA is asked.

    cepces asks every few hours, Windows with each autoenrollment (8 h), an impatient administrator every minute; that
    often for as long as it takes, and ten times at once. Nobody knows a request's number before, so that it has no
    overrides.
    """

    count: Count = 60
    period: Period = timedelta(hours=1)
    burst: Count = 10


class RateLimitSettings(Settings):
    """All of them. What is left out has its default: there is no gateway without limits."""

    model_config = ConfigDict(alias_generator=to_pascal)

    requests_per_address: RequestsPerAddress = RequestsPerAddress()
    failed_authentications_per_address: FailedAuthenticationsPerAddress = FailedAuthenticationsPerAddress()
    failed_authentications_per_account: FailedAuthenticationsPerAccount = FailedAuthenticationsPerAccount()
    certificates_per_account: CertificatesPerAccount = CertificatesPerAccount()
    certificates_per_partner: CertificatesPerPartner = CertificatesPerPartner()
    certificates_per_template: CertificatesPerTemplate = CertificatesPerTemplate()
    polls_per_request: PollsPerRequest = PollsPerRequest()
