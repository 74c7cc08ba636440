import pytest

from gateway.pki import oids
from gateway.policy.attributes import MACHINE_NAMES, PKCS10AttributesCondition, RequestAttributesCondition
from gateway.policy.decision import (
    Application,
    Approval,
    Concern,
    Condition,
    Mode,
    NotPermitted,
    Policies,
    Policy,
    Rule,
    Template,
    Violation,
    approve,
)
from gateway.policy.load import load_policies
from gateway.policy.names import NameRule
from gateway.policy.patterns import Exact, Regex
from gateway.policy.vocabulary import FORBIDDEN_ATTRIBUTES
from gateway.protocol.wstep import ContextItem
from gateway.strict_yaml import Mistaken
from tests.builders import a_policy_file, a_request, a_requester, an_application


def violations(condition: Condition, application: Application, concern: Concern) -> list[tuple[str, str, str]]:
    """(field, value, wanted) of each violation."""
    found = condition.violations("a rule", application)
    assert all((violation.rule, violation.concern) == ("a rule", concern) for violation in found)
    return [(violation.field, violation.value, violation.wanted) for violation in found]


def forbidden(condition: Condition, application: Application) -> list[bool]:
    return [violation.is_forbidden for violation in condition.violations("a rule", application)]


# --- without a section ----------------------------------------------------------------------------------------------

NOTHING = RequestAttributesCondition(MACHINE_NAMES)
A_MACHINE = "regex '[A-Za-z0-9._-]{1,255}'"


@pytest.mark.parametrize("name", ["ccm", "rmd", "CCM", "c-c m"])
@pytest.mark.parametrize("value", ["dc01.pkinitlab.internal", "WEB01", "web_01"])
def test_what_a_machine_tells_about_itself_is_tolerated(name: str, value: str) -> None:
    application = an_application(a_request(name_value_pairs={name: value}), context={name: value})

    assert violations(NOTHING, application, Concern.ATTRIBUTES) == []


def test_a_machine_tells_its_name_four_times_at_most() -> None:
    spellings = ("ccm", "CCM", "c-cm", "cc-m", "c-c-m")

    four, five = (an_application(context=dict.fromkeys(spellings[:n], "web01")) for n in (4, 5))

    assert violations(NOTHING, four, Concern.ATTRIBUTES) == []
    assert violations(NOTHING, five, Concern.ATTRIBUTES) == [("ccm", "5 occurrences", "at most 4")]


@pytest.mark.parametrize("value", ["a:b", "a&b=c", "\\\\host\\share", "a/b"])
def test_a_machine_name_smuggles_nothing(value: str) -> None:
    assert violations(NOTHING, an_application(context={"ccm": value}), Concern.ATTRIBUTES) == [
        ("ccm", value, A_MACHINE)
    ]


@pytest.mark.parametrize("value", ["", "x" * 256, "a b", "ä", "a*"])
def test_a_machine_name_that_is_none_is_refused(value: str) -> None:
    assert violations(NOTHING, an_application(context={"ccm": value}), Concern.ATTRIBUTES)


@pytest.mark.parametrize(
    ("name", "normalised"),
    [
        ("CRLPartitionIndex", "crlpartitionindex"),
        ("something new", "somethingnew"),
        ("c\u017fm", "csm"),  # LATIN SMALL LETTER LONG S, which folds to an s
    ],
)
def test_every_other_name_value_pair_is_a_violation_wherever_it_stands(name: str, normalised: str) -> None:
    expected = [(normalised, "x", "absent")]

    for application in (an_application(context={name: "x"}), an_application(a_request(name_value_pairs={name: "x"}))):
        assert violations(NOTHING, application, Concern.ATTRIBUTES) == expected
        assert forbidden(NOTHING, application) == [False]


def test_the_template_is_no_attribute_to_be_judged() -> None:
    application = an_application(context={"CertificateTemplate": "PartnerWebServer"})

    assert violations(NOTHING, application, Concern.ATTRIBUTES) == []


@pytest.mark.parametrize("name", ["ValidityPeriod", "validity-period units", "ExpirationDate"])
def test_the_validity_is_judged_elsewhere(name: str) -> None:
    assert violations(NOTHING, an_application(context={name: "x"}), Concern.ATTRIBUTES) == []


