"""What is written is what the parsers read."""

import pytest
from cryptography.hazmat import asn1

from gateway.pki import der, extensions, oids, write
from gateway.pki.distinguished_name import parse_distinguished_name
from gateway.pki.names import GeneralNameType, Name, parse_general_names, parse_name

NAMES = [
    (GeneralNameType.RFC822_NAME, "alice@partner.example"),
    (GeneralNameType.DNS_NAME, "*.partner.example"),
    (GeneralNameType.UNIFORM_RESOURCE_IDENTIFIER, "https://partner.example"),
    (GeneralNameType.IP_ADDRESS, "192.0.2.7"),
    (GeneralNameType.IP_ADDRESS, "2001:db8::7"),
    (GeneralNameType.DIRECTORY_NAME, "CN=Alice,O=Partner"),
    (GeneralNameType.REGISTERED_ID, "1.2.840.1"),
    (GeneralNameType.USER_PRINCIPAL_NAME, "jürgen@partner.example"),
    (GeneralNameType.OTHER_NAME, "1.2.3=0c0161"),
    (GeneralNameType.X400_ADDRESS, "a3020500"),
    (GeneralNameType.EDI_PARTY_NAME, "a503810161"),
]


def read_name(encoded: bytes) -> Name:
    sequence = der.decode(der.DirectoryName, write.sequence(encoded))
    return parse_name(sequence.rdn_sequence)


def read_extension(encoded: bytes) -> der.Extension:
    return der.decode(der.Extension, encoded)


@pytest.mark.parametrize(("kind", "value"), NAMES)
def test_a_general_name_of_every_type_is_read_back(kind: GeneralNameType, value: str) -> None:
    extension = read_extension(write.subject_alternative_name([(kind, value)]))

    (name,) = parse_general_names(extension.extn_value)
    assert (name.type, name.value) == (kind, value)


def test_every_type_of_general_name_can_be_written() -> None:
    assert {kind for kind, _ in NAMES} == set(GeneralNameType)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (GeneralNameType.DNS_NAME, "münchen.example"),
        (GeneralNameType.IP_ADDRESS, "192.0.2.0/24"),
        (GeneralNameType.REGISTERED_ID, "a number"),
        (GeneralNameType.OTHER_NAME, "1.2.3=hello"),
        (GeneralNameType.DIRECTORY_NAME, "Alice"),
        (GeneralNameType.X400_ADDRESS, "a302"),
    ],
)
def test_text_that_stands_for_no_such_name_is_not_written(kind: GeneralNameType, value: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        write.general_name(kind, value)


def test_a_distinguished_name_keeps_its_fields_and_their_order() -> None:
    fields = [("countryName", "DE"), ("OID.1.2.3", "x"), ("commonName", "Jürgen"), ("commonName", "")]

    assert [(a.type, a.value) for a in read_name(write.name(fields)).attributes()] == fields


@pytest.mark.parametrize(
    "text", ["CN=Partner CA,O=Partner\\, Inc.,C=DE", "CN=a+OU=b,1.2.3=c", "E=ca@partner.example,UID=ca", "surname=X"]
)
def test_a_distinguished_name_from_text_is_the_same_name(text: str) -> None:
    assert parse_distinguished_name(str(read_name(write.name_from_text(text)))) == parse_distinguished_name(text)


@pytest.mark.parametrize("text", ["", "Partner CA", "nosuchtype=x"])
def test_text_that_is_no_distinguished_name_is_not_written(text: str) -> None:
    with pytest.raises(ValueError, match=r"RFC 4514|known here"):
        write.name_from_text(text)


@pytest.mark.parametrize(
    "usages",
    [
        (),
        ("digitalSignature",),
        ("keyCertSign", "cRLSign"),
        ("digitalSignature", "decipherOnly"),
        extensions.KEY_USAGES,
    ],
)
def test_key_usages_are_read_back(usages: tuple[str, ...]) -> None:
    extension = read_extension(write.key_usage(usages))

    assert extension.critical
    assert extensions.key_usage(extension.extn_value) == usages


def test_extensions_are_read_back() -> None:
    eku = read_extension(write.extended_key_usage(["1.2.3", "1.2.4"]))
    policies = read_extension(write.policies(oids.CERTIFICATE_POLICIES, ["1.2.5"]))
    sid = read_extension(write.security_identifier("S-1-5-21-1-2-3-500"))
    name = read_extension(write.certificate_template_name("Web"))
    oid = read_extension(write.certificate_template_oid("1.2.6"))

    assert extensions.extended_key_usage(eku.extn_value) == ("1.2.3", "1.2.4")
    assert extensions.certificate_policies(policies.extn_value) == ("1.2.5",)
    assert extensions.security_identifier(sid.extn_value) == "S-1-5-21-1-2-3-500"
    assert extensions.certificate_template_name(name.extn_value) == "Web"
    assert extensions.certificate_template_oid(oid.extn_value) == ("1.2.6", 100, 1)


@pytest.mark.parametrize("ca", [True, False])
def test_basic_constraints_are_read_back(ca: bool) -> None:
    assert extensions.basic_constraints_ca(read_extension(write.basic_constraints(ca=ca)).extn_value) is ca


@pytest.mark.parametrize("length", [0, 0x7F, 0x80, 0xFF, 0x100, 0x10000])
def test_lengths_are_written_as_der_has_them(length: int) -> None:
    assert write.tlv(0x04, bytes(length)) == asn1.encode_der(bytes(length))
