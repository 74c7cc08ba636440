"""Tokens for an internal service, with tickets of Active Directory (Samba)."""

from dataclasses import replace
from pathlib import Path

import gssapi.raw as gss
import pytest
from gssapi.raw.named_tuples import AcceptSecContextResult

from gateway.errors import KerberosFailed, MutualAuthenticationFailed, TicketRefusedInside
from gateway.lab.domain import Domain
from gateway.protocol.spnego import parse_kerberos_token
from tests.kerberos_realms import a_realm, admitted

CES = "HTTP/ces.corp.fabrikam.example"
BINDINGS = b"tls-server-end-point:" + bytes(32)
CHANNEL_BOUND = 0x800


def accept(token: bytes, keytab: Path, channel_bindings: bytes | None = None) -> AcceptSecContextResult:
    """As the internal service does it."""
    store: dict[bytes | str, bytes | str] = {b"keytab": str(keytab).encode(), b"rcache": b"none:"}
    bindings = None if channel_bindings is None else gss.ChannelBindings(application_data=channel_bindings)
    return gss.accept_sec_context(token, gss.acquire_cred_from(store, usage="accept").creds, channel_bindings=bindings)


@pytest.mark.parametrize("name", ["alice", "heidi", "PC1$"])
async def test_an_account_arrives_bound_to_the_connection_and_the_service_proves_itself(
    domain: Domain, tmp_path: Path, name: str
) -> None:
    async with a_realm(domain, tmp_path) as realm:
        ticket = await realm.kerberos.delegation.s4u(admitted(domain, name), CES)
        negotiation = await realm.kerberos.negotiator.begin(ticket, BINDINGS)
        context = accept(negotiation.token, domain.keytab("svc-ces"), BINDINGS)
        await negotiation.finish(context.token)

    assert context.initiator_name is not None
    assert gss.display_name(context.initiator_name, name_type=False).name == f"{name}@{domain.realm}".encode()
    assert int(context.flags) & CHANNEL_BOUND


async def test_the_gateway_s_own_ticket_is_shown_alike(domain: Domain, tmp_path: Path) -> None:
    async with a_realm(domain, tmp_path) as realm:
        ticket = await realm.kerberos.delegation.own_ticket(CES)
        negotiation = await realm.kerberos.negotiator.begin(ticket, None)
        await negotiation.finish(accept(negotiation.token, domain.keytab("svc-ces")).token)


async def test_tokens_are_made_while_no_kdc_answers(domain: Domain, tmp_path: Path) -> None:
    async with a_realm(domain, tmp_path) as realm:
        ticket = await realm.kerberos.delegation.s4u(admitted(domain, "alice"), CES)
        await realm.relay.stop()

        negotiation = await realm.kerberos.negotiator.begin(ticket, None)

    assert parse_kerberos_token(negotiation.token).mech_type is not None


async def test_one_connection_s_proof_is_not_another_s(domain: Domain, tmp_path: Path) -> None:
    async with a_realm(domain, tmp_path) as realm:
        ticket = await realm.kerberos.delegation.s4u(admitted(domain, "alice"), CES)
        one = await realm.kerberos.negotiator.begin(ticket, None)
        other = await realm.kerberos.negotiator.begin(ticket, None)

        with pytest.raises(MutualAuthenticationFailed):
            await one.finish(accept(other.token, domain.keytab("svc-ces")).token)


async def test_a_service_that_runs_as_another_account_rejects_the_ticket(domain: Domain, tmp_path: Path) -> None:
    async with a_realm(domain, tmp_path) as realm:
        ticket = await realm.kerberos.delegation.s4u(admitted(domain, "alice"), CES)
        negotiation = await realm.kerberos.negotiator.begin(ticket, None)
        with pytest.raises(gss.GSSError) as rejected:
            accept(negotiation.token, domain.keytab("PC1$"))

        with pytest.raises(TicketRefusedInside, match="KRB_AP_ERR_NOT_US"):
            await negotiation.finish(rejected.value.token)


async def test_a_ticket_for_another_service_makes_no_token(domain: Domain, tmp_path: Path) -> None:
    async with a_realm(domain, tmp_path) as realm:
        ticket = await realm.kerberos.delegation.s4u(admitted(domain, "alice"), CES)
        wrong = replace(ticket, service_principal_name=f"HTTP/cep.corp.fabrikam.example@{domain.realm}")
        before = realm.relay.exchanges

        with pytest.raises(KerberosFailed):
            await realm.kerberos.negotiator.begin(wrong, None)

        assert realm.relay.exchanges == before
