import pytest

from gateway.policy.attributes import MACHINE_NAMES, PKCS10AttributesCondition, RequestAttributesCondition
from gateway.policy.cel import CelCondition
from gateway.policy.client_information import ClientInformationCondition
from gateway.policy.conditions import (
    CertificatePoliciesCondition,
    ExtendedKeyUsageCondition,
    ExtensionsCondition,
    KeyUsageCondition,
)
from gateway.policy.decision import Policy, Rule, Template
from gateway.policy.key_archival import KeyArchivalCondition
from gateway.policy.key_condition import KeyCondition, KeyRule
from gateway.policy.limits import Limits
from gateway.policy.load import load_policies
from gateway.policy.names import SubjectAlternativeNameCondition, SubjectCondition
from gateway.policy.on_behalf_of import OnBehalfOfCondition
from gateway.policy.patterns import Exact, ExactName, NameRegex, Pattern, Regex, Suffix
from gateway.policy.renewal import RenewalCondition
from gateway.policy.requesters import AdmittedRequester, Groups, OrganizationalUnits, RequestersCondition
from gateway.policy.security_identifier import SecurityIdentifierCondition
from gateway.policy.validity import ValidityCondition
from gateway.policy.vocabulary import EXTENSIONS, JUDGED_EXTENSIONS, REFUSED_EXTENSIONS
from gateway.strict_yaml import Mistaken
from tests.builders import a_policy_file

EMPTY = "must not be empty: leave it out, or say what is allowed"


def policy_of(text: str) -> Policy:
    (policy,) = load_policies([("P.yaml", text)]).policies
    return policy


def rule_of(text: str) -> Rule:
    (rule,) = policy_of(text).rules
    return rule


def mistakes(text: str) -> list[tuple[int, str, str]]:
    """(line, path, message)."""
    with pytest.raises(Mistaken) as mistaken:
        load_policies([("P.yaml", text)])
    return [(mistake.line, mistake.path, mistake.message) for mistake in mistaken.value.mistakes]


# --- a whole rule ---------------------------------------------------------------------------------------------------


def test_what_is_left_out_becomes_a_condition_that_allows_nothing() -> None:
    rule = rule_of(a_policy_file())

    assert rule == Rule(
        "a rule",
        RequestersCondition((AdmittedRequester(Exact("partner-a", ignore_case=True), {"Certificate"}),)),
        (
            KeyCondition((KeyRule("RSA", 2048, None, public_exponents=(65537,)),)),
            SubjectCondition({}),
            SubjectAlternativeNameCondition({}),
            KeyUsageCondition(frozenset()),
            ExtendedKeyUsageCondition(frozenset()),
            CertificatePoliciesCondition(frozenset()),
            SecurityIdentifierCondition(allowed=False),
            ExtensionsCondition(frozenset()),
            RequestAttributesCondition(MACHINE_NAMES),
            PKCS10AttributesCondition(),
            ValidityCondition(None),
            ClientInformationCondition({}),
            KeyArchivalCondition(None),
            OnBehalfOfCondition(None),
            CelCondition(()),
        ),
        attributes=frozenset({"ccm", "rmd"}),
        template_conditions=(RenewalCondition(None, SubjectCondition({}), SubjectAlternativeNameCondition({})),),
    )


@pytest.mark.parametrize("section", ["name", "requesters", "key"])
def test_some_sections_cannot_be_left_out(section: str) -> None:
    lines = a_policy_file("subject: {commonName: {allow: [{exact: a}]}}").splitlines()
    lines[2:3] = ["  -", "    name: a rule"]
    text = "\n".join(line for line in lines if not line.strip().startswith(f"{section}:"))

    assert mistakes(text) == [(4, f"rules.0.{section}", "missing")]


@pytest.mark.parametrize("section", ["requesters", "key"])
def test_an_empty_list_is_a_mistake(section: str) -> None:
    assert [(path, message) for _, path, message in mistakes(a_policy_file(**{section: "[]"}))] == [
        (f"rules.0.{section}", EMPTY)
    ]


@pytest.mark.parametrize(
    ("section", "path"),
    [
        ("keyUsage:", "keyUsage"),
        ("keyUsage: {allow: []}", "keyUsage.allow"),
        ("extendedKeyUsage:", "extendedKeyUsage"),
        ("extendedKeyUsage: {allow: []}", "extendedKeyUsage.allow"),
        ("extensions: []", "extensions"),
    ],
)
def test_an_empty_section_is_a_mistake(section: str, path: str) -> None:
    assert mistakes(a_policy_file(section)) == [(6, f"rules.0.{path}", EMPTY)]


