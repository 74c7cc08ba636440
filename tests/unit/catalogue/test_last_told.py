"""Whether a client has what it would be told; the story's tests have the whole of it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from gateway.catalogue.last_told import CLOCKS_APART, LastTold
from gateway.enrollment_policy import View
from gateway.protocol.soap import RenderedBody
from tests.builders import a_requester

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


def a_view(digest: bytes = b"1", policy_id: str = "{ID}") -> View:
    nothing = RenderedBody(b"")
    return View(policy_id, (), nothing, nothing, digest)


@dataclass
class World:
    now: datetime = NOW
    policies: object = field(default_factory=object)
    capacity: int = 10

    def __post_init__(self) -> None:
        self._last_told = LastTold(lambda: self.now, lambda: self.policies, self.capacity)

    def has_it(self, view: View, account: str = "partner-a", ago: timedelta = timedelta()) -> bool:
        return self._last_told.has_it(a_requester(account), view, self.now - ago)


def test_the_first_time_nobody_has_it() -> None:
    assert not World().has_it(a_view())


@pytest.mark.parametrize(
    ("ago", "has_it"),
    [
        (HOUR, False),
        (HOUR - CLOCKS_APART + SECOND, False),
        (HOUR - CLOCKS_APART, True),
        (timedelta(), True),
        (-SECOND, False),
    ],
)
def test_who_got_it_after_it_was_new_and_not_in_the_future_has_it(ago: timedelta, *, has_it: bool) -> None:
    world = World()
    world.has_it(a_view())
    world.now += HOUR

    assert world.has_it(a_view(), ago=ago) == has_it


def test_who_does_not_say_since_when_gets_everything() -> None:
    told = LastTold(lambda: NOW, lambda: None)

    assert not told.has_it(a_requester(), a_view(), None)


def test_whatever_else_was_told_meanwhile_is_a_change() -> None:
    world = World()
    for digest in (b"1", b"2", b"1"):
        world.has_it(a_view(digest))
        world.now += HOUR

    assert not world.has_it(a_view(), ago=HOUR + SECOND)
    assert world.has_it(a_view(), ago=HOUR - CLOCKS_APART)


def test_each_requester_and_each_view_is_for_itself() -> None:
    world = World()
    world.has_it(a_view())
    world.now += HOUR

    assert not world.has_it(a_view(), "partner-b")
    assert not world.has_it(a_view(policy_id="{OTHER}"))
    assert world.has_it(a_view())


def test_other_policies_are_a_change() -> None:
    world = World()
    world.has_it(a_view())
    world.now += HOUR
    world.policies = object()

    assert not world.has_it(a_view())


def test_memory_is_bounded_and_who_is_forgotten_gets_everything() -> None:
    world = World(capacity=2)
    for account in ("one", "two", "one", "three"):
        world.has_it(a_view(), account)
    world.now += HOUR

    assert [world.has_it(a_view(), account) for account in ("one", "three", "two", "one")] == [True, True, False, False]
