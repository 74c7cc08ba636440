"""The HRESULTs the gateway sends, spelled as [MS-ERREF] 2.1.1 and [MS-WCCE] spell them."""

from enum import IntEnum


class HResult(IntEnum):
    """Unsigned value, as documents print it; `signed` is what goes into an xs:int."""

    E_UNEXPECTED = 0x8000FFFF
    E_ACCESSDENIED = 0x80070005
    ERROR_INVALID_DATA = 0x8007000D
    ERROR_NOT_SUPPORTED = 0x80070032
    E_INVALIDARG = 0x80070057
    RPC_S_SERVER_UNAVAILABLE = 0x800706BA
    RPC_S_SERVER_TOO_BUSY = 0x800706BB
    NTE_BAD_SIGNATURE = 0x80090006
    CRYPT_E_ASN1_CORRUPT = 0x80093103
    CERTSRV_E_NO_REQUEST = 0x80094002
    CERTSRV_E_TEMPLATE_DENIED = 0x80094012
    CERTSRV_E_UNSUPPORTED_CERT_TYPE = 0x80094800
    CERTSRV_E_NO_CERT_TYPE = 0x80094801
    CERTSRV_E_TEMPLATE_CONFLICT = 0x80094802
    CERTSRV_E_KEY_LENGTH = 0x80094811
    CERT_E_INVALID_NAME = 0x800B0114

    @property
    def signed(self) -> int:
        """The 32-bit value as a signed integer, e.g. -2146877422 for 0x80094012."""
        return self.value - 0x1_0000_0000

    def __str__(self) -> str:
        return f"0x{self.value:08X}"
