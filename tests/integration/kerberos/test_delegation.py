"""S4U and plain tickets, against Active Directory (Samba)."""

import asyncio
import gc
from datetime import timedelta
from pathlib import Path

import gssapi.raw as gss
import krb5
import pytest

from gateway import errors
from gateway.account import Admitted
from gateway.errors import GatewayError
from gateway.kerberos import ccache
from gateway.lab.domain import Domain
from gateway.lab.kerberos_client import KerberosClient
from gateway.protocol.security import Secret
from gateway.protocol.spnego import parse_kerberos_token
from gateway.tickets import CredentialCache, ServiceTicket
from tests.kerberos_realms import Running, a_realm, account_of, admitted
from tests.kerberos_tickets import is_gone
from tests.silver_tickets import Service, a_keytab

CES = "HTTP/ces.corp.fabrikam.example"
CEP = "HTTP/cep.corp.fabrikam.example"
GATEWAY = "HTTP/enroll.fabrikam.example"
ACCOUNTDISABLE = 0x2
TWO_MINUTES = timedelta(minutes=2)


async def who_arrives(domain: Domain, realm: Running, ticket: ServiceTicket) -> str:
    """Whom the internal service sees, by its own keytab."""
    negotiation = await realm.kerberos.negotiator.begin(ticket, None)
    keytab = str(domain.keytab("svc-ces")).encode()
    acceptor = gss.acquire_cred_from({b"keytab": keytab, b"rcache": b"none:"}, usage="accept").creds
    context = gss.accept_sec_context(negotiation.token, acceptor)
    return gss.display_name(context.initiator_name, name_type=False).name.decode()


# --- protocol transition --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["alice", "bob", "heidi", "PC1$", "u50"])
async def test_an_admitted_account_arrives_inside(domain: Domain, tmp_path: Path, name: str) -> None:
    async with a_realm(domain, tmp_path) as realm:
        ticket = await realm.kerberos.delegation.s4u(admitted(domain, name), CES)

        assert ticket.account == f"{name}@corp.fabrikam.example"
        assert ticket.client == f"{name}@CORP.FABRIKAM.EXAMPLE"
        assert ticket.service_principal_name == f"{CES}@CORP.FABRIKAM.EXAMPLE"
        assert await who_arrives(domain, realm, ticket) == f"{name}@CORP.FABRIKAM.EXAMPLE"


async def test_a_ticket_costs_two_exchanges_and_a_token_none(domain: Domain, tmp_path: Path) -> None:
    async with a_realm(domain, tmp_path) as realm:
        await realm.kerberos.own.cache()
        before = realm.relay.exchanges

        ticket = await realm.kerberos.delegation.s4u(admitted(domain, "alice"), CES)
        assert realm.relay.exchanges == before + 2

        await realm.kerberos.negotiator.begin(ticket, None)
        assert realm.relay.exchanges == before + 2


