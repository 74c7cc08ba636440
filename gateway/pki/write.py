"""DER written: the values that the examples of policy files ask for. The gateway sends nothing of it anywhere.

What is written here is read by the parsers of this package like a client's bytes. Nothing is checked on the way: an
example may ask for what no request should have.
"""

from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address

from cryptography.hazmat import asn1
from cryptography.x509 import ObjectIdentifier

from gateway.pki import der, oids
from gateway.pki.distinguished_name import parse_distinguished_name
from gateway.pki.extensions import KEY_USAGES
from gateway.pki.names import SHORT_NAMES, GeneralNameType

INTEGER = 0x02
SEQUENCE = 0x30
SET = 0x31


def tlv(tag: int, *contents: bytes) -> bytes:
    """One element with a tag of one byte."""
    content = b"".join(contents)
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


def sequence(*elements: bytes) -> bytes:
    return tlv(SEQUENCE, *elements)


def set_of(*elements: bytes) -> bytes:
    """In the order that DER asks for (X.690 11.6)."""
    return tlv(SET, *sorted(elements))


def object_identifier(dotted: str) -> bytes:
    return asn1.encode_der(ObjectIdentifier(dotted))


def utf8_string(text: str) -> bytes:
    return asn1.encode_der(text)


def bmp_string(text: str) -> bytes:
    return tlv(0x1E, text.encode("utf-16-be"))


def octet_string(value: bytes) -> bytes:
    return asn1.encode_der(value)


def bit_string(value: bytes) -> bytes:
    return tlv(0x03, b"\0", value)


def integer(value: int) -> bytes:
    return asn1.encode_der(value)


# --- names (RFC 5280 4.1.2.4, 4.2.1.6) --------------------------------------------------------------------------------

_OIDS_OF_X520_NAMES = {name: oid for oid, name in oids.X520_NAMES.items()}
_TYPES_IN_TEXT = {name.lower(): name for name in oids.X520_NAMES.values()} | {
    short.lower(): name for name, short in SHORT_NAMES.items()
}
_COUNTRY_NAME = "countryName"


def name(fields: Iterable[tuple[str, str]]) -> bytes:
    """A distinguished name of single-valued RDNs. The types are X.520 names, or `OID.1.2.3`."""
    return sequence(*(set_of(_attribute(kind, value)) for kind, value in fields))


def name_from_text(text: str) -> bytes:
    """Of RFC 4514 text, most specific RDN first. Raises ValueError."""
    rdns = reversed(parse_distinguished_name(text))
    return sequence(*(set_of(*(_attribute(_type_in_text(kind), value) for kind, value in rdn)) for rdn in rdns))


def _type_in_text(kind: str) -> str:
    if kind in _TYPES_IN_TEXT:
        return _TYPES_IN_TEXT[kind]
    if not kind[0].isdigit():
        raise ValueError(f"{kind} is no attribute of a distinguished name that is known here")
    return f"OID.{kind}"


def _attribute(kind: str, value: str) -> bytes:
    oid = _OIDS_OF_X520_NAMES.get(kind, kind.removeprefix("OID."))
    # PrintableString is the only type of countryName (X.520 6.3.1), if its text has room in it.
    text = tlv(0x13, value.encode()) if kind == _COUNTRY_NAME and value.isascii() else utf8_string(value)
    return sequence(object_identifier(oid), text)


def general_name(kind: GeneralNameType, value: str) -> bytes:
    """The inverse of `gateway.pki.names.parse_general_names`: `value` is text as GeneralName has it.

    Raises ValueError for text that stands for nothing of this type.
    """
    return _GENERAL_NAMES[kind](value)


def other_name(oid: str, value: bytes) -> bytes:
    return tlv(0xA0, object_identifier(oid), tlv(0xA0, value))


def _ia5(tag: int) -> Callable[[str], bytes]:
    return lambda value: tlv(tag, value.encode("ascii"))


def _any_other_name(value: str) -> bytes:
    oid, _, encoded = value.partition("=")
    return other_name(oid, bytes.fromhex(encoded))


def _verbatim(value: str) -> bytes:
    return der.encode(der.element(bytes.fromhex(value)))


