"""What a client asks of the CA, whatever it came in: values, read by `gateway.pki.parse_request`.

One value for all formats of [MS-WCCE] 2.2.2.6: what stands in any layer of a CMC or CMS stands here beside what the
PKCS#10 in it says, so that a condition that judges a field judges it wherever it was hidden.
"""

from dataclasses import dataclass
from enum import StrEnum
from unicodedata import category

from gateway.pki.certificate import Certificate
from gateway.pki.keys import PublicKey
from gateway.pki.names import GeneralName, Name

CERTIFICATE_TEMPLATE = "certificatetemplate"
"""The name of the name/value pair that names a template, normalised as the CA does."""
REQUESTER_NAME = "requestername"
"""The name of the pair that says on behalf of whom an agent asks, normalised."""


class RequestFormat(StrEnum):
    """The outermost layer, told from the DER and from no label ([MS-WCCE] 2.2.2.6)."""

    PKCS10 = "PKCS#10"
    CMS = "CMS"
    """A signedData around a PKCS#10, or around another request."""
    CMC = "CMC"
    """A CMC full PKI request."""


class TemplateCarrier(StrEnum):
    """The places in which a request can name a certificate template ([MS-WCCE] 3.2.2.6.2.1.4.1)."""

    EXTENSION_CERTIFICATE_TEMPLATE_NAME = "extension 1.3.6.1.4.1.311.20.2"
    EXTENSION_CERTIFICATE_TEMPLATE_OID = "extension 1.3.6.1.4.1.311.21.7"
    ATTRIBUTE_ENROLLMENT_NAME_VALUE_PAIR = "attribute 1.3.6.1.4.1.311.13.2.1"
    SIGNED_ATTRIBUTE_ENROLLMENT_NAME_VALUE_PAIR = "signed attribute 1.3.6.1.4.1.311.13.2.1"
    """Of a CMS or CMC layer."""
    CMC_REG_INFO = "regInfo 1.3.6.1.5.5.7.7.18"
    CMC_ADD_EXTENSIONS = "addExtensions 1.3.6.1.5.5.7.7.8"
    CMC_ADD_ATTRIBUTES = "szOID_CMC_ADD_ATTRIBUTES 1.3.6.1.4.1.311.10.10.1"
    """In a template extension, or in a name/value pair, that it adds."""
    ADDITIONAL_CONTEXT = "AdditionalContext"


@dataclass(frozen=True, slots=True)
class TemplateReference:
    """One naming of a template: by common name, or by object identifier with its version."""

    carrier: TemplateCarrier
    name: str | None
    oid: str | None = None
    major_version: int | None = None
    minor_version: int | None = None


@dataclass(frozen=True, slots=True)
class Extension:
    oid: str
    critical: bool
    value: bytes
    """The DER inside extnValue."""


@dataclass(frozen=True, slots=True)
class EnrollmentNameValuePair:
    """[MS-WCCE] 2.2.2.7.10; `name` as it came, to be compared by `normalised`."""

    name: str
    value: str

    @property
    def normalised(self) -> str:
        """The name as the CA compares it: blanks and minus signs dropped, case folded ([MS-WCCE] 3.2.1.4.2.1.2).

        Which of Unicode's blanks and minus signs is not documented, so all are: a name that the CA would not take for
        CertificateTemplate is one more that must agree, and any other is refused in every spelling that is not allowed.
        """
        return "".join(character for character in self.name if not _is_dropped(character)).casefold()


def _is_dropped(character: str) -> bool:
    return character.isspace() or category(character) == "Pd" or character == "\N{MINUS SIGN}"


@dataclass(frozen=True, slots=True)
class RequestClientInfo:
    """[MS-WCCE] 2.2.2.7.4: self-asserted, for the audit record only."""

    client_id: int | None
    machine: str | None
    user: str | None
    process: str | None


@dataclass(frozen=True, slots=True)
class ArchivedKey:
    """A private key on its way to the CA's key archive ([MS-WCCE] 2.2.2.7.10 szOID_ARCHIVED_KEY_ATTR): encrypted, and
    outside of every signature."""

    size: int
    """Bytes of the EnvelopedData."""


@dataclass(frozen=True, slots=True)
class CertificateRequest:
    """A request whose signatures have all been verified: that of the PKCS#10 under the key that it carries, those of
    the layers around it under that key or under the certificates in `signers`."""

    der: bytes
    """As it came, the outermost layer: what goes to the CA, byte for byte."""
    format: RequestFormat
    subject: Name
    public_key: PublicKey
    signature_algorithm: str
    """OID."""
    extensions: tuple[Extension, ...]
    """Every extension asked for, in whichever layer; no OID occurs twice."""
    attributes: tuple[str, ...]
    """OIDs of the attributes of the PKCS#10, and of those that its layers add or sign; each once.
    The hash of an archived key is no matter of its own: `archived_key` tells."""
    template_references: tuple[TemplateReference, ...]
    name_value_pairs: tuple[EnrollmentNameValuePair, ...]
    """All but CertificateTemplate, which is a template reference."""
    subject_alternative_name: tuple[GeneralName, ...]
    key_usage: tuple[str, ...] | None
    """digitalSignature, keyEncipherment, ...; None where the extension is absent."""
    extended_key_usage: tuple[str, ...] | None
    """OIDs; None where the extension is absent."""
    application_policies: tuple[str, ...] | None
    """OIDs of 1.3.6.1.4.1.311.21.10, which overrides the extended key usage on version 1 templates."""
    certificate_policies: tuple[str, ...] | None
    basic_constraints_ca: bool | None
    security_identifier: str | None
    """The SID in 1.3.6.1.4.1.311.25.2."""
    client_info: RequestClientInfo | None
    os_version: str | None
    cryptographic_service_provider: str | None
    signers: tuple[Certificate, ...] = ()
    """The certificates under which a layer's signature verifies, outermost layer first; the request's own key is none.
    Their signatures are good; whether they are to be trusted is another question (`gateway.pki.authorities`)."""
    renewal_certificate: Certificate | None = None
    """The certificate that is to be renewed (1.3.6.1.4.1.311.13.1): one of the signers."""
    requester_name: str | None = None
    """The name/value pair `requestername` that the holder of one of the `signers` has signed: on behalf of whom an
    enrollment agent asks, `DOMAIN\\user`. Where nobody has signed it, it stays among the `name_value_pairs`."""
    archived_key: ArchivedKey | None = None
