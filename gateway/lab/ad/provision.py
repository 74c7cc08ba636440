"""A program: make a domain out of the description on standard input, with its accounts and their keytabs.

Runs under Debian's own Python, which has Samba's bindings, and imports nothing of the gateway's. One process, since
the start of each of Samba's own commands costs a second. The description is JSON; `template` writes it.
"""

import json
import logging
import os
import sys
from typing import Any

import ldb  # type: ignore[import-not-found, unused-ignore]  # Debian's, not on the package index
import samba.dckeytab  # type: ignore[import-not-found, unused-ignore]  # noqa: F401 -- gives Net export_keytab
from samba.auth import system_session  # type: ignore[import-not-found, unused-ignore]
from samba.dsdb import DS_DOMAIN_FUNCTION_2008_R2  # type: ignore[import-not-found, unused-ignore]
from samba.net import Net  # type: ignore[import-not-found, unused-ignore]
from samba.param import LoadParm  # type: ignore[import-not-found, unused-ignore]
from samba.provision import provision  # type: ignore[import-not-found, unused-ignore]
from samba.samdb import SamDB  # type: ignore[import-not-found, unused-ignore]

_MINUTE = -60 * 10_000_000
"""Durations are negative, in units of 100 ns."""


def main() -> None:
    os.umask(0o077)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO)
    description = json.load(sys.stdin)
    directory = description["directory"]
    smb_conf = f"{directory}/etc/smb.conf"
    lp = LoadParm(filename_for_non_global_lp=smb_conf)
    provision(
        logging.getLogger(),
        system_session(),
        smbconf=smb_conf,
        lp=lp,
        realm=description["realm"],
        domain=description["netbios"],
        hostname=description["host"],
        hostip=description["addresses"][0],
        serverrole="active directory domain controller",
        dom_for_fun_level=DS_DOMAIN_FUNCTION_2008_R2,
        dns_backend="NONE",
        adminpass=description["administrator_password"],
        # The groups' file system permissions are of no use without file services.
        skip_sysvolacl=True,
    )
    sam = SamDB(url=f"{directory}/private/sam.ldb", session_info=system_session(), lp=lp)
    sam.transaction_start()
    _set_password_policy(sam, description["lockout_threshold"])
    _add_upn_suffixes(sam, description["upn_suffixes"])
    for account in description["accounts"]:
        _add_account(sam, account)
    for group, members in description["groups"].items():
        _add_members(sam, group, members)
    _name_controller(sam, description)
    sam.transaction_commit()
    for account in description["accounts"]:
        if account["has_keytab"]:
            _export_keytab(lp, sam, account["name"], f"{directory}/keytabs/{account['name']}.keytab")


def _set_password_policy(sam: Any, lockout_threshold: int) -> None:
    """Passwords never expire and may have any form; after some wrong ones, an account is locked for half an hour."""
    _replace(
        sam,
        sam.get_default_basedn(),
        {
            "lockoutThreshold": str(lockout_threshold),
            "lockoutDuration": str(30 * _MINUTE),
            "lockOutObservationWindow": str(30 * _MINUTE),
            "maxPwdAge": str(-(2**63)),
            "minPwdAge": "0",
            "minPwdLength": "8",
            "pwdHistoryLength": "0",
            "pwdProperties": "0",
        },
    )


def _add_upn_suffixes(sam: Any, suffixes: list[str]) -> None:
    if suffixes:
        _replace(sam, ldb.Dn(sam, f"CN=Partitions,{sam.get_config_basedn()}"), {"uPNSuffixes": suffixes})


def _add_account(sam: Any, account: dict[str, Any]) -> None:
    name = account["name"]
    container, object_class = ("Computers", "computer") if name.endswith("$") else ("Users", "user")
    attributes = dict(account["attributes"])
    if object_class == "user":
        attributes.setdefault("userPrincipalName", f"{name}@{sam.domain_dns_name()}")
    dn = ldb.Dn(sam, f"CN={name.rstrip('$')},CN={container},{sam.domain_dn()}")
    sam.add(
        {
            "dn": dn,
            "objectClass": object_class,
            "sAMAccountName": name,
            "userAccountControl": str(account["control"]),
            "clearTextPassword": account["password"].encode("utf-16-le"),
        }
    )
    # Apart, since a new account's own pwdLastSet and adminCount are not up to who makes it.
    _replace(sam, dn, attributes)


def _add_members(sam: Any, group: str, members: list[str]) -> None:
    if not sam.search(expression=f"(sAMAccountName={group})", attrs=["1.1"]):
        sam.newgroup(group)
    message = ldb.Message(_dn(sam, group))
    message["member"] = ldb.MessageElement([str(_dn(sam, member)) for member in members], ldb.FLAG_MOD_ADD, "member")
    sam.modify(message)


def _name_controller(sam: Any, description: dict[str, Any]) -> None:
    """Give the controller the ldap/ names that its DNS update service would, and its addresses: those need no DNS."""
    host = f"{description['host']}.{sam.domain_dns_name()}"
    message = ldb.Message(_dn(sam, f"{description['host']}$"))
    names = [f"ldap/{name}" for name in (host, *description["addresses"])]
    message["spn"] = ldb.MessageElement(names, ldb.FLAG_MOD_ADD, "servicePrincipalName")
    sam.modify(message)


def _export_keytab(lp: Any, sam: Any, name: str, path: str) -> None:
    """Export the keys under the account's name and under each of its service principal names."""
    found = sam.search(expression=f"(sAMAccountName={name})", attrs=["servicePrincipalName"])[0]
    for principal in (name, *map(str, found.get("servicePrincipalName", ()))):
        Net(None, lp).export_keytab(keytab=path, principal=principal)


def _dn(sam: Any, name: str) -> Any:
    return sam.search(expression=f"(sAMAccountName={name})", attrs=["1.1"])[0].dn


def _replace(sam: Any, dn: Any, attributes: dict[str, Any]) -> None:
    if not attributes:
        return
    message = ldb.Message(dn)
    for name, value in attributes.items():
        message[name] = ldb.MessageElement(value, ldb.FLAG_MOD_REPLACE, name)
    sam.modify(message)


if __name__ == "__main__":
    main()