async def test_the_ticket_is_all_that_is_left(domain: Domain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    make = ccache._new

    def note() -> object:
        cache, destroy = make()
        made.append(cache.name)
        return cache, destroy

    async with a_realm(domain, tmp_path) as realm:
        own = await realm.kerberos.own.cache()
        monkeypatch.setattr(ccache, "_new", note)

        ticket = await realm.kerberos.delegation.s4u(admitted(domain, "alice"), CES)

        assert servers(ticket.cache) == [f"{CES}@CORP.FABRIKAM.EXAMPLE"]
        assert [name for name in made if not is_gone(name)] == [ticket.cache.name]
        assert servers(own) == ["krbtgt/CORP.FABRIKAM.EXAMPLE@CORP.FABRIKAM.EXAMPLE"]
        name = ticket.cache.name
        del ticket
        # The event loop holds what it has woken us with, until we let it go on.
        await asyncio.sleep(0)
        gc.collect()
        assert is_gone(name)


def servers(cache: CredentialCache) -> list[str]:
    return [str(ticket.server) for ticket in ccache._entries(cache)]


async def test_a_ticket_has_the_times_of_the_kdc(domain: Domain, tmp_path: Path) -> None:
    async with a_realm(domain, tmp_path) as realm:
        own = ccache.ticket_granting_ticket(await realm.kerberos.own.cache())

        ticket = await realm.kerberos.delegation.s4u(admitted(domain, "alice"), CES)

        assert ticket.ends.timestamp() == own.times.endtime
        assert own.times.authtime <= ticket.starts.timestamp() <= ticket.ends.timestamp()


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("dora", errors.AccountDisabled),
        ("erin", errors.PasswordExpired),
        ("frank", errors.AccountExpired),
        ("nobody", errors.UnknownUser),
        # Two in one name would be the SPN of an account, and its tickets.
        ("HTTP/ces.corp.fabrikam.example", errors.UnknownUser),
        ("carol", errors.DelegationNotListed),
    ],
)
async def test_an_account_that_may_not_is_told_apart(
    domain: Domain, tmp_path: Path, name: str, error: type[GatewayError]
) -> None:
    async with a_realm(domain, tmp_path) as realm:
        with pytest.raises(error) as raised:
            await realm.kerberos.delegation.s4u(admitted(domain, name), CES)

        assert type(raised.value) is error


async def test_a_locked_account_is_told_apart(domain: Domain, tmp_path: Path) -> None:
    async with a_realm(domain, tmp_path) as realm:
        try:
            for _ in range(domain.spec.lockout_threshold):
                with pytest.raises(errors.WrongPassword):
                    await realm.kerberos.logon.log_on(account_of(domain, "gina"), Secret("wrong"))

            with pytest.raises(errors.AccountLocked):
                await realm.kerberos.delegation.s4u(admitted(domain, "gina"), CES)
        finally:
            domain.ldb().unlock("gina")


@pytest.mark.parametrize("account", ["svc-gateway2", "svc-gateway3"])
async def test_a_gateway_that_is_not_trusted_gets_no_ticket(domain: Domain, tmp_path: Path, account: str) -> None:
    async with a_realm(domain, tmp_path, account=account) as realm:
        with pytest.raises(errors.DelegationNotListed):
            await realm.kerberos.delegation.s4u(admitted(domain, "alice"), CES)


async def test_a_service_that_is_not_listed_is_told_from_one_that_does_not_exist(
    domain: Domain, tmp_path: Path
) -> None:
    async with a_realm(domain, tmp_path) as realm:
        with pytest.raises(errors.DelegationNotListed):
            await realm.kerberos.delegation.s4u(admitted(domain, "alice"), "HTTP/gateway2.corp.fabrikam.example")
        with pytest.raises(errors.ServicePrincipalUnknown):
            await realm.kerberos.delegation.s4u(admitted(domain, "alice"), "HTTP/nobody.corp.fabrikam.example")


async def test_a_gateway_that_was_disabled_is_told_from_the_accounts_it_acts_for(
    domain: Domain, tmp_path: Path
) -> None:
    (enabled,) = domain.ldb().attributes("svc-gateway2", "userAccountControl")["userAccountControl"]
    async with a_realm(domain, tmp_path, account="svc-gateway2") as realm:
        await realm.kerberos.own.cache()
        try:
            domain.ldb().modify("svc-gateway2", userAccountControl=str(int(enabled) | ACCOUNTDISABLE))
            realm.clock.ahead += TWO_MINUTES
            # With the ticket from before, Samba does not say whom it does not admit.
            with pytest.raises(errors.AccountDisabled, match="or it does not admit the gateway's"):
                await realm.kerberos.delegation.s4u(admitted(domain, "alice"), CES)

            with pytest.raises(errors.OwnAccountUnusable):
                await realm.kerberos.delegation.s4u(admitted(domain, "alice"), CES)
            assert realm.kerberos.own.is_refused
        finally:
            domain.ldb().modify("svc-gateway2", userAccountControl=enabled)

        realm.clock.ahead += TWO_MINUTES
        with pytest.raises(errors.DelegationNotListed):
            await realm.kerberos.delegation.s4u(admitted(domain, "alice"), CES)
        assert not realm.kerberos.own.is_refused


