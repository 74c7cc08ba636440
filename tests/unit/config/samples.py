"""A right configuration to change, and the files that it names."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from gateway.authn.password_file import hash_password
from gateway.config import Checked, load_configuration
from tests.certificates import a_client_certificate, a_server_certificate, an_authority
from tests.silver_tickets import Service, a_keytab

HOST = "enroll.partner.example"
REALM = "CORP.EXAMPLE"
PRINCIPALS = ("svc-gateway", f"HTTP/{HOST}")
POLICY = """
template: {name: PartnerWebServer}
rules:
  - name: own-hosts
    requesters: [{account: partner-a, authentication: [Certificate]}]
    key: [{algorithm: EC, curves: [secp256r1]}]
    keyUsage: {allow: [digitalSignature]}
    extendedKeyUsage: {allow: [serverAuth]}
"""


def a_configuration(directory: Path) -> dict[str, Any]:
    """Two services without Kerberos."""
    authority = an_authority(directory)
    server = a_server_certificate(authority, HOST)
    client = a_client_certificate(authority, "gateway")
    (directory / "policies").mkdir()
    (directory / "policies" / "web.yaml").write_text(POLICY)
    (directory / "passwords").write_text(f"alice:{hash_password('secret')}\n")
    trust = authority.certificate_path.name
    own = {"certificate": client.certificate_path.name, "key": client.key_path.name}
    return {
        "public_url": f"https://{HOST}",
        "listeners": [
            {
                "port": 8443,
                "certificate": server.certificate_path.name,
                "key": server.key_path.name,
                "client_certificates": "optional",
                "client_trust": trust,
            }
        ],
        "services": [
            {
                "name": "policy",
                "kind": "CEP",
                "authentication": "Certificate",
                "transition": "own_certificate",
                "upstream": {"url": "https://cep.corp.example/CEP", "trust": trust, **own},
            },
            {
                "name": "ca",
                "kind": "CES",
                "ca": "Corp Issuing CA 1",
                "authentication": "UsernamePassword",
                "verifier": "password_file",
                "transition": "pass_on_username_token",
                "upstream": {"url": "https://ces.corp.example/CES", "trust": trust},
            },
        ],
        "mapping": [{"name": "a", "issuer": "CN=Partner Root CA", "account": "partner-a"}],
        "policies": "policies",
        "password_file": "passwords",
        "audit": {"file": "audit.jsonl"},
    }


def a_configuration_with_a_realm(directory: Path) -> dict[str, Any]:
    """A service for each way in and inside that a realm adds; the first two are without."""
    content = a_configuration(directory)
    (directory / "gateway.keytab").write_bytes(a_keytab(*(Service(name, REALM, b"k" * 32) for name in PRINCIPALS)))
    (directory / "gateway.keytab").chmod(0o600)
    upstream = content["services"][1]["upstream"]
    content["realms"] = [
        {
            "name": REALM,
            "kerberos": {"account": "svc-gateway", "keytab": "gateway.keytab", "kdcs": ["dc1.corp.example"]},
            "directory": {"servers": ["dc1.corp.example"]},
            "impersonation": {"groups": ["pki-users"]},
        }
    ]
    by_password = {"authentication": "UsernamePassword", "verifier": "kerberos"}
    for name, transition, settings in (
        ("by-certificate", "protocol_transition", {"authentication": "Certificate"}),
        ("by-password", "user_ticket", by_password),
        ("by-ticket", "constrained_delegation", {"authentication": "Kerberos"}),
        ("renewal", "own_account", {"authentication": "Certificate"}),
    ):
        service = {"name": name, "kind": "CES", "ca": name, "realm": REALM, "transition": transition, **settings}
        content["services"].append(service | {"upstream": dict(upstream)})
    return content


def load(directory: Path, content: dict[str, Any]) -> Checked:
    file = directory / "gateway.yaml"
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    return load_configuration(file, datetime.now(UTC))
