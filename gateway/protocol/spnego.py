"""The tokens of HTTP Negotiate (RFC 4559): SPNEGO (RFC 4178, [MS-SPNG]) with Kerberos inside, or Kerberos by itself.

One leg each way: whatever would need a second token from the client is refused, so that no state depends on a
connection. NTLM is refused wherever it stands. The optimistic token must be Kerberos's, and Kerberos the mechanism that
the client prefers: then no choice is left that somebody could tamper with, and a mechListMIC proves nothing more.
"""

from dataclasses import dataclass
from enum import IntEnum

from gateway.errors import NegotiateTokenMalformed, NtlmRefused
from gateway.protocol import der, kerberos
from gateway.protocol.kerberos import KERBEROS

MAX_TOKEN_BYTES = 48 * 1024
"""Windows makes tokens of 48000 bytes at most (MaxTokenSize), and http.sys takes 64 KiB of base64 in a header."""
MAX_MECH_TYPES = 16
"""Windows offers four."""

SPNEGO = "1.3.6.1.5.5.2"
MICROSOFT_KERBEROS = "1.2.840.48018.1.2.2"
"""The same mechanism: an object identifier gone wrong in Windows 2000, which Windows lists first ever since."""
NTLMSSP = "1.3.6.1.4.1.311.2.2.10"

_NTLM_SIGNATURE = b"NTLMSSP\0"
"""[MS-NLMP] 2.2.1: NTLM's own framing; it needs none of GSS-API's."""
_KERBEROS_MECHANISMS = frozenset({KERBEROS, MICROSOFT_KERBEROS})
_NAMES = {
    NTLMSSP: "NTLM",
    "1.3.6.1.4.1.311.2.2.30": "NEGOEX",
    "1.3.6.1.5.2.5": "IAKERB",
    "1.2.840.113554.1.2.2.3": "Kerberos user-to-user",
}

_NEG_TOKEN_INIT = der.context(0)
_NEG_TOKEN_RESP = der.context(1)
_FIELDS = 4
"""Of either (RFC 4178 4.2.1, 4.2.2)."""


@dataclass(frozen=True, slots=True)
class KerberosToken:
    """An AP-REQ, as a client may show it. Not proved yet."""

    token: bytes
    """With the framing of GSS-API, without SPNEGO's: for the Kerberos mechanism."""
    ticket: bytes
    """DER of the Ticket in it (RFC 4120 5.3)."""
    mech_type: str | None
    """The object identifier under which SPNEGO offers it; None where it came by itself."""


class NegState(IntEnum):
    """RFC 4178 4.2.2."""

    ACCEPT_COMPLETED = 0
    ACCEPT_INCOMPLETE = 1
    REJECT = 2
    REQUEST_MIC = 3


@dataclass(frozen=True, slots=True)
class NegTokenResp:
    """An acceptor's answer (RFC 4178 4.2.2)."""

    neg_state: NegState | None
    supported_mech: str | None
    response_token: bytes | None
    """The mechanism's own, with the framing of GSS-API."""


# --- what a client sends --------------------------------------------------------------------------------------------


def parse_kerberos_token(token: bytes) -> KerberosToken:
    """Read a client's first and only token. Raises NtlmRefused, or NegotiateTokenMalformed for all else."""
    if len(token) > MAX_TOKEN_BYTES:
        raise NegotiateTokenMalformed(f"a token of {len(token)} bytes: at most {MAX_TOKEN_BYTES} are taken")
    if token.startswith(_NTLM_SIGNATURE):
        raise NtlmRefused("the client sent NTLM, without SPNEGO")
    try:
        return _initial(token)
    except ValueError as error:
        raise NegotiateTokenMalformed(f"not a Kerberos token, nor SPNEGO with one inside: {error}") from error


def _initial(token: bytes) -> KerberosToken:
    if token.startswith(bytes((_NEG_TOKEN_RESP,))):
        raise ValueError("it continues a negotiation (NegTokenResp), and the gateway begins none that has two legs")
    mechanism, inside = kerberos.unframe(token)
    if mechanism == SPNEGO:
        return _neg_token_init(inside)
    if mechanism == KERBEROS:
        return KerberosToken(token, kerberos.ticket_of(inside), None)
    raise ValueError(f"a token of mechanism {_named(mechanism)}")


