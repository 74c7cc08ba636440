from dataclasses import replace
from datetime import timedelta

from gateway.policy.catalogue import Catalogue, CatalogueCA, Learned, learned
from gateway.protocol.xcep import CA, OID, Extension, RARequirements
from tests.issued import a_ca_certificate as an_issuer_s_certificate
from tests.templates import (
    CA_1,
    SOURCE,
    USER,
    USER_OID,
    WEB,
    WEB_OID,
    a_ca_certificate,
    a_catalogue_template,
    an_offer,
    an_offered_policy,
)

LATER = Learned("cep", SOURCE.at + timedelta(hours=1))
ELSEWHERE = Learned("another-cep", SOURCE.at)
CA_ENTRY = CatalogueCA(CA_1, a_ca_certificate(), SOURCE)


def catalogue_of(*names: str, source: Learned | None = SOURCE) -> Catalogue:
    oids = {WEB: WEB_OID, USER: USER_OID}
    return Catalogue(tuple(a_catalogue_template(name, oids[name], source=source) for name in names))


# --- learning -------------------------------------------------------------------------------------------------------


def test_an_answer_of_cep_is_read_field_by_field() -> None:
    assert learned(an_offer(), SOURCE) == Catalogue((a_catalogue_template(),), (CA_ENTRY,))


def test_an_empty_answer_says_nothing() -> None:
    offer = replace(an_offer(), policies=None, cas=None, oids=None)

    assert learned(offer, SOURCE) == Catalogue()


def test_what_cep_says_nothing_of_is_not_known() -> None:
    offered = an_offered_policy(
        private_key_flags=None, subject_name_flags=None, enrollment_flags=None, general_flags=None, extensions=None
    )

    (template,) = learned(an_offer([offered]), SOURCE).templates

    flags = (template.private_key_flags, template.subject_name_flags, template.enrollment_flags, template.general_flags)
    assert flags == (None, None, None, None)
    assert (template.extended_key_usage, template.enrollee_supplies_subject) == (None, None)


def test_signatures_of_registration_authorities_are_counted() -> None:
    (template,) = learned(
        an_offer([an_offered_policy(ra_requirements=RARequirements(2, None, None))]), SOURCE
    ).templates

    assert template.ra_signatures == 2


def test_application_policies_are_read_beside_the_usages() -> None:
    # SEQUENCE { SEQUENCE { serverAuth } }
    value = bytes.fromhex("300c300a06082b06010505070301")
    offered = an_offered_policy(extensions=(Extension(91, critical=None, value=value),))

    (template,) = learned(an_offer([offered]), SOURCE).templates

    assert template.application_policies == ("1.3.6.1.5.5.7.3.1",)
    assert template.extended_key_usage is None


def test_usages_that_cannot_be_read_are_not_known() -> None:
    extensions = (
        Extension(90, critical=False, value=b"\x05\x00"),
        Extension(91, critical=False, value=None),
        Extension(7, critical=False, value=b""),
    )

    (template,) = learned(an_offer([an_offered_policy(extensions=extensions)]), SOURCE).templates

    assert (template.extended_key_usage, template.application_policies) == (None, None)


def test_more_seconds_than_dates_have_are_the_longest_period() -> None:
    (template,) = learned(an_offer([an_offered_policy(validity_period_seconds=2**64 - 1)]), SOURCE).templates

    assert template.validity_period == timedelta(days=36600)


def test_a_template_without_a_name_or_an_object_identifier_is_left_out() -> None:
    policies = [an_offered_policy(), an_offered_policy("A", 66), an_offered_policy("B", 3), an_offered_policy("", 2)]

    known = learned(an_offer(policies, oids=[OID("no oid", 9, 3, None)]), SOURCE)

    assert [template.common_name for template in known.templates] == [WEB]


def test_an_object_identifier_of_two_templates_stands_for_neither() -> None:
    policies = [an_offered_policy(), an_offered_policy("Another"), an_offered_policy(USER, 2)]

    assert [template.common_name for template in learned(an_offer(policies), SOURCE).templates] == [USER]


def test_a_ca_whose_certificate_cannot_be_read_or_has_no_name_is_left_out() -> None:
    certificates = (b"no certificate", a_ca_certificate(""), a_ca_certificate())
    cas = [CA((), der, enroll_permission=True, ca_reference_id=n) for n, der in enumerate(certificates)]

    known = learned(an_offer([an_offered_policy(cas=(0, 1, 2, 3))], cas=cas), SOURCE)

    assert known.templates[0].cas == (CA_1,)
    assert known.cas == (CA_ENTRY,)


def test_a_ca_is_called_by_its_common_name_whatever_else_is_in_its_subject() -> None:
    certificate = an_issuer_s_certificate(f"CN={CA_1},O=Corp")
    offer = an_offer(cas=[CA((), certificate, enroll_permission=True, ca_reference_id=0)])

    assert learned(offer, SOURCE).cas == (CatalogueCA(CA_1, certificate, SOURCE),)


