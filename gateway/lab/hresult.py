"""The HRESULTs a CA and its web service answer with, and Microsoft's texts for them ([MS-ERREF] 2.1.1)."""

from enum import Enum

_TEMPLATE_DENIED = (
    "The permissions on the certificate template do not allow the current user to enroll for this type of certificate."
)
_BAD_RENEWAL_SUBJECT = (
    "The request was made on behalf of a subject other than the caller. The certificate template must be configured to"
    " require at least one signature to authorize the request."
)
_SIGNATURE_REJECTED = (
    "One or more signatures did not include the required application or issuance policies. The request is missing one"
    " or more required valid signatures."
)
_EXPIRED = (
    "A required certificate is not within its validity period when verifying against the current system clock or the"
    " time stamp in the signed file."
)
_UNTRUSTED_ROOT = (
    "A certificate chain processed, but terminated in a root certificate that is not trusted by the trust provider."
)


class HResult(Enum):
    """Value as documents print it, and the system's message."""

    S_OK = (0x00000000, "The operation completed successfully.")
    E_INVALIDARG = (0x80070057, "The parameter is incorrect.")
    ERROR_INVALID_DATA = (0x8007000D, "The data is invalid.")
    NTE_BAD_SIGNATURE = (0x80090006, "Invalid Signature.")
    NTE_BAD_ALGID = (0x80090008, "Invalid algorithm specified.")
    CRYPT_E_INVALID_MSG_TYPE = (0x80091004, "Invalid cryptographic message type.")
    CRYPT_E_NO_SIGNER = (
        0x8009200E,
        "The signed cryptographic message does not have a signer for the specified signer index.",
    )
    CRYPT_E_REVOKED = (0x80092010, "The certificate is revoked.")
    CRYPT_E_ASN1_BADTAG = (0x8009310B, "ASN1 bad tag value met.")
    CERTSRV_E_BAD_REQUESTSUBJECT = (0x80094001, "The request subject name is invalid or too long.")
    CERTSRV_E_NO_REQUEST = (0x80094002, "The request does not exist.")
    CERTSRV_E_BAD_REQUESTSTATUS = (0x80094003, "The request's current status does not allow this operation.")
    CERTSRV_E_PROPERTY_EMPTY = (0x80094004, "The requested property value is empty.")
    CERTSRV_E_BAD_RENEWAL_CERT_ATTRIBUTE = (
        0x8009400E,
        "The request contains an invalid renewal certificate attribute.",
    )
    CERTSRV_E_TEMPLATE_DENIED = (0x80094012, _TEMPLATE_DENIED)
    CERTSRV_E_ADMIN_DENIED_REQUEST = (
        0x80094014,
        "The request was denied by a certificate manager or CA administrator.",
    )
    CERTSRV_E_UNSUPPORTED_CERT_TYPE = (0x80094800, "The requested certificate template is not supported by this CA.")
    CERTSRV_E_NO_CERT_TYPE = (0x80094801, "The request contains no certificate template information.")
    CERTSRV_E_TEMPLATE_CONFLICT = (0x80094802, "The request contains conflicting template information.")
    CERTSRV_E_BAD_RENEWAL_SUBJECT = (0x80094806, _BAD_RENEWAL_SUBJECT)
    CERTSRV_E_BAD_TEMPLATE_VERSION = (
        0x80094807,
        "The request template version is newer than the supported template version.",
    )
    CERTSRV_E_SIGNATURE_POLICY_REQUIRED = (
        0x80094809,
        "The request is missing required signature policy information.",
    )
    CERTSRV_E_SIGNATURE_REJECTED = (0x8009480B, _SIGNATURE_REJECTED)
    CERTSRV_E_SUBJECT_DNS_REQUIRED = (
        0x8009480F,
        "The DNS name is unavailable and cannot be added to the Subject Alternate name.",
    )
    CERTSRV_E_KEY_LENGTH = (
        0x80094811,
        "The public key does not meet the minimum size required by the specified certificate template.",
    )
    CERTSRV_E_SUBJECT_EMAIL_REQUIRED = (
        0x80094812,
        "The EMail name is unavailable and cannot be added to the Subject or Subject Alternate name.",
    )
    CERT_E_EXPIRED = (0x800B0101, _EXPIRED)
    CERT_E_UNTRUSTEDROOT = (0x800B0109, _UNTRUSTED_ROOT)

    @property
    def code(self) -> int:
        """Unsigned, as documents print it."""
        return self.value[0]

    @property
    def signed(self) -> int:
        """As an xs:int carries it, e.g. -2146877422 for 0x80094012."""
        return self.code - 0x1_0000_0000 if self.code & 0x8000_0000 else self.code

    @property
    def text(self) -> str:
        return self.value[1]

    def __str__(self) -> str:
        return f"0x{self.code:08x}"
