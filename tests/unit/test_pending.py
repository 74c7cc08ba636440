import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime

from gateway.enrollment import PendingRequest, PendingRequests
from gateway.pending import InMemoryPendingRequests
from gateway.protocol.security import Secret, UsernameToken
from gateway.requester import Requester, Verifier
from tests.builders import an_expectation, general_names

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ALICE = Requester("CORP\\alice", UsernameToken("CORP\\alice", Secret("one")), Verifier.PASSWORD_FILE, NOW)
MALLORY = Requester("CORP\\mallory", UsernameToken("CORP\\mallory", Secret("two")), Verifier.PASSWORD_FILE, NOW)


def a_pending_request(request_id: str = "11", requester: Requester = ALICE, key: bytes = b"key") -> PendingRequest:
    return PendingRequest(request_id, requester, replace(an_expectation(), subject_public_key_info=key))


async def test_the_owner_finds_a_pending_request() -> None:
    pending: PendingRequests = InMemoryPendingRequests(10)
    await pending.remember("ces", a_pending_request())

    assert await pending.find("ces", "11", ALICE) == a_pending_request()


async def test_the_request_is_found_with_the_credential_that_asks_now() -> None:
    pending = InMemoryPendingRequests(10)
    await pending.remember("ces", a_pending_request())
    with_new_password = replace(ALICE, evidence=UsernameToken("CORP\\alice", Secret("new")))

    found = await pending.find("ces", "11", with_new_password)

    assert found is not None
    assert found.requester is with_new_password


async def test_a_guessed_request_id_finds_nothing_of_another_account() -> None:
    pending = InMemoryPendingRequests(10)
    await pending.remember("ces", a_pending_request())

    assert await pending.find("ces", "11", MALLORY) is None


async def test_the_same_number_of_another_service_is_another_request() -> None:
    pending = InMemoryPendingRequests(10)
    await pending.remember("ces", a_pending_request())

    assert await pending.find("other", "11", ALICE) is None


async def test_an_unknown_number_finds_nothing() -> None:
    assert await InMemoryPendingRequests(10).find("ces", "11", ALICE) is None


async def test_asking_does_not_forget() -> None:
    pending = InMemoryPendingRequests(10)
    await pending.remember("ces", a_pending_request())
    await pending.find("ces", "11", MALLORY)
    await pending.find("ces", "11", ALICE)

    assert await pending.find("ces", "11", ALICE) is not None


async def test_a_number_that_the_ca_gives_again_belongs_to_whom_it_gave_it_last() -> None:
    pending = InMemoryPendingRequests(10)
    await pending.remember("ces", a_pending_request())
    await pending.remember("ces", a_pending_request(requester=MALLORY, key=b"other"))

    assert await pending.find("ces", "11", ALICE) is None
    assert await pending.find("ces", "11", MALLORY) == a_pending_request(requester=MALLORY, key=b"other")


async def test_a_full_table_forgets_the_oldest() -> None:
    pending = InMemoryPendingRequests(2)
    for number in ("11", "12", "13"):
        await pending.remember("ces", a_pending_request(number))

    assert [await pending.find("ces", number, ALICE) is not None for number in ("11", "12", "13")] == [
        False,
        True,
        True,
    ]


async def test_a_request_that_is_still_pending_is_as_young_as_its_last_answer() -> None:
    pending = InMemoryPendingRequests(2)
    for number in ("11", "12", "11", "13"):
        await pending.remember("ces", a_pending_request(number))

    assert [await pending.find("ces", number, ALICE) is not None for number in ("11", "12", "13")] == [
        True,
        False,
        True,
    ]


async def test_what_is_kept_of_a_request_is_small() -> None:
    pending = InMemoryPendingRequests(1000)
    names = [f"host{n:02}.partner-a.example" for n in range(20)]
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(1000):
            # As the parser makes them: no two requests share a text.
            expected = replace(an_expectation(), subject_alternative_name=general_names(dNSName=map(str.lower, names)))
            await pending.remember("ces", PendingRequest(str(number), ALICE, expected))
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert (after - before) / 1000 < 6 * 1024


async def test_no_password_is_kept() -> None:
    pending = InMemoryPendingRequests(2)
    await pending.remember("ces", a_pending_request())

    assert "UsernameToken" not in repr(pending._owned)
