"""State in a real Redis server: killed, stopped, wrongly set up, behind TLS and a password."""

import asyncio
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from structlog.testing import capture_logs

from gateway.errors import StateUnavailable
from gateway.state.redis import RedisState
from gateway.state.state import Table
from tests.certificates import Authority, a_client_certificate, a_server_certificate, an_authority
from tests.redis_server import RedisServer
from tests.state import Clock, of, written

PAGE = Path(__file__).parents[2] / "docs" / "state.md"
ACL = "user default off\n" + "".join(re.findall(r"^user gateway .*\n", PAGE.read_text(), re.MULTILINE))
"""The rights that the page lists."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path) as server:
        yield server


def direct(server: RedisServer) -> "redis.Redis":
    """Past the gateway."""
    return redis.Redis(port=server.port)


async def hung_up(state: RedisState) -> None:
    """The event loop has heard that the server's end is closed."""
    (connection,) = state._pool._available_connections
    assert connection._reader is not None
    assert await connection._reader.read() == b""


async def test_a_server_that_is_killed_has_kept_what_was_acknowledged_and_serves_again(server: RedisServer) -> None:
    state = await RedisState.open(server.settings(), Clock())
    entry = await written(state, "a")
    assert await state.spend([of("b", 3)]) is None

    server.kill()
    for _ in range(2):
        with pytest.raises(StateUnavailable, match=r"127\.0\.0\.1:\d+ cannot be asked, .*: see whether it runs"):
            await state.get(Table.SUBMISSIONS, "a")
    server.start()

    assert await state.get(Table.SUBMISSIONS, "a") == entry
    assert await state.spend([of("b")]) is not None
    await written(state, "c")
    await state.close()


async def test_a_restart_that_nobody_noticed_fails_no_call(server: RedisServer) -> None:
    state = await RedisState.open(server.settings(), Clock())
    entry = await written(state, "a")

    server.kill()
    await hung_up(state)
    server.start()

    assert await state.get(Table.SUBMISSIONS, "a") == entry
    await state.close()


async def test_a_server_that_is_silent_is_waited_for_within_bounds(server: RedisServer) -> None:
    state = await RedisState.open(server.settings(answer_seconds=0.2, connect_seconds=0.2), Clock())

    server.pause()
    with pytest.raises(StateUnavailable, match="see whether it is overloaded"):
        await written(state, "a")
    server.go_on()

    # The write of which nobody knew has happened, or has not; it was not made twice.
    assert await state.get(Table.SUBMISSIONS, "a") is None or await state.page(Table.SUBMISSIONS)
    await written(state, "b")
    await state.close()


async def test_what_was_sent_is_never_sent_again(server: RedisServer) -> None:
    state = await RedisState.open(server.settings(answer_seconds=0.2), Clock())
    assert await state.spend([of("a", burst=100)]) is None
    calls = _scripts_run(server)

    server.pause()
    with pytest.raises(StateUnavailable):
        await state.spend([of("a", burst=100)])
    server.go_on()

    assert _scripts_run(server) <= calls + 1
    await state.close()


async def test_who_gives_up_leaves_no_answer_for_somebody_else(server: RedisServer) -> None:
    state = await RedisState.open(server.settings(max_connections=1), Clock())
    entry = await written(state, "a", b"for a")
    await written(state, "b", b"for b")

    server.pause()
    impatient = asyncio.ensure_future(state.get(Table.SUBMISSIONS, "b"))
    for _ in range(20):
        await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.gather(impatient, return_exceptions=True)
    server.go_on()

    assert await state.get(Table.SUBMISSIONS, "a") == entry
    await state.close()


async def test_more_calls_than_connections_take_turns(server: RedisServer) -> None:
    state = await RedisState.open(server.settings(max_connections=2), Clock())
    order: list[int] = []

    async def ask_again_and_again(n: int) -> None:
        for _ in range(5):
            await state.get(Table.SUBMISSIONS, "a")
            order.append(n)

    await asyncio.gather(*map(ask_again_and_again, range(20)))

    rounds = [order[n : n + 20] for n in range(0, 100, 20)]
    assert all(len(set(each)) >= 18 for each in rounds), "nobody comes twice while others wait, but for the last two"
    await state.close()


async def test_without_a_clock_the_server_s_own_counts(server: RedisServer) -> None:
    state = await RedisState.open(server.settings())
    now = datetime.now(UTC)

    await written(state, "over", expires=now - timedelta(minutes=1))
    entry = await written(state, "not over", expires=now + timedelta(minutes=1))

    assert await state.page(Table.SUBMISSIONS) == [entry]
    assert [await state.spend([of("a")]) for _ in range(3)] == [None, None, None]
    lacking = await state.spend([of("a")])
    assert lacking is not None
    assert 50 < lacking.retry_after_seconds <= 60
    await state.close()


