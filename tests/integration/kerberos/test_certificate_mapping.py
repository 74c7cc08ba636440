"""Client certificates and the accounts of a real directory."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import krb5
import pytest
from cryptography import x509

from gateway.authn.alt_security_identities import WeakForm, strong_values
from gateway.authn.client_certificate import ClientCertificateAuthenticator
from gateway.authn.mapping import AccountMapping
from gateway.authn.mapping_rules import MappingRuleSettings
from gateway.directory.client import Directory
from gateway.directory.settings import DirectorySettings
from gateway.errors import AccountAmbiguous, AccountDisabled, CertificateNotMapped, UnknownUser
from gateway.kerberos import ccache
from gateway.lab.domain import Domain
from gateway.pki.certificate import Certificate, parse_certificate
from gateway.tickets import CredentialCache
from tests.certificates import Authority, KeyPair, a_client_certificate, an_authority

LEAF = parse_certificate((Path(__file__).parents[2] / "vectors/certificate/captured-adcs-leaf.der").read_bytes())
"""As AD CS issues them: the only one here with each of the strong forms."""
USER_PRINCIPAL_NAME = x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
async def directory(domain: Domain) -> AsyncIterator[Directory]:
    async def own_cache() -> CredentialCache:
        context = krb5.init_context()
        return ccache.holding(
            krb5.get_init_creds_keytab(
                context,
                krb5.parse_name_flags(context, f"svc-gateway@{domain.realm}".encode()),
                krb5.get_init_creds_opt_alloc(context),
                krb5.kt_resolve(context, f"FILE:{domain.keytab('svc-gateway')}".encode()),
            )
        )

    settings = DirectorySettings(servers=(domain.address,), seconds=30)
    async with Directory(domain.realm, settings, own_cache, now) as directory:
        yield directory


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return an_authority(tmp_path, "Partner A Issuing CA")


def from_source(
    source: str, *within: str, issuer: str = "CN=Partner A Issuing CA", weak_forms: Sequence[str] = ()
) -> MappingRuleSettings:
    return MappingRuleSettings.model_validate(
        {"name": source, "issuer": issuer, "account_from": source, "accounts_within": within, "weak_forms": weak_forms},
        strict=False,
    )


def with_upn(authority: Authority, name: str) -> KeyPair:
    value = b"\x0c" + bytes((len(name),)) + name.encode()
    return a_client_certificate(authority, alternatives=[x509.OtherName(USER_PRINCIPAL_NAME, value)])


def with_sid(authority: Authority, sid: str) -> KeyPair:
    uri = x509.UniformResourceIdentifier(f"tag:microsoft.com,2022-09-14:sid:{sid}")
    return a_client_certificate(authority, alternatives=[uri])


def sid_of(domain: Domain, account: str) -> str:
    return domain.ldb().attributes(account, "objectSid")["objectSid"][0]


@contextmanager
def registered(domain: Domain, value: str, *accounts: str) -> Iterator[None]:
    for account in accounts:
        domain.ldb().modify(account, altSecurityIdentities=value)
    try:
        yield
    finally:
        for account in accounts:
            domain.ldb().modify(account, altSecurityIdentities=())


async def account_of(directory: Directory, pair: KeyPair, *rules: MappingRuleSettings) -> str:
    return (await ClientCertificateAuthenticator(rules, now, directory).requester_of(pair.der)).account


@pytest.mark.parametrize(
    ("name", "account"),
    [
        ("alice@corp.fabrikam.example", "alice"),
        ("ALICE@Corp.Fabrikam.Example", "alice"),
        ("robert@corp.fabrikam.example", "bob"),
        ("heidi.jones@partner-a.example", "heidi"),
    ],
)
async def test_a_user_principal_name_is_its_account_s(
    domain: Domain, directory: Directory, authority: Authority, name: str, account: str
) -> None:
    rule = from_source("userPrincipalName", "@corp.fabrikam.example", "@partner-a.example")

    assert await account_of(directory, with_upn(authority, name), rule) == f"{account}@{domain.dns_domain}"


async def test_a_dns_name_is_its_computer_s(domain: Domain, directory: Directory, authority: Authority) -> None:
    pair = a_client_certificate(authority, alternatives=[x509.DNSName("pc1.corp.fabrikam.example")])

    account = await account_of(directory, pair, from_source("dNSName", ".corp.fabrikam.example"))

    assert account == f"PC1$@{domain.dns_domain}"


@pytest.mark.parametrize("account", ["alice", "PC1$"])
async def test_a_sid_is_its_account_s(domain: Domain, directory: Directory, authority: Authority, account: str) -> None:
    pair = with_sid(authority, sid_of(domain, account))

    mapped = await account_of(directory, pair, from_source("objectSid", "@corp.fabrikam.example"))

    assert mapped == f"{account}@{domain.dns_domain}"


async def test_a_partner_s_ca_cannot_name_an_account_beyond_its_bounds(
    domain: Domain, directory: Directory, authority: Authority
) -> None:
    rule = from_source("objectSid", "@partner-a.example")

    assert await account_of(directory, with_sid(authority, sid_of(domain, "heidi")), rule)
    with pytest.raises(CertificateNotMapped, match=r"'alice@corp\.fabrikam\.example' is not within"):
        await account_of(directory, with_sid(authority, sid_of(domain, "alice")), rule)


@pytest.mark.parametrize("sid", ["S-1-5-21-1-2-3-500", "S-1-5-32-544", "S-1-5-18"])
async def test_a_sid_that_is_no_account_s_here_is_an_unknown_user(
    directory: Directory, authority: Authority, sid: str
) -> None:
    with pytest.raises(UnknownUser, match="by the rule objectSid"):
        await account_of(directory, with_sid(authority, sid), from_source("objectSid", "@corp.fabrikam.example"))


async def test_a_name_that_is_nobody_s_is_an_unknown_user(directory: Directory, authority: Authority) -> None:
    pair = with_upn(authority, "nobody@corp.fabrikam.example")

    with pytest.raises(UnknownUser, match="by the rule userPrincipalName"):
        await account_of(directory, pair, from_source("userPrincipalName", "@corp.fabrikam.example"))


async def test_a_disabled_account_s_certificate_is_refused(directory: Directory, authority: Authority) -> None:
    pair = with_upn(authority, "dora@corp.fabrikam.example")

    with pytest.raises(AccountDisabled):
        await account_of(directory, pair, from_source("userPrincipalName", "@corp.fabrikam.example"))


# --- altSecurityIdentities ------------------------------------------------------------------------------------------


async def mapped(directory: Directory, certificate: Certificate, *weak_forms: str) -> tuple[str, WeakForm | None]:
    rule = from_source(
        "altSecurityIdentities", "@corp.fabrikam.example", issuer=str(certificate.issuer), weak_forms=weak_forms
    )
    found = await AccountMapping([rule], directory).account_of(certificate)
    return found.account, found.weak_form


@pytest.mark.parametrize("spelling", [str.lower, str.upper])
@pytest.mark.parametrize("value", [value for values in strong_values(LEAF).values() for value in values])
async def test_a_certificate_is_found_by_each_strong_form(
    domain: Domain, directory: Directory, value: str, spelling: Callable[[str], str]
) -> None:
    with registered(domain, spelling(value), "u40"):
        assert await mapped(directory, LEAF) == (f"u40@{domain.dns_domain}", None)


async def test_what_the_refusal_prints_can_be_pasted(
    domain: Domain, directory: Directory, authority: Authority
) -> None:
    certificate = parse_certificate(a_client_certificate(authority).der)
    with pytest.raises(CertificateNotMapped) as refused:
        await mapped(directory, certificate)
    value = str(refused.value).partition("altSecurityIdentities: ")[2].partition(" or ")[0]

    with registered(domain, value, "u41"):
        assert await mapped(directory, certificate) == (f"u41@{domain.dns_domain}", None)


async def test_another_certificate_of_the_same_ca_is_not_registered_with_it(
    domain: Domain, directory: Directory, authority: Authority
) -> None:
    one, another = (parse_certificate(a_client_certificate(authority).der) for _ in range(2))
    (value, *_), *_ = strong_values(one).values()

    with registered(domain, value, "u42"), pytest.raises(CertificateNotMapped):
        await mapped(directory, another)


async def test_a_certificate_that_is_registered_twice_is_ambiguous(domain: Domain, directory: Directory) -> None:
    value = f"X509:<SKI>{LEAF.subject_key_identifier}"

    with registered(domain, value, "u43", "u44"), pytest.raises(AccountAmbiguous):
        await mapped(directory, LEAF)


async def test_a_weak_form_counts_only_where_it_is_listed(domain: Domain, directory: Directory) -> None:
    with registered(domain, "X509:<S>DC=internal,DC=pkinitlab,CN=Users,CN=labadm", "u45"):
        with pytest.raises(CertificateNotMapped, match="no account has it in altSecurityIdentities"):
            await mapped(directory, LEAF)
        with pytest.raises(CertificateNotMapped, match="no account has it in altSecurityIdentities"):
            await mapped(directory, LEAF, "X509IssuerSubject")
        assert await mapped(directory, LEAF, "X509SubjectOnly") == (f"u45@{domain.dns_domain}", WeakForm.SUBJECT_ONLY)


async def test_a_value_with_the_characters_of_a_filter_is_only_a_value(domain: Domain, directory: Directory) -> None:
    subject = replace(LEAF.subject.rdns[-1][0], value="*)(sAMAccountName=*")
    forged = replace(LEAF, subject=replace(LEAF.subject, rdns=((subject,),)))

    with registered(domain, "X509:<S>CN=labadm", "u46"), pytest.raises(CertificateNotMapped):
        await mapped(directory, forged, "X509SubjectOnly")
