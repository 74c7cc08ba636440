import pytest

from gateway.account import LockoutPolicy
from gateway.directory.domain import Domain, base_dn_of, cross_reference_of, domain_of
from gateway.directory.search import Attribute, Entry

HEAD = Entry({Attribute.LOCKOUT_THRESHOLD: (b"3",), Attribute.LOCKOUT_OBSERVATION_WINDOW: (b"-18000000000",)})
CROSS_REFERENCE = Entry({Attribute.NETBIOS_NAME: (b"CORP",)})


def test_a_realm_is_a_distinguished_name() -> None:
    assert base_dn_of("CORP.FABRIKAM.EXAMPLE") == "DC=corp,DC=fabrikam,DC=example"


def test_intervals_are_negative_and_counted_in_100_ns() -> None:
    assert domain_of(HEAD, CROSS_REFERENCE) == Domain("CORP", LockoutPolicy(3, 1800.0))


@pytest.mark.parametrize(("head", "cross_reference"), [(Entry({}), CROSS_REFERENCE), (HEAD, Entry({}))])
def test_what_is_not_shown_is_not_made_up(head: Entry, cross_reference: Entry) -> None:
    with pytest.raises(ValueError, match="may the gateway's account read it"):
        domain_of(head, cross_reference)


def test_a_domain_of_a_forest_has_its_name_in_the_forests_configuration() -> None:
    root_dse = Entry({Attribute.CONFIGURATION_NAMING_CONTEXT: (b"CN=Configuration,DC=fabrikam,DC=example",)})

    search = cross_reference_of("DC=corp,DC=fabrikam,DC=example", root_dse)

    assert search.base_object == "CN=Partitions,CN=Configuration,DC=fabrikam,DC=example"
    with pytest.raises(ValueError, match="configuration"):
        cross_reference_of("DC=corp", Entry({}))
