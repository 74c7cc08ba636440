"""What is wrong with a configuration although each of its settings is right."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from gateway.config.settings import Authentication, CEPSettings, CESSettings, Configuration, TransitionKind
from gateway.requester import Verifier
from gateway.strict_yaml import Path as KeyPath
from gateway.web.tls import ClientCertificates, ListenerSettings


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
    match service.transition:
        case TransitionKind.PASS_ON_USERNAME_TOKEN:
            yield from _contradictions_of_passing_on(service)
        case TransitionKind.OWN_CERTIFICATE:
            yield from _contradictions_of_own_certificate(service)


def _contradictions_of_certificates(
    configuration: Configuration, service: CEPSettings | CESSettings
) -> Iterator[tuple[KeyPath, str]]:
    if service.verifier is not None:
        yield ("verifier",), "is for UsernamePassword services: certificates are verified by TLS"
    if not configuration.mapping:
        yield (), "needs `mapping` rules: without one, no certificate stands for an account"
    host = configuration.public_host_of(service)
    if not any(_asks_for_certificates(listener, host) for listener in configuration.listeners):
        yield (), f"needs a listener, or a server name {host}, with client_certificates: optional or required"


def _contradictions_of_passwords(
    configuration: Configuration, service: CEPSettings | CESSettings
) -> Iterator[tuple[KeyPath, str]]:
    if service.verifier is None:
        yield ("verifier",), "is missing: password_file or internal_ces"
    if service.verifier is Verifier.PASSWORD_FILE and configuration.password_file is None:
        yield ("verifier",), "needs the general setting password_file"


def _contradictions_of_passing_on(service: CEPSettings | CESSettings) -> Iterator[tuple[KeyPath, str]]:
    if service.authentication is not Authentication.USERNAME_PASSWORD:
        yield ("transition",), "needs authentication UsernamePassword: there is no password to pass on"
    if service.upstream.certificate is not None:
        yield ("upstream", "certificate"), "is not used where the client's password is passed on: leave it out"


def _contradictions_of_own_certificate(service: CEPSettings | CESSettings) -> Iterator[tuple[KeyPath, str]]:
    if service.upstream.certificate is None:
        yield ("upstream",), "needs certificate and key: the transition is own_certificate"
    if service.verifier is Verifier.INTERNAL_CES:
        yield ("verifier",), "internal_ces goes with pass_on_username_token only: else nobody checks the password"


def _asks_for_certificates(listener: ListenerSettings, host: str) -> bool:
    """Where clients of that host name arrive on this listener."""
    return listener.server_names.get(host, listener).client_certificates is not ClientCertificates.NONE
