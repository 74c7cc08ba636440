"""What is asked and what is made of the answers; `tests/integration/kerberos` asks a real directory."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from gateway.directory.client import Directory
from gateway.directory.search import Attribute, Entry, Scope, Search
from gateway.directory.settings import DirectorySettings
from gateway.directory.sid import render_sid
from gateway.errors import AccountAmbiguous, DirectoryUnavailable, UnknownUser
from gateway.tickets import CredentialCache

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DOMAIN = "S-1-5-21-1-2-3"
ALICE = f"{DOMAIN}-1104"
BOB = f"{DOMAIN}-1105"


def an_account(sid: str, *groups: str, **changes: bytes) -> Entry:
    values = {
        "OBJECT_SID": (render_sid(sid),),
        "DISTINGUISHED_NAME": (b"CN=alice,DC=corp,DC=example",),
        "SAM_ACCOUNT_NAME": (b"alice",),
        "USER_ACCOUNT_CONTROL": (b"512",),
        "MS_DS_USER_ACCOUNT_CONTROL_COMPUTED": (b"0",),
        "TOKEN_GROUPS": tuple(map(render_sid, groups or [f"{DOMAIN}-513"])),
        **{name: (value,) for name, value in changes.items()},
    }
    return Entry({Attribute[name]: each for name, each in values.items() if each != (b"",)})


@dataclass
class FakeServers:
    """Finds `found` by whatever filter, and reads `accounts` by SID."""

    found: list[str] = field(default_factory=lambda: [ALICE])
    accounts: dict[str, Entry] = field(default_factory=lambda: {ALICE: an_account(ALICE)})
    group_names: dict[str, str] = field(default_factory=dict)
    asked: list[Search] = field(default_factory=list)
    trouble: str | None = None

    async def search(self, search: Search) -> list[Entry]:
        self.asked.append(search)
        if search.base_object == "":
            return [Entry({Attribute.CONFIGURATION_NAMING_CONTEXT: (b"CN=Configuration,DC=corp,DC=example",)})]
        if search.base_object.startswith("CN=Partitions"):
            return [Entry({Attribute.NETBIOS_NAME: (b"CORP",)})]
        if search.base_object.startswith("<SID="):
            account = self.accounts.get(search.base_object[5:-1])
            return [account] if account else []
        if search.scope is Scope.BASE_OBJECT:
            window = (b"-18000000000",)
            return [Entry({Attribute.LOCKOUT_THRESHOLD: (b"3",), Attribute.LOCKOUT_OBSERVATION_WINDOW: window})]
        if Attribute.SAM_ACCOUNT_NAME in search.attributes:
            return [
                Entry({Attribute.OBJECT_SID: (render_sid(sid),), Attribute.SAM_ACCOUNT_NAME: (name.encode(),)})
                for sid, name in self.group_names.items()
                if _escaped(render_sid(sid)) in search.filter
            ]
        return [Entry({Attribute.OBJECT_SID: (render_sid(sid),)}) for sid in self.found]

    async def close(self) -> None:
        pass


def _escaped(value: bytes) -> str:
    return "".join(f"\\{octet:02x}" for octet in value)


@pytest.fixture
def servers() -> FakeServers:
    return FakeServers()


@pytest.fixture
def now() -> list[datetime]:
    """Of which the last one is now."""
    return [NOW]


@pytest.fixture
def directory(servers: FakeServers, now: list[datetime], monkeypatch: pytest.MonkeyPatch) -> Directory:
    async def own_cache() -> CredentialCache:
        raise AssertionError

    directory = Directory("CORP.EXAMPLE", DirectorySettings(servers=("dc1",)), own_cache, lambda: now[-1])
    monkeypatch.setattr(directory, "_servers", servers)
    return directory


async def test_an_account_is_found_and_then_read(directory: Directory, servers: FakeServers) -> None:
    assert (await directory.find_by_name("alice")).name == "alice@corp.example"
    servers.asked.clear()

    await directory.find_by_name("CORP\\alice")

    assert [search.base_object for search in servers.asked] == ["DC=corp,DC=example", f"<SID={ALICE}>"]


async def test_by_sid_it_is_only_read(directory: Directory, servers: FakeServers) -> None:
    await directory.find_by_sid(ALICE)
    servers.asked.clear()

    assert (await directory.find_by_sid(ALICE)).sid == ALICE

    assert [search.base_object for search in servers.asked] == [f"<SID={ALICE}>"]


async def test_it_is_read_anew_in_every_call(directory: Directory, servers: FakeServers) -> None:
    assert not (await directory.find_by_name("alice")).is_locked_out
    servers.accounts[ALICE] = an_account(ALICE, MS_DS_USER_ACCOUNT_CONTROL_COMPUTED=b"16")

    assert (await directory.find_by_name("alice")).is_locked_out


async def test_nobody_is_unknown(directory: Directory, servers: FakeServers) -> None:
    servers.found = []

    with pytest.raises(UnknownUser, match="the name 'alice'"):
        await directory.find_by_name("alice")
    with pytest.raises(UnknownUser, match="X509:<I>"):
        await directory.find_by_alt_security_identities(["X509:<I>CN=CA<SR>01"])


async def test_several_are_ambiguous_and_named(directory: Directory, servers: FakeServers) -> None:
    servers.found = [ALICE, BOB]

    with pytest.raises(AccountAmbiguous, match=f"{ALICE}, {BOB}"):
        await directory.find_by_name("alice@corp.example")
    with pytest.raises(AccountAmbiguous):
        await directory.find_by_alt_security_identities(["X509:<I>CN=CA<SR>01"])


@pytest.mark.parametrize("name", ["", "OTHER\\alice", "alice\0", "a" * 300])
async def test_what_can_be_nobody_here_is_not_looked_for(directory: Directory, servers: FakeServers, name: str) -> None:
    await directory.lockout_policy()
    servers.asked.clear()

    with pytest.raises(UnknownUser):
        await directory.find_by_name(name)

    assert servers.asked == []


@pytest.mark.parametrize("sid", ["", "alice", f"{ALICE}>,DC=x"])
async def test_what_is_not_a_sid_is_not_looked_for(directory: Directory, servers: FakeServers, sid: str) -> None:
    with pytest.raises(UnknownUser):
        await directory.find_by_sid(sid)

    assert servers.asked == []


async def test_no_value_of_alt_security_identities_is_nobodys(directory: Directory, servers: FakeServers) -> None:
    with pytest.raises(UnknownUser):
        await directory.find_by_alt_security_identities([])

    assert servers.asked == []


async def test_one_that_is_deleted_meanwhile_is_unknown(directory: Directory, servers: FakeServers) -> None:
    servers.accounts.clear()

    with pytest.raises(UnknownUser):
        await directory.find_by_name("alice")


@pytest.mark.parametrize("missing", ["USER_ACCOUNT_CONTROL", "TOKEN_GROUPS", "SAM_ACCOUNT_NAME"])
async def test_an_account_that_is_not_shown_in_full_is_nobody(
    directory: Directory, servers: FakeServers, missing: str
) -> None:
    servers.accounts[ALICE] = an_account(ALICE, **{missing: b""})

    with pytest.raises(DirectoryUnavailable, match="may the gateway's account read it"):
        await directory.find_by_name("alice")


async def test_groups_have_names_and_they_are_asked_for_once(directory: Directory, servers: FakeServers) -> None:
    groups = (f"{DOMAIN}-513", "S-1-5-32-545", f"{DOMAIN}-9999", "S-1-1-0")
    servers.group_names = {f"{DOMAIN}-513": "Domain Users", "S-1-5-32-545": "Users", "S-1-1-0": "not to be asked for"}
    servers.accounts[ALICE] = an_account(ALICE, *groups)

    account = await directory.find_by_name("alice")

    assert account.groups == {"domain users", "users"}
    assert account.group_sids == set(groups)
    servers.asked.clear()
    assert await directory.find_by_name("alice") == account
    assert len(servers.asked) == 2


async def test_many_groups_are_asked_for_in_parts(directory: Directory, servers: FakeServers) -> None:
    servers.group_names = {f"{DOMAIN}-{rid}": f"group {rid}" for rid in range(2000, 2250)}
    servers.accounts[ALICE] = an_account(ALICE, *servers.group_names)

    account = await directory.find_by_sid(ALICE)

    assert account.groups == set(servers.group_names.values())
    assert sum(Attribute.SAM_ACCOUNT_NAME in search.attributes for search in servers.asked) == 1 + 3


async def test_what_is_the_domains_is_asked_for_every_five_minutes(
    directory: Directory, servers: FakeServers, now: list[datetime]
) -> None:
    assert (await directory.lockout_policy()).threshold == 3
    asked = len(servers.asked)
    now.append(NOW + timedelta(minutes=4))
    await directory.lockout_policy()
    assert len(servers.asked) == asked

    now.append(NOW + timedelta(minutes=5))
    await directory.lockout_policy()

    assert len(servers.asked) == 2 * asked


async def test_the_servers_trouble_is_the_directorys(directory: Directory, servers: FakeServers) -> None:
    servers.trouble = "dc1:389: it does not accept a connection"

    assert directory.trouble == servers.trouble
