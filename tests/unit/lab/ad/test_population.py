"""The domains' descriptions hang together."""

from ipaddress import ip_address, ip_network

import pytest

from gateway.lab.ad.population import CORP, WOODGROVE, DomainSpec, UserAccountControl

DOMAINS = pytest.mark.parametrize("spec", [CORP, WOODGROVE], ids=lambda spec: spec.netbios)


@DOMAINS
def test_every_account_is_there_once(spec: DomainSpec) -> None:
    names = [account.name for account in spec.accounts]

    assert len(set(names)) == len(names) == 65


@DOMAINS
def test_groups_have_members_that_exist(spec: DomainSpec) -> None:
    known = {account.name for account in spec.accounts} | spec.groups.keys()

    assert all(known.issuperset(members) for members in spec.groups.values())


@DOMAINS
def test_tickets_are_delegated_to_services_that_exist(spec: DomainSpec) -> None:
    accounts = {account.name: account for account in spec.accounts}
    services = accounts["svc-ces"].attributes["servicePrincipalName"]

    assert services == (f"HTTP/ces.{spec.dns_domain}", f"HTTP/cep.{spec.dns_domain}")
    assert accounts["svc-gateway"].attributes["msDS-AllowedToDelegateTo"] == services
    assert accounts["svc-gateway3"].attributes["msDS-AllowedToDelegateTo"] == services
    assert "msDS-AllowedToDelegateTo" not in accounts["svc-gateway2"].attributes


@DOMAINS
def test_one_account_may_change_the_protocol(spec: DomainSpec) -> None:
    flag = UserAccountControl.TRUSTED_TO_AUTHENTICATE_FOR_DELEGATION

    assert [account.name for account in spec.accounts if flag in account.control] == ["svc-gateway"]


def test_the_domains_share_no_name_and_no_address() -> None:
    addresses = (*CORP.addresses, *WOODGROVE.addresses)

    assert len(set(addresses)) == len(addresses)
    assert all(ip_address(address) in ip_network("127.0.0.0/8") for address in addresses)
    assert {CORP.netbios, *CORP.upn_suffixes}.isdisjoint({WOODGROVE.netbios, *WOODGROVE.upn_suffixes})


def test_a_domain_is_named_by_its_realm() -> None:
    assert CORP.dns_domain == "corp.fabrikam.example"
    assert CORP.base_dn == "DC=corp,DC=fabrikam,DC=example"
