"""Names of groups by SID, remembered for a while: they rarely change, and everybody is in the same few."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta

_LIFETIME = timedelta(hours=1)
"""How long a group that was renamed keeps its former name here."""
_CAPACITY = 10_000


class GroupNames:
    """Bounded; who was not asked for longest is forgotten first."""

    def __init__(self, clock: Callable[[], datetime], capacity: int = _CAPACITY) -> None:
        self._clock = clock
        self._capacity = capacity
        self._entries: OrderedDict[str, tuple[str | None, datetime]] = OrderedDict()

    def known(self, sids: Iterable[str]) -> dict[str, str | None]:
        """Those that are remembered; None for a group that has no name here."""
        now = self._clock()
        found = {sid: self._entries[sid] for sid in sids if sid in self._entries}
        for sid in found:
            self._entries.move_to_end(sid)
        return {sid: name for sid, (name, until) in found.items() if now < until}

    def learn(self, names: Mapping[str, str | None]) -> None:
        until = self._clock() + _LIFETIME
        for sid, name in names.items():
            self._entries[sid] = (name, until)
            self._entries.move_to_end(sid)
        while len(self._entries) > self._capacity:
            self._entries.popitem(last=False)
