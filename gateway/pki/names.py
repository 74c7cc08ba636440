"""Distinguished names and general names (RFC 5280 4.1.2.4 and 4.2.1.6), as values that rules can be written about."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address

from cryptography.hazmat import asn1
from cryptography.x509 import ObjectIdentifier

from gateway.pki import der, oids, text


@dataclass(frozen=True, slots=True)
class AttributeTypeAndValue:
    """`type` is the X.520 name where there is one (commonName, organizationName, ...), else `OID.1.2.3`."""

    type: str
    value: str

    def __str__(self) -> str:
        return f"{SHORT_NAMES.get(self.type, self.type)}={_SPECIAL.sub(_ESCAPED, self.value)}"


MAX_GENERAL_NAMES = 1000
"""Of one extension. AD CS has room for 4 KiB; public authorities issue for 100 names, or 1000."""
MAX_NAME_ATTRIBUTES = 100
"""Of one distinguished name. A subject has some ten."""

SHORT_NAMES = {
    "commonName": "CN",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "countryName": "C",
    "stateOrProvinceName": "ST",
    "localityName": "L",
    "streetAddress": "STREET",
    "domainComponent": "DC",
    "userId": "UID",
    "emailAddress": "E",
}
"""RFC 4514 3, and Windows' E."""

_SPECIAL = re.compile(r'^[ #]| \Z|["+,;<>\\]')
_ESCAPED = r"\\\g<0>"
"""RFC 4514 2.4."""


@dataclass(frozen=True, slots=True)
class Name:
    """RDNs in the order of the encoding; an RDN with more than one member is multi-valued."""

    rdns: tuple[tuple[AttributeTypeAndValue, ...], ...]

    def __str__(self) -> str:
        """RFC 4514, most specific first, as Windows and OpenSSL 3 print it.

        Types without a short name there keep their X.520 name, or `OID.1.2.3` (RFC 1779), and their text.
        """
        return ",".join("+".join(map(str, rdn)) for rdn in reversed(self.rdns))

    def attributes(self) -> tuple[AttributeTypeAndValue, ...]:
        return tuple(attribute for rdn in self.rdns for attribute in rdn)


class GeneralNameType(StrEnum):
    """The alternatives of GeneralName, and Microsoft's user principal name, which rides in otherName."""

    RFC822_NAME = "rfc822Name"
    DNS_NAME = "dNSName"
    UNIFORM_RESOURCE_IDENTIFIER = "uniformResourceIdentifier"
    IP_ADDRESS = "iPAddress"
    DIRECTORY_NAME = "directoryName"
    REGISTERED_ID = "registeredID"
    USER_PRINCIPAL_NAME = "userPrincipalName"
    OTHER_NAME = "otherName"
    X400_ADDRESS = "x400Address"
    EDI_PARTY_NAME = "ediPartyName"


@dataclass(frozen=True, slots=True)
class GeneralName:
    """One entry of a subjectAltName. `value` is text for every type.

    An iPAddress is in its canonical text form; otherName is `<oid>=<hex of its DER>`; a directoryName is RFC 4514.
    """

    type: GeneralNameType
    value: str


def other_name(name: GeneralName) -> tuple[str, str]:
    """An otherName's type and value: the text of a character string, of anything else `#` and its DER in hexadecimal.

    So nothing has two meanings: a text that begins with `#` is in hexadecimal, too.
    """
    oid, _, encoded = name.value.partition("=")
    try:
        value = text.character_string(der.element(bytes.fromhex(encoded)))
    except ValueError:
        return oid, f"#{encoded}"
    return oid, f"#{encoded}" if value.startswith("#") else value


def parse_name(rdn_sequence: der.RDNSequence) -> Name:
    """Every attribute of a Name as text. Raises ValueError for one that is not a character string, or for too many."""
    rdns = [rdn.as_list() for rdn in rdn_sequence]
    _bound("attributes in a distinguished name", sum(map(len, rdns)), MAX_NAME_ATTRIBUTES)
    return Name(tuple(tuple(map(_attribute, rdn)) for rdn in rdns))


