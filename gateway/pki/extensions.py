"""What the extensions of requests and certificates say (RFC 5280 4.2.1, [MS-WCCE] 2.2.2.7.7).

Every reader takes the DER inside extnValue, and reads all of it or raises ValueError.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from cryptography.hazmat import asn1
from cryptography.x509 import ObjectIdentifier

from gateway.pki import der, oids, text

T = TypeVar("T")

KEY_USAGES = (
    "digitalSignature",
    "nonRepudiation",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "keyCertSign",
    "cRLSign",
    "encipherOnly",
    "decipherOnly",
)
"""By bit number (RFC 5280 4.2.1.3)."""

_MAX_TEMPLATE_VERSION = 0xFFFF_FFFF
_MAX_EXTENSIONS = 100
"""Windows writes some ten."""
_MAX_IDENTIFIERS = 100
"""Usages or policies of one extension. Windows knows some sixty in all."""

_SID = re.compile(r"S-1(-(0|[1-9][0-9]{0,9})){2,16}")
"""[MS-DTYP] 2.4.2.1: an identifier authority and 1 to 15 sub-authorities. One SID has one spelling: authorities that
are written in hex have no accounts."""
_MAX_SUB_AUTHORITY = 0xFFFF_FFFF
_SECURITY_IDENTIFIER_URI = "tag:microsoft.com,2022-09-14:sid:"


def index(extensions: Iterable[der.Extension]) -> dict[str, der.Extension]:
    """The extensions by OID, in their order. Raises ValueError for too many, or if one occurs twice (RFC 5280 4.2)."""
    found: dict[str, der.Extension] = {}
    for extension in extensions:
        oid = extension.extn_id.dotted_string
        if oid in found:
            raise ValueError(f"extension {oids.described(oid)} occurs twice")
        if len(found) == _MAX_EXTENSIONS:
            raise ValueError(f"more than {_MAX_EXTENSIONS} extensions")
        found[oid] = extension
    return found


def read(extensions: Mapping[str, der.Extension], oid: str, reader: Callable[[bytes], T]) -> T | None:
    """What the extension says, or None if it is absent. Raises ValueError, with the extension's name, if unreadable."""
    if oid not in extensions:
        return None
    try:
        return reader(extensions[oid].extn_value)
    except ValueError as error:
        raise ValueError(f"extension {oids.described(oid)}: {error}") from error


def key_usage(value: bytes) -> tuple[str, ...]:
    """The names of the bits that are set."""
    bits = der.decode(asn1.BitString, value)
    octets = bits.as_bytes()
    usages = [n for n in range(len(octets) * 8) if octets[n // 8] & 0x80 >> n % 8]
    if usages and usages[-1] >= len(KEY_USAGES):
        raise ValueError(f"bit {usages[-1]} has no meaning")
    return tuple(KEY_USAGES[n] for n in usages)


def subject_key_identifier(value: bytes) -> str:
    """The KeyIdentifier in lower-case hex."""
    identifier = der.decode(bytes, value)
    if not identifier:
        raise ValueError("an empty key identifier")
    return identifier.hex()


def extended_key_usage(value: bytes) -> tuple[str, ...]:
    """The OIDs of an ExtKeyUsageSyntax."""
    oids_asked_for = _bounded(der.sequence_of(ObjectIdentifier, der.element(value)))
    return tuple(oid.dotted_string for oid in oids_asked_for)


def certificate_policies(value: bytes) -> tuple[str, ...]:
    """The OIDs of certificatePolicies, or of Microsoft's application policies, which are encoded alike.

    A policy with qualifiers is refused: the CA would copy them into the certificate, and no rule speaks of them.
    """
    policies = _bounded(der.sequence_of(der.PolicyInformation, der.element(value)))
    for policy in policies:
        if policy.policy_qualifiers is not None:
            raise ValueError(f"policy {policy.policy_identifier.dotted_string} has qualifiers, which are not served")
    return tuple(policy.policy_identifier.dotted_string for policy in policies)


def certificate_policies_of_certificate(value: bytes) -> tuple[str, ...]:
    """The OIDs of certificatePolicies, where a CA has written them: with what qualifiers is its own matter."""
    policies = _bounded(der.sequence_of(der.PolicyInformation, der.element(value)))
    return tuple(policy.policy_identifier.dotted_string for policy in policies)


def _bounded(found: list[T]) -> list[T]:
    if len(found) > _MAX_IDENTIFIERS:
        raise ValueError(f"{len(found)} object identifiers: at most {_MAX_IDENTIFIERS} are read")
    return found


def basic_constraints_ca(value: bytes) -> bool:
    return der.decode(der.BasicConstraints, value).ca


def certificate_template_name(value: bytes) -> str:
    """The template's common name ([MS-WCCE] 2.2.2.7.7.1).

    The document has SEQUENCE{UTF8String}; Windows and cepces write a bare BMPString. Both are read, so that no spelling
    escapes the policy.
    """
    element = der.element(value)
    if element.tag_bytes == der.SEQUENCE:
        element = der.sole_element(element)
    return text.character_string(element)


def certificate_template_oid(value: bytes) -> tuple[str, int | None, int | None]:
    """Template OID, major and minor version ([MS-WCCE] 2.2.2.7.7.2)."""
    template = der.decode(der.CertificateTemplateOID, value)
    major, minor = template.template_major_version, template.template_minor_version
    for version in (major, minor):
        if version is not None and not 0 <= version <= _MAX_TEMPLATE_VERSION:
            raise ValueError("a version outside of 0..4294967295")
    return template.template_id.dotted_string, major, minor


def security_identifier(value: bytes) -> str:
    """The SID as text ([MS-WCCE] 2.2.2.7.7.4): one otherName, of objectSid, in a SEQUENCE as GeneralNames has it."""
    entry = der.sole_element(der.element(value))
    if entry.tag_bytes != b"\xa0":
        raise ValueError(f"an entry of tag {entry.tag_bytes.hex()} where an otherName is wanted")
    other_name = der.decode(der.OtherName, der.encode(entry, tag=der.SEQUENCE))
    if other_name.type_id.dotted_string != oids.NTDS_OBJECTSID:
        raise ValueError(f"an otherName of type {other_name.type_id.dotted_string}")
    return _sid(text.ia5_string(der.read(bytes, other_name.value)))


def security_identifier_of_uri(uri: str) -> str | None:
    """The SID that an URI of a subjectAltName states, as KB5014754 has it; None for URIs about something else.

    Raises ValueError for one that means to state a SID, and does not.
    """
    # Windows' own strictness about case is not documented: whatever could be read as a SID there is read here.
    if not uri.lower().startswith(_SECURITY_IDENTIFIER_URI):
        return None
    return _sid(uri[len(_SECURITY_IDENTIFIER_URI) :])


def is_sid(spelling: str) -> bool:
    """Whether it is the text form of a SID that an account can have."""
    return bool(_SID.fullmatch(spelling)) and all(int(n) <= _MAX_SUB_AUTHORITY for n in spelling.split("-")[2:])


def _sid(spelling: str) -> str:
    if not is_sid(spelling):
        raise ValueError("not a SID in text form")
    return spelling
