"""The lab's certificate templates, with the attributes that CEP publishes and the CA obeys ([MS-CRTD] 2)."""

from dataclasses import dataclass
from datetime import timedelta
from enum import IntFlag

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from gateway.lab.accounts import DOMAIN_COMPUTERS, DOMAIN_USERS, ENROLLMENT_GATEWAYS, PARTNERS
from gateway.lab.hresult import HResult

CERTIFICATE_REQUEST_AGENT = x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.1")
ENCRYPTING_FILE_SYSTEM = x509.ObjectIdentifier("1.3.6.1.4.1.311.10.3.4")

_ENTERPRISE = "1.3.6.1.4.1.311.21.8.13048417.6318421.11748522.4290837.10250114.215"
"""The branch under which this forest names its templates."""


class SubjectNameFlags(IntFlag):
    """msPKI-Certificate-Name-Flag ([MS-CRTD] 2.28)."""

    ENROLLEE_SUPPLIES_SUBJECT = 0x00000001
    SUBJECT_ALT_REQUIRE_UPN = 0x02000000
    SUBJECT_ALT_REQUIRE_EMAIL = 0x04000000
    SUBJECT_ALT_REQUIRE_DNS = 0x08000000
    SUBJECT_REQUIRE_DNS_AS_CN = 0x10000000
    SUBJECT_REQUIRE_EMAIL = 0x20000000
    SUBJECT_REQUIRE_DIRECTORY_PATH = 0x80000000


class EnrollmentFlags(IntFlag):
    """msPKI-Enrollment-Flag ([MS-CRTD] 2.26)."""

    NONE = 0
    INCLUDE_SYMMETRIC_ALGORITHMS = 0x00000001
    PEND_ALL_REQUESTS = 0x00000002
    PUBLISH_TO_DS = 0x00000008
    AUTO_ENROLLMENT = 0x00000020
    PREVIOUS_APPROVAL_VALIDATE_REENROLLMENT = 0x00000040
    ALLOW_PREVIOUS_APPROVAL_KEYBASEDRENEWAL_VALIDATE_REENROLLMENT = 0x00010000


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateTemplate:
    """One template, by default as an administrator makes one for partners who supply the subject themselves.

    Field names follow [MS-XCEP] 3.1.4.1.3.1. The default minimal key length admits P-256: a CA compares bits alone,
    whatever the algorithm, and so takes a short RSA key too.
    """

    common_name: str
    display_name: str
    oid: x509.ObjectIdentifier
    extended_key_usage: tuple[x509.ObjectIdentifier, ...]
    policy_schema: int = 2
    validity: timedelta = timedelta(days=365)
    renewal: timedelta = timedelta(weeks=6)
    minimal_key_length: int = 256
    crypto_providers: tuple[str, ...] = ("Microsoft Software Key Storage Provider",)
    major_revision: int = 100
    minor_revision: int = 4
    subject_name_flags: SubjectNameFlags = SubjectNameFlags.ENROLLEE_SUPPLIES_SUBJECT
    enrollment_flags: EnrollmentFlags = EnrollmentFlags.NONE
    general_flags: int = 0x00020040
    private_key_flags: int = 0
    enroll: frozenset[str] = frozenset({PARTNERS, ENROLLMENT_GATEWAYS})
    """Groups that hold the Enroll permission."""
    refusal: HResult | None = None
    """What the lab's policy module says to every request for it."""

    @property
    def supplies_subject(self) -> bool:
        """Whether the enrollee supplies the subject: an offline template."""
        return SubjectNameFlags.ENROLLEE_SUPPLIES_SUBJECT in self.subject_name_flags

    @property
    def pends_requests(self) -> bool:
        """Whether a certificate manager must release each certificate."""
        return EnrollmentFlags.PEND_ALL_REQUESTS in self.enrollment_flags

    @property
    def renews_by_key(self) -> bool:
        """Whether who has the old certificate's key needs no permission to renew it ([MS-WCCE] 3.2.2.6.2.1.4.5.6)."""
        wanted = (
            EnrollmentFlags.PREVIOUS_APPROVAL_VALIDATE_REENROLLMENT
            | EnrollmentFlags.ALLOW_PREVIOUS_APPROVAL_KEYBASEDRENEWAL_VALIDATE_REENROLLMENT
        )
        return self.supplies_subject and wanted in self.enrollment_flags

    def may_enroll(self, groups: frozenset[str]) -> bool:
        """Whether one of these groups has the Enroll permission."""
        return not self.enroll.isdisjoint(groups)


