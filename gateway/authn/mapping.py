"""From a client certificate to the account it stands for, by configured rules.

TLS has verified the chain; here it is only asked who that is. Every rule is tried, and together they must lead to
exactly one account: which rule stands first never decides.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, assert_never

import structlog

from gateway.account import Account
from gateway.authn.alt_security_identities import WeakForm, strong_values
from gateway.authn.mapping_claims import (
    Claim,
    IdentifiedAccount,
    NamedAccount,
    NotThisRule,
    RegisteredCertificate,
    Rule,
)
from gateway.authn.mapping_rules import MappingRuleSettings
from gateway.errors import AccountAmbiguous, CertificateNotMapped, UnknownUser
from gateway.pki.certificate import Certificate

log = structlog.get_logger()


class AccountDirectory(Protocol):
    """Accounts as they are now. Raises UnknownUser, AccountAmbiguous and DirectoryUnavailable."""

    async def find_by_name(self, name: str) -> Account: ...

    async def find_by_sid(self, sid: str) -> Account: ...

    async def find_by_alt_security_identities(self, values: Sequence[str]) -> Account:
        """The account that has any of these values."""
        ...


@dataclass(frozen=True, slots=True)
class Mapped:
    """Who a certificate stands for, and why."""

    account: str
    """As policies and the audit record call it."""
    rule: str
    directory_account: Account | None = None
    """None without a directory."""
    weak_form: WeakForm | None = None
    """The form of altSecurityIdentities that it took; None where a strong one, or none, was enough."""

    @property
    def identity(self) -> str:
        """What two rules must agree on."""
        return self.account if self.directory_account is None else self.directory_account.sid


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one rule made of a certificate: an account, or the text says why not."""

    rule: str
    mapped: Mapped | None
    text: str


def uncounted(_form: WeakForm) -> None:
    """For where there is no directory, and so no weak form."""


class AccountMapping:
    """The rules, read for use, and the directory of the realm that the accounts are in, if there is one."""

    def __init__(
        self,
        rules: Sequence[MappingRuleSettings],
        directory: AccountDirectory | None = None,
        on_weak_mapping: Callable[[WeakForm], None] = uncounted,
    ) -> None:
        """Raises Mistaken for an `issuer_certificate` that cannot be used."""
        self._rules = tuple(map(Rule, rules))
        self._directory = directory
        self._on_weak_mapping = on_weak_mapping

    async def account_of(self, certificate: Certificate) -> Mapped:
        """The account, by the first of the rules that lead to it; by one that took no weak form, if there is any.

        Raises CertificateNotMapped where the rules lead nowhere, or to several accounts; UnknownUser or
        AccountAmbiguous where the directory knows no account, or several, by what one of them has found, whatever the
        others say: that an account is deleted must not turn its certificates into somebody else's. DirectoryUnavailable
        is passed on.
        """
        attempts = [await self._attempt(rule, certificate) for rule in self._rules]
        found = [attempt.mapped for attempt in attempts if attempt.mapped is not None]
        if len({mapped.identity for mapped in found}) != 1:
            raise CertificateNotMapped(_not_mapped(certificate, attempts))
        mapped = min(found, key=lambda mapped: mapped.weak_form is not None)
        if mapped.weak_form is not None:
            log.warning(
                "certificate mapped by a weak form only",
                form=mapped.weak_form,
                rule=mapped.rule,
                account=mapped.account,
                write_instead=_to_write(certificate),
            )
            self._on_weak_mapping(mapped.weak_form)
        return mapped

    async def _attempt(self, rule: Rule, certificate: Certificate) -> Attempt:
        try:
            mapped = await self._resolved(rule, rule.claim(certificate))
        except NotThisRule as objection:
            return Attempt(rule.name, None, str(objection))
        except (UnknownUser, AccountAmbiguous) as error:
            raise type(error)(f"by the rule {rule.name}: {error}: {describe(certificate)}") from error
        return Attempt(rule.name, mapped, mapped.account)

    async def _resolved(self, rule: Rule, claim: Claim) -> Mapped:
        if self._directory is None:
            if not isinstance(claim, NamedAccount):
                raise NotThisRule("needs a service with a realm: there is no directory to ask")
            return Mapped(claim.name, rule.name)
        account, form = await _found(self._directory, claim)
        if not isinstance(claim, NamedAccount):
            rule.check_bounds(account)
        return Mapped(account.name, rule.name, account, form)


async def _found(directory: AccountDirectory, claim: Claim) -> tuple[Account, WeakForm | None]:
    match claim:
        case NamedAccount(principal=principal):
            return await directory.find_by_name(principal), None
        case IdentifiedAccount(sid=sid):
            return await directory.find_by_sid(sid), None
        case RegisteredCertificate():
            return await _registered(directory, claim)
        case _:
            assert_never(claim)


async def _registered(directory: AccountDirectory, claim: RegisteredCertificate) -> tuple[Account, WeakForm | None]:
    """That nobody has such a value means that the certificate has not been registered: no claim has been made."""
    try:
        return await directory.find_by_alt_security_identities(claim.strong), None
    except UnknownUser:
        pass
    found: list[tuple[Account, WeakForm]] = []
    for form, value in claim.weak.items():
        try:
            found.append((await directory.find_by_alt_security_identities([value]), form))
        except UnknownUser:
            continue
    if not found:
        raise NotThisRule("no account has it in altSecurityIdentities")
    if len({account.sid for account, _ in found}) != 1:
        accounts = ", ".join(f"{account.name} by {form}" for account, form in found)
        raise AccountAmbiguous(f"weak forms of altSecurityIdentities lead to {accounts}")
    return found[0]


def _not_mapped(certificate: Certificate, attempts: Sequence[Attempt]) -> str:
    accounts = sorted({attempt.text for attempt in attempts if attempt.mapped is not None})
    verdict = f"stands for several accounts ({', '.join(accounts)})" if accounts else "stands for no account"
    tried = "; ".join(f"{attempt.rule}: {attempt.text}" for attempt in attempts)
    return f"the client certificate {verdict}: {describe(certificate)}; rules tried: {tried or 'there are none'}"


def describe(certificate: Certificate) -> str:
    """What an administrator needs to write a rule for it, or to register it at an account."""
    identifier = certificate.subject_key_identifier
    facts = (
        f'issuer "{certificate.issuer}"',
        f'subject "{certificate.subject}"',
        f"serial number {certificate.serial_number:x}",
        *(() if identifier is None else (f"subjectKeyIdentifier {identifier}",)),
        f"SHA-256 {certificate.sha256_fingerprint}",
        *(f"SID {sid}" for sid in certificate.security_identifiers),
        f"for altSecurityIdentities: {' or '.join(_to_write(certificate))}",
    )
    return ", ".join(facts)


def _to_write(certificate: Certificate) -> list[str]:
    return [values[0] for values in strong_values(certificate).values()]