async def test_gateways_with_different_prefixes_share_nothing(server: RedisServer) -> None:
    one = await RedisState.open(server.settings(prefix="one"), Clock())
    two = await RedisState.open(server.settings(prefix="two"), Clock())

    await written(one, "a")
    assert await one.spend([of("a", 3)]) is None

    assert await two.get(Table.SUBMISSIONS, "a") is None
    assert await two.spend([of("a", 3)]) is None
    await one.close()
    await two.close()


async def test_nothing_is_left_of_what_has_expired_was_removed_or_earned(server: RedisServer) -> None:
    clock = Clock()
    state = await RedisState.open(server.settings(), clock)
    entry = await written(state, "removed")
    await state.remove(Table.SUBMISSIONS, entry)
    for n in range(15):
        await written(state, str(n))
        await state.spend([of(str(n), 3)])

    clock.go_on(days=1)
    await state.remove(Table.SUBMISSIONS, await written(state, "last", expires=clock.now + timedelta(hours=1)))
    await state.spend([of("last")])
    await state.give_back([of("last")])
    await state.spend([of("last", 0)])

    with direct(server) as other:
        assert set(other.keys()) <= {b"{ces-gateway}:budgets"}
        assert other.zrange("{ces-gateway}:budgets", 0, -1) in ([], [b"last"])
    await state.close()


# --- servers that must not keep it ----------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
async def test_a_server_that_forgets_when_memory_is_short_is_refused(tmp_path: Path, policy: str) -> None:
    with (
        RedisServer(tmp_path, f"maxmemory-policy {policy}") as server,
        pytest.raises(StateUnavailable, match=f"maxmemory-policy is {policy}, .* set it to noeviction"),
    ):
        await RedisState.open(server.settings())


async def test_a_server_that_keeps_nothing_on_its_disk_is_warned_of(tmp_path: Path) -> None:
    with RedisServer(tmp_path, "appendonly no") as server, capture_logs() as logs:
        state = await RedisState.open(server.settings())
        await state.close()

    (line,) = logs
    assert (line["event"], line["log_level"]) == ("what the state knows may be lost", "warning")
    assert "set appendonly yes" in line["reason"]


async def test_a_right_server_is_used_without_a_word(server: RedisServer) -> None:
    with capture_logs() as logs:
        state = await RedisState.open(server.settings())
        await state.close()

    assert logs == []


async def test_a_replica_is_refused_and_one_that_becomes_it_is_left(server: RedisServer) -> None:
    state = await RedisState.open(server.settings(), Clock())
    with direct(server) as other:
        other.replicaof("127.0.0.1", 1)

        with pytest.raises(StateUnavailable, match="name the primary"):
            await written(state, "a")
        with pytest.raises(StateUnavailable, match="it is a replica"):
            await RedisState.open(server.settings())
        assert state._pool._available_connections[0].is_connected is False, "a name may lead elsewhere now"

        other.replicaof("NO", "ONE")
    await written(state, "a")
    await state.close()


async def test_a_server_without_memory_keeps_what_it_has_and_takes_nothing_more(server: RedisServer) -> None:
    state = await RedisState.open(server.settings(), Clock())
    entry = await written(state, "a")
    with direct(server) as other:
        other.config_set("maxmemory", "1mb")
        other.config_set("maxmemory", "1")

    with pytest.raises(StateUnavailable, match="raise its maxmemory"):
        await written(state, "b")
    with pytest.raises(StateUnavailable, match="raise its maxmemory"):
        await state.spend([of("a")])

    assert await state.get(Table.SUBMISSIONS, "a") == entry
    assert await state.remove(Table.SUBMISSIONS, entry), "that makes room"
    await state.close()


async def test_a_server_that_is_not_there_is_told_of_at_the_start(server: RedisServer) -> None:
    server.kill()

    with pytest.raises(StateUnavailable, match="see whether it runs"):
        await RedisState.open(server.settings())


async def test_what_is_no_redis_server_is_told_of(tmp_path: Path, server: RedisServer) -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    web = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = web.sockets[0].getsockname()[1]

    with pytest.raises(StateUnavailable, match="cannot be asked"):
        await RedisState.open(server.settings(url=f"redis://127.0.0.1:{port}"))
    web.close()


# --- passwords and TLS ----------------------------------------------------------------------------------------------


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    file = tmp_path / "password"
    file.write_text("the-password\n")
    return file


