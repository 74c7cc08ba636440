"""The policies that the repository ships, and the known attacks on AD CS against them.

Each attack starts from a request that is approved and changes the one thing that makes it an attack.
"""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.errors import TemplateConflict, Unmatched
from gateway.pki.authorities import TrustedCertificate
from gateway.pki.certificate import Certificate
from gateway.pki.certificate_request import CertificateRequest
from gateway.pki.keys import PublicKey
from gateway.policy.decision import Application, NotPermitted, Policies, approve, judge, select
from gateway.policy.load import load_policies
from gateway.requester import Requester, Verifier
from gateway.tickets import EvidenceTicket
from tests.builders import (
    a_certificate,
    a_public_key,
    a_request,
    a_requester,
    an_account,
    an_application,
    general_names,
)

POLICIES = Path(__file__).parents[3] / "policies"

SERVER_AUTH = "1.3.6.1.5.5.7.3.1"
CLIENT_AUTH = "1.3.6.1.5.5.7.3.2"
EMAIL_PROTECTION = "1.3.6.1.5.5.7.3.4"
ANY_EXTENDED_KEY_USAGE = "2.5.29.37.0"
CERTIFICATE_REQUEST_AGENT = "1.3.6.1.4.1.311.20.2.1"
LAB = "1.3.6.1.4.1.311.21.8.13048417.6318421.11748522.4290837.10250114.215"

PARTNER_A = a_requester("partner-a", "Certificate")
PARTNER_B = a_requester("partner-b", "Certificate")
PRINCIPAL = "subjectAlternativeName: userPrincipalName"
ADMINISTRATOR = "administrator@corp.fabrikam.example"

ALICE = a_requester("alice@partner-a.example", "UsernamePassword")
BOB = a_requester("bob@partner-b.example", "UsernamePassword")


def by_kerberos(account: str) -> Requester:
    ticket = EvidenceTicket(account, channel_bound=True, cache=None, reply_token=b"")
    return Requester(account, ticket, Verifier.KERBEROS, datetime(2026, 11, 23, 12, 0, tzinfo=UTC))


INSIDER = by_kerberos("alice@corp.fabrikam.example")
COMPUTER = by_kerberos("PC1$@corp.fabrikam.example")


@pytest.fixture(scope="module")
def policies() -> Policies:
    return load_policies([(file.name, file.read_text(encoding="utf-8")) for file in sorted(POLICIES.glob("*.yaml"))])


def refused(policies: Policies, application: Application, rule: str) -> list[tuple[str, str, str]]:
    """(field, value, wanted) of each violation of one rule; the application as a whole is refused."""
    with pytest.raises(NotPermitted):
        approve(policies, application)
    (verdict,) = [v for v in judge(select(policies, application), application) if v.rule.name == rule]
    return [(f"{each.concern}: {each.field}", each.value, each.wanted) for each in verdict.violations]


# --- what they are for ----------------------------------------------------------------------------------------------

WEB = a_request(
    ("commonName", "web01.partner-a.example"),
    ("organizationName", "Partner A"),
    dns=["web01.partner-a.example", "www.partner-a.example"],
    template="PartnerWebServer",
    template_oid=f"{LAB}.9176413.2210447",
    key_usage=("digitalSignature", "keyEncipherment"),
    extended_key_usage=(SERVER_AUTH,),
    application_policies=(SERVER_AUTH,),
    basic_constraints_ca=False,
    extra_extensions=["2.5.29.14", "1.2.840.113549.1.9.15"],
    extra_attributes=["1.3.6.1.4.1.311.13.2.3", "1.3.6.1.4.1.311.21.20", "1.3.6.1.4.1.311.13.2.2"],
    name_value_pairs={"ccm": "build01.partner-a.example"},
)
WEB_B = a_request(dns=["web01.partner-b.example"], template="PartnerWebServer")
PERSON = a_request(
    ("commonName", "Jürgen O'Neill-Smith"),
    ("emailAddress", "juergen@partner-a.example"),
    san=general_names(userPrincipalName=["juergen@partner-a.example"], rfc822Name=["juergen@partner-a.example"]),
    template="PartnerUser",
    template_oid=f"{LAB}.3318204.7741902",
    key_usage=("digitalSignature",),
    extended_key_usage=(CLIENT_AUTH, EMAIL_PROTECTION),
)
HERSELF = a_request(
    san=general_names(userPrincipalName=["Alice@partner-a.example"]),
    template="PartnerUser",
    key_usage=("digitalSignature",),
)
CERTREQ = a_request(("commonName", "ignored-by-adcs"), template=None)
"""As certreq of Windows Server 2025 sends it for the template User: no extension, the template in the context."""


