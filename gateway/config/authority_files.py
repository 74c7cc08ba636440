"""What can be seen of the certification authorities without asking anybody: their certificates, and lists in files."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from gateway.config.settings import Configuration
from gateway.pki.authorities import CertificationAuthority
from gateway.pki.revocation_list import RevocationListUnusable
from gateway.revocation.read import read_authority, read_file
from gateway.revocation.settings import CertificationAuthoritySettings
from gateway.strict_yaml import Document, Mistake
from gateway.strict_yaml import Path as KeyPath


def mistakes_of_authorities(
    document: Document, configuration: Configuration, now: datetime, warnings: list[str]
) -> Iterator[Mistake]:
    """Every mistake; what should be looked at nevertheless is added to `warnings`. For files that exist."""
    for n, settings in enumerate(configuration.certification_authorities):
        at: KeyPath = ("certification_authorities", n)
        try:
            authority = read_authority(settings)
        except (OSError, ValueError) as error:
            yield document.mistake((*at, "certificates"), f"no certificates of an authority in PEM: {error}")
            continue
        for message in _mistakes_of_lists(settings, authority, now, warnings):
            yield document.mistake((*at, "crl"), message)
        if not settings.crl:
            warnings.append(f"certification_authorities.{n}: has no crl, so that signers of it are always refused")
        if not any(own.not_before <= now <= own.not_after for own in authority.certificates):
            warnings.append(f"certification_authorities.{n}: none of the certificates is valid now")


def _mistakes_of_lists(
    settings: CertificationAuthoritySettings, authority: CertificationAuthority, now: datetime, warnings: list[str]
) -> Iterator[str]:
    for source in settings.crl:
        if not isinstance(source, Path):
            continue
        try:
            found = read_file(source, authority.certificates)
        except RevocationListUnusable as error:
            yield f"{source} {error}"
            continue
        if not found.is_current(now):
            warnings.append(
                f"{source} is of {found.this_update:%Y-%m-%d %H:%M} to {found.next_update:%Y-%m-%d %H:%M} UTC, not of"
                f" now: signers of {settings.name} are refused until a new one is there"
            )
