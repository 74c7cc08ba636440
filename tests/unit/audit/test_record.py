from base64 import b64decode
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gateway.audit import facts
from gateway.audit.log import AuditLog
from gateway.audit.record import CallRecord
from gateway.config import TransitionKind
from gateway.credential import Credential, OwnCertificate
from gateway.enrollment_policy import Offer, Told, View
from gateway.errors import (
    CertificateNotMapped,
    CertificateWithheld,
    GatewayError,
    Objection,
    RateLimited,
    StateUnavailable,
    TicketRefusedInside,
    UnknownUser,
    Unmatched,
)
from gateway.policy.comparison import Change, Difference
from gateway.policy.decision import Concern, Decision, Mode, NotPermitted, Violation
from gateway.protocol.key_exchange import KeyExchangeToken
from gateway.protocol.security import Secret, UsernameToken
from gateway.protocol.soap import CertificateEnrollmentWSDetail, Fault, RenderedBody, UpstreamRefused
from gateway.protocol.wstep import Issued, Pending
from gateway.protocol.xcep import GetPoliciesResponse
from gateway.requester import Assumed, Requester, Verifier
from gateway.tickets import CredentialCache, TicketGrantingTicket
from tests.builders import an_account
from tests.certificates import a_client_certificate, an_authority
from tests.issued import an_exchange_certificate
from tests.unit.audit.samples import (
    CANARY,
    NOW,
    Clock,
    FaultyDisk,
    a_call,
    a_certificate_requester,
    a_kerberos_credential,
    a_kerberos_requester,
    a_password_requester,
    a_policy,
    a_request,
    an_application,
    an_approval,
    lines_of,
)

if TYPE_CHECKING:
    from gateway.enrollment import EnrollmentRecord
    from gateway.enrollment_policy import EnrollmentPolicyRecord

VIOLATION = Violation("web servers", Concern.KEY, "size", "1024", "at least 2048")
PENDING = Pending("Taken Under Submission", "en-US", "https://ces.example/CES", None, "42")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


@pytest.fixture
async def log(path: Path) -> AsyncIterator[AuditLog]:
    async with AuditLog(path, Clock(), lambda: None) as log:
        yield log


def told(path: Path, event: str) -> dict[str, Any]:
    """The one line of this event, without its place in the chain, and what it takes to judge it again."""
    (line,) = [line for line in lines_of(path) if line["event"] == event]
    return {key: value for key, value in line.items() if key not in {"time", "sequence", "previous", "judged"}}


async def settle(log: AuditLog) -> None:
    """Lines are written in their order: when this one is, so is what nobody waited for."""
    await log.open(a_call()).published(a_publication())


def is_a_record_of_both_stories(record: CallRecord) -> tuple["EnrollmentRecord", "EnrollmentPolicyRecord"]:
    """Checked by mypy."""
    return record, record


async def test_an_approval_tells_who_asked_for_what_and_which_rule_allowed_it(log: AuditLog, path: Path) -> None:
    record = log.open(a_call())
    record.authenticated(a_password_requester())
    record.applied(an_application())
    await record.approved(an_approval())

    assert told(path, "approved") == {
        "event": "approved",
        "call_id": "call-1",
        "service": "ces-users",
        "peer": "192.0.2.1",
        "account": "CORP\\alice",
        "authentication": "UsernamePassword",
        "verified_by": "password_file",
        "request": {
            "sha256": sha256(b"request").hexdigest(),
            "subject": "CN=web01",
            "subject_alternative_name": ["dNSName:web01.partner.example", "iPAddress:192.0.2.7"],
            "key": {"algorithm": "EC", "size": 256, "curve": "secp256r1"},
            "key_sha256": sha256(b"spki").hexdigest(),
            "extensions": ["2.5.29.17"],
            "attributes": ["1.3.6.1.4.1.311.21.20"],
            "client_info": {
                "client_id": 5,
                "machine": "web01",
                "user": "CORP\\alice",
                "process": "certreq.exe",
            },
            "template_references": [{"carrier": "extension 1.3.6.1.4.1.311.20.2", "name": "WebServer", "oid": None}],
        },
        "request_attributes": [{"name": "ccm", "value": "web01.corp.example"}],
        "template": "WebServer",
        "policy": "web.yaml",
        "policy_digest": "cd" * 32,
        "rule": "web servers",
    }


