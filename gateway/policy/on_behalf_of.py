"""The condition on certificates that sign a request and are not renewed by it: enrollment agents (ESC3).

An agent asks for a certificate in somebody else's name ([MS-WCCE] 3.1.1.4.3.3). Chain, dates and revocation of the
agent's certificate are judged before (`Application.signers`).
"""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from gateway.pki.certificate import Certificate
from gateway.policy.decision import Application, Concern, Violation
from gateway.policy.names import NameRule
from gateway.policy.signers import described, is_client_certificate, states_own_security_identifier
from gateway.policy.violations import first_of, violation
from gateway.policy.wellformed import is_plain

_SIGNER = "signer"
_REQUESTER_NAME = "requestername"


@dataclass(frozen=True, slots=True)
class OnBehalfOfTerms:
    """What a rule wants of agents, and for whom they may ask."""

    requester_name: NameRule
    """On `DOMAIN\\user`."""
    extended_key_usage: AbstractSet[str]
    """Object identifiers; each signer's certificate must name all of them."""
    certificate_policies: AbstractSet[str] = frozenset()
    """As `extended_key_usage`."""
    issuers: AbstractSet[str] | None = None
    """Common names of the authorities that may have issued the agents' certificates; None for every one that is
    configured."""
    signatures: int = 1
    """How many agents there must be, told apart by their keys."""


@dataclass(frozen=True, slots=True)
class OnBehalfOfCondition:
    """`onBehalfOf`: without terms, nobody may ask for somebody else, nor sign without being renewed."""

    terms: OnBehalfOfTerms | None

    def violations(self, rule: str, application: Application) -> tuple[Violation, ...]:
        found = _for_nobody_else if self.terms is None else self._violations
        return first_of(found(rule, application))

    def _violations(self, rule: str, application: Application) -> Iterator[Violation]:
        assert self.terms is not None, "told apart above"
        if application.request.renewal_certificate is not None:
            shown = described(application.request.renewal_certificate)
            yield violation(rule, Concern.ON_BEHALF_OF, "renewalCertificate", shown, "absent")
        yield from _for_whom(rule, self.terms, application)
        yield from _signatures(rule, self.terms, application)
        for signer in application.request.signers:
            for field, shown, wanted in _objections(self.terms, signer, application):
                yield violation(rule, Concern.ON_BEHALF_OF, f"{_SIGNER} {field}", shown, wanted)


def _for_nobody_else(rule: str, application: Application) -> Iterator[Violation]:
    request = application.request
    if request.requester_name is not None:
        yield violation(rule, Concern.ON_BEHALF_OF, _REQUESTER_NAME, request.requester_name, "absent")
    if request.renewal_certificate is None:
        for signer in request.signers:
            yield violation(rule, Concern.ON_BEHALF_OF, _SIGNER, described(signer), "absent")
        yield from _signed_by_others(rule, application)


def _for_whom(rule: str, terms: OnBehalfOfTerms, application: Application) -> Iterator[Violation]:
    name = application.request.requester_name
    if name is None:
        yield violation(rule, Concern.ON_BEHALF_OF, _REQUESTER_NAME, "", "the name of another: DOMAIN\\user")
    elif not is_plain(name):
        wanted = "printable NFKC text without superfluous blanks"
        yield violation(rule, Concern.ON_BEHALF_OF, _REQUESTER_NAME, name, wanted)
    else:
        for wanted in terms.requester_name.wanted_instead_of(name, application.requester):
            yield violation(rule, Concern.ON_BEHALF_OF, _REQUESTER_NAME, name, wanted)


def _signatures(rule: str, terms: OnBehalfOfTerms, application: Application) -> Iterator[Violation]:
    signers = application.request.signers
    agents = {signer.public_key.subject_public_key_info for signer in signers}
    if len(agents) < terms.signatures:
        wanted = f"signatures of {terms.signatures} different agents"
        yield violation(rule, Concern.ON_BEHALF_OF, _SIGNER, str(len(agents)), wanted)
    yield from _signed_by_others(rule, application)


def _signed_by_others(rule: str, application: Application) -> Iterator[Violation]:
    """Without terms too: a policy on trial lets an agent through that no rule allows, if nothing is forbidden."""
    signers, requester = application.request.signers, application.requester
    if signers and not any(
        is_client_certificate(signer, requester) or states_own_security_identifier(signer, requester)
        for signer in signers
    ):
        # Else whoever has stolen an agent's key could use it from any account.
        wanted = "one of the requester's own, by clientCertificate or securityIdentifier"
        shown = ", ".join(map(described, signers))
        yield violation(rule, Concern.ON_BEHALF_OF, _SIGNER, shown, wanted, is_forbidden=True)


def _objections(
    terms: OnBehalfOfTerms, signer: Certificate, application: Application
) -> Iterator[tuple[str, str, str]]:
    """(field, value, wanted) of each objection to one signer's certificate."""
    # Without the extension any use would be allowed (RFC 5280 4.2.1.12): that makes nobody an agent.
    for field, stated, wanted in (
        ("extendedKeyUsage", signer.extended_key_usage or (), terms.extended_key_usage),
        ("certificatePolicies", signer.certificate_policies or (), terms.certificate_policies),
    ):
        if not wanted <= set(stated):
            yield field, ", ".join(stated), " and ".join(sorted(wanted))
    authorities = {trusted.authority for trusted in application.signers if trusted.certificate.der == signer.der}
    if terms.issuers is not None and not authorities & terms.issuers:
        yield "issuer", str(signer.issuer), " or ".join(sorted(terms.issuers))
