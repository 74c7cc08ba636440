import asyncio
import itertools
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest

from gateway.kerberos import kdc, relay
from gateway.kerberos.relay import KdcOutcome, KdcRelay
from tests.fakes.kdc import a_krb_error

PATIENCE = 60.0
"""For KDCs that will answer."""
SHORTLY = 0.3
"""For KDCs that will not, beside some that will: enough for those on a busy machine."""
AT_ONCE = 0.05
"""For KDCs that will not."""

KDC_ERR_SVC_UNAVAILABLE = 29

Act = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Kdc:
    """Does as it is told with each request, and remembers it."""

    def __init__(self, act: Act) -> None:
        self._act = act
        self.requests: list[bytes] = []
        self.asked = asyncio.Event()
        self.address = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.requests.append(await read(reader))
        self.asked.set()
        await self._act(reader, writer)
        writer.close()


async def read(reader: asyncio.StreamReader) -> bytes:
    return await reader.readexactly(int.from_bytes(await reader.readexactly(4)))


def frame(message: bytes) -> bytes:
    return len(message).to_bytes(4) + message


def answers(answer: bytes) -> Act:
    return sends(frame(answer))


def sends(octets: bytes) -> Act:
    async def act(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(octets)

    return act


async def is_silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Until the relay has lost its patience."""
    await reader.read()


async def hangs_up(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    pass


@asynccontextmanager
async def kdcs(*acts: Act) -> AsyncIterator[list[Kdc]]:
    fakes = [Kdc(act) for act in acts]
    servers = []
    for fake in fakes:
        server = await asyncio.start_server(fake.serve, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        fake.address = f"{host}:{port}"
        servers.append(server)
    yield fakes
    for server in servers:
        server.close()


@contextmanager
def a_refusing_address() -> Iterator[str]:
    """Bound, so that nobody else listens there meanwhile, but not listening."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


@contextmanager
def a_black_hole(host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Linux drops attempts to connect to a listener whose queue is full."""
    with socket.socket() as listener:
        listener.bind((host, port))
        listener.listen(0)
        queued = []
        while True:
            client = socket.socket()
            client.settimeout(0.05)
            queued.append(client)
            try:
                client.connect(listener.getsockname())
            except TimeoutError:
                break
        yield f"{host}:{listener.getsockname()[1]}"
        for client in queued:
            client.close()


class Outcomes(list[KdcOutcome]):
    def note(self, outcome: KdcOutcome, seconds: float) -> None:
        assert seconds >= 0
        self.append(outcome)


@asynccontextmanager
async def a_relay(
    *addresses: str, kdc_seconds: float = PATIENCE, total_seconds: float = PATIENCE, outcomes: Outcomes | None = None
) -> AsyncIterator[KdcRelay]:
    started = KdcRelay(addresses, kdc_seconds, total_seconds, (Outcomes() if outcomes is None else outcomes).note)
    await started.start()
    try:
        yield started
    finally:
        await started.stop()


async def ask(asked: KdcRelay, octets: bytes = frame(b"a request")) -> bytes | None:
    """The answer; None if the relay hangs up instead."""
    reader, writer = await asyncio.open_connection(*asked.address)
    try:
        writer.write(octets)
        return await read(reader)
    except (EOFError, ConnectionError):
        return None
    finally:
        writer.close()


# --- a KDC that answers ---------------------------------------------------------------------------------------------


async def test_request_and_answer_pass_unchanged() -> None:
    async with kdcs(answers(b"an answer")) as (only,), a_relay(only.address) as asked:
        assert await ask(asked) == b"an answer"
    assert only.requests == [b"a request"]


async def test_what_a_kdc_refuses_is_an_answer_too() -> None:
    preauth_required = a_krb_error(25)
    async with kdcs(answers(preauth_required)) as (only,), a_relay(only.address) as asked:
        assert await ask(asked) == preauth_required
        assert asked.trouble is None


async def test_the_largest_messages_pass() -> None:
    request, answer = b"r" * kdc.MAX_REQUEST, b"a" * kdc.MAX_ANSWER
    async with kdcs(answers(answer)) as (only,), a_relay(only.address) as asked:
        assert await ask(asked, frame(request)) == answer
    assert only.requests == [request]


async def test_exchanges_are_counted_and_told() -> None:
    outcomes = Outcomes()
    async with kdcs(answers(b"")) as (only,), a_relay(only.address, outcomes=outcomes) as asked:
        await ask(asked)
        await ask(asked)

        assert asked.exchanges == 2
    assert outcomes == [KdcOutcome.ANSWERED, KdcOutcome.ANSWERED]


async def test_it_listens_on_loopback_only() -> None:
    async with a_relay("127.0.0.1:9") as asked:
        assert asked.address[0] == "127.0.0.1"


# --- failover -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "act",
    [
        hangs_up,
        sends(b"\x00\x00"),
        sends(b"\x00\x00\x00\x08half"),
        sends((kdc.MAX_ANSWER + 1).to_bytes(4)),
        sends(b"\x80\x00\x00\x04high"),
        answers(a_krb_error(KDC_ERR_SVC_UNAVAILABLE)),
    ],
    ids=["hangs up", "no length", "half an answer", "too long", "high bit", "unavailable"],
)
async def test_after_one_without_a_usable_answer_the_next_is_asked(act: Act) -> None:
    outcomes = Outcomes()
    async with (
        kdcs(act, answers(b"an answer")) as (bad, good),
        a_relay(bad.address, good.address, outcomes=outcomes) as asked,
    ):
        assert await ask(asked) == b"an answer"
        assert asked.trouble is None
    assert bad.requests == good.requests == [b"a request"]
    assert outcomes == [KdcOutcome.ANSWERED]


PROOF = b"\x6a\x81\xb0" + b"\xa1\x03\x02\x01\x02"
"""As an AS-REQ with PA-ENC-TIMESTAMP begins, and has in it."""


@pytest.mark.parametrize("request_", [PROOF, b"\x6a\x81\xb0" + b"\xa1\x04\x02\x02\x00\x8a"])
async def test_a_password_is_shown_to_one_kdc_only_and_the_next_request_begins_at_the_next(request_: bytes) -> None:
    async with kdcs(hangs_up, answers(b"a ticket")) as (late, next_), a_relay(late.address, next_.address) as asked:
        assert await ask(asked, frame(request_)) is None
        assert next_.requests == []

        assert await ask(asked, frame(request_)) == b"a ticket"
        assert len(late.requests) == 1


async def test_a_password_that_reached_nobody_is_shown_to_the_next_kdc() -> None:
    with a_refusing_address() as refusing:
        async with kdcs(answers(b"a ticket")) as (good,), a_relay(refusing, good.address) as asked:
            assert await ask(asked, frame(PROOF)) == b"a ticket"


async def test_after_one_that_refuses_the_next_is_asked() -> None:
    with a_refusing_address() as refusing:
        async with kdcs(answers(b"an answer")) as (good,), a_relay(refusing, good.address) as asked:
            assert await ask(asked) == b"an answer"


async def test_after_one_that_is_silent_the_next_is_asked() -> None:
    async with (
        kdcs(is_silent, answers(b"an answer")) as (silent, good),
        a_relay(silent.address, good.address, kdc_seconds=SHORTLY) as asked,
    ):
        assert await ask(asked) == b"an answer"
    assert silent.requests


async def test_after_one_that_drops_packets_the_next_is_asked() -> None:
    with a_black_hole() as hole:
        async with kdcs(answers(b"an answer")) as (good,), a_relay(hole, good.address, kdc_seconds=SHORTLY) as asked:
            assert await ask(asked) == b"an answer"


async def test_one_that_has_failed_is_asked_last() -> None:
    async with (
        kdcs(hangs_up, answers(b"an answer")) as (bad, good),
        a_relay(bad.address, good.address) as asked,
    ):
        await ask(asked)
        await ask(asked)
    assert len(bad.requests) == 1
    assert len(good.requests) == 2


async def test_one_that_has_failed_is_asked_if_the_others_fail_too() -> None:
    async with kdcs(hangs_up, hangs_up) as (first, second), a_relay(first.address, second.address) as asked:
        await ask(asked)
        await ask(asked)
    assert len(first.requests) == len(second.requests) == 2


async def test_one_that_has_failed_long_ago_is_preferred_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "_LAST_FOR", 0.0)
    async with (
        kdcs(hangs_up, answers(b"an answer")) as (bad, good),
        a_relay(bad.address, good.address) as asked,
    ):
        await ask(asked)
        await ask(asked)
    assert len(bad.requests) == 2


async def test_one_that_answers_again_is_no_longer_last() -> None:
    def on_the(*numbers: int) -> Act:
        """Answers the requests of these numbers."""
        count = itertools.count(1)

        async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if next(count) in numbers:
                await answers(b"an answer")(reader, writer)

        return act

    async with (
        kdcs(hangs_up, on_the(2, 3), on_the(1)) as (first, second, third),
        a_relay(first.address, second.address, third.address) as asked,
    ):
        for _ in range(3):
            assert await ask(asked) == b"an answer"
    assert [len(one.requests) for one in (first, second, third)] == [2, 3, 2]


# --- no answer ------------------------------------------------------------------------------------------------------


async def test_without_any_answer_the_client_is_hung_up_on() -> None:
    with a_refusing_address() as refusing:
        async with a_relay(refusing) as asked:
            assert await ask(asked) is None


async def test_kdcs_that_refuse_are_unreachable() -> None:
    outcomes = Outcomes()
    with a_refusing_address() as one, a_refusing_address() as other:
        async with a_relay(one, other, outcomes=outcomes) as asked:
            await ask(asked)

            assert asked.trouble is not None
            assert asked.trouble.outcome is KdcOutcome.UNREACHABLE
            assert asked.trouble.detail == f"{one} refused the connection; {other} refused the connection"
    assert outcomes == [KdcOutcome.UNREACHABLE]


async def test_a_kdc_behind_a_firewall_that_drops_packets_is_unreachable_and_the_detail_says_so() -> None:
    with a_black_hole() as hole:
        async with a_relay(hole, kdc_seconds=AT_ONCE) as asked:
            await ask(asked)

            assert asked.trouble is not None
            assert asked.trouble.outcome is KdcOutcome.UNREACHABLE
            assert "packets dropped" in asked.trouble.detail


async def test_a_kdc_that_accepts_and_does_not_answer_is_silent() -> None:
    outcomes = Outcomes()
    with a_refusing_address() as refusing:
        async with (
            kdcs(is_silent) as (silent,),
            a_relay(refusing, silent.address, kdc_seconds=AT_ONCE, outcomes=outcomes) as asked,
        ):
            assert await ask(asked) is None

            assert asked.trouble is not None
            assert asked.trouble.outcome is KdcOutcome.SILENT
            assert asked.trouble.detail == (
                f"{refusing} refused the connection;"
                f" {silent.address} accepted the connection, and did not answer within {AT_ONCE:.1f} s"
            )
    assert outcomes == [KdcOutcome.SILENT]


async def test_an_answer_beyond_all_bounds_is_told_from_silence() -> None:
    async with kdcs(sends(b"\xff\xff\xff\xff")) as (only,), a_relay(only.address) as asked:
        assert await ask(asked) is None

        assert asked.trouble is not None
        assert "announced an answer of 4294967295 bytes" in asked.trouble.detail


async def test_all_kdcs_together_have_a_deadline_too() -> None:
    async with (
        kdcs(is_silent, is_silent) as (first, second),
        a_relay(first.address, second.address, total_seconds=AT_ONCE) as asked,
    ):
        assert await ask(asked) is None

        assert asked.trouble is not None
        assert f"{second.address} was not asked, since time was up" in asked.trouble.detail
    assert not second.requests


async def test_trouble_is_over_with_the_next_answer() -> None:
    async def first_hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(only.requests) > 1:
            await answers(b"an answer")(reader, writer)

    async with kdcs(first_hangs_up) as (only,), a_relay(only.address) as asked:
        await ask(asked)
        assert asked.trouble is not None

        await ask(asked)
        assert asked.trouble is None


# --- what is no request ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "octets",
    [(kdc.MAX_REQUEST + 1).to_bytes(4), b"\x80\x00\x00\x04high", b"\xff\xff\xff\xff"],
    ids=["too long", "high bit", "largest"],
)
async def test_a_request_beyond_the_bounds_reaches_no_kdc(octets: bytes) -> None:
    async with kdcs(answers(b"an answer")) as (only,), a_relay(only.address) as asked:
        assert await ask(asked, octets) is None
        assert asked.exchanges == 0
    assert not only.requests


async def test_who_sends_no_request_is_hung_up_on() -> None:
    async with a_relay("127.0.0.1:9", total_seconds=AT_ONCE) as asked:
        assert await ask(asked, b"\x00\x00\x00\x08half") is None
        assert asked.exchanges == 0


async def test_who_has_hung_up_does_no_harm() -> None:
    async with kdcs(answers(b"a" * kdc.MAX_ANSWER)) as (only,), a_relay(only.address) as asked:
        _, writer = await asyncio.open_connection(*asked.address)
        writer.write(frame(b"a request"))
        await writer.drain()
        writer.transport.abort()

        assert await ask(asked) is not None


# --- names and addresses --------------------------------------------------------------------------------------------


async def test_a_name_is_looked_up_and_all_of_its_addresses_are_one_kdc(monkeypatch: pytest.MonkeyPatch) -> None:
    # Nobody listens at the first one.
    monkeypatch.setattr(kdc, "_look_up", {"dc1.corp.example": ["127.0.0.2", "127.0.0.1"]}.__getitem__)
    async with kdcs(answers(b"an answer")) as (only,):
        port = only.address.rpartition(":")[2]
        async with a_relay(f"dc1.corp.example:{port}") as asked:
            assert await ask(asked) == b"an answer"


async def test_one_address_of_a_name_may_drop_packets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kdc, "_look_up", {"dc1.corp.example": ["127.0.0.2", "127.0.0.1"]}.__getitem__)
    async with kdcs(answers(b"an answer")) as (only,):
        port = int(only.address.rpartition(":")[2])
        with a_black_hole("127.0.0.2", port):
            async with a_relay(f"dc1.corp.example:{port}", kdc_seconds=2 * SHORTLY) as asked:
                assert await ask(asked) == b"an answer"


async def test_a_name_that_does_not_resolve_is_no_obstacle_to_the_next_kdc(monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(_host: str) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(kdc, "_look_up", look_up)
    async with kdcs(answers(b"an answer")) as (good,), a_relay("dc1.corp.example", good.address) as asked:
        assert await ask(asked) == b"an answer"
    async with a_relay("dc1.corp.example") as asked:
        await ask(asked)
        assert asked.trouble is not None
        assert asked.trouble.outcome is KdcOutcome.UNREACHABLE
        assert asked.trouble.detail == "dc1.corp.example has a name that does not resolve (Name or service not known)"


async def test_a_name_server_that_is_silent_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    dns = threading.Event()
    monkeypatch.setattr(kdc, "_look_up", lambda _host: dns.wait(60))
    try:
        async with (
            kdcs(answers(b"an answer")) as (good,),
            a_relay("dc1.corp.example", good.address, kdc_seconds=SHORTLY) as asked,
        ):
            assert await ask(asked) == b"an answer"
    finally:
        dns.set()


async def test_names_are_looked_up_by_the_system() -> None:
    async with (
        kdcs(answers(b"an answer")) as (only,),
        a_relay(only.address.replace("127.0.0.1", "localhost")) as asked,
    ):
        assert await ask(asked) == b"an answer"


# --- the end --------------------------------------------------------------------------------------------------------


async def test_who_waits_while_it_stops_is_hung_up_on() -> None:
    async with kdcs(is_silent) as (silent,):
        async with a_relay(silent.address) as asked:
            waiting = asyncio.ensure_future(ask(asked))
            await silent.asked.wait()
        assert await waiting is None


async def test_it_can_be_stopped_before_it_has_started() -> None:
    await KdcRelay(["127.0.0.1"], 1, 1, Outcomes().note).stop()


async def test_who_was_on_the_way_when_it_stopped_is_hung_up_on() -> None:
    """The loop tells of a connection some turns after it was accepted: the server may be closed by then."""
    ours, theirs = socket.socketpair()
    stopped = KdcRelay(["127.0.0.1"], 1, 1, Outcomes().note)
    await stopped.start()
    await stopped.stop()
    reader, writer = await asyncio.open_connection(sock=ours)

    stopped._accept(reader, writer)

    await writer.wait_closed()
    with theirs:
        assert theirs.recv(1) == b""
