"""The condition on renewals: requests that are signed with the certificate which they are to replace.

The old certificate is chosen by the client. That its key signed the request proves nothing but that the client has the
key: whose certificate it is, from which template, and that the new one is to have no other names is judged here. Chain,
dates and revocation are judged before (`Application.signers`).

Clients that cannot sign with the old certificate (certmonger) send a new PKCS#10 over a connection by it. A rule may
take that for a renewal too: TLS has proved the key instead.
"""

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import assert_never

from gateway.pki import oids
from gateway.pki.authorities import TrustedCertificate, UntrustedCertificate
from gateway.pki.certificate import Certificate
from gateway.pki.names import GeneralName, GeneralNameType
from gateway.policy.decision import Application, Concern, Template, Violation
from gateway.policy.names import SubjectAlternativeNameCondition, SubjectCondition
from gateway.policy.signers import Owner, described, is_client_certificate, states_own_security_identifier
from gateway.policy.violations import first_of, violation
from gateway.requester import Requester

_FIELD = "renewalCertificate"
_IN_ANY_CASE = frozenset({GeneralNameType.DNS_NAME, GeneralNameType.RFC822_NAME, GeneralNameType.USER_PRINCIPAL_NAME})


@dataclass(frozen=True, slots=True)
class RenewalTerms:
    """How a rule allows renewals."""

    owner: AbstractSet[Owner]
    """By what the old certificate may be the requester's; one is enough."""
    required: bool = False
    """Whether nothing else is allowed."""
    without_signature: bool = False
    """Whether a request that nobody has signed counts too, as a renewal of the client certificate that came with it."""


@dataclass(frozen=True, slots=True)
class RenewalCondition:
    """`renewal`: without terms no request may be a renewal."""

    terms: RenewalTerms | None
    subject: SubjectCondition
    """Of the rule, as the next one: for Owner.NAMES, and for names that the CA copies."""
    subject_alternative_name: SubjectAlternativeNameCondition

    def violations(self, rule: str, application: Application, template: Template) -> tuple[Violation, ...]:
        return first_of(self._violations(rule, application, template))

    def _violations(self, rule: str, application: Application, template: Template) -> Iterator[Violation]:
        request = application.request
        old = request.renewal_certificate
        if old is None:
            if oids.RENEWAL_CERTIFICATE in request.attributes:
                # A CA would take it for a renewal ([MS-WCCE] 2.2.2.7.2), by a certificate that was not read here.
                yield violation(rule, Concern.RENEWAL, _FIELD, "unreadable", "absent", is_forbidden=True)
            elif self.terms is not None and self.terms.without_signature and not request.signers:
                yield from self._of_shown(rule, application, template)
            elif self.terms is not None and self.terms.required:
                yield violation(rule, Concern.RENEWAL, _FIELD, "", "a renewal")
        else:
            if self.terms is None:
                yield violation(rule, Concern.RENEWAL, _FIELD, described(old), "absent")
            # Without terms too: a policy on trial lets a renewal through that no rule allows, if nothing is forbidden.
            yield from _signed_by_others(rule, request.signers, old)
            yield from _of_other_template(rule, old, template)
            yield from _changed_names(rule, application, old)
            if template.enrollee_supplies_subject:
                yield from self._copied_names(rule, old, application.requester)
            yield from self._of_others(rule, old, application.requester)

    def _of_shown(self, rule: str, application: Application, template: Template) -> Iterator[Violation]:
        """To the CA it is a new request like any other, so that it copies no names. For the same reason nothing is
        forbidden here: another rule, or another policy, could allow it.
        """
        shown = application.shown
        match shown:
            case None:
                yield violation(rule, Concern.RENEWAL, _FIELD, "", "a renewal, or a client certificate to renew")
            case UntrustedCertificate():
                wanted = f"one for which certification_authorities vouch: {shown.reason}"
                yield violation(rule, Concern.RENEWAL, _FIELD, described(shown.certificate), wanted)
            case TrustedCertificate(certificate=old):
                for found in (
                    *_of_other_template(rule, old, template),
                    *_changed_names(rule, application, old),
                    *self._of_others(rule, old, application.requester),
                ):
                    yield replace(found, is_forbidden=False)
            case _:
                assert_never(shown)

    def _copied_names(self, rule: str, old: Certificate, requester: Requester) -> Iterator[Violation]:
        """[MS-WCCE] 3.2.2.6.2.1.4.8 and 2.2.2.7.7: of a template whose subject the enrollee supplies, a CA copies the
        old certificate's SubjectAltName, whatever the request has; so it must be one that the rule allows.

        A request with fewer names, or none, is no way around that. The CA wants the old subject in it, and asks a
        template without CT_FLAG_ENROLLEE_SUPPLIES_SUBJECT for names in the directory; fewer are no danger to anybody.
        """
        for found in self.subject_alternative_name.violations_of(old.subject_alternative_name, rule, requester):
            field = f"{_FIELD} {found.field}"
            yield violation(rule, Concern.RENEWAL, field, found.value, found.wanted, is_forbidden=found.is_forbidden)

    def _of_others(self, rule: str, old: Certificate, requester: Requester) -> Iterator[Violation]:
        account = requester.directory_account
        if account is not None and old.security_identifiers not in {(), (account.sid,)}:
            stated = " and ".join(old.security_identifiers)
            field = f"{_FIELD} securityIdentifier"
            yield violation(rule, Concern.RENEWAL, field, stated, f"the requester's, {account.sid}", is_forbidden=True)
        elif self.terms and not any(self._is_own(old, requester, owner, rule) for owner in self.terms.owner):
            wanted = f"the requester's own, by {' or '.join(sorted(self.terms.owner))}"
            yield violation(rule, Concern.RENEWAL, _FIELD, described(old), wanted)

    def _is_own(self, old: Certificate, requester: Requester, owner: Owner, rule: str) -> bool:
        match owner:
            case Owner.CLIENT_CERTIFICATE:
                return is_client_certificate(old, requester)
            case Owner.SECURITY_IDENTIFIER:
                return states_own_security_identifier(old, requester)
            case Owner.NAMES:
                return self._is_own_by_names(old, requester, rule)
            case _:
                assert_never(owner)

    def _is_own_by_names(self, old: Certificate, requester: Requester, rule: str) -> bool:
        names = old.subject_alternative_name
        # Without any name it would be anybody's; with a SID it is that account's, whatever the names are.
        is_named = bool(old.subject.rdns or names)
        is_for_its_names = not old.security_identifiers or states_own_security_identifier(old, requester)
        return (
            is_named
            and is_for_its_names
            and not self.subject.violations_of(old.subject, rule, requester)
            and not self.subject_alternative_name.violations_of(names, rule, requester)
        )


