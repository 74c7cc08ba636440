import pytest

from gateway.pki.names import AttributeTypeAndValue, GeneralNameType, Name
from gateway.policy.decision import Concern, Violation
from gateway.policy.names import NameRule, SubjectAlternativeNameCondition, SubjectCondition
from gateway.policy.patterns import Cidr, Exact, ExactName, OfRequester, Pattern, Regex, Suffix
from tests.builders import a_request, an_application, general_names

ANYTHING = NameRule((Regex(".*"),))
BELOW_PARTNER_A = Suffix(".partner-a.example")


def subject_violations(rule: NameRule, *values: str) -> list[tuple[str, str]]:
    """(value, wanted) of each violation by these common names."""
    application = an_application(a_request(*(("commonName", value) for value in values)))
    violations = SubjectCondition({"commonName": rule}).violations("a rule", application)
    assert all((v.rule, v.concern, v.field) == ("a rule", Concern.SUBJECT, "commonName") for v in violations)
    return [(violation.value, violation.wanted) for violation in violations]


def san_violations(rule: NameRule, kind: GeneralNameType, *values: str) -> list[tuple[str, str]]:
    application = an_application(a_request(san=general_names(**{kind: values})))
    violations = SubjectAlternativeNameCondition({kind: rule}).violations("a rule", application)
    assert all((v.concern, v.field) == (Concern.SUBJECT_ALTERNATIVE_NAME, kind) for v in violations)
    return [(violation.value, violation.wanted) for violation in violations]


# --- one value ------------------------------------------------------------------------------------------------------


def test_a_value_that_a_pattern_allows_is_allowed() -> None:
    assert subject_violations(NameRule((Exact("a"), Exact("b"))), "b") == []


def test_a_value_that_no_pattern_allows_is_a_violation_that_names_the_patterns() -> None:
    rule = NameRule((Exact("a"), BELOW_PARTNER_A))

    assert subject_violations(rule, "c") == [("c", "exact 'a' or suffix '.partner-a.example'")]


def test_a_denied_value_is_a_violation_though_another_pattern_allows_it() -> None:
    rule = NameRule((Regex(".*"),), deny=(Regex("^admin", ignore_case=True, anywhere=True),))

    assert subject_violations(rule, "Administrator") == [("Administrator", "anything but regex '^admin'")]


@pytest.mark.parametrize(
    "value", ["administrátor@corp.example", "ADMİNISTRATOR@corp.example", "admin\ufe00istrator@corp.example"]
)
def test_an_accent_or_a_mark_that_a_directory_passes_over_is_no_way_around_a_denial(value: str) -> None:
    rule = NameRule((Regex("(?s).*"),), deny=(Exact("administrator@corp.example", ignore_case=True),))

    assert subject_violations(rule, value) == [(value, "anything but exactIgnoreCase 'administrator@corp.example'")]


def test_a_denial_is_also_of_what_was_written() -> None:
    rule = NameRule((Regex("(?s).*"),), deny=(Exact("Jörg"),))

    assert subject_violations(rule, "Jörg") == [("Jörg", "anything but exact 'Jörg'")]
    assert subject_violations(rule, "Jürgen") == []


def test_each_denying_pattern_is_reported() -> None:
    rule = NameRule((Exact("x"),), deny=(Exact("a"), Exact("b"), Regex("a")))

    assert [wanted for _, wanted in subject_violations(rule, "a")] == [
        "anything but exact 'a'",
        "anything but regex 'a'",
        "exact 'x'",
    ]


@pytest.mark.parametrize(("value", "allowed"), [("ab", False), ("abc", True), ("abcde", True), ("abcdef", False)])
def test_lengths_are_inclusive(value: str, allowed: bool) -> None:
    rule = NameRule((Regex(".*"),), min_length=3, max_length=5)

    assert subject_violations(rule, value) == ([] if allowed else [(value, "3 to 5 characters")])


@pytest.mark.parametrize(("length", "allowed"), [(0, False), (1, True), (128, True), (129, False)])
def test_lengths_are_those_of_tamemycerts_by_default(length: int, allowed: bool) -> None:
    assert (subject_violations(ANYTHING, "x" * length) == []) is allowed


def test_a_value_may_be_empty_where_the_rule_says_so() -> None:
    assert subject_violations(NameRule((Regex(".*"),), min_length=0), "") == []


@pytest.mark.parametrize("value", ["a\x00", "\uff41", "a\u202eb", " a", "Mu\u0308ller", "a\ud800"])
def test_a_value_that_is_not_plain_matches_nothing(value: str) -> None:
    assert subject_violations(ANYTHING, value) == [
        (value, "a commonName of printable NFKC text without superfluous blanks")
    ]


@pytest.mark.parametrize("allowing", [Regex(".*"), BELOW_PARTNER_A])
def test_an_asterisk_is_allowed_only_where_it_is_written_out(allowing: Pattern) -> None:
    value = "*.partner-a.example"

    assert subject_violations(NameRule((allowing,)), value)
    assert san_violations(NameRule((allowing,)), GeneralNameType.DNS_NAME, value)
    assert san_violations(NameRule((allowing, Exact(value))), GeneralNameType.DNS_NAME, value) == []


