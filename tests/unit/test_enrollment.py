"""The order of the story: nothing before its guard, nothing after a refusal."""

from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from gateway import errors
from gateway.call import Call
from gateway.credential import Credential, Inside, OwnCertificate, Way
from gateway.enrollment import Enrollment, IssuingCA
from gateway.issuing import Affinity
from gateway.ledger.hearing import heard, key_of_account
from gateway.ledger.ledger import Ledger
from gateway.pki.authorities import CertificationAuthorities, CertificationAuthority
from gateway.pki.certificate import parse_certificate
from gateway.pki.revocation_list import RevocationList, parse_revocation_list
from gateway.policy.decision import Application, Approval, NotPermitted, Policies
from gateway.policy.issued_origin import Issuers
from gateway.policy.load import load_policies
from gateway.protocol import wstep
from gateway.protocol.hresult import HResult
from gateway.protocol.key_exchange import KeyExchangeToken
from gateway.protocol.namespaces import SOAP
from gateway.protocol.soap import CertificateEnrollmentWSDetail, Envelope, Fault, UpstreamRefused
from gateway.protocol.wstep import Issued, Pending, QueryTokenStatus, RequestSecurityToken, RequestSecurityTokenResponse
from gateway.requester import Requester
from gateway.state.memory import MemoryState
from gateway.state.state import Table
from gateway.submission import Submission, UnderSubmission
from gateway.upstream.breaker import Breaker, BreakerSettings
from gateway.upstream.pool import Member, Pool
from tests import cmc
from tests.builders import a_requester, a_ticket
from tests.fakes.inside import OneServer
from tests.issued import (
    CA,
    NOW,
    a_ca_certificate,
    a_cmc_response,
    a_signed_certificate,
    an_exchange_certificate,
    web_server_parts,
)
from tests.requests import (
    SECURITY_IDENTIFIER,
    a_certification_request,
    a_dns_name,
    a_key,
    a_security_identifier_extension,
    a_subject_alternative_name,
    a_template_oid_extension,
)

PUBLIC_URI = "https://enroll.partner.example/CA_CES_Certificate/service.svc/CES"
POLICY = """
template: {name: PartnerWebServer, oid: 1.3.6.1.4.1.311.21.8.1.2.3}
rules:
  - name: own-hosts
    requesters: [{account: partner-a, authentication: [Certificate]}]
    key: [{algorithm: EC, curves: [secp256r1]}]
    subject: {commonName: {allow: [{suffix: .partner.example}]}}
    subjectAlternativeName: {dNSName: {allow: [{suffix: .partner.example}]}}
    keyUsage: {allow: [digitalSignature]}
    extendedKeyUsage: {allow: [serverAuth]}
"""


def a_certificate(key_name: str = "requester", sid: str | None = None) -> bytes:
    parts = web_server_parts(key=a_key(name=key_name))
    if sid is not None:
        parts = parts.with_extension(SECURITY_IDENTIFIER, a_security_identifier_extension(sid))
    return a_signed_certificate(parts)


def an_answer(certificate: bytes, request_id: str = "17") -> Issued:
    return Issued("Issued", "en-US", certificate, a_cmc_response(certificate, a_ca_certificate()), request_id)


ISSUED = an_answer(a_certificate())
EXCHANGE = KeyExchangeToken(an_exchange_certificate())
PENDING = Pending("Taken Under Submission", "en-US", "https://ces.corp.example/CES", a_cmc_response(), "18")


