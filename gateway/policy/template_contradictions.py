"""Where a policy and the certificate template that it is for contradict each other, as the catalogue knows it."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import timedelta

from gateway.policy.catalogue import Catalogue, CatalogueTemplate
from gateway.policy.conditions import ExtendedKeyUsageCondition
from gateway.policy.decision import Policy, Rule
from gateway.policy.key_archival import KeyArchivalCondition
from gateway.policy.key_condition import KeyCondition, KeyRule
from gateway.policy.on_behalf_of import OnBehalfOfCondition
from gateway.policy.renewal import RenewalCondition
from gateway.policy.template_flags import EnrollmentFlags, PrivateKeyFlags
from gateway.policy.vocabulary import EXTENDED_KEY_USAGES

KeyPath = tuple[str | int, ...]

_CURVE_SIZES = {
    "secp256r1": 256,
    "secp384r1": 384,
    "secp521r1": 521,
    "brainpoolP256r1": 256,
    "brainpoolP384r1": 384,
    "brainpoolP512r1": 512,
}
"""Bits: what the CA compares with the template's minimal key size."""
_USAGE_WORDS = {oid: word for word, oid in EXTENDED_KEY_USAGES.items()}


@dataclass(frozen=True, slots=True)
class TemplateContradiction:
    """One of them."""

    path: KeyPath
    """The keys of the policy file that it is about."""
    is_mistake: bool
    """Nothing could be enrolled by the policy, or it judges what it should not. Else it may be meant so."""
    text: str
    """What is wrong, and what to do."""


def contradictions(policy: Policy, catalogue: Catalogue, cas: AbstractSet[str]) -> tuple[TemplateContradiction, ...]:
    """All of them. `cas`: the common names of the CAs that the gateway publishes; empty if they are not to be compared.

    With a catalogue that has learned nothing yet there are none.
    """
    if not catalogue.templates:
        return ()
    named = catalogue.named(policy.template.name)
    if policy.template.oid is not None:
        template = catalogue.of_oid(policy.template.oid)
        if template not in named:
            return (_of_oid(policy, template, named),)
        assert template is not None, "it is among those of the name"
        return tuple(_of_template(policy, template, cas))
    if not named:
        return (_unknown(policy),)
    return tuple(dict.fromkeys(found for template in named for found in _of_template(policy, template, cas)))


def _unknown(policy: Policy) -> TemplateContradiction:
    text = (
        f"the catalogue knows no template {policy.template.name}: correct the name (its cn, not its display name), or"
        " have a CA issue it; CEP does not show what the asking account may not read"
    )
    return TemplateContradiction(("template", "name"), is_mistake=False, text=text)


def _of_oid(
    policy: Policy, other: CatalogueTemplate | None, named: tuple[CatalogueTemplate, ...]
) -> TemplateContradiction:
    """The oid of the policy is not that of a template of its name."""
    path: KeyPath = ("template", "oid")
    right = " or ".join(template.oid for template in named)
    if other is not None:
        advice = f"write {right}" if named else "correct the name or the oid"
        text = f"is that of the template {other.common_name}, which this policy would judge: {advice}"
        return TemplateContradiction(path, is_mistake=True, text=text)
    if not named:
        return _unknown(policy)
    text = f"is not that of {policy.template.name}, which requests would name in vain: write {right}, or leave it out"
    return TemplateContradiction(path, is_mistake=True, text=text)


def _of_template(policy: Policy, template: CatalogueTemplate, cas: AbstractSet[str]) -> Iterator[TemplateContradiction]:
    yield from _of_subject(policy, template)
    yield from _of_keys(policy, template)
    yield from _of_usages(policy, template)
    yield from _of_validity(policy, template)
    yield from _of_signers(policy, template)
    yield from _of_archival(policy, template)
    name = template.common_name
    if template.policy_schema == 1 and template.enrollee_supplies_subject:
        yield _note(
            f"{name} is of version 1 and takes the subject from the request: application policies of a request take the"
            " place of the template's usages (ESC15, CVE-2024-49019), and only `extendedKeyUsage` here bounds them."
            " Publish a duplicate of version 2 or later instead"
        )
    if EnrollmentFlags.NO_SECURITY_EXTENSION in (template.enrollment_flags or EnrollmentFlags(0)):
        yield _note(
            f"{name} has CT_FLAG_NO_SECURITY_EXTENSION: its certificates lack the SID of the account, and are mapped by"
            " names alone (ESC9). Remove the flag from msPKI-Enrollment-Flag"
        )
    if cas and template.cas is not None and cas.isdisjoint(template.cas):
        issuers = ", ".join(template.cas) or "no CA"
        yield TemplateContradiction(
            ("template", "name"),
            is_mistake=True,
            text=f"is issued by {issuers}, and no CES service is for such a `ca`: have another CA issue it, or add the"
            " service",
        )


def _note(text: str) -> TemplateContradiction:
    return TemplateContradiction(("template",), is_mistake=False, text=text)


def _of_subject(policy: Policy, template: CatalogueTemplate) -> Iterator[TemplateContradiction]:
    said, real = policy.template.enrollee_supplies_subject, template.enrollee_supplies_subject
    if real is None or said is real:
        return
    where, wanted = ("the request", "true") if real else ("the directory", "false")
    yield TemplateContradiction(
        ("template", "enrolleeSuppliesSubject"),
        is_mistake=True,
        text=f"{template.common_name} takes the subject from {where}: write enrolleeSuppliesSubject: {wanted}",
    )


# --- keys -----------------------------------------------------------------------------------------------------------


