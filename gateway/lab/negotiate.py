"""HTTP Negotiate as IIS does it for a service that takes Kerberos alone (RFC 4559): one round trip, no state.

Who arrives is told by the SID in the ticket's PAC, not by the client's name in it: that name is what the client asked
the KDC for. Needs gssapi: the rest of the lab does without this module.
"""

import asyncio
import base64
import binascii
import struct
from typing import Any

import gssapi
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from gateway.lab.arrivals import Arrival
from gateway.lab.domain import Domain, DomainUnavailable
from gateway.lab.domain_accounts import find_account
from gateway.lab.world import World

SERVICE_ACCOUNT = "svc-ces"
CHALLENGE = "Negotiate"

_NTLM = b"NTLMSSP\0"
_CHANNEL_BOUND = 0x800
"""GSS_C_CHANNEL_BOUND_FLAG of MIT: the initiator's bindings were there, and the acceptor's."""
_EXTENDED = 0x2
"""UPN_DNS_INFO holds the account's name and SID too ([MS-PAC] 2.10, flag S)."""


class _Refused(Exception):
    """No authentication: with the reason, which the client never hears."""


class KerberosArrivals:
    """Recognises clients of the Kerberos services of a lab."""

    def __init__(self, domain: Domain, world: World, *, extended_protection: bool = True) -> None:
        """With extended protection, tickets must be bound to the TLS connection, as IIS has it with `tokenChecking`
        `Require`; without it, bindings are not looked at.
        """
        self._domain = domain
        self._extended_protection = extended_protection
        self._bindings = gssapi.raw.ChannelBindings(application_data=_application_data(world))
        self._replay_cache = f"file2:{world.directory.absolute()}/replay-cache"

    async def arrive(self, authorization: str | None) -> Arrival:
        """`authorization` is the header's value."""
        if authorization is None:
            return Arrival(None, CHALLENGE, "no Authorization header")
        try:
            sid, reply = self._accept(_token(authorization))
            account = await asyncio.to_thread(find_account, self._domain, sid)
        except (_Refused, DomainUnavailable) as error:
            return Arrival(None, CHALLENGE, str(error))
        return Arrival(account, f"{CHALLENGE} {base64.b64encode(reply).decode()}", None)

    def _accept(self, token: bytes) -> tuple[str, bytes]:
        """The client's SID, and what proves the service to the client."""
        store: dict[str | bytes, str | bytes] = {
            "keytab": str(self._domain.keytab(SERVICE_ACCOUNT)),
            "rcache": self._replay_cache,
        }
        try:
            accepted = gssapi.raw.accept_sec_context(
                token,
                gssapi.Credentials(usage="accept", store=store),
                channel_bindings=self._bindings if self._extended_protection else None,
            )
        except gssapi.raw.GSSError as error:
            raise _Refused(str(error)) from error
        if accepted.more_steps:
            raise _Refused("the client would negotiate further")
        if self._extended_protection and not int(accepted.flags) & _CHANNEL_BOUND:
            raise _Refused("the ticket is not bound to the TLS connection")
        assert accepted.initiator_name is not None, "the context is complete"
        return _sid(accepted.initiator_name), accepted.token or b""


def _application_data(world: World) -> bytes:
    """`tls-server-end-point` of the services' TLS certificate (RFC 5929 4): it is signed with SHA-256."""
    certificate = x509.load_pem_x509_certificate(world.internal_services.certificate.read_bytes())
    return b"tls-server-end-point:" + certificate.fingerprint(hashes.SHA256())


def _token(authorization: str) -> bytes:
    scheme, _, value = authorization.partition(" ")
    if scheme.casefold() != CHALLENGE.casefold():
        raise _Refused(f"the scheme {scheme} is not offered")
    try:
        token = base64.b64decode(value.strip(), validate=True)
    except binascii.Error as error:
        raise _Refused("the token is not base64") from error
    if token.startswith(_NTLM):
        raise _Refused("NTLM")
    return token


def _sid(initiator: Any) -> str:
    """Of the client, out of UPN_DNS_INFO in the PAC ([MS-PAC] 2.10)."""
    try:
        attribute = gssapi.raw.get_name_attribute(initiator, b"urn:mspac:upn-dns-info")
    except gssapi.raw.GSSError as error:
        raise _Refused("the ticket has no PAC with UPN_DNS_INFO") from error
    if not attribute.authenticated:
        raise _Refused("the PAC is not signed for this service")
    (buffer,) = attribute.values
    flags, _, _, length, offset = struct.unpack_from("<IHHHH", buffer, 8)
    if not flags & _EXTENDED:
        raise _Refused("UPN_DNS_INFO holds no SID")
    return _sid_text(buffer[offset : offset + length])


def _sid_text(sid: bytes) -> str:
    """[MS-DTYP] 2.4.2.1 of 2.4.2.2."""
    authority = int.from_bytes(sid[2:8], "big")
    return "-".join(map(str, ("S-1", authority, *struct.unpack(f"<{sid[1]}I", sid[8:]))))
