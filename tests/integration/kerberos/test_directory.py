"""The directory against a real domain controller: every account, and every way in which a server can fail."""

import asyncio
import selectors
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Self

import krb5
import pytest

from gateway.account import UserAccountControl
from gateway.directory.client import Directory
from gateway.directory.connection import Connection, ConnectionBroken
from gateway.directory.server import Server
from gateway.directory.settings import DirectorySettings
from gateway.directory.ticket import fetch_ticket
from gateway.errors import AccountAmbiguous, DirectoryUnavailable, UnknownUser
from gateway.kerberos import ccache
from gateway.lab.domain import Domain
from gateway.tickets import CredentialCache

OwnCache = Callable[[], Awaitable[CredentialCache]]


@pytest.fixture(autouse=True, scope="module")
def no_reverse_dns() -> Iterator[None]:
    """As `gateway.kerberos.environment` sets it."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("LDAPSASL_NOCANON", "on")
        environment.setenv("LDAPNETWORK_TIMEOUT", "1")
        yield


def own_tgt(domain: Domain) -> CredentialCache:
    context = krb5.init_context()
    principal = krb5.parse_name_flags(context, f"svc-gateway@{domain.realm}".encode())
    keytab = krb5.kt_resolve(context, f"FILE:{domain.keytab('svc-gateway')}".encode())
    options = krb5.get_init_creds_opt_alloc(context)
    return ccache.holding(krb5.get_init_creds_keytab(context, principal, options, keytab))


@pytest.fixture(scope="module")
def own_cache(domain: Domain) -> OwnCache:
    cache = own_tgt(domain)

    async def own_cache() -> CredentialCache:
        return cache

    return own_cache


def now() -> datetime:
    return datetime.now(UTC)


def a_directory(domain: Domain, own_cache: OwnCache, *servers: str, seconds: float = 5) -> Directory:
    settings = DirectorySettings(servers=servers or (domain.address,), seconds=seconds)
    return Directory(domain.realm, settings, own_cache, now)


@pytest.fixture
async def directory(domain: Domain, own_cache: OwnCache) -> AsyncIterator[Directory]:
    async with a_directory(domain, own_cache) as directory:
        yield directory


@contextmanager
def modified(domain: Domain, name: str, **attributes: str | tuple[str, ...]) -> Iterator[None]:
    before = domain.ldb().attributes(name, *attributes)
    domain.ldb().modify(name, **attributes)
    try:
        yield
    finally:
        domain.ldb().modify(name, **before)


# --- names ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "account"),
    [
        ("alice", "alice"),
        ("ALICE", "alice"),
        ("CORP\\alice", "alice"),
        ("corp\\Alice", "alice"),
        ("alice@corp.fabrikam.example", "alice"),
        ("Alice@CORP.FABRIKAM.EXAMPLE", "alice"),
        ("robert@corp.fabrikam.example", "bob"),
        ("bob@corp.fabrikam.example", "bob"),
        ("heidi.jones@partner-a.example", "heidi"),
        ("heidi@corp.fabrikam.example", "heidi"),
        ("PC1$", "PC1$"),
        ("CORP\\pc1$", "PC1$"),
        ("pc1$@corp.fabrikam.example", "PC1$"),
        ("svc-gateway", "svc-gateway"),
    ],
)
async def test_an_account_is_found_by_each_of_its_names(directory: Directory, name: str, account: str) -> None:
    assert (await directory.find_by_name(name)).name == f"{account}@corp.fabrikam.example"


@pytest.mark.parametrize(
    "name",
    [
        "nobody",
        "PC1",
        "WOODGROVE\\alice",
        "corp.fabrikam.example\\alice",
        "alice@partner-a.example",
        "robert",
        "pki-users",
        "Administrators",
        "*",
        "ali*",
        "*)(",
        "alice)(objectClass=*",
        "*)(userAccountControl=*",
        "alice\\2a",
        "\\61lice",
        "alice@corp.fabrikam.example)(|(cn=*",
        "ålice\N{COMBINING ACUTE ACCENT}",
    ],
)
async def test_nobody_is_found_by_what_is_nobodys_name(directory: Directory, name: str) -> None:
    with pytest.raises(UnknownUser):
        await directory.find_by_name(name)


async def test_a_name_that_begins_with_digits_stays_a_name(domain: Domain, directory: Directory) -> None:
    with modified(domain, "u03", userPrincipalName="007@partner-a.example"):
        assert (await directory.find_by_name("007@partner-a.example")).user_principal_name == "007@partner-a.example"


# --- SIDs and certificates ------------------------------------------------------------------------------------------


async def test_an_account_is_found_by_its_sid(domain: Domain, directory: Directory) -> None:
    (sid,) = domain.ldb().attributes("PC1$", "objectSid")["objectSid"]

    account = await directory.find_by_sid(sid)

    assert account == await directory.find_by_name("PC1$")


@pytest.mark.parametrize("name", ["pki-users", "Administrators"])
async def test_a_group_is_no_account(domain: Domain, directory: Directory, name: str) -> None:
    (sid,) = domain.ldb().attributes(name, "objectSid")["objectSid"]

    with pytest.raises(UnknownUser):
        await directory.find_by_sid(sid)


@pytest.mark.parametrize("sid", ["S-1-5-21-1-2-3-1104", "S-1-1-0", "S-1-5-18"])
async def test_nobody_has_a_foreign_sid(directory: Directory, sid: str) -> None:
    with pytest.raises(UnknownUser):
        await directory.find_by_sid(sid)


ISSUER_AND_SERIAL_NUMBER = "X509:<I>DC=example,DC=fabrikam,CN=CA (1)*<SR>0a0b0c"


async def test_an_account_is_found_by_a_value_of_alt_security_identities_in_any_case(
    domain: Domain, directory: Directory
) -> None:
    with modified(domain, "u03", altSecurityIdentities=("X509:<SKI>0102", ISSUER_AND_SERIAL_NUMBER)):
        for values in ([ISSUER_AND_SERIAL_NUMBER], ["x509:<ski>0102"], ["X509:<SKI>ff", "X509:<SKI>0102"]):
            assert (await directory.find_by_alt_security_identities(values)).sam_account_name == "u03"
        for values in (["X509:<SKI>*"], ["X509:<SKI>01"], ["X509:<I>DC=example,DC=fabrikam,CN=CA (1)*<SR>*"]):
            with pytest.raises(UnknownUser):
                await directory.find_by_alt_security_identities(values)


async def test_two_accounts_with_one_certificate_are_ambiguous(domain: Domain, directory: Directory) -> None:
    with (
        modified(domain, "u03", altSecurityIdentities="X509:<SKI>0102"),
        modified(domain, "u04", altSecurityIdentities=("X509:<SKI>0103", "X509:<SKI>0102")),
    ):
        with pytest.raises(AccountAmbiguous):
            await directory.find_by_alt_security_identities(["X509:<SKI>0102"])
        assert (await directory.find_by_alt_security_identities(["X509:<SKI>0103"])).sam_account_name == "u04"


# --- what is said of an account -------------------------------------------------------------------------------------


async def test_groups_are_those_of_groups_too(directory: Directory) -> None:
    account = await directory.find_by_name("alice")

    assert {"domain users", "pki-users", "pki-nested", "users"} <= account.groups
    assert "S-1-5-32-545" in account.group_sids
    assert f"{account.sid.rpartition('-')[0]}-513" in account.group_sids


async def test_a_computer_is_in_its_groups(directory: Directory) -> None:
    assert {"domain computers", "pki-users", "pki-nested"} <= (await directory.find_by_name("PC1$")).groups


async def test_the_states_of_accounts(directory: Directory) -> None:
    accounts = {
        name: await directory.find_by_name(name)
        for name in ("alice", "carol", "dora", "erin", "frank", "paul", "adam", "svc-gateway")
    }

    def having(flag: UserAccountControl) -> set[str]:
        return {name for name, account in accounts.items() if flag in account.user_account_control}

    assert having(UserAccountControl.ACCOUNTDISABLE) == {"dora"}
    assert having(UserAccountControl.NOT_DELEGATED) == {"carol"}
    assert having(UserAccountControl.TRUSTED_TO_AUTHENTICATE_FOR_DELEGATION) == {"svc-gateway"}
    assert {name for name, account in accounts.items() if account.password_expired} == {"erin"}
    assert {name for name, account in accounts.items() if account.expires and account.expires < now()} == {"frank"}
    assert {name for name, account in accounts.items() if "protected users" in account.groups} == {"paul"}
    assert {name for name, account in accounts.items() if "domain admins" in account.groups} == {"adam"}


async def test_an_administrator_is_one_by_admin_count(directory: Directory) -> None:
    assert (await directory.find_by_name("Administrator")).admin_count
    assert not (await directory.find_by_name("alice")).admin_count


def filetime(moment: datetime) -> str:
    return str(round((moment - datetime(1601, 1, 1, tzinfo=UTC)).total_seconds()) * 10_000_000)


@pytest.mark.parametrize(("ago", "is_locked_out"), [(timedelta(minutes=1), True), (timedelta(days=1), False)])
async def test_a_lock_out_ends_with_its_duration(
    domain: Domain, directory: Directory, ago: timedelta, is_locked_out: bool
) -> None:
    domain.ldb().modify("gina", lockoutTime=filetime(now() - ago))
    try:
        assert (await directory.find_by_name("gina")).is_locked_out is is_locked_out
    finally:
        domain.ldb().unlock("gina")


@pytest.mark.parametrize(("ago", "count"), [(timedelta(minutes=1), 2), (timedelta(days=1), 0)])
async def test_wrong_passwords_count_for_the_observation_window(
    domain: Domain, directory: Directory, ago: timedelta, count: int
) -> None:
    with modified(domain, "gina", badPwdCount="2", badPasswordTime=filetime(now() - ago)):
        assert (await directory.find_by_name("gina")).bad_password_count == count


async def test_an_account_is_asked_for_anew_in_every_call(domain: Domain, directory: Directory) -> None:
    before = await directory.find_by_name("u03")
    with modified(domain, "u03", userAccountControl="514"):
        assert UserAccountControl.ACCOUNTDISABLE in (await directory.find_by_name("u03")).user_account_control

    assert await directory.find_by_name("u03") == before


async def test_the_lockout_policy_is_the_domains(directory: Directory) -> None:
    policy = await directory.lockout_policy()

    assert policy.threshold == 3
    assert policy.observation_window_seconds > 0


async def test_what_a_service_may_do_for_others(directory: Directory) -> None:
    own = await directory.delegation_of("svc-gateway")

    assert UserAccountControl.TRUSTED_TO_AUTHENTICATE_FOR_DELEGATION in own.user_account_control
    assert "HTTP/ces.corp.fabrikam.example" in own.allowed_to_delegate_to
    assert (await directory.delegation_of("svc-gateway2")).allowed_to_delegate_to == frozenset()
    with pytest.raises(UnknownUser):
        await directory.delegation_of("nobody")


async def test_two_realms_have_accounts_of_their_own(
    domain: Domain, other_domain: Domain, own_cache: OwnCache, directory: Directory
) -> None:
    cache = own_tgt(other_domain)

    async def other_own_cache() -> CredentialCache:
        return cache

    async with a_directory(other_domain, other_own_cache) as other:
        here, there = await asyncio.gather(directory.find_by_name("alice"), other.find_by_name("alice"))

    assert (here.name, there.name) == ("alice@corp.fabrikam.example", "alice@woodgrove.example")
    assert here.sid != there.sid


# --- servers that fail ----------------------------------------------------------------------------------------------


@dataclass
class Relay:
    """TCP to the domain controller, on its own address, since that is in its SPN; and what can go wrong on the way."""

    domain: Domain
    connections: int = 0
    up_to: int | None = None
    """Octets that a connection may carry from the server; what comes then is held back."""
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    """Set whenever something comes from the client."""
    seen: bytearray = field(default_factory=bytearray)
    """All that has passed from the server."""
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)
    _server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, self.domain.address, 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()

    @property
    def server(self) -> str:
        assert self._server is not None
        return f"{self.domain.address}:{self._server.sockets[0].getsockname()[1]}"

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        server_reader, server_writer = await asyncio.open_connection(self.domain.address, 389)
        self._writers += [writer, server_writer]
        await asyncio.gather(
            self._ask(reader, server_writer), self._answer(server_reader, writer), return_exceptions=True
        )
        writer.transport.abort()
        server_writer.transport.abort()

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while some := await reader.read(65536):
            self.asked.set()
            writer.write(some)
        writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        carried = 0
        while some := await reader.read(65536):
            carried_now = some if self.up_to is None else some[: max(0, self.up_to - carried)]
            carried += len(carried_now)
            self.seen += carried_now
            writer.write(carried_now)
        writer.transport.abort()


def refusing(domain: Domain) -> socket.socket:
    """Holds a port where nobody listens."""
    bound = socket.socket()
    bound.bind((domain.address, 0))
    return bound


def listening(domain: Domain) -> socket.socket:
    """Accepts, and says nothing ever."""
    silent = refusing(domain)
    silent.listen()
    return silent


def name_of(server: socket.socket) -> str:
    host, port = server.getsockname()
    return f"{host}:{port}"


async def test_a_connection_is_made_once_and_kept(domain: Domain, own_cache: OwnCache) -> None:
    async with Relay(domain) as relay, a_directory(domain, own_cache, relay.server) as directory:
        await asyncio.gather(*(directory.find_by_name(f"u{number:02}") for number in range(1, 21)))
        await directory.find_by_name("alice")

        # One to see whether anybody is there, and one to stay.
        assert relay.connections == 2


async def test_what_the_server_says_is_encrypted(domain: Domain, own_cache: OwnCache) -> None:
    async with Relay(domain) as relay, a_directory(domain, own_cache, relay.server) as directory:
        account = await directory.find_by_name("alice")

    assert account.distinguished_name.encode() not in relay.seen
    assert b"sAMAccountName" not in relay.seen


async def test_many_searches_at_a_time_have_each_its_own_answer(directory: Directory) -> None:
    names = [f"u{number:02}" for number in range(1, 51)] * 4

    accounts = await asyncio.gather(*map(directory.find_by_name, names))

    assert [account.sam_account_name for account in accounts] == names


async def test_callers_that_hang_up_do_not_disturb_the_others(directory: Directory) -> None:
    await directory.find_by_name("alice")
    callers = [asyncio.ensure_future(directory.find_by_name("alice")) for _ in range(20)]
    await asyncio.wait(callers, timeout=0)
    for caller in callers[::2]:
        caller.cancel()

    results = await asyncio.gather(*callers, return_exceptions=True)

    assert all(isinstance(result, asyncio.CancelledError) for result in results[::2])
    assert not any(isinstance(result, BaseException) for result in results[1::2])
    assert (await directory.find_by_name("bob")).sam_account_name == "bob"


async def test_a_connection_that_was_closed_is_replaced(domain: Domain, own_cache: OwnCache) -> None:
    async with Relay(domain) as relay, a_directory(domain, own_cache, relay.server) as directory:
        await directory.find_by_name("alice")
        relay.cut()

        assert (await directory.find_by_name("alice")).sam_account_name == "alice"


async def test_a_connection_that_is_cut_under_searches_costs_none_of_them(domain: Domain, own_cache: OwnCache) -> None:
    async with Relay(domain) as relay, a_directory(domain, own_cache, relay.server) as directory:
        await directory.find_by_name("alice")
        callers = [asyncio.ensure_future(directory.find_by_name("alice")) for _ in range(20)]
        await asyncio.wait(callers, timeout=0)
        relay.cut()

        assert all(account.sam_account_name == "alice" for account in await asyncio.gather(*callers))


async def test_a_server_that_no_longer_answers_is_left(domain: Domain, own_cache: OwnCache) -> None:
    async with (
        Relay(domain) as relay,
        a_directory(domain, own_cache, relay.server, domain.address, seconds=0.5) as directory,
    ):
        await directory.find_by_name("alice")
        relay.up_to = 0

        assert (await directory.find_by_name("alice")).sam_account_name == "alice"
        assert directory.trouble is None


@pytest.mark.timeout(20)
async def test_the_event_loop_goes_on_while_a_server_is_silent(domain: Domain, own_cache: OwnCache) -> None:
    async with Relay(domain) as relay, a_directory(domain, own_cache, relay.server, seconds=30) as directory:
        await directory.find_by_name("alice")
        relay.up_to = 0
        relay.asked.clear()
        caller = asyncio.ensure_future(directory.find_by_name("alice"))
        await relay.asked.wait()

        relay.up_to = None
        relay.cut()

        assert (await caller).sam_account_name == "alice"


@pytest.mark.parametrize("octets", [0, 1, 7, 100, 230])
async def test_half_an_answer_to_the_bind_is_none(domain: Domain, own_cache: OwnCache, octets: int) -> None:
    async with Relay(domain, up_to=octets) as relay, a_directory(domain, own_cache, relay.server, seconds=0.2) as it:
        with pytest.raises(DirectoryUnavailable, match="does not answer the bind in time"):
            await it.find_by_name("alice")


async def test_half_an_answer_to_a_search_is_none(domain: Domain, own_cache: OwnCache) -> None:
    async with Relay(domain, up_to=300) as relay, a_directory(domain, own_cache, relay.server, seconds=0.2) as it:
        with pytest.raises(DirectoryUnavailable, match=r"did not answer a search within 0\.2 s"):
            await it.find_by_name("alice")


async def test_servers_are_asked_in_turn_until_one_lets_in(domain: Domain, own_cache: OwnCache) -> None:
    with refusing(domain) as refused, listening(domain) as silent:
        servers = (name_of(refused), name_of(silent), domain.address)
        async with a_directory(domain, own_cache, *servers, seconds=0.5) as directory:
            assert (await directory.find_by_name("alice")).sam_account_name == "alice"
            assert directory.trouble is None


async def test_without_any_server_it_is_told_what_each_did(domain: Domain, own_cache: OwnCache) -> None:
    with refusing(domain) as refused, listening(domain) as silent:
        servers = (name_of(refused), name_of(silent))
        async with a_directory(domain, own_cache, *servers, seconds=0.2) as directory:
            with pytest.raises(DirectoryUnavailable) as raised:
                await directory.find_by_name("alice")

    assert f"{servers[0]}: it does not accept a connection" in str(raised.value)
    assert f"{servers[1]}: it accepts a connection, and does not answer the bind in time" in str(raised.value)


async def test_a_server_that_the_kdc_does_not_know_is_not_asked(domain: Domain, own_cache: OwnCache) -> None:
    with listening(domain) as silent:
        port = silent.getsockname()[1]
        async with a_directory(domain, own_cache, f"127.0.0.1:{port}") as directory:
            with pytest.raises(DirectoryUnavailable, match=r"no ticket for ldap/127\.0\.0\.1@CORP"):
                await directory.find_by_name("alice")


async def test_what_binds_can_ask_no_kdc_for_another_ticket(domain: Domain, own_cache: OwnCache) -> None:
    ticket = fetch_ticket(await own_cache(), f"HTTP/ces.corp.fabrikam.example@{domain.realm}")

    with pytest.raises(ConnectionBroken, match="Matching credential not found"):
        await Connection.open(Server.parse(domain.address), ticket.cache, 5)


class CountingSelector(selectors.DefaultSelector):
    """Counts how often the event loop looks for something to do."""

    turns = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.turns += 1
        found: list[tuple[selectors.SelectorKey, int]] = super().select(timeout)
        return found


def test_waiting_for_a_server_keeps_nobody_busy(domain: Domain, own_cache: OwnCache) -> None:
    selector = CountingSelector()

    async def wait() -> None:
        with listening(domain) as silent:
            async with a_directory(domain, own_cache, name_of(silent), seconds=0.5) as directory:
                with pytest.raises(DirectoryUnavailable):
                    await directory.find_by_name("alice")

    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
        runner.run(wait())

    assert selector.turns < 100
