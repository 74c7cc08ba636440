from dataclasses import replace

import pytest
import yaml

from gateway.policy.decision import Mode, NotPermitted, Policies, approve
from gateway.policy.load import load_policies
from gateway.policy.tamemycerts import Imported
from gateway.strict_yaml import Mistaken
from tests.builders import a_request, a_requester, an_application
from tests.unit.policy.tamemycerts.samples import A_NAME, TARGET, a_list, a_pattern, a_policy, a_rule, imported


def rule_of(outcome: Imported) -> dict[str, object]:
    (rule,) = yaml.safe_load(outcome.text)["rules"]
    assert isinstance(rule, dict)
    return rule


def loaded(outcome: Imported) -> Policies:
    return load_policies([("PartnerWebServer.yaml", outcome.text)])


def mapping(*elements: str) -> str:
    return f"<DirectoryServicesMapping>{''.join(elements)}</DirectoryServicesMapping>"


def test_a_policy_that_can_be_expressed_judges_as_the_original() -> None:
    outcome = imported(a_policy("<MinimumKeyLength>2048</MinimumKeyLength>"))

    assert outcome.open == ()
    policies = loaded(outcome)
    approve(policies, an_application(a_request(("commonName", "www.partner.example"))))
    for name in ("www.partner.examples", "WWW.partner.example"):
        with pytest.raises(NotPermitted, match="commonName"):
            approve(policies, an_application(a_request(("commonName", name))))
    named_twice = a_request(("commonName", "www.partner.example"), dns=["www.partner.example"])
    with pytest.raises(NotPermitted, match="dNSName"):
        approve(policies, an_application(named_twice))
    somebody_else = an_application(a_request(("commonName", "www.partner.example")), a_requester("partner-b"))
    with pytest.raises(NotPermitted, match="account"):
        approve(policies, somebody_else)


def test_the_template_is_named() -> None:
    assert yaml.safe_load(imported(a_policy()).text)["template"] == {"name": "PartnerWebServer", "oid": "1.2.3"}
    assert yaml.safe_load(imported(a_policy(), replace(TARGET, oid=None)).text)["template"] == {
        "name": "PartnerWebServer"
    }


def test_audit_only_is_the_mode_audit() -> None:
    assert yaml.safe_load(imported(a_policy("<AuditOnly>true</AuditOnly>")).text)["mode"] == Mode.AUDIT
    assert "mode" not in yaml.safe_load(imported(a_policy()).text)


# --- who --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("account", "expected"),
    [
        ("partner-a", "partner-a"),
        ("@partner.example", {"suffix": "@partner.example"}),
        (".partner.example", {"suffix": ".partner.example"}),
    ],
)
def test_who_may_request_is_asked_for(account: str, expected: object) -> None:
    rule = rule_of(imported(a_policy(), replace(TARGET, account=account)))

    assert rule["requesters"] == [{"account": expected, "authentication": ["Certificate"]}]


def test_nobody_is_guessed() -> None:
    outcome = imported(a_policy(), replace(TARGET, account=None, authentication=()))

    assert [text.split(":")[0] for text in outcome.open] == ["account", "authentication"]
    assert [list(requester) for requester in requesters_of(outcome)] == [["account", "authentication"]]
    with pytest.raises(Mistaken, match="account"):
        loaded(outcome)


def requesters_of(outcome: Imported) -> list[dict[str, object]]:
    requesters = rule_of(outcome)["requesters"]
    assert isinstance(requesters, list)
    return requesters


def test_groups_are_enough_to_know_who_may_request() -> None:
    group = a_list("AllowedSecurityGroups", "CN=Allowed,DC=corp,DC=example")
    outcome = imported(a_policy(mapping(group), names=UPN), replace(TARGET, account=None))

    assert [text.split(":")[0] for text in outcome.open] == ["groups"]


def test_groups_are_for_the_administrator_who_knows_what_they_are_called() -> None:
    group = "CN=Allowed,DC=corp,DC=example"
    outcome = imported(
        a_policy(mapping(a_list("AllowedSecurityGroups", group), a_list("DisallowedSecurityGroups", group)))
    )

    assert [text for text in outcome.open if group in text] == [
        f"groups: the sAMAccountName or SID of {group}",
        f"notGroups: the sAMAccountName or SID of {group}",
    ]
    (requester,) = requesters_of(outcome)
    assert list(requester) == ["account", "groups", "notGroups", "authentication"]
    with pytest.raises(Mistaken, match="notGroups"):
        loaded(outcome)