# --- what no policy can allow ---------------------------------------------------------------------------------------


OF_A_SUBJECT = (
    "C Country CountryName CN CommonName DC DomainComponent DeviceSerialNumber E EMail EmailAddress G GivenName I"
    " Initials L Locality LocalityName O Org Organization OrganizationName OU OrgUnit OrganizationalUnit"
    " OrganizationalUnitName S ST State StateOrProvinceName SN SurName Street StreetAddress Subject T Title"
    " UnstructuredName UnstructuredAddress"
)
OTHERS = "SAN CertificateUsage CertType CDC CertFile RequesterName RequestId Challenge StartDate Other"


@pytest.mark.parametrize("name", f"{OF_A_SUBJECT} {OTHERS}".split())
def test_what_no_policy_can_allow_is_forbidden_by_every_rule(name: str) -> None:
    application = an_application(a_request(name_value_pairs={name: "x"}), context={name: "x"})
    generous = RequestAttributesCondition({name.lower(): NameRule((Regex(".*"),), max_occurrences=9)})

    assert forbidden(NOTHING, application) == forbidden(generous, application) == [True, True]


def test_what_no_policy_can_allow_is_all_that_is_named_here() -> None:
    assert set(FORBIDDEN_ATTRIBUTES) == {*f"{OF_A_SUBJECT} {OTHERS}".lower().split(), "certificatetemplate"}


@pytest.mark.parametrize(
    "name",
    [
        "S-A N",
        "  s a n",
        "\u017fan",
        "requester-name",
        "2.5.4.3",
        "ccm:x\nSAN",
        "ccm\u2028SAN",
        "c\ncm",
        "Validity\nPeriod",
        "c_cm",
        "",
        "-",
    ],
)
def test_what_no_policy_can_allow_is_forbidden_under_every_disguise(name: str) -> None:
    application = an_application(a_request(name_value_pairs={name: "x"}), context={name: "x"})

    assert forbidden(NOTHING, application) == [True, True]


# --- the section ----------------------------------------------------------------------------------------------------

LISTED = RequestAttributesCondition(
    {"crlpartitionindex": NameRule((Regex("[0-9]+"),), deny=(Exact("13"),), max_length=3, mandatory=True)}
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("7", []),
        ("13", ["anything but exact '13'"]),
        ("x", ["regex '[0-9]+'"]),
        ("1234", ["1 to 3 characters"]),
        ("*", ["regex '[0-9]+'"]),
    ],
)
def test_a_listed_attribute_is_judged_by_its_patterns(value: str, expected: list[str]) -> None:
    application = an_application(context={"CRL-PartitionIndex": value})

    found = violations(LISTED, application, Concern.ATTRIBUTES)

    assert found == [("crlpartitionindex", value, wanted) for wanted in expected]


@pytest.mark.parametrize("separator", ["\n", "\r", "\r\n", "\x00", "\x0b", "\x0c", "\x85", "\u2028", "\u2029", "\t"])
def test_a_value_with_a_line_break_matches_nothing_and_is_forbidden(separator: str) -> None:
    anything = RequestAttributesCondition({"ccm": NameRule((Regex("(?s).*"),))})
    application = an_application(context={"ccm": f"web01{separator}SAN:upn=administrator@corp.example"})

    assert [field for field, _, _ in violations(anything, application, Concern.ATTRIBUTES)] == ["ccm"]
    assert forbidden(anything, application) == [True]


def test_a_value_with_a_line_break_is_forbidden_under_a_name_that_is_not_allowed_too() -> None:
    application = an_application(context={"anything": "x\nSAN:upn=administrator@corp.example"})

    assert forbidden(RequestAttributesCondition({}), application) == [True]


def test_an_attribute_can_be_mandatory() -> None:
    assert violations(LISTED, an_application(), Concern.ATTRIBUTES) == [("crlpartitionindex", "", "at least one")]


def test_an_attribute_that_stands_twice_is_counted_under_both_spellings() -> None:
    application = an_application(
        a_request(name_value_pairs={"CRLPartitionIndex": "7"}), context={"crl-partition-index": "7"}
    )

    assert violations(LISTED, application, Concern.ATTRIBUTES) == [("crlpartitionindex", "2 occurrences", "at most 1")]


