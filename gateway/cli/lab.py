"""`ces-gateway lab`: an internal CA with CEP and CES, the gateway before it, and one partner who enrolls through it.

What it leaves in its directory (configuration, certificates, passwords, audit record) is a set to try things with.
"""

import argparse
import asyncio
import json
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.app import App
from gateway.audit import verify
from gateway.cli.enroll import EnrollmentClient
from gateway.cli.lab_configuration import Ports, write_configuration
from gateway.config import load_configuration
from gateway.errors import GatewayError
from gateway.lab.server import CA_1, Lab
from gateway.lab.world import GATEWAY_HOST, World, WorldUnusable, open_or_create
from gateway.protocol.security import Secret, UsernameToken
from gateway.protocol.soap import UpstreamRefused
from gateway.protocol.wstep import Issued
from gateway.telemetry import configure_logging
from gateway.transition.credential import OwnCertificate
from gateway.upstream.settings import UpstreamSettings
from gateway.upstream.soap_client import SoapClient

ALICE = "alice@partner-a.example"
TEMPLATE = "PartnerWebServer"
ALLOWED_NAME = "www.partner-a.example"
REFUSED_NAME = "www.somebody-else.example"

_PATIENCE = 1000
"""Looks at the audit record, a hundredth of a second apart, before the line of a refusal is given up."""


class StepFailed(Exception):
    """The demonstration did not go as it must."""


def run(options: argparse.Namespace) -> int:
    """Start everything, enroll once, then serve until a signal (or exit, with --once). 1 if any step failed."""
    try:
        world = open_or_create(options.directory)
        asyncio.run(_run(world, once=options.once))
    except (StepFailed, WorldUnusable) as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    return 0


async def _run(world: World, *, once: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    with (world.directory / "gateway.log").open("a", encoding="utf-8") as log:
        configure_logging("info", log)
        async with Lab(world) as lab:
            ports = Ports.free()
            file = write_configuration(world, lab, ports)
            async with App(load_configuration(file, datetime.now(UTC))) as app:
                await _demonstrate(world, ports, app)
                _print_addresses(file, ports)
                if not once:
                    print("\nServing until Ctrl-C.", flush=True)
                    await stop.wait()


async def _demonstrate(world: World, ports: Ports, app: App) -> None:
    """Every step prints what happened, or raises StepFailed."""
    password = UsernameToken(ALICE, Secret(world.passwords[ALICE]))
    audit = app.configuration.audit.file

    cep = _settings(world, ports.url(ports.https, "/ADPolicyProvider_CEP_UsernamePassword/service.svc/CEP"))
    async with SoapClient(cep, _now) as client:
        await _fetch_policy(EnrollmentClient(client, password))

    ces = _settings(world, ports.url(ports.https, f"/{CA_1}_CES_UsernamePassword/service.svc/CES"))
    async with SoapClient(ces, _now) as client:
        await _be_issued(EnrollmentClient(client, password), "by password")
        await _be_refused(EnrollmentClient(client, password), audit)

    by_certificate = _settings(
        world, ports.url(ports.https_certificate, f"/{CA_1}_CES_Certificate/service.svc/CES"), certificate=True
    )
    async with SoapClient(by_certificate, _now) as client:
        await _be_issued(EnrollmentClient(client, OwnCertificate()), "by client certificate")

    _check_audit(audit)


def _now() -> datetime:
    return datetime.now(UTC)


def _settings(world: World, url: str, *, certificate: bool = False) -> UpstreamSettings:
    """As a partner's machine would be set up; only that the public name leads to this one."""
    port = url.removeprefix(f"https://{GATEWAY_HOST}:").partition("/")[0]
    return UpstreamSettings(
        url=url,
        trust=world.public_ca,
        server_address=f"127.0.0.1:{port}",
        certificate=world.partner_a.certificate if certificate else None,
        key=world.partner_a.key if certificate else None,
    )


async def _fetch_policy(client: EnrollmentClient) -> None:
    try:
        response = await client.get_policies()
    except GatewayError as error:
        raise StepFailed(f"GetPolicies: {error}") from error
    names = ", ".join(policy.attributes.common_name for policy in response.policies or ())
    print(f"policy fetched      {ALICE} may enroll {names}")


async def _be_issued(client: EnrollmentClient, how: str) -> None:
    request = a_request(ALLOWED_NAME)
    try:
        response = await client.issue(request, TEMPLATE)
    except GatewayError as error:
        raise StepFailed(f"Issue {how}: {error}") from error
    if not isinstance(response, Issued):
        raise StepFailed(f"Issue {how}: the request is pending")
    certificate = x509.load_der_x509_certificate(response.certificate)
    issuer = certificate.issuer.rfc4514_string()
    print(f"certificate issued  {certificate.subject.rfc4514_string()} {how},")
    print(f"                    by {issuer}, until {certificate.not_valid_after_utc:%Y-%m-%d}")


async def _be_refused(client: EnrollmentClient, audit: Path) -> None:
    try:
        await client.issue(a_request(REFUSED_NAME), TEMPLATE)
    except UpstreamRefused as error:
        detail = error.fault.detail
        if detail is None or detail.error_code is None:
            raise StepFailed(f"the refusal carries no HRESULT: {error.fault.reason}") from error
        print(f"request refused     {error.fault.reason}")
        print(f"                    0x{detail.error_code & 0xFFFFFFFF:08X}, because, as the audit record says:")
        for reason in await _reasons(audit, error.fault.reason):
            print(f"                    - {reason}")
        return
    except GatewayError as error:
        raise StepFailed(f"a refusal was expected, not: {error}") from error
    raise StepFailed(f"a certificate for {REFUSED_NAME} was issued")


async def _reasons(audit: Path, fault: str) -> list[str]:
    """The violations in the audit line of the call that the fault names. Nobody waits for such a line to be written."""
    for _ in range(_PATIENCE):
        for line in map(json.loads, _lines(audit)):
            if line["event"] == "refused" and line["call_id"] in fault:
                return [
                    f"{v['rule']}: {v['field']} is {v['value']!r}, wanted {v['wanted']}" for v in line["violations"]
                ]
        await asyncio.sleep(0.01)
    raise StepFailed(f"the refusal is not in the audit record {audit}")


def _lines(audit: Path) -> list[str]:
    return audit.read_text(encoding="utf-8").splitlines()


def _check_audit(audit: Path) -> None:
    verification = verify(audit)
    if not verification.ok:
        raise StepFailed(f"the audit record is broken in line {verification.broken_line}: {verification.reason}")
    print(f"audit intact        {verification.count} lines, chained from the first to the last: {audit}")


def _print_addresses(configuration: Path, ports: Ports) -> None:
    print(f"policy service      {ports.url(ports.https, '/ADPolicyProvider_CEP_UsernamePassword/service.svc/CEP')}")
    print(f"enrollment service  {ports.url(ports.https, f'/{CA_1}_CES_UsernamePassword/service.svc/CES')}")
    print(f"  by certificate    {ports.url(ports.https_certificate, f'/{CA_1}_CES_Certificate/service.svc/CES')}")
    print(f"                    ({GATEWAY_HOST} is 127.0.0.1 here: --connect 127.0.0.1:{ports.https})")
    print(f"metrics, health     http://127.0.0.1:{ports.management}/metrics, /livez, /readyz")
    print(f"configuration       {configuration}")


def a_request(dns_name: str) -> bytes:
    """A PKCS#10 for a TLS server, with a fresh key, in DER."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateSigningRequestBuilder(
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, dns_name)])
    ).add_extension(x509.SubjectAlternativeName([x509.DNSName(dns_name)]), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
