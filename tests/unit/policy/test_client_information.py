from dataclasses import replace

import pytest

from gateway.pki.certificate_request import CertificateRequest, RequestClientInfo
from gateway.policy.client_information import ClientInformationCondition
from gateway.policy.decision import Concern
from gateway.policy.load import load_policies
from gateway.strict_yaml import Mistaken
from tests.builders import a_policy_file, a_request, an_application

CERTREQ = "C:\\Windows\\System32\\certreq.exe"


def a_told_request(process: str | None = CERTREQ, provider: str | None = "Microsoft Software") -> CertificateRequest:
    info = RequestClientInfo(5, "web01.corp.example", "CORP\\alice", process)
    return replace(a_request(), client_info=info, cryptographic_service_provider=provider, os_version="10.0.20348.2")


def condition_of(section: str) -> ClientInformationCondition:
    (policy,) = load_policies([("P.yaml", a_policy_file(f"clientInformation: {section}"))]).policies
    (condition,) = (c for c in policy.rules[0].conditions if isinstance(c, ClientInformationCondition))
    return condition


def objections(section: str, request: CertificateRequest) -> list[tuple[str, str, str]]:
    found = condition_of(section).violations("a rule", an_application(request))
    assert all((violation.rule, violation.concern) == ("a rule", Concern.CLIENT_INFORMATION) for violation in found)
    return [(violation.field, violation.value, violation.wanted) for violation in found]


def test_without_the_section_anything_may_be_told() -> None:
    (policy,) = load_policies([("P.yaml", a_policy_file())]).policies

    assert ClientInformationCondition({}) in policy.rules[0].conditions
    assert ClientInformationCondition({}).violations("a rule", an_application(a_told_request("evil\n"))) == ()


@pytest.mark.parametrize(
    ("field", "right", "wrong", "value"),
    [
        ("process", "{exactIgnoreCase: 'c:\\windows\\system32\\certreq.exe'}", "{exact: certreq.exe}", CERTREQ),
        ("machine", "{suffix: .corp.example}", "{suffix: .other.example}", "web01.corp.example"),
        ("user", "{regex: 'CORP\\\\.*'}", "{exact: alice}", "CORP\\alice"),
        ("cryptographicServiceProvider", "{exact: Microsoft Software}", "{exact: Other}", "Microsoft Software"),
        ("osVersion", "{regex: '10\\..*'}", "{regex: '6\\..*'}", "10.0.20348.2"),
    ],
)
def test_every_field_is_judged_by_its_patterns(field: str, right: str, wrong: str, value: str) -> None:
    assert objections(f"{{{field}: {{allow: [{right}]}}}}", a_told_request()) == []
    ((found, shown, _),) = objections(f"{{{field}: {{allow: [{wrong}]}}}}", a_told_request())
    assert (found, shown) == (field, value)


def test_one_of_several_patterns_is_enough() -> None:
    assert objections("{user: {allow: [{exact: 'CORP\\bob'}, {exact: 'CORP\\alice'}]}}", a_told_request()) == []


def test_a_denied_value_is_refused_in_any_case_and_wherever_it_stands() -> None:
    assert objections("{process: {deny: [{regex: CERTREQ}]}}", a_told_request()) == [
        ("process", CERTREQ, "anything but regex 'CERTREQ'")
    ]
    assert objections("{process: {deny: [{exact: powershell.exe}]}}", a_told_request()) == []


def test_an_allowed_value_is_the_whole_and_in_its_case() -> None:
    for pattern in ("{exact: 'corp\\alice'}", "{regex: alice}"):
        assert len(objections(f"{{user: {{allow: [{pattern}]}}}}", a_told_request())) == 1


def test_a_field_is_not_mandatory_unless_the_section_says_so() -> None:
    assert objections("{process: {deny: [{exact: powershell.exe}]}}", a_request()) == []


@pytest.mark.parametrize(("mandatory", "expected"), [("true", [("process", "", "present")]), ("false", [])])
def test_what_is_not_told_is_refused_only_if_it_is_mandatory(
    mandatory: str, expected: list[tuple[str, str, str]]
) -> None:
    section = f"{{process: {{allow: [{{regex: .*}}], mandatory: {mandatory}}}}}"

    assert objections(section, a_request()) == expected
    assert objections(section, a_told_request(process=None)) == expected


def test_a_value_that_is_not_plain_matches_nothing() -> None:
    assert objections("{process: {allow: [{regex: '(?s).*'}]}}", a_told_request("a\nb")) == [
        ("process", "a\nb", "printable NFKC text without superfluous blanks")
    ]


@pytest.mark.parametrize("section", ["{}", "{process: {}}", "{host: {mandatory: true}}", "{process: {allow: []}}"])
def test_a_section_that_cannot_be_meant_is_a_mistake(section: str) -> None:
    with pytest.raises(Mistaken):
        condition_of(section)
