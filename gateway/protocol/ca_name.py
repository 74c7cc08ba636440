"""How Microsoft writes the name of a certification authority where not every character may stand, as in URLs."""

_DISALLOWED = frozenset("!\"#%&'()*+,/:;<=>?[\\]^`{|}")
_FIRST_PRINTABLE, _DELETE = 0x20, 0x7F


def sanitized_name(common_name: str) -> str:
    """Every disallowed UTF-16 code unit as `!` and four hexadecimal digits ([MS-WCCE] 3.1.1.4.1.1.2).

    Blanks stay. The short form, for names in Active Directory, is not made: it does not stand in URLs.
    """
    encoded = common_name.encode("utf-16-be", "surrogatepass")
    units = (int.from_bytes(encoded[n : n + 2]) for n in range(0, len(encoded), 2))
    return "".join(chr(unit) if _is_allowed(unit) else f"!{unit:04x}" for unit in units)


def _is_allowed(unit: int) -> bool:
    return _FIRST_PRINTABLE <= unit < _DELETE and chr(unit) not in _DISALLOWED
