from contextlib import suppress
from hashlib import sha256
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.policy.decision import Policies
from gateway.policy.load import load_policies
from gateway.strict_yaml import Mistake, Mistaken
from tests.builders import a_policy_file, a_requester

WEB = a_policy_file(template="{name: PartnerWebServer, oid: 1.2.3}")
USER = a_policy_file(template="{name: PartnerUser, oid: 1.2.4}")


def mistakes(*files: tuple[str, str]) -> tuple[Mistake, ...]:
    with pytest.raises(Mistaken) as mistaken:
        load_policies(files)
    return mistaken.value.mistakes


def test_no_files_are_no_policies() -> None:
    assert load_policies([]) == Policies(())


def test_each_file_is_a_policy_in_the_order_given() -> None:
    loaded = load_policies(iter([("b.yaml", USER), ("a.yaml", WEB)]))

    assert [(policy.name, policy.template.name) for policy in loaded.policies] == [
        ("b", "PartnerUser"),
        ("a", "PartnerWebServer"),
    ]


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("PartnerUser.yaml", "PartnerUser"),
        ("PartnerUser.yml", "PartnerUser"),
        ("policies/PartnerUser.yaml", "PartnerUser"),
        ("C:\\policies\\PartnerUser.yaml", "PartnerUser"),
        ("Partner.User.yaml", "Partner.User"),
        ("PartnerUser", "PartnerUser"),
    ],
)
def test_a_policy_is_called_as_its_file(file: str, name: str) -> None:
    assert [policy.name for policy in load_policies([(file, USER)]).policies] == [name]


def test_the_digest_is_that_of_the_text() -> None:
    text = f"# Grüße\n{WEB}"

    (policy,) = load_policies([("a.yaml", text)]).policies

    assert policy.digest == sha256(text.encode("utf-8")).hexdigest()


def test_collectors_are_requesters() -> None:
    text = f"{WEB}\ncollectors: [{{account: partner-b, authentication: [Certificate]}}]\n"

    (policy,) = load_policies([("a.yaml", text)]).policies

    assert policy.collectors is not None
    assert policy.collectors.admits(a_requester("partner-b"))
    assert not policy.collectors.admits(a_requester("partner-c"))


def test_without_collectors_there_are_none() -> None:
    (policy,) = load_policies([("a.yaml", WEB)]).policies

    assert policy.collectors is None


def test_every_mistake_of_every_file_is_told_in_order() -> None:
    found = mistakes(
        ("b.yaml", "template: {name: SubCA}\nrules: []\nfoo: 1"),
        ("a.yaml", "a: ["),
        ("good.yaml", WEB),
        ("c.yaml", ""),
        ("d.yaml", "template: {name: X}\ntemplate: {name: Y}"),
    )

    assert [(mistake.file, mistake.line, mistake.path) for mistake in found] == [
        ("b.yaml", 1, "template.name"),
        ("b.yaml", 2, "rules"),
        ("b.yaml", 3, "foo"),
        ("a.yaml", 2, ""),
        ("c.yaml", 0, ""),
        ("d.yaml", 2, "template"),
    ]


@pytest.mark.parametrize("file", ["PartnerUser.yaml", "partneruser.yaml", "other/PartnerUser.yml"])
def test_two_policies_of_one_name_are_a_mistake(file: str) -> None:
    # Decisions tell policies apart by their names.
    (mistake,) = mistakes(("PartnerUser.yaml", USER), (file, WEB))

    assert mistake == Mistake(file, 1, "", "there is a policy of this name already: PartnerUser.yaml:1")


@pytest.mark.parametrize("name", ["PartnerUser", "PARTNERUSER"])
def test_two_policies_for_one_template_are_a_mistake(name: str) -> None:
    (mistake,) = mistakes(("a.yaml", USER), ("b.yaml", a_policy_file(template=f"{{name: {name}}}")))

    assert str(mistake) == "b.yaml:1: template.name: there is a policy for the template of this name already: a.yaml:1"


def test_two_policies_for_one_object_identifier_are_a_mistake() -> None:
    (mistake,) = mistakes(("a.yaml", USER), ("b.yaml", a_policy_file(template="{name: Other, oid: 1.2.4}")))

    assert str(mistake) == "b.yaml:1: template.oid: there is a policy for the template of this oid already: a.yaml:1"


