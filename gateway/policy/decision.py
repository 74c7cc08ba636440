"""The decision: an application meets one rule of its template's policy in full, or it is refused.

Rules only allow. A prohibition is a condition inside a rule, so the order of rules never changes the verdict and
adding a rule never takes an approval away. With no policy, no rule or no condition met, the answer is no.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from itertools import chain
from typing import TYPE_CHECKING, Protocol

from gateway.errors import GatewayError, SignerRefused, SignerUntrusted, TemplateConflict, TemplateMissing, Unmatched
from gateway.pki.authorities import TrustedCertificate, UntrustedCertificate
from gateway.pki.certificate_request import (
    CERTIFICATE_TEMPLATE,
    CertificateRequest,
    EnrollmentNameValuePair,
    TemplateCarrier,
    TemplateReference,
)
from gateway.policy.limits import NOTHING, Limits
from gateway.protocol.wstep import ContextItem
from gateway.requester import Requester

if TYPE_CHECKING:
    # It is made of conditions, which are about what stands here.
    from gateway.policy.expected import IssuedRule


class Concern(StrEnum):
    """What a condition is about: the sections of a policy file."""

    REQUESTERS = "requesters"
    KEY = "key"
    SUBJECT = "subject"
    SUBJECT_ALTERNATIVE_NAME = "subjectAlternativeName"
    EXTENSIONS = "extensions"
    ATTRIBUTES = "attributes"
    VALIDITY = "validity"
    CLIENT_INFORMATION = "clientInformation"
    RENEWAL = "renewal"
    ON_BEHALF_OF = "onBehalfOf"
    KEY_ARCHIVAL = "keyArchival"
    CONDITIONS = "conditions"


class Mode(StrEnum):
    """What becomes of a request that no rule of a policy allows."""

    ENFORCE = "enforce"
    """It is refused."""
    AUDIT = "audit"
    """It goes through, and the record says what would have been refused: for trying a policy out. Only for requesters
    that a rule admits, and never with what is forbidden to everybody."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that is not as a rule wants it. Data first; the sentence is made from it."""

    rule: str
    concern: Concern
    field: str
    value: str
    wanted: str
    is_forbidden: bool = False
    """No policy can allow it, and Mode.AUDIT lets it through no more than Mode.ENFORCE."""

    def __str__(self) -> str:
        return f"{self.rule}: {self.concern}: {self.field} is {self.value!r}, wanted {self.wanted}"


class NotPermitted(GatewayError):
    """No rule of the policy allows the application."""

    def __init__(self, policy: str, violations: tuple[Violation, ...]) -> None:
        super().__init__(f"policy {policy}: " + "; ".join(map(str, violations)))
        self.policy = policy
        self.violations = violations


@dataclass(frozen=True, slots=True)
class Application:
    """What is to be judged: who asks, for what, with which words around it."""

    requester: Requester
    request: CertificateRequest
    additional_context: tuple[ContextItem, ...] = ()
    signers: tuple[TrustedCertificate, ...] = ()
    """The signers of the request, each vouched for: `approve` refuses an application in which one is not."""
    shown: TrustedCertificate | UntrustedCertificate | None = None
    """The requester's client certificate, where it could take the place of a signer: nobody has signed the request."""

    @property
    def template_references(self) -> tuple[TemplateReference, ...]:
        """Every naming of a template, wherever it stands."""
        return self.request.template_references + tuple(
            TemplateReference(TemplateCarrier.ADDITIONAL_CONTEXT, pair.value)
            for pair in self._context_pairs()
            if pair.normalised == CERTIFICATE_TEMPLATE
        )

    @property
    def request_attributes(self) -> tuple[EnrollmentNameValuePair, ...]:
        """Every name/value attribute but the template's, wherever it stands."""
        return self.request.name_value_pairs + tuple(
            pair for pair in self._context_pairs() if pair.normalised != CERTIFICATE_TEMPLATE
        )

    def _context_pairs(self) -> Iterable[EnrollmentNameValuePair]:
        return (EnrollmentNameValuePair(item.name, item.value) for item in self.additional_context)


