"""Reading PKCS#10 as a CA does: what it takes, and the HRESULT for what it does not."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.lab import certification_request
from gateway.lab.denial import RequestUnreadable
from gateway.lab.hresult import HResult
from tests.requests import (
    CERTIFICATE_TEMPLATE_NAME,
    ENROLLMENT_NAME_VALUE_PAIR,
    a_certification_request,
    a_key,
    a_name_value_pair,
    a_signed_request,
    a_subject_alternative_name,
    a_template_oid_extension,
    an_attribute,
    an_extension,
    bit_string,
    integer,
    object_identifier,
    octet_string,
    sequence,
    utf8_string,
)
from tests.unit.lab.messages import CAPTURED, a_reply


def _refused(der: bytes) -> HResult:
    with pytest.raises(RequestUnreadable) as caught:
        certification_request.read(der)
    return caught.value.hresult


def test_the_request_of_certreq_is_read() -> None:
    message = a_reply((CAPTURED / "capture-certreq-ws2025-RST-issue-PKCS10.xml").read_bytes())
    request = certification_request.read(base64.b64decode(message.text(".//wsse:BinarySecurityToken") or ""))
    assert request.subject.rfc4514_string() == "CN=ignored-by-adcs"
    assert isinstance(request.public_key, rsa.RSAPublicKey)
    assert (request.template_names, request.template_oids) == ((), ())


def test_names_are_collected_from_extension_and_attribute() -> None:
    pair = an_attribute(ENROLLMENT_NAME_VALUE_PAIR, a_name_value_pair("CertificateTemplate", "Second"))
    request = certification_request.read(a_certification_request(template="First", extra_attributes=[pair]))
    assert request.template_names == ("First", "Second")


@pytest.mark.parametrize("name", ["certificatetemplate", "Certificate Template", "-Certificate-Template-"])
def test_the_name_of_a_pair_is_compared_without_blanks_minus_signs_and_case(name: str) -> None:
    pair = an_attribute(ENROLLMENT_NAME_VALUE_PAIR, a_name_value_pair(name, "Found"))
    request = certification_request.read(a_certification_request(template=None, extra_attributes=[pair]))
    assert request.template_names == ("Found",)


def test_other_pairs_name_no_template() -> None:
    pair = an_attribute(ENROLLMENT_NAME_VALUE_PAIR, a_name_value_pair("SAN", "upn=x@y"))
    request = certification_request.read(a_certification_request(template=None, extra_attributes=[pair]))
    assert request.template_names == ()


def test_the_object_identifier_comes_with_its_version() -> None:
    request = certification_request.read(
        a_certification_request(extra_extensions=[a_template_oid_extension("1.2.3", 100, 7)])
    )
    (template,) = request.template_oids
    assert (template.template_id.dotted_string, template.major_version, template.minor_version) == ("1.2.3", 100, 7)


def test_an_elliptic_curve_key_is_read() -> None:
    assert isinstance(certification_request.read(a_certification_request()).public_key, ec.EllipticCurvePublicKey)


@pytest.mark.parametrize(
    "der",
    [
        b"",
        sequence(integer(0)),
        a_certification_request() + b"\x00",
        a_certification_request(extra_extensions=[an_extension("2.5.29.15", b"\x00")])[:-1],
        a_certification_request(template=None, extra_extensions=[an_extension(CERTIFICATE_TEMPLATE_NAME, b"")]),
        a_certification_request(
            template=None, extra_extensions=[an_extension(CERTIFICATE_TEMPLATE_NAME, octet_string(b"User"))]
        ),
        a_certification_request(extra_attributes=[an_attribute(ENROLLMENT_NAME_VALUE_PAIR, utf8_string("User"))]),
    ],
    ids=["empty", "no request", "trailing", "cut short", "no name", "no text", "no pair"],
)
def test_bytes_that_are_no_request_are_a_bad_tag(der: bytes) -> None:
    assert _refused(der) is HResult.CRYPT_E_ASN1_BADTAG


def test_a_signature_by_another_key_is_bad() -> None:
    stolen = a_key("EC", "victim").public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert _refused(a_signed_request(subject_public_key_info=stolen)) is HResult.NTE_BAD_SIGNATURE


@pytest.mark.parametrize(
    "der",
    [
        a_certification_request(key=a_key("Ed25519")),
        a_signed_request(subject_public_key_info=sequence(sequence(object_identifier("1.2.3.4")), bit_string(b"\x00"))),
    ],
    ids=["Ed25519", "nobody's"],
)
def test_an_algorithm_that_windows_lacks_is_refused(der: bytes) -> None:
    assert _refused(der) is HResult.NTE_BAD_ALGID


def test_an_extension_twice_is_invalid_data() -> None:
    again = a_subject_alternative_name(b"\x82\x01a")
    assert _refused(a_certification_request(extra_extensions=[again])) is HResult.ERROR_INVALID_DATA


def test_an_attribute_of_two_values_is_invalid_data() -> None:
    pairs = an_attribute(ENROLLMENT_NAME_VALUE_PAIR, a_name_value_pair("A", "b"), a_name_value_pair("C", "d"))
    assert _refused(a_certification_request(extra_attributes=[pairs])) is HResult.ERROR_INVALID_DATA
