from dataclasses import replace
from ipaddress import ip_network

import pytest

from gateway.pki.names import GeneralNameType
from gateway.policy.identity import IDENTITY
from gateway.policy.load import load_policies
from gateway.policy.names import NameRule, SubjectAlternativeNameCondition, SubjectCondition
from gateway.policy.patterns import Cidr, Exact, ExactName, NameRegex, OfRequester, Pattern, Regex, Suffix
from gateway.strict_yaml import Mistaken
from tests.builders import a_policy_file

NOT_PLAIN = "must be printable text in Unicode form NFKC, without superfluous blanks, and not empty"
NO_SUFFIX = "a suffix is a DNS name with a full stop or an at-sign before it: .partner.example"


def subject_rules(section: str) -> dict[str, NameRule]:
    (policy,) = load_policies([("P.yaml", a_policy_file(f"subject: {section}"))]).policies
    (condition,) = [c for c in policy.rules[0].conditions if isinstance(c, SubjectCondition)]
    return dict(condition.fields)


def san_rules(section: str) -> dict[str, NameRule]:
    (policy,) = load_policies([("P.yaml", a_policy_file(f"subjectAlternativeName: {section}"))]).policies
    (condition,) = [c for c in policy.rules[0].conditions if isinstance(c, SubjectAlternativeNameCondition)]
    return dict(condition.fields)


def mistakes(section: str) -> list[tuple[str, str]]:
    """(path within the rule, message), all on the line of the section."""
    with pytest.raises(Mistaken) as mistaken:
        load_policies([("P.yaml", a_policy_file(section))])
    assert {mistake.line for mistake in mistaken.value.mistakes} == {6}
    return [(mistake.path.removeprefix("rules.0."), mistake.message) for mistake in mistaken.value.mistakes]


# --- patterns -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "allowing", "denying"),
    [
        ("{exact: Partner A}", Exact("Partner A"), Exact("Partner A", ignore_case=True)),
        ("{exactIgnoreCase: Partner A}", Exact("Partner A", ignore_case=True), Exact("Partner A", ignore_case=True)),
        ("{regex: a.*}", Regex("a.*"), Regex("a.*", ignore_case=True, anywhere=True)),
        ("{suffix: .example}", Suffix(".example"), Suffix(".example", of_any_text=True)),
        ("{requester: mail}", OfRequester("mail"), OfRequester("mail")),
    ],
)
def test_allow_is_read_narrowly_and_deny_widely(text: str, allowing: Pattern, denying: Pattern) -> None:
    (rule,) = subject_rules(f"{{commonName: {{allow: [{text}], deny: [{text}]}}}}").values()

    assert (rule.allow, rule.deny) == ((allowing,), (denying,))


@pytest.mark.parametrize("kind", ["dNSName", "rfc822Name", "userPrincipalName"])
def test_names_that_are_the_same_in_any_case_are_compared_so(kind: str) -> None:
    rules = san_rules(f"{{{kind}: {{allow: [{{exact: a}}, {{exactIgnoreCase: b}}, {{regex: c}}, {{suffix: .d}}]}}}}")

    assert rules[GeneralNameType(kind)].allow == (
        Exact("a", ignore_case=True),
        Exact("b", ignore_case=True),
        Regex("c", ignore_case=True),
        Suffix(".d"),
    )


def test_uris_are_compared_as_they_are_written() -> None:
    rules = san_rules("{uniformResourceIdentifier: {allow: [{exact: 'urn:a'}, {regex: 'urn:b.*'}]}}")

    assert rules == {
        GeneralNameType.UNIFORM_RESOURCE_IDENTIFIER: NameRule((Exact("urn:a"), Regex("urn:b.*"))),
    }


def test_addresses_are_compared_by_network() -> None:
    rules = san_rules(
        "{iPAddress: {allow: [{cidr: 192.0.2.0/24}], deny: [{exact: 192.0.2.1}, {exact: '2001:DB8::1'}]}}"
    )

    rule = rules[GeneralNameType.IP_ADDRESS]
    assert rule.allow == (Cidr(ip_network("192.0.2.0/24")),)
    assert rule.deny == (Cidr(ip_network("192.0.2.1/32")), Cidr(ip_network("2001:db8::1/128")))