@pytest.mark.parametrize("section", ["lifetime: 1y", "keyusage: {allow: [digitalSignature]}", "subjectaltname: {}"])
def test_an_unknown_section_is_a_mistake(section: str) -> None:
    assert mistakes(a_policy_file(section)) == [(6, f"rules.0.{section.partition(':')[0]}", "unknown key")]


# --- template -------------------------------------------------------------------------------------------------------


def test_a_template_has_a_name_and_perhaps_an_object_identifier() -> None:
    assert policy_of(a_policy_file()).template == Template("PartnerWebServer", None)
    assert policy_of(a_policy_file(template="{name: Partner Web, oid: 1.2.3}")).template == Template(
        "Partner Web", "1.2.3"
    )


@pytest.mark.parametrize("name", ["SubCA", "CA", "CrossCA", "subca", "SUBCA", "ca", "crossCa"])
def test_no_policy_can_speak_of_a_subordinate_ca(name: str) -> None:
    assert mistakes(a_policy_file(template=f"{{name: {name}}}")) == [
        (1, "template.name", "a CA makes a subordinate CA's certificate for this name: no policy can approve it")
    ]


@pytest.mark.parametrize(
    ("template", "path", "message"),
    [
        ("{oid: 1.2.3}", "template.name", "missing"),
        (
            "{name: ''}",
            "template.name",
            "must be printable text in Unicode form NFKC, without superfluous blanks, and not empty",
        ),
        ("{name: P, oid: PartnerWebServer}", "template.oid", "not an object identifier in dotted numbers"),
        ("{name: P, oid: }", "template.oid", EMPTY),
        ("PartnerWebServer", "template", "Input should be an object"),
        ("{name: P, version: 2}", "template.version", "unknown key"),
    ],
)
def test_an_unclear_template_is_a_mistake(template: str, path: str, message: str) -> None:
    assert mistakes(a_policy_file(template=template)) == [(1, path, message)]


def test_a_description_is_for_people() -> None:
    assert policy_of(f"description: Ein Text für Menschen\n{a_policy_file()}").template.name == "PartnerWebServer"


@pytest.mark.parametrize("rules", ["[]", "", "{}"])
def test_a_policy_without_rules_is_a_mistake(rules: str) -> None:
    assert [path for _, path, _ in mistakes(f"template: {{name: P}}\nrules: {rules}")] == ["rules"]


def test_a_file_that_says_nothing_is_all_mistakes() -> None:
    assert mistakes("{}") == [(1, "template", "missing"), (1, "rules", "missing")]


# --- requesters -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("account", "pattern"),
    [
        ("partner-a", Exact("partner-a", ignore_case=True)),
        ("'PARTNER\\alice'", Exact("PARTNER\\alice", ignore_case=True)),
        ("{exact: partner-a}", Exact("partner-a", ignore_case=True)),
        ("{exactIgnoreCase: partner-a}", Exact("partner-a", ignore_case=True)),
        ("{suffix: '@partner-b.example'}", Suffix("@partner-b.example")),
        ("{regex: 'host/.*'}", Regex("host/.*", ignore_case=True)),
    ],
)
def test_accounts_are_named_in_any_case(account: str, pattern: Pattern) -> None:
    rule = rule_of(
        a_policy_file(requesters=f"[{{account: {account}, authentication: [UsernamePassword, Certificate, Kerberos]}}]")
    )

    kinds = {"UsernamePassword", "Certificate", "Kerberos"}
    assert rule.requesters == RequestersCondition((AdmittedRequester(pattern, kinds),))


