"""The configuration that `ces-gateway lab` writes: a complete one, made to be read and changed."""

import socket
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from gateway.authn.password_file import hash_password
from gateway.lab.server import CA_1, CA_2, Lab, ServiceKind
from gateway.lab.world import GATEWAY_HOST, KeyPair, World

_HEADER = """\
# Written by `ces-gateway lab`: the gateway in front of the embedded lab.
# Check changes with: ces-gateway check-config --config FILE
"""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the lab's gateway listens on 127.0.0.1."""

    https: int
    """No client certificates asked for."""
    https_certificate: int
    """Client certificates required."""
    management: int

    @classmethod
    def free(cls) -> Self:
        """The well-known ones, or whatever is free where they are taken."""
        with ExitStack() as stack:
            return cls(*(_free(port, stack) for port in (8443, 8444, 9090)))

    def url(self, port: int, path: str) -> str:
        """A service at the gateway's public name."""
        return f"https://{GATEWAY_HOST}:{port}{quote(path)}"


def _free(port: int, stack: ExitStack) -> int:
    for candidate in (port, 0):
        try:
            bound = stack.enter_context(socket.create_server(("127.0.0.1", candidate)))
        except OSError:
            continue
        return int(bound.getsockname()[1])
    raise OSError("no free port on 127.0.0.1")


def example_policies() -> Path:
    """The policy files that come with the program: in the wheel beside the package's code, in a checkout above it."""
    package = Path(__file__).parent.parent
    installed = package / "policies"
    return installed if installed.is_dir() else package.parent / "policies"


def write_configuration(world: World, lab: Lab, ports: Ports) -> Path:
    """Write `gateway.yaml`, the password file and the policies into the world's directory; the path of the first."""
    partners = {name: password for name, password in world.passwords.items() if "partner" in name}
    passwords = world.directory / "passwords"
    passwords.write_text("".join(f"{name}:{hash_password(password)}\n" for name, password in partners.items()))
    passwords.chmod(0o600)
    return write_file(world, configuration(world, lab, ports))


def write_file(world: World, content: dict[str, Any]) -> Path:
    """Write a configuration, and the policies that it names; the path of the first."""
    directory = world.directory.resolve()
    _copy_policies(directory / "policies")
    file = directory / "gateway.yaml"
    file.write_text(_HEADER + yaml.safe_dump(content, sort_keys=False, width=110))
    return file


def _copy_policies(directory: Path) -> None:
    """Those that are there stay: somebody may have changed them to try something."""
    directory.mkdir(exist_ok=True)
    for source in sorted(example_policies().glob("*.yaml")):
        target = directory / source.name
        if not target.exists():
            target.write_text(source.read_text())


def configuration(world: World, lab: Lab, ports: Ports) -> dict[str, Any]:
    """The file's content. Paths are relative to it."""
    certificate_url = f"https://{GATEWAY_HOST}:{ports.https_certificate}"
    return everywhere(world, ports) | {
        "password_file": "passwords",
        "mapping": [
            {"name": f"partner-{letter}", "fingerprint": _fingerprint(pair), "account": f"partner-{letter}"}
            for letter, pair in (("a", world.partner_a), ("b", world.partner_b))
        ],
        "services": [
            _by_password("cep-password", {"kind": "CEP"}, lab.cep_uri(ServiceKind.USERNAME_PASSWORD), world, lab),
            _by_certificate("cep-certificate", {"kind": "CEP"}, lab.cep_uri(ServiceKind.CERTIFICATE), world, lab)
            | {"public_url": certificate_url},
            *(
                service
                for short, ca in (("ca1", CA_1), ("ca2", CA_2))
                for service in (
                    _by_password(
                        f"{short}-password",
                        {"kind": "CES", "ca": ca},
                        lab.ces_uri(ServiceKind.USERNAME_PASSWORD, ca),
                        world,
                        lab,
                    ),
                    _by_certificate(
                        f"{short}-certificate",
                        {"kind": "CES", "ca": ca},
                        lab.ces_uri(ServiceKind.CERTIFICATE, ca),
                        world,
                        lab,
                    )
                    | {"public_url": certificate_url},
                )
            ),
        ],
    }


def everywhere(world: World, ports: Ports) -> dict[str, Any]:
    """What is the same whoever is served: where, with which certificate, and by which policies."""
    server = _files(world.gateway_server)
    return {
        "public_url": f"https://{GATEWAY_HOST}:{ports.https}",
        "listeners": [
            {"address": "127.0.0.1", "port": ports.https, **server},
            {
                "address": "127.0.0.1",
                "port": ports.https_certificate,
                **server,
                "client_certificates": "required",
                "client_trust": world.partner_ca.name,
            },
        ],
        "certification_authorities": authorities(world),
        "management": {"address": "127.0.0.1", "port": ports.management},
        "policies": "policies",
        "audit": {"file": "audit.jsonl"},
    }


def authorities(world: World) -> list[dict[str, Any]]:
    """The issuing CAs of the lab that runs, as it has published them."""
    return [
        {"name": name, "certificates": world.authority(name).name, "crl": [world.revocation_list(name).name]}
        for name in (CA_1, CA_2)
    ]


def _by_password(name: str, what: dict[str, str], url: str, world: World, lab: Lab) -> dict[str, Any]:
    """The gateway verifies the password, and passes it on."""
    return {
        "name": name,
        **what,
        "authentication": "UsernamePassword",
        "verifier": "password_file",
        "transition": "pass_on_username_token",
        "upstream": {
            "url": url,
            "trust": world.internal_ca.name,
            "server_address": f"127.0.0.1:{lab.port(ServiceKind.USERNAME_PASSWORD)}",
        },
    }


def _by_certificate(name: str, what: dict[str, str], url: str, world: World, lab: Lab) -> dict[str, Any]:
    """The gateway shows its own certificate inside."""
    return {
        "name": name,
        **what,
        "authentication": "Certificate",
        "transition": "own_certificate",
        "upstream": {
            "url": url,
            "trust": world.internal_ca.name,
            **_files(world.gateway_client),
            "server_address": f"127.0.0.1:{lab.port(ServiceKind.CERTIFICATE)}",
        },
    }


def _files(pair: KeyPair) -> dict[str, str]:
    return {"certificate": pair.certificate.name, "key": pair.key.name}


def _fingerprint(pair: KeyPair) -> str:
    return x509.load_pem_x509_certificate(pair.certificate.read_bytes()).fingerprint(hashes.SHA256()).hex()
