"""docs/policies.md says what the code does, as far as a machine can tell."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.policy.examples import (
    CertificateSection,
    ClientInformation,
    ExampleSection,
    OnBehalfOf,
    RequesterFacts,
    RequestSection,
)
from gateway.policy.load import PlacedExample, load_examples, load_policies
from gateway.policy.sections import Section
from gateway.trial.examples import run
from tests.builders import a_policy_file

TEXT = (Path(__file__).parents[3] / "docs" / "policies.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)


def the_file(example: str) -> str:
    """A policy of which the page shows a part: a whole file, something beside the rules, or sections of a rule."""
    if example.startswith("template:"):
        return example
    if example.startswith(("issued:", "examples:", "collectors:")):
        return f"{a_policy_file()}\n{example}"
    rule = [
        "name: a rule",
        *([] if "requesters:" in example else ["requesters: [{account: partner-a, authentication: [Certificate]}]"]),
        *([] if re.search("^key:", example, re.MULTILINE) else ["key: [{algorithm: RSA, minimumKeyLength: 2048}]"]),
        *example.splitlines(),
    ]
    return "template: {name: PartnerWebServer}\nrules:\n  - " + "\n    ".join(rule)


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_loads(example: str) -> None:
    assert len(load_policies([("P.yaml", the_file(example))]).policies) == 1


def failures(file: str) -> list[tuple[str, object]]:
    """What became of the examples that are not as they should be."""
    loaded = [("P.yaml", file)]
    outcomes = run(load_policies(loaded), load_examples(loaded), no_file, datetime(2026, 11, 23, tzinfo=UTC))
    return [(outcome.example.section.name, outcome.became) for outcome in outcomes if not outcome.is_as_wanted]


def no_file(example: PlacedExample, name: str) -> bytes:
    raise AssertionError((example, name))


def test_the_first_policy_is_held_to_its_own_examples() -> None:
    assert failures(EXAMPLES[0]) == []


PARTNER = "{account: x, authentication: Certificate, partner: partner-a}"
ACCOUNT = "{account: partner-a, authentication: Certificate}"
COMPUTER = (
    "{account: pc1$@corp.example, authentication: Kerberos, groups: [pki-computers], dNSHostName: pc1.corp.example}"
)
PERSON = (
    "{account: al@corp.example, authentication: Kerberos, groups: [pki-users], mail: al@corp.example,"
    " userPrincipalName: al.a@corp.example, objectSid: S-1-5-21-1-2-3-4}"
)
OWN_NAME = "subjectAlternativeName: {userPrincipalName: [al.a@corp.example]}"
DEVICE = "{account: devices, authentication: Certificate}"
AGENT_SID = "S-1-5-21-1-2-3-5"
AGENT = f"{{account: desk@corp.example, authentication: Kerberos, groups: [pki-agents], objectSid: {AGENT_SID}}}"
BY_AGENT = f"agents: [{{extendedKeyUsage: [certificateRequestAgent], securityIdentifier: {AGENT_SID}}}]"
STAFF = (
    '{account: al@corp.example, authentication: Kerberos, organizationalUnit: "OU=Staff,DC=corp,DC=example", groups: '
)


@pytest.mark.parametrize(
    ("wish", "allowed", "refused", "word"),
    [
        (
            "TLS servers of a partner",
            (PARTNER, "subjectAlternativeName: {dNSName: [a.partner-a.example]}"),
            (PARTNER, "subjectAlternativeName: {dNSName: [a.partner-b.example]}"),
            "subjectAlternativeName.dNSName",
        ),
        (
            "One wildcard",
            (ACCOUNT, 'subjectAlternativeName: {dNSName: ["*.apps.partner-a.example"]}'),
            (ACCOUNT, 'subjectAlternativeName: {dNSName: ["*.partner-a.example"]}'),
            "subjectAlternativeName.dNSName",
        ),
        (
            "Computers with a Kerberos ticket",
            (COMPUTER, "subjectAlternativeName: {dNSName: [pc1.corp.example]}"),
            (COMPUTER, "subjectAlternativeName: {dNSName: [dc1.corp.example]}"),
            "subjectAlternativeName.dNSName",
        ),
        (
            "People with their own",
            (
                PERSON,
                f"{OWN_NAME}, securityIdentifier: S-1-5-21-1-2-3-4",
            ),
            (
                PERSON,
                f"{OWN_NAME}, securityIdentifier: S-1-5-21-1-2-3-500",
            ),
            "extensions.securityIdentifier",
        ),
        (
            "S/MIME",
            (PERSON, "subjectAlternativeName: {rfc822Name: [al@corp.example]}, extendedKeyUsage: [emailProtection]"),
            (PERSON, "subjectAlternativeName: {rfc822Name: [bo@corp.example]}"),
            "subjectAlternativeName.rfc822Name",
        ),
        (
            "Renewals only",
            (
                DEVICE,
                (
                    "subject: {commonName: a.devices.corp.example},"
                    " renewalOf: {subject: {commonName: a.devices.corp.example}, isClientCertificate: true}"
                ),
            ),
            (DEVICE, "subject: {commonName: a.devices.corp.example}"),
            "renewal.renewalCertificate",
        ),
        (
            "An enrollment agent",
            (AGENT, f"onBehalfOf: {{requesterName: 'CORP\\al', {BY_AGENT}}}"),
            (AGENT, f"onBehalfOf: {{requesterName: 'CORP\\administrator', {BY_AGENT}}}"),
            "onBehalfOf.requestername",
        ),
        (
            "Certificates for 90 days",
            (ACCOUNT, 'additionalContext: {ValidityPeriod: Days, ValidityPeriodUnits: "30"}'),
            (ACCOUNT, 'additionalContext: {ValidityPeriod: Days, ValidityPeriodUnits: "91"}'),
            "validity.validityperiod",
        ),
        (
            "One group may",
            (f"{STAFF}[web-admins]}}", ""),
            (f"{STAFF}[web-admins, contractors]}}", ""),
            "requesters",
        ),
        (
            "Something that no section can say",
            (
                ACCOUNT,
                (
                    "subject: {commonName: b.partner-a.example},"
                    " subjectAlternativeName: {dNSName: [a.partner-a.example, b.partner-a.example]}"
                ),
            ),
            (
                ACCOUNT,
                (
                    "subject: {commonName: c.partner-a.example},"
                    " subjectAlternativeName: {dNSName: [a.x.y.partner-a.example]}"
                ),
            ),
            "conditions.common-name-is-a-dns-name, conditions.short-names",
        ),
        (
            "Request attributes",
            (ACCOUNT, 'additionalContext: {CostCentre: "4711"}'),
            (ACCOUNT, "additionalContext: {CostCentre: none}"),
            "attributes.costcentre",
        ),
    ],
)
def test_a_wish_is_fulfilled_and_nothing_beyond(
    wish: str, allowed: tuple[str, str], refused: tuple[str, str], word: str
) -> None:
    snippet = next(example for example in EXAMPLES if TEXT.index(example) > TEXT.index(f"**{wish}"))
    examples = (
        f"\nexamples:\n  - {{name: the wish, requester: {allowed[0]}, request: {{{allowed[1]}}}, allowed: true}}"
        f"\n  - {{name: more, requester: {refused[0]}, request: {{{refused[1]}}}, refused: [{word}]}}\n"
    )

    assert failures(the_file(snippet) + examples) == []


def test_the_examples_of_examples_load() -> None:
    (example,) = [example for example in EXAMPLES if example.startswith("examples:")]

    assert len(load_examples([("P.yaml", the_file(example))])) == 2


@pytest.mark.parametrize(
    "section", [ExampleSection, RequesterFacts, RequestSection, CertificateSection, OnBehalfOf, ClientInformation]
)
def test_every_key_of_an_example_is_told(section: type[Section]) -> None:
    keys = [field.alias or name for name, field in section.model_fields.items()]

    assert [key for key in keys if f"`{key}`" not in TEXT] == []
