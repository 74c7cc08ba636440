"""Whoever authenticated outside arrives at the CA as the right account: seen in the certificate that comes back."""

import asyncio
import base64
from pathlib import Path

import pytest

from tests.domain_stand import (
    CES_KERBEROS,
    WAYS,
    DomainStand,
    Setting,
    a_domain_stand,
    a_request,
    identity_in,
    transition,
)

TEMPLATES = {"alice": "CorpUser", "bob": "CorpUser", "heidi": "CorpUser", "PC1$": "CorpMachine"}
"""bob's UPN is another name than his account's, heidi's has another suffix, PC1$ is a computer."""


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", TEMPLATES)
async def test_an_account_gets_a_certificate_with_its_own_name_and_sid(stand: DomainStand, name: str, way: str) -> None:
    answer = await stand.enroll(name, way, template=TEMPLATES[name])

    assert answer.status == 200, answer.body
    assert identity_in(answer.certificate) == stand.identity_of(name)
    (approved, answered) = stand.audit("approved", "answered")
    assert approved["account"] == answered["account"] == f"{name}@corp.fabrikam.example"
    assert answered["directory_account"]["sid"] == stand.identity_of(name).sid


@pytest.mark.parametrize(
    ("way", "word"),
    [
        ("certificate", "protocol_transition"),
        ("password", "protocol_transition"),
        ("kerberos", "protocol_transition"),
        ("password", "user_ticket"),
        ("kerberos", "constrained_delegation"),
    ],
)
async def test_each_transition_leads_to_the_requester_s_own_account(
    setting: Setting, tmp_path: Path, way: str, word: str
) -> None:
    services = (f"ca1-{way}", f"cep-{way}")
    async with a_domain_stand(setting, tmp_path, transition(word, *services)) as stand:
        issued = await stand.enroll("alice", way)
        policies = await stand.fetch_policies("alice", way)

        assert identity_in(issued.certificate) == stand.identity_of("alice")
        assert policies.status == 200, policies.body
        assert policies.find(".//xcep:commonName") == "CorpUser"
        arrivals = [received.arrival.account for received in stand.lab.received if received.arrival]
        assert [account and account.name for account in arrivals] == ["alice", "alice"]
        told = stand.audit("answered")[0]
        assert told["transition"] == word
        assert told["ticket"]["account"] == "alice@corp.fabrikam.example"
        assert told["ticket"]["service_principal_name"].startswith("HTTP/ces.corp.fabrikam.example")
        assert told["ticket"]["starts"] < told["ticket"]["ends"]


@pytest.mark.parametrize("way", WAYS)
async def test_the_gateway_s_own_account_may_go_inside_but_gets_no_certificate_out_in_its_own_name(
    setting: Setting, tmp_path: Path, way: str
) -> None:
    """The CA would build the certificate of an online template from whoever reaches it."""
    async with a_domain_stand(setting, tmp_path, transition("own_account")) as stand:
        policies = await stand.fetch_policies("alice", way)
        answer = await stand.enroll("alice", way)

        assert policies.status == 200, policies.body
        assert (await stand.refusal_of(answer))["reason"] == "certificate_withheld"
        told = stand.audit("withheld")[0]
        assert told["account"] == "alice@corp.fabrikam.example"
        assert told["transition"] == "own_account"
        assert told["ticket"]["account"] == "svc-gateway@corp.fabrikam.example"
        assert {objection["field"] for objection in told["objections"]} >= {"subject", "securityIdentifier"}


async def test_names_of_every_kind_lead_to_the_same_account(stand: DomainStand) -> None:
    names = ("alice", "CORP\\alice", "ALICE@corp.fabrikam.example", "alice@CORP.FABRIKAM.EXAMPLE")
    heidi = ("heidi", "heidi.jones@partner-a.example", "heidi@corp.fabrikam.example")

    for owner, spelling in [("alice", name) for name in names] + [("heidi", name) for name in heidi]:
        answer = await stand.enroll(owner, "password", username=spelling)
        assert identity_in(answer.certificate) == stand.identity_of(owner), spelling


async def test_a_cached_ticket_asks_no_kdc_and_serves_nobody_else(stand: DomainStand) -> None:
    first = await stand.enroll("alice", "certificate")
    exchanges = stand.relay().exchanges

    second = await stand.enroll("alice", "certificate")
    assert stand.relay().exchanges == exchanges
    third = await stand.enroll("bob", "certificate")

    assert stand.relay().exchanges > exchanges
    assert identity_in(first.certificate) == identity_in(second.certificate) == stand.identity_of("alice")
    assert identity_in(third.certificate) == stand.identity_of("bob")
    assert [line["ticket"]["cached"] for line in stand.audit("answered")] == [False, True, False]


async def test_no_connection_to_the_inside_carries_more_than_one_account(stand: DomainStand) -> None:
    for name in ("alice", "bob", "alice", "heidi"):
        await stand.enroll(name, "certificate")

    assert len(stand.lab.received) == 4
    assert len({received.connection for received in stand.lab.received}) == 4


async def test_right_passwords_of_one_account_that_come_together_are_all_served(stand: DomainStand) -> None:
    answers = await asyncio.gather(*(stand.enroll("alice", "password") for _ in range(12)))

    assert [answer.status for answer in answers] == [200] * 12


async def test_the_reply_to_a_kerberos_client_proves_the_gateway(stand: DomainStand) -> None:
    domain = stand.setting.domain
    initiation = await stand.initiate("alice", domain.password("alice"))
    body = stand.issue(a_request(), template="CorpUser", security="")
    header = ("Authorization", f"Negotiate {base64.b64encode(initiation.token).decode()}")

    answer = await stand.post(body, CES_KERBEROS, headers=(header,))

    scheme, _, token = answer.headers["WWW-Authenticate"].partition(" ")
    assert scheme == "Negotiate"
    assert initiation.verifies(base64.b64decode(token))


async def test_the_audit_record_of_all_this_is_intact(stand: DomainStand) -> None:
    for way in WAYS:
        await stand.enroll("alice", way)
        await stand.enroll("carol", way)

    stand.assert_audit_is_intact()
    assert stand.setting.domain.password("alice") not in stand.audit_file.read_text()
