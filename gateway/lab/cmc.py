"""CMC full PKI responses as an AD CS certification authority signs them ([MS-WCCE] 3.2.1.4.2.1.4.8.2, RFC 2797).

Written after a captured answer, element for element; DER throughout.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from hashlib import sha1, sha256
from typing import Annotated

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

ID_SIGNED_DATA = x509.ObjectIdentifier("1.2.840.113549.1.7.2")
ID_CONTENT_TYPE = x509.ObjectIdentifier("1.2.840.113549.1.9.3")
ID_MESSAGE_DIGEST = x509.ObjectIdentifier("1.2.840.113549.1.9.4")
ID_CCT_PKI_RESPONSE = x509.ObjectIdentifier("1.3.6.1.5.5.7.12.3")
ID_CMC_STATUS_INFO = x509.ObjectIdentifier("1.3.6.1.5.5.7.7.1")
OID_CMC_ADD_ATTRIBUTES = x509.ObjectIdentifier("1.3.6.1.4.1.311.10.10.1")
OID_ISSUED_CERT_HASH = x509.ObjectIdentifier("1.3.6.1.4.1.311.21.17")
_SHA256 = x509.ObjectIdentifier("2.16.840.1.101.3.4.2.1")
_RSA_ENCRYPTION = x509.ObjectIdentifier("1.2.840.113549.1.1.1")
_ECDSA_WITH_SHA256 = x509.ObjectIdentifier("1.2.840.10045.4.3.2")


class CMCStatus(IntEnum):
    """RFC 2797 5.1.1, as far as a Microsoft CA uses it."""

    SUCCESS = 0
    FAILED = 2
    PENDING = 3


@dataclass(frozen=True, slots=True)
class Signer:
    """A certification authority's signing certificate, its key, and the certificates above it."""

    certificate: x509.Certificate
    key: PrivateKey
    chain: tuple[x509.Certificate, ...]


@asn1.sequence
class PendInfo:
    """RFC 2797 5.1. The token is the request id; [MS-WCCE] leaves its encoding open: a little-endian DWORD here."""

    pend_token: bytes
    pend_time: asn1.GeneralizedTime


def pend_info(request_id: int, received_at: datetime) -> PendInfo:
    """Says under which number to ask again for a request that came in at that time."""
    return PendInfo(
        pend_token=request_id.to_bytes(4, "little"),
        pend_time=asn1.GeneralizedTime(received_at.replace(microsecond=0)),
    )


@asn1.sequence
class _CMCStatusInfo:
    cmc_status: int
    body_list: list[int]
    status_string: str
    other_info: PendInfo | None


@asn1.sequence
class _Attribute:
    type: x509.ObjectIdentifier
    values: asn1.SetOf[asn1.TLV]


@asn1.sequence
class _CMCAddAttributes:
    pki_data_reference: int
    cert_references: list[int]
    attributes: asn1.SetOf[_Attribute]


@asn1.sequence
class _TaggedAttribute:
    body_part_id: int
    attr_type: x509.ObjectIdentifier
    attr_values: asn1.SetOf[asn1.TLV]


@asn1.sequence
class _ResponseBody:
    control_sequence: list[_TaggedAttribute]
    cms_sequence: list[asn1.TLV]
    other_msg_sequence: list[asn1.TLV]


@asn1.sequence
class _AlgorithmIdentifier:
    algorithm: x509.ObjectIdentifier
    parameters: asn1.Null | None


@asn1.sequence
class _EncapsulatedContentInfo:
    e_content_type: x509.ObjectIdentifier
    e_content: Annotated[bytes, asn1.Explicit(0)]


@asn1.sequence
class _IssuerAndSerialNumber:
    issuer: asn1.TLV
    serial_number: int


@asn1.sequence
class _SignerInfo:
    version: int
    sid: _IssuerAndSerialNumber
    digest_algorithm: _AlgorithmIdentifier
    signed_attrs: Annotated[asn1.SetOf[_Attribute], asn1.Implicit(0)]
    signature_algorithm: _AlgorithmIdentifier
    signature: bytes


@asn1.sequence
class _SignedData:
    version: int
    digest_algorithms: asn1.SetOf[_AlgorithmIdentifier]
    encap_content_info: _EncapsulatedContentInfo
    certificates: Annotated[asn1.SetOf[x509.Certificate], asn1.Implicit(0)]
    signer_infos: asn1.SetOf[_SignerInfo]


@asn1.sequence
class _ContentInfo:
    content_type: x509.ObjectIdentifier
    content: Annotated[_SignedData, asn1.Explicit(0)]


