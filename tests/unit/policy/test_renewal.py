from dataclasses import replace
from typing import Any

import pytest

from gateway.pki.authorities import TrustedCertificate, UntrustedCertificate, vouched_for_before
from gateway.pki.certificate import Certificate
from gateway.pki.certificate_request import CertificateRequest
from gateway.policy.decision import Application, Concern, Template
from gateway.policy.names import NameRule, SubjectAlternativeNameCondition, SubjectCondition
from gateway.policy.patterns import OfRequester, Regex, Suffix
from gateway.policy.renewal import RenewalCondition, RenewalTerms
from gateway.policy.signers import Owner
from gateway.requester import Requester
from tests.builders import a_certificate, a_request, a_requester, an_account, an_application, general_names

SID = "S-1-5-21-1-2-3-1104"
ADMINISTRATOR = "S-1-5-21-1-2-3-500"
TEMPLATE = Template("PartnerWebServer", "1.2.3")
HOSTS = SubjectAlternativeNameCondition({"dNSName": NameRule((Suffix(".partner-a.example"),), max_occurrences=5)})
ANY_SUBJECT = SubjectCondition({"commonName": NameRule((Regex(".*"),))})

OLD = replace(
    a_certificate(("commonName", "web01"), ("organizationName", "Partner A"), der=b"the old certificate"),
    subject_alternative_name=general_names(dNSName=["web01.partner-a.example", "web02.partner-a.example"]),
    template_name="PartnerWebServer",
)
HOLDER = replace(a_requester(), evidence=OLD)
OTHER = a_requester("partner-b")


def a_condition(*owner: Owner, required: bool = False, **changes: Any) -> RenewalCondition:
    terms = RenewalTerms(frozenset(owner or {Owner.CLIENT_CERTIFICATE}), required)
    return replace(RenewalCondition(terms, ANY_SUBJECT, HOSTS), **changes)


def a_renewal(
    old: Certificate = OLD,
    requester: Requester = HOLDER,
    subject: tuple[tuple[str, str], ...] = (("commonName", "web01"),),
    **san: list[str],
) -> Application:
    request = a_request(*subject, san=general_names(**(san or {"dNSName": ["web01.partner-a.example"]})))
    return an_application(renewing(request, old), requester)


def renewing(request: CertificateRequest, old: Certificate) -> CertificateRequest:
    return replace(request, signers=(old,), renewal_certificate=old)


def violations(
    condition: RenewalCondition, application: Application, template: Template = TEMPLATE
) -> list[tuple[str, str, str]]:
    """(field, value, wanted) of each."""
    found = condition.violations("a rule", application, template)
    assert all((violation.rule, violation.concern) == ("a rule", Concern.RENEWAL) for violation in found)
    return [(violation.field, violation.value, violation.wanted) for violation in found]


SHOWN = "O=Partner A,CN=web01 (serial number 1234 of CN=Partner CA)"


# --- whether --------------------------------------------------------------------------------------------------------


def test_the_holder_of_a_certificate_may_renew_it() -> None:
    assert violations(a_condition(), a_renewal()) == []


def test_without_terms_nothing_is_renewed() -> None:
    condition = a_condition(terms=None)

    assert violations(condition, a_renewal()) == [("renewalCertificate", SHOWN, "absent")]
    assert violations(condition, an_application()) == []


def test_without_terms_too_what_no_policy_can_allow_is_forbidden() -> None:
    """A policy on trial would let the rest through."""
    condition = a_condition(terms=None)
    stolen = replace(OLD, security_identifiers=(ADMINISTRATOR,))
    holder = replace(HOLDER, directory_account=an_account(sid=SID))
    forbidden = [
        a_renewal(subject=(("commonName", "administrator"),)),
        a_renewal(dNSName=["dc01.corp.example"]),
        a_renewal(replace(OLD, template_name="PartnerUser")),
        a_renewal(stolen, replace(holder, evidence=stolen)),
        replace(a_renewal(), request=replace(a_renewal().request, signers=(OLD, replace(OLD, der=b"another's")))),
    ]

    for application in forbidden:
        first, second = condition.violations("a rule", application, TEMPLATE)
        assert (first.wanted, first.is_forbidden) == ("absent", False)
        assert second.is_forbidden


def test_a_rule_may_be_for_renewals_alone() -> None:
    assert violations(a_condition(required=True), an_application()) == [("renewalCertificate", "", "a renewal")]
    assert violations(a_condition(required=True), a_renewal()) == []
    assert violations(a_condition(), an_application()) == []


