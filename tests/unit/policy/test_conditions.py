import pytest

from gateway.policy.conditions import (
    AdmittedRequester,
    ExtendedKeyUsageCondition,
    ExtensionsCondition,
    KeyUsageCondition,
    RequestersCondition,
)
from gateway.policy.decision import Application, Concern, Condition
from gateway.policy.patterns import Exact, Regex, Suffix
from gateway.policy.vocabulary import JUDGED_EXTENSIONS, REFUSED_EXTENSIONS
from tests.builders import a_request, a_requester, an_application

SERVER_AUTH = "1.3.6.1.5.5.7.3.1"
CLIENT_AUTH = "1.3.6.1.5.5.7.3.2"
CERTIFICATE_REQUEST_AGENT = "1.3.6.1.4.1.311.20.2.1"
SUBJECT_KEY_IDENTIFIER = "2.5.29.14"


def violations(condition: Condition, application: Application, concern: Concern) -> list[tuple[str, str, str]]:
    """(field, value, wanted) of each violation."""
    found = condition.violations("a rule", application)
    assert all((violation.rule, violation.concern) == ("a rule", concern) for violation in found)
    return [(violation.field, violation.value, violation.wanted) for violation in found]


# --- requesters -----------------------------------------------------------------------------------------------------

REQUESTERS = RequestersCondition(
    (
        AdmittedRequester(Exact("partner-a", ignore_case=True), {"Certificate"}),
        AdmittedRequester(Suffix("@partner-b.example"), {"UsernamePassword", "Certificate"}),
    )
)


@pytest.mark.parametrize(
    ("account", "authentication", "expected"),
    [
        ("partner-a", "Certificate", []),
        ("PARTNER-A", "Certificate", []),
        ("bob@partner-b.example", "Certificate", []),
        ("Bob@Partner-B.example", "UsernamePassword", []),
        ("partner-a", "UsernamePassword", [("authentication", "UsernamePassword", "Certificate")]),
        (
            "partner-c",
            "Certificate",
            [("account", "partner-c", "exactIgnoreCase 'partner-a' or suffix '@partner-b.example'")],
        ),
        (
            "@partner-b.example",
            "Certificate",
            [("account", "@partner-b.example", "exactIgnoreCase 'partner-a' or suffix '@partner-b.example'")],
        ),
    ],
)
def test_account_and_authentication_must_fit_together(
    account: str, authentication: str, expected: list[tuple[str, str, str]]
) -> None:
    requester = a_requester(account, authentication)

    assert violations(REQUESTERS, an_application(requester=requester), Concern.REQUESTERS) == expected
    assert REQUESTERS.admits(requester) is (not expected)


def test_admission_and_violations_agree() -> None:
    for account in ("partner-a", "bob@partner-b.example", "partner-c"):
        for authentication in ("Certificate", "UsernamePassword"):
            requester = a_requester(account, authentication)
            met = not REQUESTERS.violations("a rule", an_application(requester=requester))
            assert REQUESTERS.admits(requester) is met


@pytest.mark.parametrize("account", ["partner-\uff41", "partner-a\u200b", " partner-a", "partner-a\x00"])
def test_an_account_of_look_alike_letters_is_nobody(account: str) -> None:
    anybody = RequestersCondition((AdmittedRequester(Regex("(?s).*"), {"Certificate"}),))

    assert not anybody.admits(a_requester(account))
    assert violations(anybody, an_application(requester=a_requester(account)), Concern.REQUESTERS) == [
        ("account", account, "regex '(?s).*'")
    ]


def test_several_entries_for_an_account_add_up() -> None:
    entries = [AdmittedRequester(Exact("partner-a"), {kind}) for kind in ("Kerberos", "Certificate")]
    condition = RequestersCondition(tuple(entries))

    assert condition.admits(a_requester("partner-a", "Certificate"))
    assert violations(
        condition, an_application(requester=a_requester("partner-a", "UsernamePassword")), Concern.REQUESTERS
    ) == [("authentication", "UsernamePassword", "Certificate or Kerberos")]


# --- usages ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked_for", "expected"),
    [
        (None, []),
        ((), []),
        (("digitalSignature",), []),
        (("digitalSignature", "keyEncipherment"), []),
        (
            ("digitalSignature", "keyCertSign", "cRLSign"),
            [
                ("keyUsage", "keyCertSign", "digitalSignature or keyEncipherment"),
                ("keyUsage", "cRLSign", "digitalSignature or keyEncipherment"),
            ],
        ),
    ],
)
def test_key_usages_must_be_among_the_allowed(
    asked_for: tuple[str, ...] | None, expected: list[tuple[str, str, str]]
) -> None:
    condition = KeyUsageCondition({"digitalSignature", "keyEncipherment"})

    assert violations(condition, an_application(a_request(key_usage=asked_for)), Concern.EXTENSIONS) == expected