class Condition(Protocol):
    """One section of a rule."""

    def violations(self, rule: str, application: Application) -> tuple[Violation, ...]:
        """Everything in the application that this condition does not allow; empty means met."""
        ...


class RequesterCondition(Condition, Protocol):
    """The condition that can also be asked without a request: may this requester use the template at all?"""

    def admits(self, requester: Requester) -> bool: ...


class TemplateCondition(Protocol):
    """A section of a rule that compares with the template of the policy."""

    def violations(self, rule: str, application: Application, template: "Template") -> tuple[Violation, ...]:
        """As of any other condition."""
        ...


@dataclass(frozen=True, slots=True)
class Rule:
    """A named way to be allowed: all its conditions must be met."""

    name: str
    requesters: RequesterCondition
    conditions: tuple[Condition, ...]
    maximum_validity: timedelta | None = None
    """How long a certificate may be valid; None where the rule does not say."""
    limits: Limits = NOTHING
    """What may stand in the certificate."""
    attributes: AbstractSet[str] = frozenset()
    """The name/value attributes that a condition allows, if their values are right: names as the CA compares them."""
    template_conditions: tuple[TemplateCondition, ...] = ()
    renewals_only: bool = False
    """Whether it allows nothing but renewals."""

    def violations(self, application: Application, template: "Template") -> tuple[Violation, ...]:
        """Every violation of every condition, not the first, in a policy for this template."""
        found = [condition.violations(self.name, application) for condition in (self.requesters, *self.conditions)]
        found += [each.violations(self.name, application, template) for each in self.template_conditions]
        return tuple(chain.from_iterable(found))


@dataclass(frozen=True, slots=True)
class Template:
    """A certificate template as the policy file names it."""

    name: str
    """The cn of the template object; compared without regard to case, as the CA does."""
    oid: str | None = None
    enrollee_supplies_subject: bool = True
    """Whether the CA takes the names from the request (an offline template), not from the account that reaches it."""
    known_oids: frozenset[str] = frozenset()
    """What the template catalogue has for the name: several, if a forest has made the template anew, or if there are
    two forests. Of no account where the policy file has an oid."""

    @property
    def oids(self) -> frozenset[str]:
        """All that the template is known by here."""
        return self.known_oids if self.oid is None else frozenset({self.oid})


@dataclass(frozen=True, slots=True)
class Policy:
    """What one policy file says about one template."""

    name: str
    template: Template
    rules: tuple[Rule, ...]
    digest: str
    """SHA-256 of the file's text, in hex: the audit record names it."""
    mode: Mode = Mode.ENFORCE
    issued: "IssuedRule | None" = None
    """What the CA may add by itself; None where the file does not say."""
    collectors: RequesterCondition | None = None
    """Who may ask after requests that others have submitted; None for nobody."""


@dataclass(frozen=True, slots=True)
class OpenTemplate:
    """A template that a requester could enroll."""

    name: str
    oid: str | None
    """None where its policy is for whatever has the name."""
    renewals_only: bool
    """Whether no rule allows the requester anything but renewals."""