@pytest.mark.parametrize("condition", [a_condition(), a_condition(terms=None)])
def test_an_old_certificate_that_was_not_read_is_forbidden(condition: RenewalCondition) -> None:
    application = an_application(a_request(extra_attributes=["1.3.6.1.4.1.311.13.1"]))

    (violation,) = condition.violations("a rule", application, TEMPLATE)

    assert (violation.field, violation.value, violation.is_forbidden) == ("renewalCertificate", "unreadable", True)


def test_nobody_else_signs_a_renewal() -> None:
    twin = replace(OLD, der=b"the same serial number, another CA")
    application = a_renewal()
    signed_twice = replace(application, request=replace(application.request, signers=(OLD, twin, OLD)))

    (violation,) = a_condition().violations("a rule", signed_twice, TEMPLATE)

    assert (violation.field, violation.wanted, violation.is_forbidden) == (
        "signer",
        "the renewal certificate alone",
        True,
    )


# --- by which template ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "oid"),
    [("PartnerWebServer", None), ("PARTNERWEBSERVER", None), (None, "1.2.3"), ("PartnerWebServer", "1.2.3")],
)
def test_the_old_certificate_is_from_the_same_template(name: str | None, oid: str | None) -> None:
    assert violations(a_condition(), _of_template(name, oid)) == []


@pytest.mark.parametrize(
    ("name", "oid", "value", "wanted"),
    [
        (None, None, "", "PartnerWebServer"),
        ("User", None, "User", "PartnerWebServer"),
        ("User", "1.2.3", "User", "PartnerWebServer"),
        (None, "1.2.4", "1.2.4", "1.2.3"),
        ("PartnerWebServer", "1.2.4", "1.2.4", "1.2.3"),
    ],
)
def test_a_certificate_from_another_template_is_not_renewed(
    name: str | None, oid: str | None, value: str, wanted: str
) -> None:
    (violation,) = a_condition().violations("a rule", _of_template(name, oid), TEMPLATE)

    assert (violation.field, violation.value, violation.wanted) == ("renewalCertificate template", value, wanted)
    assert violation.is_forbidden


def test_a_policy_that_does_not_know_its_templates_oid_is_told_so() -> None:
    ((_, _, wanted),) = violations(a_condition(), _of_template(None, "1.2.3"), Template("PartnerWebServer"))

    assert wanted == "PartnerWebServer (if that is it, give the policy's template its oid)"


def test_the_oids_that_the_catalogue_has_for_the_template_are_the_policys() -> None:
    template = Template("PartnerWebServer", known_oids=frozenset({"1.2.3", "1.2.4"}))

    assert violations(a_condition(), _of_template("PartnerWebServer", "1.2.4"), template) == []
    ((_, _, wanted),) = violations(a_condition(), _of_template("PartnerWebServer", "1.2.5"), template)
    assert wanted == "1.2.3 or 1.2.4"


def _of_template(name: str | None, oid: str | None) -> Application:
    old = replace(OLD, template_name=name, template_oid=oid)
    return a_renewal(old, replace(HOLDER, evidence=old))


# --- for which names ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "subject",
    [(), (("organizationName", "Partner A"),), (("organizationName", "Partner A"), ("commonName", "web01"))],
)
@pytest.mark.parametrize(
    "hosts", [[], ["WEB02.partner-a.example"], ["web02.partner-a.example", "web01.partner-a.example"]]
)
def test_names_may_be_fewer(subject: tuple[tuple[str, str], ...], hosts: list[str]) -> None:
    assert violations(a_condition(), a_renewal(subject=subject, dNSName=hosts)) == []


@pytest.mark.parametrize(
    ("subject", "san", "field", "value"),
    [
        ((("commonName", "web03"),), {}, "subject commonName", "web03"),
        ((("commonName", "WEB01"),), {}, "subject commonName", "WEB01"),
        ((("organizationalUnitName", "web01"),), {}, "subject organizationalUnitName", "web01"),
        ((), {"dNSName": ["web03.partner-a.example"]}, "subjectAlternativeName dNSName", "web03.partner-a.example"),
        (
            (),
            {"userPrincipalName": ["web01.partner-a.example"]},
            "subjectAlternativeName userPrincipalName",
            "web01.partner-a.example",
        ),
        ((), {"uniformResourceIdentifier": ["urn:x"]}, "subjectAlternativeName uniformResourceIdentifier", "urn:x"),
    ],
)
def test_a_name_that_the_old_certificate_does_not_have_is_forbidden(
    subject: tuple[tuple[str, str], ...], san: dict[str, Any], field: str, value: str
) -> None:
    (violation,) = a_condition().violations("a rule", a_renewal(subject=subject, **san), TEMPLATE)

    assert (violation.field, violation.value, violation.wanted) == (field, value, "in the renewal certificate")
    assert violation.is_forbidden


