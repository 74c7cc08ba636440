"""The other story: what a requester may enroll, told in the outside's addresses."""

from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from gateway import errors
from gateway.call import Call
from gateway.credential import Credential, OwnCertificate
from gateway.enrollment_policy import EnrollmentPolicy
from gateway.policy.load import load_policies
from gateway.policy.publication import Publication
from gateway.protocol import xcep
from gateway.protocol.soap import Envelope
from gateway.protocol.xcep import (
    CA,
    CAURI,
    OID,
    Attributes,
    CertificateEnrollmentPolicy,
    ClientAuthentication,
    GetPolicies,
    GetPoliciesResponse,
    PrivateKeyAttributes,
    RequestFilter,
)
from gateway.requester import Requester
from tests.builders import a_requester
from tests.fakes.inside import OneServer
from tests.requests import a_key

CA_NAME = "Fabrikam Issuing CA 1"
PUBLIC = CAURI(ClientAuthentication.CERTIFICATE, "https://enroll.partner.example/CES", 1, renewal_only=False)
POLICY = """
template: {name: PartnerWebServer}
rules:
  - name: own-hosts
    requesters: [{account: partner-a, authentication: [Certificate]}]
    key: [{algorithm: EC, curves: [secp256r1]}]
"""
REQUEST = GetPolicies("2026-01-01T00:00:00Z", "en-US", RequestFilter(None, 5, 6))


def a_ca_certificate() -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, CA_NAME)])
    start = datetime(2026, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder(name, name, a_key(name="CA").public_key(), 1, start, start + timedelta(days=1))
    return builder.sign(a_key(name="CA"), hashes.SHA256()).public_bytes(Encoding.DER)


def a_template(name: str, oid_reference: int) -> CertificateEnrollmentPolicy:
    key = PrivateKeyAttributes(2048, None, None, None, None, None)
    nothing = dict.fromkeys(
        (
            "superseded_policies",
            "private_key_flags",
            "subject_name_flags",
            "enrollment_flags",
            "general_flags",
            "hash_algorithm_oid_reference",
            "ra_requirements",
            "key_archival_attributes",
            "extensions",
        )
    )
    attributes = Attributes(
        name, 2, 31536000, 3628800, enroll=True, auto_enroll=False, private_key_attributes=key,
        major_revision=100, minor_revision=1, **nothing,
    )  # fmt: skip
    return CertificateEnrollmentPolicy(oid_reference, (0,), attributes)


def an_offer() -> GetPoliciesResponse:
    inside = CAURI(ClientAuthentication.TRANSPORT_KERBEROS, "https://ces.corp.example/CES", 1, renewal_only=False)
    return GetPoliciesResponse(
        "{083C7011-1D0A-4855-885D-AC945184658C}",
        "Corp",
        8,
        None,
        (a_template("PartnerWebServer", 1), a_template("CorpSecretTemplate", 2)),
        (CA((inside,), a_ca_certificate(), enroll_permission=True, ca_reference_id=0),),
        (OID("1.2.3.1", 9, 1, "PartnerWebServer"), OID("1.2.3.2", 9, 2, "CorpSecretTemplate")),
    )


@dataclass
class World:
    offer: GetPoliciesResponse = field(default_factory=an_offer)
    requester: Requester = field(default_factory=a_requester)
    asked: list[GetPolicies] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    learned: list[GetPoliciesResponse] = field(default_factory=list)

    async def authenticate(self, _call: Call, _envelope: Envelope) -> Requester:
        self.events.append("authenticate")
        return self.requester

    def authenticated(self, requester: Requester) -> None:
        self.events.append(f"noted {requester.account}")

    async def credential(self, requester: Requester) -> Credential:
        self.events.append(f"credential for {requester.account}")
        return OwnCertificate()

    def transitioned(self, credential: Credential) -> None:
        self.events.append(f"noted {type(credential).__name__}")

    async def fetch_policies(self, request: GetPolicies, credential: Credential) -> GetPoliciesResponse:
        assert credential == OwnCertificate()
        self.events.append("fetch")
        self.asked.append(request)
        return self.offer

    async def published(self, response: GetPoliciesResponse) -> None:
        self.events.append("recorded " + ",".join(p.attributes.common_name for p in response.policies or ()))


async def serve(world: World) -> GetPoliciesResponse:
    policies = load_policies([("policy.yaml", POLICY)])
    publication = Publication("Partners", "https://enroll.partner.example", {CA_NAME: (PUBLIC,)})
    story = EnrollmentPolicy(
        world.authenticate,
        lambda: policies,
        inside=OneServer(world, world),
        publication=publication,
        learn=world.learned.append,
    )
    call = Call("6f1c", datetime(2026, 1, 1, tzinfo=UTC), "192.0.2.1", "cep", None, None, None, b"")
    body = xcep.render_get_policies(REQUEST)
    envelope = Envelope(xcep.ACTION_GET_POLICIES, "urn:uuid:1", None, None, None, body)
    return await story.get_policies(call, envelope, world)


async def test_what_the_requester_may_enroll_is_published_and_recorded() -> None:
    world = World()

    response = await serve(world)

    assert world.events == [
        "authenticate",
        "noted partner-a",
        "credential for partner-a",
        "noted OwnCertificate",
        "fetch",
        "recorded PartnerWebServer",
    ]
    assert response.cas is not None
    assert response.cas[0].uris == (PUBLIC,)


async def test_the_inside_is_asked_without_the_client_s_last_update() -> None:
    world = World()

    await serve(world)

    assert world.asked == [replace(REQUEST, last_update=None)]


async def test_not_changed_is_no_answer_to_a_question_without_last_update() -> None:
    world = World(offer=replace(an_offer(), policies_not_changed=True))

    with pytest.raises(errors.UpstreamMisbehaved):
        await serve(world)


async def test_a_requester_whom_no_policy_admits_gets_nothing() -> None:
    world = World(requester=a_requester("partner-z"))

    with pytest.raises(errors.NothingToEnroll):
        await serve(world)


@pytest.mark.parametrize("requester", [a_requester(), a_requester("partner-z")])
async def test_the_catalogue_learns_from_the_inside_s_whole_answer_whatever_becomes_of_the_call(
    requester: Requester,
) -> None:
    world = World(requester=requester)

    with suppress(errors.NothingToEnroll):
        await serve(world)

    assert world.learned == [world.offer]