@pytest.mark.parametrize(
    ("requester", "request_", "rule"),
    [
        pytest.param(PARTNER_A, WEB, "partner-a-hosts", id="host of A, by certificate"),
        pytest.param(ALICE, WEB, "partner-a-hosts", id="host of A, by password"),
        pytest.param(PARTNER_B, WEB_B, "partner-b-hosts", id="host of B, by certificate"),
        pytest.param(BOB, WEB_B, "partner-b-hosts", id="host of B, by password"),
        pytest.param(
            PARTNER_A,
            a_request(dns=["*.apps.partner-a.example"], key=a_public_key("EC", 256, "secp256r1")),
            "partner-a-hosts",
            id="the wildcard that is written out",
        ),
        pytest.param(PARTNER_A, PERSON, "partner-a-registration-authority", id="person of A"),
        pytest.param(
            PARTNER_B,
            a_request(
                ("commonName", "Bob"), san=general_names(rfc822Name=["bob@partner-b.example"]), template="PartnerUser"
            ),
            "partner-b-registration-authority",
            id="person of B",
        ),
        pytest.param(ALICE, HERSELF, "people-themselves", id="Alice"),
        pytest.param(
            BOB,
            a_request(san=general_names(rfc822Name=["bob@partner-b.example"]), template="PartnerUser"),
            "people-themselves",
            id="Bob",
        ),
        *(
            pytest.param(requester, a_request(dns=[host], template=template), rule, id=f"{template} of {rule}")
            for template in ("PartnerPending", "PartnerRefused")
            for requester, host, rule in (
                (PARTNER_A, "web01.partner-a.example", "partner-a-hosts"),
                (BOB, "web01.partner-b.example", "partner-b-hosts"),
            )
        ),
    ],
)
def test_they_approve_what_they_are_for(
    policies: Policies, requester: Requester, request_: CertificateRequest, rule: str
) -> None:
    assert approve(policies, an_application(request_, requester)).rule.name == rule


@pytest.mark.parametrize("requester", [ALICE, BOB])
def test_what_certreq_sends_for_an_online_template_is_approved(policies: Policies, requester: Requester) -> None:
    context = {"CertificateTemplate": "User", "ccm": "dc01.pkinitlab.internal"}

    assert approve(policies, an_application(CERTREQ, requester, context)).rule.name == "people-with-a-password"


@pytest.mark.parametrize("kind", ["Certificate", "UsernamePassword", "Kerberos"])
def test_people_of_the_own_forest_may_come_by_each_kind_of_credential(policies: Policies, kind: str) -> None:
    account = INSIDER.account
    requester = INSIDER if kind == "Kerberos" else a_requester(account, kind)
    request = a_request(("commonName", "x"), template="CorpUser", key=a_public_key("EC", 256, "secp256r1"))

    assert approve(policies, an_application(request, requester)).rule.name == "people"


def test_a_computer_of_the_own_forest_is_told_from_people_by_its_dollar_sign(policies: Policies) -> None:
    request = a_request(("commonName", "x"), template="CorpMachine", extended_key_usage=(CLIENT_AUTH, SERVER_AUTH))

    assert approve(policies, an_application(request, COMPUTER)).rule.name == "computers"
    assert refused(policies, an_application(request, INSIDER), "computers") == [
        ("requesters: account", INSIDER.account, r"regex '[a-z0-9-]+\$@corp\.fabrikam\.example'")
    ]


