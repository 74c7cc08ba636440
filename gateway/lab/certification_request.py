"""PKCS#10 as an AD CS certification authority reads it ([MS-WCCE] 3.2.2.6.2).

Bare PKCS#10 only: the lab's CAs do not read CMC or CMS requests.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from gateway.lab.hresult import HResult

CERTIFICATE_TEMPLATE_NAME = x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2")
CERTIFICATE_TEMPLATE_OID = x509.ObjectIdentifier("1.3.6.1.4.1.311.21.7")
ENROLLMENT_NAME_VALUE_PAIR = x509.ObjectIdentifier("1.3.6.1.4.1.311.13.2.1")

_SEQUENCE = 0x30
_STRING_ENCODINGS = {0x0C: "utf-8", 0x13: "ascii", 0x16: "ascii", 0x1E: "utf-16-be"}
"""Text types by tag: UTF8String, PrintableString, IA5String, BMPString."""


class RequestUnreadable(Exception):
    """The CA cannot process these bytes as a request: its HRESULT."""

    def __init__(self, hresult: HResult) -> None:
        super().__init__(hresult.text)
        self.hresult = hresult


@asn1.sequence
class _EnrollmentNameValuePair:
    """[MS-WCCE] 2.2.2.7.10."""

    name: asn1.TLV
    value: asn1.TLV


@asn1.sequence
class _Attribute:
    type: x509.ObjectIdentifier
    values: asn1.SetOf[asn1.TLV]


@asn1.sequence
class _CertificationRequestInfo:
    """RFC 2986 4.1."""

    version: int
    subject: asn1.TLV
    subject_public_key_info: asn1.TLV
    attributes: Annotated[asn1.SetOf[_Attribute], asn1.Implicit(0)]


@asn1.sequence
class _CertificateTemplateName:
    """As [MS-WCCE] 2.2.2.7.7.1 writes it; Windows leaves the SEQUENCE out."""

    name: asn1.TLV


@dataclass(frozen=True, slots=True)
class CertificationRequest:
    """What a CA acts on."""

    subject: x509.Name
    public_key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey
    extensions: x509.Extensions
    template_names: tuple[str, ...]
    """From the template name extension and the name-value pairs, in that order."""
    template_oids: tuple[x509.MSCertificateTemplate, ...]


def read(der: bytes) -> CertificationRequest:
    """Raises RequestUnreadable with the HRESULT that a CA gives for it."""
    try:
        return _read(x509.load_der_x509_csr(der))
    except (x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise RequestUnreadable(HResult.ERROR_INVALID_DATA) from error
    except UnsupportedAlgorithm as error:
        raise RequestUnreadable(HResult.NTE_BAD_ALGID) from error
    except ValueError as error:
        raise RequestUnreadable(HResult.CRYPT_E_ASN1_BADTAG) from error


def _read(request: x509.CertificateSigningRequest) -> CertificationRequest:
    public_key = request.public_key()
    if not isinstance(public_key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise RequestUnreadable(HResult.NTE_BAD_ALGID)
    if not request.is_signature_valid:
        raise RequestUnreadable(HResult.NTE_BAD_SIGNATURE)
    extensions = request.extensions
    return CertificationRequest(
        subject=request.subject,
        public_key=public_key,
        extensions=extensions,
        template_names=(*_names_in_extensions(extensions), *_names_in_attributes(request)),
        template_oids=tuple(e.value for e in extensions if isinstance(e.value, x509.MSCertificateTemplate)),
    )


def normalise(attribute_name: str) -> str:
    """A request attribute's name as the CA compares it: without blanks and minus signs, in one case
    ([MS-WCCE] 3.2.1.4.2.1.2).
    """
    return attribute_name.replace(" ", "").replace("-", "").casefold()


def _names_in_extensions(extensions: x509.Extensions) -> Iterator[str]:
    for extension in extensions:
        if extension.oid == CERTIFICATE_TEMPLATE_NAME and isinstance(extension.value, x509.UnrecognizedExtension):
            yield _template_name(extension.value.value)


def _template_name(der: bytes) -> str:
    name = asn1.decode_der(asn1.TLV, der)
    return _text(name.parse(_CertificateTemplateName).name if name.tag_bytes[0] == _SEQUENCE else name)


def _names_in_attributes(request: x509.CertificateSigningRequest) -> Iterator[str]:
    info = asn1.decode_der(_CertificationRequestInfo, request.tbs_certrequest_bytes)
    for attribute in info.attributes.as_list():
        values = attribute.values.as_list()
        if len(values) != 1:
            raise RequestUnreadable(HResult.ERROR_INVALID_DATA)
        if attribute.type == ENROLLMENT_NAME_VALUE_PAIR:
            pair = values[0].parse(_EnrollmentNameValuePair)
            if normalise(_text(pair.name)) == "certificatetemplate":
                yield _text(pair.value)


def _text(string: asn1.TLV) -> str:
    """Raises ValueError for anything but one of the four text types."""
    tag = string.tag_bytes[0]
    if tag not in _STRING_ENCODINGS:
        raise ValueError(f"tag {tag:#04x} is no text")
    return bytes(string.data).decode(_STRING_ENCODINGS[tag])
