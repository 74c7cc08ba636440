"""The form of examples, and which of their mistakes are seen when the file is loaded."""

import pytest

from gateway.policy.examples import CertificateSection, ClientInformation, ExampleSection, RSAKey
from gateway.policy.load import load_examples, load_policies
from gateway.strict_yaml import Mistaken
from tests.builders import a_policy_file

REQUESTER = "requester: {account: partner-a, authentication: Certificate}"


def a_file(*examples: str) -> str:
    return "\n".join((a_policy_file(), "examples:", *(f"  - {{name: an example, {each}}}" for each in examples)))


def example(text: str) -> ExampleSection:
    (placed,) = load_examples([("P.yaml", a_file(text))])
    return placed.section


def mistakes(text: str) -> str:
    with pytest.raises(Mistaken) as caught:
        load_policies([("P.yaml", a_file(text))])
    return str(caught.value)


def test_an_example_is_found_with_its_policy_and_its_line() -> None:
    text = a_file(f"{REQUESTER}, request: {{}}, allowed: true", f"{REQUESTER}, request: {{}}, refused: [key]")

    first, second = load_examples([("policies/Web.yaml", text)])

    assert (first.policy, first.file) == ("Web", "policies/Web.yaml")
    assert [text.splitlines()[placed.line - 1][:4] for placed in (first, second)] == ["  - ", "  - "]
    assert second.line == first.line + 1


def test_a_policy_is_judged_without_its_examples() -> None:
    (policy,) = load_policies([("P.yaml", a_file(f"{REQUESTER}, request: {{}}, allowed: true"))]).policies

    assert [rule.name for rule in policy.rules] == ["a rule"]


@pytest.mark.parametrize(
    "request_",
    [
        "{subject: {commonName: web01}}",
        "{subject: {commonName: [web01, web02], OID.1.2.3: x}}",
        "{subjectAlternativeName: {dNSName: [web01], otherName: [1.2.3=0c0161], directoryName: ['CN=a']}}",
        "{key: {algorithm: RSA, length: 1024, publicExponent: 3}}",
        "{key: {algorithm: EC, curve: brainpoolP256r1}}",
        "{key: {algorithm: Ed448}}",
        "{keyUsage: [cRLSign], extendedKeyUsage: [serverAuth, 2.5.29.37.0], applicationPolicies: [1.2.3]}",
        "{template: false, additionalContext: {CertificateTemplate: Web}}",
        "{template: {name: Web, oid: 1.2.3}}",
        "{template: Web}",
        "{extensions: {1.2.3: '0500', sMIMECapabilities: '3000'}}",
        "{clientInformation: {process: certreq.exe, osVersion: 10.0.20348.2}}",
        "{renewalOf: {subject: {commonName: web01}, isExpired: true}}",
        "{onBehalfOf: {requesterName: 'CORP\\bob', agents: [{extendedKeyUsage: [clientAuth]}]}}",
    ],
)
def test_what_an_example_can_ask_for(request_: str) -> None:
    assert example(f"{REQUESTER}, request: {request_}, allowed: true").request is not None


