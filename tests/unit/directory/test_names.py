import pytest

from gateway.directory.names import ACCOUNTS, account_named
from gateway.directory.search import Filter, all_of, any_of, equal


def meaning(name: str) -> Filter | None:
    return account_named(name, netbios_name="CORP", dns_name="CORP.EXAMPLE")


def sam(name: str) -> Filter:
    return all_of(ACCOUNTS, equal("sAMAccountName", name))


@pytest.mark.parametrize(
    ("name", "found"),
    [("alice", "alice"), ("PC1$", "PC1$"), ("CORP\\alice", "alice"), ("corp\\Alice", "Alice"), ("*)(", "*)(")],
)
def test_a_bare_name_and_one_with_this_domain_is_a_sam_account_name(name: str, found: str) -> None:
    assert meaning(name) == sam(found)


@pytest.mark.parametrize("name", ["alice@corp.example", "alice@CORP.EXAMPLE"])
def test_a_name_with_the_domains_own_suffix_may_be_an_implicit_principal_name_too(name: str) -> None:
    assert meaning(name) == all_of(ACCOUNTS, any_of(equal("userPrincipalName", name), equal("sAMAccountName", "alice")))


@pytest.mark.parametrize("name", ["alice@partner.example", "alice@corp", "a@corp.example@partner.example"])
def test_another_suffix_is_of_explicit_principal_names_only(name: str) -> None:
    assert meaning(name) == all_of(ACCOUNTS, equal("userPrincipalName", name))


@pytest.mark.parametrize(
    "name",
    [
        "",
        "PARTNER\\alice",
        "corp.example\\alice",
        "CORP\\",
        "\\alice",
        "X\\CORP\\alice",
        "@corp.example",
        "alice@",
        "a" * 257,
        "alice\0",
        "alice\n",
        "ali\u202ece",
    ],
)
def test_what_can_be_nobody_here_is_not_looked_for(name: str) -> None:
    assert meaning(name) is None


def test_groups_contacts_and_trusts_are_no_accounts() -> None:
    assert ACCOUNTS == "(|(sAMAccountType=805306368)(sAMAccountType=805306369))"
