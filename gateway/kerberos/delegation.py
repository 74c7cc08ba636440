"""Tickets for internal services: in an admitted account's name (by [MS-SFU], or with its own TGT), or in the gateway's.

Each ends up alone in a cache of its own, so that whoever makes tokens from it cannot make the library ask a KDC. Only
Kerberos's own mechanism is used: SPNEGO would hide its error codes behind numbers that it makes up.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import gssapi.raw as gss
import krb5

from gateway.account import Account, Admitted
from gateway.errors import KerberosFailed, NotAuthenticated, OwnAccountUnusable, TransitionFailed
from gateway.kerberos import ccache, statement
from gateway.kerberos.codes import Step, translated
from gateway.kerberos.own_account import OwnAccount
from gateway.kerberos.relay import KdcTrouble
from gateway.kerberos.workers import Workers
from gateway.protocol.kerberos import KERBEROS
from gateway.tickets import CredentialCache, EvidenceTicket, ServiceTicket, TicketGrantingTicket

_MECHANISM = gss.OID.from_int_seq(KERBEROS)


class Delegation:
    """Of one realm: all accounts and services are in it."""

    def __init__(
        self,
        realm: str,
        own_name: str,
        keytab: Path,
        own: OwnAccount,
        workers: Workers,
        *,
        kdc_trouble: Callable[[], KdcTrouble | None],
    ) -> None:
        """`own_name` is the sAMAccountName of `own`, and `keytab` has its key; `kdc_trouble` is the relay's."""
        self._realm = realm
        self._own_name = own_name
        self._keytab = keytab
        self._own = own
        self._workers = workers
        self._kdc_trouble = kdc_trouble

    async def s4u(self, admitted: Admitted, spn: str) -> ServiceTicket:
        """S4U2self and S4U2proxy ([MS-SFU] 3.1.5.1, 3.1.5.2), for whoever has shown who he is by another protocol.

        S4U2self goes by name, and the guard has judged an objectSid: the ticket must state that very one before it is
        used. Raises AccountChanged if it does not.

        Raises DelegationNotListed for KDC_ERR_BADOPTION, whatever it means; ServicePrincipalUnknown; NotAuthenticated's
        for what is wrong with the account; OwnKeytabRefused if the keytab does not open the ticket; KerberosFailed's,
        also all of `OwnAccount.cache`.
        """
        own = await self._own.cache()
        try:
            return await self._workers.at_kdc(self._s4u, own, admitted.account, self._service(spn))
        except (OwnAccountUnusable, NotAuthenticated):
            # Some codes do not say whose account is not admitted. A new ticket will tell if it is the gateway's.
            self._own.discard(own)
            raise

    async def s4u2proxy(self, evidence: EvidenceTicket, admitted: Admitted, spn: str) -> ServiceTicket:
        """S4U2proxy with the ticket that the client came with. Raises as `s4u`, and TicketNotAccepted."""
        if evidence.cache is None:
            raise TransitionFailed(f"the ticket of {evidence.client} was not kept as evidence")
        return await self._workers.at_kdc(
            self._s4u2proxy, evidence.cache, evidence.client, admitted.account, self._service(spn)
        )

    async def user_ticket(self, tgt: TicketGrantingTicket, admitted: Admitted, spn: str) -> ServiceTicket:
        """With the account's own TGT. Raises ServicePrincipalUnknown, NotAuthenticated's and KerberosFailed's."""
        return await self._workers.at_kdc(self._user_ticket, tgt.cache, admitted.account, self._service(spn))

    async def own_ticket(self, spn: str) -> ServiceTicket:
        """In the gateway's own name. Raises ServicePrincipalUnknown, and KerberosFailed's as `OwnAccount.cache`."""
        own = await self._own.cache()
        try:
            return await self._workers.at_kdc(self._own_ticket, own, self._service(spn))
        except OwnAccountUnusable:
            self._own.discard(own)
            raise

    def _service(self, spn: str) -> str:
        return f"{spn}@{self._realm}"

    def _s4u(self, own: CredentialCache, account: Account, service: str) -> ServiceTicket:
        user = _principal_name(account)
        with ccache.temporary() as evidence:
            with translated(Step.S4U2SELF, user, self._kdc_trouble):
                impersonation = gss.acquire_cred_impersonate_name(
                    _initiator(own), _name(user), mechs=[_MECHANISM], usage="initiate"
                )
                # With MIT's note that the tickets in it are evidence, to be shown with the gateway's TGT beside them.
                gss.store_cred_into(
                    {b"ccache": evidence.name.encode()}, impersonation.creds, "initiate", _MECHANISM, overwrite=True
                )
            self._check_evidence(evidence, account, user)
            ticket = self._fetch(evidence, service, Step.S4U2PROXY, user)
        return _service_ticket(ticket, account.name, user)

    def _check_evidence(self, evidence: CredentialCache, account: Account, user: str) -> None:
        """By a token for the gateway itself, from a cache with the S4U2self ticket alone."""
        (ticket,) = ccache.tickets(evidence)
        with ccache.temporary() as cache, translated(Step.S4U2SELF_OPENING, user, self._kdc_trouble):
            ccache.store(cache, ticket)
            token = gss.init_sec_context(_name(str(ticket.server)), _initiator(cache), mech=_MECHANISM).token
            assert token is not None
            stated = statement.client_of(token, self._keytab)
        statement.check_is_of(account, stated)

    def _s4u2proxy(self, evidence: CredentialCache, client: str, account: Account, service: str) -> ServiceTicket:
        ticket = self._fetch(evidence, service, Step.EVIDENCE_S4U2PROXY, client)
        return _service_ticket(ticket, account.name, client)

    def _user_ticket(self, tgt: CredentialCache, account: Account, service: str) -> ServiceTicket:
        user = _principal_name(account)
        return _service_ticket(self._fetch_with(tgt, service, Step.USER_TGS, user), account.name, user)

    def _own_ticket(self, own: CredentialCache, service: str) -> ServiceTicket:
        client = f"{self._own_name}@{self._realm}"
        ticket = self._fetch_with(own, service, Step.OWN_TGS, client)
        return _service_ticket(ticket, f"{self._own_name}@{self._realm.lower()}", client)

    def _fetch_with(self, tgt: CredentialCache, service: str, step: Step, client: str) -> krb5.Creds:
        """From a cache with nothing but the TGT: what an earlier call has left is not the ticket of this one."""
        with ccache.temporary() as cache:
            ccache.store(cache, ccache.ticket_granting_ticket(tgt))
            return self._fetch(cache, service, step, client)

    def _fetch(self, cache: CredentialCache, service: str, step: Step, client: str) -> krb5.Creds:
        """The ticket that the first token to the service needs; the token itself is nobody's."""
        before = {str(ticket.server) for ticket in ccache.tickets(cache)}
        with translated(step, f"{client} to {service}", self._kdc_trouble):
            gss.init_sec_context(_name(service), _initiator(cache), mech=_MECHANISM)
        for ticket in ccache.tickets(cache):
            if str(ticket.server) not in before:
                return ticket
        raise KerberosFailed(f"{step} for {client} to {service}: the library kept no ticket")


