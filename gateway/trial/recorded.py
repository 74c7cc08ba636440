"""From a line of the audit record back to the application that was decided about: the inverse of `gateway.audit`.

The record is the gateway's own, but a file is a file: what is not as this program writes it is refused, with its place.
"""

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import Field, ValidationError

from gateway.account import Account
from gateway.audit.chain import Event
from gateway.authn.assumed import assumed_requester
from gateway.errors import GatewayError
from gateway.faults import fault_for
from gateway.pki.authorities import TrustedCertificate, UntrustedCertificate, vouched_for_before
from gateway.pki.certificate import Certificate, parse_certificate
from gateway.pki.certificate_request import CertificateRequest
from gateway.pki.parse_request import parse_certificate_request
from gateway.policy.comparison import Ruling
from gateway.policy.decision import Application
from gateway.protocol.wstep import ContextItem
from gateway.requester import Requester
from gateway.strict_yaml import Settings
from gateway.trial.requesters import assumed_account


class NotReplayable(Exception):
    """The line tells a decision, but not all that it takes to decide again. Its text is one of few."""


@dataclass(frozen=True, slots=True)
class RecordedViolation:
    """As the line has it."""

    rule: str
    concern: str
    field: str
    value: str
    wanted: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.concern}: {self.field} is {self.value!r}, wanted {self.wanted}"


@dataclass(frozen=True, slots=True)
class RecordedDecision:
    """What a line tells about one decision."""

    time: str
    """RFC 3339, UTC."""
    call_id: str
    account: str
    ruling: Ruling
    reason: str | None
    """Of a refusal."""
    violations: tuple[RecordedViolation, ...]
    application: Application


class _Signer(Settings):
    sha256: str
    authority: str


class _DirectoryAccount(Settings):
    realm: str
    sid: str
    sam_account_name: str
    user_principal_name: str | None
    distinguished_name: str
    common_name: str | None
    display_name: str | None
    mail: str | None
    dns_host_name: str | None
    groups: tuple[str, ...]
    group_sids: tuple[str, ...]

    def account(self) -> Account:
        facts = {name: getattr(self, name) for name in type(self).model_fields}
        return assumed_account(**facts | {"groups": frozenset(self.groups), "group_sids": frozenset(self.group_sids)})


class _Requester(Settings):
    partner: str | None = None
    client_certificate: str | None = None
    client_certificate_authority: str | None = None
    directory_account: _DirectoryAccount | None = None


class _Judged(Settings):
    request: str
    additional_context: tuple[tuple[str, str], ...]
    signers: tuple[_Signer, ...]
    requester: _Requester


class _Violation(Settings, extra="ignore"):
    rule: str
    concern: str
    field: str
    value: str
    wanted: str


class _Line(Settings, extra="ignore"):
    time: str
    call_id: str
    account: str
    authentication: str
    mapping_rule: str | None = None
    policy: str | None = None
    rule: str | None = None
    reason: str | None = None
    violations: tuple[_Violation, ...] = ()
    judged: dict[str, object] = Field()


def tells_a_decision(fields: Mapping[str, object]) -> bool:
    """Whether policies have decided in this line. Refusals of other origin are no business of a policy."""
    match fields.get("event"):
        case Event.APPROVED:
            return True
        case Event.REFUSED:
            return "judged" in fields
        case _:
            return False


def recorded_decision(fields: Mapping[str, object]) -> RecordedDecision:
    """Raises NotReplayable."""
    if "judged" not in fields:
        raise NotReplayable("written by a version that did not record what it judged")
    try:
        line = _Line.model_validate(fields, strict=False)
        if "omitted" in line.judged:
            raise NotReplayable(f"not recorded: {line.judged['omitted']}")
        application = _application(line, _Judged.model_validate(line.judged, strict=False))
    except (ValidationError, ValueError) as error:
        raise NotReplayable("not as this program writes it") from error
    except GatewayError as error:
        raise NotReplayable(f"cannot be read any more: {fault_for(error).reason}") from error
    return RecordedDecision(
        line.time,
        line.call_id,
        line.account,
        Ruling(line.policy, line.rule),
        line.reason,
        tuple(RecordedViolation(v.rule, v.concern, v.field, v.value, v.wanted) for v in line.violations),
        application,
    )


def _application(line: _Line, judged: _Judged) -> Application:
    request = parse_certificate_request(b64decode(judged.request, validate=True))
    requester = _requester(line, judged.requester)
    return Application(
        requester,
        request,
        tuple(ContextItem(name, value) for name, value in judged.additional_context),
        _signers(request, {signer.sha256: signer.authority for signer in judged.signers}),
        _shown(request, requester, judged.requester.client_certificate_authority),
    )


def _requester(line: _Line, told: _Requester) -> Requester:
    shown = told.client_certificate
    return assumed_requester(
        line.account,
        line.authentication,
        client_certificate=None if shown is None else parse_certificate(b64decode(shown, validate=True)),
        directory_account=None if told.directory_account is None else told.directory_account.account(),
        mapping_rule=line.mapping_rule,
        partner=told.partner,
    )


def _signers(request: CertificateRequest, authorities: Mapping[str, str]) -> tuple[TrustedCertificate, ...]:
    return tuple(
        vouched_for_before(certificate, authorities[certificate.sha256_fingerprint])
        for certificate in request.signers
        if certificate.sha256_fingerprint in authorities
    )


def _shown(
    request: CertificateRequest, requester: Requester, authority: str | None
) -> TrustedCertificate | UntrustedCertificate | None:
    if request.signers or not isinstance(requester.evidence, Certificate):
        return None
    if authority is None:
        return UntrustedCertificate(requester.evidence, "no authority did when the request came")
    return vouched_for_before(requester.evidence, authority)
