"""CMC and CMS read as a CA does: what the layers around the PKCS#10 say counts as if it stood in it."""

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

import pytest

from gateway.lab import certification_request
from gateway.lab.denial import RequestUnreadable
from gateway.lab.hresult import HResult
from tests.cmc import (
    CMC_TRANSACTION_ID,
    CONTENT_TYPE,
    DATA,
    RSASSA_PSS,
    Holder,
    Signer,
    a_certificate,
    a_cmc_request,
    a_cms_request,
    a_control,
    a_pki_data,
    a_reg_info,
    a_renewal,
    a_renewal_attribute,
    a_requester_name,
    a_signed_data,
    a_tagged_request,
    an_add_attributes,
    an_add_extensions,
    an_agent,
    an_on_behalf_of_request,
    nested,
    not_signed,
    signed_by,
    signed_by_key,
    tampered,
)
from tests.requests import (
    CERT_EXTENSIONS,
    ENROLLMENT_NAME_VALUE_PAIR,
    a_certification_request,
    a_dns_name,
    a_key,
    a_name_value_pair,
    a_public_key_info,
    a_subject_alternative_name,
    a_template_name_extension,
    a_template_oid_extension,
    an_attribute,
    an_extension_request,
    bit_string,
    integer,
    object_identifier,
    sequence,
    tlv,
)

UNNAMED = a_certification_request(template=None, dns=())
PAIR = an_attribute(ENROLLMENT_NAME_VALUE_PAIR, a_name_value_pair("Certificate-Template", "Found"))
OLD = a_certificate()
OLD_RSA = a_certificate(kind="RSA")
AGENT = an_agent()


def _refused(der: bytes) -> HResult:
    with pytest.raises(RequestUnreadable) as caught:
        certification_request.read(der)
    return caught.value.hresult


# --- layers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "signer"),
    [
        ("EC", signed_by_key()),
        ("RSA", signed_by_key(a_key("RSA"))),
        ("RSA", replace(signed_by_key(a_key("RSA")), digest="sha384", algorithm=RSASSA_PSS)),
        ("EC", replace(signed_by_key(), digest="sha1", omitted=frozenset({CONTENT_TYPE, "1.2.840.113549.1.9.4"}))),
        ("EC", not_signed()),
    ],
    ids=["EC", "RSA as certreq signs", "PSS", "without attributes", "no signature"],
)
@pytest.mark.parametrize("make", [a_cms_request, a_cmc_request], ids=["CMS", "CMC"])
def test_a_new_request_is_signed_by_its_own_key_or_not_at_all(
    make: Callable[..., bytes], kind: str, signer: Signer
) -> None:
    request = certification_request.read(make(a_certification_request(key=a_key(kind)), signers=(signer,)))
    assert (request.template_names, request.signers) == (("PartnerWebServer",), ())
    assert (request.renewal_certificate, request.requester_name) == (None, None)


@pytest.mark.parametrize(
    "der",
    [
        a_cmc_request(UNNAMED, (a_reg_info("ccm=host&Certificate-Template=F%6Fund&"),)),
        a_cmc_request(UNNAMED, (an_add_extensions(a_template_name_extension("Found")),)),
        a_cmc_request(UNNAMED, (an_add_attributes(an_extension_request(a_template_name_extension("Found"))),)),
        a_cmc_request(
            UNNAMED, (an_add_attributes(an_attribute(CERT_EXTENSIONS, sequence(a_template_name_extension("Found")))),)
        ),
        a_cmc_request(UNNAMED, (an_add_attributes(PAIR),)),
        a_cmc_request(UNNAMED, signers=(signed_by_key(None, PAIR),)),
        a_cms_request(UNNAMED, (signed_by_key(None, PAIR),)),
    ],
    ids=["regInfo", "addExtensions", "addAttributes", "2.1.14", "a pair added", "signed in CMC", "signed in CMS"],
)
def test_a_template_is_found_in_every_layer(der: bytes) -> None:
    assert certification_request.read(der).template_names == ("Found",)


def test_the_object_identifier_is_found_in_added_extensions() -> None:
    controls = (an_add_extensions(a_template_oid_extension("1.2.3", 100, 7)),)
    (template,) = certification_request.read(a_cmc_request(UNNAMED, controls)).template_oids
    assert template.template_id.dotted_string == "1.2.3"


