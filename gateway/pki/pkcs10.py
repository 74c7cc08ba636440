"""PKCS#10 certification requests (RFC 2986) as Microsoft clients and CAs read them ([MS-WCCE] 2.2.2.6).

Read in full: whatever the CA would act on is in the value, and whatever cannot be read refuses the request.
"""

from dataclasses import dataclass
from enum import StrEnum

from gateway.pki.keys import PublicKey
from gateway.pki.names import GeneralName, Name


class TemplateCarrier(StrEnum):
    """The places in which a request can name a certificate template ([MS-WCCE] 3.2.2.6.2.1.4.1)."""

    EXTENSION_CERTIFICATE_TEMPLATE_NAME = "extension 1.3.6.1.4.1.311.20.2"
    EXTENSION_CERTIFICATE_TEMPLATE_OID = "extension 1.3.6.1.4.1.311.21.7"
    ATTRIBUTE_ENROLLMENT_NAME_VALUE_PAIR = "attribute 1.3.6.1.4.1.311.13.2.1"
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
        """The name as the CA compares it: blanks and minus signs dropped, case folded ([MS-WCCE] 3.2.1.4.2.1.2)."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class RequestClientInfo:
    """[MS-WCCE] 2.2.2.7.4: self-asserted, for the audit record only."""

    client_id: int | None
    machine: str | None
    user: str | None
    process: str | None


@dataclass(frozen=True, slots=True)
class CertificationRequest:
    """A request whose proof of possession has been verified."""

    der: bytes
    subject: Name
    public_key: PublicKey
    signature_algorithm: str
    """OID."""
    extensions: tuple[Extension, ...]
    """Every extension asked for; no OID occurs twice."""
    attributes: tuple[str, ...]
    """OIDs of the PKCS#10 attributes, in their order; none occurs twice."""
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


def parse_certification_request(der: bytes) -> CertificationRequest:
    """Read and verify one PKCS#10.

    Raises RequestFormatNotSupported for CMS and CMC, ProofOfPossessionFailed, or MalformedCertificationRequest.
    """
    raise NotImplementedError
