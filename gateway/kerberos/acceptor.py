"""Acceptance of a client's Kerberos token with the gateway's keytab: one leg, no KDC, no state but the replay cache.

The library is given Kerberos's own token, never SPNEGO's: its SPNEGO would choose among mechanisms, and hide Kerberos's
error codes behind numbers that it makes up.
"""

import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import gssapi.raw as gss
import krb5
from gssapi.exceptions import BadChannelBindingsError, MissingCredentialsError

from gateway.errors import (
    ChannelBindingsWrong,
    GatewayError,
    KerberosFailed,
    NegotiateRefused,
    NegotiateTokenMalformed,
    OwnKeytabUnusable,
    TicketNotAccepted,
    TicketReplayed,
)
from gateway.kerberos import evidence, statement
from gateway.kerberos.accepted import Accepted
from gateway.kerberos.workers import Workers
from gateway.protocol.kerberos import KERBEROS
from gateway.protocol.spnego import KerberosToken, render_reply
from gateway.tickets import CredentialCache, EvidenceTicket

_MECHANISM = gss.OID.from_int_seq(KERBEROS)
_GET_TICKET_FLAGS = gss.OID.from_int_seq("1.2.840.113554.1.2.2.5.1")
"""GSS_KRB5_GET_TKT_FLAGS, MIT's: the flags as a number of this machine's byte order."""
_CHANNEL_BOUND = 0x800
"""GSS_C_CHANNEL_BOUND_FLAG: the client has sent bindings, and they are those that were given here."""

_RFC_4120 = -1765328384
"""The library's code of error 0 of RFC 4120 7.5.9; the others follow."""
_COMPARE_CLOCKS = "compare the clocks of client, KDC and gateway"
_MEANINGS: Mapping[int, tuple[type[NegotiateRefused], str]] = {
    31: (TicketNotAccepted, "the ticket does not decrypt with the keytab's key"),
    32: (TicketNotAccepted, f"the ticket's time is over: {_COMPARE_CLOCKS}"),
    33: (TicketNotAccepted, f"the ticket's time has not come yet: {_COMPARE_CLOCKS}"),
    34: (TicketReplayed, "this very authenticator came before"),
    35: (TicketNotAccepted, "the ticket is for another service: none of the keytab's keys opens it"),
    37: (TicketNotAccepted, f"the token was made more than five minutes ago, or ahead of time: {_COMPARE_CLOCKS}"),
    44: (TicketNotAccepted, "the ticket is of a key version that the keytab does not have"),
    45: (TicketNotAccepted, "the keytab has no key for the ticket's service"),
}
"""Of the error numbers of RFC 4120 7.5.9."""
_MAX_ERRNO = 4095


@dataclass(frozen=True, slots=True)
class _Established:
    client: str
    sid: str | None
    channel_bound: bool
    is_forwardable: bool
    response_token: bytes


