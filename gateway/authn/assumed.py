"""A requester without evidence, for questions of the kind "what if": `ces-gateway explain` only."""

from datetime import UTC, datetime

from gateway.requester import Assumed, Requester, Verifier


def assumed_requester(account: str, authentication: str) -> Requester:
    """Nobody vouches for it, as of now. `authentication` is in the words of Microsoft's URL convention."""
    return Requester(account, Assumed(authentication), Verifier.NOBODY, authenticated_at=datetime.now(UTC))
