"""A user's password, verified by the KDC, and the ticket-granting ticket that it is worth.

An answer that decrypts with the password proves only that who answered knows the password, and that may be the very
attacker who has just typed it in: between gateway and KDC, or in DNS (CVE-2020-2002, CVE-2020-3125, CVE-2021-23008 are
products that believed it). So the ticket must bring another one, for the gateway's own account, which decrypts with the
keytab: nobody but the KDC can make that.
"""

from collections.abc import Callable
from pathlib import Path

import gssapi.raw as gss
import krb5

from gateway.account import Account
from gateway.errors import WrongPassword
from gateway.kerberos import ccache, statement
from gateway.kerberos.codes import Step, translated
from gateway.kerberos.relay import KdcTrouble
from gateway.kerberos.workers import Workers
from gateway.protocol.kerberos import KERBEROS
from gateway.protocol.security import Secret
from gateway.tickets import TicketGrantingTicket

_MECHANISM = gss.OID.from_int_seq(KERBEROS)


class PasswordLogon:
    """Of one realm."""

    def __init__(
        self, own_principal: str, keytab: Path, workers: Workers, kdc_trouble: Callable[[], KdcTrouble | None]
    ) -> None:
        """`keytab` has the key of `own_principal`; `kdc_trouble` is the relay's."""
        self._own_principal = own_principal
        self._keytab = keytab
        self._workers = workers
        self._kdc_trouble = kdc_trouble

    async def log_on(self, account: Account, password: Secret) -> TicketGrantingTicket:
        """AS-REQ as `account.principal`. A wrong password counts once towards the account's lock-out.

        Raises WrongPassword, AccountLocked, AccountDisabled, AccountExpired, PasswordExpired, UnknownUser;
        AccountChanged if the KDC means another account by that name; OwnKeytabRefused where the KDC has not proved
        itself, and KerberosFailed's; Overloaded.
        """
        return await self._workers.at_kdc(self._log_on, account, password)

    def _log_on(self, account: Account, password: Secret) -> TicketGrantingTicket:
        """Blocks."""
        text = password.reveal()
        if not text or "\0" in text:
            # The library would take the part before a NUL for the whole, and prompt for what is empty.
            raise WrongPassword(f"the password for {account.principal} is empty, or has a NUL in it: it is not tried")
        context = krb5.init_context()
        client = krb5.build_principal(context, account.realm.encode(), [account.sam_account_name.encode()])
        options = krb5.get_init_creds_opt_alloc(context)
        # The ticket itself never leaves the gateway. But CES goes on to the CA with the one that is had for it, and can
        # do so by "Use Kerberos only" if that is forwardable ([MS-SFU] 3.2.5.2.2).
        krb5.get_init_creds_opt_set_forwardable(options, forwardable=True)
        with translated(Step.USER_AS, account.principal, self._kdc_trouble):
            ticket = krb5.get_init_creds_password(context, client, options, text.encode())
        self._prove(ticket, account)
        return TicketGrantingTicket(str(ticket.client), ccache.holding(ticket))

    def _prove(self, ticket: krb5.Creds, account: Account) -> None:
        """That the KDC is one, as krb5_verify_init_creds does it, and that it means this account by the name."""
        own = gss.import_name(self._own_principal.encode(), gss.NameType.kerberos_principal)
        with ccache.temporary() as cache:
            ccache.store(cache, ticket)
            with translated(Step.PROOF_TGS, f"{ticket.client}", self._kdc_trouble):
                client = gss.acquire_cred_from({b"ccache": cache.name.encode()}, mechs=[_MECHANISM], usage="initiate")
                token = gss.init_sec_context(own, client.creds, mech=_MECHANISM).token
            assert token is not None
            with translated(Step.PROOF, self._own_principal, self._kdc_trouble):
                stated = statement.client_of(token, self._keytab)
            statement.check_is_of(account, stated)
