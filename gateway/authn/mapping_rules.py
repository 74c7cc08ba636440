"""What an administrator writes about client certificates: which of them stand for which account."""

import re
from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from gateway.authn.account_name import objection_to
from gateway.authn.alt_security_identities import WeakForm
from gateway.pki.distinguished_name import parse_distinguished_name
from gateway.strict_yaml import Settings

_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_SERIAL_NUMBER = re.compile(r"[0-9A-Fa-f]{1,40}")
_KEY_IDENTIFIER = re.compile(r"([0-9a-f]{2}){1,64}")


class AccountSource(StrEnum):
    """Where the account is told: in a certificate's GeneralName, commonName or SID, or at the account itself."""

    USER_PRINCIPAL_NAME = "userPrincipalName"
    RFC822_NAME = "rfc822Name"
    DNS_NAME = "dNSName"
    COMMON_NAME = "commonName"
    OBJECT_SID = "objectSid"
    """szOID_NTDS_CA_SECURITY_EXT, or a tag URI in the subjectAltName; what both say, if both are there."""
    ALT_SECURITY_IDENTITIES = "altSecurityIdentities"
    """The account in the directory that has a value of this attribute which fits the certificate."""


_ASKS_THE_DIRECTORY = frozenset({AccountSource.OBJECT_SID, AccountSource.ALT_SECURITY_IDENTITIES})


def _fingerprint(text: str) -> str:
    digest = text.replace(":", "").lower()
    if not _FINGERPRINT.fullmatch(digest):
        raise ValueError("must be a SHA-256 fingerprint: 64 hexadecimal digits, with or without colons")
    return digest


def _serial_number(text: str) -> str:
    digits = text.replace(":", "")
    if not _SERIAL_NUMBER.fullmatch(digits):
        raise ValueError("must be hexadecimal, as certificate viewers print it, at most 20 octets (RFC 5280 4.1.2.2)")
    return f"{int(digits, 16):x}"


def _key_identifier(text: str) -> str:
    digits = text.replace(":", "").lower()
    if not _KEY_IDENTIFIER.fullmatch(digits):
        raise ValueError("must be the subjectKeyIdentifier: pairs of hexadecimal digits, with or without colons")
    return digits


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
    subject_key_identifier: Annotated[str, AfterValidator(_key_identifier)] | None = None
    """Hexadecimal; only together with an issuer. It stays the same when a certificate is renewed with its key."""
    subject: Annotated[str, AfterValidator(_distinguished_name)] | None = None
    """RFC 4514: the whole subject."""
    account: Annotated[str, AfterValidator(_account)] | None = None
    """The account of every certificate that fits: one for a whole partner, or one per certificate."""
    account_from: AccountSource | None = None
    """Where the account is told. Exactly one value of that kind must be there."""
    accounts_within: tuple[Annotated[str, AfterValidator(_suffix)], ...] = ()
    """What names from `account_from` must end with. A CA writes what it likes into a certificate: without this bound,
    a partner's CA could name anybody's account. With objectSid and altSecurityIdentities it bounds what the account is
    called in the directory: its userPrincipalName, or where it has none, sAMAccountName@domain."""
    weak_forms: tuple[WeakForm, ...] = ()
    """Of altSecurityIdentities, beside the strong ones, and after them. Each use is logged and counted."""

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        contradictions = (*_contradictions(self), *_contradictions_of_source(self))
        if contradictions:
            raise ValueError("; ".join(contradictions))
        return self


def _contradictions(rule: MappingRuleSettings) -> Iterator[str]:
    has_issuer = rule.issuer is not None or rule.issuer_certificate is not None
    if not has_issuer and rule.fingerprint is None:
        yield "needs issuer, issuer_certificate or fingerprint: a subject means nothing without who vouches for it"
    if rule.serial_number is not None and not has_issuer:
        yield "serial_number needs issuer or issuer_certificate: every CA counts for itself"
    if rule.subject_key_identifier is not None and not has_issuer:
        yield "subject_key_identifier needs issuer or issuer_certificate: every CA can write any"
    if rule.account_from in _ASKS_THE_DIRECTORY and not has_issuer:
        yield f"account_from: {rule.account_from} needs issuer or issuer_certificate: every CA can name any account"


def _contradictions_of_source(rule: MappingRuleSettings) -> Iterator[str]:
    if (rule.account is None) == (rule.account_from is None):
        yield "needs either account or account_from"
    if rule.account_from is not None and not rule.accounts_within:
        yield "account_from needs accounts_within: else whoever signs the certificate could name anybody's account"
    if rule.account_from is None and rule.accounts_within:
        yield "accounts_within only goes with account_from"
    if rule.weak_forms and rule.account_from is not AccountSource.ALT_SECURITY_IDENTITIES:
        yield "weak_forms only goes with account_from: altSecurityIdentities"
    if len(set(rule.weak_forms)) != len(rule.weak_forms):
        yield "weak_forms has one of them twice"


def _uniquely_named(rules: tuple[MappingRuleSettings, ...]) -> tuple[MappingRuleSettings, ...]:
    repeated = [name for name, times in Counter(rule.name for rule in rules).items() if times > 1]
    if repeated:
        raise ValueError(f"several rules have the name {', '.join(repeated)}")
    return rules


MappingRules = Annotated[tuple[MappingRuleSettings, ...], AfterValidator(_uniquely_named)]
"""The rules of a configuration."""