def test_without_a_section_no_usage_may_be_asked_for() -> None:
    application = an_application(
        a_request(
            key_usage=("digitalSignature",), extended_key_usage=(SERVER_AUTH,), application_policies=(SERVER_AUTH,)
        )
    )

    assert violations(KeyUsageCondition(frozenset()), application, Concern.EXTENSIONS) == [
        ("keyUsage", "digitalSignature", "absent")
    ]
    assert violations(ExtendedKeyUsageCondition(frozenset()), application, Concern.EXTENSIONS) == [
        ("extendedKeyUsage", SERVER_AUTH, "absent"),
        ("applicationPolicies", SERVER_AUTH, "absent"),
    ]


@pytest.mark.parametrize("field", ["extended_key_usage", "application_policies"])
@pytest.mark.parametrize("asked_for", [None, (), (SERVER_AUTH,), (CLIENT_AUTH, SERVER_AUTH)])
def test_extended_key_usages_may_be_fewer_than_allowed(field: str, asked_for: tuple[str, ...] | None) -> None:
    condition = ExtendedKeyUsageCondition({SERVER_AUTH, CLIENT_AUTH})
    request = (
        a_request(extended_key_usage=asked_for)
        if field == "extended_key_usage"
        else a_request(application_policies=asked_for)
    )

    assert violations(condition, an_application(request), Concern.EXTENSIONS) == []


def test_application_policies_are_held_to_the_same_list() -> None:
    condition = ExtendedKeyUsageCondition({SERVER_AUTH})
    request = a_request(
        extended_key_usage=(SERVER_AUTH, CLIENT_AUTH), application_policies=(CERTIFICATE_REQUEST_AGENT, SERVER_AUTH)
    )

    assert violations(condition, an_application(request), Concern.EXTENSIONS) == [
        ("extendedKeyUsage", CLIENT_AUTH, SERVER_AUTH),
        ("applicationPolicies", CERTIFICATE_REQUEST_AGENT, SERVER_AUTH),
    ]


# --- extensions -----------------------------------------------------------------------------------------------------

EXTENSIONS = ExtensionsCondition({SUBJECT_KEY_IDENTIFIER})


def test_listed_extensions_are_let_through() -> None:
    application = an_application(a_request(extra_extensions=[SUBJECT_KEY_IDENTIFIER]))

    assert violations(EXTENSIONS, application, Concern.EXTENSIONS) == []


@pytest.mark.parametrize("oid", JUDGED_EXTENSIONS)
def test_extensions_that_are_judged_elsewhere_are_not_judged_twice(oid: str) -> None:
    application = an_application(a_request(template=None, extra_extensions=[oid]))

    assert violations(EXTENSIONS, application, Concern.EXTENSIONS) == []


def test_every_other_extension_is_a_violation() -> None:
    application = an_application(a_request(extra_extensions=["1.2.3", SUBJECT_KEY_IDENTIFIER, "2.5.29.31"]))

    assert violations(EXTENSIONS, application, Concern.EXTENSIONS) == [
        ("1.2.3", "0500", "absent"),
        ("2.5.29.31", "0500", "absent"),
    ]


@pytest.mark.parametrize("oid", REFUSED_EXTENSIONS)
def test_some_extensions_are_refused_even_if_a_rule_let_them_through(oid: str) -> None:
    careless = ExtensionsCondition({oid})
    request = a_request(extra_extensions=[oid])

    (violation,) = violations(careless, an_application(request), Concern.EXTENSIONS)

    assert violation[0] == REFUSED_EXTENSIONS[oid]
    assert violation[2] == "absent"


def test_a_security_identifier_is_shown() -> None:
    application = an_application(a_request(security_identifier="S-1-5-21-1-2-3-500"))

    assert violations(EXTENSIONS, application, Concern.EXTENSIONS) == [
        ("securityIdentifier", "S-1-5-21-1-2-3-500", "absent")
    ]


def test_certificate_policies_are_shown() -> None:
    application = an_application(a_request(certificate_policies=("1.2.3", "1.2.4")))

    assert violations(EXTENSIONS, application, Concern.EXTENSIONS) == [
        ("certificatePolicies", "1.2.3, 1.2.4", "absent")
    ]


@pytest.mark.parametrize("ca", [None, False])
def test_an_end_entity_may_say_that_it_is_one(ca: bool | None) -> None:
    assert violations(EXTENSIONS, an_application(a_request(basic_constraints_ca=ca)), Concern.EXTENSIONS) == []


def test_nobody_becomes_a_ca() -> None:
    application = an_application(a_request(basic_constraints_ca=True))

    assert violations(EXTENSIONS, application, Concern.EXTENSIONS) == [
        ("basicConstraints", "cA TRUE", "cA FALSE or absent")
    ]
