"""The circuit breaker of one internal server: closed, open after failures in a row, half-open for one trial at a time.

A server that fails does so for everybody: who comes next shall not wait for the same again. It is asked less and less
often, never not at all. No I/O, no timer: it is asked before each attempt, and told what came of it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from gateway.strict_yaml import Settings

_GROWTH = 2.0
"""From one pause to the next."""
_LEAST_JITTER = 0.5
"""A pause takes between half and all of its length: replicas that saw the same failure do not come back as one."""


class BreakerSettings(Settings):
    """When an internal server is left alone, and for how long."""

    failures: Annotated[int, Field(ge=1, le=100)] = 5
    """In a row, of whatever kind: Envoy's consecutive_5xx. One odd answer ejects nobody, and where packets are
    dropped, some calls wait `connect_seconds` before it is known."""
    first_pause_seconds: Annotated[float, Field(gt=0, le=3600)] = 2.0
    """A service that is restarted is back within seconds."""
    longest_pause_seconds: Annotated[float, Field(gt=0, le=3600)] = 60.0
    """Each pause is twice as long as the one before. A trial may cost a client its request, so that a server that
    accepts connections and answers badly costs one in a minute."""

    @model_validator(mode="after")
    def _grows(self) -> Self:
        if self.first_pause_seconds > self.longest_pause_seconds:
            raise ValueError("longest_pause_seconds must not be less than first_pause_seconds")
        return self


class Verdict(StrEnum):
    """What one attempt says about the server."""

    GOOD = "good"
    BAD = "bad"
    NONE = "none"
    """It ended before the server had its part in it, or shows too little to trust the server again."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One use of the server, as `Breaker.begin` gave it out."""

    generation: int
    is_trial: bool


class Breaker:
    """For one event loop. `clock` gives monotonic seconds, `random` numbers from 0 to 1."""

    def __init__(
        self,
        settings: BreakerSettings,
        clock: Callable[[], float],
        random: Callable[[], float],
        on_open: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_open` is called when the server is ejected, not for every pause after that."""
        self._settings = settings
        self._clock = clock
        self._random = random
        self._on_open = on_open
        self._failures = 0
        self._pauses = 0
        self._rested_at = 0.0
        self._has_trial = False
        self._generation = 0
        """Counts what changes the state: an attempt that began before says nothing about the server of today."""
        self.opened_at: float | None = None
        """When it was last found bad, by `clock`; None while it is closed."""
        self.last_failure = ""
        """Of the attempt that said so last, for operators."""

    @property
    def is_closed(self) -> bool:
        return self.opened_at is None

    @property
    def is_admitting(self) -> bool:
        """Whether an attempt may begin: it is closed, or has rested and nobody else is trying."""
        return self.is_closed or (not self._has_trial and self._clock() >= self._rested_at)

    def begin(self) -> Attempt:
        """Also where it is not admitting, for want of any other server; then nobody counts on it for a trial."""
        is_trial = not self.is_closed and self.is_admitting
        self._has_trial = self._has_trial or is_trial
        return Attempt(self._generation, is_trial)

    def end(self, attempt: Attempt, verdict: Verdict, failure: str = "") -> None:
        """Once for each attempt."""
        if attempt.generation != self._generation:
            return
        if attempt.is_trial:
            self._has_trial = False
        match verdict:
            case Verdict.GOOD:
                self._close()
            case Verdict.BAD:
                self._failed(attempt, failure)
            case Verdict.NONE:
                pass

    def _close(self) -> None:
        self._failures = 0
        if not self.is_closed:
            self._pauses = 0
            self.opened_at = None
            self._change()

    def _failed(self, attempt: Attempt, failure: str) -> None:
        self.last_failure = failure
        if self.is_closed:
            self._failures += 1
            if self._failures >= self._settings.failures:
                self._open()
                self._on_open()
        elif attempt.is_trial:
            self._open()

    def _open(self) -> None:
        now = self._clock()
        most = self._settings.longest_pause_seconds
        # The exponent is bounded: after some hours of failures, the power would be no float any more.
        length = min(most, self._settings.first_pause_seconds * _GROWTH ** min(self._pauses, 20))
        self._pauses += 1
        self._rested_at = now + length * (_LEAST_JITTER + (1 - _LEAST_JITTER) * self._random())
        self.opened_at = now
        self._change()

    def _change(self) -> None:
        self._generation += 1
        self._has_trial = False
        self._failures = 0
