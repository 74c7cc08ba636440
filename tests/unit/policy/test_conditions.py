from dataclasses import replace

import pytest

from gateway.pki.certificate_request import Extension
from gateway.policy.conditions import (
    CertificatePoliciesCondition,
    ExtendedKeyUsageCondition,
    ExtensionsCondition,
    KeyUsageCondition,
)
from gateway.policy.decision import Application, Concern, Condition
from gateway.policy.vocabulary import JUDGED_EXTENSIONS, REFUSED_EXTENSIONS
from tests.builders import a_key_identifier, a_public_key, a_request, an_application

SERVER_AUTH = "1.3.6.1.5.5.7.3.1"
CLIENT_AUTH = "1.3.6.1.5.5.7.3.2"
CERTIFICATE_REQUEST_AGENT = "1.3.6.1.4.1.311.20.2.1"
SUBJECT_KEY_IDENTIFIER = "2.5.29.14"


def violations(condition: Condition, application: Application, concern: Concern) -> list[tuple[str, str, str]]:
    """(field, value, wanted) of each violation."""
    found = condition.violations("a rule", application)
    assert all((violation.rule, violation.concern) == ("a rule", concern) for violation in found)
    return [(violation.field, violation.value, violation.wanted) for violation in found]


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


@pytest.mark.parametrize("condition", [EXTENSIONS, ExtensionsCondition(frozenset())])
@pytest.mark.parametrize("value", [a_key_identifier(a_public_key("EC")), b"\x04\x01\x00", b"\x05\x00", b""])
def test_a_key_identifier_that_is_no_hash_of_the_key_is_refused_even_if_a_rule_let_it_through(
    condition: ExtensionsCondition, value: bytes
) -> None:
    extension = Extension(SUBJECT_KEY_IDENTIFIER, critical=False, value=value)
    application = an_application(replace(a_request(), extensions=(extension,)))

    (violation,) = condition.violations("a rule", application)

    assert (violation.field, violation.value, violation.wanted, violation.is_forbidden) == (
        "subjectKeyIdentifier",
        value.hex(),
        "a hash of the key of the request",
        True,
    )


def test_a_key_identifier_that_is_a_hash_of_the_key_is_an_extension_like_others() -> None:
    application = an_application(a_request(extra_extensions=[SUBJECT_KEY_IDENTIFIER]))

    ((field, _, wanted),) = violations(ExtensionsCondition(frozenset()), application, Concern.EXTENSIONS)

    assert (field, wanted) == (SUBJECT_KEY_IDENTIFIER, "absent")


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


def test_what_no_policy_can_allow_is_forbidden() -> None:
    request = a_request(
        key_usage=("keyCertSign", "cRLSign", "digitalSignature"),
        extended_key_usage=("2.5.29.37.0", CLIENT_AUTH),
        application_policies=("1.3.6.1.4.1.311.10.12.1",),
        certificate_policies=("2.5.29.32.0", "1.2.3"),
        basic_constraints_ca=True,
        extra_extensions=["2.5.29.30", "1.2.3"],
    )
    conditions: list[Condition] = [
        KeyUsageCondition(frozenset()),
        ExtendedKeyUsageCondition(frozenset()),
        CertificatePoliciesCondition(frozenset()),
        EXTENSIONS,
    ]
    found = [each for condition in conditions for each in condition.violations("a rule", an_application(request))]

    assert {(each.field, each.value) for each in found if each.is_forbidden} == {
        ("keyUsage", "keyCertSign"),
        ("keyUsage", "cRLSign"),
        ("extendedKeyUsage", "2.5.29.37.0"),
        ("applicationPolicies", "1.3.6.1.4.1.311.10.12.1"),
        ("certificatePolicies", "2.5.29.32.0"),
        ("basicConstraints", "cA TRUE"),
        ("nameConstraints", "0500"),
    }
    assert len(found) == 11


def test_without_certificate_policies_in_the_request_there_is_nothing_to_allow() -> None:
    assert violations(CertificatePoliciesCondition(frozenset()), an_application(), Concern.EXTENSIONS) == []


def test_certificate_policies_must_be_among_the_allowed() -> None:
    application = an_application(a_request(certificate_policies=("1.2.3", "1.2.4")))

    assert violations(CertificatePoliciesCondition({"1.2.3", "1.2.4"}), application, Concern.EXTENSIONS) == []
    assert violations(CertificatePoliciesCondition({"1.2.3"}), application, Concern.EXTENSIONS) == [
        ("certificatePolicies", "1.2.4", "1.2.3")
    ]
    assert violations(CertificatePoliciesCondition(frozenset()), application, Concern.EXTENSIONS) == [
        ("certificatePolicies", "1.2.3", "absent"),
        ("certificatePolicies", "1.2.4", "absent"),
    ]


@pytest.mark.parametrize("ca", [None, False])
def test_an_end_entity_may_say_that_it_is_one(ca: bool | None) -> None:
    assert violations(EXTENSIONS, an_application(a_request(basic_constraints_ca=ca)), Concern.EXTENSIONS) == []


def test_nobody_becomes_a_ca() -> None:
    application = an_application(a_request(basic_constraints_ca=True))

    assert violations(EXTENSIONS, application, Concern.EXTENSIONS) == [
        ("basicConstraints", "cA TRUE", "cA FALSE or absent")
    ]
