"""Who may not, and why: each reason of its own in the audit record, the same words for all of them outside."""

import base64
from pathlib import Path

import pytest

from gateway.diagnosis import DIAGNOSES
from gateway.lab.accounts import Account
from gateway.lab.credentials import Issuer, KeyPair
from gateway.lab.domain import Domain
from gateway.lab.kerberos_client import NoTicket
from tests.domain_stand import (
    CEP_KERBEROS,
    CES_KERBEROS,
    CES_PASSWORD,
    DomainStand,
    Setting,
    a_domain_stand,
    a_request,
    transition,
)

NEVER = {
    "carol": ("account_sensitive", "D51"),
    "paul": ("account_protected", "D52"),
    "dora": ("account_disabled", "D43"),
    "frank": ("account_expired", "D45"),
    "erin": ("password_expired", "D46"),
    "adam": ("account_privileged", "D50"),
    "svc-gateway": ("account_is_own", "D23"),
    "svc-ces": ("account_outside_scope", "D49"),
}
"""By account: the reason in the audit record, and the diagnosis."""


@pytest.mark.parametrize("way", ["certificate", "password"])
@pytest.mark.parametrize("name", NEVER)
async def test_whom_the_gateway_does_not_stand_for_is_refused_with_the_reason(
    stand: DomainStand, name: str, way: str
) -> None:
    reason, diagnosis = NEVER[name]

    answer = await stand.enroll(name, way)

    refusal = await stand.refusal_of(answer)
    assert (answer.status, refusal["reason"], refusal["diagnosis"]) == (500, reason, diagnosis), refusal["detail"]
    assert diagnosis in DIAGNOSES
    assert stand.lab.issued == []
    assert name not in answer.body.decode()


@pytest.mark.parametrize("name", ["carol", "paul", "adam", "svc-gateway"])
async def test_a_kerberos_ticket_is_no_way_around_the_guard(stand: DomainStand, name: str) -> None:
    answer = await stand.enroll(name, "kerberos")

    assert (await stand.refusal_of(answer))["reason"] == NEVER[name][0]
    assert stand.lab.issued == []


@pytest.mark.parametrize("word", ["protocol_transition", "user_ticket"])
@pytest.mark.parametrize("name", ["carol", "paul", "adam"])
async def test_no_transition_takes_whom_the_guard_refuses(
    setting: Setting, tmp_path: Path, name: str, word: str
) -> None:
    async with a_domain_stand(setting, tmp_path, transition(word, "ca1-password")) as stand:
        answer = await stand.enroll(name, "password")

        assert (await stand.refusal_of(answer))["reason"] == NEVER[name][0]
        assert stand.lab.received == []


async def test_a_locked_account_is_refused_and_told_apart(stand: DomainStand, domain: Domain, gina: str) -> None:
    for _ in range(domain.spec.lockout_threshold):
        # Somebody else, not through the gateway.
        with pytest.raises(NoTicket):
            stand.setting.kerberos.initiate(f"{gina}@{domain.realm}", "wrong", "HTTP/enroll.fabrikam.example")

    by_password = await stand.refusal_of(await stand.enroll(gina, "password"))
    by_certificate = await stand.refusal_of(await stand.enroll(gina, "certificate"))

    assert (by_password["reason"], by_password["diagnosis"]) == ("account_locked", "D44")
    assert (by_certificate["reason"], by_certificate["diagnosis"]) == ("account_locked", "D44")


async def test_an_account_that_is_disabled_while_its_ticket_is_cached_is_refused_at_once(
    stand: DomainStand, domain: Domain
) -> None:
    assert (await stand.enroll("bob", "certificate")).status == 200
    (control,) = domain.ldb().attributes("bob", "userAccountControl")["userAccountControl"]
    domain.ldb().modify("bob", userAccountControl=str(int(control) | 2))
    try:
        answer = await stand.enroll("bob", "certificate")
    finally:
        domain.ldb().modify("bob", userAccountControl=control)

    assert (await stand.refusal_of(answer))["reason"] == "account_disabled"
    assert (await stand.enroll("bob", "certificate")).status == 200


