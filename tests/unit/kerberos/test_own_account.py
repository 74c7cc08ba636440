import asyncio
import gc
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.errors import GatewayError, OwnAccountUnusable, OwnKeytabRefused, OwnKeytabUnusable
from gateway.kerberos import ccache
from gateway.kerberos.own_account import OwnAccount
from gateway.kerberos.own_keytab import OwnKeytab
from gateway.kerberos.relay import KdcRelay
from gateway.kerberos.workers import Workers
from tests.fakes.kdc import FakeKdc
from tests.kerberos_realms import Clock, relayed
from tests.silver_tickets import Service, a_keytab

REALM = "CORP.EXAMPLE"
PRINCIPAL = f"svc-gateway@{REALM}"
KEY = b"g" * 32

C_PRINCIPAL_UNKNOWN = 6
CLIENT_REVOKED = 18
SVC_UNAVAILABLE = 29
"""RFC 4120 7.5.9."""


def write_keytab(path: Path, key: bytes = KEY, *, principal: str = "svc-gateway") -> None:
    """Put in place as an administrator would: a new file under the old name."""
    new = path.with_suffix(".new")
    new.write_bytes(a_keytab(Service(principal, REALM, key)))
    new.replace(path)


@dataclass
class Stand:
    own: OwnAccount
    kdc: FakeKdc
    relay: KdcRelay
    clock: Clock
    keytab: Path

    @property
    def requests(self) -> int:
        return len(self.kdc.requests)

    async def settle(self) -> None:
        """Until what was begun beside a call has ended."""
        while self.own._flight is not None:
            await asyncio.wait((self.own._flight,))


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    async with a_stand(tmp_path) as stand:
        yield stand


@asynccontextmanager
async def a_stand(directory: Path) -> AsyncIterator[Stand]:
    keytab, clock, workers = directory / "gateway.keytab", Clock(), Workers()
    write_keytab(keytab)
    async with (
        FakeKdc(REALM, keys={"svc-gateway": KEY}) as kdc,
        relayed({REALM: [kdc.address]}, directory) as (relay,),
    ):
        own = OwnAccount(PRINCIPAL, OwnKeytab(keytab, directory / "refused"), workers, clock, lambda: relay.trouble)
        yield Stand(own, kdc, relay, clock, keytab)
        kdc.gate.set()
        await relay.stop()
        own.close()
        workers.close()


async def error_of(own: OwnAccount) -> GatewayError:
    with pytest.raises(GatewayError) as raised:
        await own.cache()
    return raised.value


# --- a ticket, kept and renewed -------------------------------------------------------------------------------------


async def test_the_ticket_is_had_with_the_keytab_and_is_forwardable(stand: Stand) -> None:
    cache = await stand.own.cache()

    ticket = ccache.ticket_granting_ticket(cache)
    assert str(ticket.client) == PRINCIPAL
    assert stand.own.trouble is None
    # KDCOptions bit 1 (RFC 4120 5.4.1), in the first field of the request's body.
    assert b"\xa0\x07\x03\x05\x00\x40" in stand.kdc.requests[0]


async def test_the_kdc_is_asked_once(stand: Stand) -> None:
    first = await stand.own.cache()

    assert await stand.own.cache() is first
    assert stand.requests == 1


async def test_all_who_ask_at_once_wait_for_one_request(stand: Stand) -> None:
    caches = await asyncio.gather(*(stand.own.cache() for _ in range(20)))

    assert len(set(map(id, caches))) == 1
    assert stand.requests == 1


async def test_who_hangs_up_takes_nothing_from_the_others(stand: Stand) -> None:
    stand.kdc.gate.clear()
    first = asyncio.ensure_future(stand.own.cache())
    second = asyncio.ensure_future(stand.own.cache())
    await stand.kdc.asked.acquire()

    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    stand.kdc.gate.set()

    await second
    assert stand.requests == 1


async def test_what_nobody_waits_for_any_more_is_there_for_the_next(stand: Stand) -> None:
    stand.kdc.gate.clear()
    only = asyncio.ensure_future(stand.own.cache())
    await stand.kdc.asked.acquire()

    only.cancel()
    with pytest.raises(asyncio.CancelledError):
        await only
    stand.kdc.gate.set()
    await stand.settle()

    await stand.own.cache()
    assert stand.requests == 1


