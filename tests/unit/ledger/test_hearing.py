"""`gateway.ledger.hearing`: who has tried, at little cost, and only who the gateway knows it was."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from pydantic import ValidationError

from gateway.errors import StateUnavailable
from gateway.ledger import hearing
from gateway.ledger.hearing import HEARD_FOR, NOTED_EVERY, Hearing, heard, key_of_account, key_of_certificate
from gateway.ledger.settings import RenewalSettings
from gateway.requester import Requester, Verifier
from gateway.state.memory import MemoryState
from gateway.state.state import Entry, Table
from tests.builders import NOW, a_requester


@dataclass
class World:
    now: datetime = NOW
    writes: list[str] = field(default_factory=list)
    is_down: bool = False

    def __post_init__(self) -> None:
        self.state = CountedState(self)
        self.hearing = Hearing(self.state, lambda: self.now)


class CountedState(MemoryState):
    def __init__(self, world: World) -> None:
        super().__init__(lambda: world.now)
        self._world = world

    async def put(
        self, table: Table, key: str, value: bytes, *, expires: datetime, replaces: Entry | None
    ) -> Entry | None:
        if self._world.is_down:
            raise StateUnavailable("no answer")
        self._world.writes.append(key)
        return await super().put(table, key, value, expires=expires, replaces=replaces)


def by_password(account: str = "alice") -> Requester:
    return a_requester(account, "UsernamePassword")


async def test_who_asks_is_noted_with_the_time() -> None:
    world = World()

    await world.hearing.note(by_password("Ålice"))

    assert await heard(world.state) == {key_of_account("åLICE"): NOW}


async def test_a_certificate_that_was_shown_is_noted_beside_its_account() -> None:
    world = World()

    await world.hearing.note(a_requester("alice"))

    assert await heard(world.state) == {key_of_account("alice"): NOW, key_of_certificate("00" * 32): NOW}


async def test_somebody_is_written_down_once_an_hour_however_often_it_asks() -> None:
    world = World()
    for seconds in (0, 1, 3599):
        world.now = NOW + timedelta(seconds=seconds)
        await world.hearing.note(by_password("alice"))
        await world.hearing.note(by_password("ALICE"))
    assert world.writes == [key_of_account("alice")]

    world.now = NOW + NOTED_EVERY
    await world.hearing.note(by_password("alice"))

    assert await heard(world.state) == {key_of_account("alice"): world.now}


async def test_whose_password_only_the_inside_can_verify_is_not_noted() -> None:
    world = World()

    await world.hearing.note(replace(by_password(), verified_by=Verifier.INTERNAL_CES))

    assert world.writes == []


async def test_what_could_not_be_written_is_written_the_next_time() -> None:
    world = World(is_down=True)
    with pytest.raises(StateUnavailable):
        await world.hearing.note(by_password())

    world.is_down = False
    await world.hearing.note(by_password())

    assert await heard(world.state) == {key_of_account("alice"): NOW}


async def test_only_the_last_thousands_are_remembered_in_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearing, "_MAX_REMEMBERED", 2)
    world = World()

    async def note(accounts: Sequence[str]) -> list[str]:
        world.writes.clear()
        for account in accounts:
            await world.hearing.note(by_password(account))
        return world.writes

    await note("abc")

    assert await note("bc") == []
    assert await note("a") == [key_of_account("a")]


async def test_whoever_is_noted_again_is_remembered_longer_than_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearing, "_MAX_REMEMBERED", 2)
    world = World()
    for account in "ab":
        await world.hearing.note(by_password(account))
    world.now = NOW + NOTED_EVERY
    for account in "ac":
        await world.hearing.note(by_password(account))
    world.writes.clear()

    await world.hearing.note(by_password("a"))

    assert world.writes == []


def test_whoever_tries_is_remembered_for_as_long_as_a_certificate_can_end_soon() -> None:
    assert RenewalSettings(warn_days=90).warn + NOTED_EVERY < HEARD_FOR
    with pytest.raises(ValidationError):
        RenewalSettings(warn_days=91)


async def test_what_is_older_than_any_warning_is_forgotten() -> None:
    world = World()
    await world.hearing.note(by_password())
    world.now = NOW + HEARD_FOR

    assert await heard(world.state) == {}


async def test_what_others_have_seen_is_passed_over() -> None:
    world = World()
    for key in ("a", "request-id:00", "z"):
        await world.state.put(Table.SIGHTINGS, key, b"x", expires=NOW + NOTED_EVERY, replaces=None)
    await world.hearing.note(by_password())

    assert list(await heard(world.state)) == [key_of_account("alice")]
