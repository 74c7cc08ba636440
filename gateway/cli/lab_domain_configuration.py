"""The configuration that `ces-gateway lab --ad` writes: a realm, and a service for each way of authentication."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gateway.cli.lab_configuration import Ports, everywhere, write_file
from gateway.lab.domain import Domain
from gateway.lab.server import CA_1, Lab, ServiceKind
from gateway.lab.world import GATEWAY_HOST, World

_SERVICES: tuple[dict[str, Any], ...] = (
    {"authentication": "Certificate", "transition": "protocol_transition"},
    {"authentication": "UsernamePassword", "verifier": "kerberos", "transition": "user_ticket"},
    {"authentication": "Kerberos", "transition": "constrained_delegation"},
)
"""Each with the transition that asks for the least trust in the gateway."""

_SHORT_NAMES = {"Certificate": "certificate", "UsernamePassword": "password", "Kerberos": "kerberos"}


def write_domain_configuration(world: World, lab: Lab, domain: Domain, ports: Ports) -> Path:
    """Write `gateway.yaml` and the policies into the world's directory; the path of the first."""
    return write_file(world, domain_configuration(world, lab, domain, ports))


def domain_configuration(world: World, lab: Lab, domain: Domain, ports: Ports) -> dict[str, Any]:
    """The file's content. Paths are relative to it, but for those of the domain."""
    suffixes = (domain.dns_domain, *domain.spec.upn_suffixes)
    return everywhere(world, ports) | {
        "realms": [
            {
                "name": domain.realm,
                "kerberos": {
                    "account": "svc-gateway",
                    "keytab": str(domain.keytab("svc-gateway")),
                    "kdcs": [domain.address],
                },
                "directory": {"servers": [domain.address]},
                "impersonation": {"groups": ["pki-users"]},
            }
        ],
        "mapping": [
            {
                "name": "people",
                "issuer_certificate": world.partner_ca.name,
                "account_from": "userPrincipalName",
                "accounts_within": [f"@{suffix}" for suffix in suffixes],
            }
        ],
        "services": [*_services(world, lab, domain, ports)],
    }


def _services(world: World, lab: Lab, domain: Domain, ports: Ports) -> Iterator[dict[str, Any]]:
    ca_url = lab.ces_uri(ServiceKind.KERBEROS, CA_1)
    for service in _SERVICES:
        name = _SHORT_NAMES[service["authentication"]]
        # On the listener that asks for client certificates.
        url = {"public_url": f"https://{GATEWAY_HOST}:{ports.https_certificate}"} if name == "certificate" else {}
        for what, inside in (
            ({"name": f"cep-{name}", "kind": "CEP"}, lab.cep_uri(ServiceKind.KERBEROS)),
            ({"name": f"ca1-{name}", "kind": "CES", "ca": CA_1}, ca_url),
        ):
            upstream = {
                "url": inside,
                "trust": world.internal_ca.name,
                "server_address": f"127.0.0.1:{lab.port(ServiceKind.KERBEROS)}",
            }
            yield what | service | url | {"realm": domain.realm, "upstream": upstream}