def test_every_policy_says_what_it_is_for_and_that_it_is_an_example() -> None:
    for file in POLICIES.glob("*.yaml"):
        text = file.read_text(encoding="utf-8")
        assert text.startswith("# ")
        assert "embedded lab" in text
        assert "\ndescription: " in text
        assert f"\n  name: {file.stem}\n" in text
        assert file.stem in (POLICIES / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("requester", "templates"),
    [
        (PARTNER_A, {"PartnerWebServer", "PartnerUser", "PartnerPending", "PartnerRefused"}),
        (ALICE, {"PartnerWebServer", "PartnerUser", "PartnerPending", "PartnerRefused", "User"}),
        (BOB, {"PartnerWebServer", "PartnerUser", "PartnerPending", "PartnerRefused", "User"}),
        (INSIDER, {"CorpUser"}),
        (COMPUTER, {"CorpUser", "CorpMachine"}),
        (a_requester("devices", "Certificate"), {"PartnerDevice"}),
        (a_requester("CN=serial-4711.devices.fabrikam.example", "Certificate"), {"PartnerDevice"}),
        (a_requester("mallory"), set[str]()),
        (a_requester("alice@partner-a.example", "Certificate"), set[str]()),
    ],
)
def test_who_may_see_which_template(policies: Policies, requester: Requester, templates: set[str]) -> None:
    assert {policy.template.name for policy in policies.admitting(requester)} == templates


# --- attacks --------------------------------------------------------------------------------------------------------


def test_esc1_a_name_of_somebody_else(policies: Policies) -> None:
    attack = replace(PERSON, subject_alternative_name=general_names(userPrincipalName=[ADMINISTRATOR]))

    assert refused(policies, an_application(attack, PARTNER_A), "partner-a-registration-authority") == [
        (PRINCIPAL, ADMINISTRATOR, "anything but regex '^(administrator|root|svc-.*)@'"),
        (PRINCIPAL, ADMINISTRATOR, "suffix '@partner-a.example'"),
    ]


def test_esc1_a_principal_where_only_hosts_are_wanted(policies: Policies) -> None:
    names = (*WEB.subject_alternative_name, *general_names(userPrincipalName=["alice@partner-a.example"]))
    attack = replace(WEB, subject_alternative_name=names)

    assert refused(policies, an_application(attack, PARTNER_A), "partner-a-hosts") == [
        (PRINCIPAL, "alice@partner-a.example", "absent")
    ]


def test_esc1_the_host_of_another_partner(policies: Policies) -> None:
    assert refused(policies, an_application(WEB_B, PARTNER_A), "partner-a-hosts") == [
        (
            "subjectAlternativeName: dNSName",
            "web01.partner-b.example",
            "suffix '.partner-a.example' or exactIgnoreCase '*.apps.partner-a.example'",
        )
    ]


def test_esc1_a_service_account_of_the_partner(policies: Policies) -> None:
    attack = replace(PERSON, subject_alternative_name=general_names(userPrincipalName=["SVC-backup@partner-a.example"]))

    assert refused(policies, an_application(attack, PARTNER_A), "partner-a-registration-authority") == [
        (
            PRINCIPAL,
            "SVC-backup@partner-a.example",
            "anything but regex '^(administrator|root|svc-.*)@'",
        )
    ]


def test_esc1_a_person_with_a_password_asks_for_her_colleague(policies: Policies) -> None:
    attack = replace(HERSELF, subject_alternative_name=general_names(userPrincipalName=["carol@partner-a.example"]))

    assert refused(policies, an_application(attack, ALICE), "people-themselves") == [
        (PRINCIPAL, "carol@partner-a.example", "requester account")
    ]


@pytest.mark.parametrize("account", ["administrator@partner-a.example", "svc-backup@partner-b.example"])
def test_an_account_that_runs_things_gets_no_certificate_to_log_on_with(policies: Policies, account: str) -> None:
    attack = replace(HERSELF, subject_alternative_name=general_names(userPrincipalName=[account]))
    requester = a_requester(account, "UsernamePassword")

    assert refused(policies, an_application(attack, requester), "people-themselves") == [
        (PRINCIPAL, account, "anything but regex '^(administrator|root|svc-.*)@'")
    ]


