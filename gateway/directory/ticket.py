"""The gateway's ticket for one server's ldap/ SPN, alone in a cache: what binds with it can ask no KDC for another."""

from dataclasses import dataclass
from datetime import UTC, datetime

import gssapi.raw as gss

from gateway.kerberos import ccache
from gateway.protocol.kerberos import KERBEROS
from gateway.tickets import CredentialCache

_MECHANISM = gss.OID.from_int_seq(KERBEROS)


class NoTicket(Exception):
    """The KDC gives none, or does not answer."""


@dataclass(frozen=True, slots=True)
class LdapTicket:
    cache: CredentialCache
    ends: datetime
    """Aware, UTC."""


def fetch_ticket(own: CredentialCache, service: str) -> LdapTicket:
    """`service` is a principal name, `own` has the gateway's TGT. Asks the KDC: in a thread. Raises NoTicket."""
    with ccache.temporary() as cache:
        # Nothing but the TGT: a ticket that an earlier call has left may be about to expire.
        ccache.store(cache, ccache.ticket_granting_ticket(own))
        try:
            initiator = gss.acquire_cred_from({b"ccache": cache.name.encode()}, mechs=[_MECHANISM], usage="initiate")
            name = gss.import_name(service.encode(), gss.NameType.kerberos_principal)
            # For the ticket that it takes; the token is nobody's.
            gss.init_sec_context(name, initiator.creds, mech=_MECHANISM)
        except gss.GSSError as error:
            raise NoTicket(f"no ticket for {service}: {' '.join(str(error).split())}") from error
        (ticket,) = ccache.tickets(cache)
    return LdapTicket(ccache.holding(ticket), datetime.fromtimestamp(ticket.times.endtime, UTC))
