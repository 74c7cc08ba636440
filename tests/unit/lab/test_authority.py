"""What the CA decides, by template, and what it puts into its table."""

from datetime import UTC, datetime

import pytest

from gateway.lab.accounts import ALICE, GATEWAY_SERVICE
from gateway.lab.authority import CertificationAuthority, Disposition, NoSuchRequest
from gateway.lab.cmc import Signer
from gateway.lab.hresult import HResult
from gateway.lab.templates import PARTNER_USER, PARTNER_WEB_SERVER, USER
from tests.requests import (
    CERTIFICATE_TEMPLATE_NAME,
    ENROLLMENT_NAME_VALUE_PAIR,
    a_certification_request,
    a_key,
    a_name_value_pair,
    a_template_name_extension,
    a_template_oid_extension,
    an_attribute,
    an_extension,
    ia5_string,
    integer,
    printable_string,
    sequence,
    utf8_string,
)

WEB_SERVER_OID = PARTNER_WEB_SERVER.oid.dotted_string


def _named(*attributes: tuple[str, str], template: str | None = None) -> bytes:
    pairs = [an_attribute(ENROLLMENT_NAME_VALUE_PAIR, a_name_value_pair(*pair)) for pair in attributes]
    return a_certification_request(template=template, extra_attributes=pairs)


# --- which template -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "attributes"),
    [
        pytest.param(a_certification_request(template="PartnerWebServer"), "", id="20.2"),
        pytest.param(a_certification_request(template=None, template_oid=WEB_SERVER_OID), "", id="21.7"),
        pytest.param(_named(("CertificateTemplate", "PartnerWebServer")), "", id="13.2.1"),
        pytest.param(a_certification_request(template=None), "CertificateTemplate:PartnerWebServer", id="attribute"),
        pytest.param(
            a_certification_request(template_oid=WEB_SERVER_OID), "CertificateTemplate:PARTNERWEBSERVER", id="all agree"
        ),
    ],
)
def test_the_template_is_found_in_every_place(ca: CertificationAuthority, request_: bytes, attributes: str) -> None:
    row = ca.submit(request_, attributes, ALICE)
    assert (row.disposition, row.template) == (Disposition.ISSUED, "PartnerWebServer")


@pytest.mark.parametrize(
    "value",
    [
        utf8_string("PartnerWebServer"),
        printable_string("PartnerWebServer"),
        ia5_string("partnerwebserver"),
        sequence(utf8_string("PartnerWebServer")),
    ],
    ids=["UTF8String", "PrintableString", "IA5String", "SEQUENCE"],
)
def test_the_name_extension_may_be_any_text(ca: CertificationAuthority, value: bytes) -> None:
    extension = an_extension(CERTIFICATE_TEMPLATE_NAME, value)
    row = ca.submit(a_certification_request(template=None, extra_extensions=[extension]), "", ALICE)
    assert row.template == "PartnerWebServer"


@pytest.mark.parametrize(
    ("request_", "attributes"),
    [
        pytest.param(
            a_certification_request(template_oid=PARTNER_USER.oid.dotted_string), "", id="name and object identifier"
        ),
        pytest.param(_named(("CertificateTemplate", "PartnerUser"), template="PartnerWebServer"), "", id="13.2.1"),
        pytest.param(_named(("certificate-TEMP LATE", "User"), template="PartnerWebServer"), "", id="disguised name"),
        pytest.param(a_certification_request(), "CertificateTemplate:User", id="attribute"),
        pytest.param(a_certification_request(), "ccm:host\nCertificate-Template: User", id="attribute on a new line"),
    ],
)
def test_two_templates_are_a_conflict(ca: CertificationAuthority, request_: bytes, attributes: str) -> None:
    row = ca.submit(request_, attributes, ALICE)
    assert (row.disposition, row.status) == (Disposition.DENIED, HResult.CERTSRV_E_TEMPLATE_CONFLICT)
    assert row.disposition_message.startswith("Denied by Policy Module  0x80094802, ")


def test_no_template_is_refused(ca: CertificationAuthority) -> None:
    row = ca.submit(a_certification_request(template=None), "ccm:host", ALICE)
    assert (row.disposition, row.status) == (Disposition.DENIED, HResult.CERTSRV_E_NO_CERT_TYPE)


