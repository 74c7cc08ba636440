"""Examples take the way of a client's request: bytes, parser, decision."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.config import policy_files
from gateway.policy.decision import Mode, Policies
from gateway.policy.load import PlacedExample, load_examples, load_policies
from gateway.trial.examples import Outcome, incomplete, run
from tests.builders import a_policy_file
from tests.requests import a_certification_request

NOW = datetime(2026, 6, 1, tzinfo=UTC)
POLICIES = Path(__file__).parents[3] / "policies"
HOSTS = "subjectAlternativeName: {dNSName: {allow: [{suffix: .partner-a.example}]}}"
REQUESTER = "requester: {account: partner-a, authentication: Certificate}"
GOOD = "request: {subjectAlternativeName: {dNSName: [web01.partner-a.example]}}"
BAD = "request: {subjectAlternativeName: {dNSName: [web01.evil.example]}, key: {algorithm: EC, curve: secp256r1}}"


def outcomes(*examples: str, mode: str = "", files: dict[str, bytes] | None = None) -> Sequence[Outcome]:
    text = "\n".join((
        a_policy_file(HOSTS),
        mode,
        "examples:",
        *(f"  - {{name: an example, {REQUESTER}, {each}}}" for each in examples),
    ))  # fmt: skip
    loaded = [("P.yaml", text)]

    def read(_example: PlacedExample, name: str) -> bytes:
        return (files or {})[name]

    return [*run(load_policies(loaded), load_examples(loaded), read, NOW)]


@pytest.mark.parametrize(
    "example",
    [
        f"{GOOD}, allowed: true",
        f"{GOOD}, allowed: a rule",
        f"{BAD}, refused: [subjectAlternativeName]",
        f"{BAD}, refused: [key.publicKey, subjectAlternativeName.dNSName]",
        "request: {template: Other}, refused: [unmatched]",
        "request: {template: false}, refused: [template_missing]",
        "request: {extensions: {1.3.6.1.4.1.311.20.2: '0500'}}, refused: [malformed_request]",
    ],
)
def test_an_example_is_as_wanted(example: str) -> None:
    (outcome,) = outcomes(example)

    assert outcome.is_as_wanted, outcome.became


@pytest.mark.parametrize(
    ("example", "became"),
    [
        (f"{BAD}, allowed: true", "dNSName is 'web01.evil.example', wanted suffix '.partner-a.example'"),
        (f"{GOOD}, refused: [key]", "allowed by rule a rule"),
        (f"{GOOD}, allowed: another rule", "allowed by rule a rule"),
        (f"{BAD}, refused: [key, extensions]", "publicKey is 'EC secp256r1'"),
        ("request: {template: Other}, refused: [subject]", "unmatched: no policy for the template"),
    ],
)
def test_an_example_that_is_not_as_wanted_says_what_became_of_it(example: str, became: str) -> None:
    (outcome,) = outcomes(example)

    assert not outcome.is_as_wanted
    assert became in "\n".join(outcome.became)


def test_a_policy_in_audit_mode_is_held_to_what_its_rules_say() -> None:
    loaded = [("P.yaml", f"{a_policy_file(HOSTS)}\nexamples: [{{name: a, {REQUESTER}, {BAD}, refused: [key]}}]")]
    (policy,) = load_policies(loaded).policies
    audited = Policies((replace(policy, mode=Mode.AUDIT),))

    (outcome,) = run(audited, load_examples(loaded), lambda _example, name: name.encode(), NOW)

    assert outcome.is_as_wanted


def test_what_is_wanted_is_told() -> None:
    wanted = [
        outcome.wanted
        for outcome in outcomes(f"{GOOD}, allowed: true", f"{GOOD}, allowed: a rule", f"{BAD}, refused: [key, subject]")
    ]

    assert wanted == ["allowed", "allowed by rule a rule", "refused by key, subject"]


def test_a_request_may_come_from_a_file() -> None:
    der = a_certification_request("", dns=("web01.partner-a.example",))

    good, bad = outcomes(
        "file: a.der, allowed: true", "file: b.der, refused: [malformed]", files={"a.der": der, "b.der": b"<x/>"}
    )

    assert good.is_as_wanted is False  # an EC key, which the rule does not allow
    assert good.words == {"key", "key.publicKey"}
    assert bad.is_as_wanted


def test_a_policy_of_each_kind_of_example_is_complete() -> None:
    allowed = f"  - {{name: a, {REQUESTER}, {GOOD}, allowed: true}}"
    refused = f"  - {{name: b, {REQUESTER}, {BAD}, refused: [key]}}"

    def missing(*examples: str) -> list[str]:
        loaded = [("P.yaml", "\n".join((a_policy_file(HOSTS), *(["examples:"] if examples else []), *examples)))]
        return [text for _, text in incomplete(load_policies(loaded), load_examples(loaded))]

    assert missing(allowed, refused) == []
    assert missing(allowed) == ["no example of a request that it must refuse"]
    assert missing(refused) == ["no example of a request that it must allow"]
    assert len(missing()) == 2


def test_the_policies_of_the_repository_are_as_their_examples_want_them() -> None:
    files = policy_files(POLICIES)
    policies, examples = load_policies(files), load_examples(files)

    def read(example: PlacedExample, name: str) -> bytes:
        return (Path(example.file).parent / name).read_bytes()

    assert [(o.example.section.name, o.became) for o in run(policies, examples, read, NOW) if not o.is_as_wanted] == []
    assert list(incomplete(policies, examples)) == []


PLAIN_RENEWAL = "renewal: {required: true, owner: [clientCertificate], withoutSignature: true}"
SHOWN = "subject: {commonName: web01}, subjectAlternativeName: {dNSName: [web01.partner-a.example]}"


@pytest.mark.parametrize(
    ("certificate", "words"),
    [
        (f"{{{SHOWN}}}", set[str]()),
        (f"{{{SHOWN}, isUntrusted: true}}", {"renewal", "renewal.renewalCertificate"}),
        (f"{{{SHOWN}, isExpired: true}}", {"renewal", "renewal.renewalCertificate"}),
        (f"{{{SHOWN}, template: Other}}", {"renewal", "renewal.renewalCertificate template"}),
        ("{subject: {commonName: web01}}", {"renewal", "renewal.subjectAlternativeName dNSName"}),
    ],
)
def test_a_client_certificate_may_stand_for_the_signature_of_a_renewal(certificate: str, words: set[str]) -> None:
    requester = f"{{account: partner-a, authentication: Certificate, certificate: {certificate}}}"
    example = f"examples: [{{name: a, requester: {requester}, {GOOD}, allowed: true}}]"
    loaded = [("P.yaml", f"{a_policy_file(HOSTS, PLAIN_RENEWAL)}\n{example}")]

    (outcome,) = run(load_policies(loaded), load_examples(loaded), lambda _example, name: name.encode(), NOW)

    assert outcome.words == words
