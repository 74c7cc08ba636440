from collections.abc import Callable

import pytest

from gateway.pki import attributes, der, oids
from tests.requests import (
    a_name_value_pair,
    a_template_name_extension,
    an_attribute,
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


def indexed(*encoded: bytes) -> attributes.IndexedAttributes:
    """Those attributes of a PKCS#10."""
    return attributes.index([der.decode(der.Attribute, attribute) for attribute in encoded], attributes.OF_A_PKCS10)


def test_attributes_are_found_by_oid_in_their_order() -> None:
    found = indexed(
        an_attribute(oids.OS_VERSION, ia5_string("10.0")),
        an_attribute(oids.EXTENSION_REQUEST, sequence()),
    )

    assert list(found) == [oids.OS_VERSION, oids.EXTENSION_REQUEST]


@pytest.mark.parametrize(
    ("oid", "name"),
    [
        ("1.2.840.113549.1.9.7", "challengePassword"),
        ("1.3.6.1.4.1.311.21.13", "szOID_ARCHIVED_KEY_ATTR"),
        ("1.3.6.1.4.1.311.21.21", "szOID_ENCRYPTED_KEY_HASH"),
        ("1.3.6.1.4.1.311.21.33", "szOID_ENROLL_ATTESTATION_STATEMENT"),
        ("1.3.6.1.4.1.311.21.39", "szOID_ENROLL_AIK_INFO"),
    ],
)
def test_an_attribute_that_no_rule_speaks_of_is_refused_by_name(oid: str, name: str) -> None:
    with pytest.raises(ValueError, match=rf"attribute {oid} \({name}\) is not served here"):
        indexed(an_attribute(oid, utf8_string("a")))


def test_an_unknown_attribute_is_refused_by_oid() -> None:
    with pytest.raises(ValueError, match=r"attribute 1\.2\.3\.4 is not served here"):
        indexed(an_attribute("1.2.3.4", utf8_string("a")))


def test_an_attribute_that_occurs_twice_is_refused() -> None:
    pair = an_attribute(oids.ENROLLMENT_NAME_VALUE_PAIR, a_name_value_pair("a", "b"))

    with pytest.raises(ValueError, match=r"szOID_ENROLLMENT_NAME_VALUE_PAIR\) occurs twice"):
        indexed(pair, pair)


@pytest.mark.parametrize("oid", [oids.EXTENSION_REQUEST, oids.OS_VERSION, oids.REQUEST_CLIENT_INFO])
@pytest.mark.parametrize("values", [(), (utf8_string("a"), utf8_string("b"))])
def test_an_attribute_has_exactly_one_value(oid: str, values: tuple[bytes, ...]) -> None:
    with pytest.raises(ValueError, match=f"has {len(values)} values, wanted one"):
        indexed(an_attribute(oid, *values))


def test_name_value_pairs_come_several_to_an_attribute() -> None:
    pairs = (a_name_value_pair("a", "1"), a_name_value_pair("b", "2"))
    found = indexed(an_attribute(oids.ENROLLMENT_NAME_VALUE_PAIR, *pairs))

    read = attributes.read(found, oids.ENROLLMENT_NAME_VALUE_PAIR, attributes.name_value_pair)
    assert read == (("a", "1"), ("b", "2"))


def test_an_attribute_of_no_name_value_pairs_is_refused() -> None:
    with pytest.raises(ValueError, match="has 0 values"):
        indexed(an_attribute(oids.ENROLLMENT_NAME_VALUE_PAIR))


def test_an_absent_attribute_says_nothing() -> None:
    assert attributes.read({}, oids.OS_VERSION, attributes.os_version) == ()
    assert attributes.read_single({}, oids.OS_VERSION, attributes.os_version) is None


def test_an_unreadable_attribute_is_named() -> None:
    found = indexed(an_attribute(oids.OS_VERSION, octet_string(b"10")))

    with pytest.raises(ValueError, match=r"attribute 1\.3\.6\.1\.4\.1\.311\.13\.2\.3 \(szOID_OS_VERSION\): "):
        attributes.read_single(found, oids.OS_VERSION, attributes.os_version)


@pytest.mark.parametrize("names", [(), ("User",)])
def test_requested_extensions_are_read_even_if_there_are_none(names: tuple[str, ...]) -> None:
    value = der.element(sequence(*map(a_template_name_extension, names)))

    assert len(attributes.requested_extensions(value)) == len(names)


@pytest.mark.parametrize("string", [ia5_string, utf8_string, printable_string, bmp_string])
def test_the_os_version_is_any_string(string: Callable[[str], bytes]) -> None:
    assert attributes.os_version(der.element(string("10.0.26100.2"))) == "10.0.26100.2"


def test_the_cryptographic_service_provider_is_read() -> None:
    provider = sequence(integer(1), bmp_string("Microsoft Software KSP"), bit_string(b""))

    assert attributes.csp_name(der.element(provider)) == "Microsoft Software KSP"


@pytest.mark.parametrize("present", range(5))
def test_client_info_may_end_early(present: int) -> None:
    fields = (integer(9), utf8_string("PC7"), utf8_string("PARTNER\\uwe"), utf8_string("certreq"))
    info = attributes.client_info(der.element(sequence(*fields[:present])))

    wanted = [9, "PC7", "PARTNER\\uwe", "certreq"][:present] + [None] * (4 - present)
    assert [info.client_id, info.machine_name, info.user_name, info.process_name] == wanted


@pytest.mark.parametrize(
    ("reader", "value"),
    [
        (attributes.requested_extensions, utf8_string("a")),
        (attributes.requested_extensions, sequence(sequence())),
        (attributes.name_value_pair, sequence(a_name_value_pair("a", "b"))),
        (attributes.name_value_pair, sequence(bmp_string("a"))),
        (attributes.name_value_pair, sequence(utf8_string("a"), bmp_string("b"))),
        (attributes.name_value_pair, sequence(bmp_string("a"), ia5_string("b"))),
        (attributes.name_value_pair, a_name_value_pair("a\nSAN", "b")),
        (attributes.name_value_pair, a_name_value_pair("a", "b\nSAN:upn=administrator")),
        (attributes.csp_name, sequence(integer(1), utf8_string("KSP"), bit_string(b""))),
        (attributes.csp_name, sequence(bmp_string("KSP"))),
        (attributes.os_version, object_identifier("1.2.3")),
        (attributes.os_version, ia5_string("10\x1b[0m")),
        (attributes.client_info, sequence(integer(-1))),
        (attributes.client_info, sequence(integer(1 << 32))),
        (attributes.client_info, sequence(integer(1 << 30000))),
        (attributes.client_info, sequence(integer(1), bmp_string("PC7"))),
        (attributes.client_info, sequence(integer(1), utf8_string("PC\x00"))),
        (attributes.client_info, sequence(*[integer(1)] * 2)),
    ],
)
def test_a_value_that_cannot_be_read_is_refused(reader: Callable[[object], object], value: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        reader(der.element(value))


def test_what_is_served_depends_on_the_place() -> None:
    renewal = [der.decode(der.Attribute, an_attribute(oids.RENEWAL_CERTIFICATE, sequence()))]

    assert list(attributes.index(renewal, attributes.OF_A_PKCS10)) == [oids.RENEWAL_CERTIFICATE]
    for place in (attributes.SIGNED, attributes.UNSIGNED):
        with pytest.raises(ValueError, match="szOID_RENEWAL_CERTIFICATE"):
            attributes.index(renewal, place)


@pytest.mark.parametrize("time", [tlv(0x17, b"260601000000Z"), tlv(0x18, b"20260601000000Z")])
def test_a_signing_time_is_of_either_type(time: bytes) -> None:
    attributes.time(der.element(time))


@pytest.mark.parametrize("time", [tlv(0x17, b"2606"), utf8_string("260601000000Z")])
def test_a_signing_time_that_is_none_is_refused(time: bytes) -> None:
    with pytest.raises(ValueError, match="Time"):
        attributes.time(der.element(time))


def test_a_hundred_name_value_pairs_are_read_and_no_more() -> None:
    pairs = [a_name_value_pair(str(n), "x") for n in range(101)]

    assert indexed(an_attribute(oids.ENROLLMENT_NAME_VALUE_PAIR, *pairs[:100]))
    with pytest.raises(ValueError, match="101 values"):
        indexed(an_attribute(oids.ENROLLMENT_NAME_VALUE_PAIR, *pairs))