@pytest.mark.parametrize(
    ("pattern", "place", "message"),
    [
        ("{}", "", "a pattern is exactly one of exact, exactIgnoreCase, regex, suffix, requester"),
        ("{exact: a, regex: b}", "", "a pattern is exactly one of exact, exactIgnoreCase, regex, suffix, requester"),
        ("a", "", "Input should be an object"),
        ("{exact: }", ".exact", "Input should be a valid string"),
        ("{exact: 3}", ".exact", "Input should be a valid string"),
        (
            '{exact: "\\uff41"}',
            ".exact",
            NOT_PLAIN,
        ),
        ('{regex: ""}', ".regex", NOT_PLAIN),
        ('{regex: "a\\nb"}', ".regex", NOT_PLAIN),
        ("{regex: (a}", ".regex", "not a regular expression of RE2: missing ): (a"),
        ("{regex: '(?=a)'}", ".regex", "not a regular expression of RE2: invalid perl operator: (?="),
        ("{suffix: partner-a.example}", ".suffix", NO_SUFFIX),
        ("{suffix: ''}", ".suffix", NO_SUFFIX),
        ("{cidr: 192.0.2.0/24}", ".cidr", "unknown key"),
        ("{requester: name}", ".requester", f"nothing that a requester is: write one of {', '.join(IDENTITY)}"),
        ("{requester: ''}", ".requester", f"nothing that a requester is: write one of {', '.join(IDENTITY)}"),
        ("{Exact: a}", ".Exact", "unknown key"),
        ("{exact_ignore_case: a}", ".exact_ignore_case", "unknown key"),
    ],
)
@pytest.mark.parametrize("list_of", ["allow", "deny"])
def test_what_is_no_pattern_of_a_text_is_a_mistake(pattern: str, place: str, message: str, list_of: str) -> None:
    allow = "" if list_of == "allow" else "allow: [{exact: a}], "

    assert mistakes(f"subject: {{commonName: {{{allow}{list_of}: [{{exact: x}}, {pattern}]}}}}") == [
        (f"subject.commonName.{list_of}.1{place}", message)
    ]


@pytest.mark.parametrize(
    ("kind", "pattern", "place", "message"),
    [
        ("iPAddress", "{cidr: 192.0.2.1/24}", ".cidr", "not a network: 192.0.2.1/24 has host bits set"),
        ("iPAddress", "{exact: x}", ".exact", "'x' does not appear to be an IPv4 or IPv6 address"),
        (
            "iPAddress",
            "{exact: 192.0.2.0/24}",
            ".exact",
            "'192.0.2.0/24' does not appear to be an IPv4 or IPv6 address",
        ),
        ("iPAddress", "{}", "", "a pattern is exactly one of exact, cidr"),
        ("iPAddress", "{regex: .*}", ".regex", "unknown key"),
        ("iPAddress", "{suffix: .example}", ".suffix", "unknown key"),
        ("uniformResourceIdentifier", "{suffix: .example}", ".suffix", "unknown key"),
        ("iPAddress", "{requester: mail}", ".requester", "unknown key"),
        ("registeredID", "{requester: mail}", ".requester", "unknown key"),
        ("directoryName", "{suffix: .example}", ".suffix", "unknown key"),
        (
            "directoryName",
            "{exact: example}",
            ".exact",
            "'example' is not as in CN=Partner CA,O=Partner,C=DE (RFC 4514)",
        ),
        ("dNSName", "{cidr: 192.0.2.0/24}", ".cidr", "unknown key"),
    ],
)
def test_each_kind_of_name_has_its_own_patterns(kind: str, pattern: str, place: str, message: str) -> None:
    assert mistakes(f"subjectAlternativeName: {{{kind}: {{allow: [{pattern}]}}}}") == [
        (f"subjectAlternativeName.{kind}.allow.0{place}", message)
    ]


def test_distinguished_names_are_compared_by_structure_and_never_by_a_text_with_escapes() -> None:
    pattern = "[{exact: CN=a}, {exactIgnoreCase: CN=b}, {regex: CN=c}]"
    rules = san_rules(f"{{directoryName: {{allow: {pattern}, deny: {pattern}}}}}")

    rule = rules[GeneralNameType.DIRECTORY_NAME]
    assert rule.allow == (ExactName("CN=a"), ExactName("CN=b", ignore_case=True), NameRegex(Regex("CN=c")))
    assert rule.deny == (
        ExactName("CN=a", ignore_case=True),
        ExactName("CN=b", ignore_case=True),
        Regex("CN=c", ignore_case=True, anywhere=True),
    )


def test_the_rarer_types_of_general_names_have_sections_too() -> None:
    rules = san_rules("{registeredID: {allow: [{exact: 1.2.3}]}, otherName: {1.2.4: {allow: [{regex: '#04.*'}]}}}")

    assert rules == {"registeredID": NameRule((Exact("1.2.3"),)), "otherName 1.2.4": NameRule((Regex("#04.*"),))}


@pytest.mark.parametrize(
    ("oid", "message"),
    [
        ("userPrincipalName", "no type of otherName: write its object identifier in dotted numbers"),
        ("1.3.6.1.4.1.311.20.2.3", "write userPrincipalName"),
        ("1.3.6.1.4.1.311.25.2.1", "is always refused"),
    ],
)
def test_other_types_of_other_names_are_mistakes(oid: str, message: str) -> None:
    assert mistakes(f"subjectAlternativeName: {{otherName: {{{oid}: {{allow: [{{exact: a}}]}}}}}}") == [
        (f"subjectAlternativeName.otherName.{oid}", message)
    ]


