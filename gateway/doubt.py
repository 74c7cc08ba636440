"""After which failures of a submission it is certain that there is no certificate, so that it may be sent again."""

from gateway.errors import CredentialsRefusedInside, GatewayError, TicketRefusedInside, UpstreamUnavailable
from gateway.protocol.hresult import HResult
from gateway.protocol.soap import CertificateEnrollmentWSDetail, Fault, UpstreamRefused

_FACILITIES_OF_VERDICTS = frozenset({0x8009, 0x800B})
"""FACILITY_SECURITY and FACILITY_CERT ([MS-ERREF] 2.1), whose codes are a CA's or its cryptography's."""
_CERTAIN = frozenset({0x80070005, 0x8007000D, 0x80070057, 0x800706BA, 0x800706BB})
"""Others after which nothing was issued: access denied, invalid data, invalid argument; and RPC_S_SERVER_UNAVAILABLE
and RPC_S_SERVER_TOO_BUSY, where no call was made: RPC's other errors may come after the CA had the request."""


def leaves_doubt(error: GatewayError) -> bool:
    """Whether the CA may have issued although the submission has failed like this."""
    match error:
        case UpstreamUnavailable(sent=False) | TicketRefusedInside() | CredentialsRefusedInside():
            return False
        case UpstreamRefused(fault=fault):
            # Whoever blames the sender has not passed the request on.
            is_receiver = fault.code[1] == "Receiver"
            return is_receiver and not _is_verdict(fault.detail)
        case _:
            return True


def _is_verdict(detail: CertificateEnrollmentWSDetail | None) -> bool:
    """Whether CES reports what the CA has decided, rather than that something broke on the way."""
    if detail is None or detail.error_code is None:
        return False
    hresult = detail.error_code & 0xFFFF_FFFF
    return detail.invalid_request or hresult >> 16 in _FACILITIES_OF_VERDICTS or hresult in _CERTAIN


def is_denied(fault: Fault) -> bool:
    """Whether the CA, or its manager, does not issue what was asked for ([MS-WSTEP] 3.1.4.1.3.7)."""
    return fault.detail is not None and fault.detail.invalid_request


def is_past_the_last(fault: Fault) -> bool:
    """Whether a CA that was asked for a RequestID says that it has given none so high yet ([MS-WCCE] 3.2.1.4.2.1.3)."""
    if fault.detail is None or fault.detail.error_code is None:
        return False
    return fault.detail.error_code & 0xFFFF_FFFF in {HResult.CERTSRV_E_NO_REQUEST, HResult.CERTSRV_E_PROPERTY_EMPTY}