@dataclass
class World:
    """All that the story asks of the outside, remembering what was asked and in which order."""

    answer: RequestSecurityTokenResponse = ISSUED
    record_fails: bool = False
    is_overspent: bool = False
    credentials: Credential | errors.GatewayError = field(default_factory=OwnCertificate)
    requester: Requester = field(default_factory=a_requester)
    authorities: CertificationAuthorities = field(default_factory=CertificationAuthorities)
    events: list[str] = field(default_factory=list)
    submitted: list[Approval] = field(default_factory=list)
    submit_fails: errors.GatewayError | None = None
    query_fails: errors.GatewayError | None = None
    known_at_ca: dict[str, RequestSecurityTokenResponse] = field(default_factory=dict)
    """What a CA answers that has lost track of nothing; empty for one that answers `answer` to whatever it is asked."""
    incidents: list[errors.CertificateWithheld] = field(default_factory=list)
    policy: str = POLICY
    renewal_only: bool = False
    exchange: KeyExchangeToken = EXCHANGE
    now: datetime = NOW
    filed_as: str = ""
    """The RequestID that clients are told."""

    def __post_init__(self) -> None:
        self.state = MemoryState(lambda: self.now)

    def policies(self) -> Policies:
        return load_policies([("policy.yaml", self.policy)])

    async def authenticate(self, _call: Call, _envelope: Envelope) -> Requester:
        self.events.append("authenticate")
        return self.requester

    def authenticated(self, requester: Requester) -> None:
        self.events.append(f"noted {requester.account}")

    def applied(self, _application: Application) -> None:
        self.events.append("noted application")

    async def approved(self, approval: Approval) -> None:
        if self.record_fails:
            raise errors.RecordNotWritten("the disk is full")
        self.events.append(f"recorded approval by {approval.rule.name}")

    def objected(self, objections: tuple[errors.Objection, ...]) -> None:
        self.events.extend(f"on trial: {objection.field}" for objection in objections)

    async def withheld(self, incident: errors.CertificateWithheld) -> None:
        self.events.append("recorded incident")
        self.incidents.append(incident)

    def filed(self, submission: Submission, *, is_repeated: bool) -> None:
        self.events.append("noted repetition" if is_repeated else "noted submission")
        self.filed_as = submission.request_id

    async def answered(self, response: RequestSecurityTokenResponse, ca_request_id: str | None) -> None:
        self.events.append(f"recorded {type(response).__name__} {ca_request_id}")

    async def credential(self, requester: Requester) -> Credential:
        self.events.append(f"credential for {requester.account}")
        if isinstance(self.credentials, errors.GatewayError):
            raise self.credentials
        return self.credentials

    def transitioned(self, credential: Credential) -> None:
        self.events.append(f"noted {type(credential).__name__}")

    async def submit(self, approval: Approval, credential: Credential) -> RequestSecurityTokenResponse:
        assert credential is self.credentials
        self.events.append("submit")
        self.submitted.append(approval)
        if self.submit_fails is not None:
            raise self.submit_fails
        return self.answer

    async def query(self, ca_request_id: str, credential: Credential) -> RequestSecurityTokenResponse:
        assert credential is self.credentials
        self.events.append(f"query {ca_request_id}")
        if self.query_fails is not None:
            raise self.query_fails
        if not self.known_at_ca:
            return self.answer
        if ca_request_id not in self.known_at_ca:
            raise UpstreamRefused(a_fault(HResult.CERTSRV_E_NO_REQUEST))
        return self.known_at_ca[ca_request_id]

    async def exchange_key(self, credential: Credential) -> KeyExchangeToken:
        assert credential is self.credentials
        self.events.append("exchange key")
        return self.exchange

    async def certificate(self, requester: Requester, template: str) -> None:
        self._spend(f"certificate of {requester.account} for {template}")

    async def poll(self, service: str, request_id: str) -> None:
        self._spend(f"poll of {service} {request_id}")

    def _spend(self, what: str) -> None:
        if self.is_overspent:
            raise errors.RateLimited(what, limit="a limit", retry_after=3)
        self.events.append(f"spent {what}")

    async def exchanged(self, token: KeyExchangeToken) -> None:
        self.events.append("recorded exchange")

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.state, lambda: self.now, CA, answer_seconds=30)


def a_fault(hresult: int | None, *, code: str = "Receiver", denied: bool = False) -> Fault:
    detail = CertificateEnrollmentWSDetail(None, None if hresult is None else hresult - 2**32, denied, None)
    return Fault((SOAP, code), None, "no", "en-US", detail)


def a_call(received_at: datetime = NOW) -> Call:
    return Call("6f1c", received_at, "192.0.2.1", "ces", None, None, None, b"")


def an_envelope(token: RequestSecurityToken, action: str = wstep.ACTION_RST) -> Envelope:
    return Envelope(action, "urn:uuid:1", None, None, None, wstep.render_request(token))


async def serve(
    world: World, token: RequestSecurityToken, *, inside: Inside[Any] | None = None, **envelope: str
) -> RequestSecurityTokenResponse | KeyExchangeToken:
    def issuers() -> Issuers:
        return Issuers(CA, (parse_certificate(a_ca_certificate()),))

    enrollment = Enrollment(
        world.authenticate,
        world.policies,
        lambda: world.authorities,
        Affinity(CA, {CA: IssuingCA(inside or OneServer(world, world), world.ledger, issuers)}, lambda _: frozenset()),
        budgets=world,
        public_uri=PUBLIC_URI,
        renewal_only=world.renewal_only,
    )
    return await enrollment.request_security_token(a_call(world.now), an_envelope(token, **envelope), world)


def an_issue(subject: str = "CN=web01.partner.example", **parts: object) -> wstep.Issue:
    return wstep.Issue(a_certification_request(subject, **parts), wstep.ValueType.PKCS10)  # type: ignore[arg-type]


async def test_an_approved_request_is_recorded_before_the_ca_sees_it() -> None:
    world = World()

    response = await serve(world, an_issue())

    assert response == replace(ISSUED, request_id=world.filed_as)
    assert world.events == [
        "authenticate",
        "noted partner-a",
        "noted application",
        "spent certificate of partner-a for PartnerWebServer",
        "recorded approval by own-hosts",
        "credential for partner-a",
        "noted OwnCertificate",
        "noted submission",
        "submit",
        "recorded Issued 17",
    ]


