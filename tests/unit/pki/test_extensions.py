from collections.abc import Callable

import pytest

from gateway.pki import der, extensions
from tests.requests import (
    a_dns_name,
    an_extension,
    an_other_name,
    bit_string,
    bmp_string,
    ia5_string,
    integer,
    object_identifier,
    octet_string,
    printable_string,
    sequence,
    tlv,
    utf8_string,
)

CLIENT_AUTH = object_identifier("1.3.6.1.5.5.7.3.2")
OBJECT_SID = "1.3.6.1.4.1.311.25.2.1"
SID = "S-1-5-21-3734714977-4168152908-3762407930-1104"


def parsed(*encoded: bytes) -> list[der.Extension]:
    return [der.decode(der.Extension, extension) for extension in encoded]


def test_extensions_are_found_by_oid_in_their_order() -> None:
    found = extensions.index(parsed(an_extension("2.5.29.37", b"b"), an_extension("2.5.29.15", b"a", critical=True)))

    assert list(found) == ["2.5.29.37", "2.5.29.15"]
    assert [extension.critical for extension in found.values()] == [False, True]


def test_an_extension_that_occurs_twice_is_refused() -> None:
    with pytest.raises(ValueError, match=r"extension 2\.5\.29\.17 \(subjectAltName\) occurs twice"):
        extensions.index(parsed(an_extension("2.5.29.17", b"a"), an_extension("2.5.29.17", b"b")))


def test_an_absent_extension_says_nothing() -> None:
    assert extensions.read({}, "2.5.29.15", extensions.key_usage) is None


def test_an_unreadable_extension_is_named() -> None:
    found = extensions.index(parsed(an_extension("2.5.29.15", b"?")))

    with pytest.raises(ValueError, match=r"extension 2\.5\.29\.15 \(keyUsage\): not a BitString"):
        extensions.read(found, "2.5.29.15", extensions.key_usage)


@pytest.mark.parametrize(
    ("value", "usages"),
    [
        (bit_string(b""), ()),
        (bit_string(b"\x80", 7), ("digitalSignature",)),
        (bit_string(b"\xa0", 5), ("digitalSignature", "keyEncipherment")),
        (bit_string(b"\xa0"), ("digitalSignature", "keyEncipherment")),
        (bit_string(b"\x06", 1), ("keyCertSign", "cRLSign")),
        (bit_string(b"\x08\x80", 7), ("keyAgreement", "decipherOnly")),
    ],
)
def test_key_usage_is_read_by_bits(value: bytes, usages: tuple[str, ...]) -> None:
    assert extensions.key_usage(value) == usages


def test_a_key_usage_bit_without_meaning_is_refused() -> None:
    with pytest.raises(ValueError, match="bit 9 has no meaning"):
        extensions.key_usage(bit_string(b"\x80\x40"))


def test_extended_key_usage_is_read() -> None:
    assert extensions.extended_key_usage(sequence(CLIENT_AUTH)) == ("1.3.6.1.5.5.7.3.2",)


def test_certificate_policies_are_read() -> None:
    policies = sequence(sequence(object_identifier("1.2.3")), sequence(object_identifier("1.2.4")))

    assert extensions.certificate_policies(policies) == ("1.2.3", "1.2.4")


def test_a_certificate_policy_with_qualifiers_is_refused() -> None:
    qualifier = sequence(object_identifier("1.3.6.1.5.5.7.2.1"), ia5_string("http://evil.example/cps"))

    with pytest.raises(ValueError, match=r"policy 1\.2\.3 has qualifiers"):
        extensions.certificate_policies(sequence(sequence(object_identifier("1.2.3"), sequence(qualifier))))


def test_a_certificate_may_have_qualifiers() -> None:
    qualifier = sequence(object_identifier("1.3.6.1.5.5.7.2.1"), ia5_string("http://partner.example/cps"))
    policies = sequence(sequence(object_identifier("1.2.3"), sequence(qualifier)), sequence(object_identifier("1.2.4")))

    assert extensions.certificate_policies_of_certificate(policies) == ("1.2.3", "1.2.4")


@pytest.mark.parametrize(
    ("value", "ca"),
    [
        (sequence(), False),
        (sequence(tlv(0x01, b"\xff")), True),
        (sequence(tlv(0x01, b"\xff"), integer(0)), True),
    ],
)
def test_basic_constraints_are_read(value: bytes, ca: bool) -> None:
    assert extensions.basic_constraints_ca(value) is ca


@pytest.mark.parametrize("string", [bmp_string, utf8_string, printable_string, ia5_string])
@pytest.mark.parametrize("wrap", [bytes, sequence])
def test_a_template_name_is_read_in_every_spelling(
    string: Callable[[str], bytes], wrap: Callable[[bytes], bytes]
) -> None:
    assert extensions.certificate_template_name(wrap(string("User"))) == "User"


@pytest.mark.parametrize(
    ("versions", "wanted"), [((), (None, None)), ((100,), (100, None)), ((100, 0xFFFFFFFF), (100, 0xFFFFFFFF))]
)
def test_a_template_oid_is_read_with_its_version(versions: tuple[int, ...], wanted: tuple[int | None, ...]) -> None:
    value = sequence(object_identifier("1.2.3"), *map(integer, versions))

    assert extensions.certificate_template_oid(value) == ("1.2.3", *wanted)


