"""The gateway's configuration for the benchmark: an ordinary one, with limits that let a single client be a crowd."""

from pathlib import Path
from typing import Any

import yaml

from tests.bench.world import CA_NAME, CES_PATH, CLIENT, HOST, SERVER, TEMPLATE, World
from tests.rates import PLENTY

DOMAIN = "." + HOST.partition(".")[2]


def gateway_config(
    world: World, directory: Path, port: int, management_port: int, upstream_port: int
) -> dict[str, Any]:
    """gateway.yaml: one CES service that clients reach, and the gateway goes on, by certificate."""
    return {
        "public_url": f"https://localhost:{port}",
        "listeners": [
            {
                "address": "127.0.0.1",
                "port": port,
                "certificate": str(world.certificate(SERVER)),
                "key": str(world.key(SERVER)),
                "client_certificates": "required",
                "client_trust": str(world.trust),
            }
        ],
        "management": {"address": "127.0.0.1", "port": management_port},
        "limits": {"max_connections": 20_000, "max_connections_per_address": 20_000},
        "rate_limits": PLENTY,
        "mapping": [
            {
                "name": "bench",
                "issuer": f"CN={CA_NAME}",
                "account_from": "dNSName",
                "accounts_within": [DOMAIN],
            }
        ],
        "services": [
            {
                "name": "bench-ca",
                "kind": "CES",
                "ca": CA_NAME,
                "authentication": "Certificate",
                "transition": "own_certificate",
                "upstream": {
                    "url": f"https://localhost:{upstream_port}{CES_PATH}",
                    "trust": str(world.trust),
                    "certificate": str(world.certificate(CLIENT)),
                    "key": str(world.key(CLIENT)),
                },
            }
        ],
        "policies": str(directory / "policies"),
        "audit": {"file": str(directory / "audit.jsonl")},
    }


def policy() -> dict[str, Any]:
    """The policy of the one template that is asked for: every section is used."""
    return {
        "template": {"name": TEMPLATE},
        "rules": [
            {
                "name": "machines",
                "requesters": [{"account": {"suffix": DOMAIN}, "authentication": ["Certificate"]}],
                "key": [
                    {"algorithm": "RSA", "minimumKeyLength": 2048},
                    {"algorithm": "EC", "curves": ["secp256r1"]},
                ],
                "subject": {"commonName": {"allow": [{"suffix": DOMAIN}]}},
                "subjectAlternativeName": {"dNSName": {"allow": [{"suffix": DOMAIN}], "mandatory": True}},
                "keyUsage": {"allow": ["digitalSignature", "keyEncipherment"]},
                "extendedKeyUsage": {"allow": ["clientAuth", "serverAuth"]},
                "extensions": ["subjectKeyIdentifier"],
            }
        ],
    }


def write_configuration(world: World, directory: Path, port: int, management_port: int, upstream_port: int) -> Path:
    """Write gateway.yaml with its policies, and return its path."""
    policies = directory / "policies"
    policies.mkdir(parents=True, exist_ok=True)
    (policies / "machine.yaml").write_text(yaml.safe_dump(policy(), sort_keys=False))
    file = directory / "gateway.yaml"
    config = gateway_config(world, directory, port, management_port, upstream_port)
    file.write_text(yaml.safe_dump(config, sort_keys=False))
    return file