def test_templates_without_object_identifier_do_not_clash() -> None:
    files = [(f"{name}.yaml", a_policy_file(template=f"{{name: {name}}}")) for name in ("A", "B", "C")]

    assert len(load_policies(files).policies) == 3


def two_rules(first: str, second: str) -> str:
    rule = a_policy_file(name=second).splitlines()[2:]
    return "\n".join([a_policy_file(name=first), *rule])


@pytest.mark.parametrize("name", ["hosts", "HOSTS"])
def test_two_rules_of_one_name_are_a_mistake(name: str) -> None:
    (mistake,) = mistakes(("a.yaml", two_rules("hosts", name)))

    assert mistake == Mistake("a.yaml", 6, "rules.1.name", "there is a rule of this name already: a.yaml:3")


def test_rules_of_different_files_may_have_one_name() -> None:
    assert len(load_policies([("a.yaml", USER), ("b.yaml", WEB)]).policies) == 2


def test_repetitions_are_told_where_something_else_is_wrong_too() -> None:
    found = mistakes(
        ("a.yaml", two_rules("hosts", "hosts").replace("2048", "1024", 1)),
        ("b.yaml", a_policy_file("foo: 1")),
    )

    assert [(mistake.file, mistake.path) for mistake in found] == [
        ("a.yaml", "rules.0.key.0.minimumKeyLength"),
        ("a.yaml", "rules.1.name"),
        ("b.yaml", "template.name"),
        ("b.yaml", "rules.0.foo"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "3",
        "text",
        "template: 3",
        "template: [name]",
        "rules: name",
        "rules: 3",
        "rules: {name: x}",
        "rules: [x, [name], {name: [x]}]",
    ],
)
def test_files_of_another_shape_are_mistakes_and_nothing_worse(text: str) -> None:
    assert mistakes(("a.yaml", text), ("b.yaml", text))


@pytest.mark.parametrize(
    "entry",
    [
        "{account: partner-a, authentication: [Certificate]}",
        "{account: {regex: 'a.*'}, authentication: [Certificate, Kerberos]}",
        "{account: {suffix: '@partner-a.example'}, authentication: [UsernamePassword]}",
        "{issuer: 'CN=Partner CA,O=Partner A', authentication: [Certificate]}",
        "{issuer: {regex: 'CN=.*'}, authentication: [Certificate]}",
        "{groups: [pki-users], notGroups: [S-1-5-21-1-2-3-512], authentication: [Kerberos]}",
        "{organizationalUnits: ['OU=a,DC=corp'], notOrganizationalUnits: ['OU=b,DC=corp'], authentication: [Kerberos]}",
        "{partner: partner-a, authentication: [Certificate]}",
    ],
)
def test_policies_share_what_they_say_of_requesters(entry: str) -> None:
    def a_file(template: str, who: str) -> str:
        return (
            f"template: {{name: {template}}}\nrules:\n  - name: r\n    requesters: [{who}]\n"
            "    key: [{algorithm: EC, curves: [secp256r1]}]\n"
        )

    other = "{account: somebody-else, authentication: [Certificate]}"
    files = [("a.yaml", a_file("A", entry)), ("b.yaml", a_file("B", entry)), ("c.yaml", a_file("C", other))]

    first, second, third = (policy.rules[0].requesters for policy in load_policies(files).policies)

    assert first is second
    assert third is not first


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.randoms(use_true_random=False), st.integers(1, 4))
def test_damaged_files_are_loaded_or_mistaken_and_nothing_worse(random: Random, damages: int) -> None:
    text = a_policy_file(
        "subject: {commonName: {allow: [{regex: a.*}], deny: [{exact: b}], maxLength: 64}}",
        "subjectAlternativeName: {iPAddress: {allow: [{cidr: 192.0.2.0/24}, {exact: '::1'}]}}",
        "extensions: [subjectKeyIdentifier]",
    )
    for _ in range(damages):
        at = random.randrange(len(text))
        text = (
            text[:at]
            + random.choice(["", "\n", "{", "]", ":", "*", "&a ", "!", '"', "%", "0", "\u200b", "\x00"])
            + text[at + random.randrange(3) :]
        )

    with suppress(Mistaken):
        load_policies([("a.yaml", text)])