def test_an_asterisk_does_not_escape_a_denying_pattern() -> None:
    rule = NameRule((Exact("*.secret.example"),), deny=(Suffix(".secret.example", of_any_text=True),))

    assert san_violations(rule, GeneralNameType.DNS_NAME, "*.secret.example") == [
        ("*.secret.example", "anything but suffix '.secret.example'")
    ]


# --- how many -------------------------------------------------------------------------------------------------------


def test_one_occurrence_is_allowed_by_default() -> None:
    assert subject_violations(ANYTHING, "a") == []
    assert subject_violations(ANYTHING, "a", "b") == [("2 occurrences", "at most 1")]


def test_occurrences_are_counted_up_to_the_limit() -> None:
    rule = NameRule((Regex(".*"),), max_occurrences=3)

    assert subject_violations(rule, "a", "b", "c") == []
    assert subject_violations(rule, "a", "b", "c", "a") == [("4 occurrences", "at most 3")]


def test_a_flood_of_names_does_not_hide_that_it_is_one() -> None:
    found = subject_violations(NameRule((Exact("x"),)), *map(str, range(100)))

    assert len(found) == 20
    assert found[0] == ("100 occurrences", "at most 1")


@pytest.mark.parametrize("number", [101, 1000])
def test_too_many_names_are_not_compared_one_by_one(number: int) -> None:
    found = subject_violations(NameRule((Exact("x"),)), *map(str, range(number)))

    assert found == [(f"{number} occurrences", "at most 1")]


def test_as_many_names_as_are_allowed_are_all_judged() -> None:
    rule = NameRule((Exact("x"),), max_occurrences=200)

    assert subject_violations(rule, *["x"] * 199, "y") == [("y", "exact 'x'")]


def test_a_mandatory_field_must_be_there() -> None:
    rule = NameRule((Regex(".*"),), mandatory=True)

    assert subject_violations(rule) == [("", "at least one")]
    assert subject_violations(rule, "a") == []
    assert subject_violations(ANYTHING) == []


def test_a_mandatory_field_with_a_wrong_value_is_one_violation() -> None:
    assert subject_violations(NameRule((Exact("a"),), mandatory=True), "b") == [("b", "exact 'a'")]


def test_members_of_one_multi_valued_rdn_count_one_by_one() -> None:
    rdn = (AttributeTypeAndValue("commonName", "a"), AttributeTypeAndValue("commonName", "b"))
    request = a_request()
    object.__setattr__(request, "subject", Name((rdn,)))

    violations = SubjectCondition({"commonName": ANYTHING}).violations("a rule", an_application(request))

    assert [violation.value for violation in violations] == ["2 occurrences"]


# --- the subject ----------------------------------------------------------------------------------------------------


def test_a_field_without_a_rule_is_a_violation_at_each_occurrence() -> None:
    request = a_request(("commonName", "a"), ("title", "Dr"), ("title", "Prof"), ("OID.1.2.3", "x"))

    violations = SubjectCondition({"commonName": ANYTHING}).violations("a rule", an_application(request))

    assert violations == (
        Violation("a rule", Concern.SUBJECT, "title", "Dr", "absent"),
        Violation("a rule", Concern.SUBJECT, "title", "Prof", "absent"),
        Violation("a rule", Concern.SUBJECT, "OID.1.2.3", "x", "absent"),
    )


def test_without_rules_the_subject_must_be_empty() -> None:
    condition = SubjectCondition({})

    assert condition.violations("a rule", an_application(a_request())) == ()
    assert len(condition.violations("a rule", an_application(a_request(("commonName", "a"))))) == 1


# --- the subject alternative name -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [kind for kind in GeneralNameType if kind != "otherName"])
def test_a_general_name_without_a_rule_is_a_violation_at_each_occurrence(kind: GeneralNameType) -> None:
    application = an_application(a_request(san=general_names(**{kind: ["x", "y"]})))
    is_forbidden = kind in {"x400Address", "ediPartyName"}

    assert SubjectAlternativeNameCondition({}).violations("a rule", application) == (
        Violation("a rule", Concern.SUBJECT_ALTERNATIVE_NAME, kind, "x", "absent", is_forbidden),
        Violation("a rule", Concern.SUBJECT_ALTERNATIVE_NAME, kind, "y", "absent", is_forbidden),
    )


ANOTHER_NAME = "1.2.3.4"


def other_name_violations(rule: NameRule | None, *values: str) -> list[tuple[str, str, str, bool]]:
    """(field, value, wanted, forbidden) of each violation by otherNames, given as `oid=hex`."""
    condition = SubjectAlternativeNameCondition({f"otherName {ANOTHER_NAME}": rule} if rule else {})
    application = an_application(a_request(san=general_names(otherName=values)))
    found = condition.violations("a rule", application)
    return [(each.field, each.value, each.wanted, each.is_forbidden) for each in found]


