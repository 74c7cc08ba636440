"""`gateway.rates.turns`: each place is offered to one who waits, and nobody waits for nothing."""

import asyncio
from collections.abc import Callable

from gateway.rates.turns import Turns


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 -- nobody announces it
        await asyncio.sleep(0)


def waiters(turns: Turns, number: int) -> list[asyncio.Future[bool]]:
    return [asyncio.ensure_future(turns.settled("a")) for _ in range(number)]


async def test_nobody_waits_where_nobody_is_being_verified() -> None:
    turns = Turns()
    with turns.taken(["b"]):
        assert not await turns.settled("a")
    with turns.taken(["a"]):
        pass

    assert not await turns.settled("a")


async def test_one_who_ends_wakes_the_first_who_waits_and_the_last_wakes_all() -> None:
    turns = Turns()
    with turns.taken(["a"]):
        with turns.taken(["a", "b"]):
            first, second, third = waiters(turns, 3)
            await asyncio.sleep(0)
        await until(first.done)
        await asyncio.sleep(0)
        assert not second.done()
        assert not third.done()

    assert all(await asyncio.gather(first, second, third))


async def test_the_turn_of_one_who_is_gone_is_another_s() -> None:
    turns = Turns()
    with turns.taken(["a"]):
        with turns.taken(["a"]):
            gone, first, second = waiters(turns, 3)
            await asyncio.sleep(0)
            gone.cancel()
            await asyncio.wait([gone])
        # Woken, and cancelled before he knows.
        first.cancel()

        assert await second
        assert first.cancelled()
