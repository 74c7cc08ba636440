from collections.abc import Mapping

import pytest

from gateway.policy.tamemycerts.document import SubjectRule, parse_policy
from gateway.policy.tamemycerts.name_rules import names_section
from gateway.policy.tamemycerts.remarks import Remarks
from gateway.policy.tamemycerts.yaml_text import Node, ToFillIn
from tests.unit.policy.tamemycerts.samples import a_pattern, a_policy, a_rule


def translated(*rules: str) -> tuple[Mapping[str, Node], Remarks]:
    remarks = Remarks()
    return names_section("names", rules_of(*rules), remarks), remarks


def rules_of(*rules: str) -> tuple[SubjectRule, ...]:
    return parse_policy(a_policy(names="".join(rules)), "policy.xml").subject_alternative_name


def test_what_differs_from_the_defaults_which_are_the_same_is_written_down() -> None:
    more = (
        "<Mandatory>true</Mandatory><MaxOccurrences>2</MaxOccurrences><MinLength>3</MinLength><MaxLength>64</MaxLength>"
    )
    section, _ = translated(
        a_rule("uniformResourceIdentifier", a_pattern("^a$"), a_pattern("b", action="Deny"), more=more)
    )

    assert section == {
        "uniformResourceIdentifier": {
            "allow": [{"regex": "^a$"}],
            "deny": [{"regex": "b"}],
            "mandatory": True,
            "maxOccurrences": 2,
            "minLength": 3,
            "maxLength": 64,
        }
    }
    section, _ = translated(a_rule("uniformResourceIdentifier", a_pattern("^a$")))
    assert section == {"uniformResourceIdentifier": {"allow": [{"regex": "^a$"}]}}


@pytest.mark.parametrize(
    ("field", "pattern", "expected"),
    [
        ("dNSName", a_pattern("web", "ExactMatch"), {"exact": "web"}),
        ("dNSName", a_pattern("web", "ExactMatchIgnoreCase"), {"exactIgnoreCase": "web"}),
        ("dNSName", a_pattern("^web$", "RegExIgnoreCase"), {"regex": "(?i)^web$"}),
        ("iPAddress", a_pattern("192.0.2.1", "ExactMatch"), {"exact": "192.0.2.1"}),
        ("iPAddress", a_pattern("192.0.2.1", "ExactMatchIgnoreCase"), {"exact": "192.0.2.1"}),
        ("iPAddress", a_pattern("192.0.2.77/24", "Cidr"), {"cidr": "192.0.2.0/24"}),
        ("iPAddress", a_pattern("2001:db8::/32", "Cidr"), {"cidr": "2001:db8::/32"}),
    ],
)
def test_patterns_of_each_kind_are_taken_over(field: str, pattern: str, expected: Mapping[str, Node]) -> None:
    section, remarks = translated(a_rule(field, pattern))

    assert section == {field: {"allow": [expected]}}
    assert not remarks.open


def test_denying_disregards_case_anyway() -> None:
    section, _ = translated(a_rule("dNSName", a_pattern("^a$"), a_pattern("porn", "RegExIgnoreCase", "Deny")))

    assert section == {"dNSName": {"allow": [{"regex": "^a$"}], "deny": [{"regex": "porn"}]}}


def test_a_prefix_of_no_bits_means_all_addresses_of_both_families() -> None:
    section, _ = translated(
        a_rule("iPAddress", a_pattern("10.0.0.0/8", "Cidr"), a_pattern("0.0.0.0/0", "Cidr", "Deny"))
    )

    assert section == {
        "iPAddress": {"allow": [{"cidr": "10.0.0.0/8"}], "deny": [{"cidr": "0.0.0.0/0"}, {"cidr": "::/0"}]}
    }


INEXPRESSIBLE = [
    ("dNSName", "^(?!admin).*$", "RegEx"),
    ("dNSName", "192.0.2.0/24", "Cidr"),
    ("dNSName", "a  b", "ExactMatch"),
    ("iPAddress", r"^192\.", "RegEx"),
    ("iPAddress", "localhost", "ExactMatch"),
    ("iPAddress", "192.0.2.0", "Cidr"),
    ("iPAddress", "32", "Cidr"),
    ("iPAddress", "192.0.2.0/255.255.255.0", "Cidr"),
    ("iPAddress", "192.0.2.0/33", "Cidr"),
]


