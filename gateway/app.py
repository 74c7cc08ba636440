"""Composition: builds everything from a checked configuration, wires it, owns its lifetime."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from typing import Self
from urllib.parse import urlsplit

import structlog

from gateway import __version__
from gateway.audit import AuditLog
from gateway.authn.client_certificate import ClientCertificateAuthenticator
from gateway.authn.password_file import PasswordFile, PasswordFileMistaken
from gateway.authn.username_token import InternalCesDecides, UsernameTokenAuthenticator
from gateway.call import Call
from gateway.config import (
    Authentication,
    CEPSettings,
    CESSettings,
    Checked,
    Configuration,
    TransitionKind,
    read_policies,
)
from gateway.enrollment import Enrollment
from gateway.enrollment_policy import EnrollmentPolicy
from gateway.pending import InMemoryPendingRequests
from gateway.policy.decision import Policies
from gateway.policy.publication import Publication
from gateway.protocol.soap import Envelope
from gateway.protocol.xcep import CAURI
from gateway.redaction import redactor
from gateway.requester import Requester, Verifier
from gateway.strict_yaml import Mistaken
from gateway.telemetry import HandshakeFailure, Metrics
from gateway.transition.credential import PassOnUsernameToken, Transition, UseOwnCertificate
from gateway.upstream.cep import CepClient
from gateway.upstream.ces import CesClient
from gateway.upstream.soap_client import SoapClient
from gateway.web.answer import Redact, SoapService, Story, enrollment_policy_story, enrollment_story
from gateway.web.listener import Listener
from gateway.web.management import Management
from gateway.web.reply import PublishedService
from gateway.web.server import HttpRefusal, HttpServer
from gateway.web.tls import load_contexts

log = structlog.get_logger()

PENDING_CAPACITY = 100_000
"""Pending requests remembered: some 50 MB at most; a manual approval takes days, not years."""

Authenticator = Callable[[Call, Envelope], Awaitable[Requester]]


def now() -> datetime:
    """The one clock of the program."""
    return datetime.now(UTC)


class App:
    """The running gateway: `async with App(checked) as app`."""

    def __init__(self, checked: Checked) -> None:
        self.configuration: Configuration = checked.configuration
        self.metrics = Metrics(
            version=__version__,
            services=[service.name for service in self.configuration.services],
            listeners=[listener.name for listener in self.configuration.listeners],
        )
        self.audit = AuditLog(self.configuration.audit.file, now, self.metrics.audit_failed)
        self.listeners: list[Listener] = []
        self.management: Management | None = None
        self._policies = checked.policies
        self._passwords = (
            PasswordFile(self.configuration.password_file, _report_passwords)
            if self.configuration.password_file
            else None
        )
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await self._start(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def policies(self) -> Policies:
        """The snapshot in force."""
        return self._policies

    def reload(self) -> None:
        """Take new policies and certificates, and follow a rotated audit file.

        What has mistakes is not taken: the last good set stays in force, loudly.
        """
        self.audit.reopen()
        try:
            self._policies = read_policies(self.configuration.policies)
        except (Mistaken, OSError, UnicodeDecodeError) as error:
            log.error("policies not reloaded, the last good set stays in force", mistakes=str(error).splitlines())
        else:
            log.info("policies reloaded", count=len(self._policies.policies))
        for listener, settings in zip(self.listeners, self.configuration.listeners, strict=False):
            try:
                listener.use(load_contexts(settings))
            except (Mistaken, OSError, ValueError) as error:
                log.error("certificates not reloaded, the last good ones stay", mistakes=str(error).splitlines())

    async def _start(self, stack: AsyncExitStack) -> None:
        configuration = self.configuration
        await stack.enter_async_context(self.audit)
        if self._passwords is not None:
            stack.callback(self._passwords.close)

        published = await self._publish_services(stack)
        stack.push_async_callback(self._stop_listeners)
        http = HttpServer(lambda: published, configuration.limits, self.metrics, self._note_refusal)
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

        checks = {"audit": self.audit.is_healthy} | {
            f"listener {listener.name}": listener.is_accepting for listener in self.listeners
        }
        self.management = Management(configuration.management, self.metrics, checks)
        await self.management.start()
        stack.push_async_callback(self.management.stop)
        log.info("started", version=__version__, services=[service.name for service in published])

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

    async def _publish_services(self, stack: AsyncExitStack) -> list[PublishedService]:
        services = self.configuration.services
        redact = redactor(host for service in services if (host := urlsplit(service.upstream.url).hostname))
        published = []
        for service in services:
            observe = partial(self.metrics.upstream_answered, service.name)
            client = await stack.enter_async_context(SoapClient(service.upstream, now, observe))
            published.append(self._publish(service, self._story(service, client, redact), redact))
        return published

    def _publish(self, service: CEPSettings | CESSettings, story: Story, redact: Redact) -> PublishedService:
        soap = SoapService(
            story=story,
            open_record=self.audit.open,
            metrics=self.metrics,
            clock=now,
            redact=redact,
            wsdetail=isinstance(service, CESSettings),
        )
        return PublishedService(service.name, service.path, self.configuration.public_host_of(service), soap.answer)

    def _story(self, service: CEPSettings | CESSettings, client: SoapClient, redact: Redact) -> Story:
        match service:
            case CESSettings():
                return enrollment_story(self._enrollment(service, client), redact)
            case CEPSettings():
                return enrollment_policy_story(self._enrollment_policy(service, client))

    def _enrollment(self, service: CESSettings, client: SoapClient) -> Enrollment:
        return Enrollment(
            authenticate=self._authenticator(service),
            policies=self.policies,
            ces=CesClient(client, _transition(service)),
            pending=InMemoryPendingRequests(PENDING_CAPACITY),
            public_uri=self.configuration.public_url_of(service),
        )

    def _enrollment_policy(self, service: CEPSettings, client: SoapClient) -> EnrollmentPolicy:
        return EnrollmentPolicy(
            authenticate=self._authenticator(service),
            policies=self.policies,
            cep=CepClient(client, _transition(service)),
            publication=publication(self.configuration, service),
        )

    def _authenticator(self, service: CEPSettings | CESSettings) -> Authenticator:
        if service.authentication is Authentication.CERTIFICATE:
            return ClientCertificateAuthenticator(self.configuration.mapping, now)
        if service.verifier is Verifier.INTERNAL_CES:
            return UsernameTokenAuthenticator(InternalCesDecides(), now)
        assert self._passwords is not None, "check-config has seen that there is a password file"
        return UsernameTokenAuthenticator(self._passwords, now)


def _report_passwords(mistaken: PasswordFileMistaken) -> None:
    log.error("password file not reloaded, the last good one stays in force", mistakes=str(mistaken))


def publication(configuration: Configuration, service: CEPSettings) -> Publication:
    """What a CEP service tells about the CAs: every CES service that is published for them, in the file's order."""
    uris: dict[str, tuple[CAURI, ...]] = {}
    for ces in configuration.services:
        if isinstance(ces, CESSettings):
            known = uris.get(ces.ca, ())
            uri = CAURI(
                ces.authentication.client_authentication,
                configuration.public_url_of(ces),
                priority=len(known) + 1,
                renewal_only=False,
            )
            uris[ces.ca] = (*known, uri)
    return Publication(service.friendly_name, configuration.public_url, uris)


def _transition(service: CEPSettings | CESSettings) -> Transition:
    match service.transition:
        case TransitionKind.PASS_ON_USERNAME_TOKEN:
            return PassOnUsernameToken()
        case TransitionKind.OWN_CERTIFICATE:
            return UseOwnCertificate()
