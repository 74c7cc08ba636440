from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier
from lxml import etree

from gateway.authn.client_certificate import ClientCertificateAuthenticator
from gateway.authn.mapping import MappingRuleSettings
from gateway.call import Call
from gateway.errors import CertificateNotMapped, CredentialsMissing
from gateway.pki.certificate import parse_certificate
from gateway.protocol.soap import Envelope
from gateway.requester import Requester, Verifier
from gateway.strict_yaml import Mistaken
from tests.certificates import Authority, KeyPair, a_client_certificate, an_authority

ENVELOPE = Envelope("action", None, None, None, None, etree.Element("body"))
SMARTCARD_LOGON = ObjectIdentifier("1.3.6.1.4.1.311.20.2.2")
USER_PRINCIPAL_NAME = ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")
RULE = MappingRuleSettings(name="partner", issuer="CN=Partner Root CA", account="PARTNER")
SECOND = timedelta(seconds=1)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return an_authority(tmp_path)


async def authenticate(
    certificate: bytes | None, now: datetime, rules: Sequence[MappingRuleSettings] = (RULE,)
) -> Requester:
    call = Call("c1", now, "192.0.2.1", "ces", certificate, b"")
    return await ClientCertificateAuthenticator(rules, lambda: now)(call, ENVELOPE)


def middle(pair: KeyPair) -> datetime:
    return pair.certificate.not_valid_before_utc + timedelta(days=1)


async def test_a_mapped_certificate_is_its_accounts(authority: Authority) -> None:
    pair = a_client_certificate(authority)

    requester = await authenticate(pair.der, middle(pair))

    assert requester == Requester("PARTNER", parse_certificate(pair.der), Verifier.TLS, "partner")


async def test_without_a_certificate_there_is_nobody(authority: Authority) -> None:
    with pytest.raises(CredentialsMissing):
        await authenticate(None, middle(a_client_certificate(authority)))


async def test_what_cannot_be_read_is_nobody(authority: Authority) -> None:
    pair = a_client_certificate(authority)

    with pytest.raises(CertificateNotMapped, match="cannot be read"):
        await authenticate(pair.der + b"\0", middle(pair))


async def test_a_certificate_that_expired_during_the_connection_is_refused(authority: Authority) -> None:
    pair = a_client_certificate(authority)
    not_after = pair.certificate.not_valid_after_utc

    assert (await authenticate(pair.der, not_after)).account == "PARTNER"
    with pytest.raises(CertificateNotMapped, match="is valid from"):
        await authenticate(pair.der, not_after + SECOND)


async def test_a_certificate_that_is_not_valid_yet_is_refused(authority: Authority) -> None:
    pair = a_client_certificate(authority)

    with pytest.raises(CertificateNotMapped, match="is valid from"):
        await authenticate(pair.der, pair.certificate.not_valid_before_utc - SECOND)


@pytest.mark.parametrize(
    "usage",
    [
        [],
        [ExtendedKeyUsageOID.CLIENT_AUTH],
        [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH],
        [ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE],
    ],
)
async def test_a_certificate_for_clients_is_taken(authority: Authority, usage: list[ObjectIdentifier]) -> None:
    pair = a_client_certificate(authority, extended_key_usage=usage)

    assert (await authenticate(pair.der, middle(pair))).account == "PARTNER"


@pytest.mark.parametrize("usage", [[ExtendedKeyUsageOID.SERVER_AUTH], [SMARTCARD_LOGON]])
async def test_a_certificate_for_something_else_is_refused(authority: Authority, usage: list[ObjectIdentifier]) -> None:
    pair = a_client_certificate(authority, extended_key_usage=usage)

    with pytest.raises(CertificateNotMapped, match="not for client authentication"):
        await authenticate(pair.der, middle(pair))


async def test_a_certificate_that_no_rule_knows_is_refused(authority: Authority) -> None:
    pair = a_client_certificate(authority)

    with pytest.raises(CertificateNotMapped, match="CN=Partner Root CA"):
        await authenticate(pair.der, middle(pair), rules=())


async def test_a_user_principal_name_is_read_from_the_certificate(authority: Authority) -> None:
    principal = x509.OtherName(USER_PRINCIPAL_NAME, b"\x0c\x15alice@partner.example")
    pair = a_client_certificate(authority, alternatives=[principal])
    rule = MappingRuleSettings.model_validate_json(
        '{"name": "upn", "issuer": "CN=Partner Root CA",'
        ' "account_from": "userPrincipalName", "accounts_within": ["@partner.example"]}'
    )

    requester = await authenticate(pair.der, middle(pair), rules=[rule])

    assert (requester.account, requester.mapping_rule) == ("alice@partner.example", "upn")


async def test_an_issuer_with_special_characters_is_configured_as_it_is_printed(tmp_path: Path) -> None:
    pair = a_client_certificate(an_authority(tmp_path, 'Müller, "Söhne" + Co.\\#; <CA> '))
    issuer = str(parse_certificate(pair.der).issuer)
    rule = MappingRuleSettings(name="partner", issuer=issuer, account="PARTNER")

    assert (await authenticate(pair.der, middle(pair), rules=[rule])).account == "PARTNER"


async def test_a_certificate_whose_use_cannot_be_read_is_refused(authority: Authority) -> None:
    pair = a_client_certificate(authority)
    client_auth = bytes.fromhex("06082b06010505070302")
    der = pair.der.replace(client_auth, b"\x04" + client_auth[1:])

    with pytest.raises(CertificateNotMapped, match="cannot be read"):
        await authenticate(der, middle(pair))


async def test_a_subordinate_of_another_ca_with_the_issuer_s_name_is_another_issuer(
    authority: Authority, tmp_path: Path
) -> None:
    """Names can be taken on, keys cannot."""
    rule = MappingRuleSettings(name="partner", issuer_certificate=authority.certificate_path, account="PARTNER")
    own = a_client_certificate(authority)
    (tmp_path / "other").mkdir()
    alike = a_client_certificate(an_authority(tmp_path / "other"))

    assert (await authenticate(own.der, middle(own), rules=[rule])).account == "PARTNER"
    with pytest.raises(CertificateNotMapped, match=r"another issuer's key"):
        await authenticate(alike.der, middle(alike), rules=[rule])


def test_an_issuer_certificate_that_cannot_be_used_is_a_mistake(tmp_path: Path) -> None:
    file = tmp_path / "issuer.pem"
    file.write_text("no PEM")
    rule = MappingRuleSettings(name="partner", issuer_certificate=file, account="PARTNER")

    with pytest.raises(Mistaken, match="is no certificate in PEM"):
        ClientCertificateAuthenticator([rule], lambda: datetime.now(UTC))
