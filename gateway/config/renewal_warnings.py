"""What should be looked at in services that only renew: whether the handshake lets in whom they are for."""

from collections.abc import Iterator, Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from gateway.config.settings import Configuration
from gateway.web.tls import ListenerSettings, ServerNameSettings


def warnings_of_renewal(configuration: Configuration) -> Iterator[str]:
    """Of a configuration whose files can be read.

    A path may lead over certificates that only the clients have, so that what is not found is no mistake.
    """
    authorities = {
        authority.name: x509.load_pem_x509_certificates(authority.certificates.read_bytes())
        for authority in configuration.certification_authorities
    }
    for service in configuration.services:
        if not service.by_own_certificate:
            continue
        for place, settings in _places(configuration, configuration.public_host_of(service)):
            if settings.client_trust is None:
                continue
            trusted = x509.load_pem_x509_certificates(settings.client_trust.read_bytes())
            for name, own in authorities.items():
                if not any(_leads_to_a_root(certificate, trusted) for certificate in own):
                    yield (
                        f"{place}: client_trust has no root above {name}, so that its certificates, for which the"
                        f" service {service.name} is, may not pass the handshake"
                    )


def _places(configuration: Configuration, host: str) -> Iterator[tuple[str, ListenerSettings | ServerNameSettings]]:
    """Where clients of that host name arrive."""
    for n, listener in enumerate(configuration.listeners):
        named = listener.server_names.get(host)
        yield (f"listeners.{n}", listener) if named is None else (f"listeners.{n}.server_names.{host}", named)


def _leads_to_a_root(certificate: x509.Certificate, trusted: Sequence[x509.Certificate]) -> bool:
    """Whether there is a path of these from the certificate up to one that has signed itself."""
    for _ in range(len(trusted) + 1):
        issuer = next((each for each in trusted if _has_issued(each, certificate)), None)
        if issuer is None:
            return False
        if issuer.subject == issuer.issuer:
            return True
        certificate = issuer
    return False


def _has_issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True
