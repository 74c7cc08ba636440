"""The flags of a certificate template, in the names of [MS-CRTD], without their prefix `CT_FLAG_`.

CEP publishes them as numbers ([MS-XCEP] 3.1.4.1.3.1). Bits that have no name here are kept.
"""

from collections.abc import Iterable
from enum import IntFlag
from typing import TypeVar

F = TypeVar("F", bound=IntFlag)

BITS = 32


class EnrollmentFlags(IntFlag):
    """msPKI-Enrollment-Flag ([MS-CRTD] 2.26)."""

    INCLUDE_SYMMETRIC_ALGORITHMS = 0x00000001
    PEND_ALL_REQUESTS = 0x00000002
    PUBLISH_TO_KRA_CONTAINER = 0x00000004
    PUBLISH_TO_DS = 0x00000008
    AUTO_ENROLLMENT_CHECK_USER_DS_CERTIFICATE = 0x00000010
    AUTO_ENROLLMENT = 0x00000020
    PREVIOUS_APPROVAL_VALIDATE_REENROLLMENT = 0x00000040
    USER_INTERACTION_REQUIRED = 0x00000100
    REMOVE_INVALID_CERTIFICATE_FROM_PERSONAL_STORE = 0x00000400
    ALLOW_ENROLL_ON_BEHALF_OF = 0x00000800
    ADD_OCSP_NOCHECK = 0x00001000
    ENABLE_KEY_REUSE_ON_NT_TOKEN_KEYSET_STORAGE_FULL = 0x00002000
    NOREVOCATIONINFOINISSUEDCERTS = 0x00004000
    INCLUDE_BASIC_CONSTRAINTS_FOR_EE_CERTS = 0x00008000
    ALLOW_PREVIOUS_APPROVAL_KEYBASEDRENEWAL_VALIDATE_REENROLLMENT = 0x00010000
    ISSUANCE_POLICIES_FROM_REQUEST = 0x00020000
    SKIP_AUTO_RENEWAL = 0x00040000
    NO_SECURITY_EXTENSION = 0x00080000


class PrivateKeyFlags(IntFlag):
    """msPKI-Private-Key-Flag ([MS-CRTD] 2.27). Two groups of four bits are versions of Windows, and have no names."""

    REQUIRE_PRIVATE_KEY_ARCHIVAL = 0x00000001
    EXPORTABLE_KEY = 0x00000010
    STRONG_KEY_PROTECTION_REQUIRED = 0x00000020
    REQUIRE_ALTERNATE_SIGNATURE_ALGORITHM = 0x00000040
    REQUIRE_SAME_KEY_RENEWAL = 0x00000080
    USE_LEGACY_PROVIDER = 0x00000100
    EK_TRUST_ON_USE = 0x00000200
    EK_VALIDATE_CERT = 0x00000400
    EK_VALIDATE_KEY = 0x00000800
    ATTEST_PREFERRED = 0x00001000
    ATTEST_REQUIRED = 0x00002000
    ATTESTATION_WITHOUT_POLICY = 0x00004000
    HELLO_LOGON_KEY = 0x00200000


class SubjectNameFlags(IntFlag):
    """msPKI-Certificate-Name-Flag ([MS-CRTD] 2.28)."""

    ENROLLEE_SUPPLIES_SUBJECT = 0x00000001
    OLD_CERT_SUPPLIES_SUBJECT_AND_ALT_NAME = 0x00000008
    ENROLLEE_SUPPLIES_SUBJECT_ALT_NAME = 0x00010000
    SUBJECT_ALT_REQUIRE_DOMAIN_DNS = 0x00400000
    SUBJECT_ALT_REQUIRE_SPN = 0x00800000
    SUBJECT_ALT_REQUIRE_DIRECTORY_GUID = 0x01000000
    SUBJECT_ALT_REQUIRE_UPN = 0x02000000
    SUBJECT_ALT_REQUIRE_EMAIL = 0x04000000
    SUBJECT_ALT_REQUIRE_DNS = 0x08000000
    SUBJECT_REQUIRE_DNS_AS_CN = 0x10000000
    SUBJECT_REQUIRE_EMAIL = 0x20000000
    SUBJECT_REQUIRE_COMMON_NAME = 0x40000000
    SUBJECT_REQUIRE_DIRECTORY_PATH = 0x80000000


class GeneralFlags(IntFlag):
    """flags ([MS-CRTD] 2.4)."""

    ADD_EMAIL = 0x00000002
    PUBLISH_TO_DS = 0x00000008
    EXPORTABLE_KEY = 0x00000010
    AUTO_ENROLLMENT = 0x00000020
    MACHINE_TYPE = 0x00000040
    IS_CA = 0x00000080
    ADD_TEMPLATE_NAME = 0x00000200
    IS_CROSS_CA = 0x00000800
    DONOTPERSISTINDB = 0x00001000
    IS_DEFAULT = 0x00010000
    IS_MODIFIED = 0x00020000


def words(flags: IntFlag) -> tuple[str, ...]:
    """The names of the bits that are set, from the lowest; a bit without a name as `0x01000000`."""
    kind = type(flags)
    named = {flag.value: flag.name or "" for flag in kind}
    bits = (1 << n for n in range(BITS) if flags.value & 1 << n)
    return tuple(named.get(bit) or f"0x{bit:08x}" for bit in bits)


def flags_of(kind: type[F], names: Iterable[str]) -> F:
    """What `words` has written. Raises ValueError for a word that is no name and no number of a bit."""
    value = 0
    for name in names:
        value |= kind[name].value if name in kind.__members__ else _bit(kind, name)
    return kind(value)


def _bit(kind: type[IntFlag], name: str) -> int:
    try:
        bit = int(name, 16) if name.startswith("0x") else 0
    except ValueError:
        bit = 0
    if bit.bit_count() != 1 or bit.bit_length() > BITS:
        raise ValueError(f"{name} is no flag: write {', '.join(kind.__members__)}, or one bit as 0x01000000")
    return bit
