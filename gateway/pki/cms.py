"""CMS signedData (RFC 5652 5), as renewals, enrollment agents and CMC requests come in it ([MS-WCCE] 2.2.2.6.2).

A layer is taken apart first, and verified when the innermost layer has told the request's own key: a SignerInfo names
either that key or a certificate of the layer.
"""

from dataclasses import dataclass

from cryptography.hazmat import asn1
from cryptography.x509 import ObjectIdentifier

from gateway.errors import MalformedMessage, SignatureInvalid
from gateway.pki import attributes, der, oids, signatures
from gateway.pki.attributes import IndexedAttributes
from gateway.pki.certificate import Certificate, parse_certificate
from gateway.pki.keys import PublicKey

MAX_SIGNERS = 4
"""Of one layer. Windows writes two, the new key and the old certificate or the agent: the rest is for more agents."""
MAX_CERTIFICATES = 16
"""Of one layer: signers and the authorities above them."""

_VERSIONS = range(1, 6)
"""CMSVersion of a SignedData (RFC 5652 10.2.5)."""


@dataclass(frozen=True, slots=True)
class SignedData:
    """One layer, of which nothing has been verified yet."""

    content_type: str
    """OID."""
    content: bytes
    certificates: tuple[bytes, ...]
    signer_infos: tuple[der.SignerInfo, ...]


@dataclass(frozen=True, slots=True)
class Signature:
    """A SignerInfo that has been verified."""

    certificate: Certificate | None
    """Under which it verifies; None: under the request's own key, or it is no signature at all (id-alg-noSignature)."""
    signed_attributes: IndexedAttributes
    unsigned_attributes: IndexedAttributes


def is_signed_data(encoded: bytes) -> bool:
    """Whether it means to be a ContentInfo of signedData: the content type follows the header of two to six bytes.

    Looked for in the bytes, so that BER is told from garbage. A PKCS#10 has no room for an OID so early.
    """
    return _ID_SIGNED_DATA in encoded[: _LONGEST_HEADER + len(_ID_SIGNED_DATA)]


_ID_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
_LONGEST_HEADER = 6


def parse_signed_data(encoded: bytes) -> SignedData:
    """One ContentInfo of a signedData. Raises ValueError, or SignatureInvalid if nobody has signed."""
    _refuse_indefinite_length(encoded)
    content_info = der.decode(der.ContentInfo, encoded)
    if content_info.content_type.dotted_string != oids.SIGNED_DATA:
        raise ValueError(f"a ContentInfo of {content_info.content_type.dotted_string}: only signedData is served")
    return parse_bare_signed_data(der.encode(content_info.content))


def parse_bare_signed_data(encoded: bytes) -> SignedData:
    """A SignedData without its ContentInfo, as one stands in another. Raises as `parse_signed_data` does."""
    _refuse_indefinite_length(encoded)
    signed_data = der.decode(der.SignedData, encoded)
    if signed_data.version not in _VERSIONS:
        raise ValueError(f"a SignedData of version {signed_data.version}")
    if signed_data.crls is not None:
        raise ValueError("a SignedData with revocation lists: no request needs them, and nobody reads them")
    der.elements_of_set(signed_data.digest_algorithms)
    content = signed_data.encap_content_info
    if content.e_content is None:
        raise ValueError("a SignedData without its content: a detached signature is no request")
    return SignedData(
        content_type=content.e_content_type.dotted_string,
        content=content.e_content,
        certificates=_certificates(signed_data.certificates or []),
        signer_infos=_signer_infos(signed_data.signer_infos),
    )


def _refuse_indefinite_length(encoded: bytes) -> None:
    if encoded[1:2] == b"\x80":
        raise ValueError("BER of indefinite length: requests must be DER ([MS-WCCE] 3.1.1.4.3)")


def _certificates(found: list[asn1.TLV]) -> tuple[bytes, ...]:
    if len(found) > MAX_CERTIFICATES:
        raise ValueError(f"{len(found)} certificates in one layer: at most {MAX_CERTIFICATES} are read")
    certificates = tuple(map(der.encode, found))
    if len(set(certificates)) != len(certificates):
        raise ValueError("a SignedData has the same certificate twice")
    return certificates


def _signer_infos(found: asn1.TLV) -> tuple[der.SignerInfo, ...]:
    signer_infos = der.elements_of_set(found)
    if len(signer_infos) > MAX_SIGNERS:
        raise ValueError(f"{len(signer_infos)} signers of one layer: at most {MAX_SIGNERS} are served")
    if not signer_infos:
        raise SignatureInvalid("a SignedData that nobody has signed")
    return tuple(der.read(der.SignerInfo, item) for item in signer_infos)