@pytest.mark.parametrize(
    ("lifetime", "renewed_after"),
    [
        (timedelta(hours=10), timedelta(hours=9)),
        (timedelta(minutes=30), timedelta(minutes=25)),
        (timedelta(minutes=8), timedelta(minutes=4)),
    ],
    ids=["a tenth before", "five minutes before", "half of it before"],
)
async def test_it_is_renewed_before_it_ends(stand: Stand, lifetime: timedelta, renewed_after: timedelta) -> None:
    stand.kdc.lifetime = lifetime
    first = await stand.own.cache()

    stand.clock.ahead = renewed_after - timedelta(seconds=10)
    assert await stand.own.cache() is first
    await stand.settle()
    assert stand.requests == 1

    stand.clock.ahead = renewed_after + timedelta(seconds=10)
    assert await stand.own.cache() is first
    await stand.settle()
    assert stand.requests == 2
    assert await stand.own.cache() is not first


async def test_nobody_waits_for_a_renewal(stand: Stand) -> None:
    first = await stand.own.cache()
    stand.clock.ahead = timedelta(hours=9, minutes=30)
    stand.kdc.gate.clear()

    assert await stand.own.cache() is first
    await stand.kdc.asked.acquire()
    assert await stand.own.cache() is first


async def test_a_ticket_that_has_ended_is_not_given_out(stand: Stand) -> None:
    first = await stand.own.cache()
    stand.clock.ahead = timedelta(hours=11)

    assert await stand.own.cache() is not first


async def test_the_old_ticket_serves_while_it_cannot_be_renewed(stand: Stand) -> None:
    first = await stand.own.cache()
    stand.clock.ahead = timedelta(hours=9, minutes=30)
    stand.kdc.error = SVC_UNAVAILABLE

    await stand.own.cache()
    await stand.settle()

    assert await stand.own.cache() is first
    assert stand.own.trouble is not None
    assert "KDC_ERR_SVC_UNAVAILABLE" in stand.own.trouble
    assert "the ticket at hand ends at" in stand.own.trouble


async def test_nobody_complains_of_a_renewal_that_failed(stand: Stand) -> None:
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: complaints.append(context))
    await stand.own.cache()
    stand.clock.ahead = timedelta(hours=9, minutes=30)
    stand.kdc.error = SVC_UNAVAILABLE

    await stand.own.cache()
    await stand.settle()
    await asyncio.sleep(0)
    gc.collect()

    assert not complaints


async def test_a_renewal_that_failed_is_tried_again_after_a_minute(stand: Stand) -> None:
    await stand.own.cache()
    stand.clock.ahead = timedelta(hours=9, minutes=30)
    stand.kdc.error = SVC_UNAVAILABLE
    await stand.own.cache()
    await stand.settle()
    await stand.own.cache()
    await stand.settle()
    assert stand.requests == 2

    stand.kdc.error = None
    stand.clock.ahead += timedelta(seconds=61)
    await stand.own.cache()
    await stand.settle()

    assert stand.requests == 3
    assert stand.own.trouble is None


async def test_a_keytab_that_was_replaced_is_tried_at_once(stand: Stand) -> None:
    first = await stand.own.cache()
    write_keytab(stand.keytab, b"n" * 32)
    stand.kdc.keys["svc-gateway"] = b"n" * 32

    assert await stand.own.cache() is first
    await stand.settle()

    assert await stand.own.cache() is not first
    assert stand.own.trouble is None


# --- what the KDC refuses -------------------------------------------------------------------------------------------


async def test_a_key_that_was_refused_is_not_shown_again(stand: Stand) -> None:
    stand.kdc.refuses_proofs = True

    for hours in range(100):
        stand.clock.ahead = timedelta(hours=hours)
        assert type(await error_of(stand.own)) is OwnKeytabRefused

    assert stand.kdc.proofs == 1
    assert stand.own.trouble is not None
    assert "Export a new keytab" in stand.own.trouble


async def test_those_who_wait_for_a_key_that_is_refused_are_all_told_so(stand: Stand) -> None:
    stand.kdc.refuses_proofs = True

    errors = await asyncio.gather(*(stand.own.cache() for _ in range(20)), return_exceptions=True)

    assert {type(error) for error in errors} == {OwnKeytabRefused}
    assert stand.kdc.proofs == 1


