"""What one rule makes of a certificate by itself: whom it claims to be, or why the rule is not about it. No I/O."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from gateway.account import Account
from gateway.authn.account_name import objection_to
from gateway.authn.alt_security_identities import WeakForm, strong_values, weak_values
from gateway.authn.mapping_rules import AccountSource, MappingRuleSettings
from gateway.pki.certificate import Certificate
from gateway.pki.distinguished_name import DistinguishedName, parse_distinguished_name
from gateway.pki.names import Name
from gateway.strict_yaml import Mistake, Mistaken


@dataclass(frozen=True, slots=True)
class NamedAccount:
    """An account by its name."""

    name: str
    principal: str
    """The same, as a directory is asked for it."""


@dataclass(frozen=True, slots=True)
class IdentifiedAccount:
    """An account by its objectSid."""

    sid: str


@dataclass(frozen=True, slots=True)
class RegisteredCertificate:
    """The account that has one of these values in altSecurityIdentities."""

    strong: tuple[str, ...]
    weak: Mapping[WeakForm, str]
    """Those that the rule admits, in its order."""


Claim = NamedAccount | IdentifiedAccount | RegisteredCertificate


class NotThisRule(Exception):
    """The rule is not about the certificate, or finds no one account in it. The text is the rule's objection."""


class Rule:
    """One rule, read for use."""

    def __init__(self, settings: MappingRuleSettings) -> None:
        """Raises Mistaken for an `issuer_certificate` that cannot be used."""
        self.name = settings.name
        self._settings = settings
        self._issuer = _parsed(settings.issuer)
        self._subject = _parsed(settings.subject)
        self._issuer_certificate = _loaded(settings.issuer_certificate)

    def claim(self, certificate: Certificate) -> Claim:
        """Whom the certificate claims to be, by this rule. Raises NotThisRule."""
        objection = next(self._objections(certificate), None)
        if objection is not None:
            raise NotThisRule(objection)
        settings = self._settings
        match settings.account_from:
            case None:
                assert settings.account is not None, "the settings have one of them"
                return NamedAccount(settings.account, settings.account)
            case AccountSource.OBJECT_SID:
                return IdentifiedAccount(_only(certificate.security_identifiers, settings.account_from))
            case AccountSource.ALT_SECURITY_IDENTITIES:
                return self._registered(certificate)
            case AccountSource.DNS_NAME:
                name = self._name(certificate, settings.account_from)
                return NamedAccount(name, _computer(name))
            case _:
                name = self._name(certificate, settings.account_from)
                return NamedAccount(name, name)

    def check_bounds(self, account: Account) -> None:
        """`accounts_within`, for an account that the directory and not the certificate names. Raises NotThisRule."""
        name = account.user_principal_name or account.name
        if not self._is_within(name):
            raise NotThisRule(f"the account {name!r} is not within {', '.join(self._settings.accounts_within)}")

    def _objections(self, certificate: Certificate) -> Iterator[str]:
        settings = self._settings
        if self._issuer is not None and self._issuer != _structure(certificate.issuer):
            yield "another issuer"
        if self._issuer_certificate is not None and not _is_issued_by(certificate, self._issuer_certificate):
            yield "another issuer's key"
        if settings.fingerprint is not None and settings.fingerprint != certificate.sha256_fingerprint:
            yield "another fingerprint"
        if settings.serial_number is not None and settings.serial_number != f"{certificate.serial_number:x}":
            yield "another serial number"
        if settings.subject_key_identifier not in {None, certificate.subject_key_identifier}:
            yield "another subjectKeyIdentifier"
        if self._subject is not None and self._subject != _structure(certificate.subject):
            yield "another subject"

    def _name(self, certificate: Certificate, source: AccountSource) -> str:
        name = _only(_values(source, certificate), source)
        objection = objection_to(name) or _objection_to_derived(name)
        if objection is not None:
            raise NotThisRule(f"{source} {name[:80]!r} {objection}")
        if not self._is_within(name):
            raise NotThisRule(f"{source} {name!r} is not within {', '.join(self._settings.accounts_within)}")
        return name

    def _registered(self, certificate: Certificate) -> RegisteredCertificate:
        strong = tuple(value for values in strong_values(certificate).values() for value in values)
        has = weak_values(certificate)
        return RegisteredCertificate(strong, {form: has[form] for form in self._settings.weak_forms if form in has})

    def _is_within(self, name: str) -> bool:
        # str.lower, as both are letters of domain names; casefold would equate more than DNS does.
        return any(
            name.lower().endswith(suffix) and len(name) > len(suffix) for suffix in self._settings.accounts_within
        )


def _only(values: tuple[str, ...], source: AccountSource) -> str:
    if len(values) != 1:
        raise NotThisRule(f"{len(values)} values of {source}, wanted one")
    return values[0]


def _values(source: AccountSource, certificate: Certificate) -> tuple[str, ...]:
    if source is AccountSource.COMMON_NAME:
        return tuple(attribute.value for attribute in certificate.subject.attributes() if attribute.type == source)
    return tuple(name.value for name in certificate.subject_alternative_name if name.type.value == source)


def _objection_to_derived(name: str) -> str | None:
    """What a CA may write into a certificate, but nobody is called."""
    if "*" in name:
        return "is a wildcard"
    if name.count("@") > 1:
        return "has more than one @"
    if "\\" in name:
        return "has a backslash: a domain is not taken from a certificate in this way"
    return None


def _computer(dns_name: str) -> str:
    """[MS-PKCA] 3.1.5.2.1, "SAN DNSName Field": the computer is called as its host, in the domain of that DNS name."""
    host, _, domain = dns_name.partition(".")
    return f"{host}$@{domain}"


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
