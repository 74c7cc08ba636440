"""What can go wrong. What each error means to client, audit and metrics is decided in one place: `gateway.faults`.

An error's text is written for the operator: it goes to the audit record and the logs, never to the client.
"""


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
    """DER that is not one strict PKCS#10 CertificationRequest (RFC 2986), or says something twice or unreadably."""


class RequestFormatNotSupported(MalformedCertificationRequest):
    """A certificate request in a format that is recognised but not served here, e.g. CMC or CMS."""


class ProofOfPossessionFailed(MalformedCertificationRequest):
    """The signature of the request does not verify under the key that the request carries."""


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


class CredentialsRefusedInside(NotAuthenticated):
    """The internal service, to which the client's user name and password were passed on, does not accept them."""


# --- the policy -----------------------------------------------------------------------------------------------------


class TemplateConflict(GatewayError):
    """Two places of one request name different certificate templates ([MS-WCCE] 3.2.2.6.2.1.4.1)."""


class TemplateMissing(GatewayError):
    """No place of the request names a certificate template."""


class Unmatched(GatewayError):
    """No policy speaks of the template that is asked for."""


class NothingToEnroll(GatewayError):
    """No certificate template is both offered by the inside and open to this requester."""


class PendingRequestUnknown(GatewayError):
    """No pending request of that number belongs to this requester. Whether it is another's is not told."""


# NotPermitted carries violations, which are policy values: it lives in `gateway.policy.decision`.


# --- capacity -------------------------------------------------------------------------------------------------------


class Overloaded(GatewayError):
    """The gateway does not take on this work now. `retry_after` is in whole seconds."""

    def __init__(self, detail: str, *, retry_after: int) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class RecordNotWritten(GatewayError):
    """The audit record cannot be made durable, so nothing may be submitted."""


# --- the inside -----------------------------------------------------------------------------------------------------


class TransitionFailed(GatewayError):
    """The requester could not be turned into a credential for the internal service."""


class UpstreamError(GatewayError):
    """The internal service did not do its part."""


class UpstreamUnavailable(UpstreamError):
    """No connection, TLS failure, time-out, or an answer that says so.

    `sent` is False only where it is certain that the internal service has not seen the request.
    """

    def __init__(self, detail: str, *, sent: bool) -> None:
        super().__init__(detail)
        self.sent = sent


class UpstreamMisbehaved(UpstreamError):
    """An answer that cannot be read, or is not an answer to what was asked."""


class CertificateWithheld(UpstreamMisbehaved):
    """A certificate was issued that is not the one that was approved. It exists at the CA, and is not handed out."""


# UpstreamRefused carries the CA's own fault, which is a protocol value: it lives in `gateway.protocol.soap`.
