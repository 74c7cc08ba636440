"""`ces-gateway explain`: what would be decided about a request, and why. Nothing is sent anywhere."""

import argparse
import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.authn.assumed import assumed_requester
from gateway.authn.client_certificate import ClientCertificateAuthenticator
from gateway.authn.partners import with_partner
from gateway.cli.enroll import read_request
from gateway.config import Configuration, load_configuration
from gateway.errors import GatewayError, TemplateConflict, TemplateMissing, Unmatched
from gateway.faults import fault_for
from gateway.pki.certificate_request import CertificateRequest
from gateway.pki.parse_request import parse_certificate_request
from gateway.policy.decision import Application, NotPermitted, Policies, approve, judge, select
from gateway.protocol import wstep
from gateway.protocol.soap import parse_envelope
from gateway.protocol.wstep import ContextItem
from gateway.requester import Requester


def run(options: argparse.Namespace) -> int:
    """Print the trace and the verdict. 0: would be allowed, 1: would be refused. Raises Mistaken or OSError."""
    checked = load_configuration(options.config, _now())
    try:
        requester = with_partner(_requester(checked.configuration, options), checked.configuration.partners)
        request, context = _read(options.request)
    except GatewayError as error:
        return _refused(error)
    application = Application(requester, request, context)
    _print_application(application)
    return _print_decision(checked.policies, application)


def _requester(configuration: Configuration, options: argparse.Namespace) -> Requester:
    """A PEM file is mapped as the client certificate would be; anything else is an account that is assumed."""
    path = Path(options.who)
    if path.is_file():
        # Without a directory: what a rule asks it for, the rule objects.
        authenticator = ClientCertificateAuthenticator(configuration.mapping, _now)
        return asyncio.run(authenticator.requester_of(_read_certificate(path)))
    return assumed_requester(options.who, options.authentication)


def _now() -> datetime:
    return datetime.now(UTC)


def _read_certificate(path: Path) -> bytes:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes()).public_bytes(Encoding.DER)
    except ValueError as error:
        raise OSError(f"{path} is no certificate in PEM: {error}") from error


def _read(path: Path) -> tuple[CertificateRequest, tuple[ContextItem, ...]]:
    """A PKCS#10, or a whole captured RequestSecurityToken with its AdditionalContext."""
    content = path.read_bytes()
    if content.lstrip().startswith(b"<"):
        token = wstep.parse_request(parse_envelope(content))
        if not isinstance(token, wstep.Issue):
            raise OSError(f"{path} asks for no certificate")
        return parse_certificate_request(token.certificate_request), token.additional_context
    return parse_certificate_request(read_request(path)), ()


def _print_application(application: Application) -> None:
    request = application.request
    partner = f" of the partner {application.requester.partner}" if application.requester.partner else ""
    print(f"requester  {application.requester.account}{partner} by {application.requester.authentication}")
    print(f"subject    {str(request.subject) or '(empty)'}")
    for name in request.subject_alternative_name:
        print(f"name       {name.type}: {name.value}")
    curve = f" {request.public_key.curve}" if request.public_key.curve else ""
    print(f"key        {request.public_key.algorithm} {request.public_key.size}{curve}, possession proved")
    for reference in application.template_references:
        print(f"template   {reference.name or reference.oid} ({reference.carrier})")
    for extension in request.extensions:
        print(f"extension  {extension.oid}{' critical' if extension.critical else ''}")
    for pair in application.request_attributes:
        print(f"attribute  {pair.name}: {pair.value}")


def _print_decision(policies: Policies, application: Application) -> int:
    try:
        policy = select(policies, application)
    except (TemplateMissing, TemplateConflict, Unmatched) as error:
        known = ", ".join(sorted(policy.template.name for policy in policies.policies))
        print(f"no policy applies; there are policies for: {known}")
        return _refused(error)
    print(f"policy     {policy.name}, for the template {policy.template.name}")
    for verdict in judge(policy, application):
        print(f"  rule {verdict.rule.name}: {'not met' if verdict.violations else 'met'}")
        for violation in verdict.violations:
            print(f"    {violation.concern}: {violation.field} is {violation.value!r}, wanted {violation.wanted}")
    try:
        approval = approve(policies, application)
    except NotPermitted as error:
        return _refused(error, "no rule is met")
    print(f"ALLOWED by rule {approval.rule.name}")
    return 0


def _refused(error: Exception, why: str | None = None) -> int:
    fault = fault_for(error)
    print(f"REFUSED: {why or error}")
    print(f"the client would get {fault.hresult} {fault.hresult.name}, the audit record the reason {fault.reason}")
    sys.stdout.flush()
    return 1