def _bound(what: str, found: int, most: int) -> None:
    """Each takes time to read, and more to judge."""
    if found > most:
        raise ValueError(f"{found} {what}: at most {most} are read")


def _attribute(attribute: der.AttributeTypeAndValue) -> AttributeTypeAndValue:
    oid = attribute.type.dotted_string
    name = oids.X520_NAMES.get(oid, f"OID.{oid}")
    try:
        return AttributeTypeAndValue(name, text.character_string(attribute.value))
    except ValueError as error:
        raise ValueError(f"{name} in a distinguished name: {error}") from error


def parse_general_names(general_names: bytes) -> tuple[GeneralName, ...]:
    """Every entry of a GeneralNames (the value of subjectAltName); an empty one has none.

    Raises ValueError for an entry that cannot be read: it is never skipped, since the CA would not skip it either.
    """
    entries = der.elements(der.element(general_names))
    _bound("general names in one extension", len(entries), MAX_GENERAL_NAMES)
    return tuple(map(_general_name, entries))


def _general_name(entry: asn1.TLV) -> GeneralName:
    if entry.tag_bytes == _OTHER_NAME:
        name = _other_name(entry)
    elif entry.tag_bytes in _ALTERNATIVES:
        kind, value_of = _ALTERNATIVES[entry.tag_bytes]
        name = GeneralName(kind, value_of(entry))
    else:
        raise ValueError(f"an entry of tag {entry.tag_bytes.hex()}, which no GeneralName has")
    if not name.value:
        # RFC 5280 4.2.1.6: an empty IA5String is a string, but no name.
        raise ValueError(f"an empty {name.type}")
    return name


def _other_name(entry: asn1.TLV) -> GeneralName:
    other_name = der.decode(der.OtherName, der.encode(entry, tag=der.SEQUENCE))
    oid = other_name.type_id.dotted_string
    if oid == oids.NT_PRINCIPAL_NAME:
        principal = text.character_string(other_name.value, text.UTF8_STRING)
        return GeneralName(GeneralNameType.USER_PRINCIPAL_NAME, principal)
    return GeneralName(GeneralNameType.OTHER_NAME, f"{oid}={der.encode(other_name.value).hex()}")


def _ia5_string(entry: asn1.TLV) -> str:
    return text.ia5_string(entry.data)


def _ip_address(entry: asn1.TLV) -> str:
    if len(entry.data) not in {4, 16}:
        raise ValueError(f"an iPAddress of {len(entry.data)} octets")
    return str(ip_address(bytes(entry.data)))


def _directory_name(entry: asn1.TLV) -> str:
    name = der.decode(der.DirectoryName, der.encode(entry, tag=der.SEQUENCE))
    return str(parse_name(name.rdn_sequence))


def _registered_id(entry: asn1.TLV) -> str:
    return der.decode(ObjectIdentifier, der.encode(entry, tag=der.OBJECT_IDENTIFIER)).dotted_string


def _hex(entry: asn1.TLV) -> str:
    return der.encode(entry).hex()


_OTHER_NAME = b"\xa0"

_ALTERNATIVES: Mapping[bytes, tuple[GeneralNameType, Callable[[asn1.TLV], str]]] = {
    b"\x81": (GeneralNameType.RFC822_NAME, _ia5_string),
    b"\x82": (GeneralNameType.DNS_NAME, _ia5_string),
    b"\xa3": (GeneralNameType.X400_ADDRESS, _hex),
    b"\xa4": (GeneralNameType.DIRECTORY_NAME, _directory_name),
    b"\xa5": (GeneralNameType.EDI_PARTY_NAME, _hex),
    b"\x86": (GeneralNameType.UNIFORM_RESOURCE_IDENTIFIER, _ia5_string),
    b"\x87": (GeneralNameType.IP_ADDRESS, _ip_address),
    b"\x88": (GeneralNameType.REGISTERED_ID, _registered_id),
}
"""By tag (RFC 5280 4.2.1.6), with the bit that tells constructed from primitive."""
