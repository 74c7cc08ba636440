"""What operators may rely on, whatever the policies and the applications are.

The policies go through their YAML, so that the translation is under test as well.
"""

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gateway.errors import Unmatched
from gateway.pki.certificate_request import CertificateRequest
from gateway.pki.names import GeneralNameType
from gateway.policy.decision import Application, NotPermitted, Policies, Violation, approve
from gateway.policy.load import load_policies
from tests.builders import a_public_key, a_request, a_requester, an_application, general_names

PROPERTY = settings(derandomize=True, deadline=None, max_examples=100)

# --- applications ---------------------------------------------------------------------------------------------------

HOSTS = ["web01.partner-a.example", "admin.partner-a.example", "partner-a.example", "*.partner-a.example", "a.b", "a."]
MAILBOXES = ["alice@partner-a.example", "ALICE@partner-a.example", "administrator@partner-a.example", "alice"]

SANS = st.lists(
    st.one_of(
        st.sampled_from(HOSTS).map(lambda name: general_names(dNSName=[name])),
        st.sampled_from(MAILBOXES).map(lambda name: general_names(userPrincipalName=[name])),
        st.sampled_from(["192.0.2.1", "198.51.100.1"]).map(lambda address: general_names(iPAddress=[address])),
    ),
    max_size=4,
).map(lambda names: tuple(name for (name,) in names))

USAGES = st.sampled_from([None, None, (), ("digitalSignature",), ("digitalSignature", "keyCertSign")])

REQUESTS = st.builds(
    lambda names, san, key, usage, pairs: a_request(
        *(("commonName", name) for name in names), san=san, key=key, key_usage=usage, name_value_pairs=pairs
    ),
    st.lists(st.sampled_from([*HOSTS, *MAILBOXES]), max_size=2),
    SANS,
    st.sampled_from([a_public_key("RSA", 2048), a_public_key("EC", 256, "secp256r1"), a_public_key("RSA", 1024)]),
    USAGES,
    st.sampled_from([None, None, None, {"SAN": "dns=x"}]),
)

ANY_APPLICATIONS = st.builds(
    an_application,
    REQUESTS,
    st.builds(a_requester, st.sampled_from(["partner-a", "partner-a", "PARTNER-A", "mallory"])),
)

BENIGN = st.builds(
    lambda names, san: an_application(a_request(*(("commonName", name) for name in names), san=san)),
    st.lists(st.sampled_from(MAILBOXES), max_size=1),
    st.lists(st.sampled_from(HOSTS[:4]), max_size=3).map(lambda names: general_names(dNSName=names)),
)
APPLICATIONS = st.one_of(BENIGN, ANY_APPLICATIONS)

# --- policies -------------------------------------------------------------------------------------------------------

PATTERNS = st.one_of(
    st.sampled_from([*HOSTS[:4], *MAILBOXES[:3]]).map(lambda text: {"exact": text}),
    st.sampled_from([".partner-a.example", "@partner-a.example", ".EXAMPLE"]).map(lambda text: {"suffix": text}),
    st.sampled_from([".*", "[a-z0-9.@-]+", "^admin", "WEB.*", "(?-i:web).*"]).map(lambda text: {"regex": text}),
)
ADDRESSES = st.sampled_from([{"cidr": "192.0.2.0/24"}, {"cidr": "0.0.0.0/0"}, {"exact": "192.0.2.1"}])


def _fields(patterns: st.SearchStrategy[dict[str, str]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"allow": st.lists(patterns, min_size=1, max_size=3), "maxOccurrences": st.integers(1, 3)},
        optional={"deny": st.lists(patterns, min_size=1, max_size=1), "mandatory": st.booleans()},
    )


