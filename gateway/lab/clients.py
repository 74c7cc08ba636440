"""Client certificates of the partner CA for the accounts of a domain: what people show to a gateway before it."""

from collections.abc import Mapping
from types import MappingProxyType

from gateway.lab.credentials import Issuer, KeyPair
from gateway.lab.domain import Domain
from gateway.lab.domain_accounts import find_account
from gateway.lab.world import World


def issue_clients(world: World, domain: Domain) -> Mapping[str, KeyPair]:
    """One for each account, by sAMAccountName, in `clients/REALM` below the world; older ones are replaced.

    Each names its account by the UPN of now, the implicit one where there is no other.
    """
    issuer = Issuer.open(world.partner_root)
    directory = world.directory / "clients" / domain.realm
    directory.mkdir(parents=True, exist_ok=True)
    clients: dict[str, KeyPair] = {}
    for name in (account.name for account in domain.spec.accounts):
        clients[name] = KeyPair(directory / f"{name}.pem", directory / f"{name}.key.pem")
        issuer.issue_client(find_account(domain, name), "Partner A").write(clients[name])
    return MappingProxyType(clients)
