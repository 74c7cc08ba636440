"""What is the same for all accounts of a domain: its NetBIOS name and its lock-out policy."""

from dataclasses import dataclass

from gateway.account import LockoutPolicy
from gateway.directory.search import EVERY_OBJECT, Attribute, Entry, Scope, Search, all_of, equal

_TICKS_PER_SECOND = 10_000_000


@dataclass(frozen=True, slots=True)
class Domain:
    netbios_name: str
    lockout_policy: LockoutPolicy


def base_dn_of(realm: str) -> str:
    """Active Directory's realm is the domain's DNS name in upper case, and each label a DC (RFC 2247)."""
    return ",".join(f"DC={label}" for label in realm.lower().split("."))


ROOT_DSE = Search("", Scope.BASE_OBJECT, EVERY_OBJECT, (Attribute.CONFIGURATION_NAMING_CONTEXT,))


def head_of(base_dn: str) -> Search:
    """The domain's own object."""
    attributes = (Attribute.LOCKOUT_THRESHOLD, Attribute.LOCKOUT_OBSERVATION_WINDOW)
    return Search(base_dn, Scope.BASE_OBJECT, EVERY_OBJECT, attributes)


def cross_reference_of(base_dn: str, root_dse: Entry) -> Search:
    """[MS-ADTS] 6.1.1.2.1.1: where a domain's NetBIOS name is. Raises ValueError."""
    configuration = root_dse.text(Attribute.CONFIGURATION_NAMING_CONTEXT)
    if configuration is None:
        raise ValueError("the server does not say where its configuration is")
    of_the_domain = all_of(equal("objectClass", "crossRef"), equal("nCName", base_dn))
    return Search(f"CN=Partitions,{configuration}", Scope.WHOLE_SUBTREE, of_the_domain, (Attribute.NETBIOS_NAME,))


def domain_of(head: Entry, cross_reference: Entry) -> Domain:
    """Raises ValueError."""
    threshold = head.number(Attribute.LOCKOUT_THRESHOLD)
    window = head.number(Attribute.LOCKOUT_OBSERVATION_WINDOW)
    netbios_name = cross_reference.text(Attribute.NETBIOS_NAME)
    if threshold is None or window is None or netbios_name is None:
        raise ValueError(
            "the domain's lock-out policy or NetBIOS name is not shown: may the gateway's account read it?"
        )
    # An interval is negative ([MS-ADTS] 3.1.1.8.4.4).
    return Domain(netbios_name, LockoutPolicy(threshold, -window / _TICKS_PER_SECOND))