@pytest.mark.parametrize(
    ("requester", "path", "message"),
    [
        ("{account: a}", "authentication", "missing"),
        ("{account: , authentication: [Certificate]}", "account", EMPTY),
        ("{account: a, groups: [], authentication: [Certificate]}", "groups", EMPTY),
        ("{account: a, partner: , authentication: [Certificate]}", "partner", EMPTY),
        ("{issuer: Partner CA, authentication: [Certificate]}", "issuer", None),
        ("{issuer: {exact: Partner CA}, authentication: [Certificate]}", "issuer.exact", None),
        ("{organizationalUnits: [Partners], authentication: [Certificate]}", "organizationalUnits.0", None),
        ("{account: {requester: mail}, authentication: [Certificate]}", "account.requester", "unknown key"),
        ("{account: a, authentication: []}", "authentication", EMPTY),
        ("{account: a, authentication: Certificate}", "authentication", "Input should be a valid array"),
        (
            "{account: a, authentication: [Anonymous]}",
            "authentication.0",
            "Input should be 'UsernamePassword', 'Certificate' or 'Kerberos'",
        ),
        ("{account: 3, authentication: [Certificate]}", "account", "Input should be an object"),
        (
            "{account: '', authentication: [Certificate]}",
            "account",
            "must be printable text in Unicode form NFKC, without superfluous blanks, and not empty",
        ),
        (
            "{account: {}, authentication: [Certificate]}",
            "account",
            "a pattern is exactly one of exact, exactIgnoreCase, regex, suffix",
        ),
        ("{account: {suffix: example}, authentication: [Certificate]}", "account.suffix", None),
        ("{account: a, authentication: [Certificate], group: g}", "group", "unknown key"),
    ],
)
def test_an_unclear_requester_is_a_mistake(requester: str, path: str, message: str | None) -> None:
    ((line, at, said),) = mistakes(a_policy_file(requesters=f"[{requester}]"))

    assert (line, at) == (4, f"rules.0.requesters.0.{path}")
    assert message is None or said == message


def admitted_by(entry: str) -> tuple[AdmittedRequester, ...]:
    requesters = rule_of(a_policy_file(requesters=f"[{entry}]")).requesters
    assert isinstance(requesters, RequestersCondition)
    return requesters.admitted


@pytest.mark.parametrize("nobody", ["", "notGroups: [leavers], ", "notOrganizationalUnits: ['OU=X,DC=x'], "])
def test_who_is_not_something_is_nobody_in_particular(nobody: str) -> None:
    assert mistakes(a_policy_file(requesters=f"[{{{nobody}authentication: [Certificate]}}]")) == [
        (4, "rules.0.requesters.0", "needs account, issuer, groups, organizationalUnits or partner")
    ]


@pytest.mark.parametrize(
    "somebody",
    ["account: a", "issuer: CN=a", "groups: [a]", "organizationalUnits: ['OU=a']", "partner: a"],
)
def test_any_of_these_alone_is_somebody(somebody: str) -> None:
    (admitted,) = admitted_by(f"{{{somebody}, authentication: [Certificate]}}")

    assert str(admitted)


def test_requesters_are_found_by_more_than_their_account() -> None:
    entry = (
        "{issuer: 'CN=Partner CA,O=Partner', groups: [pki-users, S-1-5-21-1-2-3-1200], partner: partner-a,"
        " organizationalUnits: ['OU=Partners,DC=corp,DC=example'], notGroups: [leavers],"
        " notOrganizationalUnits: ['OU=Leavers,OU=Partners,DC=corp,DC=example'], authentication: [Certificate]}"
    )

    assert rule_of(a_policy_file(requesters=f"[{entry}]")).requesters == RequestersCondition(
        (
            AdmittedRequester(
                None,
                {"Certificate"},
                ExactName("CN=Partner CA,O=Partner"),
                Groups({"pki-users", "S-1-5-21-1-2-3-1200"}),
                OrganizationalUnits(("OU=Partners,DC=corp,DC=example",)),
                "partner-a",
                Groups({"leavers"}),
                OrganizationalUnits(("OU=Leavers,OU=Partners,DC=corp,DC=example",)),
            ),
        )
    )


@pytest.mark.parametrize(
    ("issuer", "pattern"),
    [
        ("'CN=Partner CA'", ExactName("CN=Partner CA")),
        ("{exact: 'CN=Partner CA'}", ExactName("CN=Partner CA")),
        ("{exactIgnoreCase: 'CN=Partner CA'}", ExactName("CN=Partner CA", ignore_case=True)),
        ("{regex: 'CN=.*,O=Partner'}", NameRegex(Regex("CN=.*,O=Partner"))),
    ],
)
def test_issuers_are_named_by_distinguished_name(issuer: str, pattern: Pattern) -> None:
    rule = rule_of(a_policy_file(requesters=f"[{{issuer: {issuer}, authentication: [Certificate]}}]"))

    assert rule.requesters == RequestersCondition((AdmittedRequester(None, {"Certificate"}, pattern),))


# --- key ------------------------------------------------------------------------------------------------------------