async def test_whoever_asks_is_heard_of_whatever_becomes_of_it() -> None:
    world = World()

    with pytest.raises(NotPermitted):
        await serve(world, an_issue(dns=("web01.victim.example",)))

    assert (await heard(world.state))[key_of_account("partner-a")] == NOW


async def test_whoever_waits_for_a_pending_request_is_heard_of() -> None:
    world = World()

    with pytest.raises(errors.PendingRequestUnknown):
        await serve(world, QueryTokenStatus("17"))

    assert (await heard(world.state))[key_of_account("partner-a")] == NOW


async def test_the_der_that_was_judged_is_the_der_that_is_submitted() -> None:
    world = World()
    issue = an_issue()

    await serve(world, issue)

    assert world.submitted[0].application.request.der == issue.certificate_request


async def test_a_refused_request_never_reaches_the_ca() -> None:
    world = World()

    with pytest.raises(NotPermitted, match=r"web01\.victim\.example"):
        await serve(world, an_issue(dns=("web01.victim.example",)))

    assert world.events == ["authenticate", "noted partner-a", "noted application"]


async def test_a_malformed_request_never_reaches_the_policy() -> None:
    world = World()

    with pytest.raises(errors.MalformedCertificationRequest):
        await serve(world, wstep.Issue(b"no DER", wstep.ValueType.PKCS10))

    assert world.events == ["authenticate", "noted partner-a"]


async def test_nothing_is_submitted_that_could_not_be_recorded() -> None:
    world = World(record_fails=True)

    with pytest.raises(errors.RecordNotWritten):
        await serve(world, an_issue())

    assert world.events[-1] == "spent certificate of partner-a for PartnerWebServer"


async def test_what_no_budget_is_left_for_is_neither_recorded_as_approved_nor_submitted() -> None:
    world = World(is_overspent=True)

    with pytest.raises(errors.RateLimited):
        await serve(world, an_issue())

    assert world.events == ["authenticate", "noted partner-a", "noted application"]


async def test_a_request_that_is_refused_spends_nothing() -> None:
    world = World(is_overspent=True)

    with pytest.raises(NotPermitted):
        await serve(world, an_issue(dns=("web01.victim.example",)))


async def test_whom_the_guard_does_not_admit_nothing_is_submitted_for() -> None:
    world = World(credentials=errors.AccountSensitive("carol is sensitive"))

    with pytest.raises(errors.AccountSensitive):
        await serve(world, an_issue())

    assert world.events[-1] == "credential for partner-a"