def _initiator(cache: CredentialCache) -> gss.Creds:
    """A new one for each use: one that is shared would make the threads wait for each other."""
    return gss.acquire_cred_from({b"ccache": cache.name.encode()}, mechs=[_MECHANISM], usage="initiate").creds


def _name(principal_name: str) -> gss.Name:
    return gss.import_name(principal_name.encode(), gss.NameType.kerberos_principal)


def _principal_name(account: Account) -> str:
    """`account.principal`, but with what would be a separator escaped: `a/b` is one name, and not the SPN a/b."""
    context = krb5.init_context()
    principal = krb5.build_principal(context, account.realm.encode(), [account.sam_account_name.encode()])
    return krb5.unparse_name_flags(context, principal).decode()


def _service_ticket(ticket: krb5.Creds, account: str, client: str) -> ServiceTicket:
    """`client` is whose ticket was asked for. Raises KerberosFailed if it is anybody else's."""
    if str(ticket.client).casefold() != client.casefold():
        raise KerberosFailed(f"asked for a ticket of {client}, the KDC has issued one of {ticket.client}")
    times = ticket.times
    return ServiceTicket(
        account=account,
        client=str(ticket.client),
        service_principal_name=str(ticket.server),
        starts=datetime.fromtimestamp(times.starttime or times.authtime, UTC),
        ends=datetime.fromtimestamp(times.endtime, UTC),
        cache=ccache.holding(ticket),
    )
