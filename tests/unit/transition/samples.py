"""Tickets and requesters for the tests of transitions and of what carries them inside."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from gateway.account import Account
from gateway.credential import KerberosCredential
from gateway.requester import Evidence, Requester, Verifier
from gateway.tickets import CredentialCache, EvidenceTicket, ServiceTicket, TicketGrantingTicket
from tests.builders import NOW, a_certificate, an_account

SPN = "HTTP/ces.corp.example"

TICKET_GRANTING_TICKET = TicketGrantingTicket("alice@CORP.EXAMPLE", CredentialCache("MEMORY:tgt"))
EVIDENCE_TICKET = EvidenceTicket(
    "alice@CORP.EXAMPLE", channel_bound=True, cache=CredentialCache("MEMORY:evidence"), reply_token=b"reply"
)


def a_service_ticket(account: str = "alice@corp.example", **changes: Any) -> ServiceTicket:
    """Valid for ten hours from `NOW`, in a cache of its own."""
    ticket = ServiceTicket(
        account=account,
        client=account,
        service_principal_name=f"{SPN}@CORP.EXAMPLE",
        starts=NOW,
        ends=NOW + timedelta(hours=10),
        cache=CredentialCache(f"MEMORY:{account}"),
    )
    return replace(ticket, **changes)


def a_kerberos_credential(account: str = "alice@corp.example") -> KerberosCredential:
    return KerberosCredential(a_service_ticket(account), "protocol_transition", is_cached=False, acts_as_sid="S-1-5-21")


def an_authenticated(
    account: Account | None = None, evidence: Evidence | None = None, verified_by: Verifier = Verifier.TLS
) -> Requester:
    """Who has authenticated at `NOW`, by a certificate unless `evidence` says otherwise, and was looked up."""
    account = account or an_account()
    return Requester(
        account.name, evidence or a_certificate(), verified_by, authenticated_at=NOW, directory_account=account
    )
