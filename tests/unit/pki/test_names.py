import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.pki import der
from gateway.pki.names import (
    AttributeTypeAndValue,
    GeneralName,
    GeneralNameType,
    Name,
    other_name,
    parse_general_names,
    parse_name,
)
from tests.requests import (
    USER_PRINCIPAL_NAME,
    a_dns_name,
    a_uri,
    a_user_principal_name,
    an_other_name,
    an_rdn,
    bmp_string,
    ia5_string,
    integer,
    octet_string,
    printable_string,
    sequence,
    set_of,
    tlv,
    utf8_string,
)

COMMON_NAME = "2.5.4.3"


def a_name(*rdns: bytes) -> Name:
    return parse_name(der.decode(der.DirectoryName, sequence(sequence(*rdns))).rdn_sequence)


def common_name(value: str) -> Name:
    return Name(((AttributeTypeAndValue("commonName", value),),))


# --- distinguished names --------------------------------------------------------------------------------------------


def test_a_name_is_read_in_the_order_of_its_encoding() -> None:
    name = a_name(
        an_rdn(("2.5.4.6", printable_string("DE"))),
        an_rdn(("2.5.4.10", utf8_string("Partner"))),
        an_rdn((COMMON_NAME, bmp_string("web01"))),
    )

    assert name.attributes() == (
        AttributeTypeAndValue("countryName", "DE"),
        AttributeTypeAndValue("organizationName", "Partner"),
        AttributeTypeAndValue("commonName", "web01"),
    )
    assert str(name) == "CN=web01,O=Partner,C=DE"


def test_a_multi_valued_rdn_keeps_its_members_together() -> None:
    name = a_name(an_rdn((COMMON_NAME, utf8_string("a")), ("2.5.4.10", utf8_string("b"))))

    assert name.rdns == ((AttributeTypeAndValue("commonName", "a"), AttributeTypeAndValue("organizationName", "b")),)
    assert str(name) == "CN=a+O=b"


def test_an_empty_name_is_empty_text() -> None:
    assert str(a_name()) == ""


@pytest.mark.parametrize(
    ("oid", "type_", "text"),
    [
        ("2.5.4.7", "localityName", "L=x"),
        ("2.5.4.8", "stateOrProvinceName", "ST=x"),
        ("2.5.4.9", "streetAddress", "STREET=x"),
        ("2.5.4.11", "organizationalUnitName", "OU=x"),
        ("0.9.2342.19200300.100.1.25", "domainComponent", "DC=x"),
        ("0.9.2342.19200300.100.1.1", "userId", "UID=x"),
        ("1.2.840.113549.1.9.1", "emailAddress", "E=x"),
        ("2.5.4.42", "givenName", "givenName=x"),
        ("1.3.6.1.4.1.99999.1", "OID.1.3.6.1.4.1.99999.1", "OID.1.3.6.1.4.1.99999.1=x"),
    ],
)
def test_attribute_types_have_their_standard_names(oid: str, type_: str, text: str) -> None:
    name = a_name(an_rdn((oid, ia5_string("x"))))

    assert name.attributes() == (AttributeTypeAndValue(type_, "x"),)
    assert str(name) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Doe, John", "CN=Doe\\, John"),
        ('a"b+c;d<e>f\\g', 'CN=a\\"b\\+c\\;d\\<e\\>f\\\\g'),
        ("#1", "CN=\\#1"),
        ("a#1", "CN=a#1"),
        (" a b ", "CN=\\ a b\\ "),
        (" ", "CN=\\ "),
        ("a\\ ", "CN=a\\\\\\ "),
        ("a=b", "CN=a=b"),
        ("", "CN="),
    ],
)
def test_special_characters_are_escaped(value: str, text: str) -> None:
    assert str(common_name(value)) == text


@settings(derandomize=True, deadline=None)
@given(st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), min_size=1, max_size=20))
def test_the_text_of_a_name_reads_back_as_the_same_name(value: str) -> None:
    read_back = x509.Name.from_rfc4514_string(str(common_name(value)))

    assert [attribute.value for attribute in read_back] == [value]


