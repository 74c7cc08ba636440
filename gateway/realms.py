"""The realms of a configuration, running: composed of their parts, and asked by `gateway.app` for what a service needs.

Imported only where a configuration has realms: what is below it needs the extra `kerberos`.
"""

import asyncio
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

import structlog

from gateway.authn.client_certificate import ClientCertificateAuthenticator
from gateway.authn.kerberos_password import InDirectory, KerberosPasswords
from gateway.authn.negotiate import NegotiateAuthenticator
from gateway.authn.password_attempts import PasswordAttempts
from gateway.authn.password_file import PasswordFile
from gateway.authn.username_token import UsernameTokenAuthenticator
from gateway.config import Authentication, CEPSettings, CESSettings, Configuration, TransitionKind
from gateway.config.settings import RealmSettings
from gateway.credential import Credential, KerberosCredential, Transition
from gateway.directory.client import Directory
from gateway.enrollment import Authenticate
from gateway.errors import GatewayError
from gateway.kerberos import environment
from gateway.kerberos.realm import KerberosRealm
from gateway.kerberos.relay import KdcRelay
from gateway.requester import Requester, Verifier
from gateway.telemetry import Metrics, RealmMetrics, RealmPart
from gateway.transition.guard import Guard
from gateway.transition.kerberos import ConstrainedDelegation, OwnAccountTicket, ProtocolTransition, UserTicket
from gateway.transition.own_rights import OwnRights
from gateway.transition.ticket_cache import TicketCache
from gateway.upstream.settings import UpstreamSettings
from gateway.upstream.soap_client import SoapClient

log = structlog.get_logger()

Service = CEPSettings | CESSettings


class Realms:
    """`async with Realms(...)`. One at a time in a process: the libraries have one environment."""

    def __init__(self, configuration: Configuration, metrics: Metrics, clock: Callable[[], datetime]) -> None:
        self._configuration = configuration
        self._metrics = metrics
        self._clock = clock
        self._realms: dict[str, Realm] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Never fails for want of a KDC or a directory: they may come back. Raises OSError."""
        async with AsyncExitStack() as stack:
            relays = {realm.name: await self._start_relay(realm, stack) for realm in self._configuration.realms}
            directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="ces-gateway-"))
            environment.prepare(
                Path(directory), {name: relay.address for name, relay in relays.items()}, _hosts(self._configuration)
            )
            for settings in self._configuration.realms:
                realm = Realm(self._configuration, settings, relays[settings.name], self._metrics, self._clock)
                self._realms[settings.name] = realm
                stack.callback(realm.close)
                await stack.enter_async_context(realm.directory)
            self._stack = stack.pop_all()
        # At once: readiness shall know of a bad keytab before the first client does.
        await asyncio.gather(*(realm.log_on() for realm in self._realms.values()))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def of(self, service: Service) -> "Realm | None":
        """The realm that the service names."""
        return None if service.realm is None else self.named(service.realm)

    def named(self, name: str) -> "Realm":
        """A realm of the configuration."""
        return self._realms[name]

    def checks(self) -> Mapping[str, Callable[[], bool]]:
        """For readiness: only what does not heal by itself. A KDC that is down would take all replicas out at once."""
        return {f"realm {name} keytab": realm.has_good_keytab for name, realm in self._realms.items()}

    def troubles(self) -> Mapping[str, Callable[[], str | None]]:
        """What is wrong by now, in words, also while an older ticket still serves."""
        return {f"realm {name}": realm.trouble for name, realm in self._realms.items()}

    async def _start_relay(self, realm: RealmSettings, stack: AsyncExitStack) -> KdcRelay:
        settings = realm.kerberos
        count = self._metrics.realm(realm.name).kdc_answered
        relay = KdcRelay(settings.kdcs, settings.kdc_seconds, settings.kdc_total_seconds, count)
        await relay.start()
        stack.push_async_callback(relay.stop)
        return relay


def _hosts(configuration: Configuration) -> dict[str, str]:
    """Of the internal services' SPNs: in which realm each one is."""
    return {
        upstream.spn_host: service.realm
        for service in configuration.services
        if service.realm is not None and service.transition.shows_ticket
        for upstream in service.upstream
    }


