"""What is told outside. The answer of the inside is built with everything that could leak or dangle."""

from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.errors import NothingToEnroll, UpstreamMisbehaved
from gateway.policy.publication import Publication, publish
from gateway.protocol.xcep import (
    CA,
    CAURI,
    OID,
    Attributes,
    CertificateEnrollmentPolicy,
    ClientAuthentication,
    Extension,
    GetPoliciesResponse,
    KeyArchivalAttributes,
    OIDGroup,
    PrivateKeyAttributes,
    RARequirements,
)
from tests.certificates import an_authority

WEB, USER, SECRET, UNREACHABLE = "PartnerWebServer", "PartnerUser", "CorpSecretTemplate", "PartnerLegacy"
OUTSIDE = CAURI(
    ClientAuthentication.CERTIFICATE, "https://pki.example/Fabrikam_CES_Certificate/service.svc/CES", 1, False
)
INSIDE = CAURI(
    ClientAuthentication.TRANSPORT_KERBEROS, "https://ca.corp.internal/CES_Kerberos/service.svc/CES", 1, False
)


@pytest.fixture(scope="session")
def ca_certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    directory = tmp_path_factory.mktemp("cas")
    names = ("Fabrikam Issuing CA", "Fabrikam Secret CA", "Fabrikam Second CA")
    return {name: an_authority(directory, name).certificate.public_bytes(Encoding.DER) for name in names}


@pytest.fixture
def publication() -> Publication:
    return Publication(
        "Partner certificates",
        "https://pki.example",
        {"Fabrikam Issuing CA": (OUTSIDE,), "Fabrikam Second CA": (replace(OUTSIDE, priority=2),)},
    )


def attributes(name: str, **changes: Any) -> Attributes:
    plain = Attributes(
        common_name=name,
        policy_schema=2,
        validity_period_seconds=31536000,
        renewal_period_seconds=3628800,
        enroll=False,
        auto_enroll=True,
        private_key_attributes=PrivateKeyAttributes(2048, None, None, None, None, None),
        major_revision=100,
        minor_revision=4,
        superseded_policies=None,
        private_key_flags=0,
        subject_name_flags=1,
        enrollment_flags=0,
        general_flags=0x20040,
        hash_algorithm_oid_reference=None,
        ra_requirements=None,
        key_archival_attributes=None,
        extensions=None,
    )
    return replace(plain, **changes)


@pytest.fixture
def offered(ca_certificates: dict[str, bytes]) -> GetPoliciesResponse:
    """Every object identifier is referred to once: 10-19 by PartnerWebServer, 20-29 by the others, 30 by nobody."""
    web = attributes(
        WEB,
        private_key_attributes=PrivateKeyAttributes(2048, None, None, None, 11, ("A provider",)),
        hash_algorithm_oid_reference=12,
        key_archival_attributes=KeyArchivalAttributes(13, 256),
        ra_requirements=RARequirements(1, (14,), (15,)),
        extensions=(Extension(16, None, b"x"), Extension(17, True, None)),
        superseded_policies=(SECRET, "partneruser"),
    )
    secret = attributes(SECRET, hash_algorithm_oid_reference=22, superseded_policies=(WEB,))
    return GetPoliciesResponse(
        policy_id="{inside}",
        policy_friendly_name="Corp Secret Enrollment",
        next_update_hours=8,
        policies_not_changed=False,
        policies=(
            CertificateEnrollmentPolicy(10, (1, 2), web),
            CertificateEnrollmentPolicy(20, (1,), attributes(USER, superseded_policies=(SECRET,))),
            CertificateEnrollmentPolicy(21, (1, 2), secret),
            CertificateEnrollmentPolicy(23, (2,), attributes(UNREACHABLE)),
            CertificateEnrollmentPolicy(24, None, attributes("PartnerNowhere")),
        ),
        cas=(
            CA((INSIDE,), ca_certificates["Fabrikam Issuing CA"], False, 1),
            CA((INSIDE,), ca_certificates["Fabrikam Secret CA"], True, 2),
            CA((INSIDE,), ca_certificates["Fabrikam Second CA"], True, 3),
        ),
        oids=tuple(
            OID(f"1.2.{number}", OIDGroup.ENROLLMENT_OBJECT, number, f"display name {number}")
            for number in (*range(10, 18), *range(20, 25), 30)
        ),
    )


def references(response: GetPoliciesResponse) -> set[int]:
    """Every number that a field called ...reference(s) or ra_... holds, found without knowledge of the types."""
    found: set[int] = set()

    def walk(value: Any, name: str) -> None:
        if is_dataclass(value):
            for field in fields(value):
                walk(getattr(value, field.name), field.name)
        elif isinstance(value, tuple):
            for item in value:
                walk(item, name)
        elif isinstance(value, int) and (name.endswith("oid_reference") or name in {"ra_ekus", "ra_policies"}):
            found.add(value)

    walk(response.policies, "")
    return found