async def test_a_key_that_opens_no_answer_is_refused_too(stand: Stand) -> None:
    """An account without pre-authentication: here, it is not the KDC that notices."""
    stand.kdc.keys["svc-gateway"] = b"o" * 32
    for _ in range(3):
        assert type(await error_of(stand.own)) is OwnKeytabRefused

    assert stand.requests == 1


async def test_a_good_keytab_in_its_place_heals_it(stand: Stand) -> None:
    stand.kdc.refuses_proofs = True
    await error_of(stand.own)
    stand.kdc.refuses_proofs = False

    write_keytab(stand.keytab)

    await stand.own.cache()
    assert stand.own.trouble is None


async def test_it_is_known_when_somebody_has_to_do_something(stand: Stand) -> None:
    assert not stand.own.is_refused
    stand.kdc.refuses_proofs = True
    await error_of(stand.own)
    assert stand.own.is_refused

    stand.kdc.refuses_proofs = False
    write_keytab(stand.keytab)
    await stand.own.cache()
    assert not stand.own.is_refused


async def test_nobody_has_to_do_anything_about_a_kdc_that_is_down(stand: Stand) -> None:
    stand.kdc.error = SVC_UNAVAILABLE
    await error_of(stand.own)

    assert not stand.own.is_refused


async def test_a_key_that_was_refused_is_no_hurry_while_the_old_ticket_serves(stand: Stand) -> None:
    await stand.own.cache()
    stand.kdc.refuses_proofs = True
    write_keytab(stand.keytab)
    await stand.own.cache()
    await stand.settle()

    assert stand.own.trouble is not None
    assert not stand.own.is_refused
    stand.clock.ahead = timedelta(hours=11)
    assert stand.own.is_refused


async def test_touching_the_file_is_how_to_have_it_tried_again(stand: Stand) -> None:
    stand.kdc.refuses_proofs = True
    await error_of(stand.own)
    stand.kdc.refuses_proofs = False

    os.utime(stand.keytab, ns=(0, 0))

    await stand.own.cache()


async def test_a_refused_key_is_not_shown_again_when_it_is_time_to_renew(stand: Stand) -> None:
    first = await stand.own.cache()
    stand.kdc.refuses_proofs = True
    for minutes in range(0, 50, 5):
        stand.clock.ahead = timedelta(hours=9, minutes=minutes + 5)
        assert await stand.own.cache() is first
        await stand.settle()

    assert stand.kdc.proofs == 1
    assert stand.own.trouble is not None


@pytest.mark.parametrize("code", [CLIENT_REVOKED, C_PRINCIPAL_UNKNOWN])
async def test_an_account_that_may_not_log_on_is_asked_for_again_after_a_minute(stand: Stand, code: int) -> None:
    stand.kdc.error = code
    for _ in range(5):
        assert type(await error_of(stand.own)) is OwnAccountUnusable
    assert stand.requests == 1

    stand.kdc.error = None
    stand.clock.ahead = timedelta(seconds=61)
    await stand.own.cache()


async def test_a_kdc_that_is_down_is_asked_again_by_the_next(tmp_path: Path) -> None:
    async with a_stand(tmp_path) as stand:
        stand.kdc.error = SVC_UNAVAILABLE
        await error_of(stand.own)
        await error_of(stand.own)
        assert stand.requests == 2

        stand.kdc.error = None
        await stand.own.cache()


async def test_an_error_does_not_keep_what_its_callers_had(stand: Stand) -> None:
    stand.kdc.refuses_proofs = True

    lengths = [len(list(_traceback(await error_of(stand.own)))) for _ in range(10)]

    assert max(lengths[1:]) == min(lengths[1:])


def _traceback(error: BaseException) -> list[object]:
    entries: list[object] = []
    entry = error.__traceback__
    while entry is not None:
        entries.append(entry)
        entry = entry.tb_next
    return entries


# --- a keytab that is none ------------------------------------------------------------------------------------------


def remove(keytab: Path) -> None:
    keytab.unlink()


def make_garbage(keytab: Path) -> None:
    keytab.write_bytes(b"garbage")


def make_it_somebody_elses(keytab: Path) -> None:
    write_keytab(keytab, principal="svc-other")


def make_it_empty(keytab: Path) -> None:
    keytab.write_bytes(b"\x05\x02")