def test_organizational_units_are_taken_over() -> None:
    outcome = imported(
        a_policy(
            mapping(
                a_list("AllowedOrganizationalUnits", "OU=Users,DC=corp,DC=example"),
                a_list("DisallowedOrganizationalUnits", "OU=Admins,OU=Users,DC=corp,DC=example"),
            )
        ),
        replace(TARGET, account=None),
    )

    assert rule_of(outcome)["requesters"] == [
        {
            "organizationalUnits": ["OU=Users,DC=corp,DC=example"],
            "notOrganizationalUnits": ["OU=Admins,OU=Users,DC=corp,DC=example"],
            "authentication": ["Certificate"],
        }
    ]


def test_a_search_root_is_an_organizational_unit() -> None:
    outcome = imported(a_policy(mapping("<SearchRoot>OU=Users,DC=corp,DC=example</SearchRoot>")))

    assert "organizationalUnits:\n          - 'OU=Users,DC=corp,DC=example'" in outcome.text


def test_a_search_root_beside_organizational_units_is_for_the_administrator() -> None:
    units = a_list("AllowedOrganizationalUnits", "OU=Users,DC=corp,DC=example")
    outcome = imported(a_policy(mapping("<SearchRoot>DC=corp,DC=example</SearchRoot>", units)))

    assert any(text.startswith("SearchRoot:") for text in outcome.open)


@pytest.mark.parametrize(
    ("element", "key"),
    [
        ("AllowedOrganizationalUnits", "organizationalUnits"),
        ("DisallowedOrganizationalUnits", "notOrganizationalUnits"),
    ],
)
def test_an_organizational_unit_that_is_no_distinguished_name_is_for_the_administrator(element: str, key: str) -> None:
    outcome = imported(a_policy(mapping(a_list(element, "Users"))))

    assert any(text.startswith(f"{key}: Users: ") for text in outcome.open)


# --- the account ------------------------------------------------------------------------------------------------------

UPN = a_rule("userPrincipalName", a_pattern("^.*$"), more="<Mandatory>true</Mandatory>")
COMPUTER = (
    "<CertificateAttribute>dNSName</CertificateAttribute>"
    "<DirectoryServicesAttribute>dNSHostName</DirectoryServicesAttribute>"
    "<ObjectCategory>computer</ObjectCategory>"
)


@pytest.mark.parametrize(
    ("elements", "expression"),
    [
        ("", 'subjectAlternativeName["userPrincipalName"] == [userPrincipalName]'),
        (COMPUTER, 'subjectAlternativeName["dNSName"] == [dNSHostName]'),
    ],
)
def test_the_account_that_a_request_names_must_be_the_requesters(elements: str, expression: str) -> None:
    outcome = imported(a_policy(mapping(elements), names=UPN))

    (condition,) = yaml.safe_load(outcome.text)["rules"][0]["conditions"]
    assert condition["expression"] == expression
    assert [policy.template.name for policy in loaded(outcome).policies] == ["PartnerWebServer"]
    assert any("must be the requester's own" in note for note in outcome.notes)
    assert outcome.open == ()


@pytest.mark.parametrize(
    "elements",
    [
        "<Action>Deny</Action>",
        "<CertificateAttribute>commonName</CertificateAttribute>",
        "<DirectoryServicesAttribute>cn</DirectoryServicesAttribute>",
        "<ObjectCategory>computer</ObjectCategory>",
        "<DirectoryObjectRules><DirectoryObjectRule/></DirectoryObjectRules>",
        "<MaximumPasswordAge>60</MaximumPasswordAge>",
    ],
)
def test_a_look_up_that_is_not_done_here_is_for_the_administrator(elements: str) -> None:
    outcome = imported(a_policy(mapping(elements), names=UPN))

    assert len(outcome.open) == 1
    assert rule_of(outcome)["decide"] == list(outcome.open)
    with pytest.raises(Mistaken, match=r"rules\.0\.decide: unknown key"):
        loaded(outcome)


def test_disabled_accounts_stay_outside() -> None:
    outcome = imported(a_policy(mapping("<PermitDisabledAccounts>true</PermitDisabledAccounts>"), names=UPN))

    assert any(note.startswith("PermitDisabledAccounts") for note in outcome.notes)
    unpermitted = imported(a_policy(mapping("<PermitDisabledAccounts>false</PermitDisabledAccounts>"), names=UPN))
    assert not any(note.startswith("PermitDisabledAccounts") for note in unpermitted.notes)


