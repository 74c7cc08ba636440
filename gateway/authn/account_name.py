"""What may be the name of an account: policies compare it, the audit record and operators' screens show it."""

import unicodedata

MAX_LENGTH = 256
"""Characters. A user principal name of Active Directory is `sAMAccountName@domain`, at most 20 + 1 + 255 (RFC 1035)."""

_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode general categories: control, format (bidirectional overrides among them), surrogates, line separators."""


def objection_to(name: str) -> str | None:
    """Why `name` cannot be the name of an account, as the end of a sentence; None if it can."""
    if not name:
        return "is empty"
    if len(name) > MAX_LENGTH:
        return f"has {len(name)} characters, more than {MAX_LENGTH}"
    if name != name.strip():
        return "begins or ends with a blank"
    if any(unicodedata.category(character) in _INVISIBLE for character in name):
        return "contains control or invisible characters"
    return None
