"""A requester without evidence, for questions of the kind "what if": examples, `explain` and `policy replay` only."""

from datetime import UTC, datetime

from gateway.account import Account
from gateway.pki.certificate import Certificate
from gateway.requester import Assumed, Requester, Verifier


def assumed_requester(
    account: str,
    authentication: str,
    *,
    client_certificate: Certificate | None = None,
    directory_account: Account | None = None,
    mapping_rule: str | None = None,
    partner: str | None = None,
) -> Requester:
    """Nobody vouches for it, as of now. `authentication` is in the words of Microsoft's URL convention."""
    return Requester(
        account,
        Assumed(authentication) if client_certificate is None else client_certificate,
        Verifier.NOBODY,
        authenticated_at=datetime.now(UTC),
        mapping_rule=mapping_rule,
        directory_account=directory_account,
        partner=partner,
    )