async def test_what_a_policy_on_trial_would_have_refused_stands_in_the_line_of_the_approval(
    log: AuditLog, path: Path
) -> None:
    record = log.open(a_call())
    approval = an_approval()
    violations = (Violation("web servers", Concern.KEY, "publicKey", "RSA 1024", "RSA 2048 or more"),)
    on_trial = replace(approval, policy=replace(approval.policy, mode=Mode.AUDIT), violations=violations)
    await record.approved(on_trial)
    await record.answered(Issued("Issued", "en-US", b"no certificate", b"", "7"), "7")

    approved, answered = told(path, "approved"), told(path, "answered")
    assert record.approval == on_trial
    assert (approved["mode"], approved["rule"]) == ("audit", "web servers")
    assert approved["violations"] == [
        {
            "rule": "web servers",
            "concern": "key",
            "field": "publicKey",
            "value": "RSA 1024",
            "wanted": "RSA 2048 or more",
        }
    ]
    assert answered["mode"] == "audit"
    assert "violations" not in answered


async def test_a_client_certificate_is_named_with_the_rule_that_mapped_it(log: AuditLog, path: Path) -> None:
    record = log.open(a_call(client_certificate=b"client"))
    record.authenticated(a_certificate_requester())
    await record.approved(an_approval())

    line = told(path, "approved")
    assert (line["account"], line["authentication"], line["verified_by"]) == ("PARTNER", "Certificate", "tls")
    assert line["mapping_rule"] == "partner-a"
    assert line["client_certificate"] == {
        "sha256": "ab" * 32,
        "serial_number": "1f",
        "subject": "CN=device01",
        "issuer": "CN=Partner CA",
    }


async def test_a_certificate_that_stands_for_nobody_is_named_by_its_fingerprint(log: AuditLog, path: Path) -> None:
    record = log.open(a_call(client_certificate=b"client"))
    error = CertificateNotMapped("the client certificate stands for no account")
    await record.refused(reason="certificate_not_mapped", outcome="refused", hresult="0x80070005", error=error)
    await settle(log)

    line = told(path, "refused")
    assert line["client_certificate"] == {"sha256": sha256(b"client").hexdigest()}
    assert line["detail"] == "the client certificate stands for no account"
    assert "account" not in line


async def test_a_weak_mapping_is_told(log: AuditLog, path: Path) -> None:
    record = log.open(a_call())
    record.authenticated(replace(a_certificate_requester(), mapping_form="X509RFC822"))
    await record.approved(an_approval())

    assert told(path, "approved")["mapping_form"] == "X509RFC822"


async def test_the_partner_is_named(log: AuditLog, path: Path) -> None:
    record = log.open(a_call())
    record.authenticated(replace(a_certificate_requester(), partner="partner-a"))
    await record.approved(an_approval())

    assert told(path, "approved")["partner"] == "partner-a"


async def test_an_account_of_the_directory_is_named_by_its_sid(log: AuditLog, path: Path) -> None:
    record = log.open(a_call())
    record.authenticated(a_kerberos_requester())
    await record.approved(an_approval())

    line = told(path, "approved")
    assert (line["account"], line["authentication"], line["verified_by"]) == (
        "alice@corp.example",
        "Kerberos",
        "kerberos",
    )
    assert line["directory_account"] == {
        "sid": "S-1-5-21-1-2-3-1104",
        "realm": "CORP.EXAMPLE",
        "user_principal_name": "alice@corp.example",
    }
    assert line["kerberos"] == {"client": "alice@CORP.EXAMPLE", "channel_bound": True}


async def test_an_account_without_a_user_principal_name_has_none_in_the_record(log: AuditLog, path: Path) -> None:
    record = log.open(a_call())
    computer = an_account("PC1$", user_principal_name=None)
    record.authenticated(replace(a_certificate_requester(), directory_account=computer))
    await record.approved(an_approval())

    assert told(path, "approved")["directory_account"] == {"sid": "S-1-5-21-1-2-3-1104", "realm": "CORP.EXAMPLE"}


