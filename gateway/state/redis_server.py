"""The Redis or Valkey server: how it is reached, what is asked of it before it is used, and what its errors mean."""

import asyncio
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from redis import exceptions
from redis.asyncio import Connection, ConnectionPool, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.credentials import CredentialProvider

from gateway.state.settings import RedisSettings
from gateway.strict_yaml import Mistake, Mistaken

OLDEST = (6, 2)
"""The first with ZRANGE BYLEX. Valkey says 7.2 for itself, as what it grew from."""

_REMEDIES: tuple[tuple[type[Exception], str], ...] = (
    (exceptions.AuthenticationError, "see username and password_file, and the server's ACL"),
    (exceptions.NoPermissionError, "the ACL must allow EVALSHA, SCRIPT LOAD and what docs/state.md lists"),
    (exceptions.ReadOnlyError, "it is a replica: name the primary, or an address that follows it"),
    (exceptions.OutOfMemoryError, "raise its maxmemory: nothing of this may be evicted"),
    (exceptions.BusyLoadingError, "it is reading its file, and will be there soon"),
    (exceptions.MovedError, "it is a node of a cluster: name a server that is none"),
    (exceptions.ConnectionError, "see whether it runs, and whether a firewall is between"),
    (exceptions.TimeoutError, "see whether it is overloaded, and whether a firewall is between"),
    (TimeoutError, "see whether it is overloaded, and whether a firewall is between"),
)


def remedy_for(error: BaseException) -> str:
    """What the operator can do."""
    return next((text for kind, text in _REMEDIES if isinstance(error, kind)), "see its log")


def connection_pool(settings: RedisSettings) -> ConnectionPool:
    """Connections that are made when they are needed. Raises Mistaken for a certificate that cannot be used.

    Nothing is tried twice once it was sent. A connection that the server has closed meanwhile is noticed before it is
    used, and made anew. Who waits for one is the caller's matter: redis-py's BlockingConnectionPool gives a free one to
    whoever asks next, and under load some have waited for seconds (measured with 8.1.0).
    """
    how: dict[str, Any] = {"connection_class": Connection}
    if settings.is_encrypted:
        how = {"connection_class": _TlsConnection, "context": client_context(settings)}
    if settings.password_file is not None:
        how["credential_provider"] = _PasswordOf(settings.username, settings.password_file)
    return ConnectionPool(
        max_connections=settings.max_connections,
        host=settings.host,
        port=settings.port,
        db=settings.database,
        socket_connect_timeout=settings.connect_seconds,
        socket_timeout=settings.answer_seconds,
        retry=Retry(NoBackoff(), 0),
        # The older protocol: nothing is pushed, and no HELLO and CLIENT SETINFO need to be allowed.
        protocol=2,
        driver_info=None,
        **how,
    )


def objection_to(info: Mapping[str, Any]) -> str | None:
    """Why a server that says so of itself (INFO) must not keep the state."""
    version = str(info.get("redis_version", ""))
    if _numbers(version) < OLDEST:
        return f"it is Redis {version}: at least {OLDEST[0]}.{OLDEST[1]} is needed"
    if info.get("role", "master") != "master":
        return "it is a replica: name the primary, or an address that follows it"
    if (policy := info.get("maxmemory_policy", "noeviction")) != "noeviction":
        return f"its maxmemory-policy is {policy}, which forgets when memory is short: set it to noeviction"
    return None


def warning_about(info: Mapping[str, Any]) -> str | None:
    """What should be looked at in what it says of itself."""
    if not info.get("aof_enabled", 0):
        return "it does not write what it knows to a disk at once: set appendonly yes and appendfsync always"
    return None


def client_context(settings: RedisSettings) -> ssl.SSLContext:
    """Read the files of the settings. Raises Mistaken, with the file that cannot be used."""
    # Not redis-py's own context: it would trust the system's authorities too.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    assert settings.trust is not None, "the settings have seen that it is there"
    try:
        context.load_verify_locations(cafile=settings.trust)
    except OSError as error:
        raise _mistaken(settings.trust, f"no PEM certificates to trust: {error}") from error
    if settings.certificate is not None:
        try:
            # The empty password keeps OpenSSL from asking for one on the terminal.
            context.load_cert_chain(settings.certificate, settings.key, password="")
        except OSError as error:
            message = f"no certificate with the key in {settings.key}, in PEM, without passphrase: {error}"
            raise _mistaken(settings.certificate, message) from error
    return context


def read_password(file: Path) -> str:
    """The only line of the file. Raises OSError, or ValueError for what cannot be a password."""
    lines = file.read_text(encoding="utf-8").splitlines()
    if len(lines) != 1 or not lines[0]:
        raise ValueError("must have one line, the password")
    return lines[0]


class _TlsConnection(SSLConnection):
    def __init__(self, *, context: ssl.SSLContext, **how: Any) -> None:
        super().__init__(**how)
        self.ssl_context.context = context


class _PasswordOf(CredentialProvider):
    """Asked by redis-py for each new connection."""

    def __init__(self, username: str | None, file: Path) -> None:
        self._username = username
        self._file = file

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        try:
            password = read_password(self._file)
        except (OSError, ValueError) as error:
            # redis-py closes the connection after errors of its own only.
            raise exceptions.AuthenticationError(f"{self._file} cannot be used: {error}") from error
        return (password,) if self._username is None else (self._username, password)

    async def get_credentials_async(self) -> tuple[str] | tuple[str, str]:
        return await asyncio.to_thread(self.get_credentials)


def _mistaken(file: Path, message: str) -> Mistaken:
    return Mistaken((Mistake(str(file), 0, "", message),))


def _numbers(version: str) -> tuple[int, ...]:
    """`7.2.4` as numbers; empty for what is no version."""
    parts = version.split(".")
    return tuple(int(part) for part in parts if part.isdigit())
