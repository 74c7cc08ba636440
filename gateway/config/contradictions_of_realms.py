"""What is wrong with realms, and with services that have one, although each setting is right."""

from collections.abc import Iterator

from gateway.authn.mapping_rules import AccountSource
from gateway.config.settings import Authentication, CEPSettings, CESSettings, Configuration
from gateway.requester import Verifier
from gateway.strict_yaml import Path as KeyPath

_IN_THE_DIRECTORY = frozenset({AccountSource.OBJECT_SID, AccountSource.ALT_SECURITY_IDENTITIES})


def contradictions_of_realm_of(
    configuration: Configuration, service: CEPSettings | CESSettings
) -> Iterator[tuple[KeyPath, str]]:
    """What is wrong with a service's realm; paths are from the service on."""
    needs = " and ".join(_what_needs_a_realm(service))
    if service.realm is None:
        if needs:
            yield ("realm",), f"is missing: name one of `realms`, for {needs}"
    elif configuration.realm_of(service) is None:
        known = ", ".join(realm.name for realm in configuration.realms) or "there are none"
        yield ("realm",), f"{service.realm} is not the name of one of `realms`: {known}"
    elif service.verifier is Verifier.INTERNAL_CES:
        yield ("realm",), "is not used: with verifier internal_ces nobody has a verified account. Leave it out"


def _what_needs_a_realm(service: CEPSettings | CESSettings) -> Iterator[str]:
    if service.authentication is Authentication.KERBEROS:
        yield "authentication Kerberos"
    if service.verifier is Verifier.KERBEROS:
        yield "verifier kerberos"
    if service.transition.shows_ticket:
        yield f"the transition {service.transition}"


def contradictions_of_realms(configuration: Configuration) -> Iterator[tuple[KeyPath, str]]:
    """What is wrong with the realms themselves, and with what goes by them."""
    names: set[str] = set()
    for n, realm in enumerate(configuration.realms):
        at: KeyPath = ("realms", n)
        if realm.name in names:
            yield (*at, "name"), f"{realm.name} is the name of another realm too"
        names.add(realm.name)
        impersonating = [
            service.name
            for service in configuration.services
            if service.realm == realm.name and service.transition.impersonates
        ]
        if realm.impersonation is None and impersonating:
            yield (
                (*at, "impersonation"),
                f"is missing: the gateway acts in requesters' names at {', '.join(impersonating)}. Say in whose it may",
            )
    yield from _hosts_of_two_realms(configuration)
    yield from _rules_without_directory(configuration)


def _hosts_of_two_realms(configuration: Configuration) -> Iterator[tuple[KeyPath, str]]:
    """In Kerberos a host belongs to one realm (krb5.conf, [domain_realm])."""
    realms: dict[str, str] = {}
    for n, service in enumerate(configuration.services):
        if service.realm is None or not service.transition.shows_ticket:
            continue
        for upstream in service.upstream:
            known = realms.setdefault(upstream.spn_host, service.realm)
            if known != service.realm:
                yield (
                    ("services", n, "realm"),
                    f"{upstream.spn_host} is in {known} for another service: a host has its SPN in one realm only",
                )


def _rules_without_directory(configuration: Configuration) -> Iterator[tuple[KeyPath, str]]:
    by_certificate = (s for s in configuration.services if s.authentication is Authentication.CERTIFICATE)
    if any(service.realm for service in by_certificate):
        return
    for n, rule in enumerate(configuration.mapping):
        if rule.account_from in _IN_THE_DIRECTORY:
            yield (
                ("mapping", n, "account_from"),
                f"{rule.account_from} is looked for in a directory, but no Certificate service has a realm",
            )