async def test_a_password_that_the_kdc_took_is_told_by_its_principal(log: AuditLog, path: Path) -> None:
    record = log.open(a_call())
    evidence = TicketGrantingTicket("robert\\@partner.example@CORP.EXAMPLE", CredentialCache("MEMORY:1"))
    record.authenticated(replace(a_kerberos_requester(), evidence=evidence))
    await record.approved(an_approval())

    line = told(path, "approved")
    assert line["authentication"] == "UsernamePassword"
    assert line["kerberos"] == {"client": "robert\\@partner.example@CORP.EXAMPLE"}


async def test_a_ticket_is_told_with_whose_for_what_and_until_when(log: AuditLog, path: Path) -> None:
    record = log.open(a_call())
    record.transitioned(a_kerberos_credential())
    await record.answered(PENDING, "42")

    line = told(path, "answered")
    assert line["transition"] == "constrained_delegation"
    assert line["ticket"] == {
        "account": "alice@corp.example",
        "client": "alice@CORP.EXAMPLE",
        "service_principal_name": "HTTP/ces.corp.example@CORP.EXAMPLE",
        "starts": "2026-03-01T12:00:00Z",
        "ends": "2026-03-01T22:00:00Z",
        "cached": False,
    }


@pytest.mark.parametrize(
    ("credential", "word"),
    [
        (UsernameToken("alice", Secret(CANARY)), TransitionKind.PASS_ON_USERNAME_TOKEN),
        (OwnCertificate(), TransitionKind.OWN_CERTIFICATE),
    ],
)
async def test_a_transition_is_called_as_in_the_configuration(
    log: AuditLog, path: Path, credential: Credential, word: TransitionKind
) -> None:
    record = log.open(a_call())
    record.transitioned(credential)
    await record.published(a_publication())

    line = told(path, "published")
    assert line["transition"] == word
    assert "ticket" not in line


async def test_a_refusal_inside_is_told_with_the_ticket_that_was_shown(log: AuditLog, path: Path) -> None:
    record = log.open(a_call())
    record.transitioned(a_kerberos_credential())
    error = TicketRefusedInside("401", sent=True)
    await record.refused(reason="ticket_refused_inside", outcome="failed", hresult=None, error=error, diagnosis="D67")
    await settle(log)

    line = told(path, "refused")
    assert line["diagnosis"] == "D67"
    assert line["ticket"]["service_principal_name"] == "HTTP/ces.corp.example@CORP.EXAMPLE"


async def test_a_refusal_without_a_diagnosis_names_none(log: AuditLog, path: Path) -> None:
    await log.open(a_call()).refused(reason="r", outcome="refused", hresult=None, error=UnknownUser(""))
    await settle(log)

    assert "diagnosis" not in told(path, "refused")


async def test_a_record_knows_its_requester_as_soon_as_there_is_one(log: AuditLog) -> None:
    record, requester = log.open(a_call()), a_kerberos_requester()
    assert record.requester is None

    record.authenticated(requester)

    assert record.requester is requester


