from typing import TypeVar

import pytest

from gateway.policy.load import load_policies
from gateway.policy.names import NameRule
from gateway.policy.on_behalf_of import OnBehalfOfCondition, OnBehalfOfTerms
from gateway.policy.patterns import Exact, Regex
from gateway.policy.renewal import RenewalCondition, RenewalTerms
from gateway.policy.signers import Owner
from gateway.policy.vocabulary import EXTENDED_KEY_USAGES
from gateway.strict_yaml import Mistaken
from tests.builders import a_policy_file

EMPTY = "must not be empty: leave it out, or say what is allowed"
AGENT_USAGE = "1.3.6.1.4.1.311.20.2.1"
AGENT = "agent: {extendedKeyUsage: [certificateRequestAgent]}"
NAME = "requesterName: {allow: [{exact: 'CORP\\alice'}]}"

C = TypeVar("C")


def condition_of(kind: type[C], *sections: str) -> C:
    (policy,) = load_policies([("P.yaml", a_policy_file(*sections))]).policies
    (rule,) = policy.rules
    (found,) = [each for each in (*rule.conditions, *rule.template_conditions) if isinstance(each, kind)]
    return found


def mistakes(section: str) -> list[tuple[str, str]]:
    """(path within the rule, message)."""
    with pytest.raises(Mistaken) as mistaken:
        load_policies([("P.yaml", a_policy_file(section))])
    return [(mistake.path.removeprefix("rules.0."), mistake.message) for mistake in mistaken.value.mistakes]


def test_renewals_have_owners() -> None:
    condition = condition_of(RenewalCondition, "renewal: {owner: [names, clientCertificate]}")

    assert condition.terms == RenewalTerms({Owner.NAMES, Owner.CLIENT_CERTIFICATE})


def test_a_renewal_may_be_required() -> None:
    condition = condition_of(RenewalCondition, "renewal: {required: true, owner: [securityIdentifier]}")

    assert condition.terms == RenewalTerms({Owner.SECURITY_IDENTIFIER}, required=True)


def test_a_renewal_may_do_without_the_signature() -> None:
    condition = condition_of(
        RenewalCondition, "renewal: {required: true, owner: [clientCertificate], withoutSignature: true}"
    )

    assert condition.terms == RenewalTerms({Owner.CLIENT_CERTIFICATE}, required=True, without_signature=True)


def test_a_renewal_is_judged_by_the_names_of_its_rule() -> None:
    condition = condition_of(
        RenewalCondition,
        "subject: {commonName: {allow: [{exact: a}]}}",
        "subjectAlternativeName: {registeredID: {allow: [{exact: 1.2.3}]}}",
        "renewal: {owner: [names]}",
    )

    assert condition.subject.fields == {"commonName": NameRule((Exact("a"),))}
    assert condition.subject_alternative_name.fields == {"registeredID": NameRule((Exact("1.2.3"),))}


def test_agents_are_enrollment_agents_for_named_accounts() -> None:
    condition = condition_of(OnBehalfOfCondition, f"onBehalfOf: {{{AGENT}, {NAME}}}")

    allowed = NameRule((Exact("CORP\\alice", ignore_case=True),), max_length=256)
    assert condition.terms == OnBehalfOfTerms(allowed, {AGENT_USAGE})


def test_everything_about_agents_can_be_said() -> None:
    condition = condition_of(
        OnBehalfOfCondition,
        "onBehalfOf: {agent: {extendedKeyUsage: [1.2.3], certificatePolicies: [1.2.4], issuers: [CA 1, CA 2]},"
        " requesterName: {allow: [{regex: 'CORP.*'}], deny: [{regex: adm}]}, signatures: 2}",
    )

    assert condition.terms == OnBehalfOfTerms(
        NameRule(
            (Regex("CORP.*", ignore_case=True),), (Regex("adm", ignore_case=True, anywhere=True),), max_length=256
        ),
        {"1.2.3"},
        {"1.2.4"},
        {"CA 1", "CA 2"},
        2,
    )


@pytest.mark.parametrize(
    ("section", "path", "message"),
    [
        ("renewal:", "renewal", EMPTY),
        ("renewal: {}", "renewal.owner", "missing"),
        ("renewal: {owner: []}", "renewal.owner", EMPTY),
        ("renewal: {owner: [anybody]}", "renewal.owner.0", None),
        ("renewal: {owner: [names], required: 1}", "renewal.required", "Input should be a valid boolean"),
        (
            "renewal: {owner: [clientCertificate], withoutSignature: true}",
            "renewal",
            "withoutSignature needs required: true, or else new requests pass that renew nothing",
        ),
        (
            "renewal: {required: true, owner: [names], withoutSignature: true}",
            "renewal",
            "withoutSignature needs the owner clientCertificate: it is the one that is renewed",
        ),
        ("onBehalfOf:", "onBehalfOf", EMPTY),
        (f"onBehalfOf: {{{NAME}}}", "onBehalfOf.agent", "missing"),
        (f"onBehalfOf: {{{AGENT}}}", "onBehalfOf.requesterName", "missing"),
        (f"onBehalfOf: {{agent: {{issuers: [CA]}}, {NAME}}}", "onBehalfOf.agent.extendedKeyUsage", "missing"),
        (
            f"onBehalfOf: {{agent: {{extendedKeyUsage: [2.5.29.37.0]}}, {NAME}}}",
            "onBehalfOf.agent.extendedKeyUsage.0",
            "anyExtendedKeyUsage limits nothing: name the usages",
        ),
        (
            f"onBehalfOf: {{agent: {{extendedKeyUsage: [1.3.6.1.4.1.311.10.12.1]}}, {NAME}}}",
            "onBehalfOf.agent.extendedKeyUsage.0",
            "szOID_ANY_APPLICATION_POLICY limits nothing: name the usages",
        ),
        (
            f"onBehalfOf: {{agent: {{extendedKeyUsage: [agent]}}, {NAME}}}",
            "onBehalfOf.agent.extendedKeyUsage.0",
            f"no extended key usage: write one of {', '.join(EXTENDED_KEY_USAGES)}, or dotted numbers",
        ),
        (f"onBehalfOf: {{{AGENT}, {NAME}, signatures: 0}}", "onBehalfOf.signatures", None),
        (f"onBehalfOf: {{{AGENT}, {NAME}, signatures: 11}}", "onBehalfOf.signatures", None),
        (f"onBehalfOf: {{{AGENT}, requesterName: {{allow: []}}}}", "onBehalfOf.requesterName.allow", EMPTY),
        (
            f"onBehalfOf: {{{AGENT}, requesterName: {{allow: [{{suffix: .x}}]}}}}",
            "onBehalfOf.requesterName.allow.0.suffix",
            "unknown key",
        ),
    ],
)
def test_an_unclear_section_is_a_mistake(section: str, path: str, message: str | None) -> None:
    ((at, said), *_) = mistakes(section)

    assert at == path
    assert message is None or said == message


def test_a_rule_has_one_purpose_of_signers() -> None:
    text = a_policy_file("renewal: {owner: [names]}", f"onBehalfOf: {{{AGENT}, {NAME}}}")

    with pytest.raises(Mistaken, match="make two of it"):
        load_policies([("P.yaml", text)])
