"""Whose the names in an issued certificate are."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from gateway.pki.certificate import Certificate
from gateway.pki.names import GeneralName
from gateway.policy.decision import Template
from gateway.policy.issued_names import strangers
from gateway.requester import Requester
from tests.builders import a_certificate, a_name, a_requester, an_account, an_expectation, general_names

OFFLINE = an_expectation(
    subject=a_name(("commonName", "Web01"), ("emailAddress", "Web@partner-a.example"), ("domainComponent", "corp")),
    subject_alternative_name=general_names(
        dNSName=["Web01.partner-a.example"],
        iPAddress=["192.0.2.1"],
        uniformResourceIdentifier=["https://web01/Path"],
    ),
)
ONLINE = replace(OFFLINE, template=Template("CorpUser", enrollee_supplies_subject=False))
SID_URI = "tag:microsoft.com,2022-09-14:sid:S-1-5-21-1-2-3-500"


def issued(*subject: tuple[str, str], san: Iterable[GeneralName] = ()) -> Certificate:
    return replace(a_certificate(*subject), subject_alternative_name=tuple(san))


def in_directory(**changes: Any) -> Requester:
    return replace(a_requester("alice@corp.example"), directory_account=an_account(**changes))


def of_subject(certificate: Certificate, requester: Requester | None = None, *, online: bool = False) -> list[str]:
    expected = ONLINE if online else OFFLINE
    found = strangers(certificate, expected, requester or a_requester())
    return [f"{attribute.type}={attribute.value}" for attribute in found.subject.attributes()]


def of_names(certificate: Certificate, requester: Requester | None = None, *, online: bool = False) -> list[str]:
    expected = ONLINE if online else OFFLINE
    found = strangers(certificate, expected, requester or a_requester())
    return [f"{name.type}:{name.value}" for name in found.subject_alternative_name]


# --- an offline template --------------------------------------------------------------------------------------------


def test_what_was_asked_for_may_come_in_any_order_and_some_of_it_not_at_all() -> None:
    assert of_subject(issued(("emailAddress", "web@PARTNER-A.example"), ("commonName", "Web01"))) == []
    assert of_subject(issued(("commonName", "Web01"))) == []


def test_mail_addresses_and_domains_are_the_same_in_any_case_and_common_names_are_not() -> None:
    assert of_subject(issued(("emailAddress", "WEB@partner-a.example"), ("domainComponent", "Corp"))) == []
    assert of_subject(issued(("commonName", "web01"))) == ["commonName=web01"]


def test_what_comes_more_often_than_it_was_asked_for_is_a_stranger() -> None:
    assert of_subject(issued(("commonName", "Web01"), ("commonName", "Web01"))) == ["commonName=Web01"]


def test_a_value_of_another_type_is_a_stranger() -> None:
    assert of_subject(issued(("organizationName", "Web01"))) == ["organizationName=Web01"]


def test_dns_names_are_the_same_in_any_case_and_uris_are_not() -> None:
    san = general_names(
        dNSName=["web01.PARTNER-A.example"], iPAddress=["192.0.2.1"], uniformResourceIdentifier=["https://web01/path"]
    )

    assert of_names(issued(san=san)) == ["uniformResourceIdentifier:https://web01/path"]


def test_a_uri_that_states_a_sid_is_no_name() -> None:
    assert of_names(issued(san=general_names(uniformResourceIdentifier=[SID_URI]))) == []
    assert of_names(issued(san=general_names(rfc822Name=[SID_URI]))) == [f"rfc822Name:{SID_URI}"]


def test_the_account_s_names_are_strangers_where_the_request_supplies_them() -> None:
    assert of_subject(issued(("commonName", "alice")), in_directory()) == ["commonName=alice"]


# --- an online template ---------------------------------------------------------------------------------------------


def test_what_was_asked_for_is_a_stranger_where_the_directory_supplies_the_names() -> None:
    certificate = issued(("commonName", "Web01"), san=general_names(dNSName=["Web01.partner-a.example"]))

    assert of_subject(certificate, in_directory(), online=True) == ["commonName=Web01"]
    assert of_names(certificate, in_directory(), online=True) == ["dNSName:Web01.partner-a.example"]


OWN: list[tuple[dict[str, object], tuple[str, str]]] = [
    ({}, ("commonName", "ALICE")),
    ({}, ("commonName", "users")),
    ({}, ("domainComponent", "corp")),
    ({"common_name": "Alice Archer"}, ("commonName", "Alice Archer")),
    ({"display_name": "Archer, Alice"}, ("commonName", "Archer, Alice")),
    ({"dns_host_name": "pc1.corp.example"}, ("commonName", "pc1.corp.example")),
    ({"mail": "alice@partner-a.example"}, ("emailAddress", "Alice@partner-a.example")),
    ({"distinguished_name": "CN=a,OU=Staff,O=Corp,DC=corp"}, ("organizationalUnitName", "Staff")),
    ({"distinguished_name": "CN=Archer\\, Alice,DC=corp"}, ("commonName", "Archer, Alice")),
    ({"distinguished_name": "1.2.3=odd,DC=corp"}, ("1.2.3", "odd")),
]


EVERY_TYPE = "CN=a,OU=b,O=c,L=d,ST=e,C=DE,STREET=f,UID=g,DC=h"


@pytest.mark.parametrize(
    "attribute",
    [
        *(("commonName", "a"), ("organizationalUnitName", "b"), ("organizationName", "c"), ("localityName", "d")),
        *(("stateOrProvinceName", "e"), ("countryName", "DE"), ("streetAddress", "f"), ("userId", "g")),
        ("domainComponent", "h"),
    ],
)
def test_a_distinguished_name_is_read_as_the_directory_writes_it(attribute: tuple[str, str]) -> None:
    requester = in_directory(distinguished_name=EVERY_TYPE)

    assert of_subject(issued(attribute), requester, online=True) == []


@pytest.mark.parametrize(("account", "attribute"), OWN)
def test_what_the_directory_knows_of_the_account_is_its_own(
    account: dict[str, object], attribute: tuple[str, str]
) -> None:
    assert of_subject(issued(attribute), in_directory(**account), online=True) == []


OWN_NAMES: list[tuple[dict[str, object], dict[str, list[str]]]] = [
    ({"user_principal_name": "alice.archer@partner.example"}, {"userPrincipalName": ["Alice.Archer@partner.example"]}),
    ({"user_principal_name": None}, {"userPrincipalName": ["alice@corp.example"]}),
    ({"mail": "alice@partner-a.example"}, {"rfc822Name": ["alice@partner-a.example"]}),
    ({"dns_host_name": "pc1.corp.example"}, {"dNSName": ["PC1.corp.example"]}),
]


@pytest.mark.parametrize(("account", "names"), OWN_NAMES)
def test_what_the_directory_knows_of_the_account_is_its_own_in_the_alternative_name(
    account: dict[str, object], names: dict[str, list[str]]
) -> None:
    assert of_names(issued(san=general_names(**names)), in_directory(**account), online=True) == []


def test_what_the_directory_does_not_know_is_a_stranger() -> None:
    certificate = issued(("emailAddress", "alice@corp.example"), san=general_names(dNSName=["pc1.corp.example"]))

    assert of_subject(certificate, in_directory(), online=True) == ["emailAddress=alice@corp.example"]
    assert of_names(certificate, in_directory(), online=True) == ["dNSName:pc1.corp.example"]


def test_a_distinguished_name_that_cannot_be_read_is_nobody_s() -> None:
    account = in_directory(distinguished_name="CN=#0401", sam_account_name="alice")

    assert of_subject(issued(("domainComponent", "corp")), account, online=True) == ["domainComponent=corp"]


def test_without_a_directory_the_name_that_was_verified_is_all_that_is_known() -> None:
    alice = a_requester("alice@corp.example", "UsernamePassword")
    certificate = issued(
        ("commonName", "alice"),
        san=general_names(userPrincipalName=["Alice@corp.example", "bob@corp.example"]),
    )

    assert of_subject(certificate, alice, online=True) == ["commonName=alice"]
    assert of_names(certificate, alice, online=True) == ["userPrincipalName:bob@corp.example"]


def test_an_enrollment_agent_s_own_names_are_strangers() -> None:
    expected = replace(ONLINE, requester_name="CORP\\bob")
    requester = replace(a_requester(), directory_account=an_account())

    assert strangers(issued(("commonName", "alice")), expected, requester).subject == a_name(("commonName", "alice"))
