"""`ces-gateway enroll`: a small client for CEP and CES, through the gateway or straight to a server.

It renders and reads its messages with the gateway's own codecs; to test those, use a foreign client such as cepces.
"""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import ValidationError

from gateway.credential import Credential, OwnCertificate
from gateway.errors import GatewayError
from gateway.protocol import wstep, xcep
from gateway.protocol.security import Secret, UsernameToken
from gateway.protocol.soap import UpstreamRefused
from gateway.protocol.wstep import Issued, Pending
from gateway.upstream.settings import UpstreamSettings
from gateway.upstream.soap_client import SoapClient


class EnrollmentClient:
    """The three exchanges of [MS-XCEP] and [MS-WSTEP]. Raises GatewayError; UpstreamRefused carries the fault."""

    def __init__(self, client: SoapClient, credential: Credential) -> None:
        self._client = client
        self._credential = credential

    async def get_policies(self) -> xcep.GetPoliciesResponse:
        """With client and server version 0, as cepces asks: a real CEP answers nothing to nil versions."""
        body = xcep.render_get_policies(xcep.GetPolicies(None, None, xcep.RequestFilter(None, 0, 0)))
        envelope = await self._client.exchange(
            xcep.ACTION_GET_POLICIES, body, self._credential, answer_action=xcep.ACTION_GET_POLICIES_RESPONSE
        )
        return xcep.parse_get_policies_response(envelope)

    async def issue(self, request: bytes, template: str | None = None) -> wstep.RequestSecurityTokenResponse:
        """Submit a PKCS#10 in DER; `template` goes into AdditionalContext, where certreq puts it."""
        context = (wstep.ContextItem("CertificateTemplate", template),) if template else ()
        return await self._ask(wstep.Issue(request, wstep.ValueType.PKCS10, context))

    async def query_token_status(self, request_id: str) -> wstep.RequestSecurityTokenResponse:
        """Ask what became of a pending request."""
        return await self._ask(wstep.QueryTokenStatus(request_id))

    async def _ask(self, token: wstep.RequestSecurityToken) -> wstep.RequestSecurityTokenResponse:
        envelope = await self._client.exchange(
            wstep.ACTION_RST, wstep.render_request(token), self._credential, answer_action=wstep.ACTION_RSTRC
        )
        return wstep.parse_response(envelope)


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command and its three verbs."""
    command = commands.add_parser("enroll", help="be a client: GetPolicies, Issue, QueryTokenStatus")
    verbs = command.add_subparsers(dest="verb", required=True, metavar="VERB")

    verb = verbs.add_parser("policies", help="GetPolicies at a CEP")
    _add_connection(verb)
    verb.set_defaults(run=lambda options: _run(options, _policies))

    verb = verbs.add_parser("issue", help="submit a PKCS#10 to a CES; the certificate goes to standard output")
    _add_connection(verb)
    verb.add_argument("--template", help="name the template in AdditionalContext, as certreq does")
    verb.add_argument("request", type=Path, metavar="REQUEST", help="PKCS#10 in PEM or DER")
    verb.set_defaults(run=lambda options: _run(options, _issue))

    verb = verbs.add_parser("status", help="ask a CES what became of a pending request")
    _add_connection(verb)
    verb.add_argument("request_id", metavar="REQUEST-ID")
    verb.set_defaults(run=lambda options: _run(options, _status))


def _add_connection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", required=True, help="of the service")
    parser.add_argument("--trust", type=Path, required=True, help="PEM of the authorities that vouch for the server")
    parser.add_argument("--connect", metavar="HOST:PORT", help="connect there, whatever DNS says of the URL's host")
    parser.add_argument("--username", help="the password is read from --password-file or standard input")
    parser.add_argument("--password-file", type=Path)
    parser.add_argument("--certificate", type=Path, help="PEM of the client certificate")
    parser.add_argument("--key", type=Path, help="PEM of its key")


def _run(options: argparse.Namespace, verb: Callable[[EnrollmentClient, argparse.Namespace], Awaitable[None]]) -> int:
    try:
        settings = UpstreamSettings(
            url=options.url,
            trust=options.trust,
            server_address=options.connect,
            certificate=options.certificate,
            key=options.key,
        )
    except ValidationError as error:
        for mistake in error.errors():
            print(f"{'.'.join(map(str, mistake['loc'])) or 'connection'}: {mistake['msg']}", file=sys.stderr)
        return 2
    try:
        asyncio.run(_with_client(settings, _credential(options), verb, options))
    except UpstreamRefused as error:
        detail = error.fault.detail
        code = f" (0x{detail.error_code & 0xFFFFFFFF:08X})" if detail and detail.error_code is not None else ""
        print(f"Refused{code}: {error.fault.reason}", file=sys.stderr)
        return 1
    except GatewayError as error:
        print(f"Failed: {error}", file=sys.stderr)
        return 1
    return 0


async def _with_client(
    settings: UpstreamSettings,
    credential: Credential,
    verb: Callable[[EnrollmentClient, argparse.Namespace], Awaitable[None]],
    options: argparse.Namespace,
) -> None:
    async with SoapClient(settings, lambda: datetime.now(UTC)) as client:
        await verb(EnrollmentClient(client, credential), options)


def _credential(options: argparse.Namespace) -> Credential:
    if options.username is None:
        return OwnCertificate()
    source = options.password_file.read_text(encoding="utf-8") if options.password_file else sys.stdin.readline()
    return UsernameToken(options.username, Secret(source.rstrip("\n")))


async def _policies(client: EnrollmentClient, _options: argparse.Namespace) -> None:
    response = await client.get_policies()
    print(f"{response.policy_friendly_name} {response.policy_id}")
    for policy in response.policies or ():
        attributes = policy.attributes
        enroll = "may enroll" if attributes.enroll else "may not enroll"
        print(
            f"  template {attributes.common_name}: {enroll}, keys of at least"
            f" {attributes.private_key_attributes.minimal_key_length} bits"
        )
    for ca in response.cas or ():
        for uri in ca.uris:
            print(f"  at {uri.uri} by {uri.client_authentication.name}")


async def _issue(client: EnrollmentClient, options: argparse.Namespace) -> None:
    _tell(await client.issue(read_request(options.request), options.template))


async def _status(client: EnrollmentClient, options: argparse.Namespace) -> None:
    _tell(await client.query_token_status(options.request_id))


def _tell(response: wstep.RequestSecurityTokenResponse) -> None:
    """The certificate alone on standard output, the talk on standard error."""
    match response:
        case Issued():
            certificate = x509.load_der_x509_certificate(response.certificate)
            print(f"Issued: {certificate.subject.rfc4514_string()}", file=sys.stderr)
            sys.stdout.write(certificate.public_bytes(Encoding.PEM).decode())
        case Pending():
            print(f"Pending: {response.disposition_message.strip()}", file=sys.stderr)
            print(f"Ask again with: status --url {response.reference_uri} {response.request_id}", file=sys.stderr)


def read_request(path: Path) -> bytes:
    """The DER of a request file in PEM or DER. Whether it is a PKCS#10 is the server's business.

    Raises OSError, also for PEM that is something else.
    """
    content = path.read_bytes()
    if not content.lstrip().startswith(b"-----BEGIN"):
        return content
    try:
        return x509.load_pem_x509_csr(content).public_bytes(Encoding.DER)
    except ValueError as error:
        raise OSError(f"{path} is PEM, but no certification request: {error}") from error
