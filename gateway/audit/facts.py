"""From the gateway's values to the named fields of a line. Pure, and the only place that decides what is told.

Only what is named here reaches the file. Of a UsernameToken that is nothing: the account is the requester's. Of a
ticket it is whose, for what, and until when.
"""

from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256

from gateway.account import Account
from gateway.call import Call
from gateway.credential import Credential, KerberosCredential, OwnCertificate
from gateway.enrollment_policy import Told
from gateway.errors import CertificateWithheld, GatewayError, MalformedMessage, Objection, RateLimited
from gateway.faults import fault_for
from gateway.pki.certificate import Certificate, parse_certificate
from gateway.pki.certificate_request import CertificateRequest
from gateway.pki.keys import PublicKey
from gateway.pki.names import GeneralName
from gateway.policy.comparison import Difference
from gateway.policy.decision import Application, Approval, NotPermitted, Violation
from gateway.protocol.key_exchange import KeyExchangeToken
from gateway.protocol.security import UsernameToken
from gateway.protocol.soap import UpstreamRefused
from gateway.protocol.wstep import Issued, RequestSecurityTokenResponse
from gateway.requester import Evidence, Requester
from gateway.submission import Submission
from gateway.tickets import EvidenceTicket, TicketGrantingTicket

Facts = dict[str, object]
"""What json.dumps takes. A fact that is not known is left out."""

MAX_TEXT = 2000
"""Characters of what an error says. Refusals cost their sender nothing, so their lines must not cost the disk much."""
MAX_VALUE = 500
MAX_VIOLATIONS = 100
MAX_CERTIFICATE = 64 * 1024
"""Bytes of a withheld certificate that are kept; real ones have two or three thousand."""


def of_call(call: Call) -> Facts:
    facts: Facts = {"call_id": call.call_id, "service": call.service, "peer": call.peer}
    if call.client_certificate is not None:
        facts["client_certificate"] = {"sha256": sha256(call.client_certificate).hexdigest()}
    return facts


def of_requester(requester: Requester) -> Facts:
    facts: Facts = {
        "account": requester.account,
        "authentication": requester.authentication,
        "verified_by": requester.verified_by,
    }
    if requester.mapping_rule is not None:
        facts["mapping_rule"] = requester.mapping_rule
    if requester.mapping_form is not None:
        facts["mapping_form"] = requester.mapping_form
    if requester.partner is not None:
        facts["partner"] = requester.partner
    if requester.directory_account is not None:
        facts["directory_account"] = _directory_account(requester.directory_account)
    return facts | _evidence(requester.evidence)


def _directory_account(account: Account) -> Facts:
    facts: Facts = {"sid": account.sid, "realm": account.realm}
    if account.user_principal_name is not None:
        facts["user_principal_name"] = account.user_principal_name
    return facts


def _evidence(evidence: Evidence) -> Facts:
    match evidence:
        case Certificate():
            return {"client_certificate": _identity(evidence)}
        case EvidenceTicket():
            return {"kerberos": {"client": evidence.client, "channel_bound": evidence.channel_bound}}
        case TicketGrantingTicket():
            return {"kerberos": {"client": evidence.client}}
        case _:
            return {}


def of_application(application: Application) -> Facts:
    attributes = [{"name": pair.name, "value": pair.value} for pair in application.request_attributes]
    references = [
        {"carrier": reference.carrier, "name": reference.name, "oid": reference.oid}
        for reference in application.template_references
    ]
    return {
        "request": {**_request(application.request), "template_references": references},
        "request_attributes": attributes,
    }


def _request(request: CertificateRequest) -> Facts:
    facts: Facts = {
        "sha256": sha256(request.der).hexdigest(),
        "subject": str(request.subject),
        "subject_alternative_name": _general_names(request.subject_alternative_name),
        "key": _key(request.public_key),
        "key_sha256": sha256(request.public_key.subject_public_key_info).hexdigest(),
        "extensions": [extension.oid for extension in request.extensions],
        "attributes": list(request.attributes),
    }
    if request.client_info is not None:
        client = request.client_info
        facts["client_info"] = {
            "client_id": client.client_id,
            "machine": client.machine,
            "user": client.user,
            "process": client.process,
        }
    return facts


def of_approval(approval: Approval) -> Facts:
    facts: Facts = {
        "template": approval.policy.template.name,
        "policy": approval.policy.name,
        "policy_digest": approval.policy.digest,
        "rule": approval.rule.name,
    }
    # The rule is the one that came nearest, and did not allow it.
    return facts | {"mode": approval.policy.mode} if approval.violations else facts


def of_credential(credential: Credential) -> Facts:
    """As whom the gateway goes inside, by which transition: the words of the configuration."""
    match credential:
        case UsernameToken():
            return {"transition": "pass_on_username_token"}
        case OwnCertificate():
            return {"transition": "own_certificate"}
        case KerberosCredential(ticket=ticket):
            return {
                "transition": credential.transition,
                "ticket": {
                    "account": ticket.account,
                    "client": ticket.client,
                    "service_principal_name": ticket.service_principal_name,
                    "starts": _time(ticket.starts),
                    "ends": _time(ticket.ends),
                    "cached": credential.is_cached,
                },
            }