def _oid(*arcs: int) -> x509.ObjectIdentifier:
    return x509.ObjectIdentifier(".".join((_ENTERPRISE, *map(str, arcs))))


USER = CertificateTemplate(
    common_name="User",
    display_name="User",
    oid=_oid(1, 1),
    extended_key_usage=(
        ENCRYPTING_FILE_SYSTEM,
        ExtendedKeyUsageOID.EMAIL_PROTECTION,
        ExtendedKeyUsageOID.CLIENT_AUTH,
    ),
    policy_schema=1,
    minimal_key_length=2048,
    crypto_providers=(
        "Microsoft Enhanced Cryptographic Provider v1.0",
        "Microsoft Base Cryptographic Provider v1.0",
    ),
    major_revision=3,
    minor_revision=1,
    subject_name_flags=SubjectNameFlags.SUBJECT_REQUIRE_DIRECTORY_PATH
    | SubjectNameFlags.SUBJECT_REQUIRE_EMAIL
    | SubjectNameFlags.SUBJECT_ALT_REQUIRE_UPN
    | SubjectNameFlags.SUBJECT_ALT_REQUIRE_EMAIL,
    enrollment_flags=EnrollmentFlags.INCLUDE_SYMMETRIC_ALGORITHMS
    | EnrollmentFlags.PUBLISH_TO_DS
    | EnrollmentFlags.AUTO_ENROLLMENT,
    general_flags=0x0001023A,
    private_key_flags=0x10,
    enroll=frozenset({DOMAIN_USERS}),
)

MACHINE = CertificateTemplate(
    common_name="Machine",
    display_name="Computer",
    oid=_oid(1, 14),
    extended_key_usage=(ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH),
    policy_schema=1,
    minimal_key_length=2048,
    crypto_providers=("Microsoft RSA SChannel Cryptographic Provider",),
    major_revision=5,
    minor_revision=1,
    subject_name_flags=SubjectNameFlags.SUBJECT_REQUIRE_DNS_AS_CN | SubjectNameFlags.SUBJECT_ALT_REQUIRE_DNS,
    enrollment_flags=EnrollmentFlags.AUTO_ENROLLMENT,
    general_flags=0x00010260,
    enroll=frozenset({DOMAIN_COMPUTERS}),
)

CORP_USER = CertificateTemplate(
    common_name="CorpUser",
    display_name="Corp User",
    oid=_oid(5127736, 9034418),
    extended_key_usage=(ExtendedKeyUsageOID.CLIENT_AUTH,),
    subject_name_flags=SubjectNameFlags.SUBJECT_REQUIRE_DIRECTORY_PATH | SubjectNameFlags.SUBJECT_ALT_REQUIRE_UPN,
    enrollment_flags=EnrollmentFlags.AUTO_ENROLLMENT,
    general_flags=0x00020020,
    enroll=frozenset({DOMAIN_USERS}),
)
"""As an administrator makes one from User: for keys of any kind, and with no need of an e-mail name."""

CORP_MACHINE = CertificateTemplate(
    common_name="CorpMachine",
    display_name="Corp Computer",
    oid=_oid(11930247, 2768105),
    extended_key_usage=(ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH),
    subject_name_flags=SubjectNameFlags.SUBJECT_REQUIRE_DNS_AS_CN | SubjectNameFlags.SUBJECT_ALT_REQUIRE_DNS,
    enrollment_flags=EnrollmentFlags.AUTO_ENROLLMENT,
    general_flags=0x00020060,
    enroll=frozenset({DOMAIN_COMPUTERS}),
)
"""As one made from Machine."""