# --- one field ------------------------------------------------------------------------------------------------------


def test_the_defaults_are_those_of_tamemycerts() -> None:
    (rule,) = subject_rules("{commonName: {allow: [{exact: a}]}}").values()

    assert rule == NameRule((Exact("a"),), (), mandatory=False, max_occurrences=1, min_length=1, max_length=128)


def test_every_default_can_be_changed() -> None:
    (changed,) = subject_rules(
        "{commonName: {allow: [{exact: a}], mandatory: true, maxOccurrences: 3, minLength: 0, maxLength: 64}}"
    ).values()

    plain = NameRule((Exact("a"),))
    assert changed == replace(plain, mandatory=True, max_occurrences=3, min_length=0, max_length=64)


def test_a_value_may_have_to_have_one_length() -> None:
    (rule,) = subject_rules("{commonName: {allow: [{exact: a}], minLength: 5, maxLength: 5}}").values()

    assert (rule.min_length, rule.max_length) == (5, 5)


@pytest.mark.parametrize(
    ("field", "place", "message"),
    [
        ("{}", ".allow", "missing"),
        ("{allow: []}", ".allow", "must not be empty: leave it out, or say what is allowed"),
        ("{allow: }", ".allow", "Input should be a valid array"),
        ("{allow: {exact: a}}", ".allow", "Input should be a valid array"),
        ("{allow: [{exact: a}], deny: []}", ".deny", "must not be empty: leave it out, or say what is allowed"),
        ("{allow: [{exact: a}], mandatory: 1}", ".mandatory", "Input should be a valid boolean"),
        ("{allow: [{exact: a}], mandatory: 'true'}", ".mandatory", "Input should be a valid boolean"),
        ("{allow: [{exact: a}], maxOccurrences: 0}", ".maxOccurrences", "Input should be greater than or equal to 1"),
        ("{allow: [{exact: a}], maxOccurrences: yes}", ".maxOccurrences", "Input should be a valid integer"),
        ("{allow: [{exact: a}], minLength: -1}", ".minLength", "Input should be greater than or equal to 0"),
        ("{allow: [{exact: a}], minLength: 5, maxLength: 4}", "", "minLength is greater than maxLength"),
        ("{allow: [{exact: a}], maxOccurences: 2}", ".maxOccurences", "unknown key"),
    ],
)
def test_a_field_that_says_nothing_clear_is_a_mistake(field: str, place: str, message: str) -> None:
    assert mistakes(f"subject: {{commonName: {field}}}") == [(f"subject.commonName{place}", message)]


# --- the fields -----------------------------------------------------------------------------------------------------


def test_fields_of_the_subject_are_called_by_name_or_number() -> None:
    allow = "{allow: [{exact: a}]}"

    rules = subject_rules(f"{{commonName: {allow}, userId: {allow}, OID.1.2.3: {allow}}}")

    assert list(rules) == ["commonName", "userId", "OID.1.2.3"]


@pytest.mark.parametrize("name", ["commonname", "CN", "dNSName", "1.2.3", "OID.", "OID.1", "oid.1.2.3", "OID.1.2.x"])
def test_other_names_of_fields_are_mistakes(name: str) -> None:
    ((path, message),) = mistakes(f"subject: {{{name}: {{allow: [{{exact: a}}]}}}}")

    assert path == f"subject.{name}"
    assert message.startswith("no field of a subject: write one of commonName, surname, ")
    assert message.endswith(", or OID.1.2.3")


def test_a_field_has_one_name_only() -> None:
    assert mistakes("subject: {OID.2.5.4.3: {allow: [{exact: a}]}}") == [("subject.OID.2.5.4.3", "write commonName")]


@pytest.mark.parametrize(
    "kind", ["x400Address", "ediPartyName", "dnsName", "iPaddress", "registeredId", "DirectoryName", "othername"]
)
def test_general_names_that_cannot_be_allowed_are_mistakes(kind: str) -> None:
    allowed = "dNSName: {allow: [{suffix: .a.example}]}"

    assert mistakes(f"subjectAlternativeName: {{{allowed}, {kind}: {{allow: [{{exact: a}}]}}}}") == [
        (f"subjectAlternativeName.{kind}", "unknown key")
    ]


@pytest.mark.parametrize("section", ["subject", "subjectAlternativeName"])
@pytest.mark.parametrize("nothing", ["", "{}"])
def test_an_empty_section_is_a_mistake(section: str, nothing: str) -> None:
    assert mistakes(f"{section}: {nothing}") == [(section, "must not be empty: leave it out, or say what is allowed")]


def test_an_empty_general_name_is_a_mistake() -> None:
    assert mistakes("subjectAlternativeName: {dNSName: }") == [
        ("subjectAlternativeName.dNSName", "must not be empty: leave it out, or say what is allowed")
    ]
