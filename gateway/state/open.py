"""From the settings to the state."""

from collections.abc import Callable
from datetime import datetime

from gateway.state.memory import MemoryState
from gateway.state.redis import RedisState
from gateway.state.settings import MemorySettings, RedisSettings, SqliteSettings, StateSettings
from gateway.state.sqlite import SqliteState
from gateway.state.state import State


async def open_state(settings: StateSettings, clock: Callable[[], datetime]) -> State:
    """Raises StateUnavailable, or Mistaken for a certificate that cannot be used.

    `clock` gives the aware time of this machine. Redis has its own.
    """
    match settings:
        case MemorySettings():
            return MemoryState(clock)
        case SqliteSettings():
            return await SqliteState.open(settings.file, clock)
        case RedisSettings():
            return await RedisState.open(settings)
