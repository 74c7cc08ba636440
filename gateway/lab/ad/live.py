"""A program: read and change the directory of a running domain, one JSON line per order and per answer.

Runs under Debian's own Python, which has Samba's bindings, and imports nothing of the gateway's. It opens the
controller's own database, as Samba's commands do: what it changes, the controller sees at once. Arguments: the
controller's smb.conf and the database.
"""

import json
import os
import sys
from typing import Any

import ldb  # type: ignore[import-not-found, unused-ignore]  # Debian's, not on the package index
import samba.dckeytab  # type: ignore[import-not-found, unused-ignore]  # noqa: F401 -- gives Net export_keytab
from samba.auth import system_session  # type: ignore[import-not-found, unused-ignore]
from samba.net import Net  # type: ignore[import-not-found, unused-ignore]
from samba.param import LoadParm  # type: ignore[import-not-found, unused-ignore]
from samba.samdb import SamDB  # type: ignore[import-not-found, unused-ignore]


class Directory:
    """The orders: each public method is one, with its arguments by name. A name is a sAMAccountName, or a SID."""

    def __init__(self, smb_conf: str, url: str) -> None:
        self._lp = LoadParm(filename_for_non_global_lp=smb_conf)
        self._sam = SamDB(url=url, session_info=system_session(), lp=self._lp)

    def attributes(self, name: str, wanted: list[str]) -> dict[str, list[str]]:
        found = self._find(name, wanted)
        # schema_format_value writes SIDs and GUIDs as text, and leaves text alone.
        return {
            wish: [self._sam.schema_format_value(wish, value).decode() for value in found[wish]]
            if wish in found
            else []
            for wish in wanted
        }

    def groups(self, name: str) -> list[str]:
        """By sAMAccountName: all of the domain's that its tokens would have."""
        # tokenGroups is computed for searches of the object itself only ([MS-ADTS] 3.1.1.4.5.19).
        dn = self._find(name, ["1.1"]).dn
        (found,) = self._sam.search(base=dn, scope=ldb.SCOPE_BASE, attrs=["tokenGroups"])
        sids = (self._sam.schema_format_value("objectSid", value).decode() for value in found["tokenGroups"])
        groups = self._sam.search(
            expression=f"(|{''.join(f'(objectSid={sid})' for sid in sids)})", attrs=["sAMAccountName"]
        )
        return [str(group["sAMAccountName"]) for group in groups]

    def modify(self, name: str, attributes: dict[str, list[str]]) -> None:
        message = ldb.Message(self._find(name, ["1.1"]).dn)
        for attribute, values in attributes.items():
            message[attribute] = ldb.MessageElement(values, ldb.FLAG_MOD_REPLACE, attribute)
        self._sam.modify(message)

    def set_password(self, name: str, password: str) -> None:
        self._sam.setpassword(f"(sAMAccountName={ldb.binary_encode(name)})", password)

    def export_keytab(self, name: str, path: str) -> None:
        names = self._find(name, ["servicePrincipalName"]).get("servicePrincipalName", ())
        for principal in (name, *map(str, names)):
            Net(None, self._lp).export_keytab(keytab=path, principal=principal)

    def _find(self, name: str, wanted: list[str]) -> Any:
        attribute = "objectSid" if name.startswith("S-1-") else "sAMAccountName"
        found = self._sam.search(expression=f"({attribute}={ldb.binary_encode(name)})", attrs=wanted)
        if len(found) != 1:
            raise LookupError(f"{len(found)} accounts or groups are called {name}")
        return found[0]


def main() -> None:
    os.umask(0o077)
    directory = Directory(*sys.argv[1:])
    # Samba's libraries print; the answers have a channel of their own.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        order, arguments = json.loads(line)
        try:
            answer = {"result": getattr(directory, order)(**arguments)}
        except (LookupError, RuntimeError, ldb.LdbError) as error:
            answer = {"error": str(error)}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
