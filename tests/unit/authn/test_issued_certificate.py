from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from lxml import etree

from gateway.authn.issued_certificate import IssuedCertificateAuthenticator
from gateway.call import Call
from gateway.errors import (
    CertificateNotMapped,
    CredentialsMissing,
    GatewayError,
    RevocationUnknown,
    SignerRevoked,
    SignerUntrusted,
)
from gateway.pki.authorities import CertificationAuthorities
from gateway.pki.certificate import parse_certificate
from gateway.protocol.soap import Envelope
from gateway.requester import Requester, Verifier
from tests import cmc
from tests.authorities import NOW, TestAuthority

CA = TestAuthority()
ENVELOPE = Envelope("action", None, None, None, None, etree.Element("body"))
AUTHORITIES = CertificationAuthorities((CA.authority,), (CA.revocation_list(),))
DEVICE = CA.issue_der("device01.corp.example")


async def authenticate(der: bytes | None, authorities: CertificationAuthorities = AUTHORITIES) -> Requester:
    authenticator = IssuedCertificateAuthenticator(lambda: authorities, lambda: NOW)
    return await authenticator(Call("c1", NOW, "192.0.2.1", "ces", der, None, None, b""), ENVELOPE)


async def test_a_certificate_of_an_authority_stands_for_itself() -> None:
    requester = await authenticate(DEVICE)

    assert requester == Requester("CN=device01.corp.example", parse_certificate(DEVICE), Verifier.TLS, NOW)
    assert requester.is_verified


@pytest.mark.parametrize(
    ("authorities", "der", "error"),
    [
        pytest.param(AUTHORITIES, None, CredentialsMissing, id="none"),
        pytest.param(AUTHORITIES, DEVICE + b"\0", CertificateNotMapped, id="unreadable"),
        pytest.param(CertificationAuthorities(), DEVICE, SignerUntrusted, id="no authorities"),
        pytest.param(
            AUTHORITIES,
            TestAuthority(key_name="a look-alike").issue_der("device01.corp.example"),
            SignerUntrusted,
            id="the same name and serial number of another CA",
        ),
        pytest.param(
            CertificationAuthorities((CA.authority,), (CA.revocation_list({0x5E01: None}),)),
            DEVICE,
            SignerRevoked,
            id="revoked",
        ),
        pytest.param(CertificationAuthorities((CA.authority,)), DEVICE, RevocationUnknown, id="no revocation list"),
    ],
)
async def test_for_whom_no_authority_vouches_is_nobody(
    authorities: CertificationAuthorities, der: bytes | None, error: type[GatewayError]
) -> None:
    with pytest.raises(error):
        await authenticate(der, authorities)


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        pytest.param({"not_after": datetime(2026, 2, 1, tzinfo=UTC)}, "is valid from", id="over"),
        pytest.param(
            {"extensions": [x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])]},
            "not for client authentication",
            id="for servers",
        ),
    ],
)
async def test_a_certificate_that_is_not_good_for_a_client_is_nobody(parts: dict[str, Any], text: str) -> None:
    with pytest.raises(CertificateNotMapped, match=text):
        await authenticate(CA.issue_der("device01.corp.example", **parts))


async def test_a_certificate_that_names_nobody_is_nobody() -> None:
    nameless = cmc.a_certificate(cmc.a_ca(now=NOW), "", now=NOW)

    with pytest.raises(CertificateNotMapped, match="the subject is empty"):
        await authenticate(nameless.certificate)
