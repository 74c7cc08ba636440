import pytest

from gateway.policy.comparison import Change, Ruling, difference, ruling_of
from gateway.policy.decision import Decision, Policies, decide
from gateway.policy.load import load_policies
from tests.builders import a_policy_file, a_request, an_application

HOSTS = "subjectAlternativeName: {dNSName: {allow: [{suffix: .partner-a.example}]}}"
APPLICATION = an_application(a_request(dns=["web01.partner-a.example"]))


def some_policies(*sections: str, name: str = "web", rule: str = "a rule") -> Policies:
    return load_policies([(f"{name}.yaml", a_policy_file(*sections, name=rule))])


def decided(policies: Policies) -> Decision:
    return decide(policies, APPLICATION)


ALLOWED = some_policies(HOSTS)
REFUSED = some_policies()
UNMATCHED = Policies(())


@pytest.mark.parametrize(
    ("counts", "candidate", "change"),
    [
        (ALLOWED, ALLOWED, None),
        (ALLOWED, REFUSED, Change.WOULD_REFUSE),
        (ALLOWED, UNMATCHED, Change.WOULD_REFUSE),
        (ALLOWED, some_policies(HOSTS, rule="another rule"), Change.OTHER_RULE),
        (ALLOWED, some_policies(HOSTS, name="other"), Change.OTHER_RULE),
        (REFUSED, ALLOWED, Change.WOULD_ALLOW),
        (UNMATCHED, ALLOWED, Change.WOULD_ALLOW),
        (REFUSED, UNMATCHED, None),
        (REFUSED, REFUSED, None),
    ],
)
def test_a_difference_is_another_end_not_another_reason(
    counts: Policies, candidate: Policies, change: Change | None
) -> None:
    found = difference(ruling_of(decided(counts)), decided(candidate))

    assert found is None if change is None else found is not None and found.change is change


def test_changes_are_called_as_the_documentation_has_them() -> None:
    assert set(Change) == {"would_allow", "would_refuse", "other_rule"}


def test_a_difference_is_told_of_the_policy_that_counts() -> None:
    there = difference(ruling_of(decided(REFUSED)), decided(some_policies(HOSTS, name="other")))
    nowhere = difference(ruling_of(decided(UNMATCHED)), decided(some_policies(HOSTS, name="other")))

    assert there is not None
    assert nowhere is not None
    assert (there.policy, nowhere.policy) == ("web", "other")
    assert there.candidate.approval is not None


def test_a_ruling_is_by_which_policy_and_rule() -> None:
    assert ruling_of(decided(ALLOWED)) == Ruling("web", "a rule")
    assert ruling_of(decided(REFUSED)) == Ruling("web", None)
    assert ruling_of(decided(UNMATCHED)) == Ruling(None, None)
