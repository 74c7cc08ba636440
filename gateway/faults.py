"""What each error means to client, audit record and metrics: one table, no `if`s elsewhere.

The client gets the row's text, never the exception's own words; only the CA's refusal speaks for itself. Codes and
subcodes are those of WCF and of [MS-WSTEP]; the HTTP status of a SOAP fault is 500, since cepces reads faults from no
other, but for the 401 of HTTP Negotiate.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from gateway import errors
from gateway.policy.decision import Concern, NotPermitted, Violation
from gateway.protocol import soap, wstep
from gateway.protocol.hresult import HResult
from gateway.protocol.namespaces import DISPATCHER, SOAP, WSA, WSSE

ACTION_DISPATCHER_FAULT = f"{DISPATCHER}/fault"
"""[MS-WSTEP] 4.1.4.2: what WCF sends for faults that are not of the service's own contract."""
ACTION_ADDRESSING_FAULT = f"{WSA}/soap/fault"
"""WS-Addressing 1.0 SOAP Binding 6: addressing and security faults."""

SENDER = (SOAP, "Sender")
RECEIVER = (SOAP, "Receiver")
LANGUAGE = "en-US"


class Outcome(StrEnum):
    """Whether the gateway said no, or could not say yes."""

    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Fault:
    """How one kind of error is told."""

    reason: str
    """Stable word: `reason` in the audit record, `outcome` in the metrics."""
    text: str
    """All that the client is told, but for the call id."""
    hresult: HResult
    code: tuple[str, str] = RECEIVER
    subcode: tuple[str, str] | None = None
    action: str = wstep.ACTION_FAULT
    outcome: Outcome = Outcome.REFUSED
    diagnosis: str | None = None
    """Id in `gateway.diagnosis`, where there is more to say than the audit line says itself."""
    status: int = 500
    """Of HTTP. 401 for refused Negotiate tokens only: there, the status is what clients understand (RFC 4559 4.1)."""
    invalid_request: bool = False
    """[MS-WSTEP] 3.1.4.1.3.7: true iff the issuer denied the request. The policy speaks for the issuer."""


_DESERIALIZATION_FAILED = (DISPATCHER, "DeserializationFailed")
_FAILED_AUTHENTICATION = Fault(
    "not_authenticated",
    "At least one security token in the message could not be validated.",
    HResult.E_ACCESSDENIED,
    SENDER,
    (WSSE, "FailedAuthentication"),
    ACTION_ADDRESSING_FAULT,
)
_INVALID_SECURITY = replace(
    _FAILED_AUTHENTICATION,
    text="An error occurred when verifying security for the message.",
    subcode=(WSSE, "InvalidSecurity"),
)
_NO_ANSWER = Fault(
    "upstream_unavailable",
    "The certification authority did not answer.",
    HResult.RPC_S_SERVER_UNAVAILABLE,
    outcome=Outcome.FAILED,
)

_NEGOTIATE_REFUSED = replace(_FAILED_AUTHENTICATION, reason="negotiate_refused", diagnosis="D62", status=401)
_SIGNER_REFUSED = Fault(
    "signer_refused",
    "A certificate that signed the request is not accepted.",
    HResult.CERTSRV_E_SIGNATURE_POLICY_REQUIRED,
    invalid_request=True,
)
_NOT_PASSED_ON = Fault(
    "transition_failed", "The request cannot be passed on.", HResult.E_ACCESSDENIED, outcome=Outcome.FAILED
)
# As a wrong password: else whoever guesses would learn which account is an administrator's, and whether he was right.
_IMPERSONATION_REFUSED = replace(_FAILED_AUTHENTICATION, reason="impersonation_refused")
_KERBEROS_FAILED = Fault(
    "kerberos_failed",
    "The request cannot be processed at the moment.",
    HResult.RPC_S_SERVER_UNAVAILABLE,
    outcome=Outcome.FAILED,
    diagnosis="D68",
)