def test_added_extensions_stand_beside_those_of_the_pkcs10() -> None:
    controls = (an_add_extensions(a_subject_alternative_name(a_dns_name("added.example"))),)
    request = certification_request.read(a_cmc_request(a_certification_request(dns=()), controls))
    assert {extension.oid.dotted_string for extension in request.extensions} == {"1.3.6.1.4.1.311.20.2", "2.5.29.17"}


def test_an_extension_in_two_places_is_invalid_data() -> None:
    controls = (an_add_extensions(a_subject_alternative_name(a_dns_name("added.example"))),)
    assert _refused(a_cmc_request(controls=controls)) is HResult.ERROR_INVALID_DATA


def test_controls_that_say_nothing_of_the_certificate_are_passed_over() -> None:
    controls = (a_control(CMC_TRANSACTION_ID, integer(4711)), a_reg_info("no pair&&"))
    assert certification_request.read(a_cmc_request(controls=controls)).template_names == ("PartnerWebServer",)


@pytest.mark.parametrize(
    ("der", "hresult"),
    [
        (a_cmc_request(controls=(an_add_extensions(reference=9),)), HResult.ERROR_INVALID_DATA),
        (a_cmc_request(pki_data=a_pki_data(requests=())), HResult.ERROR_INVALID_DATA),
        (
            a_cmc_request(pki_data=a_pki_data(requests=(a_tagged_request(), a_tagged_request(body_part=2)))),
            HResult.ERROR_INVALID_DATA,
        ),
        (nested(a_cms_request(), content_type="1.2.840.113549.1.7.2"), HResult.CRYPT_E_INVALID_MSG_TYPE),
        (a_cms_request(signers=()), HResult.CRYPT_E_NO_SIGNER),
        (a_cmc_request(controls=(a_reg_info(b"\xff=1"),)), HResult.CRYPT_E_ASN1_BADTAG),
        (a_cmc_request() + b"\x00", HResult.CRYPT_E_ASN1_BADTAG),
        (sequence(), HResult.CRYPT_E_ASN1_BADTAG),
    ],
    ids=["another request's", "no request", "two", "nested", "no signer", "no text", "trailing", "empty"],
)
def test_what_cannot_be_one_request_is_refused(der: bytes, hresult: HResult) -> None:
    assert _refused(der) is hresult


# --- signatures -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "signer",
    [
        tampered(signed_by_key()),
        tampered(not_signed()),
        signed_by_key(a_key("EC", "somebody else")),
        replace(signed_by_key(), message_digest=bytes(32)),
        replace(signed_by_key(), content_type="1.2.3"),
        replace(signed_by_key(), omitted=frozenset({CONTENT_TYPE})),
        tampered(signed_by(OLD)),
        tampered(signed_by(OLD_RSA)),
    ],
    ids=["key", "no signature", "another key", "digest", "type", "no type", "certificate", "RSA"],
)
def test_a_signature_that_does_not_verify_is_refused(signer: Signer) -> None:
    assert _refused(a_cms_request(signers=(signed_by_key(), signer))) is HResult.NTE_BAD_SIGNATURE


def test_a_signer_without_its_certificate_is_none() -> None:
    signer = replace(signed_by(OLD), certificates=())
    assert _refused(a_cms_request(signers=(signer,))) is HResult.CRYPT_E_NO_SIGNER


@pytest.mark.parametrize("holder", [OLD, OLD_RSA], ids=["EC", "RSA"])
def test_signers_are_those_whose_signature_verifies(holder: Holder) -> None:
    request = certification_request.read(a_cms_request(signers=(signed_by_key(), signed_by(holder), signed_by(AGENT))))
    assert set(request.signers) == {holder.public, AGENT.public}


def _null_signed() -> bytes:
    """[MS-WCCE] 2.2.2.6.5: a hash where the signature was."""

    info = sequence(integer(0), sequence(), a_public_key_info(a_key()), tlv(0xA0))
    algorithm = sequence(object_identifier("2.16.840.1.101.3.4.2.1"), tlv(0x05))
    return sequence(info, algorithm, bit_string(sha256(info).digest()))


