"""What can be seen of the state before it is opened: the directory of its file, or the files that lead to a server."""

import os
import stat
from collections.abc import Iterator

from gateway.config.settings import Configuration
from gateway.state.redis_server import client_context, read_password
from gateway.state.settings import MemorySettings, RedisSettings, SqliteSettings
from gateway.strict_yaml import Document, Mistake, Mistaken


def mistakes_of_state(document: Document, configuration: Configuration, warnings: list[str]) -> Iterator[Mistake]:
    """Every mistake; what should be looked at nevertheless is added to `warnings`. For files that exist."""
    settings = configuration.state_settings
    match settings:
        case MemorySettings():
            warnings.append("state: is in memory: a restart forgets what was sent to a CA, and every limit")
        case SqliteSettings():
            for message in _mistakes_of_file(settings):
                yield document.mistake(("state", "file"), message)
        case RedisSettings():
            yield from _mistakes_of_server(document, settings, warnings)


def _mistakes_of_file(settings: SqliteSettings) -> Iterator[str]:
    directory = settings.file.parent
    if not os.access(directory, os.W_OK | os.X_OK, effective_ids=True):
        yield f"nothing can be written into {directory}: {settings.file.name} and two files beside it are made there"
    elif settings.file.exists() and not os.access(settings.file, os.R_OK | os.W_OK, effective_ids=True):
        yield f"{settings.file} cannot be read and written: it must be the gateway's own"


def _mistakes_of_server(document: Document, settings: RedisSettings, warnings: list[str]) -> Iterator[Mistake]:
    if settings.is_encrypted:
        try:
            client_context(settings)
        except Mistaken as mistaken:
            yield from mistaken.mistakes
    else:
        warnings.append("state.url: is not encrypted: who can listen learns the password, and what is kept")
    if settings.password_file is None:
        return
    try:
        read_password(settings.password_file)
    except (OSError, ValueError) as error:
        yield document.mistake(("state", "password_file"), f"{settings.password_file} cannot be used: {error}")
        return
    if stat.S_IMODE(settings.password_file.stat().st_mode) & stat.S_IROTH:
        warnings.append("state.password_file: everybody on this machine can read it: chmod o-r")
