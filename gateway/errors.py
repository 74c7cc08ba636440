"""What can go wrong. What each error means to client, audit and metrics is decided in one place: `gateway.faults`.

An error's text is written for the operator: it goes to the audit record and the logs, never to the client.
"""

from dataclasses import dataclass


class GatewayError(Exception):
    """A refusal or a failure that the gateway foresaw."""


# --- the client's message -------------------------------------------------------------------------------------------


class MalformedMessage(GatewayError):
    """Bytes that are not the message they claim to be: not XML, not SOAP, not what the schema says."""


class ActionNotSupported(MalformedMessage):
    """A SOAP action, or a WS-Trust RequestType, that this service does not serve ([MS-WSTEP] 3.1.4.1)."""


class EncodingTypeInvalid(MalformedMessage):
    """A BinarySecurityToken that is not base64, or is labelled with another EncodingType than the one AD CS takes."""


class MalformedCertificationRequest(MalformedMessage):
    """DER that is not one strict request of [MS-WCCE] 2.2.2.6, or says something twice or unreadably."""


class RequestFormatNotSupported(MalformedCertificationRequest):
    """A certificate request in a format that is recognised but not served here, e.g. CRMF, or in too many layers."""


class ProofOfPossessionFailed(MalformedCertificationRequest):
    """The signature of the request does not verify under the key that the request carries."""


class SignatureInvalid(MalformedCertificationRequest):
    """A signature of a CMS or CMC layer does not verify, or nobody can say under which key it should."""


class RenewalCertificateMismatch(MalformedCertificationRequest):
    """szOID_RENEWAL_CERTIFICATE names another certificate than the one that signed ([MS-WCCE] 3.2.2.6.2.1.4.8)."""


# --- the requester --------------------------------------------------------------------------------------------------


class NotAuthenticated(GatewayError):
    """The caller has not shown who it is."""


class CredentialsMissing(NotAuthenticated):
    """The endpoint's kind of credential is not in the message or on the connection."""


class SecurityHeaderInvalid(NotAuthenticated):
    """A wsse:Security header that is stale, or of a kind that is not served (e.g. PasswordDigest)."""


class UnknownUser(NotAuthenticated):
    """No such user name. The client is not told the difference to a wrong password."""


class WrongPassword(NotAuthenticated):
    """The user exists, the password is not his."""


class CertificateNotMapped(NotAuthenticated):
    """A client certificate that TLS trusts, but that stands for no account, or for more than one."""


class PasswordNotTried(NotAuthenticated):
    """One more wrong password could lock the account: it was not tried."""


class AccountAmbiguous(NotAuthenticated):
    """More than one account of the directory could be meant: none is taken."""


class AccountDisabled(NotAuthenticated):
    """ACCOUNTDISABLE is set, or the KDC says so."""


class AccountLocked(NotAuthenticated):
    """Too many wrong passwords: the directory admits nobody under this name for a while."""


class AccountExpired(NotAuthenticated):
    """accountExpires has passed."""


class PasswordExpired(NotAuthenticated):
    """The password is too old, or must be changed at the next logon."""


class NegotiateRefused(NotAuthenticated):
    """A Negotiate token (RFC 4559) that does not authenticate anybody."""


class NegotiateTokenMalformed(NegotiateRefused):
    """Not base64, not SPNEGO (RFC 4178), or not a Kerberos AP-REQ inside it."""


class NtlmRefused(NegotiateRefused):
    """NTLM can be relayed and is never taken, neither by itself nor inside SPNEGO."""


class TicketReplayed(NegotiateRefused):
    """The very same authenticator came before (RFC 4120 3.2.3)."""


class TicketNotAccepted(NegotiateRefused):
    """The ticket is for another service, another key version than the keytab has, or its time is over."""


class ChannelBindingsMissing(NegotiateRefused):
    """The client has not bound its token to the TLS connection, and the service insists (RFC 5929)."""


class ChannelBindingsWrong(NegotiateRefused):
    """The token is bound to another TLS server's certificate: it was relayed, or something terminates TLS between."""


class CredentialsRefusedInside(NotAuthenticated):
    """The internal service, to which the client's user name and password were passed on, does not accept them."""


# --- who signed the request -----------------------------------------------------------------------------------------


class SignerRefused(GatewayError):
    """A certificate that signed the request, a renewal's or an enrollment agent's, vouches for nothing here."""


class SignerUntrusted(SignerRefused):
    """None of the configured certification authorities has issued it."""


class SignerExpired(SignerRefused):
    """It is not valid at this moment: over, or not begun."""


class SignerRevoked(SignerRefused):
    """Its authority's revocation list has it."""


class RevocationUnknown(SignerRefused):
    """There is no revocation list of its authority, or only one that is over: nobody knows whether it is revoked."""


class NotARenewal(GatewayError):
    """A request that renews nothing, for a service that only renews (renewal_only)."""


class RenewalCertificateNotShown(GatewayError):
    """A renewal of another certificate than the one that was shown to TLS, for a service that only renews."""


# --- the policy -----------------------------------------------------------------------------------------------------


class TemplateConflict(GatewayError):
    """Two places of one request name different certificate templates ([MS-WCCE] 3.2.2.6.2.1.4.1)."""


class TemplateMissing(GatewayError):
    """No place of the request names a certificate template."""


class Unmatched(GatewayError):
    """No policy speaks of the template that is asked for."""


class NothingToEnroll(GatewayError):
    """No certificate template is both offered by the inside and open to this requester."""


class KeyArchivalNotPermitted(GatewayError):
    """A key exchange token is asked for by somebody whom no policy lets archive a key."""


