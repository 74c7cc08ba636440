"""How much may be spent when: the generic cell rate algorithm (ITU-T I.371, Annex A), in whole microseconds.

Of a budget, one moment is kept: the theoretical arrival time (TAT), until when what was spent is not yet earned again.
Whole numbers, so that every store computes the same, one that counts in doubles too (Lua): below 2^53, the year 2255.
"""

from dataclasses import dataclass
from datetime import timedelta

_MICROSECOND = timedelta(microseconds=1)
_MAX_TOLERANCE = timedelta(days=36_500) // _MICROSECOND
"""A TAT is then before the year 2155."""


@dataclass(frozen=True, slots=True)
class Budget:
    """`count` in each `period`, evenly earned, and up to `burst` at a time."""

    count: int
    period: timedelta
    burst: int

    def __post_init__(self) -> None:
        if self.count < 1 or self.burst < 1 or self.interval < 1:
            raise ValueError("a budget is of one thing at least, and of one million a second at most")
        if self.tolerance > _MAX_TOLERANCE:
            raise ValueError(
                "a budget is earned within a hundred years: the burst is too large, or the period too long"
            )

    @property
    def interval(self) -> int:
        """Microseconds that it takes to earn one, rounded up: a budget is never exceeded by rounding."""
        return -(-(self.period // _MICROSECOND) // self.count)

    @property
    def tolerance(self) -> int:
        """Microseconds that the TAT may be ahead of now."""
        return self.interval * self.burst


def spent(budget: Budget, tat: int, now: int, quantity: int) -> int:
    """The TAT after spending. Microseconds since the epoch; `tat` is 0 for a budget nothing was taken of."""
    return max(tat, now) + budget.interval * quantity


def lacking(budget: Budget, tat: int, now: int, quantity: int) -> int:
    """Microseconds until there is room for so much (for one, where it is 0); not positive where there is."""
    return spent(budget, tat, now, max(quantity, 1)) - budget.tolerance - now


def given_back(budget: Budget, tat: int, quantity: int) -> int:
    """The TAT as if so much had not been spent. Less than now means: all is there."""
    return tat - budget.interval * quantity