def conditions_of(section: str) -> RequestAttributesCondition:
    (policy,) = load_policies([("P.yaml", a_policy_file(f"requestAttributes: {section}"))]).policies
    (condition,) = (c for c in policy.rules[0].conditions if isinstance(c, RequestAttributesCondition))
    return condition


def test_the_section_adds_to_what_is_tolerated_without_it() -> None:
    condition = conditions_of("{CRLPartitionIndex: {allow: [{regex: '[0-9]+'}]}}")

    assert condition.allowed == {**MACHINE_NAMES, "crlpartitionindex": NameRule((Regex("[0-9]+"),))}


def test_the_section_can_be_narrower_than_what_is_tolerated_without_it() -> None:
    condition = conditions_of("{rmd: {allow: [{suffix: .partner.example}], mandatory: true}}")

    assert [f for f, _, _ in violations(condition, an_application(context={"rmd": "web01"}), Concern.ATTRIBUTES)] == [
        "rmd"
    ]


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("{SAN: {allow: [{regex: .*}]}}", "no policy can allow this attribute: it gives the certificate further names"),
        ("{CDC: {allow: [{regex: .*}]}}", "no policy can allow this attribute: it makes the CA contact the host"),
        ("{CertificateTemplate: {allow: [{regex: .*}]}}", "it names the template, which `template` does"),
        ("{ValidityPeriod: {allow: [{regex: .*}]}}", "write `validity`"),
        ("{s-a n: {allow: [{regex: .*}]}}", "no name of an attribute"),
        ("{'ccm:x': {allow: [{regex: .*}]}}", "no name of an attribute"),
        ("{ccm: {allow: [{regex: .*}]}, CCM: {allow: [{regex: .*}]}}", "the same name in another case"),
        ("{}", "must not be empty"),
    ],
)
def test_a_section_that_cannot_be_meant_is_a_mistake(section: str, message: str) -> None:
    with pytest.raises(Mistaken, match=message):
        conditions_of(section)


# --- what goes to the CA --------------------------------------------------------------------------------------------


def approval(*context: ContextItem, sections: tuple[str, ...] = ()) -> Approval:
    policies = load_policies([("P.yaml", a_policy_file(*sections))])
    return approve(policies, Application(a_requester(), a_request(), context))


def test_no_word_is_added_that_the_client_did_not_say() -> None:
    assert approval().additional_context == ()


@pytest.mark.parametrize(
    "name", ["CertificateTemplate", "certificatetemplate", "Certificate-Template", "Certificate Template"]
)
def test_a_template_named_in_the_context_is_named_as_the_policy_spells_it(name: str) -> None:
    assert approval(ContextItem(name, "PARTNERWEBSERVER")).additional_context == (
        ContextItem("CertificateTemplate", "PartnerWebServer"),
    )


def test_what_was_allowed_is_passed_on_once_under_the_name_that_was_judged() -> None:
    items = (ContextItem("CC-M", "web01"), ContextItem("ccm", "web01"), ContextItem("rmd", "web01.partner.example"))

    assert approval(*items).additional_context == (
        ContextItem("ccm", "web01"),
        ContextItem("rmd", "web01.partner.example"),
    )


def test_what_the_sections_allow_is_passed_on() -> None:
    sections = ("requestAttributes: {CRLPartitionIndex: {allow: [{exact: '7'}]}}", "validity: {maximumDays: 30}")
    items = (
        ContextItem("CRLPartitionIndex", "7"),
        ContextItem("ValidityPeriod", "Weeks"),
        ContextItem("ValidityPeriodUnits", "3"),
    )

    assert approval(*items, sections=sections).additional_context == (
        ContextItem("crlpartitionindex", "7"),
        ContextItem("validityperiod", "Weeks"),
        ContextItem("validityperiodunits", "3"),
    )


@pytest.mark.parametrize("name", ["SAN", "ccm:x\nSAN", "CRLPartitionIndex", "ValidityPeriod", "ExpirationDate"])
def test_what_is_not_allowed_makes_no_approval(name: str) -> None:
    with pytest.raises(NotPermitted):
        approval(ContextItem(name, "x"))


