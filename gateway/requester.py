"""Who asks for a certificate, and how that was established. Made by `gateway.authn` only."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.account import Account
from gateway.pki.certificate import Certificate
from gateway.protocol.security import UsernameToken
from gateway.tickets import EvidenceTicket, TicketGrantingTicket


class Verifier(StrEnum):
    """Who vouches for the requester: the gateway itself, or the service that the credential is passed on to."""

    TLS = "tls"
    PASSWORD_FILE = "password_file"  # noqa: S105 -- a verifier's name, no password
    KERBEROS = "kerberos"
    """The KDC has accepted the password, or issued the ticket."""
    INTERNAL_CES = "internal_ces"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Assumed:
    """No evidence: `ces-gateway explain` asks what would be if. No transition takes it inside."""

    authentication: str


Evidence = UsernameToken | TicketGrantingTicket | EvidenceTicket | Certificate | Assumed


@dataclass(frozen=True, slots=True)
class Requester:
    """The authenticated party.

    `account` is the name that policies and the audit record use: the directory account's `name`, or, where no directory
    is asked, the user name as it was verified or what a mapping rule made of a client certificate. It is never empty
    and never anonymous.
    """

    account: str
    evidence: Evidence
    """What the client showed. A password in it is for the transition only and never printed."""
    verified_by: Verifier
    authenticated_at: datetime
    """Aware, UTC: the evidence was shown in the call that is being served, and is of no use to a later one."""
    mapping_rule: str | None = None
    """Name of the configured rule that mapped the certificate to the account."""
    directory_account: Account | None = None
    """The account as the directory knew it in this call; None for services that ask no directory."""
    mapping_form: str | None = None
    """The weak form of altSecurityIdentities that alone led to the account (KB5014754); None where it took none."""
    partner: str | None = None
    """Name of the configured partner that the account belongs to."""

    @property
    def authentication(self) -> str:
        """The kind of credential, in the words of Microsoft's URL convention."""
        match self.evidence:
            case UsernameToken() | TicketGrantingTicket():
                return "UsernamePassword"
            case Certificate():
                return "Certificate"
            case EvidenceTicket():
                return "Kerberos"
            case Assumed():
                return self.evidence.authentication

    @property
    def is_verified(self) -> bool:
        """Whether the gateway has checked the credential itself, so that it may act in the account's name."""
        return self.verified_by in {Verifier.TLS, Verifier.PASSWORD_FILE, Verifier.KERBEROS}