class PendingRequestUnknown(GatewayError):
    """No pending request of that number belongs to this requester. Whether it is another's is not told."""


# NotPermitted carries violations, which are policy values: it lives in `gateway.policy.decision`.


# --- capacity -------------------------------------------------------------------------------------------------------


class Overloaded(GatewayError):
    """The gateway does not take on this work now. `retry_after` is in whole seconds."""

    def __init__(self, detail: str, *, retry_after: int) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class RateLimited(Overloaded):
    """Somebody has used up a budget. `limit` is its name in the configuration."""

    def __init__(self, detail: str, *, limit: str, retry_after: int) -> None:
        super().__init__(detail, retry_after=retry_after)
        self.limit = limit


class StateUnavailable(GatewayError):
    """What is remembered and shared cannot be read or written, so that nothing may be done that depends on it."""


class RecordNotWritten(GatewayError):
    """The audit record cannot be made durable, so nothing may be submitted."""


# --- the inside -----------------------------------------------------------------------------------------------------


class TransitionFailed(GatewayError):
    """The requester could not be turned into a credential for the internal service."""


class KerberosFailed(GatewayError):
    """Kerberos or the directory did not do its part; this class itself: with an error that has no other one here."""


class KdcUnreachable(KerberosFailed):
    """No KDC of the realm accepts a connection."""


class KdcSilent(KerberosFailed):
    """A KDC was reached, and gave no answer in time."""


class ClockSkewed(KerberosFailed):
    """The gateway's clock and the KDC's are more than five minutes apart (KRB_AP_ERR_SKEW)."""


class OwnKeytabUnusable(KerberosFailed):
    """The gateway's keytab cannot be read, or has no key of its account."""


class OwnKeytabRefused(KerberosFailed):
    """The KDC does not accept the key of the gateway's keytab. It is not tried again until the file changes."""


class OwnAccountUnusable(KerberosFailed):
    """The gateway's own account is unknown to the KDC, disabled, locked or expired."""


class DirectoryUnavailable(KerberosFailed):
    """No LDAP server of the realm answers, or none lets the gateway in."""


class ServicePrincipalUnknown(TransitionFailed):
    """The KDC knows no account with the internal service's SPN, or more than one."""


class DelegationNotTrusted(TransitionFailed):
    """The gateway's account is not trusted for what the transition needs ([MS-SFU] 3.2.5.1.2, 3.2.5.2.2)."""


class DelegationNotListed(TransitionFailed):
    """The internal service's SPN is not in msDS-AllowedToDelegateTo of the gateway's account."""


class EvidenceNotForwardable(TransitionFailed):
    """The client's ticket cannot be used towards another service: the client's account or machine forbids it."""


class ImpersonationRefused(GatewayError):
    """The gateway does not act in the name of this account, whoever has authenticated as it."""


class AccountOutsideScope(ImpersonationRefused):
    """The account is in none of the groups, organizational units or suffixes that the configuration allows."""


class AccountPrivileged(ImpersonationRefused):
    """An administrator's account, a domain controller's, or one of another that must never be lent."""


class AccountSensitive(ImpersonationRefused):
    """ "Account is sensitive and cannot be delegated" (NOT_DELEGATED)."""


class AccountProtected(ImpersonationRefused):
    """A member of Protected Users, whose tickets are never forwardable."""


class AccountIsOwn(ImpersonationRefused):
    """The gateway's own account: nobody outside may be that."""


class AccountChanged(ImpersonationRefused):
    """The KDC means another account by the name than the directory did: it was renamed meanwhile, or is a trick."""


class EvidenceStale(ImpersonationRefused):
    """The requester authenticated too long ago to act in its name now."""


class UpstreamError(GatewayError):
    """The internal service did not do its part."""


class UpstreamUnavailable(UpstreamError):
    """No connection, TLS failure, time-out, or an answer that says so.

    `sent` is False only where it is certain that the internal service has not seen the request.
    """

    def __init__(self, detail: str, *, sent: bool) -> None:
        super().__init__(detail)
        self.sent = sent


class TicketRefusedInside(UpstreamUnavailable):
    """The internal service answers 401 to a valid ticket of its own realm: its key, its SPN or its settings."""


class UpstreamMisbehaved(UpstreamError):
    """An answer that cannot be read, or is not an answer to what was asked."""


class MutualAuthenticationFailed(UpstreamMisbehaved):
    """The internal service has not proved that it holds the key of its SPN (RFC 4120 3.2.4)."""


class ExchangeCertificateRefused(UpstreamMisbehaved):
    """What came as the CA exchange certificate is not the CA's own, not valid, or for something else."""


@dataclass(frozen=True, slots=True)
class Objection:
    """One thing about an issued certificate that is not as it was approved."""

    field: str
    """The standard's name of the field or extension: a closed set, `gateway.policy.issued.Field`."""
    value: str
    wanted: str

    def __str__(self) -> str:
        return f"{self.field} is {self.value!r}, wanted {self.wanted}"


class OutcomeUnknown(UpstreamError):
    """The identical request was sent before, and nobody knows what the CA made of it: it is not sent again."""


class CertificateWithheld(UpstreamMisbehaved):
    """A certificate was issued that is not the one that was approved. It exists at the CA, and is not handed out."""

    def __init__(self, detail: str, *, certificate: bytes = b"", objections: tuple[Objection, ...] = ()) -> None:
        """`certificate` is its DER, or whatever came in its place."""
        super().__init__(detail)
        self.certificate = certificate
        self.objections = objections


# UpstreamRefused carries the CA's own fault, which is a protocol value: it lives in `gateway.protocol.soap`.