@pytest.mark.parametrize(
    "request_",
    [
        a_certification_request(template="Nonesuch"),
        a_certification_request(template_oid="1.3.6.1.4.1.311.21.8.1.2.3"),
        _named(("CertificateTemplate", "Nonesuch"), template="PartnerWebServer"),
    ],
    ids=["name", "object identifier", "one of two"],
)
def test_an_unknown_template_is_refused(ca: CertificationAuthority, request_: bytes) -> None:
    row = ca.submit(request_, "", ALICE)
    assert (row.disposition, row.status) == (Disposition.DENIED, HResult.CERTSRV_E_UNSUPPORTED_CERT_TYPE)


def test_a_template_that_this_ca_does_not_publish_is_refused(ca_2: CertificationAuthority) -> None:
    row = ca_2.submit(a_certification_request(template="User"), "", ALICE)
    assert row.status is HResult.CERTSRV_E_UNSUPPORTED_CERT_TYPE


@pytest.mark.parametrize("versions", [(101, 0), (100, 5), (99, 5)])
def test_a_newer_template_version_is_refused(ca: CertificationAuthority, versions: tuple[int, int]) -> None:
    extension = a_template_oid_extension(WEB_SERVER_OID, *versions)
    row = ca.submit(a_certification_request(extra_extensions=[extension]), "", ALICE)
    assert row.status is HResult.CERTSRV_E_BAD_TEMPLATE_VERSION


@pytest.mark.parametrize("versions", [(), (100, 4), (3, 1)])
def test_the_same_or_an_older_version_is_taken(ca: CertificationAuthority, versions: tuple[int, ...]) -> None:
    extension = a_template_oid_extension(WEB_SERVER_OID, *versions)
    row = ca.submit(a_certification_request(extra_extensions=[extension]), "", ALICE)
    assert row.disposition is Disposition.ISSUED


# --- may they -------------------------------------------------------------------------------------------------------


def test_a_template_without_the_enroll_permission_is_denied(ca: CertificationAuthority) -> None:
    row = ca.submit(a_certification_request(template="Machine", key=a_key("RSA")), "", ALICE)
    assert (row.disposition, row.status) == (Disposition.DENIED, HResult.CERTSRV_E_TEMPLATE_DENIED)


def test_a_key_shorter_than_the_template_asks_is_denied(ca: CertificationAuthority) -> None:
    row = ca.submit(a_certification_request(template="PartnerUser", key=a_key("RSA-1024")), "", ALICE)
    assert (row.disposition, row.status) == (Disposition.DENIED, HResult.CERTSRV_E_KEY_LENGTH)


def test_key_lengths_are_compared_as_bits_whatever_the_algorithm(ca: CertificationAuthority) -> None:
    assert ca.submit(a_certification_request(template="PartnerUser"), "", ALICE).status is HResult.CERTSRV_E_KEY_LENGTH
    weak = a_certification_request(template="PartnerWebServer", key=a_key("RSA-1024"))
    assert ca.submit(weak, "", ALICE).disposition is Disposition.ISSUED


def test_a_version_1_template_does_not_look_at_the_key(ca: CertificationAuthority) -> None:
    assert ca.submit(a_certification_request(template="User"), "", ALICE).disposition is Disposition.ISSUED


def test_the_refusing_template_refuses_everybody(ca: CertificationAuthority) -> None:
    row = ca.submit(a_certification_request(template="PartnerRefused"), "", ALICE)
    assert (row.disposition, row.status) == (Disposition.DENIED, HResult.CERTSRV_E_SUBJECT_EMAIL_REQUIRED)
    assert row.disposition_message == (
        "Denied by Policy Module  0x80094812, The EMail name is unavailable and cannot be added to the Subject or"
        " Subject Alternate name.\r\n"
    )


def test_a_request_that_cannot_be_read_fails(ca: CertificationAuthority) -> None:
    row = ca.submit(sequence(integer(0)), "", ALICE)
    assert (row.disposition, row.status) == (Disposition.FAILED, HResult.CRYPT_E_ASN1_BADTAG)
    assert row.disposition_message.startswith("Error Parsing Request  0x8009310b")


def test_a_request_without_any_name_is_denied(ca: CertificationAuthority) -> None:
    row = ca.submit(a_certification_request("", dns=()), "", ALICE)
    assert (row.disposition, row.status) == (Disposition.DENIED, HResult.CERTSRV_E_BAD_REQUESTSUBJECT)


# --- the table ------------------------------------------------------------------------------------------------------


def test_every_request_gets_the_next_number(ca: CertificationAuthority) -> None:
    templates = ("PartnerWebServer", "Nonesuch", "PartnerPending")
    rows = [ca.submit(a_certification_request(template=template), "", ALICE) for template in templates]
    assert [row.request_id for row in rows] == [10, 11, 12]
    assert ca.requests == {row.request_id: row for row in rows}


