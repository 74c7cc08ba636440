"""Whatever the inside answers: what is told is valid, its references resolve, and no byte of it names the inside.

The answers are built from the schema's values, with names of the inside in every text that has room for one.
"""

from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from hypothesis import given, reject, settings
from hypothesis import strategies as st
from lxml import etree

from gateway.errors import NothingToEnroll
from gateway.policy.decision import OpenTemplate
from gateway.policy.publication import Publication, publish
from gateway.protocol.namespaces import XCEP
from gateway.protocol.soap import parse_envelope, render_body, render_envelope
from gateway.protocol.xcep import (
    ACTION_GET_POLICIES_RESPONSE,
    CA,
    CAURI,
    OID,
    Attributes,
    CertificateEnrollmentPolicy,
    ClientAuthentication,
    Extension,
    GetPoliciesResponse,
    KeyArchivalAttributes,
    PrivateKeyAttributes,
    RARequirements,
    parse_get_policies_response,
    render_get_policies_response,
)
from gateway.redaction import redactor
from tests.templates import a_ca_certificate

PROPERTY = settings(derandomize=True, deadline=None, max_examples=60)
SCHEMA = etree.XMLSchema(etree.parse(Path(__file__).parents[2] / "vectors" / "xsd" / "ms-xcep.xsd"))

TOLD = ("PartnerWebServer", "PartnerUser", "PartnerRenewal")
HIDDEN = ("HiddenTemplateOne", "HiddenTemplateTwo")
INTERNAL = ("ces01.corp.internal", "https://pki.corp.internal/CES", "corp.internal", "HSM of dc1.corp.internal")
PUBLISHED_CA, HIDDEN_CA = "Partner Issuing CA", "Hidden Issuing CA"
CANARIES = (*HIDDEN, "corp.internal", HIDDEN_CA, "S-1-5-21", "INSIDE")
"""What no byte of an answer may show, in any case."""

URIS = (
    CAURI(ClientAuthentication.CERTIFICATE, "https://enroll.partner.example/1", None, renewal_only=False),
    CAURI(ClientAuthentication.CERTIFICATE, "https://enroll.partner.example/2", None, renewal_only=True),
    CAURI(ClientAuthentication.USERNAME_PASSWORD, "https://enroll.partner.example/3", None, renewal_only=False),
)
PUBLICATION = Publication(
    "Partners", "{A4C9F0CE-11B5-5B09-8FF4-5F7B9A6AE116}", {PUBLISHED_CA: URIS}, redactor(["ces01.corp.internal"])
)
OPEN = st.lists(
    st.builds(OpenTemplate, st.sampled_from(TOLD), st.none(), st.booleans()),
    min_size=1,
    max_size=3,
    unique_by=lambda each: each.name,
)

NUMBERS = st.integers(0, 11)
"""Small, so that references often resolve, and sometimes not."""
CA_NUMBERS = st.integers(0, 3)
UNSIGNED = st.sampled_from([0, 1, 2048, 2**32 - 1])
FLAGS = st.none() | UNSIGNED
NIL = st.none()
NAMES = st.sampled_from([*TOLD, *(name.upper() for name in TOLD), *HIDDEN])
TEXTS = st.sampled_from(INTERNAL)


def some(items: st.SearchStrategy[Any], most: int = 3) -> st.SearchStrategy[Any]:
    return NIL | st.lists(items, max_size=most).map(tuple)


def private_keys(numbers: st.SearchStrategy[int]) -> st.SearchStrategy[PrivateKeyAttributes]:
    return st.builds(
        PrivateKeyAttributes,
        st.sampled_from([1024, 2048]),
        FLAGS,
        FLAGS,
        NIL | st.just("D:P(A;;GA;;;S-1-5-21-1-2-3-512)"),
        NIL | numbers,
        some(st.sampled_from(["Microsoft Software Key Storage Provider", *INTERNAL])),
    )


def attributes(numbers: st.SearchStrategy[int]) -> st.SearchStrategy[Attributes]:
    """`numbers` are what oIDReferences say."""
    return st.builds(
        Attributes,
        common_name=NAMES,
        policy_schema=st.integers(1, 4),
        validity_period_seconds=st.just(31536000),
        renewal_period_seconds=st.just(3628800),
        enroll=st.booleans(),
        auto_enroll=st.booleans(),
        private_key_attributes=private_keys(numbers),
        major_revision=UNSIGNED,
        minor_revision=UNSIGNED,
        superseded_policies=some(NAMES),
        private_key_flags=FLAGS,
        subject_name_flags=FLAGS,
        enrollment_flags=FLAGS,
        general_flags=FLAGS,
        hash_algorithm_oid_reference=NIL | numbers,
        ra_requirements=NIL | st.builds(RARequirements, st.integers(0, 2), some(numbers), some(numbers)),
        key_archival_attributes=NIL | st.builds(KeyArchivalAttributes, numbers, st.just(256)),
        extensions=some(st.builds(Extension, numbers, NIL | st.booleans(), NIL | st.just(b"\3\2\5\xa0"))),
    )


POLICIES = st.builds(CertificateEnrollmentPolicy, NUMBERS, some(CA_NUMBERS), attributes(NUMBERS))


@st.composite
def oids(draw: st.DrawFn) -> tuple[OID, ...]:
    """Mostly all that can be referred to. Templates that are not told have display names that tell of them."""
    numbers = draw(st.lists(NUMBERS, min_size=8, max_size=12, unique=True))
    names = NIL | st.sampled_from(["Client Authentication", *INTERNAL])
    return tuple(OID(f"1.2.{number}", draw(st.integers(1, 8)), number, draw(names)) for number in numbers) + tuple(
        OID(f"1.3.{100 + n}", 9, 100 + n, f"{name} for corp.internal") for n, name in enumerate(HIDDEN)
    )


