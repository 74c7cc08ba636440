"""Clients' tickets, accepted and used as evidence, against Active Directory (Samba)."""

import asyncio
from functools import cached_property
from pathlib import Path

import gssapi.raw as gss
import krb5
import pytest

from gateway.errors import (
    ChannelBindingsWrong,
    DelegationNotListed,
    NegotiateTokenMalformed,
    TicketNotAccepted,
    TicketReplayed,
)
from gateway.kerberos import ccache
from gateway.kerberos.accepted import Accepted
from gateway.lab.domain import Domain
from gateway.lab.kerberos_client import KerberosClient
from gateway.protocol.spnego import parse_kerberos_token
from gateway.tickets import CredentialCache
from tests.kerberos_realms import Running, a_realm, admitted

ENROLL = "HTTP/enroll.fabrikam.example"
CES = "HTTP/ces.corp.fabrikam.example"
BINDINGS = b"tls-server-end-point:" + bytes(32)
OTHER_BINDINGS = b"tls-server-end-point:" + bytes(31) + b"\1"

TRUSTED_TO_AUTHENTICATE_FOR_DELEGATION = 0x100_0000
DELEGATE, MUTUAL, DCE_STYLE = 0x1, 0x2, 0x1000
SPNEGO = gss.OID.from_int_seq("1.3.6.1.5.5.2")


async def accept(realm: Running, token: bytes, channel_bindings: bytes | None = None) -> Accepted:
    acceptor = realm.kerberos.acceptor(wants_evidence=True)
    return await acceptor.accept(parse_kerberos_token(token), channel_bindings)


class Client:
    """In this process: it can do what a well-behaved one would not, or cannot be told to.

    It asks the KDC through the gateway's relay, which needs the event loop: so it does everything in a thread.
    """

    def __init__(self, domain: Domain, name: str, *, pac: bool = True, forwardable: bool = True) -> None:
        self._domain = domain
        self._name = name
        self._pac = pac
        self._forwardable = forwardable

    async def token(self, spn: str = ENROLL, *, flags: int = MUTUAL) -> bytes:
        return await asyncio.to_thread(self._initiate, f"{spn}@{self._domain.realm}", flags)

    def _initiate(self, service: str, flags: int) -> bytes:
        credentials = gss.acquire_cred_from({b"ccache": self._tickets.name.encode()}, usage="initiate").creds
        name = gss.import_name(service.encode(), gss.NameType.kerberos_principal)
        token = gss.init_sec_context(name, credentials, mech=SPNEGO, flags=flags).token
        assert token is not None
        return token

    @cached_property
    def _tickets(self) -> CredentialCache:
        context = krb5.init_context()
        options = krb5.get_init_creds_opt_alloc(context)
        krb5.get_init_creds_opt_set_forwardable(options, self._forwardable)
        krb5.get_init_creds_opt_set_pac_request(context, options, self._pac)
        principal = krb5.parse_name_flags(context, f"{self._name}@{self._domain.realm}".encode())
        password = self._domain.password(self._name).encode()
        return ccache.holding(krb5.get_init_creds_password(context, principal, options, password))


# --- who it is ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shown", "name"),
    [("alice", "alice"), ("ALICE", "alice"), ("heidi.jones\\@partner-a.example", "heidi"), ("PC1$", "PC1$")],
)
async def test_the_kdc_states_whose_ticket_it_is(
    domain: Domain, kerberos_client: KerberosClient, tmp_path: Path, shown: str, name: str
) -> None:
    (sid,) = domain.ldb().attributes(name, "objectSid")["objectSid"]
    initiation = kerberos_client.initiate(shown, domain.password(name), ENROLL)
    async with a_realm(domain, tmp_path) as realm:
        accepted = await accept(realm, initiation.token)

    assert accepted.sid == sid
    assert initiation.verifies(accepted.evidence.reply_token)


