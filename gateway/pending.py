"""Pending requests and their owners, in the memory of this process.

A restart forgets them, and so does a full table: the client is then told that the request does not exist, and enrolls
anew.
"""

from collections import OrderedDict
from dataclasses import dataclass

from gateway.enrollment import PendingRequest
from gateway.policy.expected import Expected
from gateway.requester import Requester


@dataclass(frozen=True, slots=True)
class _Owned:
    account: str
    expected: Expected


class InMemoryPendingRequests:
    """The PendingRequests of `gateway.enrollment`."""

    def __init__(self, capacity: int) -> None:
        """Beyond `capacity` requests, the one that was longest not heard of is dropped."""
        assert capacity > 0
        self._capacity = capacity
        self._owned: OrderedDict[tuple[str, str], _Owned] = OrderedDict()

    async def remember(self, service: str, pending: PendingRequest) -> None:
        """Note that the CA behind this service has taken the request under submission, or still has it there."""
        key = (service, pending.request_id)
        self._owned[key] = _Owned(pending.requester.account, pending.expected)
        self._owned.move_to_end(key)
        if len(self._owned) > self._capacity:
            self._owned.popitem(last=False)

    async def find(self, service: str, request_id: str, requester: Requester) -> PendingRequest | None:
        """The request, if this requester's account submitted it through this service."""
        owned = self._owned.get((service, request_id))
        if owned is None or owned.account != requester.account:
            return None
        return PendingRequest(request_id, requester, owned.expected)
