"""The ASN.1 structures of RFC 2986, RFC 5280, RFC 5652, RFC 2797 and [MS-WCCE] 2.2.2.7, and the strict reading of them.

Names are the standards'. What cannot be read is a ValueError; the parsers of this package turn it into their own error.
"""

from typing import Annotated, TypeVar

from cryptography.hazmat import asn1
from cryptography.x509 import ObjectIdentifier

T = TypeVar("T")

OBJECT_IDENTIFIER = b"\x06"
SEQUENCE = b"\x30"
SET = b"\x31"
UTC_TIME = b"\x17"
"""Tags, as `TLV.tag_bytes` has them."""


# --- names (RFC 5280 4.1.2.4, 4.2.1.6) --------------------------------------------------------------------------------


@asn1.sequence
class AttributeTypeAndValue:
    type: ObjectIdentifier
    value: asn1.TLV


RDNSequence = list[Annotated[asn1.SetOf[AttributeTypeAndValue], asn1.Size(1, None)]]


@asn1.sequence
class DirectoryName:
    """What the [4] of a GeneralName holds: it is explicit, for Name is a CHOICE."""

    rdn_sequence: RDNSequence


@asn1.sequence
class OtherName:
    type_id: ObjectIdentifier
    value: Annotated[asn1.TLV, asn1.Explicit(0)]


# --- extensions (RFC 5280 4.2, [MS-WCCE] 2.2.2.7.7) -------------------------------------------------------------------


@asn1.sequence
class Extension:
    extn_id: ObjectIdentifier
    critical: Annotated[bool, asn1.Default(False)]
    extn_value: bytes


@asn1.sequence
class BasicConstraints:
    ca: Annotated[bool, asn1.Default(False)]
    path_len_constraint: int | None


@asn1.sequence
class PolicyInformation:
    policy_identifier: ObjectIdentifier
    policy_qualifiers: list[asn1.TLV] | None


@asn1.sequence
class CertificateTemplateOID:
    template_id: ObjectIdentifier
    template_major_version: int | None
    template_minor_version: int | None


# --- PKCS#10 (RFC 2986 4, [MS-WCCE] 2.2.2.7) --------------------------------------------------------------------------


@asn1.sequence
class Attribute:
    type: ObjectIdentifier
    values: asn1.SetOf[asn1.TLV]


@asn1.sequence
class CertificationRequestInfo:
    version: int
    subject: RDNSequence
    subject_pk_info: asn1.TLV
    attributes: Annotated[asn1.SetOf[Attribute], asn1.Implicit(0)]


@asn1.sequence
class CertificationRequest:
    certification_request_info: CertificationRequestInfo
    signature_algorithm: asn1.TLV
    signature: asn1.BitString


@asn1.sequence
class EnrollmentNameValuePair:
    name: asn1.TLV
    value: asn1.TLV


@asn1.sequence
class CSPProvider:
    key_spec: int
    csp_name: asn1.TLV
    signature: asn1.BitString


@asn1.sequence
class RequestClientInfo:
    """Every field is OPTIONAL here: the audit record wants what there is."""

    client_id: int | None
    machine_name: str | None
    user_name: str | None
    process_name: str | None


# --- certificates (RFC 5280 4.1) --------------------------------------------------------------------------------------


@asn1.sequence
class Validity:
    not_before: asn1.UTCTime | asn1.GeneralizedTime
    not_after: asn1.UTCTime | asn1.GeneralizedTime


@asn1.sequence
class TBSCertificate:
    version: Annotated[int, asn1.Explicit(0), asn1.Default(0)]
    serial_number: int
    signature: asn1.TLV
    issuer: RDNSequence
    validity: Validity
    subject: RDNSequence
    subject_public_key_info: asn1.TLV
    issuer_unique_id: Annotated[asn1.BitString | None, asn1.Implicit(1)]
    subject_unique_id: Annotated[asn1.BitString | None, asn1.Implicit(2)]
    extensions: Annotated[list[Extension] | None, asn1.Explicit(3)]


@asn1.sequence
class Certificate:
    tbs_certificate: TBSCertificate
    signature_algorithm: asn1.TLV
    signature_value: asn1.BitString


@asn1.sequence
class SubjectPublicKeyInfo:
    algorithm: asn1.TLV
    subject_public_key: asn1.BitString


# --- CMS (RFC 5652 3, 5, 6) and its algorithms (RFC 4055 3.1) ---------------------------------------------------------


@asn1.sequence
class EncapsulatedContentInfo:
    e_content_type: ObjectIdentifier
    e_content: Annotated[bytes | None, asn1.Explicit(0)]


@asn1.sequence
class IssuerAndSerialNumber:
    issuer: asn1.TLV
    serial_number: asn1.TLV


@asn1.sequence
class SignerInfo:
    version: int
    sid: IssuerAndSerialNumber | Annotated[bytes, asn1.Implicit(0)]
    """The bytes are a subjectKeyIdentifier."""
    digest_algorithm: asn1.TLV
    signed_attrs: Annotated[asn1.SetOf[Attribute] | None, asn1.Implicit(0)]
    signature_algorithm: asn1.TLV
    signature: bytes
    unsigned_attrs: Annotated[asn1.SetOf[Attribute] | None, asn1.Implicit(1)]


