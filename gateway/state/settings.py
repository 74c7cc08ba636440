"""Which store keeps the state, and how it is reached."""

import re
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from gateway.strict_yaml import Settings

_DATABASE = re.compile("/?|/[0-9]{1,5}")


class MemorySettings(Settings):
    """In the process: nothing survives it, and nobody else knows. For trials."""

    kind: Literal["memory"]


class SqliteSettings(Settings):
    """In one file, which all processes of one machine share."""

    kind: Literal["sqlite"]
    file: Path
    """The gateway makes it, and two others beside it, so its directory must be its own. On a local disk: the processes
    share memory for it (sqlite.org/wal.html)."""


class RedisSettings(Settings):
    """In a Redis or Valkey server, which all replicas share. Secrets are paths, never values."""

    kind: Literal["redis"]
    url: str
    """`rediss://host[:port][/database]`, or `redis://` without TLS. Of a primary, not of a cluster: all keys would be
    in one of its slots anyway."""
    trust: Path | None = None
    """PEM: the authorities, and no others, that may vouch for the server's certificate."""
    certificate: Path | None = None
    """PEM: the gateway's own client certificate with its chain: Redis asks for one by default (`tls-auth-clients`)."""
    key: Path | None = None
    """PEM, without a passphrase."""
    username: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """Of an ACL; without it, Redis' user `default`."""
    password_file: Path | None = None
    """Its only line is the password. Read for each connection, so that it can be changed at any time."""
    prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,40}$")] = "ces-gateway"
    """Of every key, in braces: two gateways that shall not share anything have different ones."""
    connect_seconds: Annotated[float, Field(gt=0, le=30)] = 2
    """For TCP, TLS and AUTH: a server in the same network needs milliseconds, and a client waits."""
    answer_seconds: Annotated[float, Field(gt=0, le=30)] = 2
    """For an answer. Enough for an fsync of a disk that is busy rewriting the file."""
    max_connections: Annotated[int, Field(gt=0, le=1000)] = 16
    """One serves thousands of operations a second; Redis itself takes 10,000 connections by default (`maxclients`)."""

    @field_validator("url")
    @classmethod
    def _is_a_place(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in {"redis", "rediss"} or not parts.hostname:
            raise ValueError("must be rediss://host:port, or redis://host:port where nobody can listen")
        if "@" in parts.netloc:
            raise ValueError("must not contain a user or a password: use username and password_file")
        if parts.query or parts.fragment or not _DATABASE.fullmatch(parts.path):
            raise ValueError("has nothing behind host and port but the number of a database")
        if parts.port == 0:  # raises ValueError itself for what is no port
            raise ValueError("0 is no port to connect to")
        return url

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.is_encrypted and self.trust is None:
            raise ValueError("rediss needs trust: the authority of the server's certificate")
        if not self.is_encrypted and (self.trust or self.certificate or self.key):
            raise ValueError("trust, certificate and key are for rediss: redis is not encrypted")
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key go together: give both or none")
        if self.username is not None and self.password_file is None:
            raise ValueError("username needs password_file")
        return self

    @property
    def is_encrypted(self) -> bool:
        """Whether TLS is spoken."""
        return urlsplit(self.url).scheme == "rediss"

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 6379

    @property
    def database(self) -> int:
        """0 if the URL names none."""
        return int(urlsplit(self.url).path.removeprefix("/") or 0)


StateSettings = Annotated[MemorySettings | SqliteSettings | RedisSettings, Field(discriminator="kind")]
