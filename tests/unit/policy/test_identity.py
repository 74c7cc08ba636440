from dataclasses import replace

import pytest

from gateway.policy.identity import IDENTITY, has_identity
from tests.builders import a_certificate, a_requester, an_account, general_names

CERTIFICATE = replace(
    a_certificate(("commonName", "Alice"), ("organizationName", "Partner A"), ("commonName", "a second")),
    subject_alternative_name=general_names(
        dNSName=["pc1.partner.example", "pc2.partner.example"],
        userPrincipalName=["alice@partner.example"],
        rfc822Name=["alice.smith@partner.example"],
    ),
)
ACCOUNT = an_account(
    "asmith",
    user_principal_name="alice@corp.example",
    common_name="Alice Smith",
    display_name="Smith, Alice",
    mail="mail@corp.example",
    dns_host_name="pc1.corp.example",
)
ALICE = replace(a_requester("asmith@corp.example"), evidence=CERTIFICATE, directory_account=ACCOUNT)
BY_PASSWORD = a_requester("partner-a", "UsernamePassword")

OWN = [
    ("account", "asmith@corp.example"),
    ("userPrincipalName", "alice@corp.example"),
    ("userPrincipalName", "asmith@corp.example"),
    ("dNSHostName", "pc1.corp.example"),
    ("sAMAccountName", "asmith"),
    ("mail", "mail@corp.example"),
    ("commonName", "Alice Smith"),
    ("displayName", "Smith, Alice"),
    ("objectSid", "S-1-5-21-1-2-3-1104"),
    ("certificate.dNSName", "pc1.partner.example"),
    ("certificate.dNSName", "pc2.partner.example"),
    ("certificate.userPrincipalName", "alice@partner.example"),
    ("certificate.rfc822Name", "alice.smith@partner.example"),
    ("certificate.commonName", "Alice"),
    ("certificate.commonName", "a second"),
]


def test_every_word_is_in_the_table_below() -> None:
    assert {word for word, _ in OWN} == set(IDENTITY)


@pytest.mark.parametrize(("word", "value"), OWN)
def test_a_value_is_what_the_requester_is_in_any_case(word: str, value: str) -> None:
    assert has_identity(ALICE, word, value)
    assert has_identity(ALICE, word, value.upper())
    assert not has_identity(ALICE, word, f"{value}x")
    assert not has_identity(ALICE, word, "")


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("certificate.commonName", "Partner A"),
        ("certificate.dNSName", "alice@partner.example"),
        ("certificate.userPrincipalName", "alice.smith@partner.example"),
        ("certificate.rfc822Name", "alice@partner.example"),
    ],
)
def test_a_value_of_another_field_of_the_certificate_is_not_this_one(word: str, value: str) -> None:
    assert not has_identity(ALICE, word, value)


@pytest.mark.parametrize("word", [word for word in IDENTITY if word != "account"])
@pytest.mark.parametrize("value", ["", "none", "None", "alice@corp.example"])
def test_a_requester_without_the_fact_is_nothing(word: str, value: str) -> None:
    assert not has_identity(BY_PASSWORD, word, value)


@pytest.mark.parametrize("word", ["dNSHostName", "mail", "commonName", "displayName"])
def test_what_the_directory_does_not_show_is_nothing(word: str) -> None:
    requester = replace(BY_PASSWORD, directory_account=an_account("asmith"))

    assert not has_identity(requester, word, "None")


def test_an_account_without_a_principal_name_of_its_own_has_the_one_that_every_account_has() -> None:
    requester = replace(BY_PASSWORD, directory_account=an_account("pc1$", user_principal_name=None))

    assert has_identity(requester, "userPrincipalName", "pc1$@corp.example")