def test_a_null_signature_counts_within_cmc_alone() -> None:
    assert certification_request.read(a_cmc_request(_null_signed())).template_names == ()
    assert _refused(_null_signed()) is HResult.NTE_BAD_SIGNATURE
    assert _refused(a_cms_request(_null_signed())) is HResult.NTE_BAD_SIGNATURE


def test_a_null_signature_of_other_content_is_bad() -> None:
    assert _refused(a_cmc_request(_null_signed()[:-1] + b"\x00")) is HResult.NTE_BAD_SIGNATURE


# --- renewals, and requests on behalf of others ---------------------------------------------------------------------


@pytest.mark.parametrize("cmc", [False, True], ids=["CMS", "CMC"])
@pytest.mark.parametrize("old", [OLD, OLD_RSA], ids=["EC", "RSA"])
def test_a_renewal_names_the_certificate_that_has_signed_it(old: Holder, *, cmc: bool) -> None:
    assert certification_request.read(a_renewal(old, cmc=cmc)).renewal_certificate == old.public


RENEWING = a_certification_request(extra_attributes=[a_renewal_attribute(OLD.certificate)])
LOOK_ALIKE = a_certificate(key=a_key("EC", "look-alike"))
"""Of the same issuer and serial number."""


@pytest.mark.parametrize(
    "der",
    [
        a_cms_request(RENEWING),
        a_cms_request(RENEWING, (signed_by(AGENT),)),
        a_cms_request(RENEWING, (signed_by(LOOK_ALIKE),)),
        a_cmc_request(RENEWING, signers=(signed_by_key(), signed_by(AGENT))),
        a_cms_request(
            a_certification_request(extra_attributes=[a_renewal_attribute(integer(1))]),
            (signed_by(OLD),),
        ),
        a_cms_request(
            a_certification_request(
                extra_attributes=[a_renewal_attribute(OLD.certificate), a_renewal_attribute(AGENT.certificate)]
            ),
            (signed_by(OLD), signed_by(AGENT)),
        ),
    ],
    ids=["not signed", "by another", "by a look-alike", "by another in CMC", "no certificate", "two"],
)
def test_a_renewal_certificate_that_has_not_signed_is_refused(der: bytes) -> None:
    assert _refused(der) is HResult.CERTSRV_E_BAD_RENEWAL_CERT_ATTRIBUTE


def test_nobody_renews_by_a_bare_pkcs10() -> None:
    assert _refused(RENEWING) is HResult.CRYPT_E_INVALID_MSG_TYPE


def test_without_the_attribute_a_request_signed_by_a_certificate_is_a_new_one() -> None:
    assert certification_request.read(a_cms_request(signers=(signed_by(OLD),))).renewal_certificate is None


@pytest.mark.parametrize("cmc", [False, True], ids=["CMS", "CMC"])
def test_a_requester_is_named_among_signed_attributes(*, cmc: bool) -> None:
    request = certification_request.read(an_on_behalf_of_request(AGENT, "CORP\\alice", cmc=cmc))
    assert (request.requester_name, request.signers) == ("CORP\\alice", (AGENT.public,))


def test_a_requester_is_named_in_reg_info() -> None:
    controls = (a_reg_info("requestername=CORP%5Calice&"),)
    request = certification_request.read(a_cmc_request(controls=controls, signers=(signed_by_key(), signed_by(AGENT))))
    assert request.requester_name == "CORP\\alice"


def test_two_requesters_are_invalid_data() -> None:
    signers = (signed_by(AGENT, a_requester_name("CORP\\bob")),)
    der = a_cmc_request(controls=(a_reg_info("requestername=CORP%5Calice&"),), signers=signers)
    assert _refused(der) is HResult.ERROR_INVALID_DATA


def test_a_requester_in_the_pkcs10_itself_is_nobody() -> None:
    request = a_certification_request(extra_attributes=[a_requester_name("CORP\\bob")])
    assert certification_request.read(a_cms_request(request)).requester_name is None


def test_an_unknown_digest_is_a_bad_algorithm() -> None:
    broken = a_signed_data(a_certification_request(), DATA, (signed_by_key(),)).replace(
        object_identifier("2.16.840.1.101.3.4.2.1"), object_identifier("2.16.840.1.101.3.4.2.9")
    )
    assert _refused(broken) is HResult.NTE_BAD_ALGID
