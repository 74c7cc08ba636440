"""Renewals and requests on behalf of others, at the CA: certificates that it has issued itself sign them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.lab.accounts import ALICE, BOB, Account
from gateway.lab.authority import CertificationAuthority, Disposition, RequestRow
from gateway.lab.cmc import Signer
from gateway.lab.hresult import HResult
from gateway.lab.templates import (
    CORP_USER,
    PARTNER_DEVICE,
    TEMPLATES,
    CertificateTemplate,
    EnrollmentFlags,
    SubjectNameFlags,
)
from tests.cmc import (
    Holder,
    a_ca,
    a_certificate,
    a_cms_request,
    a_renewal,
    a_renewal_attribute,
    a_requester_name,
    an_on_behalf_of_request,
    signed_by,
    signed_by_key,
)
from tests.requests import a_certification_request, a_key, a_template_oid_extension

DEVICE = "CN=serial-4711.devices.fabrikam.example"
DNS = "serial-4711.devices.fabrikam.example"
OUTSIDER = replace(BOB, name="mallory", groups=frozenset())
"""Who may enroll nothing."""

VALIDATES = EnrollmentFlags.PREVIOUS_APPROVAL_VALIDATE_REENROLLMENT
RENEWABLE_USER = replace(CORP_USER, common_name="RenewableUser", oid=PARTNER_DEVICE.oid, enrollment_flags=VALIDATES)
PENDING_DEVICE = replace(
    PARTNER_DEVICE, enrollment_flags=PARTNER_DEVICE.enrollment_flags | EnrollmentFlags.PEND_ALL_REQUESTS
)


def _enroll(
    ca: CertificationAuthority, template: str = "PartnerDevice", account: Account = ALICE, kind: str = "EC"
) -> Holder:
    key = a_key(kind, f"of {template} {account.name}")
    row = ca.submit(a_certification_request(DEVICE, dns=[DNS], template=template, key=key), "", account)
    if row.disposition is Disposition.PENDING:
        row = ca.resolve(row.request_id)
    assert row.certificate is not None, row.disposition_message
    return Holder(row.certificate.public_bytes(Encoding.DER), key)


def _renew(
    ca: CertificationAuthority,
    old: Holder,
    subject: str = DEVICE,
    template: str = "PartnerDevice",
    account: Account = OUTSIDER,
    *,
    cmc: bool = False,
) -> RequestRow:
    attributes = [a_renewal_attribute(old.certificate)]
    request = a_certification_request(subject, dns=["new.example"], template=template, extra_attributes=attributes)
    return ca.submit(a_renewal(old, cmc=cmc, request=request), "", account)


def _dns_names(row: RequestRow) -> list[str]:
    assert row.certificate is not None, row.disposition_message
    return row.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(
        x509.DNSName
    )


def _with(signer: Signer, *templates: CertificateTemplate) -> CertificationAuthority:
    return CertificationAuthority("Fabrikam Issuing CA 1", signer, templates)


# --- renewals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cmc", [False, True], ids=["CMS", "CMC"])
def test_who_has_the_key_renews_without_a_permission_and_gets_the_old_names(
    ca: CertificationAuthority, *, cmc: bool
) -> None:
    old = _enroll(ca)
    row = _renew(ca, old, cmc=cmc)
    assert row.disposition is Disposition.ISSUED
    assert _dns_names(row) == [DNS]
    assert row.certificate is not None
    assert row.certificate.public_key() != old.public.public_key()


def test_an_rsa_certificate_renews_too(ca: CertificationAuthority) -> None:
    assert _renew(ca, _enroll(ca, kind="RSA")).disposition is Disposition.ISSUED


def test_a_first_certificate_needs_the_permission(ca: CertificationAuthority) -> None:
    row = ca.submit(a_certification_request(DEVICE, template="PartnerDevice"), "", OUTSIDER)
    assert row.status is HResult.CERTSRV_E_TEMPLATE_DENIED


def test_a_renewal_is_not_held_for_the_certificate_manager(signer: Signer) -> None:
    ca = _with(signer, PENDING_DEVICE)
    assert _renew(ca, _enroll(ca)).disposition is Disposition.ISSUED


@pytest.mark.parametrize("subject", ["CN=serial-4712.devices.fabrikam.example", ""])
def test_the_subject_of_a_renewal_is_the_old_one(ca: CertificationAuthority, subject: str) -> None:
    row = _renew(ca, _enroll(ca), subject)
    assert row.status is HResult.CERTSRV_E_BAD_RENEWAL_SUBJECT


def test_a_template_without_the_flag_takes_a_renewal_for_any_request(ca: CertificationAuthority) -> None:
    old = _enroll(ca, "PartnerWebServer")
    assert _renew(ca, old, template="PartnerWebServer").status is HResult.CERTSRV_E_TEMPLATE_DENIED
    assert _dns_names(_renew(ca, old, "CN=new", "PartnerWebServer", ALICE)) == ["new.example"]


def test_on_behalf_of_the_key_s_holder_only_templates_are_renewed_that_ask_for_no_permission(
    ca: CertificationAuthority,
) -> None:
    device, server = _enroll(ca), _enroll(ca, "PartnerWebServer")
    renewals = [
        a_renewal(
            old,
            request=a_certification_request(
                DEVICE, template=template, extra_attributes=[a_renewal_attribute(old.certificate)]
            ),
        )
        for old, template in ((device, "PartnerDevice"), (server, "PartnerWebServer"))
    ]
    rows = [ca.submit(renewal, "", ALICE, renews_on_behalf=True) for renewal in renewals]
    assert [row.status for row in rows] == [HResult.S_OK, HResult.CERTSRV_E_TEMPLATE_DENIED]


def test_on_behalf_of_nobody_nothing_is_renewed(ca: CertificationAuthority) -> None:
    row = ca.submit(a_certification_request(DEVICE, template="PartnerWebServer"), "", ALICE, renews_on_behalf=True)
    assert row.status is HResult.CERTSRV_E_BAD_RENEWAL_CERT_ATTRIBUTE


@pytest.mark.parametrize("other", ["PartnerWebServer", "User"])
def test_a_certificate_is_renewed_by_its_own_template(ca: CertificationAuthority, other: str) -> None:
    old = _enroll(ca, other, kind="RSA")
    assert _renew(ca, old, account=ALICE).status is HResult.CERTSRV_E_TEMPLATE_CONFLICT


def test_a_version_1_template_renews_its_own(ca: CertificationAuthority) -> None:
    old = _enroll(ca, "User", kind="RSA")
    assert _renew(ca, old, template="User", account=ALICE).disposition is Disposition.ISSUED


def test_a_certificate_of_somebody_else_is_not_renewed(ca: CertificationAuthority) -> None:
    same_issuer = a_ca(ca.signer.certificate.subject.rfc4514_string())
    for issuer in (a_ca(), same_issuer):
        old = a_certificate(issuer, DEVICE, extensions=[a_template_oid_extension(PARTNER_DEVICE.oid.dotted_string)])
        assert _renew(ca, old).status is HResult.CERT_E_UNTRUSTEDROOT


def test_a_certificate_that_is_over_is_not_renewed(ca: CertificationAuthority, signer: Signer) -> None:
    old = _enroll(ca)
    later = CertificationAuthority(ca.name, signer, clock=lambda: datetime.now(UTC) + timedelta(days=400))
    assert _renew(later, old).status is HResult.CERT_E_EXPIRED


def test_a_revoked_certificate_is_not_renewed(ca: CertificationAuthority) -> None:
    old = _enroll(ca)
    ca.revoke(old.public.serial_number)
    assert _renew(ca, old).status is HResult.CRYPT_E_REVOKED


def test_an_online_renewal_is_for_the_account_that_the_old_certificate_names(signer: Signer) -> None:
    ca = _with(signer, RENEWABLE_USER)
    old = _enroll(ca, "RenewableUser")
    assert _renew(ca, old, template="RenewableUser", account=ALICE).disposition is Disposition.ISSUED
    assert _renew(ca, old, template="RenewableUser", account=BOB).status is HResult.CERTSRV_E_BAD_RENEWAL_SUBJECT


@pytest.mark.parametrize("mail", [BOB.mail, None])
def test_and_for_the_mail_address(signer: Signer, mail: str | None) -> None:
    with_mail = replace(RENEWABLE_USER, subject_name_flags=SubjectNameFlags.SUBJECT_ALT_REQUIRE_EMAIL)
    ca = _with(signer, with_mail)
    old = _enroll(ca, "RenewableUser")
    assert _renew(ca, old, template="RenewableUser", account=ALICE).disposition is Disposition.ISSUED
    row = _renew(ca, old, template="RenewableUser", account=replace(ALICE, mail=mail))
    assert row.status is HResult.CERTSRV_E_BAD_RENEWAL_SUBJECT


def test_an_online_renewal_needs_names_in_the_old_certificate(signer: Signer) -> None:
    offline = replace(RENEWABLE_USER, subject_name_flags=SubjectNameFlags.ENROLLEE_SUPPLIES_SUBJECT)
    issuing = _with(signer, offline)
    row = issuing.submit(a_certification_request(DEVICE, dns=[], template="RenewableUser"), "", ALICE)
    assert row.certificate is not None
    old = Holder(row.certificate.public_bytes(Encoding.DER), a_key())
    renewed = _renew(_with(signer, RENEWABLE_USER), old, template="RenewableUser", account=ALICE)
    assert renewed.status is HResult.CERTSRV_E_BAD_RENEWAL_SUBJECT


def test_an_old_certificate_without_names_gives_way_to_those_of_the_request(ca: CertificationAuthority) -> None:
    row = ca.submit(a_certification_request(DEVICE, dns=[], template="PartnerDevice"), "", ALICE)
    assert row.certificate is not None
    assert _dns_names(_renew(ca, Holder(row.certificate.public_bytes(Encoding.DER), a_key()))) == ["new.example"]


# --- on behalf of others --------------------------------------------------------------------------------------------


def _on_behalf(
    ca: CertificationAuthority, agent: Holder, name: str, template: str = "CorpUser", *, cmc: bool = False
) -> RequestRow:
    request = a_certification_request("CN=anything", template=template)
    return ca.submit(an_on_behalf_of_request(agent, name, cmc=cmc, request=request), "", BOB)


@pytest.mark.parametrize("cmc", [False, True], ids=["CMS", "CMC"])
@pytest.mark.parametrize("name", ["CORP\\alice", "corp\\ALICE", "alice@partner-a.example"])
def test_an_agent_enrolls_for_another_account(ca: CertificationAuthority, name: str, *, cmc: bool) -> None:
    row = _on_behalf(ca, _enroll(ca, "EnrollmentAgent", BOB, "RSA"), name, cmc=cmc)
    assert (row.disposition, row.requester, row.requester_name) == (Disposition.ISSUED, BOB, name)
    assert row.certificate is not None
    assert row.certificate.subject.rfc4514_string() == ALICE.distinguished_name


def test_for_an_offline_template_the_name_is_only_recorded(ca: CertificationAuthority) -> None:
    row = _on_behalf(ca, _enroll(ca, "EnrollmentAgent", BOB, "RSA"), "CORP\\nobody", "PartnerWebServer")
    assert (row.disposition, row.requester_name) == (Disposition.ISSUED, "CORP\\nobody")
    assert row.certificate is not None
    assert row.certificate.subject.rfc4514_string() == "CN=anything"


def test_nobody_enrolls_for_an_account_that_does_not_exist(ca: CertificationAuthority) -> None:
    row = _on_behalf(ca, _enroll(ca, "EnrollmentAgent", BOB, "RSA"), "CORP\\nobody")
    assert row.status is HResult.CERTSRV_E_BAD_REQUESTSUBJECT


def test_a_certificate_without_the_usage_is_no_agents(ca: CertificationAuthority) -> None:
    assert _on_behalf(ca, _enroll(ca), "CORP\\alice").status is HResult.CERTSRV_E_SIGNATURE_REJECTED


def test_a_certificate_without_any_usage_is_no_agents(signer: Signer) -> None:
    ca_key = signer.key
    now = datetime.now(UTC)
    issuer = Holder(signer.certificate.public_bytes(Encoding.DER), ca_key)
    agent = a_certificate(issuer, now=now, extended_key_usage=())
    row = _on_behalf(_with(signer, *TEMPLATES), agent, "CORP\\alice")
    assert row.status is HResult.CERTSRV_E_SIGNATURE_REJECTED


def test_a_name_that_the_new_key_alone_has_signed_counts_for_nothing(ca: CertificationAuthority) -> None:
    signers = (signed_by_key(None, a_requester_name("CORP\\alice")),)
    row = ca.submit(a_cms_request(a_certification_request(template="CorpUser"), signers), "", BOB)
    assert row.status is HResult.CERTSRV_E_SIGNATURE_POLICY_REQUIRED


def test_a_revoked_agent_is_none(ca: CertificationAuthority) -> None:
    agent = _enroll(ca, "EnrollmentAgent", BOB, "RSA")
    ca.revoke(agent.public.serial_number)
    assert _on_behalf(ca, agent, "CORP\\alice").status is HResult.CRYPT_E_REVOKED


def test_whoever_signs_has_a_certificate_of_this_ca(ca: CertificationAuthority) -> None:
    row = ca.submit(a_cms_request(signers=(signed_by(a_certificate()),)), "", ALICE)
    assert row.status is HResult.CERT_E_UNTRUSTEDROOT
