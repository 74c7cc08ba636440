"""Patterns of a policy meet values of an attacker: none of them may take more than linear time.

Each expression would keep a backtracking engine busy for longer than the universe has existed; that the test ends is
what it says.
"""

import pytest

from gateway.policy.decision import decide
from gateway.policy.load import load_policies
from gateway.strict_yaml import Mistaken
from tests.builders import a_policy_file, a_request, an_application

VALUE = "a" * 100_000 + "!"


@pytest.mark.parametrize(
    "expression",
    [
        "(a+)+",
        "(a|a)*",
        "(a|aa)+",
        "(.*)*b",
        "([a-z]+)*",
        "(a*)*(a*)*b",
        "^(([a-z])+.)+[A-Z]([a-z])+$",
        "(a?){500}a{500}",
        "a*a*a*a*a*a*a*a*a*a*b",
    ],
)
@pytest.mark.parametrize("action", ["allow", "deny"])
def test_no_value_stalls_a_pattern(expression: str, action: str) -> None:
    patterns = (
        f"allow: [{{regex: {expression!r}}}]"
        if action == "allow"
        else f"allow: [{{exact: x}}], deny: [{{regex: {expression!r}}}]"
    )
    field = f"{{{patterns}, maxLength: 1000000, maxOccurrences: 3}}"
    policies = load_policies([("P.yaml", a_policy_file(f"subject: {{commonName: {field}}}"))])

    decision = decide(policies, an_application(a_request(*(("commonName", VALUE),) * 3)))

    assert decision.approval is None


@pytest.mark.parametrize(
    "expression", [r"(a)\1", "(?=a)b", "(?<!a)b", "a++", "(?>a)", "a{5000}", "((((a{100}){100}){100}){100})"]
)
def test_what_takes_more_than_linear_time_or_much_memory_is_a_mistake(expression: str) -> None:
    with pytest.raises(Mistaken, match="not a regular expression of RE2"):
        load_policies([("P.yaml", a_policy_file(f"subject: {{commonName: {{allow: [{{regex: '{expression}'}}]}}}}"))])