class Realm:
    """One of them."""

    def __init__(
        self,
        configuration: Configuration,
        settings: RealmSettings,
        relay: KdcRelay,
        metrics: Metrics,
        clock: Callable[[], datetime],
    ) -> None:
        account = settings.kerberos.account
        # The gateway's own directory, and one that outlives a restart.
        state = configuration.audit.file.parent
        self.name = settings.name
        self.relay = relay
        self._mapping = configuration.mapping
        self._clock = clock
        self._metrics = metrics.realm(settings.name)
        self._on_weak_mapping = metrics.weak_mapping
        self._kerberos = KerberosRealm(settings.name, settings.kerberos, relay, clock, state)
        self.directory = Directory(settings.name, settings.directory, self._kerberos.own.cache, clock)
        self._own_rights = OwnRights(self.directory, account)
        self._attempts = PasswordAttempts(clock)
        self._tickets = TicketCache(settings.kerberos.ticket_seconds, clock)
        self._guard = Guard(settings.impersonation, account, clock)
        self._metrics.watch(RealmPart.KDC, lambda: relay.trouble is not None)
        self._metrics.watch(RealmPart.OWN_ACCOUNT, lambda: self._kerberos.own.trouble is not None)
        self._metrics.watch(RealmPart.DIRECTORY, lambda: self.directory.trouble is not None)

    def close(self) -> None:
        """Let go of threads and tickets."""
        self._kerberos.close()

    async def log_on(self) -> None:
        """Ask for the gateway's own ticket. Never raises: what is wrong is logged, and told by readiness."""
        try:
            await self._kerberos.own.cache()
        except GatewayError as error:
            log.error("the gateway's own account has no ticket", realm=self.name, error=str(error))

    def has_good_keytab(self) -> bool:
        """Whether nobody has to do something about the gateway's own account."""
        return not self._kerberos.own.is_refused

    def trouble(self) -> str | None:
        """Of the gateway's own account, or else of the directory."""
        return self._kerberos.own.trouble or self.directory.trouble

    def authenticator(self, service: Service, passwords: PasswordFile | None) -> Authenticate:
        """How the requesters of a service of this realm become accounts of its directory."""
        match service.authentication:
            case Authentication.CERTIFICATE:
                return ClientCertificateAuthenticator(self._mapping, self._clock, self.directory, self._on_weak_mapping)
            case Authentication.KERBEROS:
                passes_tickets_on = service.transition is TransitionKind.CONSTRAINED_DELEGATION
                acceptor = self._kerberos.acceptor(wants_evidence=passes_tickets_on)
                return NegotiateAuthenticator(acceptor, self.directory, service.channel_bindings, self._clock)
            case Authentication.USERNAME_PASSWORD if service.verifier is Verifier.KERBEROS:
                verify = KerberosPasswords(
                    self.directory, self._kerberos.logon, self._attempts, self._guard.check, self._clock
                )
                return UsernameTokenAuthenticator(verify, self._clock)
            case Authentication.USERNAME_PASSWORD:
                assert passwords is not None, "check-config has seen that there is a password file"
                return UsernameTokenAuthenticator(InDirectory(passwords, self.directory, self._clock), self._clock)

    def transition(self, service: Service, upstream: UpstreamSettings) -> Transition:
        """As whom the gateway goes to this internal server."""
        spn, delegation = upstream.spn, self._kerberos.delegation
        if service.transition is TransitionKind.OWN_ACCOUNT:
            return _Counted(self.own_identity(upstream), self._metrics)
        match service.transition:
            case TransitionKind.PROTOCOL_TRANSITION:
                transition: Transition = ProtocolTransition(
                    self._guard, self._tickets, delegation, self._own_rights, spn
                )
            case TransitionKind.CONSTRAINED_DELEGATION:
                transition = ConstrainedDelegation(self._guard, self._tickets, delegation, self._own_rights, spn)
            case TransitionKind.USER_TICKET:
                transition = UserTicket(self._guard, delegation, spn)
            case _:
                raise AssertionError(f"{service.transition} shows no ticket")
        return _Counted(transition, self._metrics)

    def own_identity(self, upstream: UpstreamSettings) -> OwnAccountTicket:
        """The gateway's own account, towards the internal server."""
        return OwnAccountTicket(self._tickets, self._kerberos.delegation, upstream.spn)

    def soap_client(self, upstream: UpstreamSettings, on_exchange: Callable[[float], None]) -> SoapClient:
        """For an internal server that tickets are shown to."""
        return SoapClient(upstream, self._clock, on_exchange, self._kerberos.negotiator, self._tickets.discard)


@dataclass(frozen=True, slots=True)
class _Counted:
    """A transition, with its tickets counted."""

    transition: Transition
    metrics: RealmMetrics

    async def credential(self, requester: Requester) -> Credential:
        credential = await self.transition.credential(requester)
        if isinstance(credential, KerberosCredential):
            self.metrics.ticket_used(is_cached=credential.is_cached)
        return credential