def test_other_names_are_judged_by_their_type() -> None:
    text, other_text, octets, foreign = (
        f"{ANOTHER_NAME}=0c05616c696365",
        f"{ANOTHER_NAME}=1303626f62",
        f"{ANOTHER_NAME}=040161",
        "1.2.3.5=0c05616c696365",
    )
    rule = NameRule((Exact("alice"), Regex("#0401..")), max_occurrences=3)

    assert other_name_violations(rule, text, octets) == []
    assert other_name_violations(rule, text, other_text, foreign) == [
        (f"otherName {ANOTHER_NAME}", "bob", "exact 'alice' or regex '#0401..'", False),
        ("otherName 1.2.3.5", "alice", "absent", False),
    ]


def test_occurrences_of_other_names_count_by_their_type() -> None:
    rule = NameRule((Regex(".*"),), mandatory=True)
    name = f"{ANOTHER_NAME}=0c0161"

    assert other_name_violations(rule, name, name) == [
        (f"otherName {ANOTHER_NAME}", "2 occurrences", "at most 1", False)
    ]
    assert other_name_violations(rule) == [(f"otherName {ANOTHER_NAME}", "", "at least one", False)]


def test_a_security_identifier_as_an_other_name_is_forbidden() -> None:
    ((field, _, wanted, is_forbidden),) = other_name_violations(None, "1.3.6.1.4.1.311.25.2.1=0403532d31")

    assert (field, wanted, is_forbidden) == ("otherName 1.3.6.1.4.1.311.25.2.1", "absent", True)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (GeneralNameType.DNS_NAME, "web01.partner-a.example."),
        (GeneralNameType.DNS_NAME, "web01..partner-a.example"),
        (GeneralNameType.DNS_NAME, f"{'a' * 64}.partner-a.example"),
        (GeneralNameType.DNS_NAME, "www.bank.example/.partner-a.example"),
        (GeneralNameType.RFC822_NAME, "alice@bank.example <x@partner-a.example>"),
        (GeneralNameType.USER_PRINCIPAL_NAME, "alice"),
        (GeneralNameType.IP_ADDRESS, "::ffff:192.0.2.1"),
        (GeneralNameType.UNIFORM_RESOURCE_IDENTIFIER, "javascript"),
        (GeneralNameType.REGISTERED_ID, "1"),
        (GeneralNameType.DIRECTORY_NAME, "Alice"),
    ],
)
def test_a_malformed_general_name_matches_nothing(kind: GeneralNameType, value: str) -> None:
    assert san_violations(ANYTHING, kind, value) == [(value, f"a well-formed {kind}")]


def test_a_user_principal_name_of_look_alike_letters_matches_nothing() -> None:
    assert san_violations(ANYTHING, GeneralNameType.USER_PRINCIPAL_NAME, "\uff41dmin@partner-a.example") == [
        (
            "\uff41dmin@partner-a.example",
            "a userPrincipalName of printable NFKC text without superfluous blanks",
        )
    ]


@pytest.mark.parametrize(
    ("kind", "pattern", "inside", "outside"),
    [
        (GeneralNameType.DNS_NAME, BELOW_PARTNER_A, "web01.partner-a.example", "web01.partner-b.example"),
        (GeneralNameType.RFC822_NAME, Suffix("@partner-a.example"), "alice@partner-a.example", "bob@partner-b.example"),
        (GeneralNameType.USER_PRINCIPAL_NAME, Suffix("@partner-a.example"), "a@partner-a.example", "a@corp.example"),
        (GeneralNameType.IP_ADDRESS, Cidr.parse("192.0.2.0/24"), "192.0.2.7", "198.51.100.7"),
        (GeneralNameType.UNIFORM_RESOURCE_IDENTIFIER, Regex("https://a\\.example/.*"), "https://a.example/x", "urn:x"),
        (GeneralNameType.REGISTERED_ID, Exact("1.2.3"), "1.2.3", "1.2.4"),
        (GeneralNameType.DIRECTORY_NAME, ExactName("CN=a, O=b"), "CN=a,O=b", "CN=a"),
    ],
)
def test_every_kind_of_general_name_can_be_allowed(
    kind: GeneralNameType, pattern: Pattern, inside: str, outside: str
) -> None:
    rule = NameRule((pattern,), max_occurrences=2)

    assert san_violations(rule, kind, inside, outside) == [(outside, str(pattern))]


@pytest.mark.parametrize("uri", ["tag:microsoft.com,2022-09-14:sid:S-1-5-21-1-2-3-500", "TAG:Microsoft.com,x"])
def test_a_uri_that_states_a_security_identifier_is_judged_elsewhere(uri: str) -> None:
    application = an_application(a_request(san=general_names(uniformResourceIdentifier=[uri])))

    assert SubjectAlternativeNameCondition({}).violations("a rule", application) == ()


def test_a_name_may_have_to_be_the_requesters_own() -> None:
    rule = NameRule((OfRequester("account"),))

    assert subject_violations(rule, "Partner-A") == []
    assert subject_violations(rule, "partner-b") == [("partner-b", "requester account")]
