"""Tickets as a library holds them, without any KDC: what is in a credential cache is not verified by anybody."""

import struct
from datetime import UTC, datetime, timedelta

import krb5

_AES256 = 18


def a_ticket(
    client: str = "alice@CORP.EXAMPLE",
    server: str = "HTTP/ces.corp.example@CORP.EXAMPLE",
    *,
    ends_in: timedelta = timedelta(hours=10),
) -> krb5.Creds:
    """In MIT's credential format, version 4."""
    now = int(datetime.now(UTC).timestamp())
    ends = now + int(ends_in.total_seconds())
    return krb5.unmarshal_credentials(
        krb5.init_context(),
        _principal(client)
        + _principal(server)
        + struct.pack(">H", _AES256)
        + _counted(b"k" * 32)
        + struct.pack(">4I", now, now, ends, 0)
        + struct.pack(">BIII", False, 0, 0, 0)
        + _counted(b"a ticket")
        + _counted(b""),
    )


def a_ticket_granting_ticket(
    client: str = "alice@CORP.EXAMPLE", *, ends_in: timedelta = timedelta(hours=10)
) -> krb5.Creds:
    realm = client.rpartition("@")[2]
    return a_ticket(client, f"krbtgt/{realm}@{realm}", ends_in=ends_in)


def is_gone(cache: str) -> bool:
    """Whether nothing is left of a credential cache but its name."""
    context = krb5.init_context()
    try:
        krb5.cc_get_principal(context, krb5.cc_resolve(context, cache.encode()))
    except krb5.Krb5Error:
        return True
    return False


def _principal(name: str) -> bytes:
    components, _, realm = name.rpartition("@")
    parts = (realm, *components.split("/"))
    return struct.pack(">2I", 1, len(parts) - 1) + b"".join(_counted(part.encode()) for part in parts)


def _counted(octets: bytes) -> bytes:
    return struct.pack(">I", len(octets)) + octets