async def test_any_client_can_leave_the_kdc_s_statement_out(domain: Domain, tmp_path: Path) -> None:
    """So it is not an old KDC that a ticket without one speaks for."""
    async with a_realm(domain, tmp_path) as realm:
        accepted = await accept(realm, await Client(domain, "alice", pac=False).token())

    assert accepted.sid is None


# --- evidence -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("account", ["svc-gateway", "svc-gateway3"])
async def test_evidence_becomes_a_ticket_for_the_inside(domain: Domain, tmp_path: Path, account: str) -> None:
    spn = ENROLL if account == "svc-gateway" else "HTTP/gateway3.corp.fabrikam.example"
    async with a_realm(domain, tmp_path, account=account) as realm:
        accepted = await accept(realm, await Client(domain, "alice").token(spn))
        ticket = await realm.kerberos.delegation.s4u2proxy(accepted.evidence, admitted(domain, "alice"), CES)

    assert ticket.client == f"alice@{domain.realm}"
    assert ticket.service_principal_name == f"{CES}@{domain.realm}"


async def test_a_ticket_granting_ticket_that_a_client_forwards_is_not_kept(domain: Domain, tmp_path: Path) -> None:
    """As cepces does by default. With it, the gateway could go anywhere in the client's name."""
    async with a_realm(domain, tmp_path) as realm:
        token = await Client(domain, "alice").token(flags=MUTUAL | DELEGATE)
        accepted = await accept(realm, token)
        assert accepted.evidence.cache is not None
        kept = {(str(entry.client), str(entry.server)) for entry in ccache._entries(accepted.evidence.cache)}
        ticket = await realm.kerberos.delegation.s4u2proxy(accepted.evidence, admitted(domain, "alice"), CES)

    own = f"svc-gateway@{domain.realm}"
    assert len(token) > 2000
    assert kept == {(f"alice@{domain.realm}", own), (own, f"krbtgt/{domain.realm}@{domain.realm}")}
    assert ticket.client == f"alice@{domain.realm}"


async def test_what_the_directory_does_not_list_is_not_reached_with_it_either(domain: Domain, tmp_path: Path) -> None:
    async with a_realm(domain, tmp_path, account="svc-gateway2") as realm:
        token = await Client(domain, "alice").token("HTTP/gateway2.corp.fabrikam.example", flags=MUTUAL | DELEGATE)
        accepted = await accept(realm, token)

        with pytest.raises(DelegationNotListed):
            await realm.kerberos.delegation.s4u2proxy(accepted.evidence, admitted(domain, "alice"), CES)


async def test_the_order_of_the_keytab_does_not_matter(domain: Domain, tmp_path: Path) -> None:
    """MIT's own evidence is of the entry that comes first, and is not found again under another name."""
    context = krb5.init_context()
    entries = list(krb5.kt_resolve(context, f"FILE:{domain.keytab('svc-gateway')}".encode()))
    turned = krb5.kt_resolve(context, f"FILE:{tmp_path / 'turned.keytab'}".encode())
    for entry in sorted(entries, key=lambda entry: not str(entry.principal).startswith("HTTP/")):
        krb5.kt_add_entry(context, turned, entry.principal, entry.kvno, entry.timestamp, entry.key)

    async with a_realm(domain, tmp_path, keytab=tmp_path / "turned.keytab") as realm:
        accepted = await accept(realm, await Client(domain, "alice").token())
        ticket = await realm.kerberos.delegation.s4u2proxy(accepted.evidence, admitted(domain, "alice"), CES)

    assert ticket.client == f"alice@{domain.realm}"


@pytest.mark.parametrize(("name", "forwardable"), [("alice", False), ("carol", True), ("paul", True)])
async def test_who_may_not_be_delegated_leaves_no_evidence(
    domain: Domain, tmp_path: Path, name: str, *, forwardable: bool
) -> None:
    """A client that asks for it, a sensitive account, and a protected user."""
    async with a_realm(domain, tmp_path) as realm:
        accepted = await accept(realm, await Client(domain, name, forwardable=forwardable).token())

    assert accepted.evidence.cache is None


