"""From a file's name to a configuration without mistakes, or to every mistake with its line."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gateway.authn.mapping import AccountMapping
from gateway.authn.negotiate import ChannelBindings
from gateway.authn.password_file import PasswordFileMistaken, parse_password_file
from gateway.config.advertising import warnings_of_advertising
from gateway.config.authority_files import mistakes_of_authorities
from gateway.config.catalogue_files import objections_of_catalogue
from gateway.config.contradictions import contradictions
from gateway.config.contradictions_of_partners import unknown_partners
from gateway.config.contradictions_of_rates import unknown_templates
from gateway.config.issued_warnings import warnings_of_issued
from gateway.config.realm_files import mistakes_of_realms
from gateway.config.renewal_warnings import warnings_of_renewal
from gateway.config.settings import Authentication, Configuration
from gateway.config.state_files import mistakes_of_state
from gateway.policy.blocked_keys import parse_blocked_keys
from gateway.policy.decision import Policies
from gateway.policy.load import load_policies
from gateway.strict_yaml import Document, Mistake, Mistaken, Settings, parse
from gateway.strict_yaml import Path as KeyPath
from gateway.upstream.tls import client_context
from gateway.web.tls import can_be_bound_to, check_listener, is_presented


@dataclass(frozen=True, slots=True)
class Checked:
    """A configuration with the policies it names, both without mistakes, and what should be looked at nevertheless."""

    configuration: Configuration
    policies: Policies
    warnings: tuple[str, ...]
    shadow_policies: Policies | None = None
    """None if there are none, or if they have mistakes."""
    shadow_mistakes: tuple[Mistake, ...] = ()
    """They are no reason not to serve."""
    catalogue_mistakes: tuple[Mistake, ...] = ()
    """No reason not to serve: the inside can change a template at any time, and a restart must not end in that."""


def load_configuration(file: Path, now: datetime) -> Checked:
    """Read, check and resolve everything the file names. Raises Mistaken with every mistake found.

    Relative paths are taken from the file's own directory.
    """
    try:
        document = parse(file.read_text(encoding="utf-8"), file)
    except (OSError, UnicodeDecodeError) as error:
        raise Mistaken((Mistake(str(file), 0, "", f"cannot be read: {error}"),)) from error
    configuration = _absolute(document.validate(Configuration), file.resolve().parent)
    mistakes = [document.mistake(path, message) for path, message in contradictions(configuration)]
    warnings: list[str] = []
    for path, message in _missing_files(configuration):
        mistakes.append(document.mistake(path, message))
    if not mistakes:
        mistakes += _mistakes_of_listeners(document, configuration, now, warnings)
        if not mistakes:
            # They are looked for in the certificates, which can be read.
            mistakes += _mistakes_of_hosts(document, configuration)
            mistakes += _mistakes_of_channel_bindings(document, configuration)
        mistakes += _mistakes_of_upstreams(configuration)
        mistakes += _mistakes_of_mapping(configuration)
        mistakes += mistakes_of_realms(document, configuration, warnings)
        mistakes += mistakes_of_authorities(document, configuration, now, warnings)
        mistakes += mistakes_of_state(document, configuration, warnings)
    policies, found = _read_policies(document, configuration)
    mistakes += found
    warnings.extend(unknown_partners(configuration, policies))
    warnings.extend(unknown_templates(configuration.rate_limits, policies))
    mistakes += _mistakes_of_passwords(configuration)
    if mistakes:
        raise Mistaken(tuple(mistakes))
    warnings.extend(warnings_of_issued(configuration, policies))
    warnings.extend(warnings_of_renewal(configuration))
    shadow, shadow_mistakes = _read_shadow_policies(document, configuration)
    objections = objections_of_catalogue(configuration, policies)
    warnings.extend(warnings_of_advertising(configuration, {ca.common_name for ca in objections.catalogue.cas}))
    names = objections.catalogue.common_names()
    return Checked(
        configuration,
        policies.knowing(names),
        (*warnings, *objections.warnings),
        shadow.knowing(names) if shadow else None,
        shadow_mistakes,
        objections.mistakes,
    )


def read_policies(directory: Path, blocked_keys: Path | None = None) -> Policies:
    """The policies of a directory, at least one, and the keys that none of them allows.

    Raises Mistaken; OSError or UnicodeDecodeError for what cannot be read, which is never taken for an absent policy.
    """
    blocked: frozenset[bytes] = frozenset()
    if blocked_keys is not None:
        blocked = parse_blocked_keys(blocked_keys.read_text(encoding="utf-8"), str(blocked_keys))
    return load_policies(policy_files(directory), blocked)


def policy_files(directory: Path) -> tuple[tuple[str, str], ...]:
    """Name and text of the policy files of a directory, at least one. Raises as `read_policies`."""
    files = sorted(path for path in directory.iterdir() if path.suffix in {".yaml", ".yml"})
    if not files:
        # Also what a volume looks like that is not mounted: at a reload, that must not put the good set out of force.
        raise Mistaken((Mistake(str(directory), 0, "", "no policy files: every request would be refused"),))
    return tuple((str(path), path.read_text(encoding="utf-8")) for path in files)


def _read_policies(document: Document, configuration: Configuration) -> tuple[Policies, tuple[Mistake, ...]]:
    nothing = Policies(())
    if configuration.blocked_keys is not None and not configuration.blocked_keys.exists():
        return nothing, ()  # reported with the other files that are missing
    try:
        return read_policies(configuration.policies, configuration.blocked_keys), ()
    except Mistaken as mistaken:
        return nothing, mistaken.mistakes
    except (OSError, UnicodeDecodeError) as error:
        return nothing, (document.mistake(("policies",), f"cannot be read: {error}"),)


def _read_shadow_policies(
    document: Document, configuration: Configuration
) -> tuple[Policies | None, tuple[Mistake, ...]]:
    if configuration.shadow_policies is None:
        return None, ()
    try:
        return read_policies(configuration.shadow_policies, configuration.blocked_keys), ()
    except Mistaken as mistaken:
        return None, mistaken.mistakes
    except (OSError, UnicodeDecodeError) as error:
        return None, (document.mistake(("shadow_policies",), f"cannot be read: {error}"),)


def _absolute(configuration: Configuration, base: Path) -> Configuration:
    """Every relative path taken from `base`."""

    def resolve(value: object) -> object:
        match value:
            case Path():
                return base / value
            case Settings():
                return value.model_copy(
                    update={name: resolve(getattr(value, name)) for name in type(value).model_fields}
                )
            case tuple():
                return tuple(resolve(item) for item in value)
            case dict():
                return {key: resolve(item) for key, item in value.items()}
            case _:
                return value

    resolved = resolve(configuration)
    assert isinstance(resolved, Configuration)
    return resolved


def _missing_files(configuration: Configuration) -> Iterator[tuple[KeyPath, str]]:
    for path, value in _paths(configuration, ()):
        if path in {("audit", "file"), ("catalogue", "file"), ("state", "file")}:
            if not value.parent.is_dir():
                yield path, f"the directory {value.parent} does not exist"
        elif path != ("shadow_policies",) and not value.exists():
            yield path, f"{value} does not exist"


def _paths(value: object, at: KeyPath) -> Iterator[tuple[KeyPath, Path]]:
    match value:
        case Path():
            yield at, value
        case Settings():
            for name in type(value).model_fields:
                yield from _paths(getattr(value, name), (*at, name))
        case tuple():
            for n, item in enumerate(value):
                yield from _paths(item, (*at, n))
        case dict():
            for key, item in value.items():
                yield from _paths(item, (*at, key))


def _mistakes_of_listeners(
    document: Document, configuration: Configuration, now: datetime, warnings: list[str]
) -> Iterator[Mistake]:
    for n, listener in enumerate(configuration.listeners):
        check = check_listener(listener, now)
        warnings.extend(f"listeners.{n}: {warning}" for warning in check.warnings)
        for message in check.mistakes:
            yield document.mistake(("listeners", n), message)


def _mistakes_of_hosts(document: Document, configuration: Configuration) -> Iterator[Mistake]:
    """Each public host needs a listener, and each listener a public host. Ports do not tell: a firewall maps them."""
    hosts = sorted(configuration.public_hosts())
    for host in hosts:
        if not any(is_presented(listener, host) for listener in configuration.listeners):
            yield document.mistake(("public_url",), f"no listener has a certificate for {host}")
    for n, listener in enumerate(configuration.listeners):
        if not any(is_presented(listener, host) for host in hosts):
            wanted = " or ".join(hosts)
            yield document.mistake(("listeners", n, "certificate"), f"is for none of the public hosts, {wanted}")


def _mistakes_of_channel_bindings(document: Document, configuration: Configuration) -> Iterator[Mistake]:
    for n, service in enumerate(configuration.services):
        if service.authentication is not Authentication.KERBEROS or service.channel_bindings is ChannelBindings.OFF:
            continue
        host = configuration.public_host_of(service)
        shown = [listener for listener in configuration.listeners if is_presented(listener, host)]
        if not all(can_be_bound_to(listener, host) for listener in shown):
            yield document.mistake(
                ("services", n, "channel_bindings"),
                f"{service.channel_bindings} needs a certificate for {host} that tickets can be bound to: RFC 5929 says"
                " nothing of Ed25519 and Ed448. Have it signed with RSA or ECDSA",
            )


def _mistakes_of_upstreams(configuration: Configuration) -> Iterator[Mistake]:
    for upstream in (upstream for service in configuration.services for upstream in service.upstream):
        try:
            client_context(upstream)
        except Mistaken as mistaken:
            yield from mistaken.mistakes


def _mistakes_of_mapping(configuration: Configuration) -> tuple[Mistake, ...]:
    try:
        AccountMapping(configuration.mapping)
    except Mistaken as mistaken:
        return mistaken.mistakes
    return ()


def _mistakes_of_passwords(configuration: Configuration) -> Iterator[Mistake]:
    if configuration.password_file is None or not configuration.password_file.exists():
        return
    try:
        parse_password_file(configuration.password_file.read_text(encoding="utf-8"))
    except PasswordFileMistaken as mistaken:
        for line, message in mistaken.mistakes:
            yield Mistake(str(configuration.password_file), line, "", message)