async def test_a_user_whom_the_directory_does_not_know_is_told_apart(stand: DomainStand, tmp_path: Path) -> None:
    by_password = await stand.enroll("alice", "password", username="nobody@corp.fabrikam.example")
    assert (await stand.refusal_of(by_password))["reason"] == "unknown_user"

    stranger = Account(
        name="nobody",
        user_principal_name="nobody@corp.fabrikam.example",
        distinguished_name="CN=nobody",
        sid="S-1-5-21-1-2-3-4",
        groups=frozenset(),
    )
    files = KeyPair(tmp_path / "nobody.pem", tmp_path / "nobody.key.pem")
    Issuer.open(stand.world.partner_root).issue_client(stranger, "Partner A").write(files)
    body = stand.issue(a_request(), template="CorpUser", security="")
    by_certificate = await stand.post(body, "/Fabrikam Issuing CA 1_CES_Certificate/service.svc/CES", client=files)
    refusal = await stand.refusal_of(by_certificate)
    assert (refusal["reason"], refusal["diagnosis"]) == ("unknown_user", "D41")


async def test_a_wrong_password_a_locked_a_disabled_and_an_unknown_account_look_the_same_from_outside(
    stand: DomainStand, gina: str
) -> None:
    answers = [
        await stand.enroll("alice", "password", password="wrong"),
        await stand.enroll("dora", "password"),
        await stand.enroll("frank", "password"),
        await stand.enroll("erin", "password"),
        await stand.enroll("alice", "password", username="nobody@corp.fabrikam.example"),
    ]

    told = {
        (answer.status, answer.fault.code, answer.fault.subcode, answer.fault.text.partition(" (call")[0])
        for answer in answers
    }
    assert len(told) == 1
    reasons = [(await stand.refusal_of(answer))["reason"] for answer in answers]
    assert reasons == ["wrong_password", "account_disabled", "account_expired", "password_expired", "unknown_user"]


@pytest.mark.parametrize("name", ["svc-gateway", "adam", "carol", "paul", "svc-ces"])
async def test_a_guess_at_an_account_that_never_enrolls_is_not_tried_and_learns_nothing(
    stand: DomainStand, domain: Domain, name: str
) -> None:
    right = await stand.enroll(name, "password")
    wrong = await stand.enroll(name, "password", password="a guess")
    ordinary = await stand.enroll("bob", "password", password="a guess")

    (count,) = domain.ldb().attributes(name, "badPwdCount")["badPwdCount"] or ("0",)
    assert count == "0"
    told = {
        (answer.status, answer.fault.code, answer.fault.subcode, answer.fault.text.partition(" (call")[0])
        for answer in (right, wrong, ordinary)
    }
    assert len(told) == 1
    domain.ldb().unlock("bob")


async def test_the_gateway_never_reaches_the_threshold_that_locks_an_account(
    stand: DomainStand, domain: Domain, gina: str
) -> None:
    refusals = [await stand.refusal_of(await stand.enroll(gina, "password", password=f"{n}")) for n in range(5)]

    (count,) = domain.ldb().attributes(gina, "badPwdCount")["badPwdCount"]
    assert int(count) < domain.spec.lockout_threshold
    assert refusals[0]["reason"] == "wrong_password"
    assert {refusal["reason"] for refusal in refusals[int(count) :]} == {"password_not_tried"}
    assert refusals[-1]["diagnosis"] == "D48"


NTLM = b"NTLMSSP\0\x01\0\0\0\x97\x82\x08\xe2" + bytes(24)
"""NEGOTIATE_MESSAGE ([MS-NLMP] 2.2.1.1)."""
NTLM_IN_SPNEGO = bytes.fromhex("604806062b0601050502a03e303ca00e300c060a2b06010401823702020aa22a0428") + NTLM


