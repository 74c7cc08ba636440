"""Clients of Negotiate against Active Directory (Samba): from the token to the account."""

from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree

from gateway.authn.negotiate import ChannelBindings, NegotiateAuthenticator
from gateway.call import Call
from gateway.directory.client import Directory
from gateway.directory.settings import DirectorySettings
from gateway.errors import AccountDisabled, ChannelBindingsMissing, TicketNotAccepted, TicketReplayed
from gateway.lab.domain import Domain
from gateway.lab.kerberos_client import KerberosClient
from gateway.protocol.soap import Envelope
from gateway.requester import Requester, Verifier
from tests.kerberos_realms import Running, a_realm

ENROLL = "HTTP/enroll.fabrikam.example"
WOODGROVE_ENROLL = "HTTP/enroll.woodgrove.example"
BINDINGS = b"tls-server-end-point:" + bytes(32)
ENVELOPE = Envelope("action", None, None, None, None, etree.Element("body"))
ACCOUNTDISABLE = 0x2


@asynccontextmanager
async def authenticator(
    domain: Domain, realm: Running, channel_bindings: ChannelBindings = ChannelBindings.REQUIRED
) -> AsyncIterator[NegotiateAuthenticator]:
    settings = DirectorySettings(servers=(domain.address,))
    async with Directory(domain.realm, settings, realm.kerberos.own.cache, realm.clock) as directory:
        acceptor = realm.kerberos.acceptor(wants_evidence=False)
        yield NegotiateAuthenticator(acceptor, directory, channel_bindings, realm.clock)


async def show(authenticate: NegotiateAuthenticator, token: bytes) -> Requester:
    call = Call(
        call_id="c1",
        received_at=datetime.now(UTC),
        peer="192.0.2.1",
        service="ces",
        client_certificate=None,
        negotiate=b64encode(token).decode(),
        channel_bindings=BINDINGS,
        body=b"",
    )
    return await authenticate(call, ENVELOPE)


@pytest.mark.parametrize(
    ("shown", "name"),
    [("alice", "alice"), ("BOB", "bob"), ("heidi.jones\\@partner-a.example", "heidi"), ("PC1$", "PC1$")],
)
async def test_whatever_a_client_calls_himself_the_account_is_his(
    domain: Domain, kerberos_client: KerberosClient, tmp_path: Path, shown: str, name: str
) -> None:
    token = kerberos_client.initiate(shown, domain.password(name), ENROLL, channel_bindings=BINDINGS).token
    async with a_realm(domain, tmp_path) as realm, authenticator(domain, realm) as authenticate:
        requester = await show(authenticate, token)

        assert (requester.account, requester.verified_by) == (f"{name}@corp.fabrikam.example", Verifier.KERBEROS)
        assert requester.directory_account is not None
        assert "pki-users" in requester.directory_account.groups
        with pytest.raises(TicketReplayed):
            await show(authenticate, token)


async def test_a_token_that_is_not_bound_is_taken_only_where_it_may_be(
    domain: Domain, kerberos_client: KerberosClient, tmp_path: Path
) -> None:
    tokens = [kerberos_client.initiate("alice", domain.password("alice"), ENROLL).token for _ in range(2)]
    async with a_realm(domain, tmp_path) as realm:
        async with authenticator(domain, realm) as authenticate:
            with pytest.raises(ChannelBindingsMissing):
                await show(authenticate, tokens[0])
        async with authenticator(domain, realm, ChannelBindings.WHEN_PRESENT) as authenticate:
            assert (await show(authenticate, tokens[1])).account == "alice@corp.fabrikam.example"


@pytest.fixture
def disabled_meanwhile(domain: Domain, kerberos_client: KerberosClient) -> Iterator[bytes]:
    """A token of somebody whose account is disabled since he has his ticket."""
    token = kerberos_client.initiate("u40", domain.password("u40"), ENROLL, channel_bindings=BINDINGS).token
    (control,) = domain.ldb().attributes("u40", "userAccountControl")["userAccountControl"]
    domain.ldb().modify("u40", userAccountControl=str(int(control) | ACCOUNTDISABLE))
    yield token
    domain.ldb().modify("u40", userAccountControl=control)


async def test_a_ticket_from_before_the_account_was_disabled_is_refused(
    domain: Domain, tmp_path: Path, disabled_meanwhile: bytes
) -> None:
    async with a_realm(domain, tmp_path) as realm, authenticator(domain, realm) as authenticate:
        with pytest.raises(AccountDisabled):
            await show(authenticate, disabled_meanwhile)


async def test_the_same_name_in_another_forest_is_nobody(
    domain: Domain, other_domain: Domain, kerberos_client: KerberosClient, tmp_path: Path
) -> None:
    """Woodgrove's alice shows a ticket of Woodgrove's gateway to Fabrikam's."""
    alice = f"alice@{other_domain.realm}"
    password = other_domain.password("alice")
    token = kerberos_client.initiate(alice, password, WOODGROVE_ENROLL, channel_bindings=BINDINGS).token
    async with a_realm(domain, tmp_path) as realm, authenticator(domain, realm) as authenticate:
        with pytest.raises(TicketNotAccepted, match="another service"):
            await show(authenticate, token)
