"""Credential caches in memory, each one for one purpose, and what is in them. Threads may share them.

A cache's secrets are freed when the last reference to its CredentialCache is gone. A library context costs 10 µs and is
made anew for each use, since no two threads may have the same.
"""

import weakref
from collections.abc import Iterator
from contextlib import contextmanager

import krb5

from gateway.tickets import CredentialCache

_CONFIGURATION = b"X-CACHECONF:"
"""Realm of the entries that are no tickets, but MIT's notes about the cache."""
_TICKET_GRANTING_SERVICE = b"krbtgt"
"""RFC 4120 7.3."""


def new() -> CredentialCache:
    """An empty one, for a library to fill."""
    return _new()[0]


def holding(ticket: krb5.Creds) -> CredentialCache:
    """One with this ticket alone."""
    cache = new()
    store(cache, ticket)
    return cache


@contextmanager
def temporary() -> Iterator[CredentialCache]:
    """An empty one that is destroyed in the end, whoever may still hold on to it, e.g. an error's traceback."""
    cache, destroy = _new()
    try:
        yield cache
    finally:
        destroy()


def store(cache: CredentialCache, ticket: krb5.Creds) -> None:
    """Put the first ticket into an empty cache; whose ticket it is, is whose cache it becomes."""
    context = krb5.init_context()
    handle = krb5.cc_resolve(context, cache.name.encode())
    krb5.cc_initialize(context, handle, ticket.client)
    krb5.cc_store_cred(context, handle, ticket)


def tickets(cache: CredentialCache) -> list[krb5.Creds]:
    """What is in it, but for ticket-granting tickets."""
    return [ticket for ticket in _entries(cache) if not _is_for_granting(ticket)]


def ticket_granting_ticket(cache: CredentialCache) -> krb5.Creds:
    """The one in it."""
    return next(ticket for ticket in _entries(cache) if _is_for_granting(ticket))


def _new() -> tuple[CredentialCache, "weakref.finalize[[str], CredentialCache]"]:
    name = krb5.cc_new_unique(krb5.init_context(), b"MEMORY").name
    assert name is not None
    cache = CredentialCache(f"MEMORY:{name.decode()}")
    return cache, weakref.finalize(cache, _destroy, cache.name)


def _destroy(name: str) -> None:
    context = krb5.init_context()
    krb5.cc_destroy(context, krb5.cc_resolve(context, name.encode()))


def _entries(cache: CredentialCache) -> list[krb5.Creds]:
    handle = krb5.cc_resolve(krb5.init_context(), cache.name.encode())
    return [entry for entry in handle if entry.server.realm != _CONFIGURATION]


def _is_for_granting(ticket: krb5.Creds) -> bool:
    return ticket.server.components[0] == _TICKET_GRANTING_SERVICE
