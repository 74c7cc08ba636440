"""SignedData around a request (RFC 5652 5), and who has signed it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from gateway.lab.attributes import Attribute, elements, value_of
from gateway.lab.denial import RequestUnreadable
from gateway.lab.hresult import HResult

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

ID_DATA = x509.ObjectIdentifier("1.2.840.113549.1.7.1")
ID_SIGNED_DATA = x509.ObjectIdentifier("1.2.840.113549.1.7.2")
ID_CONTENT_TYPE = x509.ObjectIdentifier("1.2.840.113549.1.9.3")
ID_MESSAGE_DIGEST = x509.ObjectIdentifier("1.2.840.113549.1.9.4")
ID_ALG_NO_SIGNATURE = x509.ObjectIdentifier("1.3.6.1.5.5.7.6.2")
RSASSA_PSS = x509.ObjectIdentifier("1.2.840.113549.1.1.10")

HASHES: dict[str, hashes.HashAlgorithm] = {
    "1.3.14.3.2.26": hashes.SHA1(),  # noqa: S303 -- a CA still takes it
    "2.16.840.1.101.3.4.2.1": hashes.SHA256(),
    "2.16.840.1.101.3.4.2.2": hashes.SHA384(),
    "2.16.840.1.101.3.4.2.3": hashes.SHA512(),
}

_OBJECT_IDENTIFIER = 0x06
_SEQUENCE = 0x30


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
    sid: asn1.TLV
    """SEQUENCE for an issuer and serial number, [0] for a subject key identifier."""
    digest_algorithm: asn1.TLV
    signed_attrs: Annotated[asn1.SetOf[Attribute] | None, asn1.Implicit(0)]
    signature_algorithm: asn1.TLV
    signature: bytes
    unsigned_attrs: Annotated[asn1.SetOf[Attribute] | None, asn1.Implicit(1)]


@asn1.sequence
class _SignedData:
    version: int
    digest_algorithms: asn1.SetOf[asn1.TLV]
    encap_content_info: _EncapsulatedContentInfo
    certificates: Annotated[asn1.SetOf[x509.Certificate] | None, asn1.Implicit(0)]
    crls: Annotated[asn1.SetOf[asn1.TLV] | None, asn1.Implicit(1)]
    signer_infos: asn1.SetOf[_SignerInfo]


@asn1.sequence
class _ContentInfo:
    content_type: x509.ObjectIdentifier
    content: Annotated[_SignedData, asn1.Explicit(0)]


@dataclass(frozen=True, slots=True)
class SignedMessage:
    """A SignedData of at least one signer; no signature has been verified yet."""

    content_type: x509.ObjectIdentifier
    content: bytes
    certificates: tuple[x509.Certificate, ...]
    _signer_infos: tuple[_SignerInfo, ...]

    @property
    def signed_attributes(self) -> Iterator[Attribute]:
        """Of all signers, in the order of the encoding."""
        for info in self._signer_infos:
            yield from _signed(info)

    def verify(self, own_key: PublicKey) -> tuple[x509.Certificate, ...]:
        """The certificates of the signers that have one, in the order of the encoding.

        `own_key` is the key that the request carries: of the signer who is named by a key identifier that no
        certificate has (RFC 2797 4.2). Raises RequestUnreadable if any signature does not verify.
        """
        return tuple(c for info in self._signer_infos if (c := self._verify(info, own_key)) is not None)

    def _verify(self, info: _SignerInfo, own_key: PublicKey) -> x509.Certificate | None:
        digest = _hash(algorithm(info.digest_algorithm))
        message = self._signed_bytes(info, digest)
        signature_algorithm = algorithm(info.signature_algorithm)
        if signature_algorithm == ID_ALG_NO_SIGNATURE:
            # RFC 2797 3.3.3.1: shows that nothing was changed by accident, and nothing of who made it.
            _require(info.signature == digest_of(message, digest))
            return None
        certificate = self._certificate_of(info)
        key = own_key if certificate is None else certificate.public_key()
        try:
            match key:
                case rsa.RSAPublicKey():
                    pss = padding.PSS(padding.MGF1(digest), padding.PSS.AUTO)
                    padded = pss if signature_algorithm == RSASSA_PSS else padding.PKCS1v15()
                    key.verify(info.signature, message, padded, digest)
                case ec.EllipticCurvePublicKey():
                    key.verify(info.signature, message, ec.ECDSA(digest))
                case _:
                    raise RequestUnreadable(HResult.NTE_BAD_ALGID)
        except InvalidSignature as error:
            raise RequestUnreadable(HResult.NTE_BAD_SIGNATURE) from error
        return certificate

    def _signed_bytes(self, info: _SignerInfo, digest: hashes.HashAlgorithm) -> bytes:
        """RFC 5652 5.4: the SET OF attributes, which name the content; or the content itself."""
        if info.signed_attrs is None:
            return self.content
        found = {attribute.type: value_of(attribute) for attribute in _signed(info)}
        _require({ID_CONTENT_TYPE, ID_MESSAGE_DIGEST} <= found.keys())
        _require(found[ID_CONTENT_TYPE].parse(x509.ObjectIdentifier) == self.content_type)
        _require(found[ID_MESSAGE_DIGEST].parse(bytes) == digest_of(self.content, digest))
        return asn1.encode_der(info.signed_attrs)

    def _certificate_of(self, info: _SignerInfo) -> x509.Certificate | None:
        if info.sid.tag_bytes[0] == _SEQUENCE:
            sid = info.sid.parse(_IssuerAndSerialNumber)
            issuer = asn1.encode_der(sid.issuer)
            for certificate in self.certificates:
                if (certificate.issuer.public_bytes(), certificate.serial_number) == (issuer, sid.serial_number):
                    return certificate
            raise RequestUnreadable(HResult.CRYPT_E_NO_SIGNER)
        identifier = bytes(info.sid.data)
        return next((c for c in self.certificates if _subject_key_identifier(c) == identifier), None)


def is_cms(der: bytes) -> bool:
    """Whether these bytes begin as a ContentInfo does. Raises ValueError if they are not one SEQUENCE."""
    found = elements(asn1.decode_der(asn1.TLV, der))
    return bool(found) and found[0].tag_bytes[0] == _OBJECT_IDENTIFIER


def read(der: bytes) -> SignedMessage:
    """Raises ValueError or RequestUnreadable."""
    signed_data = asn1.decode_der(_ContentInfo, der).content
    signer_infos = tuple(signed_data.signer_infos.as_list())
    if not signer_infos:
        raise RequestUnreadable(HResult.CRYPT_E_NO_SIGNER)
    certificates = signed_data.certificates
    return SignedMessage(
        signed_data.encap_content_info.e_content_type,
        signed_data.encap_content_info.e_content,
        () if certificates is None else tuple(certificates.as_list()),
        signer_infos,
    )


def algorithm(identifier: asn1.TLV) -> x509.ObjectIdentifier:
    """The OID of an AlgorithmIdentifier, whatever its parameters are. Raises ValueError."""
    found = elements(identifier)
    if not found:
        raise ValueError("an empty AlgorithmIdentifier")
    oid: x509.ObjectIdentifier = found[0].parse(x509.ObjectIdentifier)
    return oid


def digest_of(message: bytes, algorithm: hashes.HashAlgorithm) -> bytes:
    digest = hashes.Hash(algorithm)
    digest.update(message)
    return digest.finalize()


def _hash(oid: x509.ObjectIdentifier) -> hashes.HashAlgorithm:
    if oid.dotted_string not in HASHES:
        raise RequestUnreadable(HResult.NTE_BAD_ALGID)
    return HASHES[oid.dotted_string]


def _signed(info: _SignerInfo) -> list[Attribute]:
    return [] if info.signed_attrs is None else info.signed_attrs.as_list()


def _require(condition: bool) -> None:
    if not condition:
        raise RequestUnreadable(HResult.NTE_BAD_SIGNATURE)


def _subject_key_identifier(certificate: x509.Certificate) -> bytes | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        return None
