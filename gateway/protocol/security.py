"""wsse:Security as Windows, cepces and WCF write it (WS-Security 1.0, UsernameToken Profile 1.0).

The gateway reads UsernameToken and Timestamp; every other token in the header is refused. No error quotes what stands
in Username or Password.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from lxml import etree

from gateway.errors import MalformedMessage, SecurityHeaderInvalid
from gateway.protocol import xsd
from gateway.protocol.namespaces import SOAP, WSSE, WSU
from gateway.protocol.xml import WHITE_SPACE, add, name_of, optional, quote, required, text

SECURITY = f"{{{WSSE}}}Security"

_USERNAME_TOKEN = f"{{{WSSE}}}UsernameToken"
_USERNAME = f"{{{WSSE}}}Username"
_PASSWORD = f"{{{WSSE}}}Password"
_NONCE = f"{{{WSSE}}}Nonce"
_TIMESTAMP = f"{{{WSU}}}Timestamp"
_CREATED = f"{{{WSU}}}Created"
_EXPIRES = f"{{{WSU}}}Expires"
_ID = f"{{{WSU}}}Id"

_PASSWORD_TEXT = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText"

_VALIDITY = timedelta(minutes=5)
"""As WCF gives its Timestamps."""


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


def parse_security(header: etree._Element) -> Security:
    """Read a wsse:Security header; whether its Timestamp is fresh is not judged. Raises SecurityHeaderInvalid."""
    for token in header:
        if token.tag not in {_USERNAME_TOKEN, _TIMESTAMP}:
            raise SecurityHeaderInvalid(
                f"the Security header holds {name_of(token)}: only UsernameToken and Timestamp are served"
            )
    try:
        timestamp = optional(header, _TIMESTAMP)
        username_token = optional(header, _USERNAME_TOKEN)
        return Security(
            timestamp=None if timestamp is None else _parse_timestamp(timestamp),
            username_token=None if username_token is None else _parse_username_token(username_token),
        )
    except MalformedMessage as error:
        raise SecurityHeaderInvalid(str(error)) from error


def _parse_timestamp(timestamp: etree._Element) -> Timestamp:
    """WS-Security 1.0, 10. Created and Expires may both be absent there; nobody sends it so."""
    return Timestamp(
        created=xsd.date_time(required(timestamp, _CREATED)),
        expires=xsd.date_time(required(timestamp, _EXPIRES)),
    )


def _parse_username_token(token: etree._Element) -> UsernameToken:
    """UsernameToken Profile 1.0, 3.1.

    Nonce and Created are not read: they protect a PasswordDigest, and cepces reuses one pair for several messages and
    labels its local time as UTC.
    """
    for element in token:
        if element.tag not in {_USERNAME, _PASSWORD, _NONCE, _CREATED}:
            raise SecurityHeaderInvalid(f"the UsernameToken holds {name_of(element)}, which is not served")
    username = text(required(token, _USERNAME))
    if not username:
        raise SecurityHeaderInvalid("the UsernameToken's Username is empty")
    password = required(token, _PASSWORD)
    # Windows sends the attribute as the profile has it, without a namespace; cepces and [MS-MDE2] qualify it.
    for attribute in ("Type", f"{{{WSSE}}}Type"):
        password_type = password.get(attribute, _PASSWORD_TEXT).strip(WHITE_SPACE)
        if password_type != _PASSWORD_TEXT:
            raise SecurityHeaderInvalid(f"the Password is of Type {quote(password_type)}: only PasswordText is served")
    return UsernameToken(username, Secret(text(password)))


def add_security(header: etree._Element, username_token: UsernameToken | None, created: datetime | None) -> None:
    """Write wsse:Security as Windows does. `created` (aware) adds a Timestamp that is valid for five minutes."""
    must_understand = {f"{{{SOAP}}}mustUnderstand": "1"}
    security = add(header, SECURITY, attributes=must_understand, nsmap={"o": WSSE, "u": WSU})
    if created is not None:
        timestamp = add(security, _TIMESTAMP, attributes={_ID: "_0"})
        add(timestamp, _CREATED, _instant(created))
        add(timestamp, _EXPIRES, _instant(created + _VALIDITY))
    if username_token is not None:
        token = add(security, _USERNAME_TOKEN, attributes={_ID: "_1"})
        add(token, _USERNAME, username_token.username)
        add(token, _PASSWORD, username_token.password.reveal(), {"Type": _PASSWORD_TEXT})


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
