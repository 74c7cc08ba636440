"""The self-test of what CEP services advertise: an address that would not work is not told to anybody.

A client tries the addresses that it was told, and some only the first one: each must lead to its service. What can be
known without a connection is looked at here, at the start, with each reload, and while time passes. What depends on the
configuration alone is a mistake of it as well (`gateway.config.contradictions`).
"""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from urllib.parse import urlsplit

from gateway.config.settings import Authentication, CEPSettings, CESSettings, Configuration
from gateway.policy.publication import Publication, policy_id_of
from gateway.protocol.xcep import CAURI
from gateway.web.paths import find_service
from gateway.web.reply import PublishedService
from gateway.web.server_certificate import check_server_certificate
from gateway.web.tls import ClientCertificates, ListenerSettings


def publication_of(
    configuration: Configuration, service: CEPSettings, not_advertised: AbstractSet[str] = frozenset()
) -> Publication:
    """What a CEP service tells: every CES service that its clients can go to, but those `not_advertised`.

    Clients take those of the authentication they came with (cepces no other ones), so that these come first; within,
    those that know them as this service does, as an account or by their own certificate; within, it is the file's
    order.
    """
    advertised = [
        ces
        for ces in configuration.services
        if isinstance(ces, CESSettings) and ces.name not in not_advertised and _is_for_clients_of(service, ces)
    ]

    def strangeness(ces: CESSettings) -> tuple[bool, bool]:
        return (
            ces.authentication is not service.authentication,
            ces.by_own_certificate is not service.by_own_certificate,
        )

    uris: dict[str, tuple[CAURI, ...]] = {}
    for ces in sorted(advertised, key=strangeness):
        uri = CAURI(
            ces.authentication.client_authentication,
            configuration.public_url_of(ces),
            priority=None,
            renewal_only=ces.renewal_only,
        )
        uris[ces.ca] = (*uris.get(ces.ca, ()), uri)
    return Publication(service.friendly_name, policy_id_of(configuration.public_url, service.view), uris)


def _is_for_clients_of(service: CEPSettings, ces: CESSettings) -> bool:
    """Who asks for key-based renewal has a certificate, and neither ticket nor password."""
    return not service.by_own_certificate or ces.authentication is Authentication.CERTIFICATE


def why_not_advertised(
    configuration: Configuration,
    published: Sequence[PublishedService],
    offered_cas: AbstractSet[str],
    now: datetime,
) -> Mapping[str, str]:
    """Why the public address of a CES service would not work, by the service's name; those that would are not in it.

    `offered_cas`: common names of the CAs that the inside has told of; empty while it has told nothing. Reads the
    listeners' certificate files.
    """
    return {
        ces.name: reason
        for ces in configuration.services
        if isinstance(ces, CESSettings)
        and (reason := next(_reasons(configuration, ces, published, offered_cas, now), None)) is not None
    }


def _reasons(
    configuration: Configuration,
    ces: CESSettings,
    published: Sequence[PublishedService],
    offered_cas: AbstractSet[str],
    now: datetime,
) -> Iterator[str]:
    url = configuration.public_url_of(ces)
    host = configuration.public_host_of(ces)
    reached = find_service([service for service in published if service.host == host], urlsplit(url).path)
    if reached is None or reached.name != ces.name:
        yield f"{url} does not lead to this service: see public_url and ca"
    objections = {listener.name: _objection(listener, ces, host, now) for listener in configuration.listeners}
    if all(objections.values()):
        told = "; ".join(f"listener {name}: {objection}" for name, objection in objections.items())
        yield f"no listener serves {host} to its clients: {told}"
    if offered_cas and ces.ca not in offered_cas:
        yield (
            f"the internal CEP offers no CA of the name {ces.ca}: check `ca`, which is the common name in the"
            f" certificate of the CA, and that it publishes a template. It offers {', '.join(sorted(offered_cas))}"
        )


def _objection(listener: ListenerSettings, ces: CESSettings, host: str, now: datetime) -> str | None:
    """Why the clients of that service cannot come in here. Ports do not tell: a firewall maps them."""
    settings = listener.server_names.get(host, listener)
    asks = settings.client_certificates is not ClientCertificates.NONE
    if ces.authentication is Authentication.CERTIFICATE and not asks:
        return "it does not ask for client certificates"
    try:
        mistakes = check_server_certificate(settings.certificate.read_bytes(), (host,), now).mistakes
    except OSError as error:
        return f"{settings.certificate} cannot be read: {error.strerror}"
    return "; ".join(mistakes) or None


def warnings_of_advertising(configuration: Configuration, known_cas: AbstractSet[str]) -> Iterator[str]:
    """What check-config says: `known_cas` are those that the template catalogue knows; empty without one."""
    for ces in configuration.services:
        if isinstance(ces, CESSettings) and known_cas and ces.ca not in known_cas:
            yield (
                f"service {ces.name}: clients will not be told of it, since the catalogue knows no CA of the name"
                f" {ces.ca}, but {', '.join(sorted(known_cas))}"
            )
