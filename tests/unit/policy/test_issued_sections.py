"""The section `issued` as it is written."""

import pytest

from gateway.policy.expected import IssuedRule, SecurityIdentifier
from gateway.policy.load import load_policies
from gateway.strict_yaml import Mistaken
from tests.builders import a_policy_file, a_requester, general_names


def rule(section: str, template: str = "{name: CorpUser, enrolleeSuppliesSubject: false}") -> IssuedRule | None:
    (policy,) = load_policies([("P.yaml", f"{a_policy_file(template=template)}\n{section}\n")]).policies
    return policy.issued


def test_a_template_takes_its_names_from_the_request_unless_the_file_says_otherwise() -> None:
    def template(text: str) -> bool:
        (policy,) = load_policies([("P.yaml", a_policy_file(template=text))]).policies
        return policy.template.enrollee_supplies_subject

    assert template("{name: T}")
    assert template("{name: T, enrolleeSuppliesSubject: true}")
    assert not template("{name: T, enrolleeSuppliesSubject: false}")


def test_without_the_section_nothing_is_said() -> None:
    assert rule("description: none") is None


def test_names_are_written_as_in_a_rule() -> None:
    read = rule("issued: {subject: {emailAddress: {allow: [{suffix: '@corp.example'}]}}}")

    assert read is not None
    assert (list(read.subject.fields), read.has_names, read.security_identifier) == (["emailAddress"], True, None)


def test_alternative_names_are_names_too() -> None:
    read = rule("issued: {subjectAlternativeName: {dNSName: {allow: [{suffix: .corp.example}]}}}")

    assert read is not None
    assert read.has_names


@pytest.mark.parametrize("word", SecurityIdentifier)
def test_the_sid_is_required_optional_or_any(word: SecurityIdentifier) -> None:
    assert rule(f"issued: {{securityIdentifier: {word}}}") == IssuedRule(security_identifier=word)


def test_places_are_patterns_of_uris_of_which_there_must_be_one() -> None:
    read = rule(
        "issued:\n  crlDistributionPoints: {allow: [{regex: 'ldap:///CN=CA,.*'}, {exact: 'http://pki/ca.crl'}]}\n"
        "  authorityInformationAccess: {allow: [{exact: 'http://pki/ca.crt'}]}"
    )
    assert read is not None
    assert read.crl_distribution_points is not None
    assert read.authority_information_access is not None

    def objections(*uris: str) -> int:
        assert read is not None
        assert read.crl_distribution_points is not None
        names = general_names(uniformResourceIdentifier=uris)
        return len(read.crl_distribution_points.violations_of(names, "issued", a_requester()))

    assert objections("ldap:///CN=CA,CN=CDP?list", "http://pki/ca.crl") == 0
    assert objections("ldap:///CN=CA,CN=CDP?list", "http://evil/ca.crl") == 1
    assert objections() == 1


def objections_to_places(pattern: str, *uris: str) -> list[str]:
    """What is wanted, of each."""
    read = rule(f"issued: {{crlDistributionPoints: {{allow: [{pattern}]}}}}")
    assert read is not None
    assert read.crl_distribution_points is not None
    names = general_names(uniformResourceIdentifier=uris)
    return [each.wanted for each in read.crl_distribution_points.violations_of(names, "issued", a_requester())]


def test_places_may_be_many_and_long_and_still_have_an_end() -> None:
    anywhere = "{regex: 'http://.*'}"

    assert objections_to_places(anywhere, *["http://pki/"] * 16, f"http://{'x' * 2041}") == ["at most 16"]
    assert objections_to_places(anywhere, f"http://{'x' * 2042}") == ["1 to 2048 characters"]


@pytest.mark.parametrize("place", ["http://pki/CA.crl", "http://pki/ca.crl.evil", "http://evil/?http://pki/ca.crl"])
def test_a_place_is_the_whole_uri_in_its_case(place: str) -> None:
    for pattern in ("{exact: 'http://pki/ca.crl'}", "{regex: 'http://pki/ca[.]crl'}"):
        assert len(objections_to_places(pattern, place)) == 1


@pytest.mark.parametrize(
    "section",
    [
        "issued: {}",
        "issued:",
        "issued: {securityIdentifier: never}",
        "issued: {crlDistributionPoints: {allow: []}}",
        "issued: {crlDistributionPoints: {}}",
        "issued: {cRLDistributionPoints: {allow: [{exact: 'http://pki/'}]}}",
    ],
)
def test_a_section_that_says_nothing_or_something_unknown_is_a_mistake(section: str) -> None:
    with pytest.raises(Mistaken):
        rule(section)