@pytest.mark.parametrize("version", [-1, 1 << 32, 1 << 64])
def test_a_template_version_fits_32_bits(version: int) -> None:
    with pytest.raises(ValueError, match="outside of"):
        extensions.certificate_template_oid(sequence(object_identifier("1.2.3"), integer(1), integer(version)))


def test_a_security_identifier_is_read() -> None:
    value = sequence(an_other_name(OBJECT_SID, octet_string(SID.encode())))

    assert extensions.security_identifier(value) == SID


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (sequence(), "0 elements"),
        (sequence(*[an_other_name(OBJECT_SID, octet_string(SID.encode()))] * 2), "2 elements"),
        (sequence(a_dns_name("a")), "tag 82"),
        (sequence(an_other_name("1.2.3", octet_string(SID.encode()))), r"type 1\.2\.3"),
        (sequence(an_other_name(OBJECT_SID, utf8_string(SID))), "bytes"),
        (sequence(an_other_name(OBJECT_SID, octet_string(b""))), "not a SID"),
        (sequence(an_other_name(OBJECT_SID, octet_string(b"Administrator"))), "not a SID"),
        (sequence(an_other_name(OBJECT_SID, octet_string(SID.encode() + b"\x00"))), r"U\+0000"),
    ],
)
def test_a_security_identifier_that_cannot_be_read_is_refused(value: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        extensions.security_identifier(value)


@pytest.mark.parametrize("sid", ["S-1-0-0", "S-1-5-18", SID, "S-1-4294967295" + "-4294967295" * 15])
def test_a_sid_is_an_authority_and_up_to_15_sub_authorities(sid: str) -> None:
    assert extensions.security_identifier_of_uri(f"tag:microsoft.com,2022-09-14:sid:{sid}") == sid


@pytest.mark.parametrize(
    "sid",
    [
        "",
        "S-1",
        "S-1-5",
        "S-1-5" + "-1" * 16,
        "S-1-5-4294967296",
        "S-1-4294967296-1",
        "S-1-5-021",
        "S-1-0x500000000-1",
        "s-1-5-18",
        "S-2-5-18",
        "S-1-5-18 ",
        "S-1-5-18-",
        "S-1-5--18",
    ],
)
def test_what_only_resembles_a_sid_is_refused(sid: str) -> None:
    with pytest.raises(ValueError, match="not a SID"):
        extensions.security_identifier_of_uri(f"tag:microsoft.com,2022-09-14:sid:{sid}")


@pytest.mark.parametrize("uri", ["", SID, f"sid:{SID}", f"tag:microsoft.com,2022-09-15:sid:{SID}"])
def test_a_uri_about_something_else_states_no_sid(uri: str) -> None:
    assert extensions.security_identifier_of_uri(uri) is None


def test_a_key_identifier_is_read() -> None:
    assert extensions.subject_key_identifier(octet_string(b"\x16\xc7\x00")) == "16c700"


@pytest.mark.parametrize(
    ("reader", "value"),
    [
        (extensions.key_usage, octet_string(b"\x80")),
        (extensions.subject_key_identifier, utf8_string("a")),
        (extensions.subject_key_identifier, octet_string(b"")),
        (extensions.extended_key_usage, sequence()),
        (extensions.extended_key_usage, sequence(utf8_string("clientAuth"))),
        (extensions.extended_key_usage, CLIENT_AUTH),
        (extensions.certificate_policies, sequence()),
        (extensions.certificate_policies, sequence(CLIENT_AUTH)),
        (extensions.basic_constraints_ca, b"\x01\x01\xff"),
        (extensions.basic_constraints_ca, sequence(tlv(0x01, b"\x01"))),
        (extensions.certificate_template_name, octet_string(b"User")),
        (extensions.certificate_template_name, sequence()),
        (extensions.certificate_template_name, sequence(utf8_string("User"), utf8_string("Admin"))),
        (extensions.certificate_template_name, sequence(sequence(utf8_string("User")))),
        (extensions.certificate_template_name, bmp_string("User") + b"\x00"),
        (extensions.certificate_template_name, bmp_string("User\x00")),
        (extensions.certificate_template_oid, object_identifier("1.2.3")),
        (extensions.certificate_template_oid, sequence(utf8_string("1.2.3"))),
        (extensions.certificate_template_oid, sequence(object_identifier("1.2.3"), *map(integer, (1, 2, 3)))),
    ],
)
def test_a_value_that_cannot_be_read_is_refused(reader: Callable[[bytes], object], value: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        reader(value)


def test_a_hundred_extensions_are_read_and_no_more() -> None:
    found = parsed(*(an_extension(f"1.2.{n}", b"") for n in range(101)))

    assert len(extensions.index(found[:100])) == 100
    with pytest.raises(ValueError, match="more than 100 extensions"):
        extensions.index(found)


def test_a_hundred_usages_or_policies_are_read_and_no_more() -> None:
    usages = [object_identifier("1.2.3")] * 101

    assert len(extensions.extended_key_usage(sequence(*usages[:100]))) == 100
    with pytest.raises(ValueError, match="101 object identifiers"):
        extensions.extended_key_usage(sequence(*usages))
    with pytest.raises(ValueError, match="101 object identifiers"):
        extensions.certificate_policies(sequence(*map(sequence, usages)))
