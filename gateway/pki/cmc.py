"""CMC full PKI requests (RFC 2797 3.1, [MS-WCCE] 2.2.2.6.3): a PKCS#10, and controls that add to it.

Just what Microsoft's clients send. Any other control refuses the request, for a CA might act on it.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import unquote_to_bytes

from cryptography.hazmat import asn1

from gateway.errors import RequestFormatNotSupported
from gateway.pki import attributes, der, oids, text
from gateway.pki.attributes import IndexedAttributes
from gateway.pki.certificate_request import EnrollmentNameValuePair

T = TypeVar("T")

_SERVED = frozenset({
    oids.CMC_REG_INFO,
    oids.CMC_ADD_EXTENSIONS,
    oids.CMC_ADD_ATTRIBUTES,
    oids.ENCRYPTED_KEY_HASH,
    # IX509CertificateRequestCmc lets a client set these two. They tell messages apart, and ask for nothing.
    oids.CMC_TRANSACTION_ID,
    oids.CMC_SENDER_NONCE,
})  # fmt: skip

_TCR = b"\xa0"
_CRM = b"\xa1"
"""The tags of a TaggedRequest (RFC 2797 3.1): a PKCS#10, a CRMF message."""

_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
"""A per cent sign that escapes nothing."""


@dataclass(frozen=True, slots=True)
class PKIData:
    certification_request: bytes
    """DER of the one PKCS#10."""
    reg_info: tuple[EnrollmentNameValuePair, ...]
    add_extensions: tuple[der.Extension, ...]
    add_attributes: IndexedAttributes
    """Of szOID_CMC_ADD_ATTRIBUTES."""
    encrypted_key_hash: bytes | None
    """Of the control szOID_ENCRYPTED_KEY_HASH."""


def parse_pki_data(encoded: bytes) -> PKIData:
    """Raises ValueError, or RequestFormatNotSupported for what is CMC but no request for one certificate by PKCS#10."""
    pki_data = der.decode(der.PKIData, encoded)
    if pki_data.cms_sequence or pki_data.other_msg_sequence:
        raise RequestFormatNotSupported("a CMC request with other messages in it, which nobody reads")
    request = _sole_request(pki_data.req_sequence)
    controls = _index(pki_data.control_sequence, request.body_part_id)
    add_extensions = _read(controls, oids.CMC_ADD_EXTENSIONS, lambda value: der.read(der.AddExtensions, value))
    add_attributes = _read(controls, oids.CMC_ADD_ATTRIBUTES, lambda value: der.read(der.CMCAddAttributes, value))
    for control in (add_extensions, add_attributes):
        _require_about(control, request.body_part_id)
    _read(controls, oids.CMC_TRANSACTION_ID, lambda value: der.read(int, value))
    _read(controls, oids.CMC_SENDER_NONCE, attributes.octets)
    added = add_attributes.attributes.as_list() if add_attributes is not None else ()
    return PKIData(
        certification_request=der.encode(request.certification_request),
        reg_info=_read(controls, oids.CMC_REG_INFO, reg_info) or (),
        add_extensions=tuple(add_extensions.extensions) if add_extensions is not None else (),
        add_attributes=attributes.index(added, attributes.OF_CMC_ADD_ATTRIBUTES),
        encrypted_key_hash=_read(controls, oids.ENCRYPTED_KEY_HASH, attributes.octets),
    )


def _sole_request(found: list[asn1.TLV]) -> der.TaggedCertificationRequest:
    if len(found) != 1:
        raise RequestFormatNotSupported(f"a CMC request for {len(found)} certificates: just one is served")
    match found[0].tag_bytes:
        case tag if tag == _TCR:
            return der.decode(der.TaggedCertificationRequest, der.encode(found[0], tag=der.SEQUENCE))
        case tag if tag == _CRM:
            raise RequestFormatNotSupported("a CMC request with a CRMF message (RFC 4211): only PKCS#10 is served")
    raise ValueError(f"a TaggedRequest of tag {found[0].tag_bytes.hex()}")


def _index(controls: Iterable[der.TaggedAttribute], request_id: int) -> dict[str, asn1.TLV]:
    """The one value of each control by OID. No body part has the same number as another (RFC 2797 3.1)."""
    found: dict[str, asn1.TLV] = {}
    body_parts = {request_id}
    for control in controls:
        oid = control.attr_type.dotted_string
        values = control.attr_values.as_list()
        if oid not in _SERVED:
            raise ValueError(
                f"CMC control {oids.described(oid)} is not served: no rule can judge what it asks of the CA"
            )
        if oid in found or control.body_part_id in body_parts:
            raise ValueError(f"CMC control {oids.described(oid)} occurs twice, or has the number of another body part")
        if len(values) != 1:
            raise ValueError(f"CMC control {oids.described(oid)} has {len(values)} values, wanted one")
        found[oid] = values[0]
        body_parts.add(control.body_part_id)
    return found


def _read(controls: dict[str, asn1.TLV], oid: str, reader: Callable[[asn1.TLV], T]) -> T | None:
    if oid not in controls:
        return None
    try:
        return reader(controls[oid])
    except ValueError as error:
        raise ValueError(f"CMC control {oids.described(oid)}: {error}") from error


def _require_about(control: der.AddExtensions | der.CMCAddAttributes | None, request_id: int) -> None:
    """That it adds to the one request, and not to something that is elsewhere (RFC 2797 5.5)."""
    if control is not None and (control.pki_data_reference != 0 or control.cert_references != [request_id]):
        raise ValueError("a CMC control that adds to another request than the one beside it")


def reg_info(value: asn1.TLV) -> tuple[EnrollmentNameValuePair, ...]:
    """`Name=Value&Name=Value&` in UTF-8, percent-escaped ([MS-WCCE] 2.2.2.6.3); the last `&` may be missing."""
    pairs = str(attributes.octets(value), "utf-8").removesuffix("&")
    spellings = pairs.split("&") if pairs else []
    if len(spellings) > attributes.MAX_NAME_VALUE_PAIRS:
        raise ValueError(f"{len(spellings)} name/value pairs: at most {attributes.MAX_NAME_VALUE_PAIRS} are read")
    return tuple(map(_pair, spellings))


def _pair(spelling: str) -> EnrollmentNameValuePair:
    name, separator, value = spelling.partition("=")
    if not name or not separator:
        raise ValueError("something between two & that is no Name=Value")
    return EnrollmentNameValuePair(_unescaped(name), _unescaped(value))


def _unescaped(spelling: str) -> str:
    if _ESCAPE.search(spelling):
        raise ValueError("a per cent sign that escapes nothing")
    return text.visible(str(unquote_to_bytes(spelling), "utf-8"))
