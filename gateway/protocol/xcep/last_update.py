"""The xs:dateTime that a client says it has got its policies at ([MS-XCEP] 3.1.4.1.3.9)."""

import re
from datetime import UTC, datetime

_DATE_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))?(Z|[+-][0-9]{2}:[0-9]{2})?"
)


def moment_of(last_update: str | None) -> datetime | None:
    """Aware, UTC. None for nil, and for what cannot be read: a client that says nothing useful gets everything.

    "Provided as GMT", with or without saying so. Digits beyond the microsecond are cut off.
    """
    found = _DATE_TIME.fullmatch(last_update or "")
    if found is None:
        return None
    seconds, fraction, zone = found.groups()
    try:
        moment = datetime.fromisoformat(f"{seconds}.{(fraction or '0')[:6].ljust(6, '0')}{zone or 'Z'}")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
