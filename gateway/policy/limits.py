"""What the lists of a rule say about the certificate, not the request: the usages and extensions that it may have."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What may stand in a certificate that a rule has approved. Nothing, unless the rule lists it."""

    key_usage: frozenset[str] = frozenset()
    extended_key_usage: frozenset[str] = frozenset()
    """Object identifiers, as of the following. Holds for the application policies too."""
    certificate_policies: frozenset[str] = frozenset()
    extensions: frozenset[str] = frozenset()
    """Beside those that a certification authority writes by itself."""


NOTHING = Limits()