def test_names_of_uris_keep_their_case() -> None:
    old = replace(OLD, subject_alternative_name=general_names(uniformResourceIdentifier=["urn:a"]))
    condition = a_condition(
        subject_alternative_name=SubjectAlternativeNameCondition(
            {"uniformResourceIdentifier": NameRule((Regex(".*"),))}
        )
    )
    holder = replace(HOLDER, evidence=old)

    assert violations(condition, a_renewal(old, holder, uniformResourceIdentifier=["urn:a"])) == []
    assert len(violations(condition, a_renewal(old, holder, uniformResourceIdentifier=["urn:A"]))) == 1


def test_the_names_that_the_ca_would_copy_are_judged_though_they_are_not_asked_for() -> None:
    old = replace(OLD, subject_alternative_name=general_names(dNSName=["web01.other.example"], x400Address=["3000"]))
    application = a_renewal(old, replace(HOLDER, evidence=old), dNSName=[])

    assert violations(a_condition(), application) == [
        ("renewalCertificate dNSName", "web01.other.example", "suffix '.partner-a.example'"),
        ("renewalCertificate x400Address", "3000", "absent"),
    ]
    from_the_directory = replace(TEMPLATE, enrollee_supplies_subject=False)
    assert violations(a_condition(), application, from_the_directory) == []


# --- whose ----------------------------------------------------------------------------------------------------------


def test_who_merely_has_the_key_of_a_certificate_does_not_renew_it() -> None:
    wanted = "the requester's own, by clientCertificate or securityIdentifier"
    condition = a_condition(Owner.CLIENT_CERTIFICATE, Owner.SECURITY_IDENTIFIER)

    assert violations(condition, a_renewal(requester=OTHER)) == [("renewalCertificate", SHOWN, wanted)]


def test_a_look_alike_of_the_client_certificate_is_not_it() -> None:
    look_alike = replace(OLD, der=b"the same names and serial number")

    assert len(violations(a_condition(), a_renewal(look_alike))) == 1


ALICE = replace(OTHER, directory_account=an_account())


@pytest.mark.parametrize(
    ("owner", "stated", "requester", "expected"),
    [
        (Owner.SECURITY_IDENTIFIER, (SID,), ALICE, True),
        (Owner.SECURITY_IDENTIFIER, (), ALICE, False),
        (Owner.SECURITY_IDENTIFIER, (SID,), OTHER, False),
        (Owner.NAMES, (), OTHER, True),
        (Owner.NAMES, (), ALICE, True),
        (Owner.NAMES, (SID,), ALICE, True),
        (Owner.NAMES, (SID,), OTHER, False),
        (Owner.CLIENT_CERTIFICATE, (), OTHER, False),
    ],
)
def test_the_old_certificate_is_the_requesters(
    owner: Owner, stated: tuple[str, ...], requester: Requester, expected: bool
) -> None:
    old = replace(OLD, subject=a_certificate(("commonName", "web01")).subject, security_identifiers=stated)

    assert (violations(a_condition(owner), a_renewal(old, requester)) == []) is expected


def test_alternative_names_alone_make_an_owner() -> None:
    old = replace(OLD, subject=a_certificate().subject)

    assert violations(a_condition(Owner.NAMES), a_renewal(old, OTHER, subject=())) == []


@pytest.mark.parametrize("stated", [(ADMINISTRATOR,), (SID, ADMINISTRATOR)])
@pytest.mark.parametrize("owner", list(Owner))
def test_a_certificate_that_states_another_accounts_sid_is_never_renewed(owner: Owner, stated: tuple[str, ...]) -> None:
    old = replace(OLD, security_identifiers=stated)

    (violation,) = a_condition(owner).violations("a rule", a_renewal(old, replace(ALICE, evidence=old)), TEMPLATE)

    assert (violation.field, violation.value, violation.wanted, violation.is_forbidden) == (
        "renewalCertificate securityIdentifier",
        " and ".join(stated),
        f"the requester's, {SID}",
        True,
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": SubjectCondition({"commonName": NameRule((OfRequester("account"),))})},
        {"subject": SubjectCondition({})},
    ],
)
def test_names_that_are_not_the_requesters_make_no_owner(changes: dict[str, Any]) -> None:
    assert len(violations(a_condition(Owner.NAMES, **changes), a_renewal(requester=OTHER))) == 1