@pytest.mark.parametrize("name", ["CRLPartitionIndex", "ValidityPeriodUnits"])
def test_of_a_policy_on_trial_nothing_goes_on_that_it_would_refuse(name: str) -> None:
    text = f"mode: audit\n{a_policy_file()}"
    context = (
        ContextItem("CertificateTemplate", "PartnerWebServer"),
        ContextItem(name, "3"),
        ContextItem("ccm", "web01"),
    )

    on_trial = approve(load_policies([("P.yaml", text)]), Application(a_requester(), a_request(), context))

    assert on_trial.violations
    assert on_trial.additional_context == (ContextItem("CertificateTemplate", "PartnerWebServer"),)


def test_on_trial_a_san_does_not_hide_behind_a_flood_of_other_attributes() -> None:
    flood = {f"name{n}": "x" for n in range(40)}
    policies = load_policies([("P.yaml", f"mode: audit\n{a_policy_file()}")])

    with pytest.raises(NotPermitted):
        approve(policies, an_application(a_request(name_value_pairs={**flood, "SAN": "upn=administrator"})))
    assert approve(policies, an_application(a_request(name_value_pairs=flood))).violations


class Anybody:
    """A condition that is always met."""

    def admits(self, requester: object) -> bool:
        return True

    def violations(self, rule: str, application: Application) -> tuple[Violation, ...]:
        return ()


def test_a_rule_that_judges_no_attributes_passes_none_on() -> None:
    policies = Policies(
        (Policy("web", Template("PartnerWebServer"), (Rule("all", Anybody(), ()),), "digest", Mode.ENFORCE),)
    )

    approved = approve(policies, an_application(context={"ccm": "web01", "SAN": "upn=administrator"}))

    assert approved.additional_context == ()


# --- the attributes of the PKCS#10 ----------------------------------------------------------------------------------

PKCS10_ATTRIBUTES = PKCS10AttributesCondition()


@pytest.mark.parametrize(
    "oid",
    [
        oids.CERT_EXTENSIONS,
        oids.ENROLLMENT_CSP_PROVIDER,
        oids.OS_VERSION,
        oids.REQUEST_CLIENT_INFO,
        "1.2.840.113549.1.9.7",
        "1.2.840.113549.1.9.20",
    ],
)
def test_attributes_that_a_ca_reads_as_information_or_not_at_all_are_tolerated(oid: str) -> None:
    application = an_application(a_request(extra_attributes=[oid]))

    assert violations(PKCS10_ATTRIBUTES, application, Concern.ATTRIBUTES) == []


@pytest.mark.parametrize(
    "oid",
    [
        pytest.param("1.3.6.1.4.1.311.21.13", id="archived key"),
        pytest.param("1.3.6.1.4.1.311.21.33", id="attestation statement"),
        pytest.param("1.3.6.1.4.1.311.10.10.1", id="CMC attributes within"),
        pytest.param("1.2.3", id="unknown"),
    ],
)
def test_every_other_attribute_is_a_violation(oid: str) -> None:
    application = an_application(a_request(extra_attributes=[oid]))

    assert violations(PKCS10_ATTRIBUTES, application, Concern.ATTRIBUTES) == [(oid, "", "absent")]


def test_all_attributes_are_reported() -> None:
    request = a_request(name_value_pairs={"SAN": "dns=x"}, extra_attributes=["1.2.3", "1.2.4"])
    application = an_application(request, context={"cdc": "evil.example"})

    assert NOTHING.violations("a rule", application) == (
        Violation("a rule", Concern.ATTRIBUTES, "san", "dns=x", "absent", is_forbidden=True),
        Violation("a rule", Concern.ATTRIBUTES, "cdc", "evil.example", "absent", is_forbidden=True),
    )
    assert PKCS10_ATTRIBUTES.violations("a rule", application) == (
        Violation("a rule", Concern.ATTRIBUTES, "1.2.3", "", "absent"),
        Violation("a rule", Concern.ATTRIBUTES, "1.2.4", "", "absent"),
    )
