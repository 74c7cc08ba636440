"""How one realm's KDCs are reached, and as whom."""

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from gateway.strict_yaml import Settings

_REALM = re.compile(r"[A-Z0-9-]{1,63}(\.[A-Z0-9-]{1,63})+")


def _realm(name: str) -> str:
    if not _REALM.fullmatch(name):
        raise ValueError("must be a Kerberos realm in upper case, as CORP.EXAMPLE.COM")
    return name


RealmName = Annotated[str, AfterValidator(_realm)]


class KerberosSettings(Settings):
    """The Kerberos part of a realm's settings."""

    account: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\$?$")]
    """sAMAccountName of the gateway's own account: a user, a gMSA or a computer (with its `$`)."""
    keytab: Path
    """Keys of `account` under its sAMAccountName, and, for `Kerberos` services, under HTTP/ and their public hosts.
    Read anew whenever it is used, so that it can be replaced at any time, with two key versions in it."""
    kdcs: Annotated[tuple[str, ...], Field(min_length=1)]
    """`host` or `host:port`, in the order of preference. DNS is not searched for others."""
    kdc_seconds: float = Field(default=2, gt=0, le=10)
    """How long one KDC may take for one answer; then the next one is asked."""
    kdc_total_seconds: float = Field(default=5, gt=0, le=30)
    """How long all of them together may take for it."""
    ticket_seconds: float = Field(default=600, ge=0, le=3600)
    """How long a ticket in an account's name is used again. What happens to the account meanwhile is seen in the
    directory, which is asked in every call; what only the KDC knows (e.g. authentication policies), is not."""
