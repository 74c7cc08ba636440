"""Security identifiers ([MS-DTYP] 2.4.2): bytes as in objectSid, and the text `S-1-5-21-...`."""

import re
import struct

_REVISION = 1
_MAX_SUB_AUTHORITIES = 15
_TEXT = re.compile(r"S-1-(0|[1-9][0-9]{0,9})((?:-(?:0|[1-9][0-9]{0,9})){1,15})")
"""[MS-DTYP] 2.4.2.1. Authorities of 2^32 and more would be in hexadecimal; there are none."""

BUILTIN_DOMAIN = "S-1-5-32"
"""[MS-DTYP] 2.4.2.4: the same in every domain."""


def parse_sid(value: bytes) -> str:
    """[MS-DTYP] 2.4.2.2. Raises ValueError."""
    if len(value) < 8 or value[0] != _REVISION:
        raise ValueError("not a SID")
    count = value[1]
    if not 1 <= count <= _MAX_SUB_AUTHORITIES or len(value) != 8 + 4 * count:
        raise ValueError("not a SID")
    authority = int.from_bytes(value[2:8], "big")
    if authority >= 1 << 32:
        raise ValueError("a SID of an authority that does not exist")
    return "-".join(("S", "1", str(authority), *map(str, struct.unpack_from(f"<{count}I", value, 8))))


def render_sid(sid: str) -> bytes:
    """Raises ValueError for what is not the text of a SID, in the one way that Windows writes it."""
    match = _TEXT.fullmatch(sid)
    if match is None:
        raise ValueError(f"not a SID: {sid[:100]!r}")
    authority, *parts = (int(part) for part in sid.split("-")[2:])
    if max(authority, *parts) >= 1 << 32:
        raise ValueError(f"not a SID: {sid!r}")
    return bytes((_REVISION, len(parts))) + authority.to_bytes(6, "big") + struct.pack(f"<{len(parts)}I", *parts)


def domain_of(sid: str) -> str:
    """The SID of the domain whose relative identifier is the last part ([MS-DTYP] 2.4.1)."""
    return sid.rpartition("-")[0]
