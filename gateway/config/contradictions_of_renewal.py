"""What is wrong with services whose clients stand for themselves: renewal-only ones, and CEP for key-based renewal."""

from collections.abc import Iterator

from gateway.config.settings import Authentication, CEPSettings, CESSettings, Configuration, TransitionKind
from gateway.strict_yaml import Path as KeyPath

_IN_OWN_NAME = frozenset({TransitionKind.OWN_ACCOUNT, TransitionKind.OWN_CERTIFICATE})


def contradictions_of_renewal(
    configuration: Configuration, service: CEPSettings | CESSettings
) -> Iterator[tuple[KeyPath, str]]:
    """Of one service; paths are from the service on."""
    if not service.by_own_certificate:
        return
    setting = "renewal_only" if isinstance(service, CESSettings) else "key_based_renewal"
    if service.authentication is not Authentication.CERTIFICATE:
        yield ("authentication",), f"{setting} needs authentication Certificate: the old certificate is all there is"
    if service.transition not in _IN_OWN_NAME:
        yield (
            ("transition",),
            f"{setting} goes with own_account or own_certificate: who stands for itself has no account to act as",
        )
    if not configuration.certification_authorities:
        yield (setting,), "needs `certification_authorities`: nobody else says whose certificates may be renewed"
    if isinstance(service, CEPSettings) and not any(map(_renews_by_certificate, configuration.services)):
        yield (setting,), "there is no CES service with authentication Certificate: clients would have nowhere to renew"


def _renews_by_certificate(service: CEPSettings | CESSettings) -> bool:
    return isinstance(service, CESSettings) and service.authentication is Authentication.CERTIFICATE
