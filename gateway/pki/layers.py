"""The layers of a request ([MS-WCCE] 2.2.2.6): signedData around signedData around PKIData around a PKCS#10.

Taken apart from the outside in, then verified from the inside out, for a signature may be by the innermost key.
"""

from dataclasses import dataclass

from gateway.errors import RequestFormatNotSupported
from gateway.pki import cmc, cms, oids, pkcs10
from gateway.pki.certificate import Certificate
from gateway.pki.certificate_request import RequestFormat

MAX_LAYERS = 3
"""The PKCS#10 among them: an enrollment agent's signedData around a client's CMC request. Windows makes no more."""


@dataclass(frozen=True, slots=True)
class Layers:
    """A request taken apart, all of whose signatures have been verified."""

    format: RequestFormat
    """Of the outermost layer."""
    pkcs10: pkcs10.CertificationRequest
    pki_data: cmc.PKIData | None
    signatures: tuple[cms.Signature, ...]
    """Of all layers, the outermost first."""
    is_pki_data_signed: bool
    """Whether the holder of a certificate has signed the PKIData."""

    @property
    def signers(self) -> tuple[Certificate, ...]:
        """Each certificate once."""
        return tuple(dict.fromkeys(s.certificate for s in self.signatures if s.certificate is not None))


def parse_layers(encoded: bytes) -> Layers:
    """Raises ValueError, or an error of `gateway.errors` for what is wrong in a way that has one."""
    signed_data, pki_data, innermost = _take_apart(encoded)
    certification_request = pkcs10.parse_certification_request(innermost)
    signatures = [cms.verify(layer, certification_request.public_key) for layer in signed_data]
    return Layers(
        format=_format(signed_data),
        pkcs10=certification_request,
        pki_data=pki_data,
        signatures=tuple(signature for of_layer in signatures for signature in of_layer),
        is_pki_data_signed=pki_data is not None and any(s.certificate is not None for s in signatures[-1]),
    )


def _take_apart(encoded: bytes) -> tuple[list[cms.SignedData], cmc.PKIData | None, bytes]:
    """The layers of signedData, the outermost first; what is in the innermost of them; the PKCS#10."""
    found: list[cms.SignedData] = []
    while (layer := _next_layer(found, encoded)) is not None:
        found.append(layer)
        encoded = layer.content
        match layer.content_type:
            case oids.PKI_DATA:
                pki_data = cmc.parse_pki_data(encoded)
                return found, pki_data, pki_data.certification_request
            case oids.DATA | oids.SIGNED_DATA:
                pass
            case other:
                raise RequestFormatNotSupported(f"a signedData around content of type {other}, which is no request")
    return found, None, encoded


def _next_layer(found: list[cms.SignedData], encoded: bytes) -> cms.SignedData | None:
    """What follows the layers found so far: a signedData, or None for the PKCS#10."""
    # The type says SignedData (RFC 5652 5.1); a ContentInfo is what there is in id-data, and what old clients write.
    is_content_info = cms.is_signed_data(encoded)
    if not is_content_info and not (found and found[-1].content_type == oids.SIGNED_DATA):
        return None
    if len(found) == MAX_LAYERS - 1:
        raise RequestFormatNotSupported(f"a request in more than {MAX_LAYERS} layers, the PKCS#10 among them")
    return cms.parse_signed_data(encoded) if is_content_info else cms.parse_bare_signed_data(encoded)


def _format(signed_data: list[cms.SignedData]) -> RequestFormat:
    if not signed_data:
        return RequestFormat.PKCS10
    return RequestFormat.CMC if signed_data[0].content_type == oids.PKI_DATA else RequestFormat.CMS
