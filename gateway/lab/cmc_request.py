"""The content of a CMC full PKI request ([MS-WCCE] 2.2.2.6.3, 3.2.1.4.2.1.4.1.3; RFC 2797 3.1)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import unquote

from cryptography import x509
from cryptography.hazmat import asn1

from gateway.lab.attributes import Attribute, Pair, normalise
from gateway.lab.denial import RequestUnreadable
from gateway.lab.hresult import HResult

ID_CCT_PKI_DATA = x509.ObjectIdentifier("1.3.6.1.5.5.7.12.2")
ID_CMC_ADD_EXTENSIONS = x509.ObjectIdentifier("1.3.6.1.5.5.7.7.8")
ID_CMC_REG_INFO = x509.ObjectIdentifier("1.3.6.1.5.5.7.7.18")
OID_CMC_ADD_ATTRIBUTES = x509.ObjectIdentifier("1.3.6.1.4.1.311.10.10.1")


@asn1.sequence
class _TaggedAttribute:
    body_part_id: int
    attr_type: x509.ObjectIdentifier
    attr_values: asn1.SetOf[asn1.TLV]


@asn1.sequence
class _TaggedCertificationRequest:
    body_part_id: int
    certification_request: asn1.TLV


@asn1.sequence
class _PKIData:
    control_sequence: list[_TaggedAttribute]
    req_sequence: list[Annotated[_TaggedCertificationRequest, asn1.Implicit(0)]]
    cms_sequence: list[asn1.TLV]
    other_msg_sequence: list[asn1.TLV]


@asn1.sequence
class _AddExtensions:
    pki_data_reference: int
    cert_references: list[int]
    extensions: list[asn1.TLV]


@asn1.sequence
class _AddAttributes:
    pki_data_reference: int
    cert_references: list[int]
    attributes: asn1.SetOf[Attribute]


@dataclass(frozen=True, slots=True)
class PKIData:
    """One request and what the controls add to it. Other controls do not count, nor does anything beside them."""

    certification_request: bytes
    """The PKCS#10, in DER."""
    extensions: list[asn1.TLV] = field(default_factory=list)
    attributes: list[Attribute] = field(default_factory=list)
    reg_info: list[Pair] = field(default_factory=list)


def read(der: bytes) -> PKIData:
    """Raises ValueError or RequestUnreadable."""
    body = asn1.decode_der(_PKIData, der)
    if len(body.req_sequence) != 1:
        raise RequestUnreadable(HResult.ERROR_INVALID_DATA)
    (request,) = body.req_sequence
    read = PKIData(asn1.encode_der(request.certification_request))
    for control in body.control_sequence:
        for value in control.attr_values.as_list():
            _add(read, control.attr_type, value, request.body_part_id)
    return read


def _add(read: PKIData, control: x509.ObjectIdentifier, value: asn1.TLV, body_part_id: int) -> None:
    if control == ID_CMC_REG_INFO:
        read.reg_info.extend(_pairs(value.parse(bytes).decode()))
    elif control == ID_CMC_ADD_EXTENSIONS:
        extensions = value.parse(_AddExtensions)
        _refer(extensions.cert_references, body_part_id)
        read.extensions.extend(extensions.extensions)
    elif control == OID_CMC_ADD_ATTRIBUTES:
        attributes = value.parse(_AddAttributes)
        _refer(attributes.cert_references, body_part_id)
        read.attributes.extend(attributes.attributes.as_list())


def _refer(references: list[int], body_part_id: int) -> None:
    if references != [body_part_id]:
        raise RequestUnreadable(HResult.ERROR_INVALID_DATA)


def _pairs(text: str) -> Iterator[Pair]:
    """Name=Value&Name=Value, percent-encoded; what is no pair is left out, as in `pwszAttributes`."""
    for part in text.split("&"):
        name, separator, value = part.partition("=")
        if separator:
            yield normalise(unquote(name, errors="strict")), unquote(value, errors="strict").strip()