INTERNAL = Fault(
    "internal",
    "The server was unable to process the request due to an internal error.",
    HResult.E_UNEXPECTED,
    RECEIVER,
    (DISPATCHER, "InternalServiceFault"),
    ACTION_DISPATCHER_FAULT,
    Outcome.FAILED,
)

FAULTS: dict[type[Exception], Fault] = {
    errors.MalformedMessage: Fault(
        "malformed",
        "The message is malformed.",
        HResult.ERROR_INVALID_DATA,
        SENDER,
        _DESERIALIZATION_FAILED,
        ACTION_DISPATCHER_FAULT,
    ),
    errors.ActionNotSupported: Fault(
        "action_not_supported",
        "The action is invalid.",
        HResult.E_INVALIDARG,
        SENDER,
        (WSA, "ActionNotSupported"),
        ACTION_ADDRESSING_FAULT,
    ),
    errors.EncodingTypeInvalid: Fault("encoding_type_invalid", "The EncodingType is invalid.", HResult.E_INVALIDARG),
    errors.MalformedCertificationRequest: Fault(
        "malformed_request", "The certificate request is malformed.", HResult.CRYPT_E_ASN1_CORRUPT
    ),
    errors.RequestFormatNotSupported: Fault(
        "request_format_not_supported",
        "The format of the certificate request is not supported.",
        HResult.ERROR_NOT_SUPPORTED,
    ),
    errors.ProofOfPossessionFailed: Fault(
        "proof_of_possession_failed",
        "The signature of the certificate request is invalid.",
        HResult.NTE_BAD_SIGNATURE,
    ),
    errors.SignatureInvalid: Fault(
        "signature_invalid",
        "A signature of the certificate request is invalid.",
        HResult.NTE_BAD_SIGNATURE,
    ),
    errors.RenewalCertificateMismatch: Fault(
        "renewal_certificate_mismatch",
        "The request contains an invalid renewal certificate attribute.",
        HResult.CERTSRV_E_BAD_RENEWAL_CERT_ATTRIBUTE,
        invalid_request=True,
    ),
    errors.NotAuthenticated: _FAILED_AUTHENTICATION,
    errors.CredentialsMissing: replace(_INVALID_SECURITY, reason="credentials_missing"),
    errors.SecurityHeaderInvalid: replace(_INVALID_SECURITY, reason="security_header_invalid"),
    errors.UnknownUser: replace(_FAILED_AUTHENTICATION, reason="unknown_user", diagnosis="D41"),
    errors.WrongPassword: replace(_FAILED_AUTHENTICATION, reason="wrong_password", diagnosis="D47"),
    errors.PasswordNotTried: replace(_FAILED_AUTHENTICATION, reason="password_not_tried", diagnosis="D48"),
    errors.AccountAmbiguous: replace(_FAILED_AUTHENTICATION, reason="account_ambiguous", diagnosis="D42"),
    errors.AccountDisabled: replace(_FAILED_AUTHENTICATION, reason="account_disabled", diagnosis="D43"),
    errors.AccountLocked: replace(_FAILED_AUTHENTICATION, reason="account_locked", diagnosis="D44"),
    errors.AccountExpired: replace(_FAILED_AUTHENTICATION, reason="account_expired", diagnosis="D45"),
    errors.PasswordExpired: replace(_FAILED_AUTHENTICATION, reason="password_expired", diagnosis="D46"),
    errors.NegotiateRefused: _NEGOTIATE_REFUSED,
    errors.NegotiateTokenMalformed: replace(_NEGOTIATE_REFUSED, reason="negotiate_token_malformed"),
    errors.NtlmRefused: replace(_NEGOTIATE_REFUSED, reason="ntlm_refused", diagnosis="D61"),
    errors.TicketReplayed: replace(_NEGOTIATE_REFUSED, reason="ticket_replayed", diagnosis="D63"),
    errors.TicketNotAccepted: replace(_NEGOTIATE_REFUSED, reason="ticket_not_accepted", diagnosis="D18"),
    errors.ChannelBindingsMissing: replace(_NEGOTIATE_REFUSED, reason="channel_bindings_missing", diagnosis="D64"),
    errors.ChannelBindingsWrong: replace(_NEGOTIATE_REFUSED, reason="channel_bindings_wrong", diagnosis="D65"),
    errors.CertificateNotMapped: replace(_FAILED_AUTHENTICATION, reason="certificate_not_mapped", diagnosis="D25"),
    errors.CredentialsRefusedInside: replace(_FAILED_AUTHENTICATION, reason="credentials_refused_inside"),
    errors.SignerRefused: _SIGNER_REFUSED,
    errors.SignerUntrusted: replace(_SIGNER_REFUSED, reason="signer_untrusted", hresult=HResult.CERT_E_UNTRUSTEDROOT),
    errors.SignerExpired: replace(_SIGNER_REFUSED, reason="signer_expired", hresult=HResult.CERT_E_EXPIRED),
    errors.SignerRevoked: replace(_SIGNER_REFUSED, reason="signer_revoked", hresult=HResult.CERT_E_REVOKED),
    errors.RevocationUnknown: replace(
        _SIGNER_REFUSED,
        reason="revocation_unknown",
        hresult=HResult.CRYPT_E_REVOCATION_OFFLINE,
        outcome=Outcome.FAILED,
    ),
    errors.NotARenewal: Fault(
        "not_a_renewal",
        "Only renewals are accepted here, signed by the certificate that is to be renewed.",
        HResult.CERTSRV_E_BAD_RENEWAL_CERT_ATTRIBUTE,
        invalid_request=True,
    ),
    errors.RenewalCertificateNotShown: Fault(
        "renewal_certificate_not_shown",
        "The certificate that is to be renewed is not the client certificate of this connection.",
        HResult.CERTSRV_E_BAD_RENEWAL_SUBJECT,
        invalid_request=True,
    ),
    errors.TemplateConflict: Fault(
        "template_conflict",
        "The request contains conflicting template information.",
        HResult.CERTSRV_E_TEMPLATE_CONFLICT,
        invalid_request=True,
    ),
    errors.TemplateMissing: Fault(
        "template_missing",
        "The request contains no certificate template information.",
        HResult.CERTSRV_E_NO_CERT_TYPE,
        invalid_request=True,
    ),
    errors.Unmatched: Fault(
        "unmatched",
        "The requested certificate template is not supported.",
        HResult.CERTSRV_E_UNSUPPORTED_CERT_TYPE,
        invalid_request=True,
    ),
    NotPermitted: Fault(
        "not_permitted",
        "The request is not permitted by policy.",
        HResult.CERTSRV_E_TEMPLATE_DENIED,
        invalid_request=True,
    ),
    errors.NothingToEnroll: Fault(
        "nothing_to_enroll",
        "No certificate template is available to this requester.",
        HResult.CERTSRV_E_TEMPLATE_DENIED,
    ),
    errors.KeyArchivalNotPermitted: Fault(
        "key_archival_not_permitted",
        "Key archival is not permitted by policy.",
        HResult.CERTSRV_E_ARCHIVED_KEY_UNEXPECTED,
        invalid_request=True,
    ),
    errors.PendingRequestUnknown: Fault(
        "pending_request_unknown", "The request does not exist.", HResult.CERTSRV_E_NO_REQUEST
    ),
    errors.OutcomeUnknown: Fault(
        "outcome_unknown",
        "The same request was sent before, and its outcome is not known. It is not sent again for now.",
        HResult.RPC_S_CALL_FAILED,
        outcome=Outcome.FAILED,
    ),
    errors.StateUnavailable: Fault(
        "state_unavailable",
        "The request cannot be processed at the moment.",
        HResult.RPC_S_SERVER_UNAVAILABLE,
        outcome=Outcome.FAILED,
    ),
    errors.RecordNotWritten: Fault(
        "record_not_written",
        "The request cannot be processed at the moment.",
        HResult.RPC_S_SERVER_UNAVAILABLE,
        outcome=Outcome.FAILED,
    ),
    errors.Overloaded: Fault("overloaded", "The server is too busy.", HResult.RPC_S_SERVER_TOO_BUSY),
    # As a server that has too much to do: come again is all that a client can do about either, and all that a guesser
    # shall know. What administrators would read at ERROR_NOT_ENOUGH_QUOTA is about memory.
    errors.RateLimited: Fault(
        "rate_limited", "There were too many requests. Try again later.", HResult.RPC_S_SERVER_TOO_BUSY
    ),
    errors.ImpersonationRefused: _IMPERSONATION_REFUSED,
    errors.AccountOutsideScope: replace(_IMPERSONATION_REFUSED, reason="account_outside_scope", diagnosis="D49"),
    errors.AccountPrivileged: replace(_IMPERSONATION_REFUSED, reason="account_privileged", diagnosis="D50"),
    errors.AccountSensitive: replace(_IMPERSONATION_REFUSED, reason="account_sensitive", diagnosis="D51"),
    errors.AccountProtected: replace(_IMPERSONATION_REFUSED, reason="account_protected", diagnosis="D52"),
    errors.AccountIsOwn: replace(_IMPERSONATION_REFUSED, reason="account_is_own", diagnosis="D23"),
    errors.AccountChanged: replace(_IMPERSONATION_REFUSED, reason="account_changed", diagnosis="D70"),
    errors.EvidenceStale: replace(_IMPERSONATION_REFUSED, reason="evidence_stale"),
    errors.TransitionFailed: _NOT_PASSED_ON,
    errors.ServicePrincipalUnknown: replace(_NOT_PASSED_ON, reason="service_principal_unknown", diagnosis="D17"),
    errors.DelegationNotTrusted: replace(_NOT_PASSED_ON, reason="delegation_not_trusted", diagnosis="D54"),
    errors.DelegationNotListed: replace(_NOT_PASSED_ON, reason="delegation_not_listed", diagnosis="D22"),
    errors.EvidenceNotForwardable: replace(_NOT_PASSED_ON, reason="evidence_not_forwardable", diagnosis="D66"),
    errors.KerberosFailed: _KERBEROS_FAILED,
    errors.KdcUnreachable: replace(_KERBEROS_FAILED, reason="kdc_unreachable", diagnosis="D58"),
    errors.KdcSilent: replace(_KERBEROS_FAILED, reason="kdc_silent", diagnosis="D59"),
    errors.ClockSkewed: replace(_KERBEROS_FAILED, reason="clock_skewed", diagnosis="D19"),
    errors.OwnKeytabUnusable: replace(_KERBEROS_FAILED, reason="own_keytab_unusable", diagnosis="D16"),
    errors.OwnKeytabRefused: replace(_KERBEROS_FAILED, reason="own_keytab_refused", diagnosis="D55"),
    errors.OwnAccountUnusable: replace(_KERBEROS_FAILED, reason="own_account_unusable", diagnosis="D57"),
    errors.DirectoryUnavailable: replace(_KERBEROS_FAILED, reason="directory_unavailable", diagnosis="D60"),
    errors.UpstreamError: _NO_ANSWER,
    errors.UpstreamUnavailable: _NO_ANSWER,
    errors.TicketRefusedInside: replace(_NO_ANSWER, reason="ticket_refused_inside", diagnosis="D67"),
    errors.UpstreamMisbehaved: replace(_NO_ANSWER, reason="upstream_misbehaved", hresult=HResult.E_UNEXPECTED),
    errors.MutualAuthenticationFailed: replace(
        _NO_ANSWER, reason="mutual_authentication_failed", hresult=HResult.E_UNEXPECTED, diagnosis="D69"
    ),
    errors.ExchangeCertificateRefused: replace(
        _NO_ANSWER, reason="exchange_certificate_refused", hresult=HResult.E_UNEXPECTED
    ),
    errors.CertificateWithheld: replace(
        _NO_ANSWER, reason="certificate_withheld", hresult=HResult.E_UNEXPECTED, diagnosis="D71"
    ),
    soap.UpstreamRefused: replace(_NO_ANSWER, reason="upstream_refused", outcome=Outcome.REFUSED),
}