def test_a_row_keeps_what_came_in(signer: Signer) -> None:
    now = datetime(2026, 11, 23, tzinfo=UTC)
    request = a_certification_request()
    row = CertificationAuthority("CA", signer, clock=lambda: now).submit(request, "ccm:host", ALICE)
    assert (row.ca_name, row.request, row.attributes, row.requester, row.submitted_at) == (
        "CA",
        request,
        "ccm:host",
        ALICE,
        now,
    )


def test_a_row_is_retrieved_by_whoever_asks(ca: CertificationAuthority) -> None:
    row = ca.submit(a_certification_request(), "", ALICE)
    assert ca.retrieve(row.request_id) == row


@pytest.mark.parametrize(
    ("request_id", "hresult"), [(999, HResult.CERTSRV_E_NO_REQUEST), (0, HResult.CERTSRV_E_PROPERTY_EMPTY)]
)
def test_an_unknown_number_is_an_error(ca: CertificationAuthority, request_id: int, hresult: HResult) -> None:
    with pytest.raises(NoSuchRequest) as caught:
        ca.retrieve(request_id)
    assert caught.value.hresult is hresult


def test_a_pending_request_has_no_certificate_yet(ca: CertificationAuthority) -> None:
    row = ca.submit(a_certification_request(template="PartnerPending"), "", ALICE)
    assert (row.disposition, row.disposition_message, row.certificate) == (
        Disposition.PENDING,
        "Taken Under Submission",
        None,
    )


def test_the_certificate_manager_issues_a_pending_request(ca: CertificationAuthority) -> None:
    pending = ca.submit(a_certification_request(template="PartnerPending"), "", ALICE)
    ca.resolve(pending.request_id)
    row = ca.retrieve(pending.request_id)
    assert (row.disposition, row.disposition_message) == (Disposition.ISSUED, "Issued")
    assert row.certificate is not None


def test_the_certificate_manager_denies_a_pending_request(ca: CertificationAuthority) -> None:
    pending = ca.submit(a_certification_request(template="PartnerPending"), "", ALICE)
    ca.resolve(pending.request_id, issue=False)
    row = ca.retrieve(pending.request_id)
    assert (row.disposition, row.status) == (Disposition.DENIED, HResult.CERTSRV_E_ADMIN_DENIED_REQUEST)


def test_only_what_is_pending_can_be_resolved(ca: CertificationAuthority) -> None:
    row = ca.submit(a_certification_request(), "", ALICE)
    with pytest.raises(NoSuchRequest) as caught:
        ca.resolve(row.request_id)
    assert caught.value.hresult is HResult.CERTSRV_E_BAD_REQUESTSTATUS


def test_an_account_without_mail_is_issued_with_the_captured_warning(ca: CertificationAuthority) -> None:
    row = ca.submit(a_certification_request(template="User"), "", GATEWAY_SERVICE)
    assert row.disposition is Disposition.ISSUED
    assert row.disposition_message == (
        f"Issued  0x80094004, The Enrollee ({GATEWAY_SERVICE.distinguished_name}) has no E-Mail name registered in the"
        " Active Directory.  The E-Mail name will not be included in the certificate.\r\n"
    )


def test_the_serial_number_holds_the_request_id_as_in_the_captured_certificate(ca: CertificationAuthority) -> None:
    certificate = ca.submit(a_certification_request(), "", ALICE).certificate
    assert certificate is not None
    octets = certificate.serial_number.to_bytes(19, "big")
    assert 0 < octets[0] < 0x80
    assert octets[1:5] == octets[15:19] == (10).to_bytes(4, "big")
    assert octets[13:15] == b"\x00\x00"


def test_a_ca_knows_templates_of_its_own(signer: Signer) -> None:
    ca = CertificationAuthority("CA", signer, [USER])
    assert ca.submit(a_certification_request(template="User"), "", ALICE).disposition is Disposition.ISSUED
    unpublished = ca.submit(a_certification_request(), "", ALICE)
    assert unpublished.status is HResult.CERTSRV_E_UNSUPPORTED_CERT_TYPE


def test_two_name_extensions_cannot_be_read(ca: CertificationAuthority) -> None:
    request = a_certification_request(extra_extensions=[a_template_name_extension("User")])
    assert ca.submit(request, "", ALICE).disposition is Disposition.FAILED