# --- what is left ---------------------------------------------------------------------------------------------------


def test_only_the_templates_that_are_wanted_are_told(offered: GetPoliciesResponse, publication: Publication) -> None:
    response = publish(offered, {"PARTNERWEBSERVER", "SomethingElse"}, publication)

    assert [policy.attributes.common_name for policy in response.policies or ()] == [WEB]


def test_the_order_of_the_inside_is_kept(offered: GetPoliciesResponse, publication: Publication) -> None:
    response = publish(offered, {USER, WEB}, publication)

    assert [policy.attributes.common_name for policy in response.policies or ()] == [WEB, USER]


def test_a_template_is_told_only_with_a_published_ca(offered: GetPoliciesResponse, publication: Publication) -> None:
    with pytest.raises(NothingToEnroll):
        publish(offered, {UNREACHABLE, "PartnerNowhere"}, publication)


@pytest.mark.parametrize("templates", [set[str](), {"SomethingElse"}])
def test_an_empty_answer_is_never_given(
    offered: GetPoliciesResponse, publication: Publication, templates: set[str]
) -> None:
    with pytest.raises(NothingToEnroll):
        publish(offered, templates, publication)


@pytest.mark.parametrize("nothing", [None, ()])
def test_an_inside_that_offers_nothing_is_nothing_to_enroll(
    offered: GetPoliciesResponse, publication: Publication, nothing: tuple[()] | None
) -> None:
    for empty in (replace(offered, policies=nothing), replace(offered, cas=nothing)):
        with pytest.raises(NothingToEnroll):
            publish(empty, {WEB}, publication)


def test_no_published_ca_is_nothing_to_enroll(offered: GetPoliciesResponse, publication: Publication) -> None:
    with pytest.raises(NothingToEnroll):
        publish(offered, {WEB}, replace(publication, uris={}))


def test_a_ca_certificate_that_cannot_be_read_is_the_fault_of_the_inside(
    offered: GetPoliciesResponse, publication: Publication
) -> None:
    broken = replace(offered, cas=(CA((INSIDE,), b"no certificate", True, 1),))

    with pytest.raises(UpstreamMisbehaved, match="cannot be read"):
        publish(broken, {WEB}, publication)


def test_a_ca_without_a_common_name_is_not_published(
    offered: GetPoliciesResponse, publication: Publication, ca_certificates: dict[str, bytes]
) -> None:
    name = b"\x0c\x13Fabrikam Issuing CA"
    nameless = ca_certificates["Fabrikam Issuing CA"].replace(
        b"\x06\x03\x55\x04\x03" + name, b"\x06\x03\x55\x04\x0a" + name
    )
    cas = (CA((INSIDE,), nameless, True, 1),)

    with pytest.raises(NothingToEnroll):
        publish(replace(offered, cas=cas), {WEB}, publication)


# --- consistency ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("templates", [{WEB}, {USER}, {WEB, USER}, {WEB, USER, SECRET, UNREACHABLE}])
def test_every_reference_resolves_and_nothing_else_is_listed(
    offered: GetPoliciesResponse, publication: Publication, templates: set[str]
) -> None:
    response = publish(offered, templates, publication)

    ca_references = {n for policy in response.policies or () for n in policy.ca_references or ()}
    assert {ca.ca_reference_id for ca in response.cas or ()} == ca_references
    assert all(policy.ca_references for policy in response.policies or ())
    assert {oid.oid_reference_id for oid in response.oids or ()} == references(response)


def test_every_kind_of_reference_is_followed(offered: GetPoliciesResponse, publication: Publication) -> None:
    response = publish(offered, {WEB}, publication)

    assert [oid.oid_reference_id for oid in response.oids or ()] == list(range(10, 18))


def test_references_are_never_renumbered(offered: GetPoliciesResponse, publication: Publication) -> None:
    response = publish(offered, {WEB}, publication)

    (policy,) = response.policies or ()
    assert policy.policy_oid_reference == 10
    assert policy.ca_references == (1,)


def test_requirements_without_lists_refer_to_nothing(offered: GetPoliciesResponse, publication: Publication) -> None:
    bare = attributes(WEB, ra_requirements=RARequirements(1, None, None), extensions=())
    response = publish(replace(offered, policies=(CertificateEnrollmentPolicy(10, (1,), bare),)), {WEB}, publication)

    assert [oid.oid_reference_id for oid in response.oids or ()] == [10]