@st.composite
def cas(draw: st.DrawFn) -> tuple[CA, ...]:
    numbers = draw(st.lists(CA_NUMBERS, min_size=2, max_size=4, unique=True))
    inside = st.builds(CAURI, st.sampled_from(ClientAuthentication), TEXTS, NIL | UNSIGNED, NIL | st.booleans())
    names = [PUBLISHED_CA, *(draw(st.sampled_from([PUBLISHED_CA, HIDDEN_CA])) for _ in numbers[1:])]
    return tuple(
        CA(draw(some(inside)) or (), a_ca_certificate(name, number + 1), draw(st.booleans()), number)
        for number, name in zip(numbers, names, strict=True)
    )


@st.composite
def scenarios(draw: st.DrawFn) -> tuple[GetPoliciesResponse, list[OpenTemplate]]:
    """An answer, and what is open of it: at least one template whose references resolve."""
    authorities, identifiers, opened = draw(cas()), draw(oids()), draw(OPEN)
    listed = [oid.oid_reference_id for oid in identifiers if oid.oid_reference_id in range(12)]
    sure = CertificateEnrollmentPolicy(
        identifiers[0].oid_reference_id,
        (authorities[0].ca_reference_id, *draw(st.lists(CA_NUMBERS, max_size=3))),
        replace(draw(attributes(st.sampled_from(listed))), common_name=opened[0].name),
    )
    others = draw(st.lists(POLICIES, max_size=4))
    policies = (*others, sure) if draw(st.booleans()) else (sure, *others)
    answer = GetPoliciesResponse(
        "{INSIDE}",
        draw(NIL | st.just("INSIDE enrollment of corp.internal")),
        draw(NIL | st.sampled_from([0, 1, 8, 2**32 - 1])),
        None,
        policies,
        authorities,
        identifiers,
    )
    return answer, opened


Scenario = tuple[GetPoliciesResponse, list[OpenTemplate]]


def told(scenario: Scenario) -> tuple[GetPoliciesResponse, bytes]:
    """As it is sent, and as a client reads it."""
    answer, templates = scenario
    try:
        published = publish(answer, templates, PUBLICATION).response
    except NothingToEnroll:
        # The sure one has lost its number to another one that came first.
        reject()
    body = render_body(render_get_policies_response(published))
    message = render_envelope(ACTION_GET_POLICIES_RESPONSE, body)
    return parse_get_policies_response(parse_envelope(message)), message


def found(value: Any, *names: str) -> set[int]:
    """Every number in fields of these names, without knowledge of the types."""
    if is_dataclass(value):
        return {
            number
            for field in fields(value)
            for number in (
                _numbers(getattr(value, field.name))
                if field.name in names
                else found(getattr(value, field.name), *names)
            )
        }
    return {n for item in value for n in found(item, *names)} if isinstance(value, tuple) else set()


def _numbers(value: Any) -> set[int]:
    return {number for item in value for number in _numbers(item)} if isinstance(value, tuple) else {value} - {None}


@PROPERTY
@given(scenarios())
def test_what_is_told_is_valid_under_the_schema(scenario: Scenario) -> None:
    _, message = told(scenario)

    (body,) = etree.fromstring(message).iter(f"{{{XCEP}}}GetPoliciesResponse")
    SCHEMA.assertValid(etree.fromstring(etree.tostring(body)))
    assert b"<uris/>" not in message


@PROPERTY
@given(scenarios())
def test_every_reference_resolves_and_every_number_is_used_once(scenario: Scenario) -> None:
    response, _ = told(scenario)

    oid_numbers = [oid.oid_reference_id for oid in response.oids or ()]
    ca_numbers = [ca.ca_reference_id for ca in response.cas or ()]
    policies = response.policies or ()
    references = found(
        policies,
        "policy_oid_reference",
        "oid_reference",
        "algorithm_oid_reference",
        "hash_algorithm_oid_reference",
        "symmetric_algorithm_oid_reference",
        "ra_ekus",
        "ra_policies",
    )
    assert sorted(oid_numbers) == sorted(references)
    assert sorted(ca_numbers) == sorted(found(policies, "ca_references"))
    assert all(policy.ca_references for policy in policies)
    assert all(len(set(policy.ca_references or ())) == len(policy.ca_references or ()) for policy in policies)
    names = [policy.attributes.common_name.casefold() for policy in policies]
    assert len(set(names)) == len(names)


@PROPERTY
@given(scenarios())
def test_no_byte_names_the_inside(scenario: Scenario) -> None:
    _, message = told(scenario)

    seen = message.lower()
    assert [canary for canary in CANARIES if canary.lower().encode() in seen] == []
    hidden_certificate = {a_ca_certificate(HIDDEN_CA, n) for n in range(1, 5)}
    response = parse_get_policies_response(parse_envelope(message))
    assert hidden_certificate.isdisjoint(ca.certificate for ca in response.cas or ())


@PROPERTY
@given(scenarios())
def test_nothing_is_told_but_what_is_open_at_public_addresses_with_distinct_priorities(scenario: Scenario) -> None:
    response, _ = told(scenario)

    wanted = {template.name.casefold() for template in scenario[1]}
    assert {policy.attributes.common_name.casefold() for policy in response.policies or ()} <= wanted
    assert all(policy.attributes.enroll for policy in response.policies or ())
    for ca in response.cas or ():
        assert {uri.uri for uri in ca.uris} <= {uri.uri for uri in URIS}
        assert [uri.priority for uri in ca.uris] == list(range(1, len(ca.uris) + 1))
        kinds = [(uri.client_authentication, uri.renewal_only) for uri in ca.uris]
        assert len(set(kinds)) == len(kinds)
