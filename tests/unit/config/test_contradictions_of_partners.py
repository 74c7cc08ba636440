"""Partners that would count for nobody, each with its place."""

from pathlib import Path
from typing import Any

import pytest

from gateway.strict_yaml import Mistaken
from tests.builders import a_policy_file
from tests.unit.config.samples import load

MAPPING = [
    {"name": "one-account", "issuer": "CN=Partner CA", "account": "device01"},
    {"name": "by-upn", "issuer": "CN=B", "account_from": "userPrincipalName", "accounts_within": ["@b.example"]},
]


def mistakes(directory: Path, content: dict[str, Any], *partners: dict[str, Any]) -> list[tuple[str, str]]:
    """(path, message) of each."""
    with pytest.raises(Mistaken) as mistaken:
        load(directory, content | {"mapping": MAPPING, "partners": list(partners)})
    return [(mistake.path, mistake.message) for mistake in mistaken.value.mistakes]


def test_partners_without_anything_in_common_are_taken(tmp_path: Path, content: dict[str, Any]) -> None:
    partners = [
        {"name": "a", "accounts": ["a", "@a.example"], "mapping_rules": ["one-account"]},
        {"name": "b", "accounts": ["b", "x@b.example"], "mapping_rules": ["by-upn"]},
    ]

    configuration = load(tmp_path, content | {"mapping": MAPPING, "partners": partners}).configuration

    assert [partner.name for partner in configuration.partners] == ["a", "b"]


def test_a_mapping_rule_must_be_there(tmp_path: Path, content: dict[str, Any]) -> None:
    assert mistakes(tmp_path, content, {"name": "a", "mapping_rules": ["one-account", "other"]}) == [
        ("partners.0.mapping_rules.1", "there is no mapping rule other")
    ]


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        ({"accounts": ["x"]}, {"accounts": ["y", "X"]}, "the account x"),
        ({"accounts": ["@x.example"]}, {"accounts": ["@X.example"]}, "the account @x.example"),
        ({"accounts": ["@x.example"]}, {"accounts": ["alice@x.example"]}, "the account alice@x.example"),
        ({"accounts": ["alice@x.example"]}, {"accounts": ["@x.example"]}, "the account alice@x.example"),
        ({"mapping_rules": ["by-upn"]}, {"mapping_rules": ["by-upn"]}, "the mapping rule by-upn"),
        (
            {"mapping_rules": ["one-account"]},
            {"accounts": ["DEVICE01"]},
            "the account device01 of the mapping rule one-account",
        ),
        (
            {"accounts": ["device01"]},
            {"mapping_rules": ["one-account"]},
            "the account device01 of the mapping rule one-account",
        ),
    ],
)
def test_what_belongs_to_two_partners_is_a_mistake(
    tmp_path: Path, content: dict[str, Any], first: dict[str, Any], second: dict[str, Any], shared: str
) -> None:
    assert mistakes(tmp_path, content, {"name": "a"} | first, {"name": "b"} | second) == [
        ("partners.1", f"{shared} belongs to a too: it would count for neither")
    ]


def test_partners_have_different_names(tmp_path: Path, content: dict[str, Any]) -> None:
    assert mistakes(tmp_path, content, {"name": "a", "accounts": ["x"]}, {"name": "a", "accounts": ["y"]}) == [
        ("partners", "several partners have the name a")
    ]


def test_a_policy_for_a_partner_that_there_is_not_is_told(tmp_path: Path, content: dict[str, Any]) -> None:
    requesters = "[{partner: a, authentication: [Certificate]}, {partner: b, authentication: [Kerberos]}]"
    (tmp_path / "policies" / "other.yaml").write_text(
        a_policy_file(
            "keyUsage: {allow: [digitalSignature]}",
            "extendedKeyUsage: {allow: [clientAuth]}",
            template="{name: Other}",
            requesters=requesters,
        )
    )

    checked = load(tmp_path, content | {"partners": [{"name": "a", "accounts": ["x"]}]})

    assert checked.warnings == ("policy other: the rule a rule is for the partner b, whom `partners` does not have",)