def test_an_inside_without_object_identifiers_yields_none(
    offered: GetPoliciesResponse, publication: Publication
) -> None:
    assert publish(replace(offered, oids=None), {WEB}, publication).oids == ()


# --- what is rewritten ----------------------------------------------------------------------------------------------


def test_clients_are_told_the_public_addresses(offered: GetPoliciesResponse, publication: Publication) -> None:
    response = publish(offered, {WEB}, publication)

    assert [ca.uris for ca in response.cas or ()] == [(OUTSIDE,)]


def test_permissions_are_the_gateways_own(offered: GetPoliciesResponse, publication: Publication) -> None:
    response = publish(offered, {WEB}, publication)

    assert [ca.enroll_permission for ca in response.cas or ()] == [True]
    assert [policy.attributes.enroll for policy in response.policies or ()] == [True]


def test_what_clients_build_their_key_by_is_kept(offered: GetPoliciesResponse, publication: Publication) -> None:
    response = publish(offered, {WEB}, publication)

    before = (offered.policies or ())[0].attributes
    after = (response.policies or ())[0].attributes
    assert after == replace(before, enroll=True, superseded_policies=None)
    assert response.next_update_hours == offered.next_update_hours


@pytest.mark.parametrize(
    ("templates", "superseded"), [({WEB}, None), ({WEB, USER}, ("partneruser",)), ({WEB, SECRET}, (SECRET,))]
)
def test_superseded_templates_are_named_if_they_are_told(
    offered: GetPoliciesResponse, publication: Publication, templates: set[str], superseded: tuple[str, ...] | None
) -> None:
    response = publish(offered, templates, publication)

    assert (response.policies or ())[0].attributes.superseded_policies == superseded


def test_nothing_hidden_leaks(
    offered: GetPoliciesResponse, publication: Publication, ca_certificates: dict[str, bytes]
) -> None:
    response = publish(offered, {WEB, USER}, publication)

    told = repr(response).casefold()
    hidden = [
        SECRET,
        UNREACHABLE,
        "Nowhere",
        "Corp Secret",
        "{inside}",
        "corp.internal",
        "name 21",
        "name 23",
        "name 30",
    ]
    assert [name for name in hidden if name.casefold() in told] == []
    assert ca_certificates["Fabrikam Secret CA"] not in [ca.certificate for ca in response.cas or ()]


def test_a_published_ca_that_no_template_uses_is_not_told(
    offered: GetPoliciesResponse, publication: Publication
) -> None:
    response = publish(offered, {WEB, USER}, publication)

    assert [ca.ca_reference_id for ca in response.cas or ()] == [1]


# --- the identifier of the view -------------------------------------------------------------------------------------


def policy_id(offered: GetPoliciesResponse, publication: Publication, *templates: str) -> str:
    return publish(offered, set(templates), publication).policy_id


def test_each_view_has_its_own_identifier(offered: GetPoliciesResponse, publication: Publication) -> None:
    views = {policy_id(offered, publication, *templates) for templates in ([WEB], [USER], [WEB, USER])}

    assert len(views) == 3


def test_a_comma_in_a_name_does_not_make_two_views_one(offered: GetPoliciesResponse, publication: Publication) -> None:
    def offering(*names: str) -> GetPoliciesResponse:
        return replace(
            offered, policies=tuple(CertificateEnrollmentPolicy(10, (1,), attributes(name)) for name in names)
        )

    assert policy_id(offering("a,b"), publication, "a,b") != policy_id(offering("a", "b"), publication, "a", "b")


def test_the_same_view_has_the_same_identifier_everywhere(
    offered: GetPoliciesResponse, publication: Publication
) -> None:
    another_order = replace(offered, policies=tuple(reversed(offered.policies or ())), policy_id="{elsewhere}")
    another_flavour = replace(
        publication, uris={"Fabrikam Issuing CA": (replace(OUTSIDE, uri="https://pki.example/other"),)}
    )

    first = policy_id(offered, publication, WEB, USER)
    assert first == policy_id(another_order, another_flavour, USER.upper(), WEB, "not offered")


def test_another_gateway_has_another_identifier(offered: GetPoliciesResponse, publication: Publication) -> None:
    another = replace(publication, policy_id_seed="https://pki.other.example")

    assert policy_id(offered, publication, WEB) != policy_id(offered, another, WEB)


def test_identifiers_look_as_those_of_windows(offered: GetPoliciesResponse, publication: Publication) -> None:
    response = publish(offered, {WEB}, publication)

    assert len(response.policy_id) == 38
    assert response.policy_id.startswith("{")
    assert response.policy_id.endswith("}")
    assert response.policy_id == response.policy_id.upper()
    assert response.policy_friendly_name == "Partner certificates"
    assert response.policies_not_changed is None