def test_a_computer_tells_its_own_host_name_or_none(policies: Policies) -> None:
    account = an_account("PC1$", realm="CORP.FABRIKAM.EXAMPLE", dns_host_name="pc1.corp.fabrikam.example")
    computer = replace(COMPUTER, directory_account=account)
    own, other = (a_request(dns=[f"{name}.corp.fabrikam.example"], template="CorpMachine") for name in ("PC1", "DC1"))

    assert approve(policies, an_application(own, computer)).rule.name == "computers"
    for requester in (computer, COMPUTER):
        assert (
            "subjectAlternativeName: dNSName",
            "DC1.corp.fabrikam.example",
            "requester dNSHostName",
        ) in refused(policies, an_application(other, requester), "computers")


def test_a_certificate_of_another_template_or_account_is_no_renewal(policies: Policies) -> None:
    account = an_account("PC1$", realm="CORP.FABRIKAM.EXAMPLE", dns_host_name="pc1.corp.fabrikam.example")
    computer = replace(COMPUTER, directory_account=account)
    own = replace(a_certificate(), template_name="CorpMachine", security_identifiers=(account.sid,))
    request = a_request(template="CorpMachine")

    def renewed(old: Certificate) -> Application:
        signed = replace(request, renewal_certificate=old, signers=(old,))
        return replace(an_application(signed, computer), signers=(TrustedCertificate(old, "Fabrikam Issuing CA 1"),))

    assert approve(policies, renewed(own)).rule.name == "computers"
    for other in (replace(own, template_name="CorpUser"), replace(own, security_identifiers=("S-1-5-21-1-2-3-500",))):
        with pytest.raises(NotPermitted, match="renewal: renewalCertificate"):
            approve(policies, renewed(other))


@pytest.mark.parametrize("usage", [ANY_EXTENDED_KEY_USAGE, CERTIFICATE_REQUEST_AGENT, CLIENT_AUTH])
def test_esc2_and_esc3_another_purpose(policies: Policies, usage: str) -> None:
    attack = replace(WEB, extended_key_usage=(SERVER_AUTH, usage))

    assert refused(policies, an_application(attack, PARTNER_A), "partner-a-hosts") == [
        ("extensions: extendedKeyUsage", usage, SERVER_AUTH)
    ]


def test_esc3_a_template_of_enrollment_agents(policies: Policies) -> None:
    with pytest.raises(Unmatched):
        approve(policies, an_application(a_request(template="EnrollmentAgent"), PARTNER_A))


@pytest.mark.parametrize("name", ["SAN", "san", "S-A-N", "s a n"])
def test_esc6_names_in_an_attribute(policies: Policies, name: str) -> None:
    expected = [("attributes: san", "upn=administrator@corp.fabrikam.example", "absent")]
    pair = {name: "upn=administrator@corp.fabrikam.example"}

    assert refused(policies, an_application(WEB, PARTNER_A, pair), "partner-a-hosts") == expected
    inside = a_request(dns=["web01.partner-a.example"], name_value_pairs=pair)
    assert refused(policies, an_application(inside, PARTNER_A), "partner-a-hosts") == expected


def test_esc6_names_in_an_online_template(policies: Policies) -> None:
    attack = a_request(
        ("commonName", "ignored-by-adcs"),
        san=general_names(userPrincipalName=[ADMINISTRATOR]),
        template="User",
    )

    assert refused(policies, an_application(attack, ALICE), "people-with-a-password") == [
        (PRINCIPAL, ADMINISTRATOR, "absent")
    ]