REASONS = frozenset(fault.reason for fault in (*FAULTS.values(), INTERNAL))
"""The closed set of outcomes other than success."""

_HRESULTS = {
    Concern.KEY: HResult.CERTSRV_E_KEY_LENGTH,
    Concern.SUBJECT: HResult.CERT_E_INVALID_NAME,
    Concern.SUBJECT_ALTERNATIVE_NAME: HResult.CERT_E_INVALID_NAME,
    Concern.RENEWAL: HResult.CERTSRV_E_BAD_RENEWAL_SUBJECT,
    Concern.ON_BEHALF_OF: HResult.CERTSRV_E_SIGNATURE_POLICY_REQUIRED,
    Concern.KEY_ARCHIVAL: HResult.CERTSRV_E_ARCHIVED_KEY_UNEXPECTED,
}
"""Those that TameMyCerts, or a CA itself, gives for the case."""
_POLICIES = frozenset({"extendedKeyUsage", "applicationPolicies", "certificatePolicies"})
"""Fields for which a CA says CERT_E_INVALID_POLICY."""


def fault_for(error: BaseException) -> Fault:
    """The row of the error's class or of its nearest ancestor; an unforeseen error tells nothing."""
    fault = next((FAULTS[cls] for cls in type(error).__mro__ if cls in FAULTS), INTERNAL)
    if isinstance(error, NotPermitted):
        hresults = {_hresult(violation) for violation in error.violations}
        return replace(fault, hresult=hresults.pop() if len(hresults) == 1 else HResult.CERTSRV_E_TEMPLATE_DENIED)
    return fault


