"""The decision itself, with hand-written conditions: what conditions say is tested beside them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import pytest

from gateway.errors import SignerUntrusted, TemplateConflict, TemplateMissing, Unmatched
from gateway.pki.authorities import TrustedCertificate
from gateway.pki.certificate import Certificate
from gateway.pki.certificate_request import EnrollmentNameValuePair, TemplateCarrier, TemplateReference
from gateway.policy.decision import (
    Application,
    Approval,
    Concern,
    Mode,
    NotPermitted,
    OpenTemplate,
    Policies,
    Policy,
    Rule,
    Template,
    Violation,
    approve,
    decide,
    judge,
    select,
)
from gateway.requester import Requester
from tests.builders import a_certificate, a_request, a_requester, a_template_reference, an_application

OID = "1.3.6.1.4.1.311.21.8.1.2.3"


@dataclass(frozen=True)
class Objecting:
    """A condition with these objections, whatever it is asked."""

    objections: tuple[str, ...] = ()

    def violations(self, rule: str, application: Application) -> tuple[Violation, ...]:
        return tuple(an_objection(rule, objection) for objection in self.objections)


class ObjectingToTemplates:
    """To each, by its name."""

    def violations(self, rule: str, application: Application, template: Template) -> tuple[Violation, ...]:
        return (an_objection(rule, template.name),)


@dataclass(frozen=True)
class Admitting(Objecting):
    """Admits one account, and objects to every other one."""

    account: str = "partner-a"

    def admits(self, requester: Requester) -> bool:
        return requester.account == self.account

    def violations(self, rule: str, application: Application) -> tuple[Violation, ...]:
        return () if self.admits(application.requester) else (an_objection(rule, "somebody else"),)


@dataclass(frozen=True)
class Forbidding:
    """A condition with these violations."""

    objections: tuple[Violation, ...]

    def violations(self, rule: str, application: Application) -> tuple[Violation, ...]:
        return self.objections


def an_objection(rule: str, objection: str) -> Violation:
    return Violation(rule, Concern.KEY, "field", objection, "something else")


def a_rule(name: str, *objections: str, account: str = "partner-a") -> Rule:
    return Rule(name, Admitting(account=account), (Objecting(), Objecting(objections)))


def a_policy(*rules: Rule, name: str = "PartnerWebServer", oid: str | None = None) -> Policy:
    return Policy(name, Template(name, oid), rules, "a digest")


def policies(*each: Policy) -> Policies:
    return Policies(each)


# --- selection ------------------------------------------------------------------------------------------------------

WEB_SERVER = a_policy(a_rule("web"), oid=OID)
USER = a_policy(a_rule("user"), name="PartnerUser", oid=f"{OID}.4")
NAMELESS = a_policy(a_rule("old"), name="Old")
KNOWN = policies(WEB_SERVER, USER, NAMELESS)


def naming(*references: TemplateReference, context: dict[str, str] | None = None) -> Application:
    request = a_request(template=None)
    object.__setattr__(request, "template_references", references)
    return an_application(request, context=context)


@pytest.mark.parametrize(
    "application",
    [
        naming(a_template_reference("PartnerWebServer")),
        naming(a_template_reference("pARTNERwEBsERVER")),
        naming(a_template_reference(oid=OID)),
        naming(a_template_reference("PartnerWebServer"), a_template_reference(oid=OID)),
        naming(context={"CertificateTemplate": "partnerwebserver"}),
        naming(context={"certificate-template": "PartnerWebServer", "Certificate Template": "PARTNERWEBSERVER"}),
        naming(a_template_reference(oid=OID), context={"CertificateTemplate": "PartnerWebServer"}),
    ],
)
def test_every_way_to_name_a_template_leads_to_its_policy(application: Application) -> None:
    assert select(KNOWN, application) is WEB_SERVER


def test_a_request_that_names_no_template_is_refused() -> None:
    with pytest.raises(TemplateMissing):
        select(KNOWN, naming(context={"ccm": "web01"}))


@pytest.mark.parametrize(
    "application",
    [
        naming(a_template_reference("CorpSecret")),
        naming(a_template_reference("")),
        naming(a_template_reference(oid="1.2.3")),
        naming(a_template_reference("PartnerWebServer\x00")),
        naming(a_template_reference(" PartnerWebServer")),
        naming(a_template_reference("CorpSecret"), a_template_reference("CORPSECRET")),
        naming(context={"CertificateTemplate": "SubCA"}),
    ],
)
def test_a_template_without_a_policy_is_unmatched(application: Application) -> None:
    with pytest.raises(Unmatched):
        select(KNOWN, application)


@pytest.mark.parametrize(
    "application",
    [
        pytest.param(
            naming(a_template_reference("PartnerWebServer"), a_template_reference("PartnerUser")), id="two names"
        ),
        pytest.param(naming(a_template_reference("PartnerUser"), a_template_reference(oid=OID)), id="name and OID"),
        pytest.param(
            naming(a_template_reference("PartnerWebServer"), a_template_reference("SubCA")), id="unknown name"
        ),
        pytest.param(
            naming(a_template_reference("SubCA"), a_template_reference("PartnerWebServer")), id="unknown first"
        ),
        pytest.param(
            naming(a_template_reference("PartnerWebServer"), a_template_reference(oid="1.2.3")), id="unknown OID"
        ),
        pytest.param(naming(a_template_reference("Old"), a_template_reference(oid=OID)), id="a policy without OID"),
        pytest.param(naming(a_template_reference("A"), a_template_reference("B")), id="two unknown names"),
        pytest.param(
            naming(a_template_reference(oid="1.2.3"), a_template_reference(oid="1.2.4")), id="two unknown OIDs"
        ),
        pytest.param(
            naming(a_template_reference("PartnerWebServer"), context={"CertificateTemplate": "SubCA"}), id="context"
        ),
        pytest.param(
            naming(a_template_reference("PartnerWebServer"), context={"certificate-template": "SubCA"}),
            id="context, oddly spelled",
        ),
    ],
)
def test_places_that_name_different_templates_are_a_conflict(application: Application) -> None:
    with pytest.raises(TemplateConflict):
        select(KNOWN, application)


def test_the_operator_reads_what_was_named_where() -> None:
    application = naming(a_template_reference("PartnerWebServer"), context={"CertificateTemplate": "SubCA"})

    with pytest.raises(
        TemplateConflict,
        match=r"PartnerWebServer \(extension 1\.3\.6\.1\.4\.1\.311\.20\.2\), SubCA \(AdditionalContext\)",
    ):
        select(KNOWN, application)


def test_a_policy_without_an_object_identifier_is_not_found_by_one() -> None:
    with pytest.raises(Unmatched):
        select(policies(NAMELESS), naming(a_template_reference(oid=OID)))


# --- an application -------------------------------------------------------------------------------------------------


def test_names_of_templates_are_collected_from_request_and_context() -> None:
    application = an_application(
        a_request(template="A", template_oid=OID), context={"C-ertificate template": "B", "ccm": "web01"}
    )

    assert [(r.carrier, r.name or r.oid) for r in application.template_references] == [
        (TemplateCarrier.EXTENSION_CERTIFICATE_TEMPLATE_NAME, "A"),
        (TemplateCarrier.EXTENSION_CERTIFICATE_TEMPLATE_OID, OID),
        (TemplateCarrier.ADDITIONAL_CONTEXT, "B"),
    ]


def test_attributes_are_collected_from_request_and_context() -> None:
    application = an_application(
        a_request(name_value_pairs={"SAN": "x"}), context={"CERTIFICATETEMPLATE": "B", "ccm": "web01"}
    )

    assert application.request_attributes == (
        EnrollmentNameValuePair("SAN", "x"),
        EnrollmentNameValuePair("ccm", "web01"),
    )


# --- verdicts -------------------------------------------------------------------------------------------------------


def test_a_rule_reports_what_all_its_conditions_object_to() -> None:
    conditions = (Objecting(("x", "y")), Objecting(), Objecting(("z",)))
    rule = Rule("a rule", Admitting(account="partner-b"), conditions, template_conditions=(ObjectingToTemplates(),))

    assert rule.violations(an_application(), Template("User")) == tuple(
        an_objection("a rule", objection) for objection in ("somebody else", "x", "y", "z", "User")
    )


def test_every_rule_is_judged_in_the_order_of_the_file() -> None:
    rules = (a_rule("first", "x"), a_rule("second"), a_rule("third", "y", "z"))

    verdicts = judge(a_policy(*rules), an_application())

    assert [(verdict.rule, len(verdict.violations)) for verdict in verdicts] == [
        (rules[0], 1),
        (rules[1], 0),
        (rules[2], 2),
    ]


def test_a_violation_prints_as_a_sentence_that_cannot_break_its_line() -> None:
    violation = Violation("a rule", Concern.SUBJECT, "commonName", "a\nb", "exact 'x'")

    assert str(violation) == "a rule: subject: commonName is 'a\\nb', wanted exact 'x'"


# --- approval -------------------------------------------------------------------------------------------------------


def test_an_approval_names_the_first_rule_that_is_met() -> None:
    rules = (a_rule("first", "x"), a_rule("second"), a_rule("third"))
    application = an_application()
    policy = a_policy(*rules)

    assert approve(policies(policy), application) == Approval(application, policy, rules[1])


def test_an_application_that_meets_no_rule_is_refused_with_every_violation() -> None:
    rules = (a_rule("first", "x", "y"), a_rule("second", "z"))

    with pytest.raises(NotPermitted) as refusal:
        approve(policies(a_policy(*rules)), an_application())

    assert refusal.value.policy == "PartnerWebServer"
    assert refusal.value.violations == (
        an_objection("first", "x"),
        an_objection("first", "y"),
        an_objection("second", "z"),
    )
    assert str(refusal.value) == (
        "policy PartnerWebServer: first: key: field is 'x', wanted something else; "
        "first: key: field is 'y', wanted something else; second: key: field is 'z', wanted something else"
    )


def test_rules_that_are_for_others_do_not_hide_the_reason() -> None:
    rules = (a_rule("ours", "x"), a_rule("theirs", "y", account="partner-b"))

    with pytest.raises(NotPermitted) as refusal:
        approve(policies(a_policy(*rules)), an_application())

    assert refusal.value.violations == (an_objection("ours", "x"),)


def test_a_requester_for_whom_there_is_no_rule_hears_of_all() -> None:
    rules = (a_rule("ours"), a_rule("theirs", "y", account="partner-b"))

    with pytest.raises(NotPermitted) as refusal:
        approve(policies(a_policy(*rules)), an_application(requester=a_requester("partner-c")))

    assert [(violation.rule, violation.value) for violation in refusal.value.violations] == [
        ("ours", "somebody else"),
        ("theirs", "somebody else"),
        ("theirs", "y"),
    ]


def test_a_policy_without_rules_allows_nothing() -> None:
    with pytest.raises(NotPermitted) as refusal:
        approve(policies(a_policy()), an_application())

    assert refusal.value.violations == ()


def test_a_rule_of_another_template_allows_nothing() -> None:
    generous = a_policy(a_rule("generous"), name="PartnerUser")
    strict = a_policy(a_rule("strict", "x"))

    with pytest.raises(NotPermitted):
        approve(policies(generous, strict), an_application())


def test_violations_and_modes_are_called_as_the_documentation_has_them() -> None:
    sections = "requesters key subject subjectAlternativeName extensions attributes validity clientInformation renewal"

    assert set(Concern) == {*sections.split(), "onBehalfOf", "keyArchival", "conditions"}
    assert set(Mode) == {"enforce", "audit"}


# --- audit mode -----------------------------------------------------------------------------------------------------


def on_trial(*rules: Rule) -> Policies:
    return policies(replace(a_policy(*rules), mode=Mode.AUDIT))


def test_a_policy_on_trial_lets_through_what_it_would_refuse_and_says_so() -> None:
    rules = (a_rule("first", "x", "y"), a_rule("second", "z"))

    approval = approve(on_trial(*rules), an_application())

    assert (approval.rule, approval.violations) == (rules[1], (an_objection("second", "z"),))


def test_a_policy_on_trial_approves_what_a_rule_allows_without_a_word() -> None:
    approval = approve(on_trial(a_rule("first", "x"), a_rule("second")), an_application())

    assert (approval.rule.name, approval.violations) == ("second", ())


def test_a_policy_on_trial_lets_nobody_through_whom_no_rule_admits() -> None:
    with pytest.raises(NotPermitted):
        approve(on_trial(a_rule("theirs", "x", account="partner-b")), an_application())


def test_what_is_forbidden_to_everybody_is_so_on_trial_too() -> None:
    forbidden = replace(an_objection("strict", "x"), is_forbidden=True)
    strict = Rule("strict", Admitting(), (Forbidding((forbidden,)),))

    with pytest.raises(NotPermitted) as refusal:
        approve(on_trial(strict), an_application())
    approval = approve(on_trial(strict, a_rule("lax", "y", "z")), an_application())

    assert refusal.value.violations == (forbidden,)
    assert approval.rule.name == "lax"


# --- those who signed -----------------------------------------------------------------------------------------------


def signed(*signers: Certificate, vouched_for: tuple[Certificate, ...]) -> Application:
    application = an_application(replace(a_request(), signers=signers))
    return replace(application, signers=tuple(TrustedCertificate(one, "a CA") for one in vouched_for))


def test_a_signer_for_whom_nobody_has_vouched_is_refused_before_any_rule_is_asked() -> None:
    ours, theirs = a_certificate(der=b"ours"), a_certificate(der=b"theirs")

    decision = decide(policies(a_policy(a_rule("generous"))), signed(ours, theirs, vouched_for=(ours,)))

    assert isinstance(decision.error, SignerUntrusted)
    assert (decision.policy, decision.verdicts, decision.approval) == (None, (), None)


def test_signers_that_are_all_vouched_for_are_the_rules_matter() -> None:
    ours = a_certificate(der=b"ours")

    decision = decide(policies(a_policy(a_rule("generous"))), signed(ours, vouched_for=(ours,)))

    assert decision.approval is not None
    assert decision.error is None


# --- admission ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("account", "admitting"),
    [("partner-a", ["One", "Both"]), ("partner-b", ["Both", "Two"]), ("partner-c", [])],
)
def test_the_policies_for_a_requester_are_those_with_a_rule_for_it(account: str, admitting: Iterable[str]) -> None:
    known = policies(
        a_policy(a_rule("a", "an objection"), name="One"),
        a_policy(a_rule("a"), a_rule("b", account="partner-b"), name="Both"),
        a_policy(a_rule("b", account="partner-b"), name="Two"),
        a_policy(name="None"),
    )

    assert [policy.name for policy in known.admitting(a_requester(account))] == admitting
    assert [opened.name for opened in known.open_to(a_requester(account))] == admitting


def test_what_is_open_is_told_with_the_object_identifier_of_its_policy() -> None:
    known = policies(a_policy(a_rule("a"), name="One"))

    (opened,) = known.open_to(a_requester())

    (policy,) = known.policies
    assert opened == OpenTemplate(policy.template.name, policy.template.oid, renewals_only=False)


@pytest.mark.parametrize(
    ("rules", "mode", "renewals_only"),
    [
        ([("partner-a", True)], Mode.ENFORCE, True),
        ([("partner-a", True), ("partner-b", False)], Mode.ENFORCE, True),
        ([("partner-a", True), ("partner-a", False)], Mode.ENFORCE, False),
        ([("partner-a", False)], Mode.ENFORCE, False),
        ([("partner-a", True)], Mode.AUDIT, False),
    ],
)
def test_renewals_only_is_what_every_rule_for_this_requester_says_and_a_trial_is_none(
    rules: list[tuple[str, bool]], mode: Mode, *, renewals_only: bool
) -> None:
    written = [replace(a_rule(f"r{n}", account=account), renewals_only=only) for n, (account, only) in enumerate(rules)]
    known = policies(replace(a_policy(*written), mode=mode))

    assert [opened.renewals_only for opened in known.open_to(a_requester())] == [renewals_only]


@pytest.mark.parametrize(
    ("requester", "template", "may"),
    [
        ("partner-a", "Collected", True),
        ("partner-a", "cOLLECTED", True),
        ("partner-b", "Collected", False),
        ("partner-a", "Kept", False),
        ("partner-a", "Unknown", False),
    ],
)
def test_who_may_ask_after_others_requests_is_said_by_the_policy_of_their_template(
    requester: str, template: str, *, may: bool
) -> None:
    known = policies(
        replace(a_policy(a_rule("a"), name="Collected"), collectors=Admitting()), a_policy(a_rule("a"), name="Kept")
    )

    assert known.lets_collect(a_requester(requester), template) is may