# --- the key ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("algorithm", "shortest", "longest", "expected"),
    [
        (None, 2048, 4096, [{"algorithm": "RSA", "minimumKeyLength": 2048, "maximumKeyLength": 4096}]),
        (None, 1024, 0, [{"algorithm": "RSA", "minimumKeyLength": 2048}]),
        ("RSA", 2048, 2048, [{"algorithm": "RSA", "minimumKeyLength": 2048, "maximumKeyLength": 2048}]),
        (None, 384, 0, [{"algorithm": "EC", "curves": ["secp384r1", "secp521r1"]}]),
        (None, 521, 521, [{"algorithm": "EC", "curves": ["secp521r1"]}]),
        (None, 0, 384, [{"algorithm": "EC", "curves": ["secp256r1", "secp384r1"]}]),
        (None, 0, 1023, [{"algorithm": "EC", "curves": ["secp256r1", "secp384r1", "secp521r1"]}]),
        (None, 0, 1024, None),
        (None, 256, 256, [{"algorithm": "EC", "curves": ["secp256r1"]}]),
        ("EC", 0, 4096, [{"algorithm": "EC", "curves": ["secp256r1", "secp384r1", "secp521r1"]}]),
        ("RSA", 0, 0, [{"algorithm": "RSA", "minimumKeyLength": 2048}]),
        (None, 0, 0, None),
        (None, 0, 4096, None),
        (None, 600, 700, None),
        (None, 1024, 1024, None),
        ("RSA", 0, 512, None),
    ],
)
def test_keys_are_as_long_as_there_and_never_too_short(
    algorithm: str | None, shortest: int, longest: int, expected: object
) -> None:
    lengths = f"<MinimumKeyLength>{shortest}</MinimumKeyLength><MaximumKeyLength>{longest}</MaximumKeyLength>"

    outcome = imported(a_policy(lengths), replace(TARGET, key_algorithm=algorithm))

    assert rule_of(outcome)["key"] == expected
    assert bool(outcome.open) == (expected is None)
    assert any("taken for" in note for note in outcome.notes) == (
        algorithm is None and shortest + longest > 0 and (shortest, longest) not in {(0, 1024), (0, 4096)}
    )


@pytest.mark.parametrize(("shortest", "algorithm"), [(2048, "RSA"), (384, "EC")])
def test_for_which_algorithm_a_length_was_taken_is_said(shortest: int, algorithm: str) -> None:
    outcome = imported(
        a_policy(f"<MinimumKeyLength>{shortest}</MinimumKeyLength>"), replace(TARGET, key_algorithm=None)
    )

    assert outcome.notes == (f"key: taken for {algorithm}, for its length; the original asks the template",)


# --- what else the request says ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "expected"), [("Deny", None), ("Remove", None), ("Allow", "requester"), ("Add", "requester")]
)
def test_a_security_identifier_is_the_requesters_or_refused(action: str, expected: str | None) -> None:
    outcome = imported(a_policy(f"<SecurityIdentifierExtension>{action}</SecurityIdentifierExtension>"))

    assert rule_of(outcome).get("securityIdentifier") == expected
    assert bool(outcome.notes) == (action != "Deny")


@pytest.mark.parametrize(
    ("element", "expected"),
    [
        ("AllowedProcesses", {"allow": [{"exactIgnoreCase": "mmc.exe"}], "mandatory": True}),
        (
            "DisallowedProcesses",
            {"allow": [{"regex": ".*"}], "deny": [{"exactIgnoreCase": "mmc.exe"}], "mandatory": True},
        ),
    ],
)
def test_processes_may_be_allowed_or_disallowed_alone(element: str, expected: object) -> None:
    outcome = imported(a_policy(a_list(element, "mmc.exe")))

    assert rule_of(outcome)["clientInformation"] == {"process": expected}


def test_processes_and_providers_are_client_information_and_must_be_told() -> None:
    outcome = imported(
        a_policy(
            a_list("AllowedProcesses", "taskhostw.exe"),
            a_list("DisallowedProcesses", "mmc.exe"),
            a_list("AllowedCryptoProviders", "Microsoft Software Key Storage Provider"),
            a_list("DisallowedCryptoProviders", "Microsoft Strong Cryptographic Provider"),
        )
    )

    assert rule_of(outcome)["clientInformation"] == {
        "process": {
            "allow": [{"exactIgnoreCase": "taskhostw.exe"}],
            "deny": [{"exactIgnoreCase": "mmc.exe"}],
            "mandatory": True,
        },
        "cryptographicServiceProvider": {
            "allow": [{"exactIgnoreCase": "Microsoft Software Key Storage Provider"}],
            "deny": [{"exactIgnoreCase": "Microsoft Strong Cryptographic Provider"}],
            "mandatory": True,
        },
    }