# --- verifying --------------------------------------------------------------------------------------------------------


def verify(signed_data: SignedData, own_key: PublicKey) -> tuple[Signature, ...]:
    """Every signature of the layer, in the order of the encoding; `own_key` is the one that the request carries.

    Raises SignatureInvalid if one does not verify, or ValueError for what cannot be read.
    """
    return tuple(_verify(info, signed_data, own_key) for info in signed_data.signer_infos)


def _verify(info: der.SignerInfo, signed_data: SignedData, own_key: PublicKey) -> Signature:
    digest = signatures.digest_name(info.digest_algorithm)
    signed = attributes.index(info.signed_attrs.as_list(), attributes.SIGNED) if info.signed_attrs is not None else {}
    unsigned = attributes.index(
        info.unsigned_attrs.as_list() if info.unsigned_attrs is not None else (), attributes.UNSIGNED
    )
    message = _signed_message(info, signed_data, signed, digest)
    signature_algorithm, _ = der.algorithm(info.signature_algorithm)
    certificate = None
    if signature_algorithm == oids.NO_SIGNATURE:
        # RFC 2797 3.3.3.1: a digest in the place of a signature. It vouches for nothing, and is correct or refused.
        if info.signature != signatures.digest(digest, message):
            raise SignatureInvalid("a SignerInfo without signature (RFC 2797 3.3.3.1) has another digest than its own")
    else:
        if isinstance(info.sid, der.IssuerAndSerialNumber):
            certificate = _certificate_of(info.sid, signed_data.certificates)
        # [MS-WCCE] 3.1.1.4.3.1.3: a subjectKeyIdentifier stands for the new key. What it says does not matter:
        # the signature verifies under that key, or the request is refused.
        key = own_key if certificate is None else certificate.public_key
        signatures.verify(key, info.signature_algorithm, digest, message, info.signature)
    return Signature(certificate, signed, unsigned)


def _certificate_of(sid: der.IssuerAndSerialNumber, certificates: tuple[bytes, ...]) -> Certificate:
    """The one certificate of the layer that the SignerInfo names."""
    wanted = (der.encode(sid.issuer), der.encode(sid.serial_number))
    found = [certificate for certificate in certificates if _issuer_and_serial_number(certificate) == wanted]
    if len(found) != 1:
        number = "none" if not found else "more than one"
        raise SignatureInvalid(f"a signer is named by issuer and serial number, and {number} of the certificates is it")
    return _parse_signer(found[0])


def _issuer_and_serial_number(certificate: bytes) -> tuple[bytes, bytes]:
    """Their DER: names are compared as they are encoded, as CryptoAPI does."""
    match [der.elements(tbs_certificate) for tbs_certificate in der.elements(der.element(certificate))[:1]]:
        case [[version, serial_number, _, issuer, *_]] if version.tag_bytes == _VERSION:
            return der.encode(issuer), der.encode(serial_number)
        case [[serial_number, _, issuer, *_]]:
            return der.encode(issuer), der.encode(serial_number)
    raise ValueError("something among the certificates of a SignedData that is no X.509 certificate")


_VERSION = b"\xa0"


def _parse_signer(encoded: bytes) -> Certificate:
    try:
        return parse_certificate(encoded)
    except MalformedMessage as error:
        raise ValueError(f"the certificate of a signer: {error}") from error


def _signed_message(info: der.SignerInfo, signed_data: SignedData, signed: IndexedAttributes, digest: str) -> bytes:
    """What the signature is over (RFC 5652 5.4): the SET OF attributes, or the content where there are none."""
    if info.signed_attrs is None:
        if signed_data.content_type != oids.DATA:
            raise SignatureInvalid(
                "a SignerInfo without signed attributes, which only content of type id-data may have"
            )
        return signed_data.content
    content_type = attributes.read_single(signed, oids.CONTENT_TYPE, _object_identifier)
    if content_type != signed_data.content_type:
        raise SignatureInvalid(f"a signer speaks of content of type {content_type}, not of {signed_data.content_type}")
    message_digest = attributes.read_single(signed, oids.MESSAGE_DIGEST, attributes.octets)
    if message_digest != signatures.digest(digest, signed_data.content):
        raise SignatureInvalid("a signer speaks of other content than there is: the messageDigest is not its digest")
    attributes.read_single(signed, oids.SIGNING_TIME, attributes.time)
    # Not the [0] under which it was sent.
    return asn1.encode_der(info.signed_attrs)


def _object_identifier(value: asn1.TLV) -> str:
    return der.read(ObjectIdentifier, value).dotted_string
