"""A candidate in the shadow of the policies that count: it judges what they judge, and nothing comes of it."""

from collections.abc import Callable

import structlog

from gateway.policy.comparison import Change, Difference, difference, ruling_of
from gateway.policy.decision import Application, Policies, decide

log = structlog.get_logger()


class Shadow:
    """A `gateway.audit.SecondOpinion`."""

    def __init__(
        self,
        active: Callable[[], Policies],
        candidate: Callable[[], Policies | None],
        count: Callable[[str, Change], None],
    ) -> None:
        """`candidate` gives None as long as there is none; `count` is told policy and change of each difference."""
        self._active = active
        self._candidate = candidate
        self._count = count

    def __call__(self, application: Application) -> Difference | None:
        """What the candidate would change. Never raises."""
        candidate = self._candidate()
        if candidate is None:
            return None
        try:
            found = difference(ruling_of(decide(self._active(), application)), decide(candidate, application))
        except Exception as error:
            # Whatever a candidate does, the call must not feel it.
            log.exception("the shadow policies failed to judge", exc_info=error)
            return None
        if found is not None:
            self._count(found.policy, found.change)
        return found
