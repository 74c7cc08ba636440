"""A monotonic clock that moves when it is told to."""

from dataclasses import dataclass


@dataclass
class MonotonicClock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now

    def tick(self, seconds: float) -> None:
        self.now += seconds