class Unreachable:
    """An internal server that is down, and the transition to it."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def credential(self, requester: Requester) -> Credential:
        self._world.events.append("credential for the first server")
        return a_ticket("S-1-5-21-1-2-3-1104")

    async def submit(self, approval: Approval, credential: Credential) -> RequestSecurityTokenResponse:
        raise errors.UpstreamUnavailable("connection refused", sent=False)


async def test_a_server_that_is_asked_in_the_place_of_another_gets_a_credential_of_its_own() -> None:
    """Noted before it is used; and the answer is judged by it."""
    sid = "S-1-5-21-1-2-3-1105"
    world = World(credentials=a_ticket(sid), answer=an_answer(a_certificate(sid=sid)))
    settings = BreakerSettings()
    servers: dict[str, Any] = {"first": Unreachable(world), "second": world}
    members = [
        Member(name, Way(server, server), Breaker(settings, lambda: 0.0, lambda: 0.0))
        for name, server in servers.items()
    ]

    await serve(world, an_issue(), inside=Pool(members, lambda: 0.0))

    assert world.events[5:] == [
        "credential for the first server",
        "noted KerberosCredential",
        "noted submission",
        "credential for partner-a",
        "noted KerberosCredential",
        "noted submission",
        "submit",
        "recorded Issued 17",
    ]
    assert len(await world.state.page(Table.SUBMISSIONS)) == 1, "the first is struck out: it has not left"


async def test_a_certificate_that_names_another_account_s_sid_is_withheld() -> None:
    world = World(answer=an_answer(a_certificate(sid="S-1-5-21-1-2-3-1105")))
    world.credentials = a_ticket("S-1-5-21-1-2-3-1104")

    with pytest.raises(errors.CertificateWithheld, match="1105"):
        await serve(world, an_issue())


async def test_a_certificate_with_the_requester_s_own_sid_is_released() -> None:
    issued = an_answer(a_certificate(sid="S-1-5-21-1-2-3-1104"))
    world = World(answer=issued, credentials=a_ticket("S-1-5-21-1-2-3-1104"))

    assert await serve(world, an_issue()) == replace(issued, request_id=world.filed_as)


async def test_a_certificate_for_another_key_is_withheld() -> None:
    world = World(answer=an_answer(a_certificate("another")))

    with pytest.raises(errors.CertificateWithheld):
        await serve(world, an_issue())

    assert "recorded Issued 17" not in world.events


async def test_a_withheld_certificate_is_recorded_as_an_incident_before_anybody_is_told() -> None:
    another = a_certificate("another")
    world = World(answer=an_answer(another))

    with pytest.raises(errors.CertificateWithheld) as withheld:
        await serve(world, an_issue())

    assert world.events[-2:] == ["submit", "recorded incident"]
    assert world.incidents == [withheld.value]
    assert withheld.value.certificate == another


async def test_an_issuer_that_the_configuration_does_not_know_is_not_believed() -> None:
    forged = a_signed_certificate(web_server_parts(), key_name="another CA")
    world = World(answer=an_answer(forged))

    with pytest.raises(errors.CertificateWithheld, match="signature"):
        await serve(world, an_issue())


async def test_a_pending_request_that_comes_with_a_certificate_is_withheld() -> None:
    world = World(answer=replace(PENDING, cmc_response=a_cmc_response(a_certificate())))

    with pytest.raises(errors.CertificateWithheld, match="pending"):
        await serve(world, an_issue())

    assert world.events[-1] == "recorded incident"


async def test_a_pending_request_is_told_under_the_gateway_s_own_address_and_number() -> None:
    world = World(answer=PENDING)

    response = await serve(world, an_issue())

    assert isinstance(response, Pending)
    assert response.reference_uri == PUBLIC_URI
    assert response.request_id == world.filed_as != PENDING.request_id
    assert 0 < int(response.request_id) < 2**31
    assert world.events[-1] == "recorded Pending 18"


async def test_the_owner_of_a_pending_request_may_ask_after_it() -> None:
    world = World(answer=PENDING)
    await serve(world, an_issue())
    world.answer = ISSUED

    assert await serve(world, QueryTokenStatus(world.filed_as)) == replace(ISSUED, request_id=world.filed_as)
    assert "query 18" in world.events


async def test_what_was_pending_and_is_denied_is_so_in_the_ledger_and_may_be_issued_after_all() -> None:
    world = World(answer=PENDING)
    await serve(world, an_issue())
    world.query_fails = UpstreamRefused(a_fault(0x80094014, denied=True))

    for _ in range(2):
        with pytest.raises(UpstreamRefused):
            await serve(world, QueryTokenStatus(world.filed_as))

    denied = await world.ledger.find(world.filed_as)
    assert denied is not None
    assert denied.outcome == UnderSubmission("18", is_denied=True)
    world.query_fails, world.answer = None, ISSUED
    assert isinstance(await serve(world, QueryTokenStatus(world.filed_as)), Issued)


async def test_a_ca_that_cannot_be_asked_has_denied_nothing() -> None:
    world = World(answer=PENDING)
    await serve(world, an_issue())
    world.query_fails = UpstreamRefused(a_fault(HResult.RPC_S_SERVER_UNAVAILABLE))

    with pytest.raises(UpstreamRefused):
        await serve(world, QueryTokenStatus(world.filed_as))

    pending = await world.ledger.find(world.filed_as)
    assert pending is not None
    assert pending.outcome == UnderSubmission("18")


async def test_what_is_pending_is_released_by_the_policies_of_the_day() -> None:
    world = World(answer=PENDING)
    await serve(world, an_issue())
    world.answer = ISSUED
    world.policy = POLICY.replace("partner-a", "partner-c")

    with pytest.raises(NotPermitted):
        await serve(world, QueryTokenStatus(world.filed_as))

    assert "query 18" not in world.events


async def test_a_certificate_that_a_query_brings_is_checked_too() -> None:
    world = World(answer=PENDING)
    await serve(world, an_issue())
    world.answer = an_answer(a_certificate("another"), "18")

    with pytest.raises(errors.CertificateWithheld):
        await serve(world, QueryTokenStatus(world.filed_as))


async def test_another_s_pending_request_is_never_asked_after() -> None:
    world = World(answer=PENDING)
    await serve(world, an_issue())
    world.requester = a_requester("partner-b")

    with pytest.raises(errors.PendingRequestUnknown):
        await serve(world, QueryTokenStatus(world.filed_as))

    assert "query 18" not in world.events


async def test_a_query_is_spent_by_the_owner_before_the_ca_is_asked() -> None:
    world = World(answer=PENDING)
    await serve(world, an_issue())
    world.events.clear()
    world.is_overspent = True

    with pytest.raises(errors.RateLimited):
        await serve(world, QueryTokenStatus(world.filed_as))
    with pytest.raises(errors.PendingRequestUnknown):
        await serve(world, QueryTokenStatus("19"))

    assert world.events == ["authenticate", "noted partner-a", "noted repetition", "authenticate", "noted partner-a"]


COLLECTORS = (
    POLICY.replace("requesters: [", "requesters: [{account: partner-b, authentication: [Certificate]}, ")
    + "collectors: [{account: {regex: .*-b}, authentication: [Certificate]}]\n"
)


@pytest.mark.parametrize(
    ("policy", "collector", "error"),
    [
        pytest.param(COLLECTORS, "partner-b", None, id="named, and allowed the same"),
        pytest.param(COLLECTORS, "partner-c", errors.PendingRequestUnknown, id="not named"),
        pytest.param(COLLECTORS, "partner-c-b", NotPermitted, id="named, and not allowed the same"),
        pytest.param(
            COLLECTORS.replace("collectors", "#"), "partner-b", errors.PendingRequestUnknown, id="nobody named"
        ),
    ],
)
async def test_the_policy_can_name_others_who_may_fetch_what_is_pending(
    policy: str, collector: str, error: type[Exception] | None
) -> None:
    world = World(answer=PENDING, policy=policy)
    await serve(world, an_issue())
    world.answer = ISSUED
    world.requester = a_requester(collector)

    if error is None:
        assert isinstance(await serve(world, QueryTokenStatus(world.filed_as)), Issued)
    else:
        with pytest.raises(error):
            await serve(world, QueryTokenStatus(world.filed_as))
    assert ("query 18" in world.events) is (error is None)


async def test_who_is_named_gets_nothing_that_was_fetched_already() -> None:
    world = World(answer=PENDING, policy=COLLECTORS)
    await serve(world, an_issue())
    world.answer = ISSUED
    await serve(world, QueryTokenStatus(world.filed_as))
    world.requester = a_requester("partner-c-b")

    with pytest.raises(errors.PendingRequestUnknown):
        await serve(world, QueryTokenStatus(world.filed_as))


async def test_the_ca_s_own_number_leads_nowhere() -> None:
    world = World(answer=PENDING)
    await serve(world, an_issue())

    with pytest.raises(errors.PendingRequestUnknown):
        await serve(world, QueryTokenStatus("18"))


# --- nothing is submitted twice -------------------------------------------------------------------------------------


async def test_who_repeats_a_request_gets_the_recorded_answer_and_no_second_certificate() -> None:
    world = World()
    issue = an_issue()
    first = await serve(world, issue)

    assert await serve(world, issue) == first
    assert len(world.submitted) == 1
    assert world.events[-2:] == ["noted repetition", "recorded Issued 17"]


async def test_the_recorded_answer_is_for_whoever_is_still_allowed_to_ask() -> None:
    world = World()
    issue = an_issue()
    await serve(world, issue)
    world.policy = POLICY.replace("partner-a", "partner-c")

    with pytest.raises(NotPermitted):
        await serve(world, issue)


async def test_the_same_request_of_somebody_else_is_another_one() -> None:
    another = "{account: partner-b, authentication: [Certificate]}"
    world = World(policy=POLICY.replace("requesters: [", f"requesters: [{another}, "))
    issue = an_issue()
    await serve(world, issue)
    world.requester = a_requester("partner-b")

    await serve(world, issue)

    assert len(world.submitted) == 2


async def test_who_repeats_a_pending_request_is_told_how_it_stands_now() -> None:
    world = World(answer=PENDING)
    issue = an_issue()
    await serve(world, issue)
    world.answer = ISSUED

    assert isinstance(await serve(world, issue), Issued)
    assert len(world.submitted) == 1


async def test_what_was_withheld_stays_withheld() -> None:
    world = World(answer=an_answer(a_certificate("another")))
    issue = an_issue()
    with pytest.raises(errors.CertificateWithheld):
        await serve(world, issue)
    world.answer = ISSUED

    with pytest.raises(errors.CertificateWithheld, match="before"):
        await serve(world, issue)

    assert len(world.submitted) == 1


@pytest.mark.parametrize(
    "certain",
    [
        errors.UpstreamUnavailable("no connection", sent=False),
        UpstreamRefused(a_fault(HResult.CERTSRV_E_TEMPLATE_DENIED, denied=True)),
        errors.TicketRefusedInside("401", sent=True),
    ],
    ids=["not sent", "denied", "not let in"],
)
async def test_what_certainly_came_to_nothing_may_be_sent_again(certain: errors.GatewayError) -> None:
    world = World(submit_fails=certain)
    issue = an_issue()
    with pytest.raises(type(certain)):
        await serve(world, issue)
    world.submit_fails = None

    assert isinstance(await serve(world, issue), Issued)
    assert len(world.submitted) == 2


LOST = errors.UpstreamUnavailable("no answer", sent=True)


async def lose_an_answer(world: World, issue: wstep.Issue, *, ca_request_id_before: str | None = "16") -> None:
    """As if the CA had got the request, and its answer had got lost."""
    if ca_request_id_before is not None:
        world.answer = replace(PENDING, request_id=ca_request_id_before)
        await serve(world, an_issue(dns=("before.partner.example",)))
    world.submit_fails = LOST
    with pytest.raises(errors.UpstreamUnavailable):
        await serve(world, issue)
    world.submit_fails = None
    world.submitted.clear()


async def test_a_lost_answer_is_found_at_the_ca_under_the_numbers_that_followed() -> None:
    world = World()
    issue = an_issue()
    await lose_an_answer(world, issue)
    world.known_at_ca = {
        "16": ISSUED,
        "17": an_answer(a_certificate("another"), "17"),
        "18": an_answer(a_certificate(), "18"),
    }

    assert isinstance(await serve(world, issue), Issued)
    assert [event for event in world.events if event.startswith("query")] == ["query 17", "query 18"]
    assert world.events[-1] == "recorded Issued 18"
    assert world.submitted == []


async def test_what_is_neither_issued_nor_pending_is_told_to_be_unknown() -> None:
    world = World()
    issue = an_issue()
    await lose_an_answer(world, issue)
    world.known_at_ca = {"16": ISSUED, "17": an_answer(a_certificate("another"), "17"), "19": ISSUED}

    with pytest.raises(errors.OutcomeUnknown, match="certutil -view"):
        await serve(world, issue)

    assert [event for event in world.events if event.startswith("query")] == ["query 17", "query 18"]
    assert world.submitted == []


async def test_what_has_not_come_to_the_ca_in_a_quarter_of_an_hour_may_be_sent_again() -> None:
    world = World()
    issue = an_issue()
    await lose_an_answer(world, issue)
    world.known_at_ca = {"16": ISSUED}

    for minutes, sent in ((14, 0), (16, 0), (17, 1)):
        world.now = NOW + timedelta(minutes=minutes)
        with suppress(errors.OutcomeUnknown):
            await serve(world, issue)
        assert len(world.submitted) == sent, minutes


async def test_what_may_be_pending_is_never_sent_again_and_found_when_it_is_issued() -> None:
    world = World()
    issue = an_issue()
    await lose_an_answer(world, issue)
    world.known_at_ca = {"17": replace(PENDING, request_id="17", disposition_message="for alice", cmc_response=b"hers")}
    world.now = NOW + timedelta(minutes=16)

    told = await serve(world, issue)

    # It may be another's, of whom nothing is told.
    assert told == Pending("Taken Under Submission", "en-US", PUBLIC_URI, None, world.filed_as)
    assert world.events[-1] == "recorded Pending None"
    world.known_at_ca = {"17": an_answer(a_certificate(), "17")}
    assert isinstance(await serve(world, QueryTokenStatus(told.request_id)), Issued)
    assert world.submitted == []


async def test_what_may_have_been_pending_is_unknown_once_that_was_issued_to_another() -> None:
    world = World()
    issue = an_issue()
    await lose_an_answer(world, issue)
    world.known_at_ca = {"17": PENDING}
    told = await serve(world, issue)
    assert isinstance(told, Pending)
    world.known_at_ca = {"17": an_answer(a_certificate("another"), "17")}

    with pytest.raises(errors.OutcomeUnknown):
        await serve(world, QueryTokenStatus(told.request_id))


async def test_without_any_number_to_begin_with_the_last_of_the_ca_is_looked_for() -> None:
    world = World()
    issue = an_issue()
    await lose_an_answer(world, issue, ca_request_id_before=None)
    another = an_answer(a_certificate("another"))
    world.known_at_ca.update((str(number), another) for number in range(1, 1000))
    world.known_at_ca["998"] = an_answer(a_certificate(), "998")

    assert isinstance(await serve(world, issue), Issued)
    assert world.events[-1] == "recorded Issued 998"
    assert world.submitted == []


async def test_a_found_certificate_is_checked_like_any_other() -> None:
    world = World()
    issue = an_issue()
    await lose_an_answer(world, issue)
    wrong = a_signed_certificate(web_server_parts(), key_name="another CA")
    world.known_at_ca = {"17": an_answer(wrong, "17")}

    with pytest.raises(errors.CertificateWithheld):
        await serve(world, issue)


# --- key exchange tokens --------------------------------------------------------------------------------------------

ARCHIVING = POLICY + "    keyArchival: allowed\n"


async def exchange(world: World) -> RequestSecurityTokenResponse | KeyExchangeToken:
    return await serve(world, wstep.KET(), action=wstep.ACTION_KET)


async def test_who_may_archive_a_key_gets_the_exchange_certificate() -> None:
    world = World(policy=ARCHIVING)

    assert await exchange(world) == EXCHANGE
    assert world.events == [
        "authenticate",
        "noted partner-a",
        "credential for partner-a",
        "noted OwnCertificate",
        "exchange key",
        "recorded exchange",
    ]


@pytest.mark.parametrize(
    ("policy", "requester"), [(POLICY, "partner-a"), (ARCHIVING, "partner-b")], ids=["no archival", "somebody else"]
)
async def test_who_may_archive_no_key_gets_no_exchange_certificate(policy: str, requester: str) -> None:
    world = World(policy=policy, requester=a_requester(requester))

    with pytest.raises(errors.KeyArchivalNotPermitted, match=requester):
        await exchange(world)

    assert world.events == ["authenticate", f"noted {requester}"]


async def test_another_certificate_than_the_ca_s_is_not_passed_on() -> None:
    world = World(policy=ARCHIVING, exchange=KeyExchangeToken(an_exchange_certificate(key_name="another CA")))

    with pytest.raises(errors.ExchangeCertificateRefused):
        await exchange(world)

    assert "recorded exchange" not in world.events


# --- who signed the request -----------------------------------------------------------------------------------------

SIGNED_AT = a_call().received_at
SIGNING_CA = cmc.a_ca(now=SIGNED_AT)
OLD = cmc.a_certificate(SIGNING_CA, now=SIGNED_AT)
"""The certificate whose key signs the request for a new one."""
OF_THE_TEMPLATE = cmc.a_certificate(
    SIGNING_CA,
    now=SIGNED_AT,
    extensions=[
        a_template_oid_extension("1.3.6.1.4.1.311.21.8.1.2.3", 100, 4),
        a_subject_alternative_name(a_dns_name("web01.partner.example")),
    ],
)


def authorities(*lists: RevocationList) -> CertificationAuthorities:
    own = parse_certificate(SIGNING_CA.certificate)
    return CertificationAuthorities((CertificationAuthority("Partner CA", (own,)),), lists)


def a_revocation_list(*serial_numbers: int, days: int = 7) -> RevocationList:
    start = SIGNED_AT - timedelta(days=1)
    builder = x509.CertificateRevocationListBuilder(SIGNING_CA.public.subject, start, start + timedelta(days=days))
    for serial_number in serial_numbers:
        builder = builder.add_revoked_certificate(x509.RevokedCertificateBuilder(serial_number, start).build())
    assert isinstance(SIGNING_CA.key, ec.EllipticCurvePrivateKey)
    encoded = builder.sign(SIGNING_CA.key, hashes.SHA256()).public_bytes(Encoding.DER)
    return parse_revocation_list(encoded, (parse_certificate(SIGNING_CA.certificate),))


def a_signed_issue(signer: cmc.Holder = OLD, *, full: bool = False) -> wstep.Issue:
    """Signed by the requester's new key, and by that certificate; `full` is CMC, else CMS."""
    by_holder = cmc.signed_by(signer)
    return wstep.Issue(
        cmc.a_cmc_request(signers=(cmc.signed_by_key(), by_holder)) if full else cmc.a_cms_request(None, (by_holder,)),
        wstep.ValueType.PKCS7,
    )


