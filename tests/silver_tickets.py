"""Kerberos tickets that no KDC has issued: whoever has a service's key can make them, and say what he likes in them.

    service = Service("HTTP/enroll.fabrikam.example", "CORP.FABRIKAM.EXAMPLE", key=b"k" * 32, kvno=3)
    keytab.write_bytes(a_keytab(service))
    ticket = a_ticket(service, client="alice", now=now, pac=a_pac(sid="S-1-5-21-1-2-3-1104"))
    token = an_ap_req(ticket, made_at=now)

So an acceptor is tested with times, realms, keys and statements that no real KDC would put into a ticket. Everything
is written byte by byte here, by no code of the gateway (RFC 3961, 3962, 4120, 4121, [MS-PAC]).
"""

import hmac
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import md5
from math import lcm

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tests.requests import bit_string, integer, object_identifier, octet_string, sequence, tlv

KERBEROS = "1.2.840.113554.1.2.2"
MICROSOFT_KERBEROS = "1.2.840.48018.1.2.2"
NTLMSSP = "1.3.6.1.4.1.311.2.2.10"
NEGOEX = "1.3.6.1.4.1.311.2.2.30"
SPNEGO = "1.3.6.1.5.5.2"

MUTUAL = 0x02
DCE_STYLE = 0x1000

FORWARDABLE = 0x4000_0000
TRANSITED_POLICY_CHECKED = 0x0008_0000

AES256 = 18
HMAC_SHA1_96_AES256 = 16
_SESSION_KEY = bytes(range(32))


@dataclass(frozen=True, slots=True)
class Service:
    """One key of a service."""

    principal: str
    realm: str
    key: bytes
    kvno: int = 1


# --- GSS-API --------------------------------------------------------------------------------------------------------


def framed(mechanism: str, inner_token: bytes) -> bytes:
    """RFC 2743 3.1."""
    return tlv(0x60, object_identifier(mechanism), inner_token)


def a_neg_token_init(*mech_types: str, mech_token: bytes | None, extra: bytes = b"") -> bytes:
    """RFC 4178 4.2.1."""
    offered = tlv(0xA0, sequence(*map(object_identifier, mech_types)))
    optimistic = b"" if mech_token is None else tlv(0xA2, octet_string(mech_token))
    return framed(SPNEGO, tlv(0xA0, sequence(offered, optimistic, extra)))


# --- RFC 4120 -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What is in it."""

    service: Service
    client: str
    client_realm: str
    starts: datetime
    ends: datetime
    flags: int
    pac: "Pac | None"

    @property
    def der(self) -> bytes:
        pac = (
            b""
            if self.pac is None
            else tlv(0xAA, self.pac.authorization_data(self.client, self.starts, self.service.key))
        )
        enc_ticket_part = tlv(
            0x63,
            sequence(
                tlv(0xA0, bit_string(struct.pack(">I", self.flags))),
                tlv(0xA1, sequence(tlv(0xA0, integer(AES256)), tlv(0xA1, octet_string(_SESSION_KEY)))),
                tlv(0xA2, _general_string(self.client_realm)),
                tlv(0xA3, _principal_name(self.client)),
                tlv(0xA4, sequence(tlv(0xA0, integer(1)), tlv(0xA1, octet_string(b"")))),
                tlv(0xA5, _time(self.starts)),
                tlv(0xA6, _time(self.starts)),
                tlv(0xA7, _time(self.ends)),
                pac,
            ),
        )
        service = self.service
        return tlv(
            0x61,
            sequence(
                tlv(0xA0, integer(5)),
                tlv(0xA1, _general_string(service.realm)),
                tlv(0xA2, _principal_name(service.principal)),
                tlv(0xA3, _encrypted(service.key, 2, enc_ticket_part, service.kvno)),
            ),
        )

    @property
    def credential(self) -> bytes:
        """The ticket as its owner keeps it: MIT's credential cache file format, version 4."""
        times = (int(moment.timestamp()) for moment in (self.starts, self.starts, self.ends, self.starts))
        principals = ((self.client, self.client_realm), (self.service.principal, self.service.realm))
        return b"".join(
            (
                *(_cached_principal(name, realm) for name, realm in principals),
                struct.pack(">HI", AES256, len(_SESSION_KEY)) + _SESSION_KEY,
                struct.pack(">4IBIII", *times, 0, self.flags, 0, 0),
                struct.pack(">I", len(self.der)) + self.der,
                bytes(4),
            )
        )