def test_kinds_of_keys() -> None:
    rule = rule_of(
        a_policy_file(
            key="[{algorithm: RSA, minimumKeyLength: 3072, maximumKeyLength: 4096},"
            " {algorithm: EC, curves: [secp256r1, brainpoolP256r1]}, {algorithm: Ed25519}, {algorithm: Ed448}]"
        )
    )

    assert rule.conditions[0] == KeyCondition(
        (
            KeyRule("RSA", 3072, 4096, public_exponents=(65537,)),
            KeyRule("EC", curves=("secp256r1", "brainpoolP256r1")),
            KeyRule("Ed25519"),
            KeyRule("Ed448"),
        )
    )


def test_a_key_may_have_to_have_one_length() -> None:
    rule = rule_of(a_policy_file(key="[{algorithm: RSA, minimumKeyLength: 3072, maximumKeyLength: 3072}]"))

    assert rule.conditions[0] == KeyCondition((KeyRule("RSA", 3072, 3072, public_exponents=(65537,)),))


def test_exponents_can_be_listed() -> None:
    rule = rule_of(a_policy_file(key="[{algorithm: RSA, minimumKeyLength: 2048, publicExponent: [3, 65537]}]"))

    assert rule.conditions[0] == KeyCondition((KeyRule("RSA", 2048, public_exponents=(3, 65537)),))


@pytest.mark.parametrize(
    ("key", "path", "message"),
    [
        ("{algorithm: RSA}", ".minimumKeyLength", "missing"),
        (
            "{algorithm: RSA, minimumKeyLength: 1024}",
            ".minimumKeyLength",
            "Input should be greater than or equal to 2048",
        ),
        ("{algorithm: RSA, minimumKeyLength: '2048'}", ".minimumKeyLength", "Input should be a valid integer"),
        ("{algorithm: RSA, minimumKeyLength: 2048, maximumKeyLength: }", ".maximumKeyLength", EMPTY),
        (
            "{algorithm: RSA, minimumKeyLength: 4096, maximumKeyLength: 2048}",
            "",
            "maximumKeyLength is less than minimumKeyLength",
        ),
        ("{algorithm: RSA, minimumKeyLength: 2048, publicExponent: []}", ".publicExponent", EMPTY),
        (
            "{algorithm: RSA, minimumKeyLength: 2048, publicExponent: [65536]}",
            ".publicExponent.0",
            "an RSA exponent is odd",
        ),
        (
            "{algorithm: RSA, minimumKeyLength: 2048, publicExponent: [1]}",
            ".publicExponent.0",
            "Input should be greater than or equal to 3",
        ),
        (
            "{algorithm: RSA, minimumKeyLength: 2048, publicExponent: [4294967297]}",
            ".publicExponent.0",
            "Input should be less than 4294967296",
        ),
        ("{algorithm: RSA, minimumKeyLength: 2048, curves: [secp256r1]}", ".curves", "unknown key"),
        ("{algorithm: EC}", ".curves", "missing"),
        ("{algorithm: EC, curves: []}", ".curves", EMPTY),
        ("{algorithm: EC, curves: [P-256]}", ".curves.0", None),
        ("{algorithm: DSA}", "", None),
        ("{}", "", None),
        ("RSA", "", None),
    ],
)
def test_an_unclear_key_is_a_mistake(key: str, path: str, message: str | None) -> None:
    ((line, at, said),) = mistakes(a_policy_file(key=f"[{key}]"))

    assert (line, at) == (5, f"rules.0.key.0{path}")
    assert message is None or said == message


# --- usages and extensions ------------------------------------------------------------------------------------------


def test_key_usages() -> None:
    rule = rule_of(a_policy_file("keyUsage: {allow: [digitalSignature, keyEncipherment]}"))

    assert KeyUsageCondition({"digitalSignature", "keyEncipherment"}) in rule.conditions


@pytest.mark.parametrize("usage", ["keyCertSign", "cRLSign", "DigitalSignature", "serverAuth"])
def test_other_key_usages_are_mistakes(usage: str) -> None:
    ((line, path, _),) = mistakes(a_policy_file(f"keyUsage: {{allow: [digitalSignature, {usage}]}}"))

    assert (line, path) == (6, "rules.0.keyUsage.allow.1")


def test_extended_key_usages_are_named_or_numbered() -> None:
    rule = rule_of(a_policy_file("extendedKeyUsage: {allow: [serverAuth, 1.3.6.1.5.5.7.3.2, 1.2.3.4]}"))

    assert ExtendedKeyUsageCondition({"1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2", "1.2.3.4"}) in rule.conditions


