"""What can be seen of a realm before any KDC is asked: the libraries, the addresses and the keytab."""

import importlib
import stat
from collections.abc import Iterator

from gateway.config.settings import Authentication, Configuration, RealmSettings
from gateway.directory.server import Server
from gateway.errors import OwnKeytabUnusable
from gateway.kerberos.relay import KdcRelay
from gateway.strict_yaml import Document, Mistake
from gateway.strict_yaml import Path as KeyPath

_EXTRA = ("gssapi", "krb5", "bonsai")


def mistakes_of_realms(document: Document, configuration: Configuration, warnings: list[str]) -> Iterator[Mistake]:
    """Every mistake; what should be looked at nevertheless is added to `warnings`. For files that exist."""
    if not configuration.realms:
        return
    absent = next(_absent_packages(), None)
    if absent is not None:
        yield document.mistake(("realms",), f"needs Kerberos: pip install ces-gateway[kerberos] ({absent})")
    used = {service.realm for service in configuration.services}
    for n, realm in enumerate(configuration.realms):
        at: KeyPath = ("realms", n)
        if realm.name not in used:
            warnings.append(f"realms.{n}: no service uses {realm.name}")
        for key, message in _mistakes_of_addresses(realm):
            yield document.mistake((*at, *key), message)
        if absent is None:
            for message in _mistakes_of_keytab(realm):
                yield document.mistake((*at, "kerberos", "keytab"), message)
            warnings.extend(f"realms.{n}.kerberos.keytab: {text}" for text in _warnings_of_keytab(configuration, realm))


def _absent_packages() -> Iterator[str]:
    for package in _EXTRA:
        try:
            importlib.import_module(package)
        except ImportError as error:
            # Also where the package is there, and the system's library is not.
            yield str(error)


def _mistakes_of_addresses(realm: RealmSettings) -> Iterator[tuple[KeyPath, str]]:
    settings = realm.kerberos
    try:
        KdcRelay(settings.kdcs, settings.kdc_seconds, settings.kdc_total_seconds, lambda _outcome, _seconds: None)
    except ValueError as error:
        yield ("kerberos", "kdcs"), str(error)
    for server in realm.directory.servers:
        try:
            Server.parse(server)
        except ValueError as error:
            yield ("directory", "servers"), str(error)


def _mistakes_of_keytab(realm: RealmSettings) -> Iterator[str]:
    wanted = f"{realm.kerberos.account}@{realm.name}"
    try:
        found = _principals_in(realm)
    except OwnKeytabUnusable as error:
        yield str(error)
        return
    if wanted not in found:
        yield f"has no key of {wanted}, but of {', '.join(sorted(found)) or 'nobody'}: export it under this name"


def _warnings_of_keytab(configuration: Configuration, realm: RealmSettings) -> Iterator[str]:
    if stat.S_IMODE(realm.kerberos.keytab.stat().st_mode) & stat.S_IROTH:
        yield "everybody on this machine can read it, and so act as the gateway's account: chmod o-r"
    try:
        found = {principal.lower() for principal in _principals_in(realm)}
    except OwnKeytabUnusable:
        return
    hosts = {
        configuration.public_host_of(service)
        for service in configuration.services
        if service.realm == realm.name and service.authentication is Authentication.KERBEROS
    }
    for host in sorted(hosts):
        if f"http/{host}@{realm.name.lower()}" not in found:
            yield f"has no key of HTTP/{host}: the tickets of its clients are for that SPN. Export it too"


def _principals_in(realm: RealmSettings) -> frozenset[str]:
    # Without the extra, this module could not even be imported.
    from gateway.kerberos.keytab import principals_in  # noqa: PLC0415

    return principals_in(realm.kerberos.keytab)
