"""What was sent to a certification authority, and what is known of what became of it: a line of the ledger.

Written before the request leaves, so that no certificate exists that the ledger does not know of.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from gateway.protocol.wstep import ContextItem, Issued


@dataclass(frozen=True, slots=True)
class InDoubt:
    """Nobody knows whether the CA has made anything of it: it is on its way, or its answer was lost."""

    until: datetime
    """Whoever sent it may have the answer until then, if it still runs."""
    after: str | None
    """The highest RequestID that the CA was known to have given when it left; None where none is known."""
    kind: Literal["in_doubt"] = "in_doubt"


@dataclass(frozen=True, slots=True)
class UnderSubmission:
    """The CA has it ("Taken Under Submission")."""

    ca_request_id: str
    """The RequestID as the CA knows it: an opaque string."""
    is_denied: bool = False
    """Whether the CA said no when it was last asked. Its manager may still issue it (certutil -resubmit)."""
    kind: Literal["under_submission"] = "under_submission"


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """Which certificate came of it."""

    sha256: str
    """In hex, of the DER."""
    serial_number: str
    """In hex."""
    issuer: str
    subject: str
    subject_alternative_name: tuple[str, ...]
    not_before: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True)
class Answered:
    """The certificate was checked and released."""

    ca_request_id: str | None
    certificate: CertificateFacts
    kind: Literal["answered"] = "answered"


@dataclass(frozen=True, slots=True)
class Withheld:
    """There is a certificate that is not what was approved. Nobody gets it."""

    sha256: str
    kind: Literal["withheld"] = "withheld"


Outcome = InDoubt | UnderSubmission | Answered | Withheld


@dataclass(frozen=True, slots=True)
class Submission:
    """One request that was approved, and sent or about to be."""

    request_id: str
    """The RequestID as clients know it: given by the gateway, decimal, at most 31 bits (cepces takes 32)."""
    digest: str
    """Of who asked which CA for what: the same for the identical request only."""
    service: str
    ca: str
    """Its common name."""
    account: str
    partner: str | None
    template: str
    submitted_at: datetime
    renews: str | None
    """SHA-256 of the certificate that it renews, in hex."""
    outcome: Outcome
    request: bytes | None = None
    """The DER, as long as there may be something to ask the CA for."""
    additional_context: tuple[ContextItem, ...] = ()
    """As the client sent it: judged again together with the request."""
    answer: Issued | None = field(default=None, compare=False)
    """What was released, as long as it is kept for whoever asks again."""

    def may_be_on_its_way(self, now: datetime) -> bool:
        """Whether somebody else may be waiting for the CA's answer at this moment."""
        return isinstance(self.outcome, InDoubt) and now < self.outcome.until
