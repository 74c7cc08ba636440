import json

from gateway.policy.examples import RequesterFacts
from gateway.requester import Requester
from gateway.trial.requesters import requester_of


def a_requester(**facts: object) -> Requester:
    return requester_of(RequesterFacts.model_validate_json(json.dumps({"authentication": "Kerberos", **facts})))


def test_nobody_vouches_for_the_requester_of_an_example() -> None:
    requester = a_requester(account="alice", partner="Partner A", mappingRule="a rule")

    assert (requester.account, requester.authentication) == ("alice", "Kerberos")
    assert (requester.partner, requester.mapping_rule) == ("Partner A", "a rule")
    assert requester.directory_account is None
    assert not requester.is_verified


def test_what_a_directory_would_say_makes_an_account() -> None:
    account = a_requester(
        account="pc1$@corp.example",
        groups=["PKI-Computers"],
        groupSids=["S-1-5-21-1-2-3-515"],
        organizationalUnit="OU=Servers,DC=corp,DC=example",
        userPrincipalName="pc1@corp.example",
        dNSHostName="pc1.corp.example",
        mail="pc1@mail.example",
        commonName="PC1",
        displayName="A computer",
        objectSid="S-1-5-21-1-2-3-1105",
    ).directory_account

    assert account is not None
    assert (account.name, account.realm, account.sam_account_name) == ("pc1$@corp.example", "CORP.EXAMPLE", "pc1$")
    assert account.groups == {"pki-computers"}
    assert account.group_sids == {"S-1-5-21-1-2-3-515"}
    assert account.distinguished_name == "CN=PC1,OU=Servers,DC=corp,DC=example"
    assert account.sid == "S-1-5-21-1-2-3-1105"
    assert (account.user_principal_name, account.mail) == ("pc1@corp.example", "pc1@mail.example")
    assert (account.common_name, account.display_name, account.dns_host_name) == (
        "PC1",
        "A computer",
        "pc1.corp.example",
    )


def test_what_is_not_said_of_an_account_is_made_up() -> None:
    account = a_requester(account="alice@corp.example", mail="alice@corp.example").directory_account

    assert account is not None
    assert account.distinguished_name == "CN=alice,CN=Users,DC=corp,DC=example"
    assert account.sid.startswith("S-1-5-21-")


def test_a_distinguished_name_is_taken_as_it_is() -> None:
    account = a_requester(account="alice@corp.example", distinguishedName="CN=A,DC=x").directory_account

    assert account is not None
    assert account.distinguished_name == "CN=A,DC=x"
