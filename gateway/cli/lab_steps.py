"""What clients of the lab do: each step prints what happened, or raises StepFailed."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.audit import verify
from gateway.cli.enroll import EnrollmentClient
from gateway.credential import Credential
from gateway.errors import GatewayError
from gateway.lab.world import KeyPair, World
from gateway.protocol.wstep import Issued
from gateway.upstream.negotiate import Negotiator
from gateway.upstream.settings import UpstreamSettings
from gateway.upstream.soap_client import SoapClient

_PATIENCE = 1000
"""Looks at the audit record, a hundredth of a second apart, before the line of a refusal is given up."""


class StepFailed(Exception):
    """The demonstration did not go as it must."""


@asynccontextmanager
async def a_client(
    world: World,
    url: str,
    credential: Credential,
    *,
    certificate: KeyPair | None = None,
    negotiator: Negotiator | None = None,
) -> AsyncIterator[EnrollmentClient]:
    """Set up as a client's machine would be; only that the public name leads to this one."""
    settings = UpstreamSettings(
        url=url,
        trust=world.public_ca,
        server_address=f"127.0.0.1:{urlsplit(url).port}",
        certificate=None if certificate is None else certificate.certificate,
        key=None if certificate is None else certificate.key,
    )
    async with SoapClient(settings, _now, negotiator=negotiator) as client:
        yield EnrollmentClient(client, credential)


def _now() -> datetime:
    return datetime.now(UTC)


async def fetch_policy(client: EnrollmentClient, who: str) -> None:
    """Who may enroll what, as GetPolicies says it."""
    try:
        response = await client.get_policies()
    except GatewayError as error:
        raise StepFailed(f"GetPolicies: {error}") from error
    names = ", ".join(policy.attributes.common_name for policy in response.policies or ())
    print(f"policy fetched      {who} may enroll {names}")


async def be_issued(client: EnrollmentClient, request: bytes, template: str, how: str) -> bytes:
    """The certificate (DER)."""
    try:
        response = await client.issue(request, template)
    except GatewayError as error:
        raise StepFailed(f"Issue {how}: {error}") from error
    if not isinstance(response, Issued):
        raise StepFailed(f"Issue {how}: the request is pending")
    certificate = x509.load_der_x509_certificate(response.certificate)
    issuer = certificate.issuer.rfc4514_string()
    print(f"certificate issued  {certificate.subject.rfc4514_string()} {how},")
    print(f"                    by {issuer}, until {certificate.not_valid_after_utc:%Y-%m-%d}")
    return response.certificate


async def be_refused(client: EnrollmentClient, request: bytes, template: str, audit: Path) -> None:
    """What the client is told, and what the audit record knows."""
    try:
        await client.issue(request, template)
    except GatewayError as error:
        # Either the fault's own text, or what our client makes of it: the call id is in both.
        line = await _line(audit, str(error))
        print(f"request refused     by a fault that names call {line['call_id']},")
        print(f"                    {line['hresult']}, because, as the audit record says:")
        for reason in _reasons(line):
            print(f"                    - {reason}")
        return
    raise StepFailed("a request was approved that had to be refused")


def _reasons(line: dict[str, Any]) -> list[str]:
    if "violations" not in line:
        diagnosis = f" ({line['diagnosis']} in docs/diagnosis.md)" if "diagnosis" in line else ""
        return [f"{line['reason']}{diagnosis}: {line['detail']}"]
    return [f"{v['rule']}: {v['field']} is {v['value']!r}, wanted {v['wanted']}" for v in line["violations"]]


async def _line(audit: Path, fault: str) -> dict[str, Any]:
    """The audit line of the call that the fault names. Nobody waits for such a line to be written."""
    for _ in range(_PATIENCE):
        for line in _lines(audit):
            if line["event"] == "refused" and line["call_id"] in fault:
                return line
        await asyncio.sleep(0.01)
    raise StepFailed(f"the refusal is not in the audit record {audit}")


def _lines(audit: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in audit.read_text(encoding="utf-8").splitlines()]


def check_audit(audit: Path) -> None:
    verification = verify(audit)
    if not verification.ok:
        raise StepFailed(f"the audit record is broken in line {verification.broken_line}: {verification.reason}")
    print(f"audit intact        {verification.count} lines, chained from the first to the last: {audit}")


def a_request(common_name: str, *dns_names: str) -> bytes:
    """A PKCS#10 with a fresh key, in DER."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateSigningRequestBuilder(
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])
    )
    if dns_names:
        builder = builder.add_extension(x509.SubjectAlternativeName(map(x509.DNSName, dns_names)), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