@pytest.mark.parametrize(
    ("usage", "message"),
    [
        ("2.5.29.37.0", "anyExtendedKeyUsage limits nothing: name the usages"),
        ("1.3.6.1.4.1.311.10.12.1", "szOID_ANY_APPLICATION_POLICY limits nothing: name the usages"),
        ("ServerAuth", "no extended key usage: write one of serverAuth, clientAuth, "),
        ("anyExtendedKeyUsage", "no extended key usage: write one of serverAuth, clientAuth, "),
    ],
)
def test_other_extended_key_usages_are_mistakes(usage: str, message: str) -> None:
    ((line, path, said),) = mistakes(a_policy_file(f"extendedKeyUsage: {{allow: [{usage}]}}"))

    assert (line, path) == (6, "rules.0.extendedKeyUsage.allow.0")
    assert said.startswith(message)


def test_what_a_rule_allows_is_the_limit_of_the_certificate_too() -> None:
    sections = (
        "keyUsage: {allow: [digitalSignature]}",
        "extendedKeyUsage: {allow: [serverAuth]}",
        "certificatePolicies: {allow: [1.2.3]}",
        "extensions: [1.2.4]",
    )

    assert rule_of(a_policy_file(*sections)).limits == Limits(
        key_usage=frozenset({"digitalSignature"}),
        extended_key_usage=frozenset({"1.3.6.1.5.5.7.3.1"}),
        certificate_policies=frozenset({"1.2.3"}),
        extensions=frozenset({"1.2.4"}),
    )
    assert rule_of(a_policy_file()).limits == Limits()


def test_certificate_policies_are_numbered() -> None:
    rule = rule_of(a_policy_file("certificatePolicies: {allow: [1.2.3]}"))

    assert CertificatePoliciesCondition({"1.2.3"}) in rule.conditions


@pytest.mark.parametrize(
    ("oid", "message"),
    [
        ("2.5.29.32.0", "anyPolicy limits nothing: name the policies"),
        ("medium", "not an object identifier in dotted numbers"),
    ],
)
def test_other_certificate_policies_are_mistakes(oid: str, message: str) -> None:
    assert mistakes(a_policy_file(f"certificatePolicies: {{allow: [{oid}]}}")) == [
        (6, "rules.0.certificatePolicies.allow.0", message)
    ]


def test_the_requesters_own_security_identifier_may_be_allowed() -> None:
    rule = rule_of(a_policy_file("securityIdentifier: requester"))

    assert SecurityIdentifierCondition(allowed=True) in rule.conditions


@pytest.mark.parametrize("value", ["S-1-5-21-1-2-3-500", "true", "anybody", ""])
def test_no_other_security_identifier_can_be_allowed(value: str) -> None:
    ((line, path, _),) = mistakes(a_policy_file(f"securityIdentifier: {value}"))

    assert (line, path) == (6, "rules.0.securityIdentifier")


def test_extensions_are_named_or_numbered() -> None:
    rule = rule_of(a_policy_file("extensions: [subjectKeyIdentifier, sMIMECapabilities, 1.2.3.4]"))

    assert ExtensionsCondition({"2.5.29.14", "1.2.840.113549.1.9.15", "1.2.3.4"}) in rule.conditions


@pytest.mark.parametrize("extension", [*JUDGED_EXTENSIONS, *JUDGED_EXTENSIONS.values()])
def test_an_extension_that_is_judged_cannot_be_let_through(extension: str) -> None:
    assert mistakes(a_policy_file(f"extensions: [subjectKeyIdentifier, {extension}]")) == [
        (6, "rules.0.extensions.1", "is judged elsewhere, and cannot be let through unjudged")
    ]


@pytest.mark.parametrize("extension", [*REFUSED_EXTENSIONS, *REFUSED_EXTENSIONS.values()])
def test_an_extension_that_is_always_refused_cannot_be_let_through(extension: str) -> None:
    assert mistakes(a_policy_file(f"extensions: ['{extension}']")) == [(6, "rules.0.extensions.0", "is always refused")]


def test_an_unknown_extension_is_a_mistake() -> None:
    assert mistakes(a_policy_file("extensions: [SubjectKeyIdentifier]")) == [
        (6, "rules.0.extensions.0", f"no extension: write one of {', '.join(EXTENSIONS)}, or dotted numbers")
    ]


@pytest.mark.parametrize(
    ("section", "renewals_only"),
    [("", False), ("renewal: {owner: [names]}", False), ("renewal: {owner: [names], required: true}", True)],
)
def test_a_rule_that_requires_a_renewal_is_for_renewals_only(section: str, *, renewals_only: bool) -> None:
    assert rule_of(a_policy_file(section)).renewals_only == renewals_only
