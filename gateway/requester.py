"""Who asks for a certificate, and how that was established. Made by `gateway.authn` only."""

from dataclasses import dataclass
from enum import StrEnum

from gateway.pki.certificate import Certificate
from gateway.protocol.security import UsernameToken


class Verifier(StrEnum):
    """Who vouches for the requester: the gateway itself, or the service that the credential is passed on to."""

    TLS = "tls"
    PASSWORD_FILE = "password_file"  # noqa: S105 -- a verifier's name, no password
    INTERNAL_CES = "internal_ces"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Assumed:
    """No evidence: `ces-gateway explain` asks what would be if. No transition takes it inside."""

    authentication: str


@dataclass(frozen=True, slots=True)
class Requester:
    """The authenticated party.

    `account` is the name that policies and the audit record use: the user name as it was verified, or what a
    mapping rule made of a client certificate. It is never empty and never anonymous.
    """

    account: str
    evidence: UsernameToken | Certificate | Assumed
    """What the client showed. A password in it is for the transition only and never printed."""
    verified_by: Verifier
    mapping_rule: str | None = None
    """Name of the configured rule that mapped the certificate to the account."""

    @property
    def authentication(self) -> str:
        """The kind of credential, in the words of Microsoft's URL convention."""
        match self.evidence:
            case UsernameToken():
                return "UsernamePassword"
            case Certificate():
                return "Certificate"
            case Assumed():
                return self.evidence.authentication

    @property
    def is_verified(self) -> bool:
        """Whether the gateway has checked the credential itself, so that it may act in the account's name."""
        return self.verified_by in {Verifier.TLS, Verifier.PASSWORD_FILE}