def a_ticket(
    service: Service,
    *,
    client: str,
    now: datetime,
    client_realm: str | None = None,
    lifetime: tuple[timedelta, timedelta] = (timedelta(hours=-1), timedelta(hours=9)),
    flags: int = FORWARDABLE,
    pac: "Pac | None" = None,
) -> Ticket:
    """`lifetime` counts from `now`; `client_realm` is the service's unless it is said."""
    return Ticket(
        service=service,
        client=client,
        client_realm=client_realm or service.realm,
        starts=now + lifetime[0],
        ends=now + lifetime[1],
        flags=flags,
        pac=pac,
    )


def an_ap_req(
    ticket: Ticket,
    *,
    made_at: datetime,
    shown_by: str | None = None,
    channel_bindings: bytes | None = None,
    context_flags: int = MUTUAL,
    microseconds: int = 0,
) -> bytes:
    """With its framing. `shown_by` is another client than the ticket's; `microseconds` tell authenticators apart."""
    checksum = _bindings_hash(channel_bindings) + struct.pack("<I", context_flags)
    authenticator = tlv(
        0x62,
        sequence(
            tlv(0xA0, integer(5)),
            tlv(0xA1, _general_string(ticket.client_realm)),
            tlv(0xA2, _principal_name(shown_by or ticket.client)),
            tlv(0xA3, sequence(tlv(0xA0, integer(0x8003)), tlv(0xA1, octet_string(checksum)))),
            tlv(0xA4, integer(microseconds)),
            tlv(0xA5, _time(made_at)),
        ),
    )
    mutual_required = 0x2000_0000 if context_flags & MUTUAL else 0
    ap_req = tlv(
        0x6E,
        sequence(
            tlv(0xA0, integer(5)),
            tlv(0xA1, integer(14)),
            tlv(0xA2, bit_string(struct.pack(">I", mutual_required))),
            tlv(0xA3, ticket.der),
            tlv(0xA4, _encrypted(_SESSION_KEY, 11, authenticator)),
        ),
    )
    return framed(KERBEROS, b"\x01\x00" + ap_req)


def _bindings_hash(application_data: bytes | None) -> bytes:
    """RFC 4121 4.1.1.2: no addresses."""
    digest = bytes(16)
    if application_data is not None:
        digest = md5(bytes(16) + struct.pack("<I", len(application_data)) + application_data).digest()
    return struct.pack("<I", 16) + digest


def _principal_name(name: str) -> bytes:
    components = name.split("/")
    return sequence(tlv(0xA0, integer(len(components))), tlv(0xA1, sequence(*map(_general_string, components))))


def _general_string(text: str) -> bytes:
    return tlv(0x1B, text.encode(errors="surrogateescape"))


def _time(moment: datetime) -> bytes:
    return tlv(0x18, moment.astimezone(UTC).strftime("%Y%m%d%H%M%SZ").encode())


def _cached_principal(name: str, realm: str) -> bytes:
    components = name.split("/")
    parts = [text.encode() for text in (realm, *components)]
    counts = struct.pack(">II", 1, len(components))
    return counts + b"".join(struct.pack(">I", len(part)) + part for part in parts)


# --- [MS-PAC] -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pac:
    """What the KDC states about a client."""

    upn_dns_info: bytes | None
    is_genuine: bool = True
    """Whether its signature is that of the service's key."""
    delegation_info: bytes | None = None

    def authorization_data(self, client: str, authenticated_at: datetime, key: bytes) -> bytes:
        """AD-WIN2K-PAC inside of AD-IF-RELEVANT."""
        data = self._signed(client, authenticated_at, key)
        for kind in (128, 1):
            data = sequence(sequence(tlv(0xA0, integer(kind)), tlv(0xA1, octet_string(data))))
        return data

    def _signed(self, client: str, authenticated_at: datetime, key: bytes) -> bytes:
        filetime = (int(authenticated_at.timestamp()) + 11_644_473_600) * 10_000_000
        name = client.encode("utf-16-le")
        signature = struct.pack("<I", HMAC_SHA1_96_AES256)
        buffers = {10: struct.pack("<QH", filetime, len(name)) + name}
        if self.upn_dns_info is not None:
            buffers[12] = self.upn_dns_info
        if self.delegation_info is not None:
            buffers[11] = self.delegation_info
        unsigned = _pac_type({**buffers, 6: signature + bytes(12), 7: signature + bytes(12)})
        checksum = _hmac(_derived(key, 17, 0x99), unsigned) if self.is_genuine else bytes(12)
        return _pac_type({**buffers, 6: signature + checksum, 7: signature + bytes(12)})


