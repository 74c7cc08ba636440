"""The files of a lab: the certificates, keys and passwords that the lab, a gateway under test and its partners use.

    world = create_world(Path("lab-state"))   # or open_world(), open_or_create()
    world.internal_ca                         # what a gateway trusts when it calls the internal CEP and CES
    world.gateway_client                      # its own certificate towards the internal Certificate services
    world.gateway_server                      # its TLS certificate towards the partners: enroll.fabrikam.example
    world.partner_ca                          # the trust file of its listener for client certificates
    world.partner_a.certificate               # what partner A shows there
    world.passwords["alice@partner-a.example"]

Everything is throw-away: valid from a day ago, for at most 30 days, keys in the clear.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

from gateway.lab import accounts, credentials
from gateway.lab.credentials import Issuer, KeyPair

__all__ = [
    "CEP_HOST",
    "CES_HOST",
    "GATEWAY_HOST",
    "KeyPair",
    "World",
    "WorldUnusable",
    "create_world",
    "open_or_create",
    "open_world",
]

CEP_HOST = "cep.corp.fabrikam.example"
CES_HOST = "ces.corp.fabrikam.example"
GATEWAY_HOST = "enroll.fabrikam.example"

_MANIFEST = "world.json"


class WorldUnusable(Exception):
    """The directory holds no world, or one that has expired."""


@dataclass(frozen=True, slots=True)
class World:
    """Where everything lies. PEM throughout."""

    directory: Path
    expires: datetime
    """Aware, UTC: when the first certificate that is meant to be valid runs out."""
    passwords: Mapping[str, str]
    """By user principal name: alice@partner-a.example, bob@partner-b.example and the gateway's service account."""

    @property
    def internal_ca(self) -> Path:
        """The root of the internal PKI: of the services' TLS certificates and of the issuing CAs."""
        return self.directory / "ca.pem"

    @property
    def internal_root(self) -> KeyPair:
        """The internal root with its key, for the lab alone."""
        return KeyPair(self.internal_ca, self.directory / "ca.key.pem")

    @property
    def internal_services(self) -> KeyPair:
        """TLS certificate of the lab's CEP and CES: their internal names, localhost and 127.0.0.1."""
        return self._pair("internal-services")

    @property
    def gateway_client(self) -> KeyPair:
        """The gateway's client certificate; internal Certificate services map it to its service account."""
        return self._pair("gateway-client")

    @property
    def public_ca(self) -> Path:
        """What partners trust: the root of the gateway's TLS certificate."""
        return self.directory / "public-ca.pem"

    @property
    def gateway_server(self) -> KeyPair:
        """The gateway's TLS certificate: enroll.fabrikam.example, localhost and 127.0.0.1."""
        return self._pair("gateway-server")

    @property
    def partner_ca(self) -> Path:
        """What the gateway trusts: the root of the partners' client certificates."""
        return self.directory / "partner-ca.pem"

    @property
    def partner_root(self) -> KeyPair:
        """That root with its key, for the lab and for tests alone."""
        return KeyPair(self.partner_ca, self.directory / "partner-ca.key.pem")

    @property
    def partner_a(self) -> KeyPair:
        return self._pair("partner-a")

    @property
    def partner_b(self) -> KeyPair:
        return self._pair("partner-b")

    @property
    def partner_a_expired(self) -> KeyPair:
        """As partner A's, of the partner CA, but it ran out an hour ago."""
        return self._pair("partner-a-expired")

    @property
    def stranger(self) -> KeyPair:
        """Names alice@partner-a.example too, but comes from a CA that nobody trusts."""
        return self._pair("stranger")

    def revocation_list(self, ca_name: str) -> Path:
        """The issuing CA's CRL, in DER: written when a lab starts, and anew by `Lab.revoke`."""
        return self.directory / f"{ca_name}.crl"

    def authority(self, ca_name: str) -> Path:
        """The issuing CA's certificate: another one each time a lab starts."""
        return self.directory / f"{ca_name}.pem"

    def _pair(self, name: str) -> KeyPair:
        return KeyPair(self.directory / f"{name}.pem", self.directory / f"{name}.key.pem")


def create_world(directory: Path) -> World:
    """Write a new world into the directory, which is made if need be; files of an older world are replaced."""
    directory.mkdir(parents=True, exist_ok=True)
    internal = Issuer.root("Fabrikam Root CA")
    public = Issuer.root("Public Web Root CA")
    partners = Issuer.root("Partner Client CA")
    strangers = Issuer.root("Partner Client CA")  # the same name on purpose: only the key tells them apart

    passwords = {account.user_principal_name: secrets.token_urlsafe(18) for account in accounts.ACCOUNTS}
    world = World(directory, internal.not_after, MappingProxyType(passwords))
    internal.write(world.internal_root)
    internal.issue_server((CES_HOST, CEP_HOST)).write(world.internal_services)
    internal.issue_client(accounts.GATEWAY_SERVICE, "Fabrikam").write(world.gateway_client)
    public.write_certificate(world.public_ca)
    public.issue_server((GATEWAY_HOST,)).write(world.gateway_server)
    partners.write(world.partner_root)
    partners.issue_client(accounts.ALICE, "Partner A").write(world.partner_a)
    partners.issue_client(accounts.BOB, "Partner B").write(world.partner_b)
    partners.issue_client(accounts.ALICE, "Partner A", expired=True).write(world.partner_a_expired)
    strangers.issue_client(accounts.ALICE, "Partner A").write(world.stranger)
    # Written last: a directory with a manifest holds a whole world.
    manifest = {"expires": world.expires.isoformat(), "passwords": passwords}
    credentials.write_private(directory / _MANIFEST, json.dumps(manifest, indent=2).encode())
    return world


def open_world(directory: Path) -> World:
    """The world that `create_world` made there. Raises WorldUnusable."""
    try:
        manifest = json.loads((directory / _MANIFEST).read_bytes())
    except FileNotFoundError as error:
        raise WorldUnusable(f"{directory} holds no lab: create one") from error
    expires = datetime.fromisoformat(manifest["expires"])
    if expires <= datetime.now(UTC):
        raise WorldUnusable(f"the lab in {directory} expired on {expires:%Y-%m-%d}: remove it and create a new one")
    return World(directory, expires, MappingProxyType(manifest["passwords"]))


def open_or_create(directory: Path) -> World:
    """The world in that directory, made if there is none. Raises WorldUnusable for one that has expired."""
    return open_world(directory) if (directory / _MANIFEST).exists() else create_world(directory)
