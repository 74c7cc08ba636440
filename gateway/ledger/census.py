"""How many certificates of each partner are at which stage. Pure."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from gateway.ledger.certificates import Holding, Stage

OF_SUBMISSIONS = (Stage.SENT, Stage.IN_DOUBT, Stage.PENDING, Stage.DENIED, Stage.WITHHELD)
"""Those at which nobody has a certificate."""
OF_CERTIFICATES = (Stage.VALID, Stage.ENDING, Stage.RENEWED, Stage.LAPSED)


@dataclass(slots=True)
class Census:
    """Of one partner."""

    stages: Counter[Stage] = field(default_factory=Counter)
    silent: int = 0
    next_end: datetime | None = None
    """Of those that are valid and not renewed, the first one's."""


def census(holdings: Iterable[Holding], partners: Collection[str]) -> dict[str, Census]:
    """By partner; under the empty name whoever belongs to none, or to one that is not in `partners` any more."""
    found = {partner: Census() for partner in (*partners, "")}
    for holding in holdings:
        of_partner = found.get(holding.partner or "", found[""])
        of_partner.stages[holding.stage] += 1
        of_partner.silent += holding.is_silent
        if holding.certificate is not None and holding.stage in {Stage.VALID, Stage.ENDING}:
            not_after = holding.certificate.not_after
            of_partner.next_end = min(not_after, of_partner.next_end or not_after)
    return found