@pytest.mark.parametrize(("field", "expression", "treat_as"), INEXPRESSIBLE)
def test_what_would_be_allowed_and_cannot_be_expressed_is_refused_and_said(
    field: str, expression: str, treat_as: str
) -> None:
    expressible = a_pattern("192.0.2.1", "ExactMatch")

    section, remarks = translated(a_rule(field, expressible, a_pattern(expression, treat_as)))

    assert section == {field: {"allow": [{"exact": "192.0.2.1"}]}}
    assert not remarks.open
    assert any(f"the original allows {treat_as} {expression!r}" in note for note in remarks.notes)


@pytest.mark.parametrize(("field", "expression", "treat_as"), INEXPRESSIBLE)
def test_what_would_be_denied_and_cannot_be_expressed_is_for_the_administrator(
    field: str, expression: str, treat_as: str
) -> None:
    expressible = a_pattern("192.0.2.1", "ExactMatch")

    _, remarks = translated(a_rule(field, expressible, a_pattern(expression, treat_as, "Deny")))

    (text,) = remarks.to_decide
    assert f"names.{field}: the original denies {treat_as} {expression!r}" in text


def test_a_field_of_which_nothing_can_be_expressed_is_for_the_administrator() -> None:
    section, remarks = translated(a_rule("dNSName", a_pattern("^(?!admin)")))

    (rule,) = section.values()
    assert isinstance(rule, Mapping)
    assert isinstance(rule["allow"], ToFillIn)
    assert len(remarks.open) == 1


@pytest.mark.parametrize(
    "more", ["<MinLength>8</MinLength><MaxLength>8</MaxLength>", "<MaxOccurrences>1</MaxOccurrences>"]
)
def test_a_rule_that_one_value_meets_is_taken_over(more: str) -> None:
    section, _ = translated(a_rule("dNSName", a_pattern("^a$"), more=more))

    assert list(section) == ["dNSName"]


NEVER_MET = [
    ("", [a_pattern("a", action="Deny")]),
    ("", []),
    ("<MaxOccurrences>0</MaxOccurrences>", [a_pattern("a")]),
    ("<MaxLength>0</MaxLength>", [a_pattern("a")]),
    ("<MinLength>0</MinLength><MaxLength>0</MaxLength>", [a_pattern("a")]),
    ("<MinLength>9</MinLength><MaxLength>8</MaxLength>", [a_pattern("a")]),
]


@pytest.mark.parametrize(("more", "patterns"), NEVER_MET)
def test_a_rule_that_no_value_meets_is_left_out_for_that_refuses_too(more: str, patterns: list[str]) -> None:
    section, remarks = translated(a_rule("dNSName", *patterns, more=more))

    assert section == {}
    assert not remarks.open
    assert "no value meets" in remarks.notes[0]


@pytest.mark.parametrize(("more", "patterns"), NEVER_MET)
def test_but_not_where_the_field_is_mandatory(more: str, patterns: list[str]) -> None:
    """Then nothing is ever issued there; without the rule, requests without the field would be allowed."""
    _, remarks = translated(a_rule("dNSName", *patterns, more=f"<Mandatory>true</Mandatory>{more}"))

    assert remarks.open


def test_an_expression_that_is_found_anywhere_is_pointed_at() -> None:
    _, remarks = translated(a_rule("uniformResourceIdentifier", a_pattern("partner")))

    (note,) = remarks.notes
    assert note.startswith("names.uniformResourceIdentifier: RegEx 'partner' is found anywhere in a value")


IN_ANY_CASE = "DNS names, mail addresses and user principal names are the same in any case here"


def test_names_that_are_the_same_in_any_case_are_pointed_at_once() -> None:
    _, remarks = translated(a_rule("dNSName", a_pattern("^a$"), a_pattern("b", "ExactMatch")))

    assert remarks.notes == (IN_ANY_CASE,)


@pytest.mark.parametrize(
    ("field", "expression", "treat_as", "is_said"),
    [
        ("dNSName", "^a$", "RegEx", True),
        ("dNSName", "a", "ExactMatch", True),
        ("dNSName", "^a$", "RegExIgnoreCase", False),
        ("dNSName", "a", "ExactMatchIgnoreCase", False),
        ("uniformResourceIdentifier", "^a$", "RegEx", False),
    ],
)
def test_that_is_said_where_the_original_tells_cases_apart(
    field: str, expression: str, treat_as: str, *, is_said: bool
) -> None:
    _, remarks = translated(a_rule(field, a_pattern(expression, treat_as)))

    assert (IN_ANY_CASE in remarks.notes) is is_said