@pytest.mark.parametrize(
    "rdn",
    [
        set_of(),
        an_rdn((COMMON_NAME, octet_string(b"a"))),
        an_rdn((COMMON_NAME, utf8_string("a\x00"))),
        set_of(sequence(utf8_string("a"), utf8_string("b"))),
        sequence(),
    ],
)
def test_an_rdn_that_cannot_be_read_is_refused(rdn: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        a_name(rdn)


def test_an_unreadable_attribute_is_named() -> None:
    with pytest.raises(ValueError, match="organizationName in a distinguished name: a value of tag 02"):
        a_name(an_rdn(("2.5.4.10", integer(1))))


# --- general names --------------------------------------------------------------------------------------------------

DIRECTORY_NAME = tlv(
    0xA4, sequence(an_rdn(("2.5.4.6", printable_string("DE"))), an_rdn((COMMON_NAME, utf8_string("a"))))
)


@pytest.mark.parametrize(
    ("entry", "kind", "value"),
    [
        (tlv(0x81, b"Admin@Corp.Example"), GeneralNameType.RFC822_NAME, "Admin@Corp.Example"),
        (a_dns_name("*.Partner.example"), GeneralNameType.DNS_NAME, "*.Partner.example"),
        (
            a_uri("tag:microsoft.com,2022-09-14:sid:S-1-5-21-1"),
            GeneralNameType.UNIFORM_RESOURCE_IDENTIFIER,
            "tag:microsoft.com,2022-09-14:sid:S-1-5-21-1",
        ),
        (tlv(0x87, bytes((192, 0, 2, 1))), GeneralNameType.IP_ADDRESS, "192.0.2.1"),
        (tlv(0x87, bytes.fromhex("20010db8" + "00" * 11 + "01")), GeneralNameType.IP_ADDRESS, "2001:db8::1"),
        (DIRECTORY_NAME, GeneralNameType.DIRECTORY_NAME, "CN=a,C=DE"),
        (tlv(0x88, b"\x2a\x03\x04"), GeneralNameType.REGISTERED_ID, "1.2.3.4"),
        (a_user_principal_name("uwe@corp.example"), GeneralNameType.USER_PRINCIPAL_NAME, "uwe@corp.example"),
        (
            an_other_name("1.3.6.1.4.1.311.25.1", octet_string(b"\x01\x02")),
            GeneralNameType.OTHER_NAME,
            "1.3.6.1.4.1.311.25.1=04020102",
        ),
        (tlv(0xA3, sequence()), GeneralNameType.X400_ADDRESS, "a3023000"),
        (tlv(0xA5, tlv(0xA1, utf8_string("p"))), GeneralNameType.EDI_PARTY_NAME, "a505a1030c0170"),
    ],
)
def test_every_alternative_has_its_text_form(entry: bytes, kind: GeneralNameType, value: str) -> None:
    assert parse_general_names(sequence(entry)) == (GeneralName(kind, value),)


def test_entries_keep_their_order() -> None:
    names = parse_general_names(sequence(a_dns_name("b"), a_uri("urn:x"), a_dns_name("a")))

    assert [name.value for name in names] == ["b", "urn:x", "a"]


def test_no_entries_are_no_names() -> None:
    assert parse_general_names(sequence()) == ()


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (tlv(0x89, b"a"), "tag 89"),
        (tlv(0x30), "tag 30"),
        (tlv(0xA2, a_dns_name("a")), "tag a2"),
        (tlv(0x80, b"a"), "tag 80"),
        (tlv(0x82, "köln".encode()), "ascii"),
        (tlv(0x81, b"a@b\x00"), r"U\+0000"),
        (tlv(0x86, b"urn:\n"), r"U\+000A"),
        (tlv(0x82), "an empty dNSName"),
        (tlv(0x81), "an empty rfc822Name"),
        (tlv(0xA4, sequence()), "an empty directoryName"),
        (a_user_principal_name(""), "an empty userPrincipalName"),
        (tlv(0x87, bytes(3)), "an iPAddress of 3 octets"),
        (tlv(0x87, bytes(8)), "an iPAddress of 8 octets"),  # a network, as name constraints have it
        (tlv(0xA4), "DirectoryName"),
        (tlv(0xA4, sequence(), sequence()), "DirectoryName"),
        (tlv(0xA4, sequence(set_of())), "size 0"),
        (tlv(0x88), "ObjectIdentifier"),
        (tlv(0xA0, utf8_string("a")), "OtherName"),
        (an_other_name(USER_PRINCIPAL_NAME, ia5_string("a@b")), "tag 16"),
        (an_other_name(USER_PRINCIPAL_NAME, utf8_string("a@b\u200b")), r"U\+200B"),
        (an_other_name("1.2.3", utf8_string("a") + utf8_string("b")), "OtherName"),
    ],
)
def test_an_entry_that_cannot_be_read_refuses_all_of_them(entry: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_general_names(sequence(a_dns_name("web01.partner.example"), entry))


@pytest.mark.parametrize("octets", [b"", b"\x30", a_dns_name("a"), sequence() + b"\x00", set_of()])
def test_what_is_no_sequence_is_no_general_names(octets: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_general_names(octets)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (utf8_string("alice"), ("1.2.3", "alice")),
        (ia5_string("alice"), ("1.2.3", "alice")),
        (utf8_string("#04"), ("1.2.3", "#0c03233034")),
        (utf8_string("a\x00"), ("1.2.3", "#0c026100")),
        (tlv(0x04, b"a"), ("1.2.3", "#040161")),
        (sequence(utf8_string("a")), ("1.2.3", "#30030c0161")),
    ],
)
def test_an_other_name_is_its_text_or_its_der(value: bytes, expected: tuple[str, str]) -> None:
    (name,) = parse_general_names(sequence(an_other_name("1.2.3", value)))

    assert other_name(name) == expected


@pytest.mark.parametrize("value", ["x", "", "1.2.3=", "1.2.3=zz", "1.2.3=0c"])
def test_what_the_parser_would_not_have_made_has_no_text(value: str) -> None:
    assert other_name(GeneralName(GeneralNameType.OTHER_NAME, value))[1].startswith("#")


def test_more_names_than_anybody_judges_are_not_read() -> None:
    most = [a_dns_name("a")] * 1000

    assert len(parse_general_names(sequence(*most))) == 1000
    with pytest.raises(ValueError, match="1001 general names"):
        parse_general_names(sequence(*most, a_dns_name("a")))


def test_a_distinguished_name_has_a_hundred_attributes_at_most() -> None:
    def name(attributes: int) -> bytes:
        rdn = an_rdn(*(("2.5.4.3", printable_string(str(n))) for n in range(attributes)))
        return sequence(tlv(0xA4, sequence(rdn)))

    assert len(parse_general_names(name(100))) == 1
    with pytest.raises(ValueError, match="101 attributes in a distinguished name"):
        parse_general_names(name(101))
