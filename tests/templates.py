"""Certificate templates for tests: as CEP offers them, and as the catalogue has them."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.policy.catalogue import CatalogueTemplate, Learned
from gateway.policy.template_flags import EnrollmentFlags, GeneralFlags, PrivateKeyFlags, SubjectNameFlags
from gateway.protocol.xcep import (
    CA,
    OID,
    Attributes,
    CertificateEnrollmentPolicy,
    Extension,
    GetPoliciesResponse,
    PrivateKeyAttributes,
)
from tests.requests import a_key

WEB, WEB_OID = "PartnerWebServer", "1.3.6.1.4.1.311.21.8.1.1"
USER, USER_OID = "PartnerUser", "1.3.6.1.4.1.311.21.8.1.2"
CA_1 = "Corp Issuing CA 1"
SOURCE = Learned("cep", datetime(2026, 6, 1, tzinfo=UTC))


def a_catalogue_template(common_name: str = WEB, oid: str = WEB_OID, **changes: Any) -> CatalogueTemplate:
    """An offline template of version 2 for TLS servers, learned."""
    return replace(
        CatalogueTemplate(
            common_name=common_name,
            oid=oid,
            default_name=f"{common_name} for people",
            policy_schema=2,
            validity_period=timedelta(days=365),
            renewal_period=timedelta(weeks=6),
            minimal_key_length=2048,
            major_revision=100,
            minor_revision=4,
            private_key_flags=PrivateKeyFlags(0),
            subject_name_flags=SubjectNameFlags.ENROLLEE_SUPPLIES_SUBJECT,
            enrollment_flags=EnrollmentFlags(0),
            general_flags=GeneralFlags.MACHINE_TYPE,
            ra_signatures=0,
            extended_key_usage=("1.3.6.1.5.5.7.3.1",),
            application_policies=None,
            cas=(CA_1,),
            source=SOURCE,
        ),
        **changes,
    )


@lru_cache
def a_ca_certificate(name: str = CA_1, serial: int = 1) -> bytes:
    """DER; the same for the same name and number."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)] if name else [])
    start = datetime(2026, 1, 1, tzinfo=UTC)
    key = a_key(name="CA")
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), serial, start, start + timedelta(days=1))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def an_offered_policy(
    name: str = WEB, reference: int = 1, cas: tuple[int, ...] = (0,), **attributes: Any
) -> CertificateEnrollmentPolicy:
    """As CEP offers `a_catalogue_template`."""
    usage = x509.ExtendedKeyUsage([x509.ObjectIdentifier("1.3.6.1.5.5.7.3.1")]).public_bytes()
    return CertificateEnrollmentPolicy(
        reference,
        cas,
        replace(
            Attributes(
                common_name=name,
                policy_schema=2,
                validity_period_seconds=365 * 86400,
                renewal_period_seconds=42 * 86400,
                enroll=True,
                auto_enroll=False,
                private_key_attributes=PrivateKeyAttributes(2048, None, None, None, None, None),
                major_revision=100,
                minor_revision=4,
                superseded_policies=None,
                private_key_flags=0,
                subject_name_flags=1,
                enrollment_flags=0,
                general_flags=0x40,
                hash_algorithm_oid_reference=None,
                ra_requirements=None,
                key_archival_attributes=None,
                extensions=(Extension(90, critical=False, value=usage),),
            ),
            **attributes,
        ),
    )


def an_offer(
    policies: Iterable[CertificateEnrollmentPolicy] | None = None,
    oids: Iterable[OID] = (),
    cas: Iterable[CA] | None = None,
) -> GetPoliciesResponse:
    """An answer of the internal CEP: one template by default."""
    return GetPoliciesResponse(
        policy_id="{083C7011-1D0A-4855-885D-AC945184658C}",
        policy_friendly_name="Corp",
        next_update_hours=8,
        policies_not_changed=None,
        policies=tuple(policies) if policies is not None else (an_offered_policy(),),
        cas=tuple(cas) if cas is not None else (CA((), a_ca_certificate(), enroll_permission=True, ca_reference_id=0),),
        oids=(
            OID(WEB_OID, 9, 1, f"{WEB} for people"),
            OID(USER_OID, 9, 2, f"{USER} for people"),
            OID("2.5.29.37", 6, 90, "Enhanced Key Usage"),
            OID("1.3.6.1.4.1.311.21.10", 6, 91, "Application Policies"),
            *oids,
        ),
    )