async def test_a_user_with_the_rights_of_the_page_can_do_everything(tmp_path: Path, password_file: Path) -> None:
    (tmp_path / "users.acl").write_text(ACL)
    with RedisServer(tmp_path, f"aclfile {tmp_path}/users.acl") as server, capture_logs() as logs:
        state = await RedisState.open(server.settings(username="gateway", password_file=password_file))
        now = datetime.now(UTC)
        await written(state, "old", expires=now)
        first = await written(state, "a", expires=now + timedelta(hours=1))
        assert await state.get(Table.SUBMISSIONS, "a") == first
        assert await state.page(Table.SUBMISSIONS) == [first]
        assert await state.remove(Table.SUBMISSIONS, first)
        assert await state.spend([of("a")]) is None
        await state.give_back([of("a")])
        await state.close()

    assert logs == []


async def test_a_user_who_may_not_ask_for_info_is_warned_of(tmp_path: Path, password_file: Path) -> None:
    (tmp_path / "users.acl").write_text(ACL.replace("+info", ""))
    with RedisServer(tmp_path, f"aclfile {tmp_path}/users.acl") as server, capture_logs() as logs:
        state = await RedisState.open(server.settings(username="gateway", password_file=password_file))
        await state.close()

    assert [line["event"] for line in logs] == ["whether the state may be lost is not known: the ACL forbids INFO"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("guess-17\n", "see username and password_file"),
        ("", "must have one line, the password"),
        (None, "password cannot be used: .*No such file"),
    ],
)
async def test_a_wrong_password_is_told_of_without_it(
    tmp_path: Path, password_file: Path, content: str | None, message: str
) -> None:
    with RedisServer(tmp_path, "requirepass the-password") as server:
        password_file.unlink()
        if content is not None:
            password_file.write_text(content)

        with pytest.raises(StateUnavailable, match=message) as caught:
            await RedisState.open(server.settings(password_file=password_file))

    assert "the-password" not in str(caught.value)
    assert "guess-17" not in str(caught.value)


async def test_a_password_that_is_asked_for_and_not_configured_is_told_of(tmp_path: Path) -> None:
    with (
        RedisServer(tmp_path, "requirepass the-password") as server,
        pytest.raises(StateUnavailable, match="see username and password_file"),
    ):
        await RedisState.open(server.settings())


async def test_a_new_password_is_used_without_a_restart(tmp_path: Path, password_file: Path) -> None:
    with RedisServer(tmp_path, "requirepass the-password") as server:
        state = await RedisState.open(server.settings(password_file=password_file), Clock())
        await written(state, "a")

        server.kill()
        await hung_up(state)
        server._options = ["--requirepass", "another"]
        password_file.write_text("another\n")
        server.start()

        await written(state, "b")
        await state.close()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return an_authority(tmp_path)


@pytest.fixture
def tls(tmp_path: Path, authority: Authority) -> Iterator[RedisServer]:
    """Which asks for client certificates, as it does by default."""
    own = a_server_certificate(authority, "localhost")
    files = f"tls-cert-file {own.certificate_path}", f"tls-key-file {own.key_path}"
    trust = f"tls-ca-cert-file {authority.certificate_path}"
    with RedisServer(tmp_path, *files, trust, tls=True) as server:
        yield server


def over_tls(server: RedisServer, authority: Authority, **more: Any) -> dict[str, Any]:
    client = a_client_certificate(authority, "gateway")
    own = {"certificate": client.certificate_path, "key": client.key_path}
    return {"url": f"rediss://localhost:{server.port}", "trust": authority.certificate_path, **own, **more}


async def test_tls_is_spoken_with_certificates_on_both_sides(tls: RedisServer, authority: Authority) -> None:
    state = await RedisState.open(tls.settings(**over_tls(tls, authority)), Clock())

    await written(state, "a")
    await state.close()


async def test_a_server_that_another_authority_vouches_for_is_refused(
    tls: RedisServer, authority: Authority, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = an_authority(tmp_path / "other")

    with pytest.raises(StateUnavailable, match="certificate verify failed"):
        await RedisState.open(tls.settings(**over_tls(tls, authority, trust=other.certificate_path)))


async def test_a_server_of_another_name_is_refused(tls: RedisServer, authority: Authority) -> None:
    with pytest.raises(StateUnavailable, match="certificate verify failed"):
        await RedisState.open(tls.settings(**over_tls(tls, authority, url=f"rediss://127.0.0.1:{tls.port}")))


def _scripts_run(server: RedisServer) -> int:
    with direct(server) as other:
        stats = other.info("commandstats")
        return int(stats["cmdstat_evalsha"]["calls"])