def _of_other_template(rule: str, old: Certificate, template: Template) -> Iterator[Violation]:
    """[MS-WCCE] 3.2.2.6.2.1.2.3: a certificate is renewed by its own template."""
    field = f"{_FIELD} template"
    if old.template_name is None and old.template_oid is None:
        yield violation(rule, Concern.RENEWAL, field, "", template.name, is_forbidden=True)
    if old.template_name is not None and old.template_name.casefold() != template.name.casefold():
        yield violation(rule, Concern.RENEWAL, field, old.template_name, template.name, is_forbidden=True)
    if old.template_oid is not None and old.template_oid not in template.oids:
        advice = f"{template.name} (if that is it, give the policy's template its oid)"
        wanted = " or ".join(sorted(template.oids)) or advice
        yield violation(rule, Concern.RENEWAL, field, old.template_oid, wanted, is_forbidden=True)


def _signed_by_others(rule: str, signers: Iterable[Certificate], old: Certificate) -> Iterator[Violation]:
    for signer in signers:
        if signer.der != old.der:
            wanted = "the renewal certificate alone"
            yield violation(rule, Concern.RENEWAL, "signer", described(signer), wanted, is_forbidden=True)


def _changed_names(rule: str, application: Application, old: Certificate) -> Iterator[Violation]:
    request = application.request
    wanted = "in the renewal certificate"
    attributes = set(old.subject.attributes())
    for attribute in request.subject.attributes():
        if attribute not in attributes:
            field = f"subject {attribute.type}"
            yield violation(rule, Concern.RENEWAL, field, attribute.value, wanted, is_forbidden=True)
    names = set(map(_comparable, old.subject_alternative_name))
    for name in request.subject_alternative_name:
        if _comparable(name) not in names:
            field = f"subjectAlternativeName {name.type}"
            yield violation(rule, Concern.RENEWAL, field, name.value, wanted, is_forbidden=True)


def _comparable(name: GeneralName) -> tuple[GeneralNameType, str]:
    return name.type, name.value.lower() if name.type in _IN_ANY_CASE else name.value
