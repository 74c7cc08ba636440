"""HTTP Negotiate (RFC 4559), as far as it is HTTP: which header fields carry a credential, and which answer one."""

from base64 import b64encode
from collections.abc import Sequence

from gateway.requester import Requester
from gateway.tickets import EvidenceTicket

NEGOTIATE = "Negotiate"
"""The challenge. NTLM is never offered."""

_SCHEMES = frozenset({"negotiate", "ntlm"})
"""What goes to the service. NTLM goes there to be refused on record, rather than be challenged again and again; it is
recognised by its bytes, since it comes under either name."""


def negotiate_credential(authorization: Sequence[str]) -> str | None:
    """What stands behind the scheme, if the Authorization fields are one, of a scheme that a service should judge.

    Anything else is as good as nothing, and is to be challenged: no field, several, another scheme, a scheme alone.
    """
    if len(authorization) != 1:
        return None
    scheme, _, credential = authorization[0].partition(" ")
    return (credential.strip() or None) if scheme.lower() in _SCHEMES else None


def www_authenticate(status: int, requester: Requester | None) -> str | None:
    """The field's value for a reply: the challenge with 401, else the acceptor's token if there is one to return.

    `requester` is who has authenticated in this call, if anybody has. A refusal proves the gateway too (RFC 4559 5):
    clients that insist on it would not even read it otherwise.
    """
    if status == 401:
        return NEGOTIATE
    if requester is None or not isinstance(requester.evidence, EvidenceTicket) or not requester.evidence.reply_token:
        return None
    return f"{NEGOTIATE} {b64encode(requester.evidence.reply_token).decode('ascii')}"