@pytest.mark.parametrize("full", [False, True], ids=["CMS", "CMC"])
async def test_the_policy_judges_signers_that_an_authority_vouches_for(*, full: bool) -> None:
    world = World(authorities=authorities(a_revocation_list()))

    # Whether this policy allows it, is another question.
    with suppress(NotPermitted):
        await serve(world, a_signed_issue(full=full))

    assert "noted application" in world.events


@pytest.mark.parametrize("full", [False, True], ids=["CMS", "CMC"])
@pytest.mark.parametrize(
    ("vouching", "signer", "error"),
    [
        pytest.param(CertificationAuthorities(), OLD, errors.SignerUntrusted, id="no authorities"),
        pytest.param(
            authorities(a_revocation_list()),
            cmc.a_certificate(cmc.a_ca(key=a_key(name="a look-alike"), now=SIGNED_AT), now=SIGNED_AT),
            errors.SignerUntrusted,
            id="the same name and serial number, another CA",
        ),
        pytest.param(
            authorities(a_revocation_list()),
            cmc.a_certificate(SIGNING_CA, valid=(timedelta(days=-90), timedelta(days=-1)), now=SIGNED_AT),
            errors.SignerExpired,
            id="over",
        ),
        pytest.param(authorities(a_revocation_list(0x1234)), OLD, errors.SignerRevoked, id="revoked"),
        pytest.param(authorities(a_revocation_list(days=1)), OLD, errors.RevocationUnknown, id="the list is over"),
        pytest.param(authorities(), OLD, errors.RevocationUnknown, id="no list"),
    ],
)
async def test_for_whom_no_authority_vouches_nothing_is_judged(
    vouching: CertificationAuthorities, signer: cmc.Holder, error: type[errors.SignerRefused], *, full: bool
) -> None:
    world = World(authorities=vouching)

    with pytest.raises(error):
        await serve(world, a_signed_issue(signer, full=full))

    assert world.events == ["authenticate", "noted partner-a"]


