"""Certificates and revocation lists from where the configuration says they are: bounded in size and time."""

import asyncio
from http import HTTPStatus
from pathlib import Path

import aiohttp
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.errors import MalformedMessage
from gateway.pki.authorities import CertificationAuthority
from gateway.pki.certificate import Certificate, parse_certificate
from gateway.pki.revocation_list import (
    MAX_REVOCATION_LIST_BYTES,
    RevocationList,
    RevocationListUnusable,
    parse_revocation_list,
)
from gateway.revocation.settings import CertificationAuthoritySettings

FETCH_SECONDS = 60.0
"""For a whole list over HTTP: the largest one at half a megabyte in a second."""


def read_authority(settings: CertificationAuthoritySettings) -> CertificationAuthority:
    """Raises ValueError or OSError for a file without certificates of an authority."""
    try:
        loaded = x509.load_pem_x509_certificates(settings.certificates.read_bytes())
        certificates = tuple(parse_certificate(each.public_bytes(Encoding.DER)) for each in loaded)
    except MalformedMessage as error:
        raise ValueError(str(error)) from error
    return CertificationAuthority(settings.name, certificates)


def read_file(path: Path, issuers: tuple[Certificate, ...]) -> RevocationList:
    """Blocks. Raises RevocationListUnusable."""
    try:
        with path.open("rb") as file:
            encoded = file.read(MAX_REVOCATION_LIST_BYTES + 1)
    except OSError as error:
        raise RevocationListUnusable(f"cannot be read: {error}") from error
    return parse_revocation_list(encoded, issuers)


async def read_list(source: str | Path, issuers: tuple[Certificate, ...]) -> RevocationList:
    """A list from its file or URL, parsed off the event loop. Raises RevocationListUnusable."""
    if isinstance(source, Path):
        return await asyncio.to_thread(read_file, source, issuers)
    encoded = await _fetch(source)
    return await asyncio.to_thread(parse_revocation_list, encoded, issuers)


async def _fetch(url: str) -> bytes:
    timeout = aiohttp.ClientTimeout(total=FETCH_SECONDS)
    try:
        # What is sent compressed is not expanded: nobody bounds what it would become.
        # No redirects: only the configuration says where the gateway goes.
        async with (
            aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as session,
            session.get(url, allow_redirects=False) as response,
        ):
            if response.status != HTTPStatus.OK:
                raise RevocationListUnusable(f"is not there: HTTP status {response.status}")
            return await _bounded(response.content)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        raise RevocationListUnusable(f"cannot be fetched: {str(error) or type(error).__name__}") from error


async def _bounded(stream: aiohttp.StreamReader) -> bytes:
    received = bytearray()
    async for chunk in stream.iter_any():
        received += chunk
        if len(received) > MAX_REVOCATION_LIST_BYTES:
            raise RevocationListUnusable(f"has more than {MAX_REVOCATION_LIST_BYTES} bytes")
    return bytes(received)