async def test_who_was_renamed_meanwhile_does_not_become_another(domain: Domain, tmp_path: Path) -> None:
    """CVE-2021-42278: the KDC falls back from `DC1` to the domain controller's `DC1$`."""
    account = account_of(domain, "u04")
    domain.ldb().modify(account.sid, sAMAccountName="DC1")
    judged = account_of(domain, "DC1")
    domain.ldb().modify(account.sid, sAMAccountName="u04")
    (controllers,) = domain.ldb().attributes("DC1$", "objectSid")["objectSid"]
    async with a_realm(domain, tmp_path) as realm:
        await realm.kerberos.own.cache()
        before = realm.relay.exchanges

        with pytest.raises(errors.AccountChanged, match=f"a ticket of {controllers} for DC1@"):
            await realm.kerberos.delegation.s4u(Admitted(judged), CES)

        assert judged.sid == account.sid
        assert realm.relay.exchanges == before + 1


async def test_a_keytab_that_does_not_open_what_the_kdc_issues_is_stale(domain: Domain, tmp_path: Path) -> None:
    keytab = tmp_path / "gateway2.keytab"
    keytab.write_bytes(domain.keytab("svc-gateway2").read_bytes())
    async with a_realm(domain, tmp_path, account="svc-gateway2", keytab=keytab) as realm:
        await realm.kerberos.own.cache()
        keytab.write_bytes(a_keytab(Service("svc-gateway2", domain.realm, b"x" * 32)))

        with pytest.raises(errors.OwnKeytabRefused, match="the file is stale"):
            await realm.kerberos.delegation.s4u(admitted(domain, "alice"), CES)


# --- the client's own ticket as evidence ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("account", "spn"), [("svc-gateway", GATEWAY), ("svc-gateway3", "HTTP/gateway3.corp.fabrikam.example")]
)
async def test_a_client_arrives_inside_by_its_own_ticket(
    domain: Domain, kerberos_client: KerberosClient, tmp_path: Path, account: str, spn: str
) -> None:
    token = kerberos_client.initiate("alice", domain.password("alice"), spn).token
    async with a_realm(domain, tmp_path, account=account) as realm:
        accepted = await realm.kerberos.acceptor(wants_evidence=True).accept(parse_kerberos_token(token), None)

        ticket = await realm.kerberos.delegation.s4u2proxy(accepted.evidence, admitted(domain, "alice"), CES)

        assert servers(ticket.cache) == [f"{CES}@CORP.FABRIKAM.EXAMPLE"]
        assert await who_arrives(domain, realm, ticket) == "alice@CORP.FABRIKAM.EXAMPLE"


async def test_evidence_goes_no_further_than_the_list_says(
    domain: Domain, kerberos_client: KerberosClient, tmp_path: Path
) -> None:
    token = kerberos_client.initiate("alice", domain.password("alice"), GATEWAY).token
    async with a_realm(domain, tmp_path) as realm:
        accepted = await realm.kerberos.acceptor(wants_evidence=True).accept(parse_kerberos_token(token), None)

        with pytest.raises(errors.DelegationNotListed):
            await realm.kerberos.delegation.s4u2proxy(
                accepted.evidence, admitted(domain, "alice"), "HTTP/gateway2.corp.fabrikam.example"
            )


async def test_evidence_that_was_not_kept_is_no_evidence(
    domain: Domain, kerberos_client: KerberosClient, tmp_path: Path
) -> None:
    token = kerberos_client.initiate("alice", domain.password("alice"), GATEWAY).token
    async with a_realm(domain, tmp_path) as realm:
        accepted = await realm.kerberos.acceptor(wants_evidence=False).accept(parse_kerberos_token(token), None)

        with pytest.raises(errors.TransitionFailed):
            await realm.kerberos.delegation.s4u2proxy(accepted.evidence, admitted(domain, "alice"), CES)


