"""The types of [MS-XCEP] 3.1.4.1.3. Fields are the schema's elements in snake_case, in its order.

None stands for xsi:nil="true": the schema requires nillable elements to be present, so they are rendered, not dropped.
"""

from dataclasses import dataclass
from enum import IntEnum

ACTION_GET_POLICIES = "http://schemas.microsoft.com/windows/pki/2009/01/enrollmentpolicy/IPolicy/GetPolicies"
ACTION_GET_POLICIES_RESPONSE = (
    "http://schemas.microsoft.com/windows/pki/2009/01/enrollmentpolicy/IPolicy/GetPoliciesResponse"
)


class ClientAuthentication(IntEnum):
    """[MS-XCEP] 3.1.4.1.3.2: what a client must show at a URI. 8 means TLS client certificate in practice."""

    ANONYMOUS = 1
    TRANSPORT_KERBEROS = 2
    USERNAME_PASSWORD = 4
    CERTIFICATE = 8


class OIDGroup(IntEnum):
    """[MS-XCEP] 3.1.4.1.3.16: what an object identifier is for."""

    HASH = 1
    ENCRYPTION = 2
    PUBLIC_KEY = 3
    SIGNATURE = 4
    RDN_ATTRIBUTE = 5
    EXTENSION_OR_ATTRIBUTE = 6
    EXTENDED_KEY_USAGE = 7
    CERTIFICATE_POLICY = 8
    ENROLLMENT_OBJECT = 9


@dataclass(frozen=True, slots=True)
class RequestFilter:
    policy_oids: tuple[str, ...] | None
    client_version: int | None
    server_version: int | None


@dataclass(frozen=True, slots=True)
class GetPolicies:
    """`last_update` stays text, for whoever relays it; `gateway.protocol.xcep.last_update` reads it."""

    last_update: str | None
    preferred_language: str | None
    request_filter: RequestFilter | None


@dataclass(frozen=True, slots=True)
class CAURI:
    client_authentication: ClientAuthentication
    uri: str
    priority: int | None
    renewal_only: bool | None


@dataclass(frozen=True, slots=True)
class CA:
    uris: tuple[CAURI, ...]
    certificate: bytes
    """DER."""
    enroll_permission: bool
    ca_reference_id: int


@dataclass(frozen=True, slots=True)
class OID:
    value: str
    group: int
    """An OIDGroup; other numbers are kept as they came."""
    oid_reference_id: int
    default_name: str | None


@dataclass(frozen=True, slots=True)
class PrivateKeyAttributes:
    minimal_key_length: int
    key_spec: int | None
    key_usage_property: int | None
    permissions: str | None
    algorithm_oid_reference: int | None
    crypto_providers: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class RARequirements:
    ra_signatures: int
    ra_ekus: tuple[int, ...] | None
    ra_policies: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class KeyArchivalAttributes:
    symmetric_algorithm_oid_reference: int
    symmetric_algorithm_key_length: int


@dataclass(frozen=True, slots=True)
class Extension:
    oid_reference: int
    critical: bool | None
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Attributes:
    common_name: str
    policy_schema: int
    validity_period_seconds: int
    renewal_period_seconds: int
    enroll: bool
    auto_enroll: bool
    private_key_attributes: PrivateKeyAttributes
    major_revision: int
    minor_revision: int
    superseded_policies: tuple[str, ...] | None
    private_key_flags: int | None
    subject_name_flags: int | None
    enrollment_flags: int | None
    general_flags: int | None
    hash_algorithm_oid_reference: int | None
    ra_requirements: RARequirements | None
    key_archival_attributes: KeyArchivalAttributes | None
    extensions: tuple[Extension, ...] | None


@dataclass(frozen=True, slots=True)
class CertificateEnrollmentPolicy:
    """`policy`: one certificate template. Not to be confused with the gateway's own `Policy`."""

    policy_oid_reference: int
    ca_references: tuple[int, ...] | None
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class GetPoliciesResponse:
    policy_id: str
    policy_friendly_name: str | None
    next_update_hours: int | None
    policies_not_changed: bool | None
    policies: tuple[CertificateEnrollmentPolicy, ...] | None
    cas: tuple[CA, ...] | None
    oids: tuple[OID, ...] | None
