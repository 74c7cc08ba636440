"""The inside as one server, without a pool before it."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from gateway.credential import Credential, Way
from gateway.requester import Requester

T = TypeVar("T")


class OneServer:
    """The Inside of `gateway.credential`, made of whatever plays the transition and the service."""

    def __init__(self, transition: Any, service: Any, own_identity: Any = None) -> None:
        self._way: Way[Any] = Way(transition, service, own_identity)

    async def reach(self, ask: Callable[[Way[Any]], Awaitable[T]]) -> T:
        return await ask(self._way)

    async def credential(self, requester: Requester) -> Credential:
        return await self._way.transition.credential(requester)
