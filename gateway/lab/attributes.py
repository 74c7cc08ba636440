"""The attributes of a request, wherever they stand: in the PKCS#10, in a CMC control, or signed ([MS-WCCE] 2.2.2.7)."""

from collections.abc import Iterable, Iterator

from cryptography import x509
from cryptography.hazmat import asn1

from gateway.lab.denial import RequestUnreadable
from gateway.lab.hresult import HResult

CERTIFICATE_TEMPLATE_NAME = x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2")
CERTIFICATE_TEMPLATE_OID = x509.ObjectIdentifier("1.3.6.1.4.1.311.21.7")
ENROLLMENT_NAME_VALUE_PAIR = x509.ObjectIdentifier("1.3.6.1.4.1.311.13.2.1")

_SEQUENCE = 0x30
_STRING_ENCODINGS = {0x0C: "utf-8", 0x13: "ascii", 0x16: "ascii", 0x1E: "utf-16-be"}
"""Text types by tag: UTF8String, PrintableString, IA5String, BMPString."""

Pair = tuple[str, str]
"""A request attribute: its name as `normalise` makes it, and its value."""


@asn1.sequence
class Attribute:
    type: x509.ObjectIdentifier
    values: asn1.SetOf[asn1.TLV]


@asn1.sequence
class _EnrollmentNameValuePair:
    """[MS-WCCE] 2.2.2.7.10."""

    name: asn1.TLV
    value: asn1.TLV


@asn1.sequence
class _CertificateTemplateName:
    """As [MS-WCCE] 2.2.2.7.7.1 writes it; Windows leaves the SEQUENCE out."""

    name: asn1.TLV


@asn1.sequence
class _Sequence:
    """Holds one element, to be read again as what it is made of."""

    of: asn1.TLV


@asn1.sequence
class _SequenceOfSequence:
    of: list[asn1.TLV]


def elements(sequence: asn1.TLV) -> list[asn1.TLV]:
    """What a SEQUENCE is made of, whatever that is. Raises ValueError."""
    return asn1.decode_der(_SequenceOfSequence, asn1.encode_der(_Sequence(of=sequence))).of


def normalise(name: str) -> str:
    """A request attribute's name as the CA compares it: without blanks and minus signs, in one case
    ([MS-WCCE] 3.2.1.4.2.1.2).
    """
    return name.replace(" ", "").replace("-", "").casefold()


def value_of(attribute: Attribute) -> asn1.TLV:
    """Its one value. Raises RequestUnreadable if it has none or several."""
    values = attribute.values.as_list()
    if len(values) != 1:
        raise RequestUnreadable(HResult.ERROR_INVALID_DATA)
    return values[0]


def name_value_pairs(attributes: Iterable[Attribute]) -> Iterator[Pair]:
    """Those among these attributes. Raises ValueError or RequestUnreadable."""
    for attribute in attributes:
        value = value_of(attribute)
        if attribute.type == ENROLLMENT_NAME_VALUE_PAIR:
            pair = value.parse(_EnrollmentNameValuePair)
            yield normalise(_text(pair.name)), _text(pair.value)


def template_name(der: bytes) -> str:
    """The value of szOID_ENROLL_CERTTYPE_EXTENSION. Raises ValueError."""
    name = asn1.decode_der(asn1.TLV, der)
    return _text(name.parse(_CertificateTemplateName).name if name.tag_bytes[0] == _SEQUENCE else name)


def _text(string: asn1.TLV) -> str:
    """Raises ValueError for anything but one of the four text types."""
    tag = string.tag_bytes[0]
    if tag not in _STRING_ENCODINGS:
        raise ValueError(f"tag {tag:#04x} is no text")
    return bytes(string.data).decode(_STRING_ENCODINGS[tag])