def _hresult(violation: Violation) -> HResult:
    """One that fits them all is given where there are several."""
    if violation.concern is Concern.EXTENSIONS and violation.field in _POLICIES:
        return HResult.CERT_E_INVALID_POLICY
    return _HRESULTS.get(violation.concern, HResult.CERTSRV_E_TEMPLATE_DENIED)


@dataclass(frozen=True, slots=True)
class FaultMessage:
    """What goes out."""

    action: str
    fault: soap.Fault


def message_for(error: BaseException, call_id: str, *, wsdetail: bool, redact: Callable[[str], str]) -> FaultMessage:
    """The client's view of the error.

    `wsdetail` says whether the service's contract has CertificateEnrollmentWSDetail (CES has, CEP has not). `redact`
    takes the names of the inside out of text that is not ours.
    """
    if isinstance(error, soap.UpstreamRefused) and wsdetail and error.fault.detail is not None:
        return FaultMessage(wstep.ACTION_FAULT, _as_the_ca_said(error.fault, call_id, redact))
    fault = fault_for(error)
    action, detail = fault.action, None
    if action == wstep.ACTION_FAULT:
        if wsdetail:
            detail = soap.CertificateEnrollmentWSDetail(None, fault.hresult.signed, fault.invalid_request, None)
        else:
            action = ACTION_DISPATCHER_FAULT
    return FaultMessage(action, soap.Fault(fault.code, fault.subcode, _with(call_id, fault.text), LANGUAGE, detail))


def _as_the_ca_said(fault: soap.Fault, call_id: str, redact: Callable[[str], str]) -> soap.Fault:
    """The CA's own HRESULT and text. Other faults of the inside are about the inside, and say nothing outside."""
    return replace(fault, code=RECEIVER, subcode=None, reason=_with(call_id, redact(fault.reason).strip()))


def _with(call_id: str, text: str) -> str:
    return f"{text} (call {call_id})"


def hresult_of(error: BaseException) -> str:
    """The HRESULT that the client was given, for the audit record."""
    match error:
        case soap.UpstreamRefused(fault=soap.Fault(detail=soap.CertificateEnrollmentWSDetail(error_code=int(code)))):
            return f"0x{code & 0xFFFFFFFF:08X}"
        case _:
            return str(fault_for(error).hresult)
