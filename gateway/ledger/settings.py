"""When a certificate ends soon, so that its holder should have asked for the next one."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from gateway.strict_yaml import Settings


class RenewalSettings(Settings):
    """What counts as late."""

    warn_days: Annotated[int, Field(ge=1, le=90)] = 21
    """Before the end, and a tenth of the certificate's life at the most: clients have begun by then, and three weeks
    are left to reach people. certmonger begins 28 days before the end; Windows by the template's renewal period, six
    weeks by default, but never before four fifths of the life are over."""

    @property
    def warn(self) -> timedelta:
        """How long before its end a certificate of a long life ends soon."""
        return timedelta(days=self.warn_days)