@pytest.mark.parametrize(
    ("more", "element", "is_asked"),
    [
        ("", "", True),
        ("<Mandatory>true</Mandatory>", "", False),
        ("<Mandatory>true</Mandatory><MinLength>0</MinLength>", "", True),
        ("", "<PermitEmptyIdentities>true</PermitEmptyIdentities>", False),
    ],
)
def test_a_certificate_without_any_name_is_not_issued_unless_permitted(more: str, element: str, is_asked: bool) -> None:
    outcome = imported(a_policy(element, subject=a_rule("commonName", a_pattern("^a$"), more=more)))

    assert ("size(subject) > 0 || size(subjectAlternativeName) > 0" in outcome.text) == is_asked
    assert [policy.template.name for policy in loaded(outcome).policies] == ["PartnerWebServer"]


def test_one_name_that_is_mandatory_is_enough() -> None:
    mandatory = a_rule("commonName", a_pattern("^a$"), more="<Mandatory>true</Mandatory>")
    outcome = imported(a_policy(subject=mandatory, names=a_rule("dNSName", a_pattern("^a$"))))

    assert "conditions" not in rule_of(outcome)


def test_without_rules_about_names_an_administrator_must_know_where_they_come_from() -> None:
    outcome = imported(a_policy(mapping(), subject=""))

    assert len(outcome.open) == 1
    assert "online template" in outcome.open[0]
    assert "conditions" not in rule_of(outcome)


@pytest.mark.parametrize(
    "name",
    [
        "NotAfter",
        "OutboundSubject",
        "OutboundSubjectAlternativeName",
        "YubiKeyPolicies",
        "CustomCertificateExtensions",
    ],
)
def test_what_made_certificates_stricter_there_is_for_the_administrator(name: str) -> None:
    outcome = imported(a_policy(f"<{name}><Something/></{name}>"))

    assert [text.split(":")[0] for text in outcome.open] == [name]


@pytest.mark.parametrize(
    "name",
    [
        "CrlDistributionPoints",
        "AuthorityInformationAccess",
        "OnlineCertificateStatusProtocol",
        "SupplementDnsNames",
    ],
)
def test_what_only_added_to_certificates_is_left_out_and_said(name: str) -> None:
    outcome = imported(a_policy(f"<{name}><Something/></{name}>"))

    assert outcome.open == ()
    assert [note.split(":")[0] for note in outcome.notes] == [name]


@pytest.mark.parametrize("name", ["SupplementServicePrincipalNames", "AddSidUniformResourceIdentifier"])
def test_what_the_directory_only_added_is_left_out_and_said(name: str) -> None:
    outcome = imported(a_policy(mapping(f"<{name}>true</{name}>"), names=UPN))

    assert outcome.open == ()
    assert name in [note.split(":")[0] for note in outcome.notes]


def test_what_says_how_tamemycerts_reads_is_of_no_account() -> None:
    outcome = imported(a_policy("<ReadSubjectFromRequest>true</ReadSubjectFromRequest>"))

    assert (outcome.open, outcome.notes) == ((), ())


def test_everything_that_is_to_be_known_stands_at_the_head_of_the_file() -> None:
    outcome = imported(a_policy("<NotAfter>2030-01-01</NotAfter>", "<SupplementDnsNames>true</SupplementDnsNames>"))

    assert heading(outcome) == [
        *ALWAYS,
        "Not loaded before this is decided or filled in:",
        *(f"- {text}" for text in outcome.open),
        "Stricter than the original, or read differently:",
        *(f"- {text}" for text in outcome.notes),
    ]


def test_where_nothing_is_to_be_known_the_head_says_what_is_so_of_every_import() -> None:
    assert heading(imported(a_policy("<MinimumKeyLength>2048</MinimumKeyLength>"))) == ALWAYS


ALWAYS = [
    "Imported from a policy of TameMyCerts: allows nothing that the original refuses.",
    "Key usages and extensions that requests bring must be allowed too: TameMyCerts does not judge them.",
]


def heading(outcome: Imported) -> list[str]:
    return [line.removeprefix("# ") for line in outcome.text.partition("template:")[0].splitlines() if line]


@pytest.mark.parametrize(
    ("section", "elements"),
    [
        ("subject.commonName", {"subject": a_rule("commonName", a_pattern("^(?!a)"))}),
        ("subjectAlternativeName.dNSName", {"names": a_rule("dNSName", a_pattern("^(?!a)"))}),
    ],
)
def test_a_remark_on_a_name_says_which_section_it_is_in(section: str, elements: dict[str, str]) -> None:
    assert any(text.startswith(f"{section}:") for text in imported(a_policy(**elements)).open)


def test_mistakes_in_the_original_are_told() -> None:
    with pytest.raises(Mistaken, match=r"PartnerWebServer\.xml:6: A:"):
        imported(a_policy("<A/>", subject=A_NAME))
