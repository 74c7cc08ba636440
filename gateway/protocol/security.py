"""wsse:Security as Windows, cepces and WCF write it (WS-Security 1.0, UsernameToken Profile 1.0).

The gateway reads UsernameToken and Timestamp; every other token in the header is refused.
"""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """Text that must not be printed: `repr` and `str` hide it, `reveal` is easy to search for."""

    _text: str

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "Secret('***')"


@dataclass(frozen=True, slots=True)
class UsernameToken:
    """A user name and its password in clear (#PasswordText). Neither is trimmed."""

    username: str
    password: Secret


@dataclass(frozen=True, slots=True)
class Timestamp:
    """wsu:Timestamp; both aware, UTC."""

    created: datetime
    expires: datetime


@dataclass(frozen=True, slots=True)
class Security:
    """What a wsse:Security header holds."""

    timestamp: Timestamp | None
    username_token: UsernameToken | None
