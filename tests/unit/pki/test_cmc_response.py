"""The CA's CMC response, as far as it carries certificates."""

import re
from base64 import b64decode
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import MalformedMessage
from gateway.pki.cmc_response import MAX_CERTIFICATES, parse_cmc_response
from tests.issued import (
    NO_MESSAGES,
    a_ca_certificate,
    a_cmc_response,
    a_signed_certificate,
    web_server_parts,
)
from tests.requests import a_key, a_public_key_info, integer, object_identifier, sequence, tlv

SOAP = Path(__file__).parents[2] / "vectors" / "soap"
REAL = ("capture-adcs-RSTRC-issued.xml", "spec-wstep-4.1.1.2-RSTRC-issued.xml", "spec-wstep-4.1.5.2-RSTRC-renewal.xml")
LEAF = a_signed_certificate(web_server_parts())
GOOD = a_cmc_response(LEAF, a_ca_certificate())


def tokens_of(name: str) -> list[bytes]:
    """The CMC response and the certificate of an answer."""
    text = (SOAP / name).read_text(encoding="utf-8")
    tokens = re.findall(r"<(?:\w+:)?BinarySecurityToken[^>]*>([^<]+)<", text)
    return [b64decode(re.sub(r"&#x?[0-9A-Fa-f]+;|\s", "", token)) for token in tokens]


@pytest.mark.parametrize("name", REAL)
def test_what_a_real_ad_cs_answers_carries_its_certificate_and_those_of_its_cas(name: str) -> None:
    response, certificate = tokens_of(name)

    leaves = [carried.der for carried in parse_cmc_response(response) if not carried.is_ca]

    assert leaves == [certificate]


def test_certificates_are_told_in_the_order_in_which_they_stand() -> None:
    first, second = parse_cmc_response(GOOD)

    assert (first.der, first.is_ca) == (LEAF, False)
    assert (second.der, second.is_ca) == (a_ca_certificate(), True)
    assert first.subject_public_key_info == a_public_key_info(a_key())


def test_a_response_may_carry_no_certificates() -> None:
    assert parse_cmc_response(a_cmc_response()) == ()


def test_certificates_alone_are_a_response_too() -> None:
    certificates_only = a_cmc_response(LEAF, body=None, content_type="1.2.840.113549.1.7.1")

    assert [carried.der for carried in parse_cmc_response(certificates_only)] == [LEAF]


def test_revocation_lists_beside_the_certificates_are_passed_over() -> None:
    signed_data = (
        integer(3),
        tlv(0x31),
        sequence(object_identifier("1.3.6.1.5.5.7.12.3"), tlv(0xA0, tlv(0x04, NO_MESSAGES))),
        tlv(0xA0, LEAF),
        tlv(0xA1, sequence()),
        tlv(0x31),
    )
    response = sequence(object_identifier("1.2.840.113549.1.7.2"), tlv(0xA0, sequence(*signed_data)))

    assert [carried.der for carried in parse_cmc_response(response)] == [LEAF]


MESSAGE = sequence(integer(1), sequence())
MALFORMED = {
    "nothing": (b"", "can be read"),
    "no DER": (b"the CMC response", "can be read"),
    "something after it": (GOOD + b"\x00", "can be read"),
    "the end missing": (GOOD[:-1], "can be read"),
    "indefinite length": (b"\x30\x80" + GOOD[4:] + b"\x00\x00", "can be read"),
    "a certificate": (LEAF, "can be read"),
    "no SignedData": (a_cmc_response(LEAF, outer_type="1.2.840.113549.1.7.3"), "not a SignedData"),
    "too short": (sequence(object_identifier("1.2.840.113549.1.7.2"), tlv(0xA0, sequence(integer(3)))), "1 elements"),
    "no signerInfos": (a_cmc_response(LEAF, signer_infos=sequence()), "without signerInfos"),
    "another content": (a_cmc_response(LEAF, content_type="1.3.6.1.5.5.7.12.2"), "not a PKIResponse"),
    "data that says something": (a_cmc_response(LEAF, content_type="1.2.840.113549.1.7.1"), "not a PKIResponse"),
    "no content": (a_cmc_response(LEAF, body=None), "not a PKIResponse"),
    "an odd body": (a_cmc_response(LEAF, body=sequence()), "can be read"),
    "a message inside": (
        a_cmc_response(LEAF, body=sequence(sequence(), sequence(MESSAGE), sequence())),
        "messages inside",
    ),
    "another message inside": (
        a_cmc_response(LEAF, body=sequence(sequence(), sequence(), sequence(MESSAGE))),
        "messages inside",
    ),
    "an attribute certificate": (a_cmc_response(LEAF, tlv(0xA1, integer(1))), "can be read"),
    "too many certificates": (a_cmc_response(*[LEAF] * (MAX_CERTIFICATES + 1)), "at most 32"),
}


@pytest.mark.parametrize(("response", "told"), MALFORMED.values(), ids=MALFORMED)
def test_what_is_no_response_is_refused(response: bytes, told: str) -> None:
    with pytest.raises(MalformedMessage, match=told):
        parse_cmc_response(response)


@given(position=st.integers(0, len(GOOD) - 1), byte=st.integers(0, 255))
@settings(derandomize=True, deadline=None)
def test_whatever_comes_is_read_or_refused_by_the_module_s_own_error(position: int, byte: int) -> None:
    damaged = bytearray(GOOD)
    damaged[position] = byte
    try:
        parse_cmc_response(bytes(damaged))
    except MalformedMessage:
        return