def test_esc13_a_policy_that_stands_for_a_group(policies: Policies) -> None:
    attack = a_request(dns=["web01.partner-a.example"], certificate_policies=("1.3.6.1.4.1.311.21.8.1.400",))

    assert refused(policies, an_application(attack, PARTNER_A), "partner-a-hosts") == [
        ("extensions: certificatePolicies", "1.3.6.1.4.1.311.21.8.1.400", "absent")
    ]


def test_esc14_a_mail_address_that_an_account_is_mapped_by(policies: Policies) -> None:
    attack = replace(PERSON, subject_alternative_name=general_names(rfc822Name=[ADMINISTRATOR]))

    assert refused(policies, an_application(attack, PARTNER_A), "partner-a-registration-authority") == [
        ("subjectAlternativeName: rfc822Name", ADMINISTRATOR, "suffix '@partner-a.example'")
    ]


@pytest.mark.parametrize("usage", [CLIENT_AUTH, CERTIFICATE_REQUEST_AGENT])
def test_esc15_application_policies(policies: Policies, usage: str) -> None:
    attack = replace(WEB, application_policies=(usage,))

    assert refused(policies, an_application(attack, PARTNER_A), "partner-a-hosts") == [
        ("extensions: applicationPolicies", usage, SERVER_AUTH)
    ]


def test_strong_mapping_by_a_forged_extension(policies: Policies) -> None:
    attack = a_request(
        dns=["web01.partner-a.example"], security_identifier="S-1-5-21-1004336348-1177238915-682003330-500"
    )

    assert refused(policies, an_application(attack, PARTNER_A), "partner-a-hosts") == [
        ("extensions: securityIdentifier", "S-1-5-21-1004336348-1177238915-682003330-500", "absent")
    ]


def test_strong_mapping_by_a_forged_uri(policies: Policies) -> None:
    uri = "tag:microsoft.com,2022-09-14:sid:S-1-5-21-1-2-3-500"
    attack = a_request(dns=["web01.partner-a.example"], san=general_names(uniformResourceIdentifier=[uri]))

    assert refused(policies, an_application(attack, PARTNER_A), "partner-a-hosts") == [
        ("subjectAlternativeName: uniformResourceIdentifier", uri, "absent")
    ]


@pytest.mark.parametrize("name", ["SubCA", "subca", "CA", "CrossCA"])
def test_esc7_a_subordinate_ca_by_name(policies: Policies, name: str) -> None:
    with pytest.raises(Unmatched):
        approve(policies, an_application(a_request(template=name), PARTNER_A))
    with pytest.raises(TemplateConflict):
        approve(policies, an_application(WEB, PARTNER_A, {"Certificate-Template": name}))


def test_a_subordinate_ca_by_extensions(policies: Policies) -> None:
    attack = a_request(
        dns=["web01.partner-a.example"], basic_constraints_ca=True, key_usage=("keyCertSign", "digitalSignature")
    )

    assert refused(policies, an_application(attack, PARTNER_A), "partner-a-hosts") == [
        ("extensions: keyUsage", "keyCertSign", "digitalSignature or keyEncipherment"),
        ("extensions: basicConstraints", "cA TRUE", "cA FALSE or absent"),
    ]


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("cdc", "evil.example", "absent"),
        ("requestername", "CORP\\administrator", "absent"),
        ("certfile", "\\\\evil.example\\share", "absent"),
        ("ccm", "x\nSAN:upn=administrator", "printable NFKC text without superfluous blanks"),
    ],
)
def test_attributes_that_steer_the_ca(policies: Policies, name: str, value: str, wanted: str) -> None:
    assert refused(policies, an_application(WEB, PARTNER_A, {name: value}), "partner-a-hosts") == [
        (f"attributes: {name}", value, wanted)
    ]


def test_an_old_certificate_to_renew(policies: Policies) -> None:
    attack = a_request(dns=["web01.partner-a.example"], extra_attributes=["1.3.6.1.4.1.311.13.1"])

    assert refused(policies, an_application(attack, PARTNER_A), "partner-a-hosts") == [
        ("renewal: renewalCertificate", "unreadable", "absent")
    ]


