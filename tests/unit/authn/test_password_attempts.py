"""The invariant: whatever comes in whatever order, fewer wrong passwords than lock an account out reach the KDC."""

import asyncio
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.account import Account, LockoutPolicy
from gateway.authn.password_attempts import THRESHOLD_WITHOUT_LOCKOUT, PasswordAttempts
from gateway.errors import (
    AccountLocked,
    KdcSilent,
    KdcUnreachable,
    Overloaded,
    PasswordExpired,
    PasswordNotTried,
    WrongPassword,
)
from tests.builders import an_account

WINDOW = timedelta(minutes=30)
SECOND = timedelta(seconds=1)
POLICY = LockoutPolicy(threshold=5, observation_window_seconds=WINDOW.total_seconds())
ALICE = an_account()


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def attempts(clock: Clock) -> PasswordAttempts:
    return PasswordAttempts(clock)


def end_with(outcome: BaseException | None) -> None:
    if outcome is not None:
        raise outcome


def try_password(
    attempts: PasswordAttempts,
    outcome: BaseException | None = None,
    account: Account = ALICE,
    policy: LockoutPolicy = POLICY,
) -> bool:
    """Whether it was tried."""
    try:
        with attempts.trying(account, policy):
            end_with(outcome)
    except PasswordNotTried:
        return False
    except BaseException as error:
        if error is not outcome:
            raise
    return True


def how_many_wrong(
    attempts: PasswordAttempts, account: Account = ALICE, policy: LockoutPolicy = POLICY, most: int = 20
) -> int:
    return sum(try_password(attempts, WrongPassword(), account, policy) for _ in range(most))


@pytest.mark.parametrize(("threshold", "tried"), [(1, 0), (2, 1), (3, 2), (5, 4), (10, 9)])
def test_wrong_passwords_stay_below_the_threshold(attempts: PasswordAttempts, threshold: int, tried: int) -> None:
    assert how_many_wrong(attempts, policy=LockoutPolicy(threshold, 1800)) == tried


@pytest.mark.parametrize(("count", "is_tried"), [(0, True), (3, True), (4, False), (9, False)])
def test_those_that_the_directory_counts_are_counted(attempts: PasswordAttempts, count: int, is_tried: bool) -> None:
    assert try_password(attempts, account=an_account(bad_password_count=count)) is is_tried


def test_those_that_both_count_are_counted_once(attempts: PasswordAttempts) -> None:
    how_many_wrong(attempts, most=2)

    assert how_many_wrong(attempts, an_account(bad_password_count=2)) == 2


def test_the_right_password_is_not_tried_either_when_one_more_could_lock(attempts: PasswordAttempts) -> None:
    how_many_wrong(attempts)

    with pytest.raises(PasswordNotTried, match=r"alice@corp\.example"), attempts.trying(ALICE, POLICY):
        pass


def test_a_wrong_password_counts_for_the_domains_window(attempts: PasswordAttempts, clock: Clock) -> None:
    how_many_wrong(attempts)
    clock.now += WINDOW - SECOND
    assert not try_password(attempts)

    clock.now += SECOND
    assert try_password(attempts)


def test_the_right_password_clears_what_went_before(attempts: PasswordAttempts) -> None:
    how_many_wrong(attempts, most=3)
    assert try_password(attempts)

    assert how_many_wrong(attempts) == 4


def test_a_right_password_does_not_clear_what_went_wrong_beside_it(attempts: PasswordAttempts) -> None:
    with attempts.trying(ALICE, POLICY):
        try_password(attempts, WrongPassword())
        try_password(attempts, WrongPassword())

    assert how_many_wrong(attempts) == 2


def test_those_that_are_being_tried_count_as_wrong(attempts: PasswordAttempts) -> None:
    with (
        attempts.trying(ALICE, POLICY),
        attempts.trying(ALICE, POLICY),
        attempts.trying(ALICE, POLICY),
        attempts.trying(ALICE, POLICY),
    ):
        assert not try_password(attempts)

    assert try_password(attempts)


async def one_of_many(attempts: PasswordAttempts, gate: asyncio.Event, outcome: BaseException | None) -> None:
    await attempts.turn(ALICE, POLICY)
    with attempts.trying(ALICE, POLICY):
        await gate.wait()
        end_with(outcome)


async def some_turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_right_passwords_that_come_together_wait_for_each_other(attempts: PasswordAttempts) -> None:
    gate = asyncio.Event()
    calls = [asyncio.ensure_future(one_of_many(attempts, gate, None)) for _ in range(30)]
    await some_turns()
    assert not any(call.done() for call in calls)

    gate.set()

    assert await asyncio.gather(*calls) == [None] * 30


async def test_of_wrong_passwords_that_come_together_no_more_are_tried_than_one_after_the_other(
    attempts: PasswordAttempts,
) -> None:
    gate = asyncio.Event()
    calls = [asyncio.ensure_future(one_of_many(attempts, gate, WrongPassword())) for _ in range(30)]
    await some_turns()
    gate.set()

    outcomes = await asyncio.gather(*calls, return_exceptions=True)

    assert sum(isinstance(outcome, WrongPassword) for outcome in outcomes) == POLICY.threshold - 1
    assert all(isinstance(outcome, WrongPassword | PasswordNotTried) for outcome in outcomes)