PARTNER_WEB_SERVER = CertificateTemplate(
    common_name="PartnerWebServer",
    display_name="Partner Web Server",
    oid=_oid(9176413, 2210447),
    extended_key_usage=(ExtendedKeyUsageOID.SERVER_AUTH,),
)

PARTNER_USER = CertificateTemplate(
    common_name="PartnerUser",
    display_name="Partner User",
    oid=_oid(3318204, 7741902),
    extended_key_usage=(ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.EMAIL_PROTECTION),
    minimal_key_length=2048,
    general_flags=0x00020000,
)

PARTNER_PENDING = CertificateTemplate(
    common_name="PartnerPending",
    display_name="Partner Web Server, released by hand",
    oid=_oid(6620851, 1493006),
    extended_key_usage=(ExtendedKeyUsageOID.SERVER_AUTH,),
    enrollment_flags=EnrollmentFlags.PEND_ALL_REQUESTS,
)

PARTNER_REFUSED = CertificateTemplate(
    common_name="PartnerRefused",
    display_name="Partner Web Server, always refused",
    oid=_oid(12290377, 5580931),
    extended_key_usage=(ExtendedKeyUsageOID.SERVER_AUTH,),
    refusal=HResult.CERTSRV_E_SUBJECT_EMAIL_REQUIRED,
)

PARTNER_DEVICE = CertificateTemplate(
    common_name="PartnerDevice",
    display_name="Partner Device",
    oid=_oid(15904417, 7250936),
    extended_key_usage=(ExtendedKeyUsageOID.CLIENT_AUTH,),
    enrollment_flags=EnrollmentFlags.PREVIOUS_APPROVAL_VALIDATE_REENROLLMENT
    | EnrollmentFlags.ALLOW_PREVIOUS_APPROVAL_KEYBASEDRENEWAL_VALIDATE_REENROLLMENT,
    enroll=frozenset({DOMAIN_USERS}),
)
"""Enrolled once, inside, and from then on renewed with its own key, whoever brings the request."""

ENROLLMENT_AGENT = CertificateTemplate(
    common_name="EnrollmentAgent",
    display_name="Enrollment Agent",
    oid=_oid(1, 11),
    extended_key_usage=(CERTIFICATE_REQUEST_AGENT,),
    policy_schema=1,
    minimal_key_length=2048,
    crypto_providers=("Microsoft Enhanced Cryptographic Provider v1.0",),
    major_revision=4,
    minor_revision=1,
    subject_name_flags=SubjectNameFlags.SUBJECT_REQUIRE_DIRECTORY_PATH | SubjectNameFlags.SUBJECT_ALT_REQUIRE_UPN,
    enrollment_flags=EnrollmentFlags.AUTO_ENROLLMENT,
    general_flags=0x00010220,
    enroll=frozenset({DOMAIN_USERS}),
)

CORP_SECRET_TEMPLATE = CertificateTemplate(
    common_name="CorpSecretTemplate",
    display_name="Corp Secret Template",
    oid=_oid(14480265, 8806194),
    extended_key_usage=(ExtendedKeyUsageOID.CLIENT_AUTH,),
    minimal_key_length=2048,
    general_flags=0x00020000,
    enroll=frozenset({DOMAIN_USERS}),
)
"""For the inside only, although everybody could enroll: whoever sees its name outside has found a leak."""

TEMPLATES = (
    USER,
    MACHINE,
    CORP_USER,
    CORP_MACHINE,
    PARTNER_WEB_SERVER,
    PARTNER_USER,
    PARTNER_PENDING,
    PARTNER_REFUSED,
    PARTNER_DEVICE,
    ENROLLMENT_AGENT,
    CORP_SECRET_TEMPLATE,
)