@asn1.sequence
class SignedData:
    """The SETs whose order says nothing are taken in any: DER's own is not what every client writes."""

    version: int
    digest_algorithms: asn1.TLV
    encap_content_info: EncapsulatedContentInfo
    certificates: Annotated[list[asn1.TLV] | None, asn1.Implicit(0)]
    crls: Annotated[list[asn1.TLV] | None, asn1.Implicit(1)]
    signer_infos: asn1.TLV


@asn1.sequence
class ContentInfo:
    content_type: ObjectIdentifier
    content: Annotated[asn1.TLV, asn1.Explicit(0)]


@asn1.sequence
class HashAlgorithm:
    algorithm: ObjectIdentifier
    parameters: asn1.Null | None


@asn1.sequence
class MaskGenAlgorithm:
    algorithm: ObjectIdentifier
    parameters: HashAlgorithm


@asn1.sequence
class RSASSAPSSParams:
    """Without the defaults, which are SHA-1's."""

    hash_algorithm: Annotated[HashAlgorithm, asn1.Explicit(0)]
    mask_gen_algorithm: Annotated[MaskGenAlgorithm, asn1.Explicit(1)]
    salt_length: Annotated[int, asn1.Explicit(2), asn1.Default(20)]


# --- CMC (RFC 2797 3.1, 5.5, [MS-WCCE] 2.2.2.6.3) ---------------------------------------------------------------------


@asn1.sequence
class TaggedAttribute:
    body_part_id: int
    attr_type: ObjectIdentifier
    attr_values: asn1.SetOf[asn1.TLV]


@asn1.sequence
class TaggedCertificationRequest:
    body_part_id: int
    certification_request: asn1.TLV


@asn1.sequence
class PKIData:
    control_sequence: list[TaggedAttribute]
    req_sequence: list[asn1.TLV]
    cms_sequence: list[asn1.TLV]
    other_msg_sequence: list[asn1.TLV]


@asn1.sequence
class AddExtensions:
    pki_data_reference: int
    cert_references: list[int]
    extensions: list[Extension]


@asn1.sequence
class CMCAddAttributes:
    pki_data_reference: int
    cert_references: list[int]
    attributes: asn1.SetOf[Attribute]


# --- reading ----------------------------------------------------------------------------------------------------------


@asn1.sequence
class _Enclosing:
    element: asn1.TLV


@asn1.sequence
class _EnclosedSequenceOf:
    elements: list[asn1.TLV]


def decode(structure: type[T], der: bytes) -> T:
    """Exactly one DER value of this structure, nothing after it. Raises ValueError."""
    try:
        return asn1.decode_der(structure, der)
    except ValueError as error:
        raise ValueError(f"not a {structure.__name__}: {error}") from error


def read(structure: type[T], item: asn1.TLV) -> T:
    """As `decode`, for an element of something that has been read."""
    try:
        value: T = item.parse(structure)
    except ValueError as error:
        raise ValueError(f"not a {structure.__name__}: {error}") from error
    return value


def element(der: bytes) -> asn1.TLV:
    """Exactly one DER value, whatever it is. Raises ValueError."""
    return decode(asn1.TLV, der)


def elements(sequence: asn1.TLV) -> list[asn1.TLV]:
    """The elements of a SEQUENCE, whatever they are. Raises ValueError."""
    if sequence.tag_bytes != SEQUENCE:
        raise ValueError(f"a value of tag {sequence.tag_bytes.hex()} where a SEQUENCE is wanted")
    # The library reads a SEQUENCE OF inside of a structure only: so one is put around it.
    return decode(_EnclosedSequenceOf, asn1.encode_der(_Enclosing(element=sequence))).elements


def elements_of_set(set_of: asn1.TLV) -> list[asn1.TLV]:
    """The elements of a SET OF, in any order. Raises ValueError."""
    if set_of.tag_bytes != SET:
        raise ValueError(f"a value of tag {set_of.tag_bytes.hex()} where a SET is wanted")
    return elements(element(encode(set_of, tag=SEQUENCE)))


def sole_element(sequence: asn1.TLV) -> asn1.TLV:
    """The element of a SEQUENCE that has one. Raises ValueError."""
    found = elements(sequence)
    if len(found) != 1:
        raise ValueError(f"a SEQUENCE of {len(found)} elements, wanted one")
    return found[0]


def sequence_of(structure: type[T], sequence: asn1.TLV) -> list[T]:
    """The elements of a SEQUENCE OF this structure, at least one (SIZE (1..MAX)). Raises ValueError."""
    found = [read(structure, item) for item in elements(sequence)]
    if not found:
        raise ValueError(f"an empty SEQUENCE OF {structure.__name__}")
    return found


def encode(item: asn1.TLV, *, tag: bytes | None = None) -> bytes:
    """The element's bytes as they came; with `tag` in the place of its one-byte tag, to undo IMPLICIT tagging."""
    der = asn1.encode_der(item)
    return der if tag is None else tag + der[1:]


def algorithm(identifier: asn1.TLV) -> tuple[str, list[asn1.TLV]]:
    """OID and parameters, at most one, of an AlgorithmIdentifier. Raises ValueError."""
    match elements(identifier):
        case [oid, *parameters] if len(parameters) <= 1:
            return read(ObjectIdentifier, oid).dotted_string, parameters
    raise ValueError("not an AlgorithmIdentifier")
