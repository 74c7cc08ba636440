"""What is recorded is what is read back: the same application, to be judged again."""

import json
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.audit import facts
from gateway.audit.judged import judged
from gateway.pki import write
from gateway.pki.authorities import UntrustedCertificate, vouched_for_before
from gateway.pki.certificate import Certificate, parse_certificate
from gateway.pki.parse_request import parse_certificate_request
from gateway.pki.write_request import issue
from gateway.policy.comparison import Ruling
from gateway.policy.decision import Application
from gateway.protocol.wstep import ContextItem
from gateway.requester import Requester, Verifier
from gateway.trial import recorded
from gateway.trial.recorded import NotReplayable, recorded_decision, tells_a_decision
from tests.builders import NOW, a_requester, an_account
from tests.requests import a_certification_request, a_key

REQUEST = parse_certificate_request(a_certification_request())


def a_client_certificate(serial_number: int = 7) -> bytes:
    return issue(
        subject=write.name([("commonName", "partner-a")]),
        key=a_key(),
        serial_number=serial_number,
        not_before=NOW,
        not_after=datetime(2027, 1, 1, tzinfo=UTC),
        extensions=[],
    ).certificate


BY_CERTIFICATE = Requester(
    "alice@corp.example",
    parse_certificate(a_client_certificate()),
    Verifier.TLS,
    NOW,
    "a mapping rule",
    an_account(mail="alice@mail.example", dns_host_name="pc1.corp.example", common_name="A", display_name="Alice"),
    partner="Partner A",
)
BY_PASSWORD = a_requester("alice", "UsernamePassword")


def a_line(application: Application, **changes: object) -> dict[str, Any]:
    told = {
        "time": "2026-06-01T12:00:00.000000Z",
        "event": "refused",
        "call_id": "call-1",
        "reason": "not_permitted",
        **facts.of_requester(application.requester),
        **facts.of_application(application),
        **judged(application, is_approved=False),
        **changes,
    }
    line: dict[str, Any] = json.loads(json.dumps(told))
    return line


@pytest.mark.parametrize("requester", [BY_CERTIFICATE, BY_PASSWORD])
def test_the_application_is_the_one_that_was_recorded(requester: Requester) -> None:
    application = Application(requester, REQUEST, (ContextItem("ccm", "pc1"),))

    read = recorded_decision(a_line(application)).application

    assert (read.request, read.additional_context) == (application.request, application.additional_context)
    assert (read.requester.account, read.requester.authentication) == (requester.account, requester.authentication)
    assert (read.requester.partner, read.requester.mapping_rule) == (requester.partner, requester.mapping_rule)
    assert not read.requester.is_verified


def test_everything_that_a_condition_can_ask_of_the_requester_is_kept() -> None:
    read = recorded_decision(a_line(Application(BY_CERTIFICATE, REQUEST))).application.requester

    assert read.evidence == BY_CERTIFICATE.evidence
    assert read.directory_account == BY_CERTIFICATE.directory_account


def test_who_was_vouched_for_then_is_vouched_for_now_and_nobody_else() -> None:
    known, unknown = parse_certificate(a_client_certificate()), parse_certificate(a_client_certificate(8))
    request = replace(REQUEST, signers=(known, unknown))

    (trusted,) = recorded._signers(request, {known.sha256_fingerprint: "Partner CA"})

    assert (trusted.certificate, trusted.authority) == (known, "Partner CA")


def test_what_the_authorities_said_of_the_client_certificate_is_kept() -> None:
    assert isinstance(BY_CERTIFICATE.evidence, Certificate)
    shown = vouched_for_before(BY_CERTIFICATE.evidence, "Partner CA")
    application = Application(BY_CERTIFICATE, REQUEST, shown=shown)

    assert recorded_decision(a_line(application)).application.shown == shown


@pytest.mark.parametrize("reason", ["it was revoked", None])
def test_who_was_not_vouched_for_then_is_not_now(reason: str | None) -> None:
    assert isinstance(BY_CERTIFICATE.evidence, Certificate)
    shown = None if reason is None else UntrustedCertificate(BY_CERTIFICATE.evidence, reason)

    read = recorded_decision(a_line(Application(BY_CERTIFICATE, REQUEST, shown=shown))).application.shown

    assert read == UntrustedCertificate(BY_CERTIFICATE.evidence, "no authority did when the request came")
    assert recorded_decision(a_line(Application(BY_PASSWORD, REQUEST))).application.shown is None


def test_what_was_decided_is_told() -> None:
    violation = {"rule": "r", "concern": "key", "field": "publicKey", "value": "RSA 1024", "wanted": "RSA 2048"}
    application = Application(BY_PASSWORD, REQUEST)

    refused = recorded_decision(a_line(application, policy="web", violations=[violation | {"more": 1}]))
    approved = recorded_decision(a_line(application, event="approved", policy="web", rule="r"))

    assert (refused.time, refused.call_id, refused.account) == ("2026-06-01T12:00:00.000000Z", "call-1", "alice")
    assert (refused.ruling, refused.reason) == (Ruling("web", None), "not_permitted")
    assert [str(each) for each in refused.violations] == ["r: key: publicKey is 'RSA 1024', wanted RSA 2048"]
    assert approved.ruling == Ruling("web", "r")


@pytest.mark.parametrize(
    ("fields", "is_told"),
    [
        ({"event": "approved"}, True),
        ({"event": "refused", "judged": {}}, True),
        ({"event": "refused"}, False),
        ({"event": "answered"}, False),
        ({}, False),
    ],
)
def test_which_lines_tell_a_decision(fields: dict[str, object], is_told: bool) -> None:
    assert tells_a_decision(fields) is is_told


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"judged": {"omitted": "an account in more than 1000 groups"}}, "not recorded: an account in more than"),
        ({"judged": {"request": "MAA="}}, "not as this program writes it"),
        ({"judged": 1}, "not as this program writes it"),
        ({"account": None}, "not as this program writes it"),
    ],
)
def test_a_line_without_all_that_it_takes_is_not_replayable(changes: dict[str, object], reason: str) -> None:
    with pytest.raises(NotReplayable, match=reason):
        recorded_decision(a_line(Application(BY_PASSWORD, REQUEST), **changes))


def test_a_line_of_an_earlier_version_is_not_replayable() -> None:
    line = a_line(Application(BY_PASSWORD, REQUEST))
    del line["judged"]

    with pytest.raises(NotReplayable, match="a version that did not record"):
        recorded_decision(line)


@pytest.mark.parametrize(
    ("request_", "reason"), [(b64encode(b"\x30\x00").decode(), "malformed_request"), ("not base64", "not as this")]
)
def test_a_request_that_cannot_be_read_is_not_replayable(request_: str, reason: str) -> None:
    line = a_line(Application(BY_PASSWORD, REQUEST))
    line["judged"]["request"] = request_

    with pytest.raises(NotReplayable, match=reason):
        recorded_decision(line)


def test_an_unreadable_client_certificate_is_not_replayable() -> None:
    line = a_line(Application(replace(BY_CERTIFICATE, directory_account=None), REQUEST))
    line["judged"]["requester"]["client_certificate"] = "MAA="

    with pytest.raises(NotReplayable, match="malformed"):
        recorded_decision(line)
