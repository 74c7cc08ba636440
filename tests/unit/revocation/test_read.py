"""Where certificates and revocation lists are read from, and what stops it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.pki.revocation_list import RevocationListUnusable
from gateway.revocation import read
from gateway.revocation.read import read_authority, read_list
from gateway.revocation.settings import CertificationAuthoritySettings
from tests.authorities import TestAuthority, pem

CA = TestAuthority()
UNREADABLE = x509.UnrecognizedExtension(x509.ExtendedKeyUsage.oid, b"\x05\x00")


def settings(file: Path) -> CertificationAuthoritySettings:
    return CertificationAuthoritySettings(name="Corp Issuing CA 1", certificates=file)


@asynccontextmanager
async def a_server(response: web.Response) -> AsyncIterator[str]:
    """Answers everything so; its URL."""

    async def answer(_request: web.Request) -> web.StreamResponse:
        return response

    application = web.Application()
    application.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/CA%201.crl"
    finally:
        await runner.cleanup()


def test_an_authority_has_all_the_certificates_of_its_file(tmp_path: Path) -> None:
    renewed = TestAuthority(key_name="the new key")
    (tmp_path / "ca.pem").write_bytes(pem(CA.certificate, renewed.certificate))

    assert read_authority(settings(tmp_path / "ca.pem")).certificates == (CA.certificate, renewed.certificate)


@pytest.mark.parametrize(
    "content",
    [b"", b"no PEM", pem(CA.certificate)[:200], pem(CA.issue())],
    ids=["empty", "no PEM", "cut off", "not an authority's"],
)
def test_a_file_without_an_authority_s_certificates_is_a_value_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ca.pem").write_bytes(content)

    with pytest.raises(ValueError, match=r"PEM|certificate"):
        read_authority(settings(tmp_path / "ca.pem"))


def test_a_certificate_that_the_gateway_does_not_read_is_a_value_error(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(
        x509.load_der_x509_certificate(CA.issue_der(extensions=[UNREADABLE])).public_bytes(Encoding.PEM)
    )

    with pytest.raises(ValueError, match="not a certificate that can be read"):
        read_authority(settings(tmp_path / "ca.pem"))


async def test_a_list_is_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "ca.crl").write_bytes(CA.crl({7: None}))

    assert 7 in (await read_list(tmp_path / "ca.crl", (CA.certificate,))).revoked


async def test_a_file_that_is_not_there_is_no_list(tmp_path: Path) -> None:
    with pytest.raises(RevocationListUnusable, match="cannot be read"):
        await read_list(tmp_path / "ca.crl", (CA.certificate,))


async def test_a_list_is_fetched_by_http() -> None:
    async with a_server(web.Response(body=CA.crl({7: None}))) as url:
        assert 7 in (await read_list(url, (CA.certificate,))).revoked


@pytest.mark.parametrize(
    ("response", "why"),
    [
        (web.Response(status=404), "HTTP status 404"),
        (web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"}), "HTTP status 302"),
        (web.Response(body=b"a page"), "not a revocation list"),
    ],
    ids=["absent", "elsewhere", "something else"],
)
async def test_what_the_server_says_instead_of_a_list_is_none(response: web.Response, why: str) -> None:
    async with a_server(response) as url:
        with pytest.raises(RevocationListUnusable, match=why):
            await read_list(url, (CA.certificate,))


async def test_a_server_that_cannot_be_reached_has_no_list() -> None:
    async with a_server(web.Response()) as url:
        pass

    with pytest.raises(RevocationListUnusable, match="cannot be fetched"):
        await read_list(url, (CA.certificate,))


async def test_a_list_that_is_too_long_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "MAX_REVOCATION_LIST_BYTES", 10)

    async with a_server(web.Response(body=CA.crl())) as url:
        with pytest.raises(RevocationListUnusable, match="more than 10 bytes"):
            await read_list(url, (CA.certificate,))
