"""`gateway.state.gcra`: the arithmetic of budgets."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.state.gcra import Budget, given_back, lacking, spent

NOW = 1_800_000_000_000_000


def test_a_burst_may_be_spent_at_once_and_no_more() -> None:
    budget = Budget(count=6, period=timedelta(minutes=1), burst=3)
    tat = 0
    for _ in range(3):
        assert lacking(budget, tat, NOW, 1) <= 0
        tat = spent(budget, tat, NOW, 1)

    assert lacking(budget, tat, NOW, 1) == 10_000_000
    assert lacking(budget, tat, NOW + 10_000_000, 1) == 0


def test_asking_for_nothing_asks_whether_there_is_room_for_one() -> None:
    budget = Budget(count=1, period=timedelta(hours=1), burst=1)

    assert lacking(budget, 0, NOW, 0) <= 0
    assert spent(budget, 0, NOW, 0) == NOW
    assert lacking(budget, spent(budget, 0, NOW, 1), NOW, 0) == 3_600_000_000


def test_what_is_given_back_was_never_spent() -> None:
    budget = Budget(count=7, period=timedelta(seconds=1), burst=2)
    tat = spent(budget, 0, NOW, 1)

    assert given_back(budget, spent(budget, tat, NOW, 2), 2) == tat


@pytest.mark.parametrize(
    ("count", "period", "burst"), [(0, 1, 1), (1, 1, 0), (1, 0, 1)], ids=["no count", "no burst", "no period"]
)
def test_a_budget_of_nothing_is_a_mistake(count: int, period: int, burst: int) -> None:
    with pytest.raises(ValueError, match="budget"):
        Budget(count, timedelta(seconds=period), burst)


@given(
    st.integers(1, 1000),
    st.integers(1, 86_400),
    st.integers(1, 50),
    st.lists(st.integers(0, 5_000_000), min_size=1, max_size=200),
)
def test_in_no_time_more_is_spent_than_the_burst_and_what_was_earned(
    count: int, period: int, burst: int, pauses: list[int]
) -> None:
    budget = Budget(count, timedelta(seconds=period), burst)
    now, tat, taken = NOW, 0, 0
    for pause in pauses:
        now += pause
        if lacking(budget, tat, now, 1) <= 0:
            tat = spent(budget, tat, now, 1)
            taken += 1

    assert taken <= burst + (now - NOW) * count // (period * 1_000_000)


def test_a_budget_that_takes_longer_than_a_century_is_a_mistake() -> None:
    Budget(1, timedelta(days=365), 100)

    with pytest.raises(ValueError, match="hundred years"):
        Budget(1, timedelta(days=366), 100)