@pytest.mark.parametrize("spoil", [remove, make_garbage, make_it_somebody_elses, make_it_empty])
async def test_a_keytab_without_a_key_of_the_account_is_unusable_and_no_kdc_is_asked(
    stand: Stand, spoil: Callable[[Path], None]
) -> None:
    spoil(stand.keytab)

    error = await error_of(stand.own)

    assert type(error) is OwnKeytabUnusable
    assert str(stand.keytab) in str(error)
    assert stand.requests == 0


async def test_a_keytab_that_comes_later_is_found(stand: Stand) -> None:
    stand.keytab.unlink()
    await error_of(stand.own)

    write_keytab(stand.keytab)

    await stand.own.cache()


async def test_a_keytab_that_may_be_read_again_is_found_after_a_minute(stand: Stand) -> None:
    """A mode or an owner that is put right does not show in what is looked at."""
    good = stand.keytab.read_bytes()
    stand.keytab.write_bytes(bytes(len(good)))
    os.utime(stand.keytab, ns=(0, 0))
    await error_of(stand.own)
    stand.keytab.write_bytes(good)
    os.utime(stand.keytab, ns=(0, 0))
    await error_of(stand.own)

    stand.clock.ahead = timedelta(seconds=61)

    await stand.own.cache()


# --- the KDC takes the ticket no more -------------------------------------------------------------------------------


async def test_a_ticket_that_the_kdc_did_not_take_is_replaced(stand: Stand) -> None:
    first = await stand.own.cache()
    stand.clock.ahead = timedelta(minutes=2)

    stand.own.discard(first)

    assert await stand.own.cache() is not first


async def test_a_ticket_that_is_new_is_not_replaced(stand: Stand) -> None:
    first = await stand.own.cache()

    stand.own.discard(first)

    assert await stand.own.cache() is first


async def test_a_ticket_of_long_ago_does_not_discard_the_present_one(stand: Stand) -> None:
    stand.kdc.lifetime = timedelta(hours=1)
    first = await stand.own.cache()
    stand.kdc.lifetime = timedelta(hours=10)
    stand.clock.ahead = timedelta(hours=2)
    second = await stand.own.cache()
    stand.clock.ahead = timedelta(hours=3)

    stand.own.discard(first)

    assert await stand.own.cache() is second


# --- the end --------------------------------------------------------------------------------------------------------


async def test_who_waits_at_the_end_is_cancelled(stand: Stand) -> None:
    stand.kdc.gate.clear()
    waiting = asyncio.ensure_future(stand.own.cache())
    await stand.kdc.asked.acquire()

    stand.own.close()

    with pytest.raises(asyncio.CancelledError):
        await waiting


# --- beyond a restart -----------------------------------------------------------------------------------------------


def a_later_process(stand: Stand, workers: Workers) -> OwnAccount:
    keytab = OwnKeytab(stand.keytab, stand.keytab.with_name("refused"))
    return OwnAccount(PRINCIPAL, keytab, workers, stand.clock, lambda: stand.relay.trouble)


@pytest.fixture
def workers() -> Iterator[Workers]:
    workers = Workers()
    yield workers
    workers.close()


async def test_a_later_process_does_not_show_the_refused_key_again(stand: Stand, workers: Workers) -> None:
    stand.kdc.refuses_proofs = True
    await error_of(stand.own)
    proofs = stand.kdc.proofs

    for _ in range(3):
        own = a_later_process(stand, workers)
        assert isinstance(await error_of(own), OwnKeytabRefused)
        assert own.is_refused

    assert stand.kdc.proofs == proofs == 1


async def test_a_later_process_tries_a_new_file_and_forgets_the_old_one(stand: Stand, workers: Workers) -> None:
    stand.kdc.refuses_proofs = True
    await error_of(stand.own)
    stand.kdc.refuses_proofs = False
    write_keytab(stand.keytab)

    await a_later_process(stand, workers).cache()

    assert not stand.keytab.with_name("refused").exists()


async def test_a_mark_that_cannot_be_written_changes_nothing_in_this_process(stand: Stand) -> None:
    stand.keytab.with_name("refused").mkdir()
    stand.kdc.refuses_proofs = True

    await error_of(stand.own)
    await error_of(stand.own)

    assert stand.kdc.proofs == 1