# --- renewals only --------------------------------------------------------------------------------------------------


def a_renewing_issue(old: cmc.Holder, *, full: bool) -> wstep.Issue:
    attributes = [cmc.a_renewal_attribute(old.certificate)]
    request = a_certification_request("CN=web01.partner.example", extra_attributes=attributes)
    return wstep.Issue(cmc.a_renewal(old, cmc=full, request=request), wstep.ValueType.PKCS7)


def a_world_that_only_renews(shown: cmc.Holder) -> World:
    requester = replace(a_requester("CN=web01.partner.example"), evidence=parse_certificate(shown.certificate))
    return World(authorities=authorities(a_revocation_list()), requester=requester, renewal_only=True)


DEVICES = POLICY.replace("account: partner-a", "account: CN=web01.partner.example") + (
    "    renewal: {required: true, owner: [clientCertificate]}\n"
)


@pytest.mark.parametrize("full", [False, True], ids=["CMS", "CMC"])
@pytest.mark.parametrize("own", [OwnCertificate(), a_ticket(None)], ids=["own_certificate", "own_account"])
async def test_who_stands_for_itself_renews_in_the_gateway_s_own_name(own: Credential, *, full: bool) -> None:
    world = a_world_that_only_renews(OF_THE_TEMPLATE)
    world.policy, world.credentials = DEVICES, own

    response = await serve(world, a_renewing_issue(OF_THE_TEMPLATE, full=full))

    assert response == replace(ISSUED, request_id=world.filed_as)
    assert world.events[-5:] == [
        "credential for CN=web01.partner.example",
        f"noted {type(own).__name__}",
        "noted submission",
        "submit",
        "recorded Issued 17",
    ]


