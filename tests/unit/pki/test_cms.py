"""Beside the vectors (`test_parse_request.py`): the shapes of a signedData."""

import pytest

from gateway.errors import SignatureInvalid
from gateway.pki import cms
from gateway.pki.keys import parse_public_key
from tests.cmc import (
    DATA,
    NOW,
    SIGNED_DATA,
    a_bare_signed_data,
    a_certificate,
    a_cms_request,
    a_signed_data,
    signed_by,
    signed_by_key,
)
from tests.requests import (
    a_certification_request,
    a_key,
    a_public_key_info,
    integer,
    object_identifier,
    octet_string,
    sequence,
    tlv,
)
from tests.vectors.build import CMC_FOLDER

OWN_KEY = parse_public_key(a_public_key_info(a_key()))
OTHER = "1.2.840.113549.1.7.3"


def test_a_signed_data_is_told_by_its_content_type() -> None:
    assert cms.is_signed_data(a_cms_request())
    assert cms.is_signed_data(b"\x30\x80" + object_identifier(SIGNED_DATA))
    assert not cms.is_signed_data(a_certification_request())
    assert not cms.is_signed_data(b"")


def test_the_documented_windows_renewal_is_taken_apart() -> None:
    signed_data = cms.parse_signed_data((CMC_FOLDER / "documented-ces-renewal.der").read_bytes())

    assert signed_data.content_type == DATA
    assert len(signed_data.certificates) == len(signed_data.signer_infos) == 1
    with pytest.raises(SignatureInvalid, match="SHA-1"):
        cms.verify(signed_data, OWN_KEY)


def test_sets_are_read_in_any_order() -> None:
    holders = [a_certificate(serial=serial) for serial in (2, 3)]
    infos = sorted((signed_by(holder).signer_info(DATA, b"x") for holder in holders), reverse=True)
    certificates = sorted((holder.certificate for holder in holders), reverse=True)
    encapsulated = sequence(object_identifier(DATA), tlv(0xA0, octet_string(b"x")))
    unsorted = sequence(integer(1), tlv(0x31), encapsulated, tlv(0xA0, *certificates), tlv(0x31, *infos))

    signatures = cms.verify(cms.parse_bare_signed_data(unsorted), OWN_KEY)
    assert [s.certificate.der for s in signatures if s.certificate] in (
        [holder.certificate for holder in holders],
        [holder.certificate for holder in reversed(holders)],
    )


@pytest.mark.parametrize(
    ("signed_data", "reason"),
    [
        (sequence(integer(9), tlv(0x31), sequence(object_identifier(DATA)), tlv(0x31)), "version 9"),
        (sequence(integer(3), tlv(0x31), sequence(object_identifier(DATA)), tlv(0x31)), "detached"),
        (sequence(integer(3), tlv(0x30), sequence(object_identifier(DATA)), tlv(0x31)), "wanted|where a SET"),
        (b"\x30\x80", "indefinite length"),
    ],
)
def test_a_signed_data_of_another_shape_is_refused(signed_data: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        cms.parse_bare_signed_data(signed_data)


def test_another_content_type_is_refused() -> None:
    # The OID of signedData stands in it early enough to be taken for one.
    other = sequence(object_identifier(OTHER), tlv(0xA0, sequence()))

    with pytest.raises(ValueError, match="only signedData is served"):
        cms.parse_signed_data(other)


def test_the_same_certificate_twice_is_refused() -> None:
    old = a_certificate()
    signed_data = a_signed_data(b"x", DATA, [signed_by(old)], certificates=(old.certificate, old.certificate))

    with pytest.raises(ValueError, match="the same certificate twice"):
        cms.parse_signed_data(signed_data)


def verified(*certificates: bytes, identifier: bytes) -> None:
    info = sequence(
        integer(1),
        identifier,
        sequence(object_identifier("2.16.840.1.101.3.4.2.1")),
        sequence(object_identifier("1.2.840.10045.4.3.2")),
        octet_string(b"signature"),
    )
    bare = a_bare_signed_data(b"x", DATA, certificates=certificates, signer_infos=[info])
    cms.verify(cms.parse_bare_signed_data(bare), OWN_KEY)


def test_a_version_1_certificate_is_found_without_its_version() -> None:
    name = sequence()
    tbs = sequence(integer(7), sequence(object_identifier("1.2.3")), name, sequence(), name, sequence())

    with pytest.raises(ValueError, match="the certificate of a signer"):
        verified(sequence(tbs, sequence(), b""), identifier=sequence(name, integer(7)))


@pytest.mark.parametrize("stray", [sequence(), sequence(sequence(integer(1)))])
def test_what_is_no_certificate_is_refused(stray: bytes) -> None:
    with pytest.raises(ValueError, match=r"no X\.509 certificate"):
        verified(stray, identifier=sequence(sequence(), integer(7)))


def test_the_certificates_of_nobody_may_be_there() -> None:
    others = [a_certificate(serial=serial, now=NOW).certificate for serial in (8, 9)]
    signed_data = cms.parse_signed_data(a_signed_data(b"x", DATA, [signed_by_key()], certificates=others))

    (signature,) = cms.verify(signed_data, OWN_KEY)
    assert signature.certificate is None
