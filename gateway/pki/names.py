"""Distinguished names and general names (RFC 5280 4.1.2.4 and 4.2.1.6), as values that rules can be written about."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class AttributeTypeAndValue:
    """`type` is the X.520 name where there is one (commonName, organizationName, ...), else `OID.1.2.3`."""

    type: str
    value: str


@dataclass(frozen=True, slots=True)
class Name:
    """RDNs in the order of the encoding; an RDN with more than one member is multi-valued."""

    rdns: tuple[tuple[AttributeTypeAndValue, ...], ...]

    def __str__(self) -> str:
        """RFC 4514, most specific first, as Windows and OpenSSL 3 print it."""
        raise NotImplementedError

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
