"""What the KDC states about a client in the ticket's PAC ([MS-PAC]). No I/O; what cannot be read is a ValueError."""

import struct

UPN_DNS_INFO = b"urn:mspac:upn-dns-info"
"""MIT's name for the buffer ([MS-PAC] 2.10)."""

DELEGATION_INFO = b"urn:mspac:delegation-info"
"""MIT's name for S4U_DELEGATION_INFO ([MS-PAC] 2.9): in the PAC of every ticket that S4U2proxy issues."""

_HEADER = struct.Struct("<4HI4H")
"""Lengths and offsets of UPN and DNS domain name, Flags, and, if it is extended, of SamName and Sid."""
_SHORT_HEADER_SIZE = 12
_EXTENDED = 0x2
"""Flag S: there are a SamName and a Sid. KDCs from before November 2021 (KB5008380) do not say them."""

_SID = struct.Struct(">BB6s")
"""Revision, SubAuthorityCount, IdentifierAuthority ([MS-DTYP] 2.4.2.2)."""
_REVISION = 1
_MAX_SUB_AUTHORITIES = 15
_MAX_DECIMAL_AUTHORITY = 0xFFFF_FFFF


def object_sid(upn_dns_info: bytes) -> str | None:
    """The client's objectSid in its text form, from an UPN_DNS_INFO; None where the KDC states none."""
    if len(upn_dns_info) < _SHORT_HEADER_SIZE:
        raise ValueError(f"an UPN_DNS_INFO of {len(upn_dns_info)} bytes")
    flags = int.from_bytes(upn_dns_info[8:_SHORT_HEADER_SIZE], "little")
    if not flags & _EXTENDED:
        return None
    if len(upn_dns_info) < _HEADER.size:
        raise ValueError(f"an extended UPN_DNS_INFO of {len(upn_dns_info)} bytes")
    *_, length, offset = _HEADER.unpack_from(upn_dns_info)
    if offset < _HEADER.size or offset + length > len(upn_dns_info):
        raise ValueError("an UPN_DNS_INFO whose Sid lies outside of it")
    return sid_text(upn_dns_info[offset : offset + length])


def sid_text(sid: bytes) -> str:
    """A SID of [MS-DTYP] 2.4.2.2 in the text form of 2.4.2.1."""
    if len(sid) < _SID.size:
        raise ValueError(f"a SID of {len(sid)} bytes")
    revision, count, authority = _SID.unpack_from(sid)
    if revision != _REVISION or not 1 <= count <= _MAX_SUB_AUTHORITIES or len(sid) != _SID.size + 4 * count:
        raise ValueError(f"a SID of revision {revision} with {count} sub-authorities in {len(sid)} bytes")
    value = int.from_bytes(authority)
    identifier_authority = str(value) if value <= _MAX_DECIMAL_AUTHORITY else f"0x{value:012X}"
    return "-".join(("S-1", identifier_authority, *map(str, struct.unpack_from(f"<{count}I", sid, _SID.size))))