@pytest.mark.parametrize("full", [False, True], ids=["CMS", "CMC"])
async def test_a_renewal_of_the_certificate_that_is_shown_is_judged_by_the_policy(*, full: bool) -> None:
    world = a_world_that_only_renews(OLD)

    with pytest.raises(NotPermitted):
        await serve(world, a_renewing_issue(OLD, full=full))

    assert world.events[-1] == "noted application"


@pytest.mark.parametrize("full", [False, True], ids=["CMS", "CMC"])
async def test_a_renewal_of_another_certificate_is_not_judged_by_any_policy(*, full: bool) -> None:
    namesake = cmc.a_certificate(SIGNING_CA, key=a_key(name="another"), serial=0x1235, now=SIGNED_AT)
    world = a_world_that_only_renews(namesake)

    with pytest.raises(errors.RenewalCertificateNotShown):
        await serve(world, a_renewing_issue(OLD, full=full))

    assert world.events == ["authenticate", "noted CN=web01.partner.example"]


@pytest.mark.parametrize("issue", [an_issue(), a_signed_issue()], ids=["PKCS#10", "signed without the attribute"])
async def test_what_renews_nothing_is_not_judged_by_any_policy(issue: wstep.Issue) -> None:
    world = a_world_that_only_renews(OLD)

    with pytest.raises(errors.NotARenewal):
        await serve(world, issue)

    assert world.events == ["authenticate", "noted CN=web01.partner.example"]


