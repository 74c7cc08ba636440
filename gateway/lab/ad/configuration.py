"""The configuration files of a domain: smb.conf of its controller, krb5.conf of its clients."""

from collections.abc import Iterable
from pathlib import Path

HOST_NAME = "dc1"

_SMB_CONF = """\
[global]
  realm = {realm}
  workgroup = {netbios}
  netbios name = {host}
  server role = active directory domain controller
  server services = ldap cldap kdc
  interfaces = {address}/8
  bind interfaces only = yes
  disable netbios = yes
  server multi channel support = no
  tls enabled = no
  private dir = {directory}/private
  state directory = {directory}/state
  cache directory = {directory}/cache
  lock directory = {directory}/lock
  pid directory = {directory}/run
  binddns dir = {directory}/bind-dns
  ncalrpc dir = {directory}/ncalrpc
  ntp signd socket directory = {directory}/ntp
  winbindd socket directory = {directory}/winbindd
  logging = file
  log file = {directory}/log/samba.log
  log level = 1 kerberos:3 auth:1
  max log size = 0
  panic action =
[sysvol]
  path = {directory}/state/sysvol
  read only = no
[netlogon]
  path = {directory}/state/sysvol/{dns_domain}/scripts
  read only = no
"""

_KRB5_CONF = """\
[libdefaults]
  default_realm = {default_realm}
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_uri_lookup = false
  dns_canonicalize_hostname = false
  rdns = false
  udp_preference_limit = 1
  forwardable = true
[realms]
{realms}
[domain_realm]
{hosts}
"""


def smb_conf(directory: Path, realm: str, netbios: str, address: str) -> str:
    """For a controller that has all of its files in `directory` and listens on `address` alone."""
    return _SMB_CONF.format(
        directory=directory, realm=realm, dns_domain=realm.lower(), netbios=netbios, address=address, host=HOST_NAME
    )


def krb5_conf(realms: Iterable[tuple[str, str]]) -> str:
    """For clients of these realms, each with the address of its KDC; the first one is the default.

    Knows nothing of the machine's own realms and asks no DNS. A host belongs to the realm that its name ends with.
    """
    realms = tuple(realms)
    names = [realm for realm, _ in realms]
    return _KRB5_CONF.format(
        default_realm=names[0],
        realms="\n".join(f"  {realm} = {{\n    kdc = {address}:88\n  }}" for realm, address in realms),
        hosts="\n".join(f"  .{realm.lower()} = {realm}\n  {realm.lower()} = {realm}" for realm in names),
    )