SPECIFIC_RULES = st.fixed_dictionaries(
    {
        "requesters": st.sampled_from(
            [[{"account": "partner-a", "authentication": ["Certificate"]}]] * 3
            + [[{"account": "partner-b", "authentication": ["Certificate"]}]]
        ),
        "key": st.sampled_from(
            [[{"algorithm": "RSA", "minimumKeyLength": 2048}], [{"algorithm": "EC", "curves": ["secp256r1"]}]]
        ),
    },
    optional={
        "subject": st.fixed_dictionaries({"commonName": _fields(PATTERNS)}),
        "subjectAlternativeName": st.fixed_dictionaries(
            {"dNSName": _fields(PATTERNS)},
            optional={"userPrincipalName": _fields(PATTERNS), "iPAddress": _fields(ADDRESSES)},
        ),
        "keyUsage": st.just({"allow": ["digitalSignature"]}),
    },
)


def _anything(**patterns: str) -> dict[str, Any]:
    return {"allow": [patterns, {"exact": "*.partner-a.example"}], "maxOccurrences": 4}


GENEROUS_RULES = st.fixed_dictionaries(
    {
        "requesters": st.just([{"account": "partner-a", "authentication": ["Certificate"]}]),
        "key": st.just([{"algorithm": "RSA", "minimumKeyLength": 2048}, {"algorithm": "EC", "curves": ["secp256r1"]}]),
        "subject": st.just({"commonName": _anything(regex=".*")}),
        "subjectAlternativeName": st.fixed_dictionaries(
            {"dNSName": st.sampled_from([_anything(regex=".*"), _anything(suffix=".partner-a.example")])},
            optional={
                "userPrincipalName": st.just(_anything(regex=".*")),
                "iPAddress": st.just({"allow": [{"cidr": "0.0.0.0/0"}], "maxOccurrences": 4}),
            },
        ),
        "keyUsage": st.just({"allow": ["digitalSignature"]}),
    }
)
RULES = st.one_of(SPECIFIC_RULES, GENEROUS_RULES)


def policies_of(rules: list[dict[str, Any]]) -> Policies:
    """One policy; its rules are named by their content, so that moving them does not rename them."""
    document = {
        "template": {"name": "PartnerWebServer"},
        "rules": [
            {"name": f"{json.dumps(rule, sort_keys=True)} {rules[:n].count(rule)}", **rule}
            for n, rule in enumerate(rules)
        ],
    }
    return load_policies([("PartnerWebServer.yaml", json.dumps(document))])


def outcome(policies: Policies, application: Application) -> Counter[Violation] | None:
    """None if approved, else the violations."""
    try:
        approve(policies, application)
    except NotPermitted as error:
        return Counter(error.violations)
    return None


# --- properties -----------------------------------------------------------------------------------------------------


@PROPERTY
@given(APPLICATIONS)
def test_without_policies_nothing_is_approved(application: Application) -> None:
    with pytest.raises(Unmatched):
        approve(Policies(()), application)


@PROPERTY
@given(APPLICATIONS)
def test_an_empty_policy_approves_nothing(application: Application) -> None:
    (policy,) = policies_of([MINIMAL]).policies

    with pytest.raises(NotPermitted):
        approve(Policies((replace(policy, rules=()),)), application)


MINIMAL: dict[str, Any] = {
    "requesters": [{"account": {"regex": ".*"}, "authentication": ["Certificate"]}],
    "key": [{"algorithm": "RSA", "minimumKeyLength": 2048}, {"algorithm": "EC", "curves": ["secp256r1"]}],
}


@PROPERTY
@given(APPLICATIONS)
def test_a_minimal_rule_approves_a_key_and_nothing_else(application: Application) -> None:
    request = application.request
    asks_for_something = bool(
        request.subject.rdns or request.subject_alternative_name or request.key_usage or request.name_value_pairs
    )

    approved = outcome(policies_of([MINIMAL]), application) is None

    assert approved == (not asks_for_something and request.public_key.size != 1024)


@PROPERTY
@given(BENIGN, GENEROUS_RULES, st.lists(RULES, max_size=2), st.lists(RULES, max_size=2))
def test_adding_a_rule_never_takes_an_approval_away(
    application: Application, rule: dict[str, Any], before: list[dict[str, Any]], after: list[dict[str, Any]]
) -> None:
    assume(outcome(policies_of([rule]), application) is None)

    assert outcome(policies_of([*before, rule, *after]), application) is None


