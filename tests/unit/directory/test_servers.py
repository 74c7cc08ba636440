"""Failover, repetition and sharing, with servers that do as told. `tests/integration/kerberos` has real ones."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from gateway.directory import servers as module
from gateway.directory.connection import ConnectionBroken, SearchRefused
from gateway.directory.search import EVERY_OBJECT, Entry, Scope, Search
from gateway.directory.server import Server
from gateway.directory.servers import Servers
from gateway.directory.ticket import LdapTicket, NoTicket
from gateway.errors import DirectoryUnavailable, OwnKeytabRefused
from gateway.tickets import CredentialCache

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SEARCH = Search("DC=corp,DC=example", Scope.BASE_OBJECT, EVERY_OBJECT, ())
FOUND = [Entry({})]
OWN = CredentialCache("MEMORY:own")


@dataclass
class FakeConnection:
    host: str
    answers: Callable[[str], list[Entry]]
    trouble: str | None = None

    async def search(self, _search: Search) -> list[Entry]:
        if self.trouble is not None:
            raise ConnectionBroken(self.trouble)
        try:
            return self.answers(self.host)
        except ConnectionBroken as error:
            self.trouble = str(error)
            raise

    def give_up(self, trouble: str) -> None:
        self.trouble = self.trouble or trouble


@dataclass
class World:
    """What the servers do, by host. Hosts that are in none of these let the gateway in and answer."""

    unreachable: set[str] = field(default_factory=set)
    locked: set[str] = field(default_factory=set)
    without_ticket: set[str] = field(default_factory=set)
    breaking: list[str] = field(default_factory=list)
    """One search on a connection to such a host ends the connection."""
    refusing: set[str] = field(default_factory=set)
    connections: list[FakeConnection] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)
    now: datetime = NOW
    gate: asyncio.Event | None = None
    """Nobody is reached before it is set."""
    keytab_is_refused: bool = False

    async def own_cache(self) -> CredentialCache:
        if self.keytab_is_refused:
            raise OwnKeytabRefused("the key is an old one")
        return OWN

    def fetch_ticket(self, own: CredentialCache, service: str) -> LdapTicket:
        assert own is OWN
        host = service.removeprefix("ldap/").removesuffix("@CORP.EXAMPLE")
        self.tried.append(host)
        if host in self.without_ticket:
            raise NoTicket("the KDC knows no such server")
        return LdapTicket(CredentialCache(f"MEMORY:{host}"), self.now + timedelta(hours=10))

    async def reach(self, host: str) -> None:
        if self.gate is not None:
            await self.gate.wait()
        if host in self.unreachable:
            raise OSError("it does not accept a connection")

    def open(self, host: str) -> FakeConnection:
        if host in self.locked:
            raise ConnectionBroken("it does not let the gateway in")
        self.connections.append(FakeConnection(host, self.answer))
        return self.connections[-1]

    def answer(self, host: str) -> list[Entry]:
        if host in self.refusing:
            raise SearchRefused("result code 12")
        if host in self.breaking:
            self.breaking.remove(host)
            raise ConnectionBroken("it has closed the connection")
        return FOUND


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()

    class FakeOpen:
        @staticmethod
        async def open(server: Server, ticket: CredentialCache, _seconds: float) -> FakeConnection:
            assert ticket.name == f"MEMORY:{server.host}"
            return world.open(server.host)

    async def reach(server: Server, _workers: object, _seconds: float) -> None:
        await world.reach(server.host)

    monkeypatch.setattr(module, "fetch_ticket", world.fetch_ticket)
    monkeypatch.setattr(module, "Connection", FakeOpen)
    monkeypatch.setattr(Server, "reach", reach)
    return world


@pytest.fixture
async def servers(world: World) -> AsyncIterator[Servers]:
    servers = Servers("CORP.EXAMPLE", ["dc1", "dc2"], 3, world.own_cache, lambda: world.now)
    yield servers
    await servers.close()


async def test_the_first_server_is_asked_and_its_connection_kept(world: World, servers: Servers) -> None:
    assert await servers.search(SEARCH) is FOUND
    assert await servers.search(SEARCH) is FOUND

    assert world.tried == ["dc1"]
    assert servers.trouble is None


@pytest.mark.parametrize("way", ["unreachable", "locked", "without_ticket"])
async def test_the_next_server_is_asked_if_the_first_does_not_let_in(world: World, servers: Servers, way: str) -> None:
    getattr(world, way).add("dc1")

    assert await servers.search(SEARCH) is FOUND

    assert world.tried == ["dc1", "dc2"]
    assert servers.trouble is None


async def test_without_any_server_the_error_says_what_each_did(world: World, servers: Servers) -> None:
    world.unreachable.add("dc1")
    world.locked.add("dc2")

    with pytest.raises(DirectoryUnavailable) as raised:
        await servers.search(SEARCH)

    detail = "dc1:389: it does not accept a connection; dc2:389: it does not let the gateway in"
    assert str(raised.value).endswith(detail)
    assert servers.trouble == detail


async def test_a_server_that_failed_is_tried_last(world: World, servers: Servers) -> None:
    world.unreachable.add("dc1")
    await servers.search(SEARCH)
    world.connections[-1].trouble = "it has closed the connection"
    world.tried.clear()

    await servers.search(SEARCH)

    assert world.tried == ["dc2"]


async def test_an_idle_connection_that_was_closed_is_replaced_and_nobody_is_blamed(
    world: World, servers: Servers
) -> None:
    await servers.search(SEARCH)
    world.connections[-1].trouble = "it has closed the connection"

    assert await servers.search(SEARCH) is FOUND

    assert world.tried == ["dc1", "dc1"]


async def test_a_search_whose_connection_breaks_is_repeated_once_elsewhere(world: World, servers: Servers) -> None:
    world.breaking = ["dc1"]

    assert await servers.search(SEARCH) is FOUND

    assert world.tried == ["dc1", "dc2"]


async def test_a_search_is_not_repeated_twice(world: World, servers: Servers) -> None:
    world.breaking = ["dc1", "dc2"]

    with pytest.raises(DirectoryUnavailable, match=r"dc2:389: it has closed the connection"):
        await servers.search(SEARCH)

    assert world.tried == ["dc1", "dc2"]


async def test_a_search_that_is_refused_is_not_repeated(world: World, servers: Servers) -> None:
    world.refusing.add("dc1")

    with pytest.raises(DirectoryUnavailable, match=r"dc1:389 refuses a search: result code 12"):
        await servers.search(SEARCH)

    assert world.tried == ["dc1"]


async def test_a_connection_is_replaced_before_its_ticket_ends(world: World, servers: Servers) -> None:
    await servers.search(SEARCH)
    world.now += timedelta(hours=9, minutes=59)

    await servers.search(SEARCH)

    assert [connection.trouble for connection in world.connections] == ["its ticket is about to expire", None]


async def test_all_callers_share_one_attempt_to_connect(world: World, servers: Servers) -> None:
    world.gate = asyncio.Event()
    world.unreachable = {"dc1", "dc2"}
    callers = [asyncio.ensure_future(servers.search(SEARCH)) for _ in range(10)]
    await asyncio.wait(callers, timeout=0)
    world.gate.set()

    errors = await asyncio.gather(*callers, return_exceptions=True)

    assert all(isinstance(error, DirectoryUnavailable) for error in errors)
    assert world.tried == ["dc1", "dc2"]


async def test_a_caller_that_hangs_up_does_not_take_the_attempt_with_it(world: World, servers: Servers) -> None:
    world.gate = asyncio.Event()
    first, second = (asyncio.ensure_future(servers.search(SEARCH)) for _ in range(2))
    await asyncio.wait((first, second), timeout=0)

    first.cancel()
    await asyncio.wait((first,))
    world.gate.set()

    assert await second is FOUND


async def test_what_the_gateways_own_ticket_lacks_is_told_as_such(world: World, servers: Servers) -> None:
    world.keytab_is_refused = True

    with pytest.raises(OwnKeytabRefused):
        await servers.search(SEARCH)

    world.keytab_is_refused = False
    assert await servers.search(SEARCH) is FOUND


async def test_closing_ends_an_attempt_to_connect(world: World, servers: Servers) -> None:
    world.gate = asyncio.Event()
    caller = asyncio.ensure_future(servers.search(SEARCH))
    await asyncio.wait((caller,), timeout=0)

    await servers.close()

    with pytest.raises(DirectoryUnavailable, match="the gateway ends"):
        await caller


def test_servers_that_are_none_are_refused_at_once(world: World) -> None:
    with pytest.raises(ValueError, match="host:port"):
        Servers("CORP.EXAMPLE", ["dc1:ldap"], 3, world.own_cache, lambda: NOW)