def test_a_template_that_no_ca_issues_has_no_cas() -> None:
    offered = replace(an_offered_policy(), ca_references=None)

    assert learned(an_offer([offered]), SOURCE).templates[0].cas == ()


# --- looking up -----------------------------------------------------------------------------------------------------


def test_templates_are_found_by_object_identifier_and_by_name_in_any_case() -> None:
    catalogue = catalogue_of(WEB, USER)

    assert catalogue.of_oid(WEB_OID) is catalogue.templates[0]
    assert catalogue.of_oid("1.2.3") is None
    assert catalogue.named("partnerUSER") == (catalogue.templates[1],)
    assert catalogue.named("User") == ()
    assert catalogue.common_names() == {WEB_OID: WEB, USER_OID: USER}


def test_two_forests_may_use_one_name() -> None:
    catalogue = Catalogue((a_catalogue_template(), a_catalogue_template(oid=USER_OID)))

    assert [template.oid for template in catalogue.named(WEB)] == [WEB_OID, USER_OID]


def test_a_ca_has_every_certificate_that_is_given_for_its_name_once() -> None:
    older, newer = a_ca_certificate(), a_ca_certificate(serial=2)
    catalogue = Catalogue(
        cas=(CatalogueCA(CA_1, older), CatalogueCA(CA_1, newer), CatalogueCA(CA_1, older), CatalogueCA("B", b"other"))
    )

    assert catalogue.ca_certificates(CA_1) == (older, newer)
    assert catalogue.ca_certificates("C") == ()


# --- merging --------------------------------------------------------------------------------------------------------


def test_what_is_new_is_added() -> None:
    assert catalogue_of(WEB).merged(catalogue_of(USER)) == catalogue_of(WEB, USER)


def test_what_is_said_again_changes_nothing() -> None:
    known = learned(an_offer(), SOURCE)

    assert known.merged(learned(an_offer(), LATER), is_complete=True) == known


def test_what_is_said_otherwise_takes_the_place_of_the_older_word() -> None:
    changed = replace(a_catalogue_template(), minimal_key_length=4096, source=LATER)

    assert catalogue_of(WEB, USER).merged(Catalogue((changed,))).of_oid(WEB_OID) == changed


def test_only_a_complete_answer_drops_what_it_does_not_name() -> None:
    known = catalogue_of(WEB, USER)

    assert known.merged(catalogue_of(USER)) == known
    assert known.merged(catalogue_of(USER), is_complete=True) == catalogue_of(USER)


def test_a_complete_answer_drops_nothing_that_another_service_said() -> None:
    known = catalogue_of(WEB, source=ELSEWHERE)

    assert known.merged(catalogue_of(USER), is_complete=True).named(WEB) == known.templates


def test_a_complete_answer_that_names_nothing_drops_nothing() -> None:
    assert catalogue_of(WEB).merged(Catalogue(), is_complete=True) == catalogue_of(WEB)


def test_what_is_configured_stays() -> None:
    configured = catalogue_of(WEB, source=None)
    offered = Catalogue((replace(a_catalogue_template(), minimal_key_length=4096),))

    assert configured.merged(offered, is_complete=True) == configured


def test_a_renewed_ca_s_certificate_takes_the_place_of_what_the_same_service_gave() -> None:
    renewed = CatalogueCA(CA_1, a_ca_certificate(serial=2), LATER)
    by_hand = CatalogueCA(CA_1, a_ca_certificate(serial=3))
    others = (CatalogueCA(CA_1, a_ca_certificate(serial=4), ELSEWHERE), CatalogueCA("B", b"other", SOURCE))

    merged = Catalogue(cas=(CA_ENTRY, by_hand, *others)).merged(Catalogue(cas=(renewed,)))

    assert merged.cas == (by_hand, *others, renewed)


def test_what_nobody_has_said_can_be_new_too() -> None:
    by_hand = Catalogue((a_catalogue_template(USER, USER_OID, source=None),), (CatalogueCA("B", b"other"),))

    merged = catalogue_of(WEB).merged(by_hand, is_complete=True)

    assert merged == Catalogue((*catalogue_of(WEB).templates, *by_hand.templates), by_hand.cas)


def test_configured_entries_are_taken_over_from_another_catalogue() -> None:
    ours = Catalogue(
        (
            a_catalogue_template(),
            a_catalogue_template(USER, USER_OID),
            a_catalogue_template("Old", "1.2.3", source=None),
        ),
        (CA_ENTRY, CatalogueCA("Old", b"old")),
    )
    theirs = Catalogue(
        (a_catalogue_template("Mine", WEB_OID, source=None), a_catalogue_template("Learned", "1.2.4")),
        (CatalogueCA("Mine", b"mine"), CatalogueCA("Learned", b"learned", SOURCE)),
    )

    assert ours.with_configured(theirs) == Catalogue(
        (a_catalogue_template("Mine", WEB_OID, source=None), a_catalogue_template(USER, USER_OID)),
        (CatalogueCA("Mine", b"mine"), CA_ENTRY),
    )