@pytest.mark.parametrize("path", [CES_KERBEROS, CEP_KERBEROS, CES_PASSWORD])
@pytest.mark.parametrize("scheme", ["Negotiate", "NTLM"])
@pytest.mark.parametrize("token", [NTLM, NTLM_IN_SPNEGO], ids=["raw", "in SPNEGO"])
async def test_ntlm_is_refused_on_every_path(stand: DomainStand, path: str, scheme: str, token: bytes) -> None:
    body = (
        stand.get_policies(security="")
        if path == CEP_KERBEROS
        else stand.issue(a_request(), template="CorpUser", security="")
    )
    header = ("Authorization", f"{scheme} {base64.b64encode(token).decode()}")

    answer = await stand.post(body, path, headers=(header,))

    refusal = await stand.refusal_of(answer)
    if path == CES_PASSWORD:
        # Not looked at there: the password counts, and there is none.
        assert (answer.status, refusal["reason"]) == (500, "credentials_missing")
    else:
        assert (answer.status, refusal["reason"], refusal["diagnosis"]) == (401, "ntlm_refused", "D61")
        assert answer.headers["WWW-Authenticate"] == "Negotiate"
    assert stand.lab.received == []


async def test_ntlm_never_goes_inside(stand: DomainStand) -> None:
    for way in ("certificate", "password", "kerberos"):
        await stand.enroll("alice", way)

    tokens = [
        base64.b64decode(value.partition(" ")[2])
        for received in stand.lab.received
        for name, value in received.headers
        if name.lower() == "authorization"
    ]
    assert len(tokens) == 3
    assert not any(b"NTLMSSP" in token for token in tokens)


async def test_a_replayed_token_is_refused(stand: DomainStand, domain: Domain) -> None:
    initiation = await stand.initiate("alice", domain.password("alice"))
    body = stand.issue(a_request(), template="CorpUser", security="")
    header = ("Authorization", f"Negotiate {base64.b64encode(initiation.token).decode()}")

    first = await stand.post(body, CES_KERBEROS, headers=(header,))
    second = await stand.post(body, CES_KERBEROS, headers=(header,))

    assert first.status == 200
    assert second.status == 401
    assert (await stand.refusal_of(second))["reason"] == "ticket_replayed"


async def test_a_token_for_another_tls_server_is_refused(stand: DomainStand, domain: Domain) -> None:
    for bindings, reason in (
        (b"tls-server-end-point:" + bytes(32), "channel_bindings_wrong"),
        (None, "channel_bindings_missing"),
    ):
        initiation = stand.setting.kerberos.initiate(
            f"alice@{domain.realm}", domain.password("alice"), "HTTP/enroll.fabrikam.example", channel_bindings=bindings
        )
        header = ("Authorization", f"Negotiate {base64.b64encode(initiation.token).decode()}")
        answer = await stand.post(
            stand.issue(a_request(), template="CorpUser", security=""), CES_KERBEROS, headers=(header,)
        )
        assert (answer.status, (await stand.refusal_of(answer))["reason"]) == (401, reason)


async def test_a_ticket_that_is_not_forwardable_cannot_be_passed_on(stand: DomainStand) -> None:
    stand.setting.kerberos.forget()

    answer = await stand.enroll("alice", "kerberos", forwardable=False)

    stand.setting.kerberos.forget()
    refusal = await stand.refusal_of(answer)
    assert (refusal["reason"], refusal["diagnosis"]) == ("evidence_not_forwardable", "D66")


async def test_a_request_without_a_token_is_asked_for_one_and_the_connection_stays_open(stand: DomainStand) -> None:
    body = stand.get_policies(security="")
    head = (
        f"POST {CEP_KERBEROS} HTTP/1.1\r\nHost: enroll.fabrikam.example\r\n"
        f"Content-Type: application/soap+xml; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
    )
    last = head + "Connection: close\r\n"

    raw = await stand.send((head + "\r\n").encode() + body + (last + "\r\n").encode() + body)

    assert raw.count(b"HTTP/1.1 401 ") == 2
    assert raw.count(b"WWW-Authenticate: Negotiate\r\n") == 2
    first = raw.partition(b"\r\n\r\n")[0].lower()
    assert b"connection: close" not in first
    assert stand.audit("refused") == []
