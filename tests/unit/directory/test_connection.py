"""The queue of one connection, with a server that does as told. `tests/integration/kerberos` has real ones."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any, cast

import bonsai
import pytest

from gateway.directory import connection as module
from gateway.directory.connection import Connection, ConnectionBroken
from gateway.directory.search import EVERY_OBJECT, Scope, Search
from gateway.errors import Overloaded

SEARCH = Search("DC=corp,DC=example", Scope.BASE_OBJECT, EVERY_OBJECT, ())


class FakeOperations:
    """bonsai's; a search is answered when it is let."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            self._here = socket.create_connection(server.getsockname())
            self._there, _ = server.accept()
        self.asked = 0
        self.answered = threading.Event()
        self.is_silent = False

    def fileno(self) -> int:
        return self._here.fileno()

    def search(self, *_: object) -> int:
        self.asked += 1
        return self.asked

    def get_result(self, *_: object) -> list[Any]:
        assert self.answered.wait(timeout=5)
        if self.is_silent:
            raise bonsai.TimeoutError
        return []

    def close(self) -> None:
        """What the connection has done with it, it has done before."""

    def end(self) -> None:
        self.answered.set()
        self._here.close()
        self._there.close()


@pytest.fixture
def operations() -> Iterator[FakeOperations]:
    operations = FakeOperations()
    yield operations
    operations.end()


def a_connection(operations: FakeOperations, *, seconds: float = 60) -> Connection:
    return Connection(cast("Any", operations), seconds)


async def test_beyond_the_queue_a_search_is_refused_at_once(
    operations: FakeOperations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_WAITING", 1)
    connection = a_connection(operations)
    taken = [asyncio.ensure_future(connection.search(SEARCH)) for _ in range(2)]
    await asyncio.wait(taken, timeout=0)

    with pytest.raises(Overloaded, match="more than 1 searches wait"):
        await connection.search(SEARCH)

    operations.answered.set()
    assert await asyncio.gather(*taken) == [[], []]
    assert await connection.search(SEARCH) == []
    connection.give_up("the test ends")


async def test_a_search_whose_turn_comes_too_late_is_refused_and_asks_nothing(operations: FakeOperations) -> None:
    connection = a_connection(operations, seconds=-1)
    operations.answered.set()

    with pytest.raises(Overloaded, match="searches queue up"):
        await connection.search(SEARCH)

    assert operations.asked == 0
    assert connection.trouble is None
    connection.give_up("the test ends")


async def test_what_waited_for_a_server_that_fell_silent_is_told_so_and_asks_nothing(
    operations: FakeOperations,
) -> None:
    connection = a_connection(operations)
    searches = [asyncio.ensure_future(connection.search(SEARCH)) for _ in range(3)]
    await asyncio.wait(searches, timeout=0)
    operations.is_silent = True
    operations.answered.set()

    errors = await asyncio.gather(*searches, return_exceptions=True)

    assert [type(error) for error in errors] == [ConnectionBroken] * 3
    assert operations.asked == 1
    connection.give_up("the test ends")
