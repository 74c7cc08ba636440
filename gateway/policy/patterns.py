"""Patterns: what one value is compared with.

A pattern under `allow` is read narrowly, one under `deny` widely, so that each errs on the side of refusal: an allowing
regular expression must match the whole value, a denying one is found anywhere in it, and denying disregards case.
No pattern raises: a value that it cannot read does not match.
"""

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Protocol, Self

import re2

from gateway.policy.wellformed import is_dns_name, is_mailbox, parse_ip_address


class NotAPattern(ValueError):
    """Text of a policy file that cannot serve as the pattern that it is meant to be."""


class Pattern(Protocol):
    """Its text, by `str`, is the spelling of the policy file."""

    def matches(self, value: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class Exact:
    """The very value."""

    text: str
    ignore_case: bool = False

    def matches(self, value: str) -> bool:
        return value.lower() == self.text.lower() if self.ignore_case else value == self.text

    def __str__(self) -> str:
        return f"{'exactIgnoreCase' if self.ignore_case else 'exact'} '{self.text}'"


@dataclass(frozen=True, slots=True)
class Regex:
    """A regular expression of RE2, whose time is linear in the value: no value can stall the gateway."""

    expression: str
    ignore_case: bool = False
    anywhere: bool = False
    """Whether a part of the value is enough."""
    _compiled: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Raises NotAPattern."""
        options = re2.Options()
        options.log_errors = False  # RE2 would write to stderr, past the log
        options.case_sensitive = not self.ignore_case
        try:
            compiled = re2.compile(self.expression, options)
        except re2.error as error:
            reason = error.args[0].decode() if isinstance(error.args[0], bytes) else error.args[0]
            raise NotAPattern(f"not a regular expression of RE2: {reason}") from error
        object.__setattr__(self, "_compiled", compiled)

    def matches(self, value: str) -> bool:
        # In one case also because an expression can switch RE2's own disregard of case off: (?-i).
        value = value.lower() if self.ignore_case else value
        return bool(self._compiled.search(value) if self.anywhere else self._compiled.fullmatch(value))

    def __str__(self) -> str:
        return f"regex '{self.expression}'"


@dataclass(frozen=True, slots=True)
class Suffix:
    """A DNS name below a domain (`.partner.example`), or an account at one (`@partner.example`), in any case.

    The value must be longer, and a DNS name or a mailbox as a whole: `x/?.partner.example` only looks like one.
    """

    text: str
    of_any_text: bool = False
    """Whether the end alone counts, whatever stands before it."""

    def __post_init__(self) -> None:
        """Raises NotAPattern."""
        if self.text[:1] not in {".", "@"} or not is_dns_name(self.text[1:]):
            raise NotAPattern("a suffix is a DNS name with a full stop or an at-sign before it: .partner.example")

    def matches(self, value: str) -> bool:
        whole = self.of_any_text or is_dns_name(value) or is_mailbox(value)
        return whole and len(value) > len(self.text) and value.lower().endswith(self.text.lower())

    def __str__(self) -> str:
        return f"suffix '{self.text}'"


@dataclass(frozen=True, slots=True)
class Cidr:
    """The addresses of a network."""

    network: IPv4Network | IPv6Network

    @classmethod
    def parse(cls, text: str) -> Self:
        """`192.0.2.0/24`; a single address is a network of one. Raises NotAPattern."""
        try:
            return cls(ip_network(text))
        except ValueError as error:
            raise NotAPattern(f"not a network: {error}") from error

    def matches(self, value: str) -> bool:
        address = parse_ip_address(value)
        return address is not None and address in self.network

    def __str__(self) -> str:
        return f"cidr {self.network}"