@pytest.mark.parametrize(
    ("rest", "complaint"),
    [
        ("allowed: true", "give a request, or the name of a file with one"),
        ("request: {}, file: a.der, allowed: true", "give a request, or the name of a file with one"),
        ("request: {}", "say what must become of it: allowed, or refused"),
        ("request: {}, allowed: true, refused: [key]", "say what must become of it: allowed, or refused"),
        ("request: {}, allowed: false", "allowed"),
        ("request: {}, refused: []", "must not be empty"),
        ("request: {subject: {}}, allowed: true", "must not be empty"),
        ("request: {subject: {commonname: x}}, allowed: true", "no field of a subject"),
        ("request: {subjectAlternativeName: {dnsName: [x]}}, allowed: true", "subjectAlternativeName"),
        ("request: {subjectAlternativeName: {iPAddress: [x]}}, allowed: true", "'x' is no iPAddress"),
        ("request: {subjectAlternativeName: {dNSName: [ü]}}, allowed: true", "'ü' is no dNSName"),
        ("request: {extendedKeyUsage: [serverauth]}, allowed: true", "no extended key usage"),
        ("request: {key: {algorithm: RSA, length: 8193}}, allowed: true", "less than or equal to 8192"),
        (f"request: {{subject: {{commonName: {'x' * 4097}}}}}, allowed: true", "at most 4096 characters"),
        ("request: {extensions: {subjectkeyid: 0500}}, allowed: true", "no extension"),
        ("request: {extensions: {1.2.3: 050}}, allowed: true", "extensions"),
        ("request: {securityIdentifier: S-1}, allowed: true", "not a SID"),
        ("request: {template: }, allowed: true", "leave it out, or write false"),
        ("request: {key: {algorithm: RSA, length: 512}}, allowed: true", "greater than or equal to 1024"),
        ("request: {renewalOf: {issuer: Partner CA}}, allowed: true", "RFC 4514"),
        (
            "request: {renewalOf: {template: false}, onBehalfOf: {requesterName: a, agents: [{template: x}]}}, file: a",
            "renewalOf or onBehalfOf, not both",
        ),
    ],
)
def test_mistakes_are_seen_when_the_file_is_loaded(rest: str, complaint: str) -> None:
    assert complaint in mistakes(f"{REQUESTER}, {rest}")


@pytest.mark.parametrize(
    ("facts", "complaint"),
    [
        ("authentication: Kerberos, issuer: CN=CA", "go with authentication Certificate"),
        ("authentication: Kerberos, certificate: {}", "go with authentication Certificate"),
        ("authentication: Kerberos, groups: [g]", "sAMAccountName and domain"),
        ("authentication: NTLM", "authentication"),
        (
            "authentication: Kerberos, organizationalUnit: 'OU=a', distinguishedName: 'CN=b'",
            "distinguishedName or organizationalUnit, not both",
        ),
    ],
)
def test_a_requester_that_cannot_be_is_a_mistake(facts: str, complaint: str) -> None:
    assert complaint in mistakes(f"requester: {{account: alice, {facts}}}, request: {{}}, allowed: true")


@pytest.mark.parametrize("account", ["alice", "alice@", "@corp.example"])
def test_an_account_of_a_directory_has_a_name_and_a_domain(account: str) -> None:
    requester = f"requester: {{account: '{account}', authentication: Kerberos, groups: [g]}}"

    assert "sAMAccountName and domain" in mistakes(f"{requester}, request: {{}}, allowed: true")


@pytest.mark.parametrize(
    ("facts", "is_in_directory"),
    [
        ("", False),
        (", partner: Partner A, mappingRule: a rule", False),
        (", groups: [pki-users]", True),
        (", mail: alice@corp.example", True),
        (", dNSHostName: pc1.corp.example", True),
        (", distinguishedName: 'CN=alice,DC=corp'", True),
        (", organizationalUnit: 'OU=Staff,DC=corp'", True),
    ],
)
def test_what_only_a_directory_knows_makes_an_account_of_it(facts: str, is_in_directory: bool) -> None:
    requester = f"requester: {{account: alice@corp.example, authentication: Kerberos{facts}}}"

    assert example(f"{requester}, request: {{}}, allowed: true").requester.is_in_directory is is_in_directory


def test_what_is_left_out_of_an_example_is_the_usual() -> None:
    key, certificate = RSAKey(algorithm="RSA"), CertificateSection()

    assert (key.length, key.public_exponent) == (2048, 65537)
    assert certificate.issuer == "CN=Example CA"
    assert not any((certificate.is_expired, certificate.is_untrusted, certificate.is_client_certificate))
    assert (ClientInformation().process, ClientInformation().machine, ClientInformation().user) == ("", "", "")
