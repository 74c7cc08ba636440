import pytest
from pydantic import ValidationError

from gateway.upstream.breaker import Breaker, BreakerSettings, Verdict
from tests.fakes.clock import MonotonicClock

SETTINGS = BreakerSettings(failures=3, first_pause_seconds=2, longest_pause_seconds=10)


@pytest.fixture
def clock() -> MonotonicClock:
    return MonotonicClock()


@pytest.fixture
def breaker(clock: MonotonicClock) -> Breaker:
    return a_breaker(clock)


def a_breaker(clock: MonotonicClock, random: float = 1.0, opened: list[str] | None = None) -> Breaker:
    """With `random` 1, pauses have their whole length."""
    return Breaker(SETTINGS, clock, lambda: random, lambda: opened.append("opened") if opened is not None else None)


def attempt(breaker: Breaker, verdict: Verdict) -> None:
    breaker.end(breaker.begin(), verdict, "connection refused")


def an_open_one(clock: MonotonicClock, random: float = 1.0) -> Breaker:
    breaker = a_breaker(clock, random)
    for _ in range(SETTINGS.failures):
        attempt(breaker, Verdict.BAD)
    return breaker


def test_it_opens_at_so_many_failures_in_a_row(breaker: Breaker) -> None:
    attempt(breaker, Verdict.BAD)
    attempt(breaker, Verdict.BAD)
    assert breaker.is_admitting

    attempt(breaker, Verdict.BAD)

    assert not breaker.is_closed
    assert not breaker.is_admitting
    assert breaker.last_failure == "connection refused"


def test_a_success_in_between_begins_the_row_anew(breaker: Breaker) -> None:
    for verdict in (Verdict.BAD, Verdict.BAD, Verdict.GOOD, Verdict.BAD, Verdict.BAD):
        attempt(breaker, verdict)

    assert breaker.is_closed


def test_what_says_nothing_counts_neither_way(breaker: Breaker) -> None:
    for verdict in (Verdict.BAD, Verdict.BAD, Verdict.NONE, Verdict.BAD):
        attempt(breaker, verdict)

    assert not breaker.is_closed


def test_after_its_pause_it_admits_one_trial_at_a_time(clock: MonotonicClock) -> None:
    breaker = an_open_one(clock)
    clock.tick(1.9)
    assert not breaker.is_admitting
    clock.tick(0.1)
    assert breaker.is_admitting

    trial = breaker.begin()

    assert trial.is_trial
    assert not breaker.is_admitting
    breaker.end(trial, Verdict.GOOD)
    assert breaker.is_closed


def test_a_trial_that_says_nothing_makes_room_for_the_next(clock: MonotonicClock) -> None:
    breaker = an_open_one(clock)
    clock.tick(2)

    attempt(breaker, Verdict.NONE)

    assert not breaker.is_closed
    assert breaker.is_admitting


def test_pauses_grow_to_a_bound_and_begin_anew_after_a_success(clock: MonotonicClock) -> None:
    breaker = an_open_one(clock)

    assert [_pause(breaker, clock) for _ in range(5)] == [2, 4, 8, 10, 10]

    attempt(breaker, Verdict.GOOD)
    for _ in range(SETTINGS.failures):
        attempt(breaker, Verdict.BAD)
    assert _pause(breaker, clock) == 2


def _pause(breaker: Breaker, clock: MonotonicClock) -> int:
    """Whole seconds until it admits a trial, which then fails."""
    seconds = 0
    while not breaker.is_admitting:
        clock.tick(1)
        seconds += 1
    attempt(breaker, Verdict.BAD)
    return seconds


@pytest.mark.parametrize(("random", "seconds"), [(0.0, 1.0), (0.5, 1.5), (1.0, 2.0)])
def test_replicas_do_not_come_back_as_one(clock: MonotonicClock, random: float, seconds: float) -> None:
    breaker = an_open_one(clock, random)
    clock.tick(seconds - 0.01)
    assert not breaker.is_admitting

    clock.tick(0.01)

    assert breaker.is_admitting


def test_what_began_before_it_opened_says_nothing_of_today(clock: MonotonicClock) -> None:
    breaker = a_breaker(clock)
    slow_success, slow_failure = breaker.begin(), breaker.begin()
    for _ in range(SETTINGS.failures):
        attempt(breaker, Verdict.BAD)

    breaker.end(slow_success, Verdict.GOOD)
    assert not breaker.is_closed

    clock.tick(2)
    attempt(breaker, Verdict.GOOD)
    for _ in range(SETTINGS.failures):
        breaker.end(slow_failure, Verdict.BAD)
    assert breaker.is_closed


def test_whoever_is_asked_for_want_of_another_closes_it_and_does_not_prolong_its_pause(clock: MonotonicClock) -> None:
    breaker = an_open_one(clock)
    clock.tick(1)
    last_resort = breaker.begin()
    assert not last_resort.is_trial

    breaker.end(last_resort, Verdict.BAD)
    clock.tick(1)
    assert breaker.is_admitting

    breaker.end(breaker.begin(), Verdict.BAD)
    breaker.end(breaker.begin(), Verdict.GOOD)
    assert breaker.is_closed


def test_whoever_is_asked_for_want_of_another_makes_no_room_for_a_second_trial(clock: MonotonicClock) -> None:
    breaker = an_open_one(clock)
    clock.tick(2)
    breaker.begin()

    last_resort = breaker.begin()
    assert not breaker.is_admitting
    breaker.end(last_resort, Verdict.BAD)

    assert not breaker.is_admitting


def test_once_it_is_closed_its_pause_is_over(clock: MonotonicClock) -> None:
    breaker = an_open_one(clock)
    breaker.end(breaker.begin(), Verdict.GOOD)

    assert breaker.is_admitting
    assert not breaker.begin().is_trial


def test_after_it_was_closed_it_takes_a_whole_row_again(clock: MonotonicClock) -> None:
    breaker = an_open_one(clock)
    from_before = breaker.begin()
    attempt(breaker, Verdict.GOOD)

    breaker.end(from_before, Verdict.BAD)
    attempt(breaker, Verdict.BAD)
    attempt(breaker, Verdict.BAD)
    assert breaker.is_closed

    attempt(breaker, Verdict.BAD)
    assert not breaker.is_closed


def test_failures_of_calls_that_a_success_has_overtaken_count(breaker: Breaker) -> None:
    slow = [breaker.begin() for _ in range(SETTINGS.failures)]
    attempt(breaker, Verdict.GOOD)

    for one in slow:
        breaker.end(one, Verdict.BAD)

    assert not breaker.is_closed


def test_an_ejection_is_told_once(clock: MonotonicClock) -> None:
    opened: list[str] = []
    breaker = a_breaker(clock, opened=opened)
    for _ in range(SETTINGS.failures):
        attempt(breaker, Verdict.BAD)
    clock.tick(2)
    attempt(breaker, Verdict.BAD)

    assert opened == ["opened"]


def test_pauses_that_shrink_are_refused() -> None:
    with pytest.raises(ValidationError, match="must not be less"):
        BreakerSettings(first_pause_seconds=20, longest_pause_seconds=10)


def test_pauses_of_one_length_are_allowed() -> None:
    assert BreakerSettings(first_pause_seconds=10, longest_pause_seconds=10).longest_pause_seconds == 10


def test_the_settings_have_defaults() -> None:
    settings = BreakerSettings()

    assert (settings.failures, settings.first_pause_seconds, settings.longest_pause_seconds) == (5, 2, 60)
