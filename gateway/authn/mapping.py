"""From a client certificate to the account it stands for, by configured rules.

TLS has verified the chain; here it is only asked who that is. Every rule is tried, and together they must name exactly
one account: which rule stands first never decides.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from pydantic import AfterValidator, Field, model_validator

from gateway.authn.account_name import objection_to
from gateway.authn.distinguished_name import DistinguishedName, parse_distinguished_name
from gateway.errors import CertificateNotMapped
from gateway.pki.certificate import Certificate
from gateway.pki.names import Name
from gateway.strict_yaml import Mistake, Mistaken, Settings

_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_HEX = re.compile(r"[0-9A-Fa-f]{1,40}")


class AccountSource(StrEnum):
    """Where in a certificate an account name can stand: a type of GeneralName, or the subject's commonName."""

    USER_PRINCIPAL_NAME = "userPrincipalName"
    RFC822_NAME = "rfc822Name"
    DNS_NAME = "dNSName"
    COMMON_NAME = "commonName"


def _fingerprint(text: str) -> str:
    digest = text.replace(":", "").lower()
    if not _FINGERPRINT.fullmatch(digest):
        raise ValueError("must be a SHA-256 fingerprint: 64 hexadecimal digits, with or without colons")
    return digest


def _serial_number(text: str) -> str:
    digits = text.replace(":", "")
    if not _HEX.fullmatch(digits):
        raise ValueError("must be hexadecimal, as certificate viewers print it, at most 20 octets (RFC 5280 4.1.2.2)")
    return f"{int(digits, 16):x}"


def _distinguished_name(text: str) -> str:
    parse_distinguished_name(text)
    return text


def _account(name: str) -> str:
    objection = objection_to(name)
    if objection is not None:
        raise ValueError(f"the account name {objection}")
    return name


def _suffix(text: str) -> str:
    if len(text) < 2 or text[0] not in "@.":
        raise ValueError("must begin with `@` or `.`, as in @partner.example or .partner.example")
    return text.lower()


class MappingRuleSettings(Settings):
    """One rule: the certificates it is about, and the account that they stand for.

    `issuer` is a name, and any trusted CA can create a subordinate of any name: where partners must not stand for each
    other, say `issuer_certificate`, which is checked by its key.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$")]
    """Stands in the audit record."""
    issuer: Annotated[str, AfterValidator(_distinguished_name)] | None = None
    """RFC 4514, most specific RDN first, as the gateway prints it when it refuses a certificate."""
    issuer_certificate: Path | None = None
    """PEM: the certificate of the CA that issued the client certificate itself, not of its root."""
    fingerprint: Annotated[str, AfterValidator(_fingerprint)] | None = None
    """SHA-256 of the certificate's DER, in hex."""
    serial_number: Annotated[str, AfterValidator(_serial_number)] | None = None
    """Hexadecimal; only together with an issuer."""
    subject: Annotated[str, AfterValidator(_distinguished_name)] | None = None
    """RFC 4514: the whole subject."""
    account: Annotated[str, AfterValidator(_account)] | None = None
    """The account of every certificate that fits: one for a whole partner, or one per certificate."""
    account_from: AccountSource | None = None
    """Where the account's name stands in the certificate. Exactly one value of that kind must be there."""
    accounts_within: tuple[Annotated[str, AfterValidator(_suffix)], ...] = ()
    """What names from `account_from` must end with. A CA writes what it likes into a certificate: without this bound,
    a partner's CA could name anybody's account."""

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        contradictions = tuple(_contradictions(self))
        if contradictions:
            raise ValueError("; ".join(contradictions))
        return self


def _contradictions(rule: MappingRuleSettings) -> Iterator[str]:
    has_issuer = rule.issuer is not None or rule.issuer_certificate is not None
    if not has_issuer and rule.fingerprint is None:
        yield "needs issuer, issuer_certificate or fingerprint: a subject means nothing without who vouches for it"
    if rule.serial_number is not None and not has_issuer:
        yield "serial_number needs issuer or issuer_certificate: every CA counts for itself"
    if (rule.account is None) == (rule.account_from is None):
        yield "needs either account or account_from"
    if rule.account_from is not None and not rule.accounts_within:
        yield "account_from needs accounts_within: else whoever signs the certificate could name anybody's account"
    if rule.account_from is None and rule.accounts_within:
        yield "accounts_within only goes with account_from"


def _uniquely_named(rules: tuple[MappingRuleSettings, ...]) -> tuple[MappingRuleSettings, ...]:
    repeated = [name for name, times in Counter(rule.name for rule in rules).items() if times > 1]
    if repeated:
        raise ValueError(f"several rules have the name {', '.join(repeated)}")
    return rules


MappingRules = Annotated[tuple[MappingRuleSettings, ...], AfterValidator(_uniquely_named)]
"""The rules of a configuration."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one rule made of a certificate: an account, or why not."""

    rule: str
    account: str | None
    objection: str = ""


