from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier
from lxml import etree

from gateway.account import Account, UserAccountControl
from gateway.authn.alt_security_identities import WeakForm
from gateway.authn.client_certificate import ClientCertificateAuthenticator
from gateway.authn.mapping_rules import MappingRuleSettings
from gateway.call import Call
from gateway.errors import AccountDisabled, AccountExpired, CertificateNotMapped, CredentialsMissing
from gateway.pki.certificate import parse_certificate
from gateway.protocol.soap import Envelope
from gateway.requester import Requester, Verifier
from tests.builders import an_account
from tests.certificates import Authority, KeyPair, a_client_certificate, an_authority
from tests.fakes.account_directory import FakeDirectory

ENVELOPE = Envelope("action", None, None, None, None, etree.Element("body"))
SMARTCARD_LOGON = ObjectIdentifier("1.3.6.1.4.1.311.20.2.2")
USER_PRINCIPAL_NAME = ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")
RULE = MappingRuleSettings(name="partner", issuer="CN=Partner Root CA", account="PARTNER")
SECOND = timedelta(seconds=1)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return an_authority(tmp_path)


def a_call(certificate: bytes | None, now: datetime) -> Call:
    return Call("c1", now, "192.0.2.1", "ces", certificate, None, None, b"")


async def authenticate(
    certificate: bytes | None,
    now: datetime,
    rules: Sequence[MappingRuleSettings] = (RULE,),
    directory: FakeDirectory | None = None,
) -> Requester:
    authenticator = ClientCertificateAuthenticator(rules, lambda: now, directory)
    return await authenticator(a_call(certificate, now), ENVELOPE)


def middle(pair: KeyPair) -> datetime:
    return pair.certificate.not_valid_before_utc + timedelta(days=1)


async def test_a_mapped_certificate_is_its_accounts(authority: Authority) -> None:
    pair = a_client_certificate(authority)
    now = middle(pair)

    requester = await authenticate(pair.der, now)

    assert requester == Requester("PARTNER", parse_certificate(pair.der), Verifier.TLS, now, "partner")


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


# --- with a directory -----------------------------------------------------------------------------------------------


async def test_with_a_directory_the_requester_is_its_account(authority: Authority) -> None:
    pair = a_client_certificate(authority)
    partner = an_account("Partner")

    requester = await authenticate(pair.der, middle(pair), directory=FakeDirectory([partner]))

    assert requester.account == "Partner@corp.example"
    assert requester.directory_account is partner
    assert (requester.mapping_rule, requester.mapping_form) == ("partner", None)


def disabled() -> Account:
    return an_account("Partner", user_account_control=UserAccountControl.ACCOUNTDISABLE)


async def test_an_account_that_cannot_be_used_is_refused(authority: Authority) -> None:
    pair = a_client_certificate(authority)
    now = middle(pair)

    with pytest.raises(AccountDisabled):
        await authenticate(pair.der, now, directory=FakeDirectory([disabled()]))
    with pytest.raises(AccountExpired):
        await authenticate(pair.der, now, directory=FakeDirectory([an_account("Partner", expires=now - SECOND)]))


async def test_the_directory_is_not_asked_about_a_certificate_that_is_not_valid(authority: Authority) -> None:
    pair = a_client_certificate(authority, extended_key_usage=[SMARTCARD_LOGON])
    directory = FakeDirectory([an_account("Partner")])

    with pytest.raises(CertificateNotMapped):
        await authenticate(pair.der, middle(pair), directory=directory)

    assert directory.asked == []


async def test_a_weak_mapping_stands_in_the_requester_and_is_counted(authority: Authority) -> None:
    pair = a_client_certificate(authority, "device01.partner.example")
    rule = MappingRuleSettings.model_validate_json(
        '{"name": "weak", "issuer": "CN=Partner Root CA", "account_from": "altSecurityIdentities",'
        ' "accounts_within": ["@corp.example"], "weak_forms": ["X509SubjectOnly"]}'
    )
    directory = FakeDirectory([], {"X509:<S>CN=device01.partner.example": [an_account("Partner")]})
    counted: list[WeakForm] = []
    now = middle(pair)

    requester = await ClientCertificateAuthenticator([rule], lambda: now, directory, counted.append)(
        a_call(pair.der, now), ENVELOPE
    )

    assert (requester.mapping_rule, requester.mapping_form) == ("weak", "X509SubjectOnly")
    assert counted == [WeakForm.SUBJECT_ONLY]
