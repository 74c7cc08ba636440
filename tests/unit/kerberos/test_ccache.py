import gc
from collections.abc import Iterator
from pathlib import Path

import krb5
import pytest

from gateway.kerberos import ccache, environment
from gateway.tickets import CredentialCache
from tests.kerberos_realms import kept_environment
from tests.kerberos_tickets import a_ticket, a_ticket_granting_ticket, is_gone


@pytest.fixture(autouse=True)
def _environment(tmp_path: Path) -> Iterator[None]:
    with kept_environment():
        environment.prepare(tmp_path, {"CORP.EXAMPLE": ("127.0.0.1", 9)}, {})
        yield


def servers(cache: CredentialCache) -> list[str]:
    return [str(ticket.server) for ticket in ccache.tickets(cache)]


def test_a_cache_is_in_memory_and_no_other_has_its_name() -> None:
    one, other = ccache.new(), ccache.new()

    assert one.name.startswith("MEMORY:")
    assert one.name != other.name


def test_a_cache_holds_the_one_ticket_and_is_its_clients() -> None:
    cache = ccache.holding(a_ticket("alice@CORP.EXAMPLE", "HTTP/ces.corp.example@CORP.EXAMPLE"))

    assert servers(cache) == ["HTTP/ces.corp.example@CORP.EXAMPLE"]
    context = krb5.init_context()
    assert str(krb5.cc_get_principal(context, krb5.cc_resolve(context, cache.name.encode()))) == "alice@CORP.EXAMPLE"


def test_a_cache_lives_as_long_as_somebody_refers_to_it() -> None:
    cache = ccache.holding(a_ticket())
    name, another_reference = cache.name, cache
    del cache
    gc.collect()
    assert not is_gone(name)

    del another_reference
    gc.collect()
    assert is_gone(name)


def test_a_temporary_cache_ends_although_somebody_refers_to_it() -> None:
    with ccache.temporary() as cache:
        ccache.store(cache, a_ticket())
        assert not is_gone(cache.name)
    assert is_gone(cache.name)


def test_a_temporary_cache_ends_with_an_error_too() -> None:
    def fail(names: list[str]) -> None:
        with ccache.temporary() as cache:
            ccache.store(cache, a_ticket())
            names.append(cache.name)
            raise RuntimeError

    names: list[str] = []
    with pytest.raises(RuntimeError) as raised:
        fail(names)
    assert raised.tb is not None
    assert is_gone(names[0])


def test_the_ticket_granting_ticket_is_not_among_the_others() -> None:
    cache = ccache.holding(a_ticket_granting_ticket("alice@CORP.EXAMPLE"))

    assert servers(cache) == []
    assert str(ccache.ticket_granting_ticket(cache).server) == "krbtgt/CORP.EXAMPLE@CORP.EXAMPLE"


def test_what_the_library_notes_about_a_cache_is_no_ticket() -> None:
    cache = ccache.holding(a_ticket())
    context = krb5.init_context()
    krb5.cc_set_config(context, krb5.cc_resolve(context, cache.name.encode()), None, b"proxy_impersonator", b"svc@CORP")

    assert servers(cache) == ["HTTP/ces.corp.example@CORP.EXAMPLE"]
