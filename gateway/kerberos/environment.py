"""What the Kerberos and LDAP libraries of this process go by: a krb5.conf of its own, and nothing of the machine's.

Every library context reads KRB5_CONFIG anew, and a change under running threads would reach half of them: `prepare` is
called once, before the first ticket.
"""

import os
from collections.abc import Mapping
from pathlib import Path

_NO_CACHE = "MEMORY:nobody"
"""Default credential cache: never filled. Whoever needs tickets names the cache they are in."""

_FOREIGN = ("KRB5", "GSS_", "GSSAPI_", "GSSPROXY_", "SASL_", "LDAP")
"""How the variables begin by which these libraries are told of other files, plugins, proxies, caches and traces. Among
them LDAPNOINIT, which would switch off the one below that counts."""


def prepare(directory: Path, realms: Mapping[str, tuple[str, int]], hosts: Mapping[str, str]) -> None:
    """Write krb5.conf into `directory`, and make it what this process goes by.

    `realms` says where the relay of each realm listens; the first one is the default realm. `hosts` gives the realm of
    each internal service's host. Whether files or tickets exist is not looked at. Raises OSError.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.chmod(0o700)
    path = directory / "krb5.conf"
    _write(path, _krb5_conf(directory / "no.keytab", realms, hosts))

    for name in [name for name in os.environ if name.startswith(_FOREIGN)]:
        del os.environ[name]
    os.environ["KRB5_CONFIG"] = str(path)
    os.environ["KRB5CCNAME"] = _NO_CACHE
    # ldap.conf(5): else the name for the ldap/ ticket would be what reverse DNS makes of the server's address.
    os.environ["LDAPSASL_NOCANON"] = "on"
    # libldap connects while it holds the interpreter's lock, to a server that answered a moment ago; should it be gone
    # since, the process would stand still for the kernel's two minutes.
    os.environ["LDAPNETWORK_TIMEOUT"] = "1"


def _krb5_conf(no_keytab: Path, realms: Mapping[str, tuple[str, int]], hosts: Mapping[str, str]) -> str:
    """krb5.conf(5).

    No KDC, realm or host name is taken from DNS, and no ticket, key or cache from where the library would look by
    itself: the keytabs named here do not exist. `kdc_timesync = 0`: with the library's correction a wrong clock would
    go unnoticed here, while the audit record carries its times and certificates are judged by it.
    """
    lines = [
        "[libdefaults]",
        f"default_realm = {next(iter(realms))}",
        "dns_lookup_kdc = false",
        "dns_lookup_realm = false",
        "dns_uri_lookup = false",
        "dns_canonicalize_hostname = false",
        'qualify_shortname = ""',
        "rdns = false",
        # The relay speaks TCP only; 1 byte is less than any message.
        "udp_preference_limit = 1",
        "kdc_timesync = 0",
        "forwardable = true",
        f"default_ccache_name = {_NO_CACHE}",
        f"default_keytab_name = FILE:{no_keytab}",
        f"default_client_keytab_name = FILE:{no_keytab}",
        "[realms]",
        *(f"{realm} = {{\nkdc = {host}:{port}\n}}" for realm, (host, port) in realms.items()),
        "[domain_realm]",
        *(f"{host.lower()} = {realm}" for host, realm in hosts.items()),
    ]
    return "\n".join(lines) + "\n"


def _write(path: Path, text: str) -> None:
    """0600, and at once: a context that is being made reads the old file or the new one."""
    new = path.with_suffix(".new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    new.replace(path)