async def test_who_waits_and_is_gone_takes_nobody_s_place(attempts: PasswordAttempts) -> None:
    gate = asyncio.Event()
    calls = [asyncio.ensure_future(one_of_many(attempts, gate, None)) for _ in range(10)]
    await some_turns()
    for call in calls[5:8]:
        call.cancel()
    gate.set()

    outcomes = await asyncio.gather(*calls, return_exceptions=True)

    assert [outcome for outcome in outcomes if outcome is None] == [None] * 7


async def test_nobody_waits_for_ever(attempts: PasswordAttempts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.authn.password_attempts._PATIENCE_SECONDS", 0)
    with ExitStack() as stack:
        for _ in range(POLICY.threshold - 1):
            stack.enter_context(attempts.trying(ALICE, POLICY))

        with pytest.raises(Overloaded):
            await attempts.turn(ALICE, POLICY)


def test_accounts_are_told_apart_by_their_sids(attempts: PasswordAttempts) -> None:
    how_many_wrong(attempts)

    assert try_password(attempts, account=an_account("bob", sid="S-1-5-21-1-2-3-1105"))
    assert not try_password(attempts, account=an_account("alice-renamed"))


@pytest.mark.parametrize(
    "outcome", [KdcUnreachable(), Overloaded("", retry_after=1), AccountLocked(), PasswordExpired()]
)
def test_what_is_no_verdict_on_the_password_does_not_count(attempts: PasswordAttempts, outcome: Exception) -> None:
    for _ in range(20):
        assert try_password(attempts, outcome)

    assert how_many_wrong(attempts) == 4


@pytest.mark.parametrize("outcome", [KdcSilent(), asyncio.CancelledError(), RuntimeError()])
def test_what_may_have_been_wrong_counts_for_a_minute(
    attempts: PasswordAttempts, clock: Clock, outcome: BaseException
) -> None:
    for _ in range(4):
        assert try_password(attempts, outcome)
    assert not try_password(attempts)

    clock.now += timedelta(minutes=1)
    assert try_password(attempts)


def test_where_nobody_is_locked_out_guesses_are_bounded_all_the_same(attempts: PasswordAttempts, clock: Clock) -> None:
    policy = LockoutPolicy(0, 0)
    account = an_account(bad_password_count=500)

    assert how_many_wrong(attempts, account, policy) == THRESHOLD_WITHOUT_LOCKOUT - 1

    clock.now += timedelta(minutes=10)
    assert try_password(attempts, account=account, policy=policy)


def test_nothing_is_kept_of_accounts_with_nothing_against_them(attempts: PasswordAttempts) -> None:
    try_password(attempts)
    try_password(attempts, WrongPassword())
    try_password(attempts)

    assert len(attempts._tried) == 0


# --- more accounts than there is room for ---------------------------------------------------------------------------


def a_user(number: int) -> Account:
    return an_account(f"u{number}", sid=f"S-1-5-21-1-2-3-{number}")


def test_who_is_forgotten_is_taken_for_the_worst_of_them(clock: Clock) -> None:
    attempts = PasswordAttempts(clock, capacity=2)
    how_many_wrong(attempts, a_user(1), most=3)
    for number in (2, 3, 4):
        try_password(attempts, WrongPassword(), a_user(number))

    assert len(attempts._tried) == 2
    assert how_many_wrong(attempts, a_user(1)) == 1
    assert how_many_wrong(attempts, a_user(99)) == 1


def test_what_is_assumed_of_the_forgotten_ends_with_the_window(clock: Clock) -> None:
    attempts = PasswordAttempts(clock, capacity=1)
    how_many_wrong(attempts, a_user(1))
    how_many_wrong(attempts, a_user(2), most=1)
    assert not try_password(attempts, account=a_user(1))

    clock.now += WINDOW
    assert how_many_wrong(attempts, a_user(1)) == 4


def test_who_is_being_tried_is_not_forgotten(clock: Clock) -> None:
    attempts = PasswordAttempts(clock, capacity=1)
    with suppress(WrongPassword), attempts.trying(a_user(1), POLICY):
        how_many_wrong(attempts, a_user(2))
        how_many_wrong(attempts, a_user(3))
        raise WrongPassword

    assert how_many_wrong(attempts, a_user(1)) <= 3


@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from(["wrong", "right", "later", "hold", "release"]))))
def test_no_order_of_events_reaches_the_threshold(events: list[tuple[int, str]]) -> None:
    clock = Clock()
    attempts = PasswordAttempts(clock, capacity=2)
    wrong: dict[int, list[datetime]] = {number: [] for number in range(5)}
    held: list[tuple[int, object]] = []
    for number, event in events:
        match event:
            case "later":
                clock.now += WINDOW / 3
            case "hold":
                trying = attempts.trying(a_user(number), POLICY)
                with suppress(PasswordNotTried):
                    trying.__enter__()
                    held.append((number, trying))
            case "release" if held:
                number, trying = held.pop(0)  # type: ignore[assignment]  # noqa: PLW2901 -- whose it is
                trying.__exit__(WrongPassword, WrongPassword(), None)
                wrong[number].append(clock.now)
            case "wrong":
                if try_password(attempts, WrongPassword(), a_user(number)):
                    wrong[number].append(clock.now)
            case "right":
                if try_password(attempts, None, a_user(number)):
                    wrong[number].clear()
        assert all(sum(clock.now < at + WINDOW for at in each) < POLICY.threshold for each in wrong.values())
