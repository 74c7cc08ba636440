"""One realm, composed: what the gateway can do in it with Kerberos."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from gateway.kerberos.acceptor import Acceptor
from gateway.kerberos.delegation import Delegation
from gateway.kerberos.logon import PasswordLogon
from gateway.kerberos.negotiation import Negotiator
from gateway.kerberos.own_account import OwnAccount
from gateway.kerberos.own_keytab import OwnKeytab
from gateway.kerberos.relay import KdcRelay, KdcTrouble
from gateway.kerberos.settings import KerberosSettings
from gateway.kerberos.workers import Workers


class KerberosRealm:
    """For one event loop. Needs `gateway.kerberos.environment` with the relay in it, and the relay running."""

    def __init__(
        self,
        name: str,
        settings: KerberosSettings,
        relay: KdcRelay,
        clock: Callable[[], datetime],
        state: Path,
    ) -> None:
        """Asks nobody and reads no file yet. `clock` gives the aware time, UTC. `state` is a directory that nobody else
        can write, and that outlives a restart.
        """

        def kdc_trouble() -> KdcTrouble | None:
            return relay.trouble

        principal = f"{settings.account}@{name}"
        self._name = name
        self._keytab = settings.keytab
        self._replay_cache = state / f"{name}.rcache"
        self.workers = Workers()
        keytab = OwnKeytab(settings.keytab, state / f"{name}.refused-keytab")
        self.own = OwnAccount(principal, keytab, self.workers, clock, kdc_trouble)
        self.delegation = Delegation(
            name, settings.account, settings.keytab, self.own, self.workers, kdc_trouble=kdc_trouble
        )
        self.logon = PasswordLogon(principal, settings.keytab, self.workers, kdc_trouble)
        self.negotiator = Negotiator(self.workers)

    def acceptor(self, *, wants_evidence: bool) -> Acceptor:
        """Of the tickets that clients come with; whether they are to be used towards the inside, is the service's."""
        own_cache = self.own.cache if wants_evidence else None
        return Acceptor(self._name, self._keytab, self._replay_cache, self.workers, own_cache)

    def close(self) -> None:
        """Let go of the threads; who waits for one of them is cancelled."""
        self.own.close()
        self.workers.close()
