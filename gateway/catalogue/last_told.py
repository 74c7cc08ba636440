"""Since when each requester has been told the same: for clients that ask whether anything has changed.

In memory: another replica has its own idea of when something was new. All of it errs on the side of telling everything,
which costs 400 kB; "not changed" to a client that has something else would leave it with that until the next change.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.enrollment_policy import View
from gateway.requester import Requester

REQUESTERS = 50_000
"""Of whom it is known: some 20 MB. Who is forgotten is told everything."""
CLOCKS_APART = timedelta(minutes=5)
"""How much a client's clock may be ahead: what Kerberos takes (RFC 4120 8.2)."""


@dataclass(frozen=True, slots=True)
class _Told:
    digest: bytes
    since: datetime


class LastTold:
    """Of all CEP services together, since clients take those with one policyID for one."""

    def __init__(
        self, clock: Callable[[], datetime], policies: Callable[[], object], capacity: int = REQUESTERS
    ) -> None:
        """`clock` gives the aware time, UTC; `policies` the snapshot in force, which a reload replaces."""
        self._clock = clock
        self._policies = policies
        self._capacity = capacity
        self._told: OrderedDict[tuple[str, str], _Told] = OrderedDict()
        self._told_by: object = None

    def has_it(self, requester: Requester, view: View, last_update: datetime | None) -> bool:
        """Whether a client that got its policies at `last_update` (aware; None: nobody knows) has this view.

        It has if this very content was told to this requester before, and nothing else since, whatever its machines
        asked and at whichever service. The content alone would not do: who changes a group changes views without either
        of them changing. A reload counts as a change, since something else may have been told meanwhile elsewhere.
        """
        now = self._clock()
        policies = self._policies()
        if policies is not self._told_by:
            self._told_by = policies
            self._told.clear()
        key = (view.policy_id, requester.account)
        told = self._told.get(key)
        if told is None or told.digest != view.digest:
            told = self._told[key] = _Told(view.digest, now)
        self._told.move_to_end(key)
        if len(self._told) > self._capacity:
            self._told.popitem(last=False)
        return last_update is not None and told.since + CLOCKS_APART <= last_update <= now
