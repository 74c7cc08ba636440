"""The places of a request in which something can be asked for, and what stands in all of them together.

A CA reads every one ([MS-WCCE] 3.2.2.6.2.1.4.1). What two places say must be the same, or the request is refused: who
reads one of them must not come to another verdict than the CA. Template references alone may differ here, for they are
compared where templates are known (`gateway.policy.decision.select`).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from cryptography.hazmat import asn1

from gateway.pki import attributes, der, extensions, oids
from gateway.pki.attributes import IndexedAttributes
from gateway.pki.certificate_request import (
    CERTIFICATE_TEMPLATE,
    REQUESTER_NAME,
    EnrollmentNameValuePair,
    TemplateCarrier,
    TemplateReference,
)
from gateway.pki.layers import Layers

_ABOUT_THE_SIGNATURE = frozenset({oids.CONTENT_TYPE, oids.MESSAGE_DIGEST, oids.SIGNING_TIME})
"""Signed attributes that ask for nothing (RFC 5652 11)."""


@dataclass(frozen=True, slots=True)
class Place:
    """One place, with what stands in it."""

    carrier: TemplateCarrier
    """Of its name/value pairs; of its extensions, too, unless these are the PKCS#10's."""
    attributes: IndexedAttributes = field(default_factory=dict)
    extensions: tuple[der.Extension, ...] = ()
    pairs: tuple[EnrollmentNameValuePair, ...] = ()
    is_signed: bool = False
    """Whether the holder of a certificate has signed what stands here."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What all places say together."""

    attributes: IndexedAttributes
    extensions: dict[str, der.Extension]
    name_value_pairs: tuple[EnrollmentNameValuePair, ...]
    """Without template references, and without the signed requester name."""
    template_references: tuple[TemplateReference, ...]
    requester_name: str | None


def read_contents(layers: Layers) -> Contents:
    """Raises ValueError for what cannot be read, stands twice, or contradicts itself."""
    places = tuple(_places(layers))
    _refuse_contradictions(places)
    of_requester = [
        pair.value for place in places if place.is_signed for pair in place.pairs if pair.normalised == REQUESTER_NAME
    ]
    return Contents(
        attributes=_merged_attributes(places),
        extensions=extensions.index(extension for place in places for extension in place.extensions),
        name_value_pairs=tuple(dict.fromkeys(pair for place in places for pair in _ordinary_pairs(place))),
        template_references=tuple(reference for place in places for reference in _template_references(place)),
        requester_name=next(iter(of_requester), None),
    )


def _places(layers: Layers) -> Iterator[Place]:
    yield _of_attributes(TemplateCarrier.ATTRIBUTE_ENROLLMENT_NAME_VALUE_PAIR, layers.pkcs10.attributes)
    if layers.pki_data is not None:
        is_signed = layers.is_pki_data_signed
        yield _of_attributes(TemplateCarrier.CMC_ADD_ATTRIBUTES, layers.pki_data.add_attributes)
        yield Place(TemplateCarrier.CMC_ADD_EXTENSIONS, extensions=layers.pki_data.add_extensions)
        # [MS-WCCE] 3.2.2.6.2.1.2.1.2: where an agent's CMC request has the requester's name.
        yield Place(TemplateCarrier.CMC_REG_INFO, pairs=layers.pki_data.reg_info, is_signed=is_signed)
    for signature in layers.signatures:
        asking = {oid: v for oid, v in signature.signed_attributes.items() if oid not in _ABOUT_THE_SIGNATURE}
        is_signed = signature.certificate is not None
        yield _of_attributes(TemplateCarrier.SIGNED_ATTRIBUTE_ENROLLMENT_NAME_VALUE_PAIR, asking, is_signed=is_signed)