# --- tickets by a TGT -----------------------------------------------------------------------------------------------


async def test_a_user_arrives_inside_by_his_own_ticket(domain: Domain, tmp_path: Path) -> None:
    async with a_realm(domain, tmp_path) as realm:
        tgt = await realm.kerberos.logon.log_on(account_of(domain, "alice"), Secret(domain.password("alice")))

        ticket = await realm.kerberos.delegation.user_ticket(tgt, admitted(domain, "alice"), CEP)

        assert servers(ticket.cache) == [f"{CEP}@CORP.FABRIKAM.EXAMPLE"]
        assert await who_arrives(domain, realm, ticket) == "alice@CORP.FABRIKAM.EXAMPLE"


def is_forwardable(ticket: ServiceTicket) -> bool:
    context = krb5.init_context()
    (credential,) = krb5.cc_resolve(context, ticket.cache.name.encode())
    return bool(krb5.TicketFlags.forwardable & credential.ticket_flags)


async def test_ces_can_go_on_to_its_ca_with_every_kind_of_ticket(domain: Domain, tmp_path: Path) -> None:
    async with a_realm(domain, tmp_path) as realm:
        tgt = await realm.kerberos.logon.log_on(account_of(domain, "alice"), Secret(domain.password("alice")))
        tickets = (
            await realm.kerberos.delegation.s4u(admitted(domain, "alice"), CES),
            await realm.kerberos.delegation.user_ticket(tgt, admitted(domain, "alice"), CES),
            await realm.kerberos.delegation.own_ticket(CES),
        )

        assert all(map(is_forwardable, tickets))


async def test_the_ticket_of_one_user_is_not_taken_for_another(domain: Domain, tmp_path: Path) -> None:
    async with a_realm(domain, tmp_path) as realm:
        alices = await realm.kerberos.logon.log_on(account_of(domain, "alice"), Secret(domain.password("alice")))

        with pytest.raises(errors.KerberosFailed, match="has issued one of alice@"):
            await realm.kerberos.delegation.user_ticket(alices, admitted(domain, "bob"), CES)


async def test_the_gateway_arrives_inside_in_its_own_name(domain: Domain, tmp_path: Path) -> None:
    async with a_realm(domain, tmp_path, account="svc-gateway2") as realm:
        ticket = await realm.kerberos.delegation.own_ticket(CES)

        assert ticket.account == "svc-gateway2@corp.fabrikam.example"
        assert servers(ticket.cache) == [f"{CES}@CORP.FABRIKAM.EXAMPLE"]
        assert await who_arrives(domain, realm, ticket) == "svc-gateway2@CORP.FABRIKAM.EXAMPLE"


async def test_each_ticket_is_asked_for_anew(domain: Domain, tmp_path: Path) -> None:
    async with a_realm(domain, tmp_path) as realm:
        await realm.kerberos.delegation.own_ticket(CES)
        before = realm.relay.exchanges

        await realm.kerberos.delegation.own_ticket(CES)

        assert realm.relay.exchanges == before + 1


async def test_an_unknown_service_is_unknown_whoever_asks(domain: Domain, tmp_path: Path) -> None:
    async with a_realm(domain, tmp_path) as realm:
        tgt = await realm.kerberos.logon.log_on(account_of(domain, "alice"), Secret(domain.password("alice")))

        with pytest.raises(errors.ServicePrincipalUnknown):
            await realm.kerberos.delegation.own_ticket("HTTP/nobody.corp.fabrikam.example")
        with pytest.raises(errors.ServicePrincipalUnknown):
            await realm.kerberos.delegation.user_ticket(
                tgt, admitted(domain, "alice"), "HTTP/nobody.corp.fabrikam.example"
            )