class AccountMapping:
    """The rules, read for use."""

    def __init__(self, rules: Sequence[MappingRuleSettings]) -> None:
        """Raises Mistaken for an `issuer_certificate` that cannot be used."""
        self._rules = tuple(
            _Rule(rule, _parsed(rule.issuer), _parsed(rule.subject), _loaded(rule.issuer_certificate)) for rule in rules
        )

    def account_of(self, certificate: Certificate) -> tuple[str, str]:
        """The account, and the name of the first rule that leads to it. Raises CertificateNotMapped."""
        issuer, subject = _structure(certificate.issuer), _structure(certificate.subject)
        attempts = [rule.attempt(certificate, issuer, subject) for rule in self._rules]
        found = [(attempt.account, attempt.rule) for attempt in attempts if attempt.account is not None]
        if len({account for account, _ in found}) != 1:
            raise CertificateNotMapped(_not_mapped(certificate, attempts))
        return found[0]


@dataclass(frozen=True, slots=True)
class _Rule:
    settings: MappingRuleSettings
    issuer: DistinguishedName | None
    subject: DistinguishedName | None
    issuer_certificate: x509.Certificate | None

    def attempt(
        self, certificate: Certificate, issuer: DistinguishedName | None, subject: DistinguishedName | None
    ) -> Attempt:
        objection = next(self._objections(certificate, issuer, subject), None)
        if objection is not None:
            return self._objecting(objection)
        if self.settings.account_from is None:
            return Attempt(self.settings.name, self.settings.account)
        return self._derived(self.settings.account_from, certificate)

    def _objections(
        self, certificate: Certificate, issuer: DistinguishedName | None, subject: DistinguishedName | None
    ) -> Iterator[str]:
        settings = self.settings
        if self.issuer is not None and self.issuer != issuer:
            yield "another issuer"
        if self.issuer_certificate is not None and not _is_issued_by(certificate, self.issuer_certificate):
            yield "another issuer's key"
        if settings.fingerprint is not None and settings.fingerprint != certificate.sha256_fingerprint:
            yield "another fingerprint"
        if settings.serial_number is not None and settings.serial_number != f"{certificate.serial_number:x}":
            yield "another serial number"
        if self.subject is not None and self.subject != subject:
            yield "another subject"

    def _derived(self, source: AccountSource, certificate: Certificate) -> Attempt:
        values = _values(source, certificate)
        if len(values) != 1:
            return self._objecting(f"{len(values)} values of {source}, wanted one")
        name = values[0]
        objection = objection_to(name) or _objection_to_derived(name)
        if objection is not None:
            return self._objecting(f"{source} {name[:80]!r} {objection}")
        # str.lower, as both are letters of domain names; casefold would equate more than DNS does.
        if not any(
            name.lower().endswith(suffix) and len(name) > len(suffix) for suffix in self.settings.accounts_within
        ):
            return self._objecting(f"{source} {name!r} is not within {', '.join(self.settings.accounts_within)}")
        return Attempt(self.settings.name, name)

    def _objecting(self, objection: str) -> Attempt:
        return Attempt(self.settings.name, None, objection)


def _values(source: AccountSource, certificate: Certificate) -> list[str]:
    if source is AccountSource.COMMON_NAME:
        return [attribute.value for attribute in certificate.subject.attributes() if attribute.type == source.value]
    return [name.value for name in certificate.subject_alternative_name if name.type.value == source.value]


def _objection_to_derived(name: str) -> str | None:
    """What a CA may write into a certificate, but nobody is called."""
    if "*" in name:
        return "is a wildcard"
    if name.count("@") > 1:
        return "has more than one @"
    return None


def _loaded(path: Path | None) -> x509.Certificate | None:
    if path is None:
        return None
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        raise Mistaken((Mistake(str(path), 0, "", f"is no certificate in PEM: {error}"),)) from error


def _is_issued_by(certificate: Certificate, issuer: x509.Certificate) -> bool:
    """By name and by signature."""
    try:
        x509.load_der_x509_certificate(certificate.der).verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _parsed(text: str | None) -> DistinguishedName | None:
    return None if text is None else parse_distinguished_name(text)


@lru_cache(maxsize=256)
def _structure(name: Name) -> DistinguishedName | None:
    """None for a name that no rule can be written about, e.g. the empty one."""
    try:
        return parse_distinguished_name(str(name))
    except ValueError:
        return None


def _not_mapped(certificate: Certificate, attempts: Sequence[Attempt]) -> str:
    accounts = sorted({attempt.account for attempt in attempts if attempt.account is not None})
    verdict = f"stands for several accounts ({', '.join(accounts)})" if accounts else "stands for no account"
    tried = "; ".join(f"{attempt.rule}: {attempt.account or attempt.objection}" for attempt in attempts)
    return f"the client certificate {verdict}: {describe(certificate)}; rules tried: {tried or 'there are none'}"


def describe(certificate: Certificate) -> str:
    """What an administrator needs to write a rule for it."""
    return (
        f'issuer "{certificate.issuer}", subject "{certificate.subject}",'
        f" serial number {certificate.serial_number:x}, SHA-256 {certificate.sha256_fingerprint}"
    )
