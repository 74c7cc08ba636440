"""A program: be a Kerberos client by KRB5_CONFIG, one JSON line per order and per answer. See `kerberos_client`."""

import base64
import json
import sys
from functools import cache
from typing import Any

import gssapi
import krb5

_SPNEGO = gssapi.OID.from_int_seq("1.3.6.1.5.5.2")

_caches: list[krb5.CCache] = []
"""A MEMORY cache is gone with its last handle."""


class Initiator:
    """Each public method is an order, with its arguments by name."""

    def __init__(self) -> None:
        self._contexts: dict[int, gssapi.SecurityContext] = {}
        self._initiations = 0

    def initiate(
        self, *, account: str, password: str, spn: str, channel_bindings: str | None, forwardable: bool
    ) -> dict[str, Any]:
        realm, ccache = _log_on(account, password, forwardable)
        context = gssapi.SecurityContext(
            name=gssapi.Name(f"{spn}@{realm}", gssapi.NameType.kerberos_principal),
            creds=gssapi.Credentials(usage="initiate", store={"ccache": ccache}),
            usage="initiate",
            mech=_SPNEGO,
            flags=gssapi.RequirementFlag.mutual_authentication,
            channel_bindings=None
            if channel_bindings is None
            else gssapi.raw.ChannelBindings(application_data=base64.b64decode(channel_bindings)),
        )
        token = context.step()
        assert token is not None, "the initiator begins"
        self._initiations += 1
        self._contexts[self._initiations] = context
        return {"number": self._initiations, "token": base64.b64encode(token).decode()}

    def verify(self, *, number: int, reply: str) -> bool:
        context = self._contexts.pop(number)
        try:
            context.step(base64.b64decode(reply))
        except gssapi.raw.GSSError:
            return False
        return bool(context.complete and context.actual_flags & gssapi.RequirementFlag.mutual_authentication)

    def forget(self) -> None:
        _log_on.cache_clear()
        _caches.clear()


@cache
def _log_on(account: str, password: str, forwardable: bool) -> tuple[str, str]:
    """The account's realm, and the name of the credential cache with its ticket-granting ticket. Asks the KDC."""
    context = krb5.init_context()
    is_enterprise = "\\@" in account
    kind = krb5.PrincipalParseFlags.enterprise if is_enterprise else krb5.PrincipalParseFlags(0)
    principal = krb5.parse_name_flags(context, account.replace("\\@", "@").encode(), kind)
    options = krb5.get_init_creds_opt_alloc(context)
    krb5.get_init_creds_opt_set_forwardable(options, forwardable)
    krb5.get_init_creds_opt_set_canonicalize(options, is_enterprise)
    credential = krb5.get_init_creds_password(context, principal, options, password.encode())
    ccache = krb5.cc_new_unique(context, b"MEMORY")
    krb5.cc_initialize(context, ccache, credential.client)
    krb5.cc_store_cred(context, ccache, credential)
    _caches.append(ccache)
    return str(credential.client).rpartition("@")[2], f"MEMORY:{(ccache.name or b'').decode()}"


def main() -> None:
    initiator = Initiator()
    for line in sys.stdin:
        order, arguments = json.loads(line)
        try:
            answer = {"result": getattr(initiator, order)(**arguments)}
        except (krb5.Krb5Error, gssapi.raw.GSSError) as error:
            answer = {"error": str(error)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