def a_pac(*, sid: str | None, is_genuine: bool = True) -> Pac:
    """With an UPN_DNS_INFO that has the SID, or without any."""
    return Pac(None if sid is None else an_upn_dns_info(a_sid(sid)), is_genuine)


def an_upn_dns_info(sid: bytes, *, flags: int = 2) -> bytes:
    """[MS-PAC] 2.10, with the names of a user "alice"."""
    texts = [text.encode("utf-16-le") for text in ("alice@corp.fabrikam.example", "CORP.FABRIKAM.EXAMPLE", "alice")]
    offset, places = 24, []
    for part in (*texts, sid):
        places.append((len(part), offset))
        offset += len(part)
    upn, dns_domain, sam, its_sid = places
    header = struct.pack("<4HI4H", *upn, *dns_domain, flags, *sam, *its_sid).ljust(24, b"\0")
    return header + b"".join((*texts, sid))


def a_sid(text: str) -> bytes:
    """[MS-DTYP] 2.4.2.2."""
    _, revision, authority, *parts = text.split("-")
    packed = struct.pack(f"<{len(parts)}I", *map(int, parts))
    return bytes((int(revision), len(parts))) + int(authority).to_bytes(6, "big") + packed


def _pac_type(buffers: dict[int, bytes]) -> bytes:
    directory, payload = struct.pack("<II", len(buffers), 0), b""
    start = len(directory) + 16 * len(buffers)
    for kind, data in buffers.items():
        directory += struct.pack("<IIQ", kind, len(data), start + len(payload))
        payload += data + bytes(-len(data) % 8)
    return directory + payload


# --- keytabs --------------------------------------------------------------------------------------------------------


def a_keytab(*services: Service) -> bytes:
    """MIT's keytab file format, version 2."""
    return b"\x05\x02" + b"".join(_entry(service) for service in services)


def _entry(service: Service) -> bytes:
    components = service.principal.split("/")
    entry = struct.pack(">H", len(components)) + b"".join(
        _counted(text.encode()) for text in (service.realm, *components)
    )
    entry += (
        struct.pack(">IIBH", 1, 0, service.kvno & 0xFF, AES256)
        + _counted(service.key)
        + struct.pack(">I", service.kvno)
    )
    return struct.pack(">i", len(entry)) + entry


def _counted(octets: bytes) -> bytes:
    return struct.pack(">H", len(octets)) + octets


# --- aes256-cts-hmac-sha1-96 (RFC 3961 5.3, RFC 3962) ---------------------------------------------------------------


def _encrypted(key: bytes, usage: int, plaintext: bytes, kvno: int | None = None) -> bytes:
    """EncryptedData. The confounder is constant: nothing is secret here."""
    confounded = bytes(16) + plaintext
    cipher = _cts(_derived(key, usage, 0xAA), confounded) + _hmac(_derived(key, usage, 0x55), confounded)
    version = b"" if kvno is None else tlv(0xA1, integer(kvno))
    return sequence(tlv(0xA0, integer(AES256)), version, tlv(0xA2, octet_string(cipher)))


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha1")[:12]


def _cts(key: bytes, plaintext: bytes) -> bytes:
    """CBC with ciphertext stealing: the last two blocks change places."""
    blocks = _cbc(key, plaintext + bytes(-len(plaintext) % 16))
    *_, last = range(0, len(plaintext), 16)
    return blocks[: last - 16] + blocks[last:] + blocks[last - 16 : last - 16 + len(plaintext) - last]


def _cbc(key: bytes, plaintext: bytes) -> bytes:
    encryptor = Cipher(algorithms.AES256(key), modes.CBC(bytes(16))).encryptor()
    return encryptor.update(plaintext) + encryptor.finalize()


def _derived(key: bytes, usage: int, purpose: int) -> bytes:
    """DK of RFC 3961 5.1, for a key of two blocks."""
    first = _cbc(key, _folded(struct.pack(">IB", usage, purpose), 16))
    return first + _cbc(key, first)


def _folded(text: bytes, size: int) -> bytes:
    """n-fold of RFC 3961 5.1: copies of the text, each turned right by 13 bits more, added up with end-around carry."""
    bits, width = int.from_bytes(text, "big"), len(text) * 8
    turns = (13 * copy % width for copy in range(lcm(len(text), size) // len(text)))
    octets = b"".join(((bits << width | bits) >> turn & (1 << width) - 1).to_bytes(len(text), "big") for turn in turns)
    total = sum(int.from_bytes(octets[start : start + size], "big") for start in range(0, len(octets), size))
    while total >> size * 8:
        total = (total & (1 << size * 8) - 1) + (total >> size * 8)
    return total.to_bytes(size, "big")
