"""The ticket that a client came with, laid out where the library looks for it in S4U2proxy ([MS-SFU] 3.1.5.2).

MIT's acceptor makes such a credential itself, but only with a TGT at hand, under the name of whichever keytab entry
opened the ticket (so that it is found again or not, as the keytab's order wills), and not at all for a client that
forwards its TGT: then it hands out that one. cepces forwards by default. With a TGT the gateway could go anywhere in
the client's name, whatever the directory's delegation list says: it is dropped unseen.
"""

import struct

import krb5

from gateway.kerberos import ccache
from gateway.tickets import CredentialCache

_PROXY_IMPERSONATOR = b"proxy_impersonator"
"""MIT's note in a credential cache: tickets of this principal's are evidence for S4U2proxy."""

FORWARDABLE = 0x4000_0000
"""RFC 4120 2.6 and 5.3: bit 1 of TicketFlags."""

_AES256 = 18
_NO_KEY = bytes(32)


def cache(client: str, ticket: bytes, own: CredentialCache) -> CredentialCache:
    """A cache with the forwardable `ticket` (DER) of `client` as evidence, and with the gateway's own TGT."""
    context = krb5.init_context()
    own_ticket = ccache.ticket_granting_ticket(own)
    evidence = krb5.unmarshal_credentials(
        context, _marshalled(krb5.parse_name_flags(context, client.encode()), own_ticket, ticket)
    )
    made = ccache.holding(evidence)
    handle = krb5.cc_resolve(context, made.name.encode())
    krb5.cc_store_cred(context, handle, own_ticket)
    krb5.cc_set_config(context, handle, None, _PROXY_IMPERSONATOR, krb5.unparse_name_flags(context, own_ticket.client))
    return made


def _marshalled(client: krb5.Principal, own_ticket: krb5.Creds, ticket: bytes) -> bytes:
    """MIT's credential format, version 4 (its "Credential cache file format").

    The library looks for evidence under the name of who shows it, whatever SPN stands in the ticket. The KDC takes the
    ticket alone: the session key, which belongs to client and gateway, is not told and not needed; nor are addresses
    and authorization data.
    """
    times = own_ticket.times
    return b"".join(
        (
            _principal(client),
            _principal(own_ticket.client),
            struct.pack(">H", _AES256) + _counted(_NO_KEY),
            struct.pack(">4I", times.authtime, times.starttime, times.endtime, times.renew_till),
            struct.pack(">BIII", False, FORWARDABLE, 0, 0),
            _counted(ticket),
            _counted(b""),
        )
    )


def _principal(principal: krb5.Principal) -> bytes:
    components = principal.components
    counts = struct.pack(">2I", principal.type, len(components))
    return counts + b"".join(map(_counted, (principal.realm, *components)))


def _counted(octets: bytes) -> bytes:
    return struct.pack(">I", len(octets)) + octets