@dataclass(frozen=True, slots=True)
class Policies:
    """The policies in force: a snapshot that a reload swaps whole. Look-ups do not grow with their number."""

    policies: tuple[Policy, ...]
    known_names: Mapping[str, str] = field(default_factory=dict)
    """Common names of templates by object identifier, as the template catalogue has them."""
    _by_name: dict[str, Policy] = field(init=False, repr=False)
    _by_oid: dict[str, Policy] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_name", {p.template.name.casefold(): p for p in self.policies})
        object.__setattr__(self, "_by_oid", {oid: p for p in self.policies for oid in p.template.oids})

    def knowing(self, names: Mapping[str, str]) -> "Policies":
        """The same policies, of which those without an oid have the object identifiers of their names in the catalogue.

        A policy with an oid is for that template alone, whatever else has its name; and what one policy has written is
        no other one's.
        """
        written = {policy.template.oid for policy in self.policies}
        oids: dict[str, set[str]] = {}
        for oid, name in names.items():
            if oid not in written:
                oids.setdefault(name.casefold(), set()).add(oid)
        return Policies(tuple(_knowing(policy, oids) for policy in self.policies), names)

    def described(self, reference: TemplateReference) -> str:
        """For messages: how the template is referred to and where, with its name if the catalogue knows it."""
        known = self.known_name(reference)
        name = reference.name or reference.oid
        return f"{known}, {name} ({reference.carrier})" if known else f"{name} ({reference.carrier})"

    def known_name(self, reference: TemplateReference) -> str | None:
        """What the catalogue calls a template that is referred to by its object identifier; None if it does not."""
        return self.known_names.get(reference.oid) if reference.oid is not None else None

    def find(self, reference: TemplateReference) -> Policy | None:
        """The policy of the template that is referred to, by whichever way it is named."""
        if reference.oid is not None:
            return self._by_oid.get(reference.oid)
        return self._by_name.get(reference.name.casefold()) if reference.name else None

    def lets_collect(self, requester: Requester, template: str) -> bool:
        """Whether the policy for the template of this name lets the requester ask after others' pending requests."""
        policy = self._by_name.get(template.casefold())
        return policy is not None and policy.collectors is not None and policy.collectors.admits(requester)

    def admitting(self, requester: Requester) -> tuple[Policy, ...]:
        """The policies with a rule that this requester could be allowed by."""
        admits = _admission_of(requester)
        return tuple(policy for policy in self.policies if any(map(admits, policy.rules)))

    def open_to(self, requester: Requester) -> tuple[OpenTemplate, ...]:
        """The templates of these policies, in their order."""
        admits = _admission_of(requester)
        return tuple(
            OpenTemplate(policy.template.name, policy.template.oid, _is_for_renewals_only(policy, admits))
            for policy in self.policies
            if any(map(admits, policy.rules))
        )


def _admission_of(requester: Requester) -> Callable[[Rule], bool]:
    """Whether a rule admits the requester. Rules that share a condition (`gateway.policy.load`) ask it once."""
    known: dict[int, bool] = {}

    def admits(rule: Rule) -> bool:
        condition = rule.requesters
        admission = known.get(id(condition))
        if admission is None:
            admission = known[id(condition)] = condition.admits(requester)
        return admission

    return admits


def _is_for_renewals_only(policy: Policy, admits: Callable[[Rule], bool]) -> bool:
    """A policy on trial lets new requests through as well."""
    return policy.mode is not Mode.AUDIT and all(rule.renewals_only or not admits(rule) for rule in policy.rules)


def _knowing(policy: Policy, oids: Mapping[str, AbstractSet[str]]) -> Policy:
    known = frozenset(oids.get(policy.template.name.casefold(), ()))
    return replace(policy, template=replace(policy.template, known_oids=known))


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one rule judged: allowed iff there are no violations."""

    rule: Rule
    violations: tuple[Violation, ...]


_OF_ATTRIBUTES = frozenset({Concern.ATTRIBUTES, Concern.VALIDITY})


@dataclass(frozen=True, slots=True)
class Approval:
    """An application that a policy allows. Only `decide` makes one; only an Approval reaches the CA."""

    application: Application
    policy: Policy
    rule: Rule
    violations: tuple[Violation, ...] = ()
    """What would have been refused, were the policy enforced."""

    @property
    def additional_context(self) -> tuple[ContextItem, ...]:
        """The words around the request that go to the CA: none that the client did not say, and none that was not
        judged and allowed, under the names as the CA compares them.

        The template's name is the policy's spelling, and is not added where the client named the template in the signed
        request only: the CA would still read it there.
        """
        return tuple(dict.fromkeys(self._context_items()))

    def _context_items(self) -> Iterator[ContextItem]:
        references = self.application.template_references
        if any(reference.carrier is TemplateCarrier.ADDITIONAL_CONTEXT for reference in references):
            yield ContextItem("CertificateTemplate", self.policy.template.name)
        if any(violation.concern in _OF_ATTRIBUTES for violation in self.violations):
            return  # a policy on trial lets the request go through, not the words that it would refuse
        for item in self.application.additional_context:
            name = EnrollmentNameValuePair(item.name, item.value).normalised
            if name in self.rule.attributes:
                yield ContextItem(name, item.value)


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of an application, and on which grounds: either an approval or an error."""

    policy: Policy | None
    """The one that judged; None if none could be found."""
    verdicts: tuple[Verdict, ...]
    approval: Approval | None
    error: GatewayError | None