@pytest.mark.parametrize(
    ("key", "shown"),
    [(a_public_key("RSA", 1024), "RSA 1024"), (a_public_key("EC", 256, "secp256k1"), "EC secp256k1")],
)
def test_a_key_that_is_not_wanted(policies: Policies, key: PublicKey, shown: str) -> None:
    attack = replace(WEB, public_key=key, extensions=())

    assert refused(policies, an_application(attack, PARTNER_A), "partner-a-hosts") == [
        ("key: publicKey", shown, "RSA 2048 to 4096 or EC secp256r1 or secp384r1")
    ]


@pytest.mark.parametrize(
    "host",
    [
        "*.partner-a.example",
        "partner-a.example",
        "evilpartner-a.example",
        "web01.partner-a.example.",
        "a..partner-a.example",
    ],
)
def test_hosts_that_only_look_like_the_partners(policies: Policies, host: str) -> None:
    (found,) = refused(policies, an_application(a_request(dns=[host]), PARTNER_A), "partner-a-hosts")

    assert found[:2] == ("subjectAlternativeName: dNSName", host)


@pytest.mark.parametrize("host", ["autodiscover.partner-a.example", "WPAD.partner-a.example"])
def test_hosts_that_clients_trust_by_convention(policies: Policies, host: str) -> None:
    assert refused(policies, an_application(a_request(dns=[host]), PARTNER_A), "partner-a-hosts") == [
        ("subjectAlternativeName: dNSName", host, r"anything but regex '^(autodiscover|wpad)\.'")
    ]


def test_a_web_server_without_a_host(policies: Policies) -> None:
    attack = a_request(("commonName", "web01.partner-a.example"))

    assert refused(policies, an_application(attack, PARTNER_A), "partner-a-hosts") == [
        ("subjectAlternativeName: dNSName", "", "at least one")
    ]


@pytest.mark.parametrize(
    ("account", "authentication", "field"),
    [
        ("mallory", "Certificate", "account"),
        ("partner-a", "UsernamePassword", "authentication"),
        ("alice@partner-a.example", "Certificate", "authentication"),
        ("alice@partner-a.example.evil.example", "UsernamePassword", "account"),
        ("alice@evil.example@partner-a.example", "UsernamePassword", "account"),
    ],
)
def test_somebody_else(policies: Policies, account: str, authentication: str, field: str) -> None:
    (found,) = refused(policies, an_application(WEB, a_requester(account, authentication)), "partner-a-hosts")

    assert found[:2] == (f"requesters: {field}", account if field == "account" else authentication)


def test_an_attack_on_everything_is_reported_in_full(policies: Policies) -> None:
    attack = a_request(
        ("commonName", "evil.example"),
        ("title", "x"),
        dns=["evil.example"],
        san=general_names(userPrincipalName=[ADMINISTRATOR]),
        key=a_public_key("RSA", 512),
        signature_algorithm="1.2.840.113549.1.1.4",
        key_usage=("cRLSign",),
        extended_key_usage=(CLIENT_AUTH,),
        application_policies=(CERTIFICATE_REQUEST_AGENT,),
        certificate_policies=("1.2.3",),
        basic_constraints_ca=True,
        security_identifier="S-1-5-18",
        name_value_pairs={"SAN": "x"},
        extra_extensions=["1.2.3.4"],
        extra_attributes=["1.2.3.5"],
    )

    found = refused(policies, an_application(attack, a_requester("mallory"), {"cdc": "evil"}), "partner-a-hosts")

    assert [field for field, _, _ in found] == [
        "requesters: account",
        "key: publicKey",
        "key: signatureAlgorithm",
        "subject: commonName",
        "subject: title",
        "subjectAlternativeName: dNSName",
        PRINCIPAL,
        "extensions: keyUsage",
        "extensions: extendedKeyUsage",
        "extensions: applicationPolicies",
        "extensions: certificatePolicies",
        "extensions: securityIdentifier",
        "extensions: basicConstraints",
        "extensions: 1.2.3.4",
        "attributes: san",
        "attributes: cdc",
        "attributes: 1.2.3.5",
    ]