async def test_an_issued_certificate_is_named(log: AuditLog, path: Path, tmp_path: Path) -> None:
    issued = a_client_certificate(an_authority(tmp_path), "web01")
    record = log.open(a_call())
    await record.answered(Issued("Issued", "en-US", issued.der, None, "42"), "42")

    line = told(path, "answered")
    certificate = issued.certificate
    assert (line["outcome"], line["ca_request_id"]) == ("issued", "42")
    assert line["certificate"] == {
        "sha256": sha256(issued.der).hexdigest(),
        "serial_number": f"{certificate.serial_number:x}",
        "subject": "CN=web01",
        "issuer": "CN=Partner Root CA",
        "not_before": certificate.not_valid_before_utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "not_after": certificate.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


async def test_an_issued_certificate_that_cannot_be_read_is_on_record_nevertheless(log: AuditLog, path: Path) -> None:
    await log.open(a_call()).answered(Issued("Issued", "en-US", b"odd", None, None), None)

    assert told(path, "answered")["certificate"] == {"sha256": sha256(b"odd").hexdigest()}


async def test_a_withheld_certificate_is_kept_whole_with_every_objection(
    log: AuditLog, path: Path, tmp_path: Path
) -> None:
    issued = a_client_certificate(an_authority(tmp_path), "web01")
    objections = tuple(Objection("subject", f"commonName={n}", "as asked for") for n in range(facts.MAX_VIOLATIONS + 1))
    record = log.open(a_call())
    await record.withheld(CertificateWithheld("revoke it", certificate=issued.der, objections=objections))

    line = told(path, "withheld")
    assert b64decode(line["certificate"]["der"]) == issued.der
    assert line["certificate"]["serial_number"] == f"{issued.certificate.serial_number:x}"
    assert line["objections"][0] == {"field": "subject", "value": "commonName=0", "wanted": "as asked for"}
    assert (len(line["objections"]), line["objections_omitted"]) == (facts.MAX_VIOLATIONS, 1)
    assert line["call_id"] == "call-1"


async def test_what_came_in_a_certificate_s_place_is_kept_up_to_a_bound(log: AuditLog, path: Path) -> None:
    odd = b"\x00" * (facts.MAX_CERTIFICATE + 1)
    await log.open(a_call()).withheld(CertificateWithheld("odd", certificate=odd))

    certificate = told(path, "withheld")["certificate"]
    assert len(b64decode(certificate["der"])) == facts.MAX_CERTIFICATE
    assert certificate["sha256"] == sha256(odd).hexdigest()


async def test_an_incident_goes_on_where_the_record_cannot_be_written(tmp_path: Path) -> None:
    faulty = FaultyDisk()
    async with AuditLog(tmp_path / "audit.jsonl", Clock(), lambda: None, disk=faulty.disk()) as failing:
        faulty.faults = {"write"}

        await failing.open(a_call()).withheld(CertificateWithheld("revoke it", certificate=b"odd"))


async def test_a_certificate_that_is_released_on_trial_is_on_record_with_the_objections(
    log: AuditLog, path: Path
) -> None:
    record = log.open(a_call())
    record.objected((Objection("keyUsage", "keyEncipherment", "digitalSignature"),))
    await record.answered(PENDING, "42")

    assert told(path, "answered")["objections"] == [
        {"field": "keyUsage", "value": "keyEncipherment", "wanted": "digitalSignature"}
    ]


async def test_a_pending_request_is_named_by_its_number(log: AuditLog, path: Path) -> None:
    await log.open(a_call()).answered(PENDING, "42")

    line = told(path, "answered")
    assert (line["outcome"], line["ca_request_id"]) == ("pending", "42")
    assert "certificate" not in line


async def test_an_outcome_repeats_what_was_known_before(log: AuditLog, path: Path) -> None:
    record = log.open(a_call())
    record.authenticated(a_password_requester())
    record.applied(an_application())
    await record.approved(an_approval())
    await record.answered(PENDING, "42")

    before, after = told(path, "approved"), told(path, "answered")
    assert {**before, "event": "answered"}.items() <= after.items()


async def test_what_it_takes_to_judge_again_stands_in_the_line_of_the_decision_only(log: AuditLog, path: Path) -> None:
    record = log.open(a_call())
    record.applied(an_application())
    await record.approved(an_approval())
    await record.answered(PENDING, "42")
    await record.refused(reason="upstream_refused", outcome="refused", hresult=None, error=UnknownUser(""))
    await settle(log)

    assert [line["event"] for line in lines_of(path) if "judged" in line] == ["approved"]


async def test_a_refusal_by_policy_can_be_judged_again(log: AuditLog, path: Path) -> None:
    record = log.open(a_call())
    record.applied(an_application())
    await record.refused(reason="unmatched", outcome="refused", hresult=None, error=Unmatched(""))
    await settle(log)

    assert [line["event"] for line in lines_of(path) if "judged" in line] == ["refused"]


@pytest.mark.parametrize(
    "error",
    [RateLimited("", limit="CertificatesPerAccount", retry_after=3), StateUnavailable("")],
    ids=["spent", "unknown"],
)
async def test_what_policies_have_approved_and_no_budget_was_left_for_is_no_decision_to_replay(
    log: AuditLog, path: Path, error: GatewayError
) -> None:
    record = log.open(a_call())
    record.applied(an_application())
    await record.refused(reason="r", outcome="refused", hresult=None, error=error)
    await settle(log)

    (line,) = (line for line in lines_of(path) if line["event"] == "refused")
    assert "judged" not in line
    assert line.get("limit") == getattr(error, "limit", None)


async def test_a_second_opinion_is_told_where_it_differs_and_nowhere_else(path: Path) -> None:
    candidate = Decision(a_policy(), (), None, NotPermitted("web.yaml", (VIOLATION,)))
    other = Decision(None, (), None, Unmatched("none"))
    allowing = Decision(a_policy(), (), an_approval(), None)
    opinions = [
        Difference(Change.WOULD_REFUSE, "web.yaml", candidate),
        Difference(Change.WOULD_REFUSE, "web.yaml", other),
        Difference(Change.OTHER_RULE, "web.yaml", allowing),
        None,
    ]
    async with AuditLog(path, Clock(), lambda: None, second_opinion=lambda _: opinions.pop(0)) as log:
        while opinions:
            record = log.open(a_call())
            record.applied(an_application())
            await record.approved(an_approval())
            await record.answered(PENDING, "42")

    lines = [line for line in lines_of(path) if line["event"] in {"approved", "answered"}]
    shadows = [line.get("shadow") for line in lines]
    assert shadows == [
        {
            "difference": "would_refuse",
            "policy": "web.yaml",
            "policy_digest": "cd" * 32,
            "reason": "not_permitted",
            "violations": [
                {"rule": "web servers", "concern": "key", "field": "size", "value": "1024", "wanted": "at least 2048"}
            ],
        },
        None,
        {"difference": "would_refuse", "reason": "unmatched"},
        None,
        {"difference": "other_rule", "policy": "web.yaml", "policy_digest": "cd" * 32, "rule": "web servers"},
        None,
        None,
        None,
    ]


async def test_what_is_not_known_is_left_out(log: AuditLog, path: Path) -> None:
    record = log.open(a_call())
    record.applied(replace(an_application(), request=replace(a_request(), client_info=None)))
    await record.answered(Pending("", "en-US", "https://ces.example/CES", None, "42"), "42")

    line = told(path, "answered")
    assert "client_info" not in line["request"]
    assert "account" not in line
    assert None not in line.values()


async def test_a_refusal_tells_every_violation(log: AuditLog, path: Path) -> None:
    record = log.open(a_call())
    record.applied(an_application())
    error = NotPermitted("web.yaml", (VIOLATION,))
    await record.refused(
        reason="not_permitted", outcome="refused", hresult="0x80094811", error=error, violations=error.violations
    )
    await settle(log)

    line = told(path, "refused")
    assert (line["reason"], line["outcome"], line["hresult"]) == ("not_permitted", "refused", "0x80094811")
    assert line["policy"] == "web.yaml"
    assert line["violations"] == [
        {"rule": "web servers", "concern": "key", "field": "size", "value": "1024", "wanted": "at least 2048"}
    ]
    assert line["request"]["subject"] == "CN=web01"


async def test_the_cas_own_refusal_keeps_its_number(log: AuditLog, path: Path) -> None:
    detail = CertificateEnrollmentWSDetail(None, -2146877420, invalid_request=True, request_id="43")
    error = UpstreamRefused(Fault(("s", "Receiver"), None, "Denied by Policy Module", "en-US", detail))
    await log.open(a_call()).refused(reason="upstream_refused", outcome="refused", hresult="0x80094014", error=error)
    await settle(log)

    line = told(path, "refused")
    assert (line["ca_request_id"], line["detail"]) == ("43", "Denied by Policy Module")


async def test_a_refusals_line_is_bounded_whatever_was_sent(log: AuditLog, path: Path) -> None:
    huge = replace(VIOLATION, value="v" * 100_000)
    error = UnknownUser("u" * 100_000)
    await log.open(a_call()).refused(
        reason="r", outcome="refused", hresult=None, error=error, violations=(huge,) * 1000
    )
    await settle(log)

    line = told(path, "refused")
    assert len(line["detail"]) < 2100
    assert len(line["violations"]) == 100
    assert len(line["violations"][0]["value"]) < 600
    assert line["violations_omitted"] == 900
    assert "hresult" not in line


async def test_the_words_of_foreign_exceptions_are_not_repeated(log: AuditLog, path: Path) -> None:
    await log.open(a_call()).refused(reason="internal", outcome="failed", hresult=None, error=ValueError(CANARY))
    await settle(log)

    assert told(path, "refused")["detail"] == "ValueError"


async def test_an_error_that_cannot_be_told_does_not_stop_the_fault(path: Path) -> None:
    class Unspeakable(UnknownUser):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    failures: list[None] = []
    async with AuditLog(path, Clock(), lambda: failures.append(None)) as log:
        await log.open(a_call()).refused(reason="r", outcome="refused", hresult=None, error=Unspeakable())

    assert len(failures) == 1
    assert told(path, "lost")["lines"] == 1


async def test_published_templates_are_named(log: AuditLog, path: Path) -> None:
    record = log.open(a_call())
    record.authenticated(a_password_requester())
    await record.published(a_publication("WebServer", "Machine"))

    line = told(path, "published")
    assert (line["account"], line["templates"]) == ("CORP\\alice", ["WebServer", "Machine"])
    assert line["policy_id"] == "{ID}"
    assert {"policies_not_changed", "offered"}.isdisjoint(line)


async def test_how_old_the_inside_s_word_was_and_whether_the_client_had_it_is_told(log: AuditLog, path: Path) -> None:
    await log.open(a_call()).published(a_publication("WebServer", is_unchanged=True, age=3600.4, is_stale=True))

    line = told(path, "published")
    assert line["policies_not_changed"] is True
    assert line["templates"] == ["WebServer"]
    assert line["offered"] == {"age_seconds": 3600, "stale": True}


async def test_an_exchange_certificate_that_was_passed_on_is_named(log: AuditLog, path: Path) -> None:
    record = log.open(a_call())
    record.authenticated(a_password_requester())
    await record.exchanged(KeyExchangeToken(an_exchange_certificate()))

    line = told(path, "answered")
    assert (line["account"], line["outcome"]) == ("CORP\\alice", "key_exchange")
    assert line["certificate"]["subject"] == "CN=Fabrikam Issuing CA 1-Xchg"
    assert line["certificate"]["sha256"] == sha256(an_exchange_certificate()).hexdigest()


async def test_the_duration_is_in_milliseconds_and_never_negative(log: AuditLog, path: Path) -> None:
    clock = Clock()
    await log.open(replace(a_call(), received_at=clock.now - timedelta(seconds=2))).answered(PENDING, "42")
    assert 2000 < told(path, "answered")["duration_ms"] < 3000

    await log.open(replace(a_call(), received_at=clock.now + timedelta(hours=1))).published(a_publication())
    assert told(path, "published")["duration_ms"] == 0


@pytest.mark.parametrize(
    "requester",
    [
        a_password_requester(),
        Requester("alice", UsernameToken("alice", Secret(CANARY)), Verifier.INTERNAL_CES, NOW, "rule"),
        Requester("alice", Assumed("UsernamePassword"), Verifier.NOBODY, NOW),
        a_certificate_requester(),
        a_kerberos_requester(),
        Requester("alice", TicketGrantingTicket("alice", CredentialCache(CANARY)), Verifier.KERBEROS, NOW),
    ],
)
async def test_no_password_no_ticket_and_no_body_ever_reaches_the_file(
    log: AuditLog, path: Path, requester: Requester
) -> None:
    record = log.open(a_call())
    record.authenticated(requester)
    record.applied(an_application(requester))
    await record.approved(an_approval())
    for credential in (a_kerberos_credential(), UsernameToken("alice", Secret(CANARY)), OwnCertificate()):
        record.transitioned(credential)
        await record.answered(PENDING, "42")
    await record.published(a_publication("WebServer"))
    for error in (ValueError(CANARY), UnknownUser(f"no {requester.account}"), KeyError(requester)):
        await record.refused(reason="r", outcome="failed", hresult=None, error=error)
    await settle(log)

    record_as_text = str(lines_of(path))
    assert CANARY not in record_as_text
    assert "Secret" not in record_as_text


def a_publication(*names: str, is_unchanged: bool = False, age: float = 0.0, is_stale: bool = False) -> Told:
    nothing = GetPoliciesResponse("{INSIDE}", None, None, None, None, None, None)
    view = View("{ID}", names, RenderedBody(b"<all/>"), RenderedBody(b"<nothing/>"), b"digest")
    return Told(view, Offer(nothing, b"digest", age, is_stale), is_unchanged)