@PROPERTY
@given(APPLICATIONS, st.lists(RULES, min_size=2, max_size=4), st.randoms(use_true_random=False))
def test_the_order_of_rules_never_changes_the_verdict(
    application: Application, rules: list[dict[str, Any]], random: Any
) -> None:
    shuffled = random.sample(rules, len(rules))

    assert outcome(policies_of(rules), application) == outcome(policies_of(shuffled), application)


@PROPERTY
@given(APPLICATIONS, st.lists(RULES, min_size=1, max_size=2), st.randoms(use_true_random=False))
def test_the_order_of_names_never_changes_the_verdict(
    application: Application, rules: list[dict[str, Any]], random: Any
) -> None:
    names = application.request.subject_alternative_name
    shuffled = replace(application.request, subject_alternative_name=tuple(random.sample(names, len(names))))
    policies = policies_of(rules)

    assert outcome(policies, application) == outcome(policies, replace(application, request=shuffled))


def in_another_case(request: CertificateRequest, random: Any) -> CertificateRequest:
    """With the letters of DNS names, mail addresses and user principal names in any case."""
    caseless = {GeneralNameType.DNS_NAME, GeneralNameType.RFC822_NAME, GeneralNameType.USER_PRINCIPAL_NAME}
    return replace(
        request,
        subject_alternative_name=tuple(
            replace(name, value="".join(random.choice([c.lower(), c.upper()]) for c in name.value))
            if name.type in caseless
            else name
            for name in request.subject_alternative_name
        ),
    )


@PROPERTY
@given(APPLICATIONS, st.lists(RULES, min_size=1, max_size=2), st.randoms(use_true_random=False))
def test_the_case_of_dns_names_never_changes_the_verdict(
    application: Application, rules: list[dict[str, Any]], random: Any
) -> None:
    policies = policies_of(rules)
    before = outcome(policies, application)

    after = outcome(policies, replace(application, request=in_another_case(application.request, random)))

    assert (before is None) == (after is None)
    assert (before is None) or (after is None) or before.total() == after.total()


@PROPERTY
@given(APPLICATIONS, st.lists(RULES, min_size=1, max_size=2))
def test_the_same_question_has_the_same_answer(application: Application, rules: list[dict[str, Any]]) -> None:
    assert outcome(policies_of(rules), application) == outcome(policies_of(rules), application)


@PROPERTY
@given(REQUESTS, st.text())
def test_no_account_but_the_named_is_approved(request: CertificateRequest, account: str) -> None:
    assume(account.lower() != "partner-a")
    rule = {**MINIMAL, "requesters": [{"account": "partner-a", "authentication": ["Certificate"]}]}

    assert outcome(policies_of([rule]), an_application(request, a_requester(account))) is not None


@PROPERTY
@given(st.sampled_from(list(GeneralNameType)), st.text())
def test_no_value_makes_a_condition_fail(kind: GeneralNameType, value: str) -> None:
    anything = {"allow": [{"regex": "(?s).*"}], "minLength": 0, "deny": [{"suffix": ".x"}, {"exact": "y"}]}
    rule = {
        **MINIMAL,
        "subject": {"commonName": anything},
        "subjectAlternativeName": {
            "dNSName": anything,
            "rfc822Name": anything,
            "userPrincipalName": anything,
            "uniformResourceIdentifier": {"allow": [{"regex": "(?s).*"}]},
            "iPAddress": {"allow": [{"cidr": "::/0"}]},
        },
    }
    request = a_request(("commonName", value), san=general_names(**{kind: [value]}))

    refused = outcome(policies_of([rule]), an_application(request))

    if refused is not None:
        assert all(len(violation.value) <= 120 for violation in refused)


def test_the_strategies_reach_approvals() -> None:
    """The properties about approvals would be empty otherwise."""
    approved = Counter[bool]()

    @settings(PROPERTY, database=None)
    @given(APPLICATIONS, st.lists(RULES, min_size=1, max_size=3))
    def count(application: Application, rules: list[dict[str, Any]]) -> None:
        approved[outcome(policies_of(rules), application) is None] += 1

    count()
    assert min(approved[True], approved[False]) >= 20