def full_pki_response(
    signer: Signer,
    status: CMCStatus,
    status_string: str,
    *,
    issued: x509.Certificate | None = None,
    pending: PendInfo | None = None,
) -> bytes:
    """DER of the signed response to one request.

    `issued` adds the certificate and the control with its SHA-1 hash; `pending` goes with CMCStatus.PENDING only.
    """
    content = asn1.encode_der(_response_body(status, status_string, issued, pending))
    certificates = [*signer.chain, signer.certificate, *((issued,) if issued is not None else ())]
    digest_algorithm = _AlgorithmIdentifier(algorithm=_SHA256, parameters=asn1.Null())
    signed_data = _SignedData(
        version=3,
        digest_algorithms=asn1.SetOf([digest_algorithm]),
        encap_content_info=_EncapsulatedContentInfo(e_content_type=ID_CCT_PKI_RESPONSE, e_content=content),
        certificates=asn1.SetOf(certificates),
        signer_infos=asn1.SetOf([_sign(signer, content, digest_algorithm)]),
    )
    return asn1.encode_der(_ContentInfo(content_type=ID_SIGNED_DATA, content=signed_data))


def _response_body(
    status: CMCStatus, status_string: str, issued: x509.Certificate | None, pending: PendInfo | None
) -> _ResponseBody:
    status_info = _CMCStatusInfo(
        cmc_status=status.value, body_list=[1], status_string=status_string, other_info=pending
    )
    controls = [_tagged(1, ID_CMC_STATUS_INFO, status_info)]
    if issued is not None:
        # SHA-1 is what the standard asks for; it names the certificate, it secures nothing.
        fingerprint = sha1(issued.public_bytes(Encoding.DER), usedforsecurity=False).digest()
        attribute = _attribute(OID_ISSUED_CERT_HASH, fingerprint)
        added = _CMCAddAttributes(pki_data_reference=0, cert_references=[1], attributes=asn1.SetOf([attribute]))
        controls.append(_tagged(2, OID_CMC_ADD_ATTRIBUTES, added))
    return _ResponseBody(control_sequence=controls, cms_sequence=[], other_msg_sequence=[])


def _sign(signer: Signer, content: bytes, digest_algorithm: _AlgorithmIdentifier) -> _SignerInfo:
    attributes = asn1.SetOf(
        [
            _attribute(ID_CONTENT_TYPE, ID_CCT_PKI_RESPONSE),
            _attribute(ID_MESSAGE_DIGEST, sha256(content).digest()),
        ]
    )
    # RFC 5652 5.4: what is signed is the SET OF, not the [0] under which it is sent.
    signature_algorithm, signature = _signature(signer.key, asn1.encode_der(attributes))
    return _SignerInfo(
        version=1,
        # [MS-WCCE] says the subject name; the captured answers, and RFC 5652, have the issuer's.
        sid=_IssuerAndSerialNumber(
            issuer=asn1.decode_der(asn1.TLV, signer.certificate.issuer.public_bytes()),
            serial_number=signer.certificate.serial_number,
        ),
        digest_algorithm=digest_algorithm,
        signed_attrs=attributes,
        signature_algorithm=signature_algorithm,
        signature=signature,
    )


def _signature(key: PrivateKey, message: bytes) -> tuple[_AlgorithmIdentifier, bytes]:
    match key:
        case rsa.RSAPrivateKey():
            algorithm = _AlgorithmIdentifier(algorithm=_RSA_ENCRYPTION, parameters=asn1.Null())
            return algorithm, key.sign(message, padding.PKCS1v15(), hashes.SHA256())
        case ec.EllipticCurvePrivateKey():
            algorithm = _AlgorithmIdentifier(algorithm=_ECDSA_WITH_SHA256, parameters=None)
            return algorithm, key.sign(message, ec.ECDSA(hashes.SHA256()))


def _tagged(body_part_id: int, attr_type: x509.ObjectIdentifier, value: object) -> _TaggedAttribute:
    return _TaggedAttribute(body_part_id=body_part_id, attr_type=attr_type, attr_values=_set_of_one(value))


def _attribute(attribute_type: x509.ObjectIdentifier, value: object) -> _Attribute:
    return _Attribute(type=attribute_type, values=_set_of_one(value))


def _set_of_one(value: object) -> asn1.SetOf[asn1.TLV]:
    return asn1.SetOf([asn1.decode_der(asn1.TLV, asn1.encode_der(value))])
