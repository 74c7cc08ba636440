"""wsse:Security as a WCF service with message credentials demands it: a fresh Timestamp and a UsernameToken."""

from datetime import datetime, timedelta

from lxml import etree

from gateway.lab.accounts import Account, Directory
from gateway.lab.namespaces import PASSWORD_TEXT, WSSE, WSU
from gateway.lab.soap import SoapFault

MAX_AGE = timedelta(minutes=5)
"""How far Created may lie in the past, and in the future."""

_TIMESTAMP = f"{{{WSU}}}Timestamp"
_USERNAME_TOKEN = f"{{{WSSE}}}UsernameToken"


def invalid_security() -> SoapFault:
    """What WCF says to a missing, stale or strange header; it never says which."""
    return SoapFault("Sender", (WSSE, "InvalidSecurity"), "An error occurred when verifying security for the message.")


def failed_authentication() -> SoapFault:
    """What WCF says to a user name and password that no account has."""
    return SoapFault(
        "Sender",
        (WSSE, "FailedAuthentication"),
        "At least one security token in the message could not be validated.",
    )


def authenticate(security: etree._Element | None, directory: Directory, now: datetime) -> Account:
    """The account whose user name and password the header holds. Raises SoapFault."""
    if security is None or sorted(child.tag for child in security) != sorted((_TIMESTAMP, _USERNAME_TOKEN)):
        raise invalid_security()
    _verify_timestamp(security, now)
    token = security.find(_USERNAME_TOKEN)
    assert token is not None, "it was counted above"
    user_name, password = token.find(f"{{{WSSE}}}Username"), token.find(f"{{{WSSE}}}Password")
    # WCF reads the attribute without a namespace only: cepces' wsse:Type counts as absent.
    if user_name is None or password is None or password.get("Type", PASSWORD_TEXT) != PASSWORD_TEXT:
        raise invalid_security()
    account = directory.authenticate(user_name.text or "", password.text or "")
    if account is None:
        raise failed_authentication()
    return account


def _verify_timestamp(security: etree._Element, now: datetime) -> None:
    created = security.findtext(f"{_TIMESTAMP}/{{{WSU}}}Created") or ""
    expires = security.findtext(f"{_TIMESTAMP}/{{{WSU}}}Expires") or ""
    try:
        begin, end = datetime.fromisoformat(created), datetime.fromisoformat(expires)
    except ValueError as error:
        raise invalid_security() from error
    if not (created.endswith("Z") and expires.endswith("Z")):
        raise invalid_security()
    if abs(now - begin) > MAX_AGE or end < now or end <= begin:
        raise invalid_security()
