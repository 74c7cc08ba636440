"""What Kerberos messages say in clear, as they stand in GSS-API tokens (RFC 4121 4.1, RFC 4120 5).

Nothing of it is proved: it is for passing on and for telling operators. What cannot be read is a ValueError.
"""

from gateway.protocol import der

KERBEROS = "1.2.840.113554.1.2.2"
"""The mechanism (RFC 4121 4.1)."""

_INITIAL_CONTEXT_TOKEN = der.application(0)
_OBJECT_IDENTIFIER = 0x06

_TOK_ID_AP_REQ = b"\x01\x00"
_TOK_ID_KRB_ERROR = b"\x03\x00"

_PVNO = 5
_TICKET = der.application(1)
_AP_REQ = 14
_AP_REQ_FIELDS = 5
_KRB_ERROR = 30
_KRB_ERROR_FIELDS = 13

_ERROR_NAMES = {
    7: "KDC_ERR_S_PRINCIPAL_UNKNOWN",
    12: "KDC_ERR_POLICY",
    14: "KDC_ERR_ETYPE_NOSUPP",
    29: "KDC_ERR_SVC_UNAVAILABLE",
    31: "KRB_AP_ERR_BAD_INTEGRITY",
    32: "KRB_AP_ERR_TKT_EXPIRED",
    33: "KRB_AP_ERR_TKT_NYV",
    34: "KRB_AP_ERR_REPEAT",
    35: "KRB_AP_ERR_NOT_US",
    36: "KRB_AP_ERR_BADMATCH",
    37: "KRB_AP_ERR_SKEW",
    38: "KRB_AP_ERR_BADADDR",
    39: "KRB_AP_ERR_BADVERSION",
    40: "KRB_AP_ERR_MSG_TYPE",
    41: "KRB_AP_ERR_MODIFIED",
    44: "KRB_AP_ERR_BADKEYVER",
    45: "KRB_AP_ERR_NOKEY",
    46: "KRB_AP_ERR_MUT_FAIL",
    50: "KRB_AP_ERR_INAPP_CKSUM",
    60: "KRB_ERR_GENERIC",
}
"""Error codes that a service may answer with (RFC 4120 7.5.9)."""


def unframe(token: bytes) -> tuple[str, bytes]:
    """The mechanism of a GSS-API token, and what is in it for that mechanism (RFC 2743 3.1)."""
    inside = der.contents(token, _INITIAL_CONTEXT_TOKEN)
    # What follows the object identifier is the mechanism's own affair, and in Kerberos no DER.
    if len(inside) < 2 or inside[0] != _OBJECT_IDENTIFIER:
        raise ValueError("a GSS-API token that does not begin with its mechanism")
    end = 2 + inside[1]
    return der.object_identifier(inside[:end]), inside[end:]


def ticket_of(inner_token: bytes) -> bytes:
    """The DER of the Ticket in an AP-REQ (RFC 4120 5.5.1), which stands behind the TOK_ID of one."""
    ap_req = _message(inner_token, _TOK_ID_AP_REQ, _AP_REQ, _AP_REQ_FIELDS)
    ticket = der.required(ap_req, 3)
    der.contents(ticket, _TICKET)
    for number in (2, 4):
        der.required(ap_req, number)
    return ticket


def is_krb_error(inner_token: bytes) -> bool:
    """Whether the peer answers that it does not accept the AP-REQ."""
    return inner_token.startswith(_TOK_ID_KRB_ERROR)


def krb_error_code(inner_token: bytes) -> str:
    """Number and name of the error-code in a KRB-ERROR (RFC 4120 5.9.1), which stands behind the TOK_ID of one."""
    code = der.integer(der.required(_message(inner_token, _TOK_ID_KRB_ERROR, _KRB_ERROR, _KRB_ERROR_FIELDS), 6))
    return f"{_ERROR_NAMES.get(code, 'KRB-ERROR')} ({code})"


def _message(inner_token: bytes, token_id: bytes, message_type: int, fields: int) -> dict[int, bytes]:
    """The fields of a message, whose version and type are right wherever they are said."""
    if not inner_token.startswith(token_id):
        raise ValueError(f"a Kerberos token of TOK_ID {inner_token[:2].hex()} where {token_id.hex()} is wanted")
    message = der.fields(der.contents(inner_token[len(token_id) :], der.application(message_type)), fields)
    if (der.integer(der.required(message, 0)), der.integer(der.required(message, 1))) != (_PVNO, message_type):
        raise ValueError("a Kerberos message whose version or type is another than its tag says")
    return message
