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
from gateway.catalogue.last_told import CLOCKS_APART, LastTold
from gateway.catalogue.offers import RETRY_AFTER, KeptOffers
from gateway.catalogue.views import KeptViews
from gateway.credential import Credential, OwnCertificate
from gateway.enrollment_policy import EnrollmentPolicy, Told
from gateway.policy.decision import Policies
from gateway.policy.load import load_policies
from gateway.policy.publication import Publication
from gateway.protocol import xcep
from gateway.protocol.soap import Envelope, parse_envelope, render_envelope
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
    policies: Policies = field(default_factory=lambda: load_policies([("policy.yaml", POLICY)]))
    now: datetime = datetime(2026, 1, 2, tzinfo=UTC)
    no_credential: errors.GatewayError | None = None
    no_answer: errors.GatewayError | None = None

    async def authenticate(self, _call: Call, _envelope: Envelope) -> Requester:
        self.events.append("authenticate")
        return self.requester

    def authenticated(self, requester: Requester) -> None:
        self.events.append(f"noted {requester.account}")

    async def credential(self, requester: Requester) -> Credential:
        self.events.append(f"credential for {requester.account}")
        if self.no_credential is not None:
            raise self.no_credential
        return OwnCertificate()

    def transitioned(self, credential: Credential) -> None:
        self.events.append(f"noted {type(credential).__name__}")

    async def fetch_policies(self, request: GetPolicies, credential: Credential) -> GetPoliciesResponse:
        assert credential == OwnCertificate()
        self.events.append("fetch")
        self.asked.append(request)
        if self.no_answer is not None:
            raise self.no_answer
        return self.offer

    async def published(self, told: Told) -> None:
        self.events.append("recorded " + ",".join(told.view.templates))

    def clock(self) -> datetime:
        return self.now


def a_story(world: World, *, cache_seconds: float = 300, asked_as: str | None = "own_certificate") -> EnrollmentPolicy:
    publication = Publication("Partners", "{ID}", {CA_NAME: (PUBLIC,)})
    return EnrollmentPolicy(
        world.authenticate,
        lambda: world.policies,
        inside=OneServer(world, world),
        asks_as=lambda _: asked_as,
        offers=KeptOffers("cep", cache_seconds, world.clock),
        views=KeptViews("cep"),
        has_it=LastTold(world.clock, lambda: world.policies).has_it,
        publication=lambda: publication,
        learn=world.learned.append,
    )


async def serve(
    world: World, story: EnrollmentPolicy | None = None, request: GetPolicies = REQUEST
) -> GetPoliciesResponse:
    """What the client reads."""
    call = Call("6f1c", datetime(2026, 1, 1, tzinfo=UTC), "192.0.2.1", "cep", None, None, None, b"")
    envelope = Envelope(xcep.ACTION_GET_POLICIES, "urn:uuid:1", None, None, None, xcep.render_get_policies(request))
    told = await (story or a_story(world)).get_policies(call, envelope, world)
    message = render_envelope(xcep.ACTION_GET_POLICIES_RESPONSE, told.body, relates_to="urn:uuid:1")
    return xcep.parse_get_policies_response(parse_envelope(message))


