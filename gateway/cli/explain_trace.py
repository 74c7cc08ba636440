"""How `ces-gateway explain` shows what a request says, how each rule judged it, and why the other policies did not."""

from collections.abc import Iterator

from gateway.account import Account
from gateway.audit import facts
from gateway.errors import GatewayError
from gateway.faults import fault_for
from gateway.pki.certificate import Certificate
from gateway.policy.decision import Application, Decision, Mode, NotPermitted, Policies, Violation
from gateway.trial.trace import Led, Other, led_to, others

_MOST_OTHERS = 10
"""`--all` lists every one."""


def refusal(error: GatewayError) -> dict[str, str]:
    fault = fault_for(error)
    return {"reason": fault.reason, "hresult": f"{fault.hresult} {fault.hresult.name}", "detail": str(error)}


def trace_as_json(policies: Policies, application: Application, decision: Decision, *, show_all: bool) -> facts.Facts:
    """The same for machines, in the words of the audit record."""
    shown, hidden = _shown(policies, application, decision, show_all=show_all)
    trace: facts.Facts = {
        "outcome": "refused" if decision.approval is None else "allowed",
        **facts.of_requester(application.requester),
        **facts.of_application(application),
        "templates": [
            {"carrier": led.reference.carrier, "name": _name(led), "policy": led.policy.name if led.policy else None}
            for led in led_to(policies, application)
        ],
    }
    if decision.policy is not None:
        trace |= {"policy": decision.policy.name, "mode": decision.policy.mode}
    trace["rules"] = [
        {"rule": verdict.rule.name, "met": not verdict.violations, **facts.of_violations(verdict.violations)}
        for verdict in decision.verdicts
    ]
    if decision.approval is not None:
        trace["rule"] = decision.approval.rule.name
    if decision.error is not None:
        trace |= refusal(decision.error)
    trace["others"] = [{"policy": other.policy.name, "reason": other.reason} for other in shown]
    return trace | {"others_omitted": hidden}


def print_trace(policies: Policies, application: Application, decision: Decision, *, show_all: bool) -> None:
    for line in (
        *_of_application(application),
        *_of_templates(policies, application),
        *_of_policy(decision),
        *_of_others(policies, application, decision, show_all=show_all),
        *_of_end(decision),
    ):
        print(line)


def _of_application(application: Application) -> Iterator[str]:
    request, requester = application.request, application.requester
    yield f"requester  {requester.account} by {requester.authentication}"
    if requester.partner is not None:
        yield f"partner    {requester.partner}"
    if requester.directory_account is not None:
        yield f"directory  {requester.directory_account.distinguished_name}, in {_groups(requester.directory_account)}"
    yield f"format     {request.format}"
    yield f"subject    {str(request.subject) or '(empty)'}"
    for name in request.subject_alternative_name:
        yield f"name       {name.type}: {name.value}"
    curve = f" {request.public_key.curve}" if request.public_key.curve else ""
    yield f"key        {request.public_key.algorithm} {request.public_key.size}{curve}, possession proved"
    for usages, what in (
        (request.key_usage, "keyUsage"),
        (request.extended_key_usage, "extendedKeyUsage"),
        (request.application_policies, "applicationPolicies"),
        (request.certificate_policies, "certificatePolicies"),
    ):
        if usages is not None:
            yield f"usage      {what}: {', '.join(usages)}"
    for extension in request.extensions:
        yield f"extension  {extension.oid}{' critical' if extension.critical else ''}"
    for pair in application.request_attributes:
        yield f"attribute  {pair.name}: {pair.value}"
    yield from _of_client(application)
    yield from _of_signers(application)


def _groups(account: Account) -> str:
    return ", ".join(sorted(account.groups)) or "no groups"


def _of_client(application: Application) -> Iterator[str]:
    request = application.request
    if request.client_info is not None:
        client = request.client_info
        yield f"client     {client.process} on {client.machine} for {client.user}, says the request"
    if request.cryptographic_service_provider is not None:
        yield f"provider   {request.cryptographic_service_provider}, says the request"
    if request.os_version is not None:
        yield f"system     {request.os_version}, says the request"


def _of_signers(application: Application) -> Iterator[str]:
    request = application.request
    for signer in request.signers:
        yield f"signer     {_certificate(signer)}"
    if request.renewal_certificate is not None:
        yield f"renewal    of {_certificate(request.renewal_certificate)}"
    if request.requester_name is not None:
        yield f"on behalf  of {request.requester_name}"
    if request.archived_key is not None:
        yield f"archive    a private key for the CA to keep, {request.archived_key.size} bytes"


def _certificate(certificate: Certificate) -> str:
    return f"{certificate.subject}, serial number {certificate.serial_number:x}, issued by {certificate.issuer}"


def _of_templates(policies: Policies, application: Application) -> Iterator[str]:
    for led in led_to(policies, application):
        where = f"policy {led.policy.name}" if led.policy else "no policy"
        yield f"template   {_name(led)} ({led.reference.carrier}): {where}"


def _name(led: Led) -> str:
    return led.reference.name or led.reference.oid or ""


def _of_policy(decision: Decision) -> Iterator[str]:
    if decision.policy is None:
        yield "policy     none applies"
        return
    yield f"policy     {decision.policy.name}, for the template {decision.policy.template.name}: {decision.policy.mode}"
    for verdict in decision.verdicts:
        yield f"  rule {verdict.rule.name}: {'not met' if verdict.violations else 'met'}"
        yield from (f"    {_violation(violation)}" for violation in verdict.violations)


def _violation(violation: Violation) -> str:
    forbidden = " (forbidden: no policy can allow it)" if violation.is_forbidden else ""
    return f"{violation.concern}: {violation.field} is {violation.value!r}, wanted {violation.wanted}{forbidden}"


def _shown(
    policies: Policies, application: Application, decision: Decision, *, show_all: bool
) -> tuple[list[Other], int]:
    """The other policies to be listed, and how many are not. Where none applied, also some that are not close."""
    found = list(others(policies, application, decision.policy))
    some = [other for other in found if other.is_close or decision.policy is None][:_MOST_OTHERS]
    shown = found if show_all else some
    return shown, len(found) - len(shown)


def _of_others(policies: Policies, application: Application, decision: Decision, *, show_all: bool) -> Iterator[str]:
    shown, hidden = _shown(policies, application, decision, show_all=show_all)
    yield from (f"not        {other.policy.name}: {other.reason}" for other in shown)
    if hidden:
        yield f"not        {hidden} more, for templates that the request does not name: --all lists them"


def _of_end(decision: Decision) -> Iterator[str]:
    approval, error = decision.approval, decision.error
    if approval is not None and not approval.violations:
        yield f"ALLOWED by rule {approval.rule.name}"
    elif approval is not None:
        yield f"ALLOWED, because the policy's mode is {Mode.AUDIT}: enforced, rule {approval.rule.name} would refuse it"
    if error is not None:
        told = refusal(error)
        yield f"REFUSED: {'no rule is met' if isinstance(error, NotPermitted) else told['detail']}"
        yield f"the client would get {told['hresult']}, the audit record the reason {told['reason']}"
