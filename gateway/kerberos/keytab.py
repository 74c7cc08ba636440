"""What is in the gateway's keytab, for whoever checks a configuration. No KDC is asked."""

from pathlib import Path

import krb5

from gateway.errors import OwnKeytabUnusable


def principals_in(keytab: Path) -> frozenset[str]:
    """Principal names, with their realm, that the file has keys of. Raises OwnKeytabUnusable."""
    try:
        context = krb5.init_context()
        entries = krb5.kt_resolve(context, f"FILE:{keytab}".encode())
        return frozenset(str(entry.principal) for entry in entries)
    except krb5.Krb5Error as error:
        raise OwnKeytabUnusable(f"{keytab} cannot be read: {error}") from error
