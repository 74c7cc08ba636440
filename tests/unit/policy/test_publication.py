"""What is told outside. The answer of the inside is built with everything that could leak or dangle."""

from collections.abc import Iterable
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.errors import NothingToEnroll, UpstreamMisbehaved
from gateway.policy import publication as under_test
from gateway.policy.decision import OpenTemplate
from gateway.policy.publication import Publication, not_changed, policy_id_of
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
from gateway.redaction import redactor
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


def publish(offered: GetPoliciesResponse, templates: Iterable[str], publication: Publication) -> GetPoliciesResponse:
    """Of templates that are open to everything."""
    opened = [OpenTemplate(name, None, renewals_only=False) for name in templates]
    return under_test.publish(offered, opened, publication).response


@pytest.fixture
def publication() -> Publication:
    return Publication(
        "Partner certificates",
        policy_id_of("https://pki.example", "default"),
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
    extensions = tuple(replace(each, critical=each.critical or False) for each in before.extensions or ())
    assert after == replace(before, enroll=True, superseded_policies=None, extensions=extensions)
    assert response.next_update_hours == offered.next_update_hours


def test_what_would_be_an_empty_list_is_nil(offered: GetPoliciesResponse, publication: Publication) -> None:
    (told,) = publish(offered, {USER}, publication).policies or ()

    assert told.attributes.extensions is None
    assert told.attributes.superseded_policies is None
    assert told.attributes.private_key_attributes.crypto_providers is None


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


def test_the_identifier_stays_whatever_the_inside_offers_and_whoever_asks(
    offered: GetPoliciesResponse, publication: Publication
) -> None:
    another_inside = replace(offered, policies=tuple(reversed(offered.policies or ())), policy_id="{elsewhere}")

    told = [
        publish(offered, {WEB}, publication),
        publish(offered, {WEB, USER}, publication),
        publish(another_inside, {USER}, publication),
    ]

    assert {response.policy_id for response in told} == {publication.policy_id}


def test_the_identifier_is_of_the_place_and_its_view() -> None:
    here = policy_id_of("https://pki.example", "default")

    assert here == policy_id_of("https://PKI.example/", "default")
    assert policy_id_of("https://pki.example/X", "default") != here
    assert (
        len({here, policy_id_of("https://pki.example", "second"), policy_id_of("https://pki2.example", "default")}) == 3
    )


def test_identifiers_look_as_those_of_windows(offered: GetPoliciesResponse, publication: Publication) -> None:
    response = publish(offered, {WEB}, publication)

    assert len(response.policy_id) == 38
    assert response.policy_id.startswith("{")
    assert response.policy_id.endswith("}")
    assert response.policy_id == response.policy_id.upper()
    assert response.policy_friendly_name == "Partner certificates"
    assert response.policies_not_changed is None


# --- what else a client can rely on ---------------------------------------------------------------------------------


def published(offered: GetPoliciesResponse, publication: Publication, *templates: OpenTemplate) -> under_test.Published:
    return under_test.publish(offered, templates, publication)


def told(response: GetPoliciesResponse) -> list[str]:
    return [policy.attributes.common_name for policy in response.policies or ()]


def some_uris(*kinds: tuple[ClientAuthentication, bool]) -> tuple[CAURI, ...]:
    return tuple(CAURI(kind, f"https://pki.example/{n}", None, only) for n, (kind, only) in enumerate(kinds))


CERTIFICATE, PASSWORD = ClientAuthentication.CERTIFICATE, ClientAuthentication.USERNAME_PASSWORD


def uris_of(response: GetPoliciesResponse) -> list[tuple[int, bool | None, int | None, str]]:
    (ca,) = response.cas or ()
    return [(uri.client_authentication, uri.renewal_only, uri.priority, uri.uri[-1]) for uri in ca.uris]


def test_priorities_follow_the_order_and_each_kind_is_told_once(
    offered: GetPoliciesResponse, publication: Publication
) -> None:
    uris = some_uris((PASSWORD, False), (CERTIFICATE, True), (PASSWORD, False), (CERTIFICATE, False))

    response = publish(offered, {WEB}, replace(publication, uris={"Fabrikam Issuing CA": uris}))

    assert uris_of(response) == [(4, False, 1, "0"), (8, True, 2, "1"), (8, False, 3, "3")]


def test_where_only_renewals_are_allowed_every_address_takes_renewals_only(
    offered: GetPoliciesResponse, publication: Publication
) -> None:
    uris = some_uris((CERTIFICATE, False), (CERTIFICATE, True), (PASSWORD, False))
    publication = replace(publication, uris={"Fabrikam Issuing CA": uris})
    web, user = OpenTemplate(WEB, None, renewals_only=True), OpenTemplate(USER, None, renewals_only=False)

    alone = published(offered, publication, web).response
    beside_another = published(offered, publication, web, user).response

    assert uris_of(alone) == [(8, True, 1, "0"), (4, True, 2, "2")]
    assert uris_of(beside_another) == [(8, False, 1, "0"), (8, True, 2, "1"), (4, False, 3, "2")]


def test_a_policy_for_one_template_does_not_tell_of_another_of_the_same_name(
    offered: GetPoliciesResponse, publication: Publication
) -> None:
    right = OpenTemplate(WEB, "1.2.10", renewals_only=False)
    namesake = OpenTemplate(USER, "1.2.99", renewals_only=False)

    result = published(offered, publication, right, namesake)

    assert told(result.response) == [WEB]
    assert ["1.2.20" in sentence and "1.2.99" in sentence for sentence in result.left_out] == [True]


def test_a_template_that_refers_to_what_is_not_listed_is_left_out(
    offered: GetPoliciesResponse, publication: Publication
) -> None:
    oids = tuple(oid for oid in offered.oids or () if oid.oid_reference_id != 16)
    opened = [OpenTemplate(name, None, renewals_only=False) for name in (WEB, USER)]

    result = published(replace(offered, oids=oids), publication, *opened)

    assert told(result.response) == [USER]
    assert ["16" in sentence for sentence in result.left_out] == [True]


def test_if_nothing_else_is_left_the_refusal_says_why(offered: GetPoliciesResponse, publication: Publication) -> None:
    with pytest.raises(NothingToEnroll, match=f"{WEB} is not told"):
        publish(replace(offered, oids=None), {WEB}, publication)


def test_a_name_and_a_number_of_a_template_are_told_once(
    offered: GetPoliciesResponse, publication: Publication
) -> None:
    first, second, *_ = offered.policies or ()
    namesake = replace(second, attributes=replace(second.attributes, common_name=WEB.upper()))
    same_number = replace(second, policy_oid_reference=first.policy_oid_reference)

    for other in (namesake, same_number):
        result = publish(replace(offered, policies=(first, other)), {WEB, USER}, publication)
        assert told(result) == [WEB]


def test_numbers_that_mean_two_things_are_the_fault_of_the_inside(
    offered: GetPoliciesResponse, publication: Publication
) -> None:
    cas = offered.cas or ()
    oids = offered.oids or ()
    for ambiguous in (
        replace(offered, cas=(cas[0], replace(cas[1], ca_reference_id=cas[0].ca_reference_id))),
        replace(offered, oids=(oids[0], *oids)),
    ):
        with pytest.raises(UpstreamMisbehaved, match="ReferenceID"):
            publish(ambiguous, {WEB}, publication)


def test_a_ca_is_referred_to_once(offered: GetPoliciesResponse, publication: Publication) -> None:
    first, *_ = offered.policies or ()

    response = publish(replace(offered, policies=(replace(first, ca_references=(1, 2, 1)),)), {WEB}, publication)

    assert [policy.ca_references for policy in response.policies or ()] == [(1,)]


def test_names_of_the_inside_are_taken_out_of_display_names_and_providers(
    offered: GetPoliciesResponse, publication: Publication
) -> None:
    first, *_ = offered.policies or ()
    key = replace(first.attributes.private_key_attributes, crypto_providers=("hsm1.corp.internal", "A provider"))
    attributes = replace(first.attributes, private_key_attributes=key)
    oids = tuple(replace(oid, default_name="Web for corp.internal") for oid in offered.oids or ())
    inside = replace(
        offered,
        policies=(replace(first, attributes=attributes),),
        oids=(*oids[1:], replace(oids[0], default_name=None)),
    )

    response = publish(inside, {WEB}, replace(publication, redact=redactor(["cep.corp.internal"])))

    assert {oid.default_name for oid in response.oids or ()} == {"Web for (internal)", None}
    (policy,) = response.policies or ()
    assert policy.attributes.private_key_attributes.crypto_providers == ("A provider",)


def test_what_may_not_be_zero_is_nil(offered: GetPoliciesResponse, publication: Publication) -> None:
    assert publish(replace(offered, next_update_hours=0), {WEB}, publication).next_update_hours is None


def test_unattended_enrollment_is_as_the_template_has_it(
    offered: GetPoliciesResponse, publication: Publication
) -> None:
    first, second, *_ = offered.policies or ()
    manual = replace(second, attributes=replace(second.attributes, auto_enroll=False))

    response = publish(replace(offered, policies=(first, manual)), {WEB, USER}, publication)

    assert [policy.attributes.auto_enroll for policy in response.policies or ()] == [True, False]


def test_not_changed_has_nothing_but_the_head(offered: GetPoliciesResponse, publication: Publication) -> None:
    response = publish(offered, {WEB}, publication)

    assert not_changed(response) == GetPoliciesResponse(
        response.policy_id, "Partner certificates", 8, policies_not_changed=True, policies=None, cas=None, oids=None
    )
