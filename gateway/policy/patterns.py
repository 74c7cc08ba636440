"""Patterns: what one value is compared with.

A pattern under `allow` is read narrowly, one under `deny` widely, so that each errs on the side of refusal: an allowing
regular expression must match the whole value, a denying one is found anywhere in it, and denying disregards case.
No pattern raises: a value that it cannot read does not match.
"""

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Protocol, Self

import re2

from gateway.pki.distinguished_name import DistinguishedName, in_any_case, parse_distinguished_name
from gateway.policy.identity import has_identity
from gateway.policy.wellformed import is_dns_name, is_mailbox, parse_ip_address
from gateway.requester import Requester


class NotAPattern(ValueError):
    """Text of a policy file that cannot serve as the pattern that it is meant to be."""


class Pattern(Protocol):
    """Its text, by `str`, is the spelling of the policy file."""

    def matches(self, value: str, requester: Requester, /) -> bool:
        """Whether the value is as this pattern wants it, for this requester."""
        ...


@dataclass(frozen=True, slots=True)
class Exact:
    """The very value."""

    text: str
    ignore_case: bool = False

    def matches(self, value: str, _requester: Requester, /) -> bool:
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
            raise NotAPattern(f"not a regular expression of RE2: {error.args[0].decode()}") from error
        object.__setattr__(self, "_compiled", compiled)

    def matches(self, value: str, _requester: Requester, /) -> bool:
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

    def matches(self, value: str, _requester: Requester, /) -> bool:
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

    def matches(self, value: str, _requester: Requester, /) -> bool:
        address = parse_ip_address(value)
        return address is not None and address in self.network

    def __str__(self) -> str:
        return f"cidr {self.network}"


@dataclass(frozen=True, slots=True)
class OfRequester:
    """What the requester itself is: see `gateway.policy.identity`."""

    word: str

    def matches(self, value: str, requester: Requester, /) -> bool:
        return has_identity(requester, self.word, value)

    def __str__(self) -> str:
        return f"requester {self.word}"


@dataclass(frozen=True, slots=True)
class ExactName:
    """A distinguished name, compared by its structure, however it is spelled (RFC 4514)."""

    text: str
    ignore_case: bool = False
    _name: DistinguishedName = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Raises NotAPattern."""
        try:
            object.__setattr__(self, "_name", parse_distinguished_name(self.text))
        except ValueError as error:
            raise NotAPattern(str(error)) from error

    def matches(self, value: str, _requester: Requester, /) -> bool:
        try:
            name = parse_distinguished_name(value)
        except ValueError:
            return False
        return in_any_case(name) == in_any_case(self._name) if self.ignore_case else name == self._name

    def __str__(self) -> str:
        return f"{'exactIgnoreCase' if self.ignore_case else 'exact'} '{self.text}'"


@dataclass(frozen=True, slots=True)
class NameRegex:
    """A regular expression on the text of a distinguished name that nothing in is escaped.

    In `CN=x\\,O=Partner` there is no organization, though the expression `CN=.*,O=Partner` would see one.
    """

    regex: Regex

    def matches(self, value: str, requester: Requester, /) -> bool:
        return "\\" not in value and self.regex.matches(value, requester)

    def __str__(self) -> str:
        return str(self.regex)