def select(policies: Policies, application: Application) -> Policy:
    """The one policy that every naming of a template leads to.

    A CA reads all of these places ([MS-WCCE] 3.2.2.6.2.1.4.1); if the gateway judged by one and the CA issued by
    another, the policy would be bypassed. Raises TemplateMissing, TemplateConflict or Unmatched.
    """
    references = application.template_references
    if not references:
        raise TemplateMissing("no place of the request names a certificate template")
    found = [(reference, policies.find(reference)) for reference in references]
    names = ", ".join(map(policies.described, references))
    if len({policy.template if policy else _spelling(reference, policies) for reference, policy in found}) > 1:
        raise TemplateConflict(f"the request names different templates, or one of them is unknown here: {names}")
    policy = found[0][1]
    if policy is None:
        raise Unmatched(f"no policy for the template that is asked for: {names}")
    return policy


def _spelling(reference: TemplateReference, policies: Policies) -> tuple[str | None, str | None]:
    """A template without a policy is only the same as itself, and as its name in the catalogue."""
    name = reference.name or policies.known_name(reference)
    return (None, name.casefold()) if name else (reference.oid, None)


def judge(policy: Policy, application: Application) -> tuple[Verdict, ...]:
    """Every rule's verdict, in the order of the file."""
    return tuple(Verdict(rule, rule.violations(application, policy.template)) for rule in policy.rules)


def decide(policies: Policies, application: Application) -> Decision:
    """The decision with its grounds. Allowed by the first rule that the application meets in full; never raises.

    The error has all violations of all rules that are for this requester (of all rules, if none is: what others may do
    would only hide the reason).
    """
    try:
        _require_vouched_for(application)
        policy = select(policies, application)
    except (SignerRefused, TemplateMissing, TemplateConflict, Unmatched) as error:
        return Decision(None, (), None, error)
    verdicts = judge(policy, application)
    for verdict in verdicts:
        if not verdict.violations:
            return Decision(policy, verdicts, Approval(application, policy, verdict.rule), None)
    of_requester = [verdict for verdict in verdicts if verdict.rule.requesters.admits(application.requester)]
    if policy.mode is Mode.AUDIT:
        for verdict in sorted(of_requester, key=lambda verdict: len(verdict.violations)):
            if not any(violation.is_forbidden for violation in verdict.violations):
                approval = Approval(application, policy, verdict.rule, verdict.violations)
                return Decision(policy, verdicts, approval, None)
    violations = tuple(violation for verdict in of_requester or verdicts for violation in verdict.violations)
    return Decision(policy, verdicts, None, NotPermitted(policy.name, violations))


def _require_vouched_for(application: Application) -> None:
    vouched_for = {signer.certificate.der for signer in application.signers}
    for certificate in application.request.signers:
        if certificate.der not in vouched_for:
            raise SignerUntrusted(f"nobody has vouched for the certificate {certificate.sha256_fingerprint}")


def approve(policies: Policies, application: Application) -> Approval:
    """The approval of an application that is allowed.

    Raises SignerUntrusted, TemplateMissing, TemplateConflict, Unmatched, or NotPermitted.
    """
    decision = decide(policies, application)
    if decision.approval is None:
        assert decision.error is not None, "a decision is one or the other"
        raise decision.error
    return decision.approval
