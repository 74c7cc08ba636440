from datetime import UTC, datetime, timedelta

from gateway.directory.group_names import GroupNames

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def test_what_was_learnt_is_known_for_an_hour() -> None:
    now = NOW
    names = GroupNames(lambda: now)
    names.learn({"S-1-5-32-545": "Users", "S-1-5-32-999": None})

    now += timedelta(minutes=59)
    assert names.known(["S-1-5-32-545", "S-1-5-32-999", "S-1-5-32-544"]) == {
        "S-1-5-32-545": "Users",
        "S-1-5-32-999": None,
    }
    now += timedelta(minutes=1)
    assert names.known(["S-1-5-32-545"]) == {}


def test_who_was_not_asked_for_longest_is_forgotten_first() -> None:
    names = GroupNames(lambda: NOW, capacity=2)
    names.learn({"a": "A", "b": "B"})
    names.known(["a"])
    names.learn({"c": "C"})

    assert names.known(["a", "b", "c"]) == {"a": "A", "c": "C"}