def of_submission(submission: Submission, *, is_repeated: bool) -> Facts:
    """Under which RequestID clients and the ledger know it; where it is from an earlier call, since when."""
    facts: Facts = {"request_id": submission.request_id}
    return facts | {"submitted_at": _time(submission.submitted_at)} if is_repeated else facts


def of_response(response: RequestSecurityTokenResponse, ca_request_id: str | None) -> Facts:
    """`ca_request_id` is what an administrator finds it by at the CA."""
    facts: Facts = {"outcome": "pending"}
    if isinstance(response, Issued):
        facts = {"outcome": "issued", "certificate": _issued(response.certificate)}
    if ca_request_id is not None:
        facts["ca_request_id"] = ca_request_id
    return facts


def of_key_exchange(token: KeyExchangeToken) -> Facts:
    return {"outcome": "key_exchange", "certificate": _issued(token.certificate)}


def _issued(der: bytes) -> Facts:
    try:
        certificate = parse_certificate(der)
    except MalformedMessage:
        # It was read before it was released; should it not be, the record of its release still names it.
        return {"sha256": sha256(der).hexdigest()}
    return {
        **_identity(certificate),
        "not_before": _time(certificate.not_before),
        "not_after": _time(certificate.not_after),
    }


def of_objections(objections: Sequence[Objection]) -> Facts:
    """What is wrong with an issued certificate; nothing is said where nothing is."""
    if not objections:
        return {}
    told: Facts = {
        "objections": [
            {
                "field": one.field,
                "value": bounded(one.value, MAX_VALUE),
                "wanted": bounded(one.wanted, MAX_VALUE),
            }
            for one in objections[:MAX_VIOLATIONS]
        ]
    }
    if len(objections) > MAX_VIOLATIONS:
        told["objections_omitted"] = len(objections) - MAX_VIOLATIONS
    return told


def of_incident(incident: CertificateWithheld) -> Facts:
    """The certificate itself, whatever it is: nobody else may have kept it."""
    der = incident.certificate
    certificate = {**_issued(der), "der": b64encode(der[:MAX_CERTIFICATE]).decode("ascii")}
    return {"certificate": certificate, **of_objections(incident.objections)}


def of_publication(told: Told) -> Facts:
    """What the client knows now; `offered` says how old the inside's word on it is, where it is not of this call."""
    facts: Facts = {"policy_id": told.view.policy_id, "templates": list(told.view.templates)}
    if told.is_unchanged:
        facts["policies_not_changed"] = True
    if told.offer.age_seconds:
        facts["offered"] = {"age_seconds": round(told.offer.age_seconds), "stale": told.offer.is_stale}
    return facts


def of_refusal(error: BaseException, violations: Sequence[Violation]) -> Facts:
    """The error's own words are told if they are the gateway's: a foreign exception may quote the message."""
    facts: Facts = {"detail": bounded(str(error) if isinstance(error, GatewayError) else type(error).__name__)}
    if isinstance(error, NotPermitted):
        facts["policy"] = error.policy
    if isinstance(error, RateLimited):
        facts["limit"] = error.limit
    if isinstance(error, UpstreamRefused) and error.fault.detail is not None and error.fault.detail.request_id:
        facts["ca_request_id"] = bounded(error.fault.detail.request_id, MAX_VALUE)
    return facts | of_violations(violations)


def of_difference(difference: Difference) -> Facts:
    """What the candidate would change. Nothing of it counts."""
    facts: Facts = {"difference": difference.change}
    if difference.candidate.policy is not None:
        facts["policy"] = difference.candidate.policy.name
        facts["policy_digest"] = difference.candidate.policy.digest
    if difference.candidate.approval is not None:
        facts["rule"] = difference.candidate.approval.rule.name
    error = difference.candidate.error
    if error is not None:
        facts["reason"] = fault_for(error).reason
    return {"shadow": facts | of_violations(error.violations if isinstance(error, NotPermitted) else ())}


def of_violations(violations: Sequence[Violation]) -> Facts:
    facts: Facts = {}
    if violations:
        facts["violations"] = [_violation(violation) for violation in violations[:MAX_VIOLATIONS]]
    if len(violations) > MAX_VIOLATIONS:
        facts["violations_omitted"] = len(violations) - MAX_VIOLATIONS
    return facts


def bounded(text: str, most: int = MAX_TEXT) -> str:
    """The text, or its beginning with a word on how long it was."""
    return text if len(text) <= most else f"{text[:most]}... ({len(text)} characters)"


def _violation(violation: Violation) -> Facts:
    facts: Facts = {
        "rule": violation.rule,
        "concern": violation.concern,
        "field": violation.field,
        "value": bounded(violation.value, MAX_VALUE),
        "wanted": bounded(violation.wanted, MAX_VALUE),
    }
    return facts | {"forbidden": True} if violation.is_forbidden else facts


def _identity(certificate: Certificate) -> Facts:
    return {
        "sha256": certificate.sha256_fingerprint,
        "serial_number": f"{certificate.serial_number:x}",
        "subject": str(certificate.subject),
        "issuer": str(certificate.issuer),
    }


def _key(key: PublicKey) -> Facts:
    return {"algorithm": key.algorithm, "size": key.size, "curve": key.curve}


def _general_names(names: Sequence[GeneralName]) -> list[str]:
    return [f"{name.type}:{name.value}" for name in names]


def _time(time: datetime) -> str:
    return time.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