_GENERAL_NAMES: Mapping[GeneralNameType, Callable[[str], bytes]] = {
    GeneralNameType.RFC822_NAME: _ia5(0x81),
    GeneralNameType.DNS_NAME: _ia5(0x82),
    GeneralNameType.UNIFORM_RESOURCE_IDENTIFIER: _ia5(0x86),
    GeneralNameType.IP_ADDRESS: lambda value: tlv(0x87, ip_address(value).packed),
    GeneralNameType.DIRECTORY_NAME: lambda value: tlv(0xA4, name_from_text(value)),
    GeneralNameType.REGISTERED_ID: lambda value: b"\x88" + object_identifier(value)[1:],
    GeneralNameType.USER_PRINCIPAL_NAME: lambda value: other_name(oids.NT_PRINCIPAL_NAME, utf8_string(value)),
    GeneralNameType.OTHER_NAME: _any_other_name,
    GeneralNameType.X400_ADDRESS: _verbatim,
    GeneralNameType.EDI_PARTY_NAME: _verbatim,
}

# --- extensions (RFC 5280 4.2, [MS-WCCE] 2.2.2.7.7) -------------------------------------------------------------------


def extension(oid: str, value: bytes, *, critical: bool = False) -> bytes:
    """`value` is the DER inside extnValue."""
    return sequence(object_identifier(oid), asn1.encode_der(value=True) if critical else b"", octet_string(value))


def subject_alternative_name(names: Iterable[tuple[GeneralNameType, str]]) -> bytes:
    return extension(oids.SUBJECT_ALT_NAME, sequence(*(general_name(kind, value) for kind, value in names)))


def key_usage(usages: Iterable[str]) -> bytes:
    """A named bit list: without trailing zero bits (X.690 11.2.2)."""
    bits = sum(1 << 15 - KEY_USAGES.index(usage) for usage in usages)
    octets = bits.to_bytes(2, "big").rstrip(b"\0")
    unused = (octets[-1] & -octets[-1]).bit_length() - 1 if octets else 0
    return extension(oids.KEY_USAGE, tlv(0x03, bytes((unused,)), octets), critical=True)


def extended_key_usage(usages: Iterable[str]) -> bytes:
    return extension(oids.EXT_KEY_USAGE, sequence(*map(object_identifier, usages)))


def policies(oid: str, identifiers: Iterable[str]) -> bytes:
    """certificatePolicies, or Microsoft's application policies, which are encoded alike."""
    return extension(oid, sequence(*(sequence(object_identifier(identifier)) for identifier in identifiers)))


def basic_constraints(*, ca: bool) -> bytes:
    value = sequence(asn1.encode_der(value=True)) if ca else sequence()
    return extension(oids.BASIC_CONSTRAINTS, value, critical=True)


def security_identifier(sid: str) -> bytes:
    value = sequence(other_name(oids.NTDS_OBJECTSID, octet_string(sid.encode("ascii"))))
    return extension(oids.NTDS_CA_SECURITY_EXT, value)


def certificate_template_name(common_name: str) -> bytes:
    """As Windows writes it: a bare BMPString."""
    return extension(oids.ENROLL_CERTTYPE, bmp_string(common_name))


def certificate_template_oid(oid: str) -> bytes:
    """With the versions that a template has at first."""
    return extension(oids.CERTIFICATE_TEMPLATE, sequence(object_identifier(oid), integer(100), integer(1)))


# --- attributes (RFC 2985 5.4, [MS-WCCE] 2.2.2.7) ---------------------------------------------------------------------


def attribute(oid: str, *values: bytes) -> bytes:
    return sequence(object_identifier(oid), set_of(*values))


def name_value_pairs(pairs: Mapping[str, str]) -> bytes:
    """The attribute ENROLLMENT_NAME_VALUE_PAIR, one value to a pair."""
    values = (sequence(bmp_string(name), bmp_string(value)) for name, value in pairs.items())
    return attribute(oids.ENROLLMENT_NAME_VALUE_PAIR, *values)


def csp_provider(name: str) -> bytes:
    return attribute(oids.ENROLLMENT_CSP_PROVIDER, sequence(integer(1), bmp_string(name), bit_string(b"")))


def os_version(version: str) -> bytes:
    return attribute(oids.OS_VERSION, tlv(0x16, version.encode("ascii")))


def request_client_info(machine: str, user: str, process: str) -> bytes:
    """With certreq's client id ([MS-WCCE] 2.2.2.7.4)."""
    value = sequence(integer(9), utf8_string(machine), utf8_string(user), utf8_string(process))
    return attribute(oids.REQUEST_CLIENT_INFO, value)
