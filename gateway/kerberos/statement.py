"""What the KDC states in the PAC of a ticket for the gateway ([MS-PAC]), which opens with its keytab: no KDC is asked.

A ticket's client name says whom it was asked for. The KDC finds the account by that name when it issues the ticket, and
by another one (`DC1$` for `DC1`) if there is none: after a rename it is somebody else than the directory said
(CVE-2021-42278 and 42287, "noPac"). Only the objectSid says whose ticket it is.
"""

from pathlib import Path

import gssapi.raw as gss
from gssapi.exceptions import OperationUnavailableError

from gateway.account import Account
from gateway.errors import AccountChanged, KerberosFailed
from gateway.kerberos import pac
from gateway.protocol.kerberos import KERBEROS

_MECHANISM = gss.OID.from_int_seq(KERBEROS)


def client_of(token: bytes, keytab: Path) -> gss.Name:
    """The client of a token that the gateway has made for itself. Raises the library's errors.

    There is no replay cache: the token has been nowhere.
    """
    store: dict[bytes | str, bytes | str] = {b"keytab": f"FILE:{keytab}".encode(), b"rcache": b"none:"}
    credentials = gss.acquire_cred_from(store, mechs=[_MECHANISM], usage="accept").creds
    return gss.accept_sec_context(token, credentials).initiator_name


def check_is_of(account: Account, client: gss.Name) -> None:
    """Raises AccountChanged if the KDC means another account by `client`, KerberosFailed if it does not say whom.

    KDCs from before November 2021 (Windows: KB5008380) never say it: with those, nobody is acted for.
    """
    try:
        sid = object_sid(client)
    except ValueError as error:
        raise KerberosFailed(f"the ticket that the KDC has issued for {account.principal}: {error}") from error
    if sid is None:
        raise KerberosFailed(
            f"the KDC has issued a ticket for {account.principal} without saying whose it is (objectSid in the PAC): is"
            " it without the updates since November 2021 (KB5008380), or has the gateway's account"
            " NO_AUTH_DATA_REQUIRED?"
        )
    if sid != account.sid:
        raise AccountChanged(
            f"the KDC has issued a ticket of {sid} for {account.principal}, which is {account.sid} in the directory:"
            " was the account renamed?"
        )


def object_sid(client: gss.Name) -> str | None:
    """None where the KDC states none. Raises ValueError for a PAC that cannot be read, or that the KDC has not signed.

    The library shows a PAC only if it is signed with the key that opened the ticket; this does not rely on it.
    """
    statement = _buffer(client, pac.UPN_DNS_INFO)
    if statement is None:
        return None
    if not statement.authenticated:
        raise ValueError("its PAC is not signed with the service's key")
    try:
        return pac.object_sid(b"".join(statement.values))
    except ValueError as error:
        raise ValueError(f"its PAC cannot be read: {error}") from error


def is_delegated(client: gss.Name) -> bool:
    """Whether a service has got the ticket in the client's name, by S4U2proxy ([MS-PAC] 2.9). No PAC, no statement."""
    return _buffer(client, pac.DELEGATION_INFO) is not None


def _buffer(client: gss.Name, name: bytes) -> gss.named_tuples.GetNameAttributeResult | None:
    try:
        return gss.get_name_attribute(client, name)
    except OperationUnavailableError:
        return None
