"""Composition: builds everything from a checked configuration, wires it, owns its lifetime."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

import structlog

from gateway import __version__
from gateway.advertising import Advertising
from gateway.audit import AuditLog
from gateway.authn.client_certificate import ClientCertificateAuthenticator
from gateway.authn.issued_certificate import IssuedCertificateAuthenticator
from gateway.authn.partners import PartnerOf
from gateway.authn.password_file import PasswordFile, PasswordFileMistaken
from gateway.authn.rate_limited import rate_limited
from gateway.authn.username_token import InternalCesDecides, UsernameTokenAuthenticator
from gateway.background import Background
from gateway.catalogue.keeper import CatalogueKeeper
from gateway.catalogue.last_told import LastTold
from gateway.catalogue.offers import KeptOffers
from gateway.catalogue.refresh import Refresher
from gateway.catalogue.views import KeptViews
from gateway.config import (
    Authentication,
    CEPSettings,
    CESSettings,
    Checked,
    Configuration,
    TransitionKind,
)
from gateway.enrollment import Authenticate, Enrollment, IssuingCA
from gateway.enrollment_policy import EnrollmentPolicy
from gateway.inside import InsideServers
from gateway.issuing import Affinity
from gateway.ledger.ledger import Ledger
from gateway.ledger.watcher import CertificateWatcher
from gateway.pki.certificate import parse_certificate
from gateway.policies_in_force import PoliciesInForce
from gateway.policy.issued_origin import Issuers
from gateway.protocol.xcep import GetPoliciesResponse
from gateway.rates.limits import RateLimits
from gateway.redaction import redactor
from gateway.requester import Requester, Verifier
from gateway.revocation.keeper import AuthoritiesKeeper
from gateway.state.open import open_state
from gateway.state.state import State
from gateway.state.watched import WatchedState
from gateway.strict_yaml import Mistaken
from gateway.telemetry import HandshakeFailure, Metrics
from gateway.trial.shadow import Shadow
from gateway.upstream.cep import CepClient
from gateway.upstream.ces import CesClient
from gateway.upstream.pool import Pool
from gateway.web.answer import SoapService, Story, enrollment_policy_story, enrollment_story
from gateway.web.listener import Listener
from gateway.web.management import Management
from gateway.web.reply import PublishedService
from gateway.web.server import HttpRefusal, HttpServer
from gateway.web.tls import load_contexts

if TYPE_CHECKING:
    from gateway.realms import Realms

log = structlog.get_logger()


def now() -> datetime:
    """The one clock of the program."""
    return datetime.now(UTC)


class App:
    """The running gateway: `async with App(checked) as app`."""

    def __init__(self, checked: Checked, clock: Callable[[], datetime] = now, *, state: State | None = None) -> None:
        """`clock` is that of GetPolicies: how old an answer is, and since when something is told.

        `state` is for several that share one, in a test; else each has its own.
        """
        self._clock = clock
        self.configuration: Configuration = checked.configuration
        self._rate_limits: RateLimits
        self.metrics = Metrics(
            version=__version__,
            services=[service.name for service in self.configuration.services],
            listeners=[listener.name for listener in self.configuration.listeners],
        )
        self._policies = PoliciesInForce(checked, self.metrics)
        self.audit = AuditLog(
            self.configuration.audit.file,
            now,
            self.metrics.audit_failed,
            second_opinion=Shadow(self._policies.policies, self._policies.shadow, self.metrics.shadow_differs),
        )
        self.listeners: list[Listener] = []
        self.management: Management | None = None
        self.catalogue: CatalogueKeeper | None = None
        """None where the configuration has none."""
        self._passwords = (
            PasswordFile(self.configuration.password_file, _report_passwords)
            if self.configuration.password_file
            else None
        )
        self.authorities = AuthoritiesKeeper(self.configuration.certification_authorities, now, self.metrics)
        self.realms: Realms | None = None
        """None where the configuration has none."""
        self._shared_state = state
        self.state: WatchedState
        """From the start on."""
        self._published: list[PublishedService] = []
        self._knows_all_cas = False
        """Whether the inside has told of everything since the start."""
        self._offers: dict[str, KeptOffers] = {}
        """By CEP service."""
        self._last_told = LastTold(clock, self._policies.policies)
        # A realm is a DNS domain as well: what is in it is inside.
        upstreams = [upstream for service in self.configuration.services for upstream in service.upstream]
        hosts = [host for upstream in upstreams if (host := urlsplit(upstream.url).hostname)]
        self._redact = redactor([*hosts, *(f"kdc.{realm.name}" for realm in self.configuration.realms)])
        self._advertising = Advertising(
            self.configuration,
            published=lambda: self._published,
            offered_cas=self._offered_cas,
            metrics=self.metrics,
            clock=clock,
            redact=self._redact,
        )
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await self._start(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def reload(self) -> None:
        """Take new policies and certificates, and follow a rotated audit file.

        What has mistakes is not taken: the last good set stays in force, loudly.
        """
        self.audit.reopen()
        if self.catalogue is not None:
            self.catalogue.reload()
        self._policies.reload()
        try:
            self.authorities.reload()
        except (OSError, ValueError) as error:
            log.error("certification authorities not reloaded, the last good ones stay", mistakes=[str(error)])
        for listener, settings in zip(self.listeners, self.configuration.listeners, strict=False):
            try:
                listener.use(load_contexts(settings))
            except (Mistaken, OSError, ValueError) as error:
                log.error("certificates not reloaded, the last good ones stay", mistakes=str(error).splitlines())
        self._advertising.test()

    async def _start(self, stack: AsyncExitStack) -> None:
        configuration = self.configuration
        await stack.enter_async_context(self.audit)
        state = self._shared_state or await open_state(configuration.state_settings, now)
        self.state = await stack.enter_async_context(WatchedState(state, self.metrics))
        if self._passwords is not None:
            stack.callback(self._passwords.close)

        await stack.enter_async_context(self.authorities)
        if configuration.realms:
            # Only here: it needs libraries that a gateway without realms does without.
            from gateway.realms import Realms  # noqa: PLC0415

            self.realms = await stack.enter_async_context(Realms(configuration, self.metrics, now))

        self._rate_limits = RateLimits(configuration.rate_limits, self.state)
        if configuration.catalogue is not None:
            self.catalogue = CatalogueKeeper(configuration.catalogue.file, now, self._policies.use)
            self._policies.use(self.catalogue.catalogue)
        partners = [partner.name for partner in configuration.partners]
        await stack.enter_async_context(
            CertificateWatcher(self.state, now, configuration.renewals.warn, self.metrics.partners, partners=partners)
        )
        inside = await stack.enter_async_context(InsideServers(self.metrics, self.realms, now))
        await self._publish_services(inside, stack)
        self._advertising.test()
        stack.push_async_callback(self._stop_listeners)
        admit = self._rate_limits.request
        http = HttpServer(lambda: self._published, configuration.limits, self.metrics, self._note_refusal, admit)
        for settings in configuration.listeners:
            listener = Listener(
                settings,
                load_contexts(settings),
                http,
                configuration.limits,
                self.metrics,
                self._note_handshake_failure,
            )
            await listener.start()
            self.listeners.append(listener)
            log.info("listening", listener=listener.name, port=listener.port)

        checks = {
            "audit": self.audit.is_healthy,
            "state": self.state.is_healthy,
            **{f"listener {listener.name}": listener.is_accepting for listener in self.listeners},
            **(self.realms.checks() if self.realms else {}),
        }
        troubles = {
            **(self.realms.troubles() if self.realms else {}),
            **inside.troubles(),
            **self.authorities.troubles(),
            **self._advertising.troubles(),
            **{f"service {name}": offers.trouble for name, offers in self._offers.items()},
        }
        self.management = Management(configuration.management, self.metrics, checks, troubles)
        await self.management.start()
        stack.push_async_callback(self.management.stop)
        log.info("started", version=__version__, services=[service.name for service in self._published])

    async def _stop_listeners(self) -> None:
        """All at once: they have one time to drain."""
        await asyncio.gather(*(listener.stop(self.configuration.drain_seconds) for listener in self.listeners))

    def _note_refusal(self, refusal: HttpRefusal) -> None:
        self.audit.http_refused(
            call_id=refusal.call_id,
            service=refusal.service,
            peer=refusal.peer,
            reason=refusal.reason,
            status=refusal.status,
        )

    def _note_handshake_failure(self, peer: str, listener: str, reason: HandshakeFailure, detail: str) -> None:
        log.info("handshake failed", peer=peer, listener=listener, reason=reason, detail=detail)
        self.audit.handshake_failed(peer=peer, listener=listener, reason=reason)

    async def _publish_services(self, inside: InsideServers, stack: AsyncExitStack) -> None:
        refreshers: list[Refresher] = []
        ces = [service for service in self.configuration.services if isinstance(service, CESSettings)]
        cas = {service.name: self._issuing_ca(service, await inside.ces(service)) for service in ces}
        for service in self.configuration.services:
            if isinstance(service, CESSettings):
                story = self._enrollment_story(service, cas)
            else:
                pool = await inside.cep(service)
                story = self._enrollment_policy_story(service, pool)
                refreshers.extend(self._refreshers(service, pool))
            if service.verifier is Verifier.INTERNAL_CES:
                # A guess until the inside has answered.
                story = rate_limited(self._rate_limits, story, by_password=True)
            self._published.append(self._publish(service, story))
        asking = ((f"template catalogue of {each.service}", each.run) for each in refreshers)
        await stack.enter_async_context(Background(asking))

    def _issuers(self, ca: str) -> Issuers:
        """The CA of this name with its certificates: those that are configured, or else those that CEP tells."""
        certificates = self.authorities().certificates_of(ca)
        if not certificates and self.catalogue is not None:
            certificates = tuple(map(parse_certificate, self.catalogue.catalogue.ca_certificates(ca)))
        return Issuers(ca, certificates)

    def _issuing(self, template: str) -> frozenset[str]:
        """The common names of the CAs that issue this template, as far as the inside has told."""
        known = () if self.catalogue is None else self.catalogue.catalogue.named(template)
        return frozenset(ca for each in known for ca in each.cas or ())

    def _learner(self, service: CEPSettings) -> Callable[[GetPoliciesResponse], None]:
        if self.catalogue is None:
            return lambda _: None
        return partial(self.catalogue.learn, service.name)

    def _learn_all(self, service: CEPSettings, response: GetPoliciesResponse) -> None:
        assert self.catalogue is not None, "who refreshes has a catalogue"
        self.catalogue.learn(service.name, response, is_complete=True)
        self._knows_all_cas = True
        self._advertising.test()

    def _offered_cas(self) -> frozenset[str]:
        """The CAs that the inside tells of; none as long as it is not known that these are all."""
        if self.catalogue is None or not self._knows_all_cas:
            return frozenset()
        return frozenset(ca.common_name for ca in self.catalogue.catalogue.cas)

    def _refreshers(self, service: CEPSettings, pool: Pool[CepClient]) -> Iterator[Refresher]:
        """One for a CEP service that can be asked under the gateway's own name."""
        if self.catalogue is None or self.configuration.catalogue is None:
            return
        self.metrics.watch_catalogue(service.name, partial(self.catalogue.seconds_since, service.name))
        if all(member.way.own_identity for member in pool.members):
            yield Refresher(
                service.name,
                pool,
                self.configuration.catalogue.refresh_seconds,
                partial(self._learn_all, service),
                partial(self.metrics.catalogue_not_refreshed, service.name),
            )

    def _publish(self, service: CEPSettings | CESSettings, story: Story) -> PublishedService:
        soap = SoapService(
            story=story,
            open_record=self.audit.open,
            metrics=self.metrics,
            clock=now,
            redact=self._redact,
            wsdetail=isinstance(service, CESSettings),
        )
        return PublishedService(
            name=service.name,
            path=service.path,
            host=self.configuration.public_host_of(service),
            negotiate=service.authentication is Authentication.KERBEROS,
            answer=soap.answer,
            refuse=soap.refuse,
        )

    def _issuing_ca(self, service: CESSettings, pool: Pool[CesClient]) -> IssuingCA:
        ledger = Ledger(self.state, now, service.ca, _longest_submission(service))
        return IssuingCA(pool, ledger, partial(self._issuers, service.ca))

    def _enrollment_story(self, service: CESSettings, cas: Mapping[str, IssuingCA]) -> Story:
        alike = self.configuration.ces_alike(service)
        enrollment = Enrollment(
            authenticate=self._authenticate(service),
            policies=self._policies.policies,
            authorities=self.authorities,
            cas=Affinity(service.ca, {ca: cas[other.name] for ca, other in alike.items()}, self._issuing),
            budgets=self._rate_limits,
            public_uri=self.configuration.public_url_of(service),
            renewal_only=service.renewal_only,
        )
        return enrollment_story(enrollment, self._redact)

    def _enrollment_policy_story(self, service: CEPSettings, pool: Pool[CepClient]) -> Story:
        enrollment_policy = EnrollmentPolicy(
            authenticate=self._authenticate(service),
            policies=self._policies.policies,
            inside=pool,
            asks_as=partial(asks_as, service.transition),
            offers=self._kept_offers(service),
            views=KeptViews(service.name),
            has_it=self._last_told.has_it,
            publication=partial(self._advertising.publication, service),
            learn=self._learner(service),
        )
        return enrollment_policy_story(enrollment_policy)

    def _kept_offers(self, service: CEPSettings) -> KeptOffers:
        offers = KeptOffers(
            service.name, service.cache_seconds, self._clock, partial(self.metrics.cep_stale, service.name)
        )
        self._offers[service.name] = offers
        self.metrics.watch_cep(service.name, lambda: offers.trouble() is not None)
        return offers

    def _authenticate(self, service: CEPSettings | CESSettings) -> Authenticate:
        authenticate: Authenticate = PartnerOf(self._authenticator(service), self.configuration.partners)
        if service.verifier is Verifier.INTERNAL_CES:
            return authenticate
        by_password = service.authentication is Authentication.USERNAME_PASSWORD
        return rate_limited(self._rate_limits, authenticate, by_password=by_password)

    def _authenticator(self, service: CEPSettings | CESSettings) -> Authenticate:
        if service.by_own_certificate:
            return IssuedCertificateAuthenticator(self.authorities, now)
        realm = self.realms.of(service) if self.realms else None
        if realm is not None:
            return realm.authenticator(service, self._passwords)
        if service.authentication is Authentication.CERTIFICATE:
            return ClientCertificateAuthenticator(self.configuration.mapping, now)
        if service.verifier is Verifier.INTERNAL_CES:
            return UsernameTokenAuthenticator(InternalCesDecides(), now)
        assert self._passwords is not None, "check-config has seen that there is a password file"
        return UsernameTokenAuthenticator(self._passwords, now)


def _report_passwords(mistaken: PasswordFileMistaken) -> None:
    log.error("password file not reloaded, the last good one stays in force", mistakes=str(mistaken))


def asks_as(transition: TransitionKind, requester: Requester) -> str | None:
    """Whom the internal CEP sees: the gateway, the requester's account, or whoever has that password."""
    if transition is TransitionKind.PASS_ON_USERNAME_TOKEN:
        return None
    if not transition.impersonates:
        return transition
    return requester.directory_account.sid if requester.directory_account else None


def _longest_submission(service: CESSettings) -> float:
    """Seconds that one server may take, with some for what is done before and after."""
    return max(upstream.connect_seconds + upstream.answer_seconds for upstream in service.upstream) + 2