async def test_what_the_requester_may_enroll_is_published_and_recorded() -> None:
    world = World()

    response = await serve(world)

    assert world.events == [
        "authenticate",
        "noted partner-a",
        "credential for partner-a",
        "noted OwnCertificate",
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


# --- what is kept ---------------------------------------------------------------------------------------------------


async def test_the_inside_is_asked_once_as_long_as_its_answer_is_fresh() -> None:
    world = World()
    story = a_story(world)

    for seconds in (0, 299, 1):
        world.now += timedelta(seconds=seconds)
        await serve(world, story)

    assert len(world.asked) == 2


async def test_who_is_not_let_inside_any_more_gets_nothing_that_is_kept() -> None:
    world = World()
    story = a_story(world)
    await serve(world, story)
    world.no_credential = errors.AccountOutsideScope("not any more")

    with pytest.raises(errors.AccountOutsideScope):
        await serve(world, story)


@pytest.mark.parametrize("error", [errors.KdcUnreachable("down"), errors.KdcSilent("mute")])
async def test_without_a_kdc_what_is_kept_is_told(error: errors.GatewayError) -> None:
    world = World()
    story = a_story(world)
    first = await serve(world, story)
    world.no_credential = error
    world.now += timedelta(hours=7)

    assert await serve(world, story) == first
    world.now += timedelta(hours=1)
    with pytest.raises(type(error)):
        await serve(world, story)


async def test_without_cep_what_is_kept_is_told_for_as_long_as_cep_said() -> None:
    world = World(offer=replace(an_offer(), next_update_hours=2))
    story = a_story(world)
    first = await serve(world, story)
    world.no_answer = errors.UpstreamUnavailable("down", sent=False)
    world.now += timedelta(minutes=119)

    assert await serve(world, story) == first
    world.now += timedelta(minutes=1)
    with pytest.raises(errors.UpstreamUnavailable):
        await serve(world, story)


async def test_while_cep_is_down_clients_do_not_all_wait_for_it() -> None:
    world = World()
    story = a_story(world)
    await serve(world, story)
    world.no_answer = errors.UpstreamUnavailable("down", sent=False)
    world.now += timedelta(minutes=6)

    for wait in (timedelta(), RETRY_AFTER - timedelta(seconds=1), timedelta(seconds=1)):
        world.now += wait
        await serve(world, story)

    assert len(world.asked) == 3


@pytest.mark.parametrize(
    "error",
    [
        errors.TicketRefusedInside("no", sent=True),
        errors.CredentialsRefusedInside("no"),
        errors.UpstreamMisbehaved("?"),
    ],
)
async def test_a_no_of_the_inside_is_no_absence(error: errors.GatewayError) -> None:
    world = World()
    story = a_story(world)
    await serve(world, story)
    world.no_answer = error
    world.now += timedelta(minutes=6)

    with pytest.raises(type(error)):
        await serve(world, story)


async def test_with_a_password_that_is_passed_on_nothing_is_told_that_cep_has_not_said_in_this_call() -> None:
    world = World()
    story = a_story(world, asked_as=None)
    await serve(world, story)
    await serve(world, story)
    assert len(world.asked) == 2
    world.no_answer = errors.UpstreamUnavailable("down", sent=False)

    with pytest.raises(errors.UpstreamUnavailable):
        await serve(world, story)

    world.no_credential = errors.KdcUnreachable("down")
    with pytest.raises(errors.KdcUnreachable):
        await serve(world, story)


async def test_a_reload_of_the_policies_counts_at_once() -> None:
    world = World()
    story = a_story(world)
    await serve(world, story)
    world.policies = load_policies([("policy.yaml", POLICY.replace("partner-a", "partner-b"))])

    with pytest.raises(errors.NothingToEnroll):
        await serve(world, story)
    assert len(world.asked) == 1


# --- lastUpdate -----------------------------------------------------------------------------------------------------


def asking_since(moment: datetime) -> GetPolicies:
    return replace(REQUEST, last_update=moment.strftime("%Y-%m-%dT%H:%M:%SZ"))


async def test_who_has_it_already_is_told_that_nothing_has_changed() -> None:
    world = World()
    story = a_story(world)
    first = await serve(world, story)
    world.now += timedelta(hours=8)
    since = world.now - timedelta(hours=1)

    answer = await serve(world, story, asking_since(since))

    assert (answer.policies_not_changed, answer.policies, answer.cas, answer.oids) == (True, None, None, None)
    assert (answer.policy_id, answer.next_update_hours) == (first.policy_id, first.next_update_hours)
    assert world.events[-1] == "recorded PartnerWebServer"


async def test_who_got_it_before_it_was_told_or_will_get_it_tomorrow_gets_all_of_it() -> None:
    world = World()
    story = a_story(world)
    told_at = world.now
    await serve(world, story)
    world.now += timedelta(hours=8)

    for since in (told_at + CLOCKS_APART - timedelta(seconds=1), world.now + timedelta(seconds=1)):
        assert (await serve(world, story, asking_since(since))).policies
    assert (await serve(world, story, replace(REQUEST, last_update="0001-01-01T00:00:00"))).policies
    assert (await serve(world, story, replace(REQUEST, last_update=None))).policies
    assert (await serve(world, story, asking_since(told_at + CLOCKS_APART))).policies_not_changed
    assert (await serve(world, story, asking_since(world.now))).policies_not_changed


async def test_another_answer_of_the_inside_is_a_change() -> None:
    world = World()
    story = a_story(world)
    await serve(world, story)
    world.now += timedelta(hours=8)
    changed, *rest = world.offer.policies or ()
    attributes = replace(changed.attributes, major_revision=101)
    world.offer = replace(world.offer, policies=(replace(changed, attributes=attributes), *rest))

    assert (await serve(world, story, asking_since(world.now))).policies


async def test_so_is_a_reload_and_a_first_question_of_this_requester() -> None:
    world = World()
    story = a_story(world)
    await serve(world, story)
    world.now += timedelta(hours=8)
    world.policies = load_policies([("policy.yaml", POLICY)])

    assert (await serve(world, story, asking_since(world.now))).policies


async def test_another_question_of_the_same_requester_is_no_proof_of_what_it_has() -> None:
    """A machine of a newer Windows asks otherwise than before."""
    world = World()
    story = a_story(world)
    await serve(world, story)
    world.now += timedelta(hours=8)
    changed, *rest = world.offer.policies or ()
    world.offer = replace(
        world.offer, policies=(replace(changed, attributes=replace(changed.attributes, major_revision=9)), *rest)
    )
    newer = replace(asking_since(world.now), request_filter=RequestFilter(None, 6, 6))

    assert (await serve(world, story, newer)).policies


async def test_what_others_were_told_says_nothing_of_a_requester() -> None:
    """Who was moved to their group has seen something else before."""
    both = POLICY.replace(
        "[{account: partner-a, ", "[{account: partner-b, authentication: [Certificate]}, {account: partner-a, "
    )
    world = World(policies=load_policies([("policy.yaml", both)]))
    story = a_story(world)
    await serve(world, story)
    world.now += timedelta(hours=8)
    world.requester = a_requester("partner-b")

    assert (await serve(world, story, asking_since(world.now))).policies
