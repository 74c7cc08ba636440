from dataclasses import replace

import pytest

from gateway.pki.certificate_request import ArchivedKey
from gateway.policy.decision import Concern
from gateway.policy.key_archival import KeyArchivalCondition, may_archive_a_key
from gateway.policy.load import load_policies
from gateway.strict_yaml import Mistaken
from tests.builders import a_policy_file, a_request, a_requester, an_application

WITH = an_application(replace(a_request(), archived_key=ArchivedKey(1500)))
WITHOUT = an_application()


def condition_of(*sections: str) -> KeyArchivalCondition:
    (policy,) = load_policies([("P.yaml", a_policy_file(*sections))]).policies
    (condition,) = (c for c in policy.rules[0].conditions if isinstance(c, KeyArchivalCondition))
    return condition


def test_without_the_section_an_archived_key_is_refused() -> None:
    (violation,) = condition_of().violations("a rule", WITH)

    assert (violation.rule, violation.concern, violation.field) == ("a rule", Concern.KEY_ARCHIVAL, "archivedKey")
    assert (violation.value, violation.wanted) == ("1500 bytes", "absent")
    assert condition_of().violations("a rule", WITHOUT) == ()


def test_an_archived_key_can_be_allowed() -> None:
    condition = condition_of("keyArchival: allowed")

    assert condition.violations("a rule", WITH) == condition.violations("a rule", WITHOUT) == ()


def test_an_archived_key_can_be_required() -> None:
    condition = condition_of("keyArchival: required")
    (violation,) = condition.violations("a rule", WITHOUT)

    assert condition.violations("a rule", WITH) == ()
    assert (violation.concern, violation.field) == (Concern.KEY_ARCHIVAL, "archivedKey")
    assert (violation.value, violation.wanted) == ("", "present")


def test_another_word_is_a_mistake() -> None:
    with pytest.raises(Mistaken, match="Input should be 'allowed' or 'required'"):
        condition_of("keyArchival: true")


@pytest.mark.parametrize(
    ("section", "requester", "expected"),
    [
        ("keyArchival: allowed", "partner-a", True),
        ("keyArchival: required", "partner-a", True),
        ("keyArchival: allowed", "partner-b", False),
        ("keyUsage: {allow: [keyEncipherment]}", "partner-a", False),
    ],
)
def test_who_may_archive_a_key_is_whom_a_rule_with_archival_admits(
    section: str, requester: str, expected: bool
) -> None:
    policies = load_policies([("P.yaml", a_policy_file(section))])

    assert may_archive_a_key(policies, a_requester(requester)) is expected


def test_one_of_many_rules_is_enough() -> None:
    template = "{name: PartnerUser}"
    policies = load_policies(
        [("P.yaml", a_policy_file()), ("Q.yaml", a_policy_file("keyArchival: allowed", template=template))]
    )

    assert may_archive_a_key(policies, a_requester("partner-a"))
