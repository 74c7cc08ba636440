"""Who was last heard of: so that those are known who should renew and do not even try.

Noted is who the gateway has made sure of itself. A password that only the inside can verify may be anybody's guess.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from gateway.ledger.pages import pages
from gateway.pki.certificate import Certificate
from gateway.requester import Requester
from gateway.state.state import State, Table

NOTED_EVERY = timedelta(hours=1)
"""A client that tries again and again costs one write in that time."""

HEARD_FOR = timedelta(days=91)
"""Somewhat longer than any certificate ends soon (`warn_days`): what is forgotten then tells nothing any more."""

_PREFIX = "heard:"
_MAX_REMEMBERED = 10_000
"""Of those noted a moment ago, some MB. Whoever is forgotten here is written down once more."""


def key_of_account(account: str) -> str:
    """A digest, since an account may have characters that a key may not."""
    return f"{_PREFIX}account:{sha256(account.casefold().encode()).hexdigest()}"


def key_of_certificate(fingerprint: str) -> str:
    """Of the certificate that was shown, by its SHA-256 in hex."""
    return f"{_PREFIX}certificate:{fingerprint}"


class Hearing:
    """For one service of one process."""

    def __init__(self, state: State, clock: Callable[[], datetime]) -> None:
        self._state = state
        self._clock = clock
        self._noted: OrderedDict[str, datetime] = OrderedDict()

    async def note(self, requester: Requester) -> None:
        """Write down that it asks at this moment. Raises StateUnavailable."""
        if not requester.is_verified:
            return
        now = self._clock()
        for key in _keys(requester):
            noted = self._noted.get(key)
            if noted is None or now - noted >= NOTED_EVERY:
                await self._write(key, now)

    async def _write(self, key: str, now: datetime) -> None:
        entry = await self._state.get(Table.SIGHTINGS, key)
        # Where another process is faster, it says the same.
        await self._state.put(
            Table.SIGHTINGS, key, str(int(now.timestamp())).encode(), expires=now + HEARD_FOR, replaces=entry
        )
        self._noted[key] = now
        self._noted.move_to_end(key)
        while len(self._noted) > _MAX_REMEMBERED:
            self._noted.popitem(last=False)


async def heard(state: State) -> dict[str, datetime]:
    """When who was last heard of, by `key_of_account` and `key_of_certificate`. Raises StateUnavailable."""
    return {
        entry.key: datetime.fromtimestamp(int(entry.value), UTC)
        async for entry in pages(state, Table.SIGHTINGS, prefix=_PREFIX)
    }


def _keys(requester: Requester) -> Iterator[str]:
    yield key_of_account(requester.account)
    if isinstance(requester.evidence, Certificate):
        # Where it stands for itself, its account is another one than that which it was issued to.
        yield key_of_certificate(requester.evidence.sha256_fingerprint)
