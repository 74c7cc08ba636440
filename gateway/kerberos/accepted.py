"""What comes out of the acceptance of a client's ticket."""

from dataclasses import dataclass

from gateway.tickets import EvidenceTicket


@dataclass(frozen=True, slots=True)
class Accepted:
    """A client that has proved who it is."""

    evidence: EvidenceTicket
    sid: str | None
    """objectSid in its text form, as the KDC states it in the ticket. None where it states none, be it because the
    client asked for a ticket without a PAC ([MS-KILE] 2.2.3), or because the KDC is from before KB5008380."""