def _of_attributes(carrier: TemplateCarrier, found: IndexedAttributes, *, is_signed: bool = False) -> Place:
    requested = [
        extension
        for oid in (oids.EXTENSION_REQUEST, oids.CERT_EXTENSIONS)
        for extension in attributes.read_single(found, oid, attributes.requested_extensions) or ()
    ]
    pairs = attributes.read(found, oids.ENROLLMENT_NAME_VALUE_PAIR, attributes.name_value_pair)
    return Place(carrier, found, tuple(requested), tuple(EnrollmentNameValuePair(*pair) for pair in pairs), is_signed)


# --- what several places say ------------------------------------------------------------------------------------------


def _refuse_contradictions(places: Iterable[Place]) -> None:
    """No name occurs twice in one place, and none but the template's has two values."""
    values: dict[str, str] = {}
    for place in places:
        names = [pair.normalised for pair in place.pairs]
        if len(set(names)) != len(names):
            raise ValueError(f"a name occurs twice among the name/value pairs of {place.carrier}")
        for name, pair in zip(names, place.pairs, strict=True):
            if name != CERTIFICATE_TEMPLATE and values.setdefault(name, pair.value) != pair.value:
                raise ValueError(
                    f"the name/value pair {pair.name!r} has another value in {place.carrier} than elsewhere"
                )


def _merged_attributes(places: tuple[Place, ...]) -> IndexedAttributes:
    merged = dict(places[0].attributes)
    for place in places[1:]:
        for oid, values in place.attributes.items():
            if oid in merged and not _may_both_stand(oid, merged[oid], values):
                raise ValueError(
                    f"attribute {oids.described(oid)} in two places of the request, one is {place.carrier}"
                )
            merged.setdefault(oid, values)
    if merged.keys() >= _OF_EXTENSIONS:
        raise ValueError("extensions in two attributes, extensionRequest and szOID_CERT_EXTENSIONS")
    return merged


_OF_EXTENSIONS = frozenset({oids.EXTENSION_REQUEST, oids.CERT_EXTENSIONS})


def _may_both_stand(oid: str, one: list[asn1.TLV], other: list[asn1.TLV]) -> bool:
    """Name/value pairs and extensions are compared by themselves. What else clients say twice must be the same."""
    return oid == oids.ENROLLMENT_NAME_VALUE_PAIR or [*map(der.encode, one)] == [*map(der.encode, other)]


def _ordinary_pairs(place: Place) -> Iterator[EnrollmentNameValuePair]:
    for pair in place.pairs:
        if pair.normalised != CERTIFICATE_TEMPLATE and not (place.is_signed and pair.normalised == REQUESTER_NAME):
            yield pair


# --- templates --------------------------------------------------------------------------------------------------------


def _template_references(place: Place) -> Iterator[TemplateReference]:
    """Every naming of a template: by extensions, then by name/value pairs."""
    of_place = extensions.index(place.extensions)
    for oid in of_place:
        if oid in _TEMPLATE_EXTENSIONS:
            own_carrier, reader = _TEMPLATE_EXTENSIONS[oid]
            is_pkcs10 = place.carrier is TemplateCarrier.ATTRIBUTE_ENROLLMENT_NAME_VALUE_PAIR
            named = extensions.read(of_place, oid, reader)
            assert named is not None, "it is there"
            yield TemplateReference(own_carrier if is_pkcs10 else place.carrier, *named)
    for pair in place.pairs:
        if pair.normalised == CERTIFICATE_TEMPLATE:
            yield TemplateReference(place.carrier, pair.value)


_Named = tuple[str | None, str | None, int | None, int | None]


def _by_name(value: bytes) -> _Named:
    return extensions.certificate_template_name(value), None, None, None


def _by_oid(value: bytes) -> _Named:
    return None, *extensions.certificate_template_oid(value)


_TEMPLATE_EXTENSIONS: dict[str, tuple[TemplateCarrier, Callable[[bytes], _Named]]] = {
    oids.ENROLL_CERTTYPE: (TemplateCarrier.EXTENSION_CERTIFICATE_TEMPLATE_NAME, _by_name),
    oids.CERTIFICATE_TEMPLATE: (TemplateCarrier.EXTENSION_CERTIFICATE_TEMPLATE_OID, _by_oid),
}