# --- refusals -------------------------------------------------------------------------------------------------------


async def test_channel_bindings_are_compared(domain: Domain, kerberos_client: KerberosClient, tmp_path: Path) -> None:
    password = domain.password("alice")
    tokens = {
        bindings: kerberos_client.initiate("alice", password, ENROLL, channel_bindings=bindings).token
        for bindings in (BINDINGS, OTHER_BINDINGS, None)
    }
    async with a_realm(domain, tmp_path) as realm:
        assert (await accept(realm, tokens[BINDINGS], BINDINGS)).evidence.channel_bound
        assert not (await accept(realm, tokens[None], BINDINGS)).evidence.channel_bound
        with pytest.raises(ChannelBindingsWrong):
            await accept(realm, tokens[OTHER_BINDINGS], BINDINGS)


async def test_a_token_is_taken_once(domain: Domain, tmp_path: Path) -> None:
    async with a_realm(domain, tmp_path) as realm:
        token = await Client(domain, "alice").token()
        await accept(realm, token)

        with pytest.raises(TicketReplayed):
            await accept(realm, token)


async def test_a_ticket_for_another_service_is_refused(domain: Domain, tmp_path: Path) -> None:
    async with a_realm(domain, tmp_path) as realm:
        with pytest.raises(TicketNotAccepted, match="another service"):
            await accept(realm, await Client(domain, "alice").token(CES))


async def test_who_was_not_there_is_not_let_in(domain: Domain, tmp_path: Path) -> None:
    """A service comes with a ticket that it has got in a user's name."""
    attributes = ("userAccountControl", "msDS-AllowedToDelegateTo")
    before = domain.ldb().attributes("svc-gateway3", *attributes)
    trusted = {attributes[0]: str(TRUSTED_TO_AUTHENTICATE_FOR_DELEGATION | 0x200), attributes[1]: ENROLL}
    try:
        domain.ldb().modify("svc-gateway3", **trusted)
        async with a_realm(domain, tmp_path, account="svc-gateway3") as service:
            ticket = await service.kerberos.delegation.s4u(admitted(domain, "alice"), ENROLL)
            token = (await service.kerberos.negotiator.begin(ticket, None)).token
    finally:
        domain.ldb().modify("svc-gateway3", **before)

    async with a_realm(domain, tmp_path) as realm:
        with pytest.raises(TicketNotAccepted, match="the client was not there"):
            await accept(realm, token)


async def test_a_token_for_three_legs_is_refused(domain: Domain, tmp_path: Path) -> None:
    async with a_realm(domain, tmp_path) as realm:
        token = await Client(domain, "alice").token(flags=MUTUAL | DCE_STYLE)

        with pytest.raises(NegotiateTokenMalformed):
            await accept(realm, token)


async def test_while_the_key_is_rolled_over_both_versions_are_taken(domain: Domain, tmp_path: Path) -> None:
    """The account's password is changed, the keytab follows later, and old tickets live on."""
    spn = "HTTP/gateway2.corp.fabrikam.example"
    keytab = tmp_path / "gateway2.keytab"
    keytab.write_bytes(domain.keytab("svc-gateway2").read_bytes())
    async with a_realm(domain, tmp_path, account="svc-gateway2", keytab=keytab) as realm:
        client = Client(domain, "alice")
        await accept(realm, await client.token(spn))
        try:
            domain.ldb().set_password("svc-gateway2", "An0ther-Passw0rd")
            later = Client(domain, "alice")
            with pytest.raises(TicketNotAccepted, match="key version"):
                await accept(realm, await later.token(spn))

            domain.ldb().export_keytab("svc-gateway2", keytab)

            await accept(realm, await later.token(spn))
            await accept(realm, await client.token(spn))
        finally:
            domain.ldb().set_password("svc-gateway2", domain.password("svc-gateway2"))
            domain.ldb().export_keytab("svc-gateway2", domain.keytab("svc-gateway2"))
