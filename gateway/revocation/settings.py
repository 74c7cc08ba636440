"""The certification authorities as the configuration names them."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from gateway.strict_yaml import Settings

RevocationListUrl = Annotated[str, Field(pattern=r"^https?://[!-~]+$")]
"""Lists are signed themselves, so that plain HTTP loses nothing (RFC 5280 8)."""


class CertificationAuthoritySettings(Settings):
    """One authority that may have issued the certificates of signers."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    """Its common name, as `ca` of a CES service."""
    certificates: Path
    """PEM: the authority's own certificates, several where it was renewed. Not those above it."""
    crl: tuple[Annotated[RevocationListUrl | Path, Field(union_mode="left_to_right")], ...] = ()
    """Files or URLs of its revocation lists, DER or PEM: one for each of its keys. Without one, nobody knows whether a
    certificate is revoked, and every signer of this authority is refused."""
    refresh_minutes: Annotated[int, Field(ge=1, le=1440)] = 60
    """How often the lists are read again; also when they are over."""
