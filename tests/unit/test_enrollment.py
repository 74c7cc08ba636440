"""The order of the story: nothing before its guard, nothing after a refusal."""

from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from gateway import errors
from gateway.call import Call
from gateway.credential import Credential, Inside, OwnCertificate, Way
from gateway.enrollment import Enrollment, PendingRequest
from gateway.pki.authorities import CertificationAuthorities, CertificationAuthority
from gateway.pki.certificate import parse_certificate
from gateway.pki.revocation_list import RevocationList, parse_revocation_list
from gateway.policy.decision import Application, Approval, NotPermitted, Policies
from gateway.policy.issued_origin import Issuers
from gateway.policy.load import load_policies
from gateway.protocol import wstep
from gateway.protocol.soap import Envelope
from gateway.protocol.wstep import Issued, Pending, QueryTokenStatus, RequestSecurityToken, RequestSecurityTokenResponse
from gateway.requester import Requester
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
    web_server_parts,
)
from tests.requests import (
    SECURITY_IDENTIFIER,
    a_certification_request,
    a_key,
    a_public_key_info,
    a_security_identifier_extension,
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
PENDING = Pending("Taken Under Submission", "en-US", "https://ces.corp.example/CES", a_cmc_response(), "18")


@dataclass
class World:
    """All that the story asks of the outside, remembering what was asked and in which order."""

    answer: RequestSecurityTokenResponse = ISSUED
    record_fails: bool = False
    credentials: Credential | errors.GatewayError = field(default_factory=OwnCertificate)
    requester: Requester = field(default_factory=a_requester)
    authorities: CertificationAuthorities = field(default_factory=CertificationAuthorities)
    events: list[str] = field(default_factory=list)
    submitted: list[Approval] = field(default_factory=list)
    remembered: dict[str, PendingRequest] = field(default_factory=dict)
    incidents: list[errors.CertificateWithheld] = field(default_factory=list)
    policy: str = POLICY

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

    async def answered(self, response: RequestSecurityTokenResponse) -> None:
        self.events.append(f"recorded {type(response).__name__}")

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
        return self.answer

    async def query(self, pending: PendingRequest, credential: Credential) -> RequestSecurityTokenResponse:
        assert credential is self.credentials
        self.events.append(f"query {pending.request_id}")
        return self.answer

    async def remember(self, service: str, pending: PendingRequest) -> None:
        self.remembered[f"{service} {pending.request_id}"] = pending

    async def find(self, service: str, request_id: str, requester: Requester) -> PendingRequest | None:
        pending = self.remembered.get(f"{service} {request_id}")
        return pending if pending and pending.requester.account == requester.account else None


def a_call() -> Call:
    return Call("6f1c", NOW, "192.0.2.1", "ces", None, None, None, b"")


def an_envelope(token: RequestSecurityToken, action: str = wstep.ACTION_RST) -> Envelope:
    return Envelope(action, "urn:uuid:1", None, None, None, wstep.render_request(token))


async def serve(
    world: World, token: RequestSecurityToken, *, inside: Inside[Any] | None = None, **envelope: str
) -> RequestSecurityTokenResponse:
    enrollment = Enrollment(
        world.authenticate,
        world.policies,
        lambda: world.authorities,
        inside=inside or OneServer(world, world),
        pending=world,
        issuers=lambda: Issuers(CA, (parse_certificate(a_ca_certificate()),)),
        public_uri=PUBLIC_URI,
    )
    return await enrollment.request_security_token(a_call(), an_envelope(token, **envelope), world)


def an_issue(subject: str = "CN=web01.partner.example", **parts: object) -> wstep.Issue:
    return wstep.Issue(a_certification_request(subject, **parts), wstep.ValueType.PKCS10)  # type: ignore[arg-type]


async def test_an_approved_request_is_recorded_before_the_ca_sees_it() -> None:
    world = World()

    response = await serve(world, an_issue())

    assert response == ISSUED
    assert world.events == [
        "authenticate",
        "noted partner-a",
        "noted application",
        "recorded approval by own-hosts",
        "credential for partner-a",
        "noted OwnCertificate",
        "submit",
        "recorded Issued",
    ]


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

    assert world.events == ["authenticate", "noted partner-a", "noted application"]


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

    assert world.events[4:] == [
        "credential for the first server",
        "noted KerberosCredential",
        "credential for partner-a",
        "noted KerberosCredential",
        "submit",
        "recorded Issued",
    ]


async def test_a_certificate_that_names_another_account_s_sid_is_withheld() -> None:
    world = World(answer=an_answer(a_certificate(sid="S-1-5-21-1-2-3-1105")))
    world.credentials = a_ticket("S-1-5-21-1-2-3-1104")

    with pytest.raises(errors.CertificateWithheld, match="1105"):
        await serve(world, an_issue())


async def test_a_certificate_with_the_requester_s_own_sid_is_released() -> None:
    issued = an_answer(a_certificate(sid="S-1-5-21-1-2-3-1104"))
    world = World(answer=issued, credentials=a_ticket("S-1-5-21-1-2-3-1104"))

    assert await serve(world, an_issue()) == issued


async def test_a_certificate_for_another_key_is_withheld() -> None:
    world = World(answer=an_answer(a_certificate("another")))

    with pytest.raises(errors.CertificateWithheld):
        await serve(world, an_issue())

    assert "recorded Issued" not in world.events


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


async def test_a_pending_request_that_comes_with_a_certificate_is_withheld_and_not_remembered() -> None:
    world = World(answer=replace(PENDING, cmc_response=a_cmc_response(a_certificate())))

    with pytest.raises(errors.CertificateWithheld, match="pending"):
        await serve(world, an_issue())

    assert world.remembered == {}
    assert world.events[-1] == "recorded incident"


async def test_a_pending_request_is_remembered_with_its_owner_and_told_with_the_public_address() -> None:
    world = World(answer=PENDING)

    response = await serve(world, an_issue())

    assert isinstance(response, Pending)
    assert response.reference_uri == PUBLIC_URI
    remembered = world.remembered["ces 18"]
    assert remembered.requester.account == "partner-a"
    assert remembered.expected.subject_public_key_info == a_public_key_info(a_key())


async def test_the_owner_of_a_pending_request_may_ask_after_it() -> None:
    world = World(answer=PENDING)
    await serve(world, an_issue())
    world.answer = ISSUED

    assert await serve(world, QueryTokenStatus("18")) == ISSUED
    assert "query 18" in world.events


async def test_a_certificate_that_a_query_brings_is_checked_too() -> None:
    world = World(answer=PENDING)
    await serve(world, an_issue())
    world.answer = an_answer(a_certificate("another"), "18")

    with pytest.raises(errors.CertificateWithheld):
        await serve(world, QueryTokenStatus("18"))


async def test_another_s_pending_request_is_never_asked_after() -> None:
    world = World(answer=PENDING)
    await serve(world, an_issue())
    world.requester = a_requester("partner-b")

    with pytest.raises(errors.PendingRequestUnknown):
        await serve(world, QueryTokenStatus("18"))

    assert "query 18" not in world.events


async def test_key_exchange_tokens_are_not_served() -> None:
    with pytest.raises(errors.ActionNotSupported, match="KET"):
        await serve(World(), wstep.KET(), action="http://docs.oasis-open.org/ws-sx/ws-trust/200512/RST/KET")


# --- who signed the request -----------------------------------------------------------------------------------------

SIGNED_AT = a_call().received_at
SIGNING_CA = cmc.a_ca(now=SIGNED_AT)
OLD = cmc.a_certificate(SIGNING_CA, now=SIGNED_AT)
"""The certificate whose key signs the request for a new one."""


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
