"""What is asked of a directory and what it says, as values. Nothing that a client sends is ever part of the syntax."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import NewType


class Attribute(StrEnum):
    """All that are ever read, by their LDAP display names ([MS-ADA1] to [MS-ADA3])."""

    ACCOUNT_EXPIRES = "accountExpires"
    ADMIN_COUNT = "adminCount"
    BAD_PASSWORD_TIME = "badPasswordTime"  # noqa: S105 -- a name
    BAD_PWD_COUNT = "badPwdCount"  # noqa: S105 -- a name
    COMMON_NAME = "cn"
    CONFIGURATION_NAMING_CONTEXT = "configurationNamingContext"
    DISPLAY_NAME = "displayName"
    DISTINGUISHED_NAME = "distinguishedName"
    DNS_HOST_NAME = "dNSHostName"
    LOCKOUT_OBSERVATION_WINDOW = "lockOutObservationWindow"
    LOCKOUT_THRESHOLD = "lockoutThreshold"
    MAIL = "mail"
    MS_DS_ALLOWED_TO_DELEGATE_TO = "msDS-AllowedToDelegateTo"
    MS_DS_USER_ACCOUNT_CONTROL_COMPUTED = "msDS-User-Account-Control-Computed"
    NETBIOS_NAME = "nETBIOSName"
    OBJECT_SID = "objectSid"
    SAM_ACCOUNT_NAME = "sAMAccountName"
    TOKEN_GROUPS = "tokenGroups"  # noqa: S105 -- a name
    USER_ACCOUNT_CONTROL = "userAccountControl"
    USER_PRINCIPAL_NAME = "userPrincipalName"


class Scope(IntEnum):
    """RFC 4511 4.5.1.2."""

    BASE_OBJECT = 0
    WHOLE_SUBTREE = 2


Filter = NewType("Filter", str)
"""In the text form of RFC 4515. Made by the functions here only, from the inside out."""

EVERY_OBJECT = Filter("(objectClass=*)")
_SYNTAX = re.compile(r"[\x00\\*()]")


def equal(attribute: str, value: str | bytes) -> Filter:
    """How values compare is the attribute's matter: Active Directory ignores the case of nearly all text."""
    if isinstance(value, bytes):
        return Filter(f"({attribute}={''.join(map(_escaped, value))})")
    # RFC 4515 3. Not bonsai.escape_filter_exp, which writes NUL as `\0`, and that is none of its escapes.
    return Filter(f"({attribute}={_SYNTAX.sub(lambda found: _escaped(ord(found[0])), value)})")


def _escaped(octet: int) -> str:
    return f"\\{octet:02x}"


def all_of(*filters: Filter) -> Filter:
    return Filter(f"(&{''.join(filters)})")


def any_of(*filters: Filter) -> Filter:
    return Filter(f"(|{''.join(filters)})")


@dataclass(frozen=True, slots=True)
class Search:
    """RFC 4511 4.5.1."""

    base_object: str
    scope: Scope
    filter: Filter
    attributes: tuple[Attribute, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One object that was found."""

    attributes: Mapping[Attribute, tuple[bytes, ...]]
    """Those without values, or that the gateway's account may not read, are not there."""

    def text(self, attribute: Attribute) -> str | None:
        """The one value. Raises ValueError for several, or what is no text."""
        value = self._value(attribute)
        return None if value is None else value.decode()

    def number(self, attribute: Attribute) -> int | None:
        """The one value. Raises ValueError for several, or what is no number."""
        value = self._value(attribute)
        return None if value is None else int(value)

    def values(self, attribute: Attribute) -> tuple[bytes, ...]:
        return self.attributes.get(attribute, ())

    def _value(self, attribute: Attribute) -> bytes | None:
        values = self.values(attribute)
        if len(values) > 1:
            raise ValueError(f"{attribute} has {len(values)} values")
        return values[0] if values else None
