"""The rim: one reply and one audited outcome for every call, whatever the story does."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from lxml import etree
from structlog.testing import capture_logs

from gateway import enrollment_policy, errors
from gateway.call import Call
from gateway.credential import Credential
from gateway.policy.decision import Application, Approval, Concern, NotPermitted, Violation
from gateway.protocol import wstep
from gateway.protocol.key_exchange import KeyExchangeToken
from gateway.protocol.soap import Envelope
from gateway.protocol.wstep import RequestSecurityTokenResponse
from gateway.requester import Requester, Verifier
from gateway.submission import Submission
from gateway.telemetry import Metrics
from gateway.tickets import EvidenceTicket
from gateway.web.answer import CallRecord, SoapService, Story, Told
from tests.unit.audit.samples import an_approval

NOW = datetime(2026, 1, 1, tzinfo=UTC)
S = "http://www.w3.org/2003/05/soap-envelope"
A = "http://www.w3.org/2005/08/addressing"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
TIMESTAMP = (
    f'<o:Security s:mustUnderstand="1" xmlns:o="{WSSE}"><u:Timestamp xmlns:u="{WSU}">'
    "<u:Created>2026-01-01T00:00:00Z</u:Created><u:Expires>2026-01-01T00:05:00Z</u:Expires></u:Timestamp></o:Security>"
)


@dataclass
class Record:
    """Remembers refusals; the stories of these tests note nothing else."""

    refusals: list[dict[str, Any]] = field(default_factory=list)
    requester: Requester | None = None
    approval: Approval | None = None

    def authenticated(self, requester: Requester) -> None:
        self.requester = requester

    def applied(self, application: Application) -> None: ...
    async def approved(self, approval: Approval) -> None:
        self.approval = approval

    def transitioned(self, credential: Credential) -> None: ...
    def objected(self, objections: tuple[errors.Objection, ...]) -> None: ...
    async def withheld(self, incident: errors.CertificateWithheld) -> None: ...
    def filed(self, submission: Submission, *, is_repeated: bool) -> None: ...
    async def answered(self, response: RequestSecurityTokenResponse, ca_request_id: str | None) -> None: ...
    async def exchanged(self, token: KeyExchangeToken) -> None: ...
    async def published(self, told: enrollment_policy.Told) -> None: ...

    async def refused(self, **told: Any) -> None:
        self.refusals.append(told)


def a_message(header: str = "") -> bytes:
    return (
        f'<s:Envelope xmlns:s="{S}" xmlns:a="{A}"><s:Header><a:Action>{wstep.ACTION_RST}</a:Action>'
        f"<a:MessageID>urn:uuid:1</a:MessageID>{header}</s:Header><s:Body><x/></s:Body></s:Envelope>"
    ).encode()


def a_call(body: bytes | None = None) -> Call:
    return Call("6f1c", NOW, "192.0.2.1", "ces", None, None, None, a_message() if body is None else body)


def a_service(story: Story, record: Record, metrics: Metrics | None = None) -> SoapService:
    return SoapService(story, lambda _: record, metrics or Metrics(), lambda: NOW, lambda text: text, wsdetail=True)


def telling(outcome: str = "issued") -> Story:
    async def story(_call: Call, _envelope: Envelope, _record: CallRecord) -> Told:
        return Told(outcome, wstep.ACTION_RSTRC, etree.Element(f"{{{S}}}Nothing"))

    return story


def raising(error: BaseException) -> Story:
    async def story(_call: Call, _envelope: Envelope, _record: CallRecord) -> Told:
        raise error

    return story


async def test_what_the_story_tells_is_the_reply_to_the_client_s_message() -> None:
    record = Record()

    reply = await a_service(telling(), record).answer(a_call())

    assert reply.status == 200
    assert etree.fromstring(reply.body).findtext(f".//{{{A}}}RelatesTo") == "urn:uuid:1"
    assert record.refusals == []


async def test_an_error_of_the_story_is_a_fault_on_500_and_a_refusal_in_the_record() -> None:
    record = Record()
    violations = (Violation("rule", Concern.KEY, "key", "RSA 1024", "RSA 2048"),)
    error = NotPermitted("policy", violations)

    reply = await a_service(raising(error), record).answer(a_call())

    assert reply.status == 500
    assert record.refusals == [
        {
            "reason": "not_permitted",
            "outcome": "refused",
            "hresult": "0x80094811",
            "error": error,
            "diagnosis": None,
            "violations": violations,
        }
    ]


async def test_a_message_that_cannot_be_read_never_reaches_the_story() -> None:
    async def story(_call: Call, _envelope: Envelope, _record: CallRecord) -> Told:
        pytest.fail("the story was told")

    record = Record()

    reply = await a_service(story, record).answer(a_call(b"no XML"))

    assert reply.status == 500
    assert record.refusals[0]["reason"] == "malformed"


async def test_a_bug_is_an_internal_fault_that_tells_nothing() -> None:
    record = Record()

    reply = await a_service(raising(KeyError("canary-4711")), record).answer(a_call())

    assert reply.status == 500
    assert b"InternalServiceFault" in reply.body
    assert b"canary-4711" not in reply.body
    assert record.refusals[0]["reason"] == "internal"


async def test_an_overloaded_gateway_says_when_to_come_again() -> None:
    reply = await a_service(raising(errors.Overloaded("busy", retry_after=7)), Record()).answer(a_call())

    assert (reply.status, reply.retry_after) == (500, 7)


async def test_who_has_used_up_a_budget_is_told_when_to_come_again_and_counted_by_the_limit() -> None:
    record, metrics = Record(), Metrics(services=["ces"])
    error = errors.RateLimited("too much", limit="PollsPerRequest", retry_after=60)

    reply = await a_service(raising(error), record, metrics).answer(a_call())

    assert (reply.status, reply.retry_after) == (500, 60)
    assert b"PollsPerRequest" not in reply.body
    assert record.refusals[0]["reason"] == "rate_limited"
    rendered = metrics.render().decode()
    assert 'ces_gateway_rate_limited_total{limit="PollsPerRequest",service="ces"} 1.0' in rendered
    assert 'ces_gateway_rate_limited_total{limit="RequestsPerAddress",service="ces"} 0.0' in rendered


async def test_a_call_that_is_refused_unread_gets_its_fault_and_its_line() -> None:
    async def story(_call: Call, _envelope: Envelope, _record: CallRecord) -> Told:
        pytest.fail("the story was told")

    record = Record()
    error = errors.RateLimited("too much", limit="RequestsPerAddress", retry_after=2)

    reply = await a_service(story, record).refuse(a_call(b"no XML"), error)

    assert (reply.status, reply.retry_after) == (500, 2)
    assert etree.fromstring(reply.body).findtext(f".//{{{S}}}Text") == (
        "There were too many requests. Try again later. (call 6f1c)"
    )
    assert [refusal["error"] for refusal in record.refusals] == [error]


async def test_a_call_that_is_cut_off_leaves_its_line_in_the_record() -> None:
    entered = asyncio.Event()

    async def story(_call: Call, _envelope: Envelope, _record: CallRecord) -> Told:
        entered.set()
        await asyncio.Event().wait()
        raise AssertionError

    record = Record()
    answer = asyncio.ensure_future(a_service(story, record).answer(a_call()))
    await entered.wait()
    answer.cancel()

    with pytest.raises(asyncio.CancelledError):
        await answer
    assert record.refusals[0]["reason"] == "interrupted"


async def test_a_timestamp_is_answered_with_a_timestamp_and_none_with_none() -> None:
    with_one = await a_service(telling(), Record()).answer(a_call(a_message(TIMESTAMP)))
    without = await a_service(telling(), Record()).answer(a_call())

    assert b"Timestamp" in with_one.body
    assert b"Security" not in without.body


@pytest.mark.parametrize(
    ("make", "outcome"),
    [(lambda: telling("pending"), "pending"), (lambda: raising(errors.Unmatched("")), "unmatched")],
    ids=["success", "refusal"],
)
async def test_every_outcome_is_counted_by_service(make: Callable[[], Story], outcome: str) -> None:
    metrics = Metrics()

    await a_service(make(), Record(), metrics).answer(a_call())

    assert f'ces_gateway_requests_total{{outcome="{outcome}",service="ces"}} 1.0' in metrics.render().decode()


async def test_a_withheld_certificate_is_counted_apart() -> None:
    metrics = Metrics()

    objections = tuple(errors.Objection(field, "is", "should") for field in ("subject", "subject", "keyUsage"))

    await a_service(raising(errors.CertificateWithheld("", objections=objections)), Record(), metrics).answer(a_call())

    rendered = metrics.render().decode()
    assert 'ces_gateway_certificates_withheld_total{service="ces"} 1.0' in rendered
    assert 'ces_gateway_certificate_objections_total{field="subject",service="ces"} 1.0' in rendered
    assert 'ces_gateway_certificate_objections_total{field="keyUsage",service="ces"} 1.0' in rendered


def authenticating(then: BaseException | None = None, *, reply_token: bytes = b"proof") -> Story:
    """A client that came with a Kerberos ticket."""
    evidence = EvidenceTicket("alice@CORP.EXAMPLE", channel_bound=True, cache=None, reply_token=reply_token)

    async def story(_call: Call, _envelope: Envelope, record: CallRecord) -> Told:
        record.authenticated(Requester("alice@corp.example", evidence, Verifier.KERBEROS, NOW))
        if then is not None:
            raise then
        return Told("issued", wstep.ACTION_RSTRC, etree.Element(f"{{{S}}}Nothing"))

    return story


@pytest.mark.parametrize(
    ("error", "status"), [(None, 200), (errors.Unmatched(""), 500), (errors.AccountSensitive(""), 500)]
)
async def test_whoever_came_with_a_ticket_gets_the_proof_of_the_gateway_whatever_the_answer(
    error: errors.GatewayError | None, status: int
) -> None:
    reply = await a_service(authenticating(error), Record()).answer(a_call())

    assert (reply.status, reply.www_authenticate) == (status, "Negotiate cHJvb2Y=")


async def test_a_refused_token_is_a_fault_on_401_with_its_diagnosis_in_the_record() -> None:
    record = Record()

    reply = await a_service(raising(errors.NtlmRefused("NTLMSSP")), record).answer(a_call())

    assert (reply.status, reply.www_authenticate) == (401, "Negotiate")
    assert b"FailedAuthentication" in reply.body
    assert (record.refusals[0]["reason"], record.refusals[0]["diagnosis"]) == ("ntlm_refused", "D61")


@pytest.mark.parametrize("error", [errors.WrongPassword(""), errors.CertificateNotMapped(""), errors.UnknownUser("")])
async def test_passwords_and_certificates_are_never_refused_by_401(error: errors.GatewayError) -> None:
    reply = await a_service(raising(error), Record()).answer(a_call())

    assert (reply.status, reply.www_authenticate) == (500, None)


# --- what the policies decided --------------------------------------------------------------------------------------

VIOLATIONS = (Violation("rule", Concern.KEY, "publicKey", "RSA 1024", "RSA 2048"),)


def approving(violations: tuple[Violation, ...], then: Story) -> Story:
    async def story(call: Call, envelope: Envelope, record: CallRecord) -> Told:
        await record.approved(replace(an_approval(), violations=violations))
        return await then(call, envelope, record)

    return story


@pytest.mark.parametrize(
    ("story", "series"),
    [
        pytest.param(approving((), telling()), 'outcome="allowed",policy="web.yaml"', id="allowed"),
        pytest.param(
            approving((), raising(errors.UpstreamMisbehaved("no"))),
            'outcome="allowed",policy="web.yaml"',
            id="allowed, and failed afterwards",
        ),
        pytest.param(approving(VIOLATIONS, telling()), 'outcome="audited",policy="web.yaml"', id="audited"),
        pytest.param(
            raising(NotPermitted("web.yaml", VIOLATIONS)), 'outcome="refused",policy="web.yaml"', id="refused"
        ),
        pytest.param(raising(errors.Unmatched("no policy")), 'outcome="unmatched",policy=""', id="unmatched"),
        pytest.param(raising(errors.TemplateMissing("none")), None, id="no template"),
        pytest.param(telling("published"), None, id="no application"),
    ],
)
async def test_every_decision_is_counted_once(story: Story, series: str | None) -> None:
    metrics = Metrics()

    await a_service(story, Record(), metrics).answer(a_call())

    lines = metrics.render().decode().splitlines()
    counted = [
        line for line in lines if line.startswith("ces_gateway_policy_decisions_total") and line.endswith(" 1.0")
    ]
    assert counted == ([f"ces_gateway_policy_decisions_total{{{series}}} 1.0"] if series else [])


@pytest.mark.parametrize(("violations", "word"), [(VIOLATIONS, {"policy_mode": "audit"}), ((), {})])
async def test_the_log_tells_of_a_policy_on_trial(violations: tuple[Violation, ...], word: dict[str, str]) -> None:
    with capture_logs() as logs:
        await a_service(approving(violations, telling()), Record()).answer(a_call())

    (answered,) = logs
    assert {key: value for key, value in answered.items() if key == "policy_mode"} == word
