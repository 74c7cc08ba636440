"""That S4U2proxy works with it is shown with a KDC: tests/integration/kerberos/test_acceptor.py."""

import krb5
import pytest

from gateway.kerberos import ccache, evidence
from gateway.tickets import CredentialCache
from tests.kerberos_tickets import a_ticket, a_ticket_granting_ticket, is_gone

OWN = "svc-gateway@CORP.EXAMPLE"
TGS = "krbtgt/CORP.EXAMPLE@CORP.EXAMPLE"


def entries_of(cache: CredentialCache) -> list[krb5.Creds]:
    return list(krb5.cc_resolve(krb5.init_context(), cache.name.encode()))


@pytest.mark.parametrize("client", ["alice@CORP.EXAMPLE", "PC1$@CORP.EXAMPLE", "heidi\\@x.example@CORP.EXAMPLE"])
def test_evidence_lies_beside_the_gateway_s_own_ticket(client: str) -> None:
    own = ccache.holding(a_ticket_granting_ticket(OWN))

    cache = evidence.cache(client, b"the ticket", own)

    context = krb5.init_context()
    handle = krb5.cc_resolve(context, cache.name.encode())
    assert str(krb5.cc_get_principal(context, handle)) == client
    assert krb5.cc_get_config(context, handle, None, b"proxy_impersonator") == OWN.encode()
    tickets = {(str(entry.client), str(entry.server)): entry for entry in ccache._entries(cache)}
    assert tickets.keys() == {(client, OWN), (OWN, TGS)}
    shown = tickets[client, OWN]
    assert shown.ticket == b"the ticket"
    assert shown.ticket_flags == krb5.TicketFlags.forwardable
    assert shown.times == ccache.ticket_granting_ticket(own).times


def test_nothing_else_of_the_gateway_s_is_in_it() -> None:
    own = ccache.holding(a_ticket_granting_ticket(OWN))
    context = krb5.init_context()
    krb5.cc_store_cred(context, krb5.cc_resolve(context, own.name.encode()), a_ticket(OWN))

    cache = evidence.cache("alice@CORP.EXAMPLE", b"the ticket", own)

    assert sorted(str(entry.server) for entry in ccache._entries(cache)) == [TGS, OWN]
    assert [str(entry.client) for entry in entries_of(own)] == [OWN, OWN]


def test_it_ends_with_the_last_reference_to_it() -> None:
    cache = evidence.cache("alice@CORP.EXAMPLE", b"the ticket", ccache.holding(a_ticket_granting_ticket(OWN)))
    name = cache.name
    assert not is_gone(name)

    del cache

    assert is_gone(name)