def test_alternative_names_that_are_not_the_requesters_make_no_owner() -> None:
    old = replace(
        OLD, subject=a_certificate().subject, subject_alternative_name=general_names(dNSName=["a.other.example"])
    )
    application = a_renewal(old, OTHER, subject=(), dNSName=[])
    from_the_directory = replace(TEMPLATE, enrollee_supplies_subject=False)

    assert len(violations(a_condition(Owner.NAMES), application, from_the_directory)) == 1


def test_a_certificate_without_names_is_nobodys() -> None:
    nameless = replace(OLD, subject=a_certificate().subject, subject_alternative_name=())
    condition = a_condition(
        Owner.NAMES, subject=SubjectCondition({}), subject_alternative_name=SubjectAlternativeNameCondition({})
    )

    assert len(violations(condition, a_renewal(nameless, OTHER, subject=(), dNSName=[]))) == 1


# --- without a signature --------------------------------------------------------------------------------------------

TRUSTED = vouched_for_before(OLD, "Partner CA")


def a_plain_condition() -> RenewalCondition:
    terms = RenewalTerms(frozenset({Owner.CLIENT_CERTIFICATE}), required=True, without_signature=True)
    return a_condition(terms=terms)


def a_plain_request(
    shown: TrustedCertificate | UntrustedCertificate | None = TRUSTED, requester: Requester = HOLDER, **san: list[str]
) -> Application:
    names = general_names(**(san or {"dNSName": ["web01.partner-a.example"]}))
    return replace(an_application(a_request(("commonName", "web01"), san=names), requester), shown=shown)


def test_a_rule_may_take_a_plain_request_for_a_renewal_of_the_client_certificate() -> None:
    assert violations(a_plain_condition(), a_plain_request()) == []
    assert violations(a_plain_condition(), a_renewal()) == []


def test_no_other_rule_does() -> None:
    assert violations(a_condition(required=True), a_plain_request()) == [("renewalCertificate", "", "a renewal")]


def test_who_has_shown_no_certificate_renews_none() -> None:
    wanted = "a renewal, or a client certificate to renew"

    assert violations(a_plain_condition(), a_plain_request(None)) == [("renewalCertificate", "", wanted)]


def test_the_client_certificate_is_vouched_for_as_a_signer_s_is() -> None:
    application = a_plain_request(UntrustedCertificate(OLD, "it was revoked by Partner CA"))

    assert violations(a_plain_condition(), application) == [
        (
            "renewalCertificate",
            SHOWN,
            "one for which certification_authorities vouch: it was revoked by Partner CA",
        )
    ]


def test_a_signature_of_somebody_else_makes_it_no_plain_request() -> None:
    application = a_plain_request()
    signed = replace(application, request=replace(application.request, signers=(OLD,)))

    assert violations(a_plain_condition(), signed) == [("renewalCertificate", "", "a renewal")]


def test_a_plain_request_has_no_other_name_and_template() -> None:
    other = replace(TRUSTED, certificate=replace(OLD, template_name="User"))
    application = a_plain_request(other, dNSName=["web03.partner-a.example"])

    found = a_plain_condition().violations("a rule", application, TEMPLATE)

    assert [(violation.field, violation.value) for violation in found] == [
        ("renewalCertificate template", "User"),
        ("subjectAlternativeName dNSName", "web03.partner-a.example"),
    ]
    assert not any(violation.is_forbidden for violation in found)


def test_the_client_certificate_states_no_other_account_s_sid() -> None:
    stolen = replace(OLD, security_identifiers=(ADMINISTRATOR,))
    holder = replace(HOLDER, evidence=stolen, directory_account=an_account(sid=SID))

    ((field, value, _),) = violations(
        a_plain_condition(), a_plain_request(replace(TRUSTED, certificate=stolen), holder)
    )

    assert (field, value) == ("renewalCertificate securityIdentifier", ADMINISTRATOR)


def test_names_that_the_ca_does_not_copy_are_not_judged() -> None:
    old = replace(OLD, subject_alternative_name=general_names(dNSName=["web01.partner-a.example", "web01.old.example"]))
    application = a_plain_request(replace(TRUSTED, certificate=old), replace(HOLDER, evidence=old))

    assert violations(a_plain_condition(), application) == []
