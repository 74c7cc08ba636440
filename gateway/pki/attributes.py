"""What the attributes of a request say (RFC 2985 5.4, [MS-WCCE] 2.2.2.7), in whichever layer they stand.

Only the attributes named here are served, each in its places. Any other refuses the request: the CA might act on it,
and no rule could be written about it.
"""

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import TypeVar

from cryptography.hazmat import asn1

from gateway.pki import der, oids, text

T = TypeVar("T")

_OF_THE_CLIENT = frozenset({
    oids.ENROLLMENT_NAME_VALUE_PAIR,
    oids.ENROLLMENT_CSP_PROVIDER,
    oids.OS_VERSION,
    oids.REQUEST_CLIENT_INFO,
})  # fmt: skip

OF_A_PKCS10 = _OF_THE_CLIENT | {oids.EXTENSION_REQUEST, oids.CERT_EXTENSIONS, oids.RENEWAL_CERTIFICATE}
OF_CMC_ADD_ATTRIBUTES = OF_A_PKCS10 | {oids.ENCRYPTED_KEY_HASH}
SIGNED = _OF_THE_CLIENT | {oids.CONTENT_TYPE, oids.MESSAGE_DIGEST, oids.SIGNING_TIME}
UNSIGNED = frozenset({oids.ARCHIVED_KEY_ATTR})
"""The attributes that are served, by the place in which they may stand."""

IndexedAttributes = Mapping[str, list[asn1.TLV]]
"""Attributes of one place: their values by OID, in their order."""

MAX_NAME_VALUE_PAIRS = 100
"""Of one place. certreq writes two."""
_MAX_CLIENT_ID = 0xFFFF_FFFF


def index(attributes: Iterable[der.Attribute], served: AbstractSet[str]) -> dict[str, list[asn1.TLV]]:
    """The values of the attributes by OID, in their order.

    Raises ValueError for an attribute that is not served, that occurs twice, or that has not exactly one value. Only
    name/value pairs come several to an attribute, as Windows writes them.
    """
    found: dict[str, list[asn1.TLV]] = {}
    for attribute in attributes:
        oid = attribute.type.dotted_string
        values = attribute.values.as_list()
        if oid not in served:
            raise ValueError(
                f"attribute {oids.described(oid)} is not served here: no rule can judge what it asks of the CA"
            )
        if oid in found:
            raise ValueError(f"attribute {oids.described(oid)} occurs twice")
        if len(values) > MAX_NAME_VALUE_PAIRS:
            raise ValueError(
                f"attribute {oids.described(oid)} has {len(values)} values, at most {MAX_NAME_VALUE_PAIRS}"
            )
        if len(values) != 1 and (oid != oids.ENROLLMENT_NAME_VALUE_PAIR or not values):
            raise ValueError(f"attribute {oids.described(oid)} has {len(values)} values, wanted one")
        found[oid] = values
    return found


def read(attributes: IndexedAttributes, oid: str, reader: Callable[[asn1.TLV], T]) -> tuple[T, ...]:
    """What each value of the attribute says; empty if it is absent. Raises ValueError, with its name, if unreadable."""
    try:
        return tuple(map(reader, attributes.get(oid, ())))
    except ValueError as error:
        raise ValueError(f"attribute {oids.described(oid)}: {error}") from error


def read_single(attributes: IndexedAttributes, oid: str, reader: Callable[[asn1.TLV], T]) -> T | None:
    """As `read`, for an attribute that has no more than one value."""
    return next(iter(read(attributes, oid, reader)), None)


def requested_extensions(value: asn1.TLV) -> list[der.Extension]:
    """RFC 2985 5.4.2; [MS-WCCE] 2.2.2.7.7 allows for none at all."""
    return [der.read(der.Extension, element) for element in der.elements(value)]


def octets(value: asn1.TLV) -> bytes:
    """The contents of an OCTET STRING."""
    return der.read(bytes, value)


def time(value: asn1.TLV) -> None:
    """A Time (RFC 5652 11.3), of which nothing but its form is wanted."""
    der.read(asn1.UTCTime if value.tag_bytes == der.UTC_TIME else asn1.GeneralizedTime, value)


def name_value_pair(value: asn1.TLV) -> tuple[str, str]:
    """Name and value ([MS-WCCE] 2.2.2.7.10).

    The document has a SEQUENCE OF pairs in one value; what clients and CAs exchange is one pair to a value.
    """
    pair = der.read(der.EnrollmentNameValuePair, value)
    return text.character_string(pair.name, text.BMP_STRING), text.character_string(pair.value, text.BMP_STRING)


def csp_name(value: asn1.TLV) -> str:
    """[MS-WCCE] 2.2.2.7.2."""
    return text.character_string(der.read(der.CSPProvider, value).csp_name, text.BMP_STRING)


def os_version(value: asn1.TLV) -> str:
    """[MS-WCCE] 2.2.2.7.1: AnyString."""
    return text.character_string(value)


def client_info(value: asn1.TLV) -> der.RequestClientInfo:
    """[MS-WCCE] 2.2.2.7.4; its texts hold no control characters, its number fits an audit record."""
    info = der.read(der.RequestClientInfo, value)
    if info.client_id is not None and not 0 <= info.client_id <= _MAX_CLIENT_ID:
        raise ValueError("a client id outside of 0..4294967295")
    for name in (info.machine_name, info.user_name, info.process_name):
        text.visible(name or "")
    return info
