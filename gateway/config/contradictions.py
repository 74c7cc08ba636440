"""What is wrong with a configuration although each of its settings is right."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from gateway.config.contradictions_of_partners import contradictions_of_partners
from gateway.config.contradictions_of_rates import contradictions_of_rates
from gateway.config.contradictions_of_realms import contradictions_of_realm_of, contradictions_of_realms
from gateway.config.contradictions_of_renewal import contradictions_of_renewal
from gateway.config.settings import Authentication, CEPSettings, CESSettings, Configuration, TransitionKind
from gateway.requester import Verifier
from gateway.strict_yaml import Path as KeyPath
from gateway.upstream.settings import UpstreamSettings
from gateway.web.tls import ClientCertificates, ListenerSettings

_TRANSITION_FOR_ALL = "protocol_transition goes with whatever authentication the gateway verifies itself"


def contradictions(configuration: Configuration) -> Iterator[tuple[KeyPath, str]]:
    """What no single setting can see: (path, message) of each."""
    if not _is_base_url(configuration.public_url):
        yield ("public_url",), "must be https://host or https://host:port"
    names: set[str] = set()
    places: set[tuple[str, str]] = set()
    for n, service in enumerate(configuration.services):
        at: KeyPath = ("services", n)
        if service.name in names:
            yield (*at, "name"), f"{service.name} is the name of another service too"
        names.add(service.name)
        place = (configuration.public_host_of(service), service.path.casefold())
        if place in places:
            yield at, f"another service has the path {service.path} at {place[0]} too"
        places.add(place)
        if service.public_url is not None and not _is_base_url(service.public_url):
            yield (*at, "public_url"), "must be https://host or https://host:port"
        for key, message in _contradictions_of_service(configuration, service):
            yield (*at, *key), message
    yield from _different_names_of_one_view(configuration)
    yield from contradictions_of_partners(configuration)
    yield from contradictions_of_rates(configuration.rate_limits, [partner.name for partner in configuration.partners])
    yield from contradictions_of_realms(configuration)
    yield from _authorities_of_one_name(configuration)


def _different_names_of_one_view(configuration: Configuration) -> Iterator[tuple[KeyPath, str]]:
    """[MS-XCEP] 3.1.4.1.3.23: the friendly name is in the Response that one policyID stands for."""
    names: dict[str, CEPSettings] = {}
    for n, service in enumerate(configuration.services):
        if isinstance(service, CEPSettings):
            first = names.setdefault(service.view, service)
            if service.friendly_name != first.friendly_name:
                text = (
                    f"{first.name} of the same view is called {first.friendly_name!r}, and clients know both by one"
                    " policyID: call them the same, or give the one that asks another forest another `view`"
                )
                yield ("services", n, "friendly_name"), text


def _authorities_of_one_name(configuration: Configuration) -> Iterator[tuple[KeyPath, str]]:
    names: set[str] = set()
    for n, authority in enumerate(configuration.certification_authorities):
        if authority.name in names:
            yield (
                ("certification_authorities", n, "name"),
                f"{authority.name} stands here already: put all of its certificates into one file",
            )
        names.add(authority.name)


def _is_base_url(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" and bool(parts.hostname) and parts.path in {"", "/"} and not parts.query


def _contradictions_of_service(
    configuration: Configuration, service: CEPSettings | CESSettings
) -> Iterator[tuple[KeyPath, str]]:
    match service.authentication:
        case Authentication.CERTIFICATE:
            yield from _contradictions_of_certificates(configuration, service)
        case Authentication.USERNAME_PASSWORD:
            yield from _contradictions_of_passwords(configuration, service)
        case Authentication.KERBEROS:
            if service.verifier is not None:
                yield ("verifier",), "is for UsernamePassword services: tickets are verified by the realm's keytab"
    yield from _contradictions_of_transition(service)
    yield from _contradictions_of_upstreams(service)
    yield from contradictions_of_realm_of(configuration, service)
    yield from contradictions_of_renewal(configuration, service)


def _contradictions_of_certificates(
    configuration: Configuration, service: CEPSettings | CESSettings
) -> Iterator[tuple[KeyPath, str]]:
    if service.verifier is not None:
        yield ("verifier",), "is for UsernamePassword services: certificates are verified by TLS"
    if not configuration.mapping and not service.by_own_certificate:
        yield (), "needs `mapping` rules: without one, no certificate stands for an account"
    host = configuration.public_host_of(service)
    if not any(_asks_for_certificates(listener, host) for listener in configuration.listeners):
        yield (), f"needs a listener, or a server name {host}, with client_certificates: optional or required"


def _contradictions_of_passwords(
    configuration: Configuration, service: CEPSettings | CESSettings
) -> Iterator[tuple[KeyPath, str]]:
    if service.verifier is None:
        yield ("verifier",), "is missing: password_file, internal_ces or kerberos"
    if service.verifier is Verifier.PASSWORD_FILE and configuration.password_file is None:
        yield ("verifier",), "needs the general setting password_file"
    if service.verifier is Verifier.INTERNAL_CES and service.transition is not TransitionKind.PASS_ON_USERNAME_TOKEN:
        yield ("verifier",), "internal_ces goes with pass_on_username_token only: else nobody checks the password"


def _contradictions_of_transition(service: CEPSettings | CESSettings) -> Iterator[tuple[KeyPath, str]]:
    by_password = service.authentication is Authentication.USERNAME_PASSWORD
    match service.transition:
        case TransitionKind.PASS_ON_USERNAME_TOKEN if not by_password:
            yield ("transition",), "needs authentication UsernamePassword: there is no password to pass on"
        case TransitionKind.PASS_ON_USERNAME_TOKEN if service.verifier is Verifier.KERBEROS:
            yield (
                ("transition",),
                "does not go with verifier kerberos, which keeps the user's ticket and no password: use user_ticket",
            )
        case TransitionKind.USER_TICKET if not by_password or service.verifier is not Verifier.KERBEROS:
            yield (
                ("transition",),
                f"needs authentication UsernamePassword with verifier kerberos. {_TRANSITION_FOR_ALL}",
            )
        case TransitionKind.CONSTRAINED_DELEGATION if service.authentication is not Authentication.KERBEROS:
            yield (
                ("transition",),
                f"needs authentication Kerberos: there is no ticket to delegate with. {_TRANSITION_FOR_ALL}",
            )


def _contradictions_of_upstreams(service: CEPSettings | CESSettings) -> Iterator[tuple[KeyPath, str]]:
    servers: set[str] = set()
    for n, upstream in enumerate(service.upstream):
        for key, message in _contradictions_of_upstream(service, upstream):
            yield ("upstream", n, *key), message
        if upstream.server in servers:
            yield ("upstream", n), f"{upstream.server} stands in this list already"
        servers.add(upstream.server)


def _contradictions_of_upstream(
    service: CEPSettings | CESSettings, upstream: UpstreamSettings
) -> Iterator[tuple[KeyPath, str]]:
    """What is shown to the internal service is what the transition says, and nothing else."""
    uses_certificate = service.transition is TransitionKind.OWN_CERTIFICATE
    if uses_certificate and upstream.certificate is None:
        yield (), "needs certificate and key: the transition is own_certificate"
    if not uses_certificate and upstream.certificate is not None:
        yield ("certificate",), f"is not used with the transition {service.transition}: leave it out"
    if upstream.service_principal_name is not None and not service.transition.shows_ticket:
        yield (
            ("service_principal_name",),
            f"is not used with the transition {service.transition}, which shows no ticket: leave it out",
        )


def _asks_for_certificates(listener: ListenerSettings, host: str) -> bool:
    """Where clients of that host name arrive on this listener."""
    return listener.server_names.get(host, listener).client_certificates is not ClientCertificates.NONE