def _of_keys(policy: Policy, template: CatalogueTemplate) -> Iterator[TemplateContradiction]:
    least = template.minimal_key_length
    if least is None:
        return
    shortest = f"the template's minimal key length is {least} bits"
    in_vain = [rule for rule in policy.rules if not any(_reaches(kind, least) for kind in _kinds(rule))]
    for n, rule in enumerate(policy.rules):
        path: KeyPath = ("rules", n, "key")
        if rule in in_vain:
            yield TemplateContradiction(
                path,
                is_mistake=len(in_vain) == len(policy.rules),
                text=f"{shortest}, and this rule allows shorter keys only: the CA refuses them. Allow longer ones",
            )
        elif not any(_takes(kind, least) for kind in _kinds(rule)):
            yield TemplateContradiction(
                path,
                is_mistake=False,
                text=f"{shortest}, and this rule does not allow a key of that length: clients that build keys by the"
                " template are refused. Raise the template's, or allow it here",
            )


def _kinds(rule: Rule) -> tuple[KeyRule, ...]:
    return tuple(
        kind for condition in rule.conditions if isinstance(condition, KeyCondition) for kind in condition.allowed
    )


def _reaches(kind: KeyRule, least: int) -> bool:
    """Whether some key of this kind is long enough."""
    if kind.curves is not None:
        return any(_CURVE_SIZES.get(curve, least) >= least for curve in kind.curves)
    return kind.maximum_key_length is None or kind.maximum_key_length >= least


def _takes(kind: KeyRule, least: int) -> bool:
    """Whether a key of just that length is allowed. Of a kind without lengths, nothing is known."""
    if kind.curves is not None:
        return any(_CURVE_SIZES.get(curve, least) == least for curve in kind.curves)
    return kind.minimum_key_length <= least and _reaches(kind, least)


# --- usages ---------------------------------------------------------------------------------------------------------


def _of_usages(policy: Policy, template: CatalogueTemplate) -> Iterator[TemplateContradiction]:
    """What the CA puts into each certificate must be allowed: it is judged too."""
    usages = dict.fromkeys((*(template.extended_key_usage or ()), *(template.application_policies or ())))
    lacking = [[oid for oid in usages if oid not in _usages(rule)] for rule in policy.rules]
    for n, oids in enumerate(lacking):
        if oids:
            words = ", ".join(_USAGE_WORDS.get(oid, oid) for oid in oids)
            yield TemplateContradiction(
                ("rules", n, "extendedKeyUsage"),
                is_mistake=all(lacking),
                text=f"certificates of {template.common_name} have {words}, which this rule does not allow: they would"
                " be withheld. Allow it, or take it out of the template",
            )


def _usages(rule: Rule) -> frozenset[str]:
    return frozenset(
        oid
        for condition in rule.conditions
        if isinstance(condition, ExtendedKeyUsageCondition)
        for oid in condition.allowed
    )


# --- validity, signers, archival ------------------------------------------------------------------------------------


def _of_validity(policy: Policy, template: CatalogueTemplate) -> Iterator[TemplateContradiction]:
    longest = template.validity_period
    for n, rule in enumerate(policy.rules):
        if longest is not None and rule.maximum_validity is not None and rule.maximum_validity > longest:
            yield TemplateContradiction(
                ("rules", n, "validity"),
                is_mistake=False,
                text=f"certificates of {template.common_name} are valid for {longest / timedelta(days=1):g} days: more"
                " cannot be had. Lower it, or raise the template's",
            )


def _of_signers(policy: Policy, template: CatalogueTemplate) -> Iterator[TemplateContradiction]:
    """Signatures of registration authorities ([MS-CRTD] 2.18): those of an agent, or of an old certificate."""
    if template.ra_signatures and not any(map(admits_signers, policy.rules)):
        yield _note(
            f"{template.common_name} wants {template.ra_signatures} signatures besides the requester's own, and no rule"
            " has onBehalfOf or renewal: the CA refuses what is allowed here. Add such a rule, or set"
            " msPKI-RA-Signature to 0"
        )


def admits_signers(rule: Rule) -> bool:
    """Whether it allows requests that others than the new key have signed."""
    return any(
        condition.terms is not None
        for condition in (*rule.conditions, *rule.template_conditions)
        if isinstance(condition, RenewalCondition | OnBehalfOfCondition)
    )


def _of_archival(policy: Policy, template: CatalogueTemplate) -> Iterator[TemplateContradiction]:
    flags = template.private_key_flags
    if flags is None:
        return
    archiving = [n for n, rule in enumerate(policy.rules) if _archives(rule)]
    if PrivateKeyFlags.REQUIRE_PRIVATE_KEY_ARCHIVAL not in flags:
        for n in archiving:
            yield TemplateContradiction(
                ("rules", n, "keyArchival"),
                is_mistake=False,
                text=f"{template.common_name} archives no private keys: leave it out, or set"
                " CT_FLAG_REQUIRE_PRIVATE_KEY_ARCHIVAL in msPKI-Private-Key-Flag",
            )
    elif not archiving:
        yield TemplateContradiction(
            ("template",),
            is_mistake=True,
            text=f"{template.common_name} has CT_FLAG_REQUIRE_PRIVATE_KEY_ARCHIVAL, and no rule has keyArchival:"
            " nothing can be enrolled. Add keyArchival, or remove the flag from msPKI-Private-Key-Flag",
        )


def _archives(rule: Rule) -> bool:
    return any(
        condition.archival is not None for condition in rule.conditions if isinstance(condition, KeyArchivalCondition)
    )
