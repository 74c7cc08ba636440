"""`ces-gateway explain`: what would be decided about a request, and why. Nothing is sent anywhere."""

import argparse
import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.authn.client_certificate import ClientCertificateAuthenticator
from gateway.authn.partners import with_partner
from gateway.cli.explain_requester import facts_of
from gateway.cli.explain_trace import print_trace, refusal, trace_as_json
from gateway.config import Configuration, load_configuration
from gateway.errors import GatewayError
from gateway.pki.authorities import CertificationAuthorities
from gateway.pki.certificate import Certificate
from gateway.pki.parse_request import parse_certificate_request
from gateway.policy.decision import Application, Template, decide
from gateway.policy.example_requests import RequestMaker
from gateway.policy.examples import RequesterFacts
from gateway.policy.signers import standing_of_shown
from gateway.requester import Requester
from gateway.revocation.keeper import AuthoritiesKeeper
from gateway.telemetry import configure_logging
from gateway.trial.keys import KeyRing
from gateway.trial.requesters import requester_of
from gateway.trial.submission import read_submission


def run(options: argparse.Namespace) -> int:
    """Print the trace and the verdict. 0: would be allowed, 1: would be refused. Raises Mistaken or OSError."""
    checked = load_configuration(options.config, _now())
    try:
        application = _application(checked.configuration, options)
    except GatewayError as error:
        return _refused_unjudged(error, as_json=options.json)
    decision = decide(checked.policies, application)
    if options.json:
        print(json.dumps(trace_as_json(checked.policies, application, decision, show_all=options.all), indent=2))
    else:
        print_trace(checked.policies, application, decision, show_all=options.all)
    sys.stdout.flush()
    return 0 if decision.approval is not None else 1


def _application(configuration: Configuration, options: argparse.Namespace) -> Application:
    requester = with_partner(_requester(configuration, options), configuration.partners)
    submission = read_submission(options.request.read_bytes())
    request = parse_certificate_request(submission.der)
    # Where nobody has signed, nor shown a certificate, the lists need not be read.
    is_asked = request.signers or isinstance(requester.evidence, Certificate)
    authorities = asyncio.run(_authorities(configuration)) if is_asked else CertificationAuthorities()
    signers = authorities.vouch_for(request.signers, _now())
    shown = standing_of_shown(request, requester, authorities, _now())
    return Application(requester, request, submission.additional_context, signers, shown)


async def _authorities(configuration: Configuration) -> CertificationAuthorities:
    """Those of the configuration, with the revocation lists of this moment, as the gateway would read them."""
    configure_logging("error", sys.stderr)
    async with AuthoritiesKeeper(configuration.certification_authorities, _now, _Uncounted()) as authorities:
        return authorities()


class _Uncounted:
    """Nobody counts what a command reads."""

    def revocation_list_read(self, authority: str, this_update: datetime, next_update: datetime) -> None: ...

    def revocation_list_failed(self, authority: str) -> None: ...


def _requester(configuration: Configuration, options: argparse.Namespace) -> Requester:
    """A PEM file is mapped as the client certificate would be; anything else is an account that is assumed."""
    path = None if options.who is None else Path(options.who)
    if path is None or not path.is_file():
        facts = facts_of(options)
        return requester_of(facts, _made_certificate(facts))
    # Without a directory: what a rule asks it for, the rule objects.
    authenticator = ClientCertificateAuthenticator(configuration.mapping, _now)
    shown = _read_certificate(path)
    mapped = asyncio.run(authenticator.requester_of(shown))
    known = {"account": mapped.account, "authentication": mapped.authentication, "mappingRule": mapped.mapping_rule}
    return requester_of(facts_of(options, known), shown)


def _made_certificate(facts: RequesterFacts) -> bytes | None:
    """A throw-away certificate with what is said of the client's; the template of it is nobody's."""
    return RequestMaker(Template("Example"), KeyRing(), _now()).client_certificate(facts)


def _now() -> datetime:
    return datetime.now(UTC)


def _read_certificate(path: Path) -> bytes:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes()).public_bytes(Encoding.DER)
    except ValueError as error:
        raise OSError(f"{path} is no certificate in PEM: {error}") from error


def _refused_unjudged(error: GatewayError, *, as_json: bool) -> int:
    """Before any policy could judge."""
    if as_json:
        print(json.dumps({"outcome": "refused", **refusal(error)}, indent=2))
    else:
        told = refusal(error)
        print(f"REFUSED: {told['detail']}")
        print(f"the client would get {told['hresult']}, the audit record the reason {told['reason']}")
    sys.stdout.flush()
    return 1
