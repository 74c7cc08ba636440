"""A request as an AD CS certification authority reads it ([MS-WCCE] 3.2.1.4.2.1.4, 3.2.2.6.2.1.2).

A PKCS#10 alone, in CMS or in CMC, for a new certificate, a renewal, or on behalf of somebody else. What the layers
around the PKCS#10 say counts as if it stood in it. A CMC within another is not read.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.lab import attributes, cmc_request, cms
from gateway.lab.attributes import Attribute, Pair
from gateway.lab.cmc_request import PKIData
from gateway.lab.cms import PublicKey, SignedMessage
from gateway.lab.denial import RequestUnreadable
from gateway.lab.hresult import HResult

RENEWAL_CERTIFICATE = x509.ObjectIdentifier("1.3.6.1.4.1.311.13.1")
EXTENSION_REQUEST = x509.ObjectIdentifier("1.2.840.113549.1.9.14")
CERT_EXTENSIONS = x509.ObjectIdentifier("1.3.6.1.4.1.311.2.1.14")


@asn1.sequence
class _CertificationRequestInfo:
    """RFC 2986 4.1."""

    version: int
    subject: asn1.TLV
    subject_public_key_info: asn1.TLV
    attributes: Annotated[asn1.SetOf[Attribute], asn1.Implicit(0)]


@asn1.sequence
class _CertificationRequest:
    """RFC 2986 4.2."""

    certification_request_info: _CertificationRequestInfo
    signature_algorithm: asn1.TLV
    signature: asn1.BitString


@asn1.sequence
class _ExtensionRequest:
    type: x509.ObjectIdentifier
    values: asn1.SetOf[list[asn1.TLV]]


@asn1.sequence
class _ExtendedInfo:
    """CertificationRequestInfo with one attribute, extensionRequest."""

    version: int
    subject: asn1.TLV
    subject_public_key_info: asn1.TLV
    attributes: Annotated[asn1.SetOf[_ExtensionRequest], asn1.Implicit(0)]


@asn1.sequence
class _ExtendedRequest:
    certification_request_info: _ExtendedInfo
    signature_algorithm: asn1.TLV
    signature: asn1.BitString


@dataclass(frozen=True, slots=True)
class CertificationRequest:
    """What a CA acts on."""

    subject: x509.Name
    public_key: PublicKey
    extensions: x509.Extensions
    template_names: tuple[str, ...]
    """From the template name extension and the name-value pairs, in that order."""
    template_oids: tuple[x509.MSCertificateTemplate, ...]
    signers: tuple[x509.Certificate, ...] = ()
    """Whose signatures verify; whether anybody trusts them is another question."""
    renewal_certificate: x509.Certificate | None = None
    """One of the signers, and to be renewed."""
    requester_name: str | None = None
    """For whom the signers want the certificate: DOMAIN\\name or a user principal name."""


def read(der: bytes) -> CertificationRequest:
    """Raises RequestUnreadable with the HRESULT that a CA gives for it."""
    try:
        return _of_message(cms.read(der)) if cms.is_cms(der) else _bare(der)
    except (x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise RequestUnreadable(HResult.ERROR_INVALID_DATA) from error
    except UnsupportedAlgorithm as error:
        raise RequestUnreadable(HResult.NTE_BAD_ALGID) from error
    except ValueError as error:
        raise RequestUnreadable(HResult.CRYPT_E_ASN1_BADTAG) from error


def _bare(der: bytes) -> CertificationRequest:
    pki_data = PKIData(der)
    public_key = _public_key(pki_data, may_be_null=False)
    wanted = asn1.decode_der(_CertificationRequest, der)
    if any(a.type == RENEWAL_CERTIFICATE for a in wanted.certification_request_info.attributes.as_list()):
        # [MS-WCCE] 3.2.1.4.2.1.4: nobody renews by a bare PKCS#10.
        raise RequestUnreadable(HResult.CRYPT_E_INVALID_MSG_TYPE)
    return _read(pki_data, public_key, wanted, None)


def _of_message(message: SignedMessage) -> CertificationRequest:
    if message.content_type == cms.ID_DATA:
        pki_data = PKIData(message.content)
    elif message.content_type == cmc_request.ID_CCT_PKI_DATA:
        pki_data = cmc_request.read(message.content)
    else:
        raise RequestUnreadable(HResult.CRYPT_E_INVALID_MSG_TYPE)
    public_key = _public_key(pki_data, may_be_null=message.content_type == cmc_request.ID_CCT_PKI_DATA)
    wanted = asn1.decode_der(_CertificationRequest, pki_data.certification_request)
    return _read(pki_data, public_key, wanted, message)


def _read(
    pki_data: PKIData, public_key: PublicKey, wanted: _CertificationRequest, message: SignedMessage | None
) -> CertificationRequest:
    added = [*wanted.certification_request_info.attributes.as_list(), *pki_data.attributes]
    extensions = _extensions(wanted, added, pki_data.extensions)
    signed = [] if message is None else [*attributes.name_value_pairs(message.signed_attributes), *pki_data.reg_info]
    pairs = [*attributes.name_value_pairs(added), *signed]
    signers = () if message is None else message.verify(public_key)
    return CertificationRequest(
        subject=x509.load_der_x509_csr(pki_data.certification_request).subject,
        public_key=public_key,
        extensions=extensions,
        template_names=(
            *_names_in_extensions(extensions),
            *(value for name, value in pairs if name == "certificatetemplate"),
        ),
        template_oids=tuple(e.value for e in extensions if isinstance(e.value, x509.MSCertificateTemplate)),
        signers=signers,
        renewal_certificate=_renewal_certificate(added, signers),
        requester_name=_requester_name(signed),
    )


def _public_key(pki_data: PKIData, *, may_be_null: bool) -> PublicKey:
    """The key that is to be certified, whose possession the request shows."""
    request = x509.load_der_x509_csr(pki_data.certification_request)
    public_key = request.public_key()
    if not isinstance(public_key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise RequestUnreadable(HResult.NTE_BAD_ALGID)
    signature_algorithm = request.signature_algorithm_oid.dotted_string
    if may_be_null and signature_algorithm in cms.HASHES:
        # [MS-WCCE] 2.2.2.6.5
        digest = cms.digest_of(request.tbs_certrequest_bytes, cms.HASHES[signature_algorithm])
        is_valid = request.signature == digest
    else:
        is_valid = request.is_signature_valid
    if not is_valid:
        raise RequestUnreadable(HResult.NTE_BAD_SIGNATURE)
    return public_key


def _extensions(
    wanted: _CertificationRequest, added: Iterable[Attribute], extensions: Iterable[asn1.TLV]
) -> x509.Extensions:
    """All that the attributes and the control ask for, as if they were those of one PKCS#10.

    The library reads the extensions of a request, of a certificate, and no others; so one is made with all of them.
    """
    everything = [*extensions]
    for attribute in added:
        if attribute.type in {EXTENSION_REQUEST, CERT_EXTENSIONS}:
            everything.extend(attributes.elements(attributes.value_of(attribute)))
    info = wanted.certification_request_info
    request = _ExtensionRequest(type=EXTENSION_REQUEST, values=asn1.SetOf([everything]))
    extended = _ExtendedRequest(
        certification_request_info=_ExtendedInfo(
            version=info.version,
            subject=info.subject,
            subject_public_key_info=info.subject_public_key_info,
            attributes=asn1.SetOf([request] if everything else []),
        ),
        signature_algorithm=wanted.signature_algorithm,
        signature=wanted.signature,
    )
    return x509.load_der_x509_csr(asn1.encode_der(extended)).extensions


def _names_in_extensions(extensions: x509.Extensions) -> Iterator[str]:
    for extension in extensions:
        if extension.oid == attributes.CERTIFICATE_TEMPLATE_NAME and isinstance(
            extension.value, x509.UnrecognizedExtension
        ):
            yield attributes.template_name(extension.value.value)


def _renewal_certificate(added: Iterable[Attribute], signers: tuple[x509.Certificate, ...]) -> x509.Certificate | None:
    """[MS-WCCE] 3.2.1.4.2.1.4.2: it goes with the message, and its key has signed. Without the attribute the request is
    a new one, whoever has signed it.
    """
    values = [attributes.value_of(attribute) for attribute in added if attribute.type == RENEWAL_CERTIFICATE]
    if not values:
        return None
    found = [
        signer for signer in signers for value in values if signer.public_bytes(Encoding.DER) == asn1.encode_der(value)
    ]
    if len(values) != 1 or not found:
        raise RequestUnreadable(HResult.CERTSRV_E_BAD_RENEWAL_CERT_ATTRIBUTE)
    return found[0]


def _requester_name(signed: Iterable[Pair]) -> str | None:
    """[MS-WCCE] 3.2.2.6.2.1.2.1: signed by the agent, as an attribute or in regInfo."""
    names = {value.casefold(): value for name, value in signed if name == "requestername"}
    if len(names) > 1:
        raise RequestUnreadable(HResult.ERROR_INVALID_DATA)
    return next(iter(names.values()), None)