class Acceptor:
    """Of one realm."""

    def __init__(
        self,
        realm: str,
        keytab: Path,
        replay_cache: Path,
        workers: Workers,
        own_cache: Callable[[], Awaitable[CredentialCache]] | None,
    ) -> None:
        """`keytab` is read anew each time: while a key is rolled over, it holds both versions.

        `replay_cache` is a file that the library makes and fills, in a directory that nobody else can write, and that
        outlives a restart: else a token that somebody has read is good once more, for as long as clocks may differ.

        `own_cache` gives the gateway's own TGT, which turns a client's ticket into evidence; None where no service
        passes tickets on: then none is kept.
        """
        self._realm = realm
        self._keytab = keytab
        self._replay_cache = replay_cache
        self._workers = workers
        self._own_cache = own_cache

    async def accept(self, token: KerberosToken, channel_bindings: bytes | None) -> Accepted:
        """Verify an AP-REQ. `channel_bindings` is the application data that the client's must equal if it sends any;
        with None they are not looked at (RFC 4121 4.1.1.2).

        Raises TicketReplayed, TicketNotAccepted, ChannelBindingsWrong or NegotiateTokenMalformed; OwnKeytabUnusable,
        KerberosFailed or Overloaded for what is not the client's fault. If the gateway's own TGT cannot be had although
        evidence is wanted, that error rises as it is: evidence without a cache would blame the client's ticket. It is
        asked for once the client has proved itself: nobody unknown makes the gateway go to a KDC.
        """
        established = await self._workers.locally(self._establish, token, channel_bindings)
        cache = None
        if self._own_cache is not None and established.is_forwardable:
            own = await self._own_cache()
            cache = await self._workers.locally(evidence.cache, established.client, token.ticket, own)
        return Accepted(
            EvidenceTicket(
                client=established.client,
                channel_bound=established.channel_bound,
                cache=cache,
                reply_token=render_reply(token, established.response_token),
            ),
            established.sid,
        )

    def _establish(self, token: KerberosToken, channel_bindings: bytes | None) -> _Established:
        bindings = None if channel_bindings is None else gss.ChannelBindings(application_data=channel_bindings)
        try:
            context = gss.accept_sec_context(token.token, self._credentials(), channel_bindings=bindings)
            if context.more_steps:
                raise NegotiateTokenMalformed("the library wants a second token, and there is one leg only")
            (ticket_flags,) = gss.inquire_sec_context_by_oid(context.context, _GET_TICKET_FLAGS)
            return _Established(
                client=self._client(gss.display_name(context.initiator_name, name_type=False).name),
                sid=_sid(context.initiator_name),
                channel_bound=bool(int(context.flags) & _CHANNEL_BOUND),
                is_forwardable=bool(int.from_bytes(ticket_flags, sys.byteorder) & evidence.FORWARDABLE),
                response_token=context.token or b"",
            )
        # Here and not in `accept`: the library keeps its errors' texts by thread.
        except gss.GSSError as error:
            raise self._explained(error) from error

    def _credentials(self) -> gss.Creds:
        """Of every name in the keytab: a service has several, and each ticket says which one it is for."""
        # Bytes: of str, python-gssapi 1.12 gives the library pointers to copies that are gone by then.
        store: dict[bytes | str, bytes | str] = {
            b"keytab": f"FILE:{self._keytab}".encode(),
            b"rcache": f"file2:{self._replay_cache}".encode(),
        }
        return gss.acquire_cred_from(store, mechs=[_MECHANISM], usage="accept").creds

    def _client(self, principal_name: bytes) -> str:
        """A principal of another realm is refused: whatever it is called, it is not the account of that name here.

        The library would take it, and does not even look at the realms on its way (RFC 4120 2.7) if none are told.
        """
        try:
            client = principal_name.decode()
        except UnicodeDecodeError as error:
            raise TicketNotAccepted(f"the client's principal name is not text: {principal_name!r}") from error
        # By the library that put it together: in `alice@EVIL\@REALM`, what follows the last `@` is not the realm.
        realm = krb5.parse_name_flags(krb5.init_context(), principal_name).realm
        if realm != self._realm.encode():
            raise TicketNotAccepted(f"{client} is not of the realm {self._realm}: tickets of a trust are not taken")
        return client

    def _explained(self, error: gss.GSSError) -> GatewayError:
        code = error.min_code - 2**32 if error.min_code >> 31 else error.min_code
        text = "; ".join(map(str, error.get_all_statuses(error.min_code, is_maj=False)))
        if isinstance(error, BadChannelBindingsError):
            return ChannelBindingsWrong(
                "the token is bound to another TLS certificate than the client was shown here, or to none although the"
                " client says that it binds its tokens (KERB_AP_OPTIONS_CBT)"
            )
        if isinstance(error, MissingCredentialsError):
            return OwnKeytabUnusable(f"nothing to accept tickets with: {text}")
        if code - _RFC_4120 in _MEANINGS:
            kind, meaning = _MEANINGS[code - _RFC_4120]
            return kind(f"{meaning} ({text})")
        if 0 < code <= _MAX_ERRNO:
            return KerberosFailed(f"the replay cache {self._replay_cache} cannot be used: {text}")
        if code < 0:
            return TicketNotAccepted(f"{text} ({code})")
        return NegotiateTokenMalformed(f"the library cannot read the token ({error.gen_message()})")


def _sid(initiator: gss.Name) -> str | None:
    """Of a client that is there itself: a ticket by S4U2proxy shows only that some service wants to act for it."""
    try:
        sid = statement.object_sid(initiator)
    except ValueError as error:
        raise TicketNotAccepted(f"the ticket is refused: {error}") from error
    if statement.is_delegated(initiator):
        raise TicketNotAccepted(
            "the ticket was got by delegation (S4U2proxy): the client was not there, a service acts for it. Which ones"
            " may do so here, say msDS-AllowedToDelegateTo of theirs and msDS-AllowedToActOnBehalfOfOtherIdentity of"
            " the gateway's account"
        )
    return sid