def _neg_token_init(inside: bytes) -> KerberosToken:
    """reqFlags and mechListMIC have no meaning here: the token's flags are authentic, and there is no choice to prove.

    [MS-SPNG] 2.2.1's NegTokenInit2 has negHints, but acceptors send it.
    """
    found = der.fields(der.contents(inside, _NEG_TOKEN_INIT), _FIELDS)
    mech_types = list(map(der.object_identifier, der.elements(der.required(found, 0), MAX_MECH_TYPES)))
    if not mech_types:
        raise ValueError("it offers no mechanism (mechTypes)")
    mech_token = der.octet_string(found[2]) if 2 in found else None
    _refuse_ntlm(mech_types, mech_token)
    if mech_types[0] not in _KERBEROS_MECHANISMS:
        raise ValueError(f"its preferred mechanism is {_named(mech_types[0])}, whose optimistic token is not taken")
    if mech_token is None:
        raise ValueError("it offers Kerberos without a token of it (mechToken), which would take a second leg")
    mechanism, inner_token = kerberos.unframe(mech_token)
    if mechanism != KERBEROS:
        raise ValueError(f"its token is of mechanism {_named(mechanism)}, though it says Kerberos")
    return KerberosToken(mech_token, kerberos.ticket_of(inner_token), mech_types[0])


def _refuse_ntlm(mech_types: list[str], mech_token: bytes | None) -> None:
    """A client that merely lists NTLM behind Kerberos is welcome: Windows always does."""
    if mech_token is not None and mech_token.startswith(_NTLM_SIGNATURE):
        raise NtlmRefused("the client sent NTLM inside of SPNEGO")
    if mech_types[0] == NTLMSSP or (NTLMSSP in mech_types and _KERBEROS_MECHANISMS.isdisjoint(mech_types)):
        raise NtlmRefused("the client offers NTLM, and Kerberos not at all or after it")


def _named(mechanism: str) -> str:
    return f"{mechanism} ({_NAMES[mechanism]})" if mechanism in _NAMES else mechanism


# --- what an acceptor answers ---------------------------------------------------------------------------------------


def render_reply(to: KerberosToken, response_token: bytes) -> bytes:
    """What is sent back to a client whose token was accepted, wrapped as the client wrapped its own.

    `response_token` is Kerberos's, empty where the client did not ask for mutual authentication. supportedMech is what
    the client said: Windows takes no other name of the same mechanism (RFC 4178 4.2.2).
    """
    if to.mech_type is None:
        return response_token
    response = der.encode(der.context(2), der.encode_octet_string(response_token)) if response_token else b""
    return der.encode(
        _NEG_TOKEN_RESP,
        der.encode(
            der.SEQUENCE,
            der.encode(der.context(0), der.encode(der.ENUMERATED, bytes((NegState.ACCEPT_COMPLETED,)))),
            der.encode(der.context(1), der.encode_object_identifier(to.mech_type)),
            response,
        ),
    )


def parse_neg_token_resp(token: bytes) -> NegTokenResp:
    """Read an acceptor's answer. Raises NegotiateTokenMalformed, also for one that chooses another mechanism."""
    try:
        return _neg_token_resp(token)
    except ValueError as error:
        raise NegotiateTokenMalformed(f"not an answer of SPNEGO: {error}") from error


def _neg_token_resp(token: bytes) -> NegTokenResp:
    found = der.fields(der.contents(token, _NEG_TOKEN_RESP), _FIELDS)
    supported_mech = der.object_identifier(found[1]) if 1 in found else None
    if supported_mech is not None and supported_mech not in _KERBEROS_MECHANISMS:
        raise ValueError(f"it chooses mechanism {_named(supported_mech)}")
    return NegTokenResp(
        neg_state=NegState(der.enumerated(found[0])) if 0 in found else None,
        supported_mech=supported_mech,
        response_token=der.octet_string(found[2]) if 2 in found else None,
    )


def rejection(response: NegTokenResp) -> str | None:
    """Why the acceptor does not accept the AP-REQ, as far as it says so; None where it does not reject it."""
    reason = _krb_error(response.response_token or b"")
    if response.neg_state is NegState.REJECT:
        return reason or "it does not say why"
    return reason


def _krb_error(token: bytes) -> str | None:
    try:
        _, inner_token = kerberos.unframe(token)
        return kerberos.krb_error_code(inner_token) if kerberos.is_krb_error(inner_token) else None
    except ValueError:
        return None