# --- a new request for a renewal ------------------------------------------------------------------------------------

BY_CLIENT_CERTIFICATE = "    renewal: {required: true, owner: [clientCertificate], withoutSignature: true}\n"


def a_world_with_a_client_certificate(*revoked: int) -> World:
    requester = replace(a_requester(), evidence=parse_certificate(OF_THE_TEMPLATE.certificate))
    vouching = authorities(a_revocation_list(*revoked))
    return World(authorities=vouching, requester=requester, policy=POLICY + BY_CLIENT_CERTIFICATE)


async def test_the_client_certificate_may_stand_for_the_old_one_s_signature() -> None:
    world = a_world_with_a_client_certificate()

    assert await serve(world, an_issue()) == replace(ISSUED, request_id=world.filed_as)


async def test_a_client_certificate_that_is_revoked_stands_for_nothing() -> None:
    world = a_world_with_a_client_certificate(0x1234)

    with pytest.raises(NotPermitted, match="was revoked by Partner CA"):
        await serve(world, an_issue())

    assert world.submitted == []


async def test_a_client_certificate_stands_for_no_other_names() -> None:
    with pytest.raises(NotPermitted, match="renewal: subject commonName"):
        await serve(a_world_with_a_client_certificate(), an_issue("CN=web02.partner.example"))
