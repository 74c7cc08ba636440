"""What `gateway.state.state.State` promises, of all three that keep it: in memory, in SQLite, in a real Redis."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.state.gcra import Budget
from gateway.state.memory import MemoryState
from gateway.state.redis import RedisState
from gateway.state.sqlite import SqliteState
from gateway.state.state import MAX_KEY, MAX_VALUE, Entry, Overspent, Spending, State, Table
from tests.redis_server import RedisServer
from tests.state import LATER, NOW, Clock, of, written

Open = Callable[[], Awaitable[State]]
"""Another instance, as another process would have it, on what is kept together."""

_prefixes = (f"test-{n}" for n in count())


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


async def a_place(kind: str, clock: Clock, directory: Path, redis: RedisServer, stack: AsyncExitStack) -> Open:
    """An empty one."""
    memory = MemoryState(clock)
    settings = redis.settings(prefix=next(_prefixes))

    async def open_state() -> State:
        state: State = memory
        if kind == "sqlite":
            state = await SqliteState.open(directory / "state.sqlite", clock)
        elif kind == "redis":
            state = await RedisState.open(settings, clock)
        stack.push_async_callback(state.close)
        return state

    return open_state


@pytest.fixture(params=["memory", "sqlite", "redis"])
async def open_state(
    request: pytest.FixtureRequest, clock: Clock, tmp_path: Path, redis: RedisServer
) -> AsyncIterator[Open]:
    async with AsyncExitStack() as stack:
        yield await a_place(request.param, clock, tmp_path, redis, stack)


@pytest.fixture
async def state(open_state: Open) -> State:
    return await open_state()


# --- entries --------------------------------------------------------------------------------------------------------


async def test_what_is_put_is_there_for_every_instance(open_state: Open) -> None:
    here, there = await open_state(), await open_state()

    entry = await written(here, "a", b"one")

    assert await there.get(Table.SUBMISSIONS, "a") == entry
    assert (entry.key, entry.value) == ("a", b"one")


async def test_tables_have_their_own_keys(state: State) -> None:
    await written(state, "a")

    assert await state.get(Table.REPEATS, "a") is None
    assert await state.page(Table.REPEATS) == []


async def test_what_is_not_there_is_none(state: State) -> None:
    assert await state.get(Table.SUBMISSIONS, "a") is None


async def test_nothing_is_put_where_something_stands_already(open_state: Open) -> None:
    here, there = await open_state(), await open_state()
    entry = await written(here, "a", b"one")

    assert await there.put(Table.SUBMISSIONS, "a", b"two", expires=LATER, replaces=None) is None
    assert await there.get(Table.SUBMISSIONS, "a") == entry


async def test_what_stands_there_is_replaced_once(open_state: Open) -> None:
    here, there = await open_state(), await open_state()
    first = await written(here, "a", b"one")

    second = await there.put(Table.SUBMISSIONS, "a", b"two", expires=LATER, replaces=first)

    assert second is not None
    assert await here.put(Table.SUBMISSIONS, "a", b"three", expires=LATER, replaces=first) is None
    assert await here.get(Table.SUBMISSIONS, "a") == second


async def test_the_same_value_twice_is_two_versions(state: State) -> None:
    first = await written(state, "a", b"one")

    second = await state.put(Table.SUBMISSIONS, "a", b"one", expires=LATER, replaces=first)

    assert second is not None
    assert second.version != first.version


async def test_of_many_who_replace_the_same_one_succeeds(open_state: Open) -> None:
    states = [await open_state(), await open_state()]
    first = await written(states[0], "a")

    tries = (states[n % 2].put(Table.SUBMISSIONS, "a", b"%d" % n, expires=LATER, replaces=first) for n in range(20))
    entries = [entry for entry in await asyncio.gather(*tries) if entry is not None]

    assert entries == [await states[0].get(Table.SUBMISSIONS, "a")]


async def test_what_is_gone_is_not_replaced(state: State) -> None:
    entry = await written(state, "a")
    assert await state.remove(Table.SUBMISSIONS, entry)

    assert await state.put(Table.SUBMISSIONS, "a", b"two", expires=LATER, replaces=entry) is None
    assert await state.get(Table.SUBMISSIONS, "a") is None


async def test_what_was_replaced_or_removed_is_not_removed_again(state: State) -> None:
    first = await written(state, "a")
    second = await state.put(Table.SUBMISSIONS, "a", b"two", expires=LATER, replaces=first)
    assert second is not None

    assert not await state.remove(Table.SUBMISSIONS, first)
    assert await state.remove(Table.SUBMISSIONS, second)
    assert not await state.remove(Table.SUBMISSIONS, second)


async def test_an_entry_that_has_expired_is_as_if_it_had_never_been(state: State, clock: Clock) -> None:
    old = await written(state, "a", b"one", expires=NOW + timedelta(seconds=10))
    clock.go_on(seconds=9.999999)
    assert await state.get(Table.SUBMISSIONS, "a") == old

    clock.go_on(seconds=0.000001)

    assert await state.get(Table.SUBMISSIONS, "a") is None
    assert await state.page(Table.SUBMISSIONS) == []
    assert not await state.remove(Table.SUBMISSIONS, old)
    assert await state.put(Table.SUBMISSIONS, "a", b"two", expires=LATER, replaces=old) is None
    new = await written(state, "a", b"two")
    assert await state.get(Table.SUBMISSIONS, "a") == new
    assert await state.page(Table.SUBMISSIONS) == [new]


async def test_writes_remove_what_has_expired_and_nothing_else(state: State, clock: Clock) -> None:
    for n in range(50):
        await written(state, f"old {n}", expires=NOW + timedelta(seconds=1))
    clock.go_on(seconds=1)

    new = [await written(state, f"new {n}") for n in range(5)]

    assert await state.page(Table.SUBMISSIONS) == new
    clock.now = NOW
    assert await state.page(Table.SUBMISSIONS) == new, "else the old ones were still kept"


async def test_pages_have_the_order_of_bytes_and_begin_behind_a_key(state: State) -> None:
    keys = ["~", "a", "B", "a b", "ab", "10", "9", "A"]
    for key in keys:
        await written(state, key)

    pages = []
    after = ""
    while page := await state.page(Table.SUBMISSIONS, after=after, limit=3):
        pages.append([entry.key for entry in page])
        after = page[-1].key

    assert [key for page in pages for key in page] == sorted(keys)
    assert [len(page) for page in pages] == [3, 3, 2]


async def test_a_page_is_filled_although_many_before_it_have_expired(state: State, clock: Clock) -> None:
    for n in range(250):
        await written(state, f"a {n:03}", expires=NOW + timedelta(seconds=1))
    last = await written(state, "z")
    clock.go_on(seconds=1)

    assert await state.page(Table.SUBMISSIONS, limit=1) == [last]


@pytest.mark.parametrize("value", [b"", bytes(range(256)), b"\0" * 3, b"\xff" * MAX_VALUE], ids=len)
async def test_values_are_bytes_of_any_kind(state: State, value: bytes) -> None:
    entry = await written(state, "a", value)

    assert await state.get(Table.SUBMISSIONS, "a") == entry
    assert entry.value == value
    assert await state.page(Table.SUBMISSIONS) == [entry]


@pytest.mark.parametrize("key", [" ", "~", "{a}:b", "'; --", "%s", "x" * MAX_KEY])
async def test_keys_are_printable_ascii(state: State, key: str) -> None:
    entry = await written(state, key)

    assert await state.get(Table.SUBMISSIONS, key) == entry
    assert await state.page(Table.SUBMISSIONS) == [entry]
    assert await state.page(Table.SUBMISSIONS, after=key) == []


@pytest.mark.parametrize("key", ["", "x" * (MAX_KEY + 1), "a\n", "a\0", "ä", "\x7f"])
async def test_other_keys_are_mistakes_of_the_program(state: State, key: str) -> None:
    with pytest.raises(ValueError, match="a key has"):
        await written(state, key)
    with pytest.raises(ValueError, match="a key has"):
        await state.spend([of(key)])


async def test_a_value_that_is_too_long_is_a_mistake_of_the_program(state: State) -> None:
    with pytest.raises(ValueError, match="a value has at most 1048576 bytes"):
        await written(state, "a", b"x" * (MAX_VALUE + 1))


# --- budgets --------------------------------------------------------------------------------------------------------


async def test_a_budget_is_spent_and_earned_again(state: State, clock: Clock) -> None:
    assert [await state.spend([of("a")]) for _ in range(3)] == [None, None, None]

    assert await state.spend([of("a")]) == Overspent(of("a"), 60.0)
    clock.go_on(seconds=59.999999)
    assert await state.spend([of("a")]) == Overspent(of("a"), 0.000001)
    clock.go_on(seconds=0.000001)
    assert await state.spend([of("a")]) is None


async def test_a_budget_is_one_for_every_instance(open_state: Open) -> None:
    here, there = await open_state(), await open_state()

    assert await here.spend([of("a", 2)]) is None
    assert await there.spend([of("a")]) is None
    assert await here.spend([of("a")]) is not None


async def test_of_several_budgets_all_are_spent_or_none(state: State) -> None:
    assert await state.spend([of("empty", 3)]) is None

    assert await state.spend([of("a"), of("empty"), of("b")]) == Overspent(of("empty"), 60.0)

    assert await state.spend([of("a", 3), of("b", 3)]) is None


async def test_of_several_that_lack_the_one_is_told_that_waits_longest(state: State) -> None:
    assert await state.spend([of("a", 2), of("b", 3)]) is None

    assert await state.spend([of("a", 2), of("b", 2), of("c")]) == Overspent(of("b", 2), 120.0)


async def test_nothing_can_always_be_spent_of_nothing(state: State) -> None:
    assert await state.spend([]) is None
    await state.give_back([])


async def test_asking_takes_nothing(state: State) -> None:
    assert await state.spend([of("a", 2)]) is None
    for _ in range(5):
        assert await state.spend([of("a", 0)]) is None
    assert await state.spend([of("a")]) is None

    assert await state.spend([of("a", 0)]) == Overspent(of("a", 0), 60.0)


async def test_more_than_the_burst_is_never_there(state: State, clock: Clock) -> None:
    clock.go_on(days=1000)

    assert await state.spend([of("a", 4)]) == Overspent(of("a", 4), 60.0)


async def test_what_is_given_back_can_be_spent_again(state: State) -> None:
    assert await state.spend([of("a", 3), of("b", 3)]) is None

    await state.give_back([of("a", 2), of("never spent of")])

    assert await state.spend([of("a", 3)]) is not None
    assert await state.spend([of("a", 2)]) is None
    assert await state.spend([of("b")]) is not None
    assert await state.spend([of("never spent of", 4)]) is not None


async def test_a_key_is_spent_of_once(state: State) -> None:
    with pytest.raises(ValueError, match="once"):
        await state.spend([of("a"), of("a")])
    with pytest.raises(ValueError, match="-1 cannot be spent"):
        await state.spend([of("a", -1)])


async def test_the_longest_budgets_are_exact(state: State, clock: Clock) -> None:
    century = Spending("a", Budget(count=1, period=timedelta(days=365), burst=100), 100)
    assert await state.spend([century]) is None

    clock.go_on(microseconds=1)

    assert await state.spend([Spending("a", century.budget, 1)]) == Overspent(
        Spending("a", century.budget, 1), 365 * 86_400 - 0.000001
    )


@pytest.mark.parametrize("burst", [1, 7])
async def test_many_at_once_never_exceed_a_budget_by_one(open_state: Open, burst: int) -> None:
    states = [await open_state(), await open_state()]

    tries = (states[n % 2].spend([of("a", burst=burst), of(f"b {n}")]) for n in range(40))
    answers = await asyncio.gather(*tries)

    assert answers.count(None) == burst
    # Those who got nothing have taken nothing of their other budget.
    left = [await states[0].spend([of(f"b {n}", 3)]) for n in range(40)]
    assert left.count(None) == 40 - burst


# --- all the same ---------------------------------------------------------------------------------------------------

_BUDGETS = (
    Budget(count=1, period=timedelta(seconds=1), burst=1),
    Budget(count=7, period=timedelta(seconds=3), burst=4),
    Budget(count=1000, period=timedelta(hours=1), burst=20),
)
_KEYS = st.sampled_from(["a", "b", "c"])
_steps = st.one_of(
    st.tuples(st.just("wait"), st.integers(1, 5_000_000)),
    st.tuples(st.just("put"), _KEYS, st.binary(max_size=3), st.integers(1, 6), st.booleans()),
    st.tuples(st.just("remove"), _KEYS),
    st.tuples(st.just("spend"), st.dictionaries(_KEYS, st.integers(0, 3), max_size=3)),
    st.tuples(st.just("give back"), _KEYS, st.integers(1, 2)),
    st.tuples(st.just("page"), st.sampled_from(["", "a", "b"]), st.integers(1, 3)),
)


async def what_comes_of(step: tuple[object, ...], state: State, clock: Clock) -> object:
    """Without versions, which differ."""
    match step:
        case ("put", str(key), bytes(value), int(seconds), bool(replaces)):
            old = await state.get(Table.SUBMISSIONS, key) if replaces else None
            expires = clock.now + timedelta(seconds=seconds)
            return _plain(await state.put(Table.SUBMISSIONS, key, value, expires=expires, replaces=old))
        case ("remove", str(key)):
            entry = await state.get(Table.SUBMISSIONS, key)
            return None if entry is None else await state.remove(Table.SUBMISSIONS, entry)
        case ("spend", dict(quantities)):
            return await state.spend([_of(key, quantity) for key, quantity in quantities.items()])
        case ("give back", str(key), int(quantity)):
            if await state.spend([_of(key, quantity)]) is None:
                await state.give_back([_of(key, quantity)])
        case ("page", str(after), int(limit)):
            return [_plain(entry) for entry in await state.page(Table.SUBMISSIONS, after=after, limit=limit)]
    return None


def _plain(entry: Entry | None) -> tuple[str, bytes] | None:
    return None if entry is None else (entry.key, entry.value)


def _of(key: str, quantity: int) -> Spending:
    return Spending(key, _BUDGETS["abc".index(key)], quantity)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(_steps, max_size=30))
async def test_whatever_happens_all_three_say_the_same(
    tmp_path_factory: pytest.TempPathFactory, redis: RedisServer, steps: list[tuple[object, ...]]
) -> None:
    clock = Clock()
    async with AsyncExitStack() as stack:
        states = []
        for kind in ("memory", "sqlite", "redis"):
            open_state = await a_place(kind, clock, tmp_path_factory.mktemp("state"), redis, stack)
            states.append(await open_state())
        for step in steps:
            if step[0] == "wait":
                clock.go_on(microseconds=float(str(step[1])))
            memory, *others = [await what_comes_of(step, state, clock) for state in states]
            assert others == [memory, memory], step
