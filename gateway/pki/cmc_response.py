"""The CMC full PKI response beside an issued certificate ([MS-WCCE] 3.2.1.4.2.1.4.8.2, RFC 5272 3.2.2).

Windows installs from it, not from the certificate that stands for itself in the answer. So it is looked at for one
thing: which certificates would come in with it. Its signature is not verified: nothing is believed because of it.

AD CS writes DER (the captured answer). Anything else is unreadable here, and then withheld.
"""

from dataclasses import dataclass
from typing import Annotated

from cryptography.hazmat import asn1
from cryptography.x509 import ObjectIdentifier

from gateway.errors import MalformedMessage
from gateway.pki import der, extensions, oids

ID_SIGNED_DATA = "1.2.840.113549.1.7.2"
ID_DATA = "1.2.840.113549.1.7.1"
ID_CCT_PKI_RESPONSE = "1.3.6.1.5.5.7.12.3"

MAX_CERTIFICATES = 32
"""A leaf, and the CAs above it: of several generations where their keys were renewed."""

_CERTIFICATES = b"\xa0"
_SET = b"\x31"


@asn1.sequence
class _ContentInfo:
    content_type: ObjectIdentifier
    content: Annotated[asn1.TLV, asn1.Explicit(0)]


@asn1.sequence
class _EncapsulatedContentInfo:
    e_content_type: ObjectIdentifier
    e_content: Annotated[bytes | None, asn1.Explicit(0)]


@asn1.sequence
class _ResponseBody:
    control_sequence: list[asn1.TLV]
    cms_sequence: list[asn1.TLV]
    other_msg_sequence: list[asn1.TLV]


@dataclass(frozen=True, slots=True)
class CarriedCertificate:
    """A certificate in a response, read no further than to tell what it is."""

    der: bytes
    is_ca: bool
    """basicConstraints say so (RFC 5280 4.2.1.9)."""
    subject_public_key_info: bytes


def parse_cmc_response(encoded: bytes) -> tuple[CarriedCertificate, ...]:
    """The certificates in it. Raises MalformedMessage for anything but one SignedData without messages inside."""
    try:
        return _read(encoded)
    except ValueError as error:
        raise MalformedMessage(f"not a CMC response that can be read: {error}") from error


def _read(encoded: bytes) -> tuple[CarriedCertificate, ...]:
    content_info = der.decode(_ContentInfo, encoded)
    if content_info.content_type.dotted_string != ID_SIGNED_DATA:
        raise ValueError(f"content of type {content_info.content_type.dotted_string}, not a SignedData")
    _version, _digest_algorithms, encapsulated, *optional, signer_infos = _at_least_four(content_info.content)
    if signer_infos.tag_bytes != _SET:
        raise ValueError("a SignedData without signerInfos")
    _require_no_messages(der.read(_EncapsulatedContentInfo, encapsulated))
    entries: list[asn1.TLV] = []
    # Not in the order that DER asks of a SET: who signs over a certificate does not sign over its place.
    for item in optional:
        if item.tag_bytes == _CERTIFICATES:
            entries.extend(der.elements(der.element(der.encode(item, tag=der.SEQUENCE))))
    if len(entries) > MAX_CERTIFICATES:
        raise ValueError(f"{len(entries)} certificates: at most {MAX_CERTIFICATES} are read")
    return tuple(map(_certificate, entries))


def _at_least_four(signed_data: asn1.TLV) -> list[asn1.TLV]:
    items = der.elements(signed_data)
    if len(items) < 4:
        raise ValueError(f"a SignedData of {len(items)} elements")
    return items


def _require_no_messages(encapsulated: _EncapsulatedContentInfo) -> None:
    """Certificates could stand in messages within the message as well."""
    oid, content = encapsulated.e_content_type.dotted_string, encapsulated.e_content
    if oid == ID_CCT_PKI_RESPONSE and content is not None:
        body = der.decode(_ResponseBody, content)
        if body.cms_sequence or body.other_msg_sequence:
            raise ValueError("messages inside of the response")
    elif oid != ID_DATA or content is not None:
        raise ValueError(f"content of type {oid}, not a PKIResponse")


def _certificate(entry: asn1.TLV) -> CarriedCertificate:
    encoded = der.encode(entry)
    tbs = der.decode(der.Certificate, encoded).tbs_certificate
    asserted = extensions.index(tbs.extensions or ())
    is_ca = extensions.read(asserted, oids.BASIC_CONSTRAINTS, extensions.basic_constraints_ca)
    return CarriedCertificate(encoded, is_ca is True, der.encode(tbs.subject_public_key_info))
