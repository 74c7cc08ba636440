import pytest
from pydantic import TypeAdapter, ValidationError

from gateway.authn.alt_security_identities import WeakForm
from gateway.authn.mapping_rules import AccountSource, MappingRules, MappingRuleSettings
from gateway.strict_yaml import Mistaken, parse

ISSUER = "CN=Partner Issuing CA,O=Partner A,C=DE"
FINGERPRINT = "ab" * 32


def load_rule(text: str) -> MappingRuleSettings:
    return parse(f"name: partner-a\n{text}", "gateway.yaml").validate(MappingRuleSettings)


def directory_rule(source: str, extra: str = "") -> str:
    return f'issuer: {ISSUER}\naccount_from: {source}\naccounts_within: ["@a.example"]\n{extra}'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("account: a\n", "needs issuer, issuer_certificate or fingerprint"),
        ("subject: CN=a\naccount: a\n", "needs issuer, issuer_certificate or fingerprint"),
        (f"fingerprint: {FINGERPRINT}\nserial_number: 1f\naccount: a\n", "serial_number needs issuer"),
        (
            f"fingerprint: {FINGERPRINT}\nsubject_key_identifier: 1f\naccount: a\n",
            "subject_key_identifier needs issuer",
        ),
        (f"issuer: {ISSUER}\n", "either account or account_from"),
        (f"issuer: {ISSUER}\naccount: a\naccount_from: dNSName\naccounts_within: [.a.b]\n", "either account or"),
        (f"issuer: {ISSUER}\naccount_from: dNSName\n", "needs accounts_within"),
        (f"issuer: {ISSUER}\naccount_from: dNSName\naccounts_within: []\n", "needs accounts_within"),
        (f"issuer: {ISSUER}\naccount_from: objectSid\n", "needs accounts_within"),
        (f"issuer: {ISSUER}\naccount_from: altSecurityIdentities\n", "needs accounts_within"),
        (f"issuer: {ISSUER}\naccount: a\naccounts_within: [.a.b]\n", "only goes with account_from"),
        (f"issuer: {ISSUER}\naccount_from: dNSName\naccounts_within: [a.b]\n", "must begin with"),
        (f'issuer: {ISSUER}\naccount_from: dNSName\naccounts_within: ["."]\n', "must begin with"),
        (f"issuer: {ISSUER}\naccount_from: uniformResourceIdentifier\naccounts_within: [.a.b]\n", "account_from"),
        (f'issuer: {ISSUER}\naccount: " a"\n', "blank"),
        ("issuer: Partner Issuing CA\naccount: a\n", "RFC 4514"),
        ("fingerprint: abcd\naccount: a\n", "64 hexadecimal"),
        (f"issuer: {ISSUER}\nserial_number: -1\naccount: a\n", "serial_number"),
        (f"issuer: {ISSUER}\nserial_number: 1g\naccount: a\n", "hexadecimal"),
        (f"issuer: {ISSUER}\nserial_number: {'f' * 42}\naccount: a\n", "hexadecimal"),
        (f"issuer: {ISSUER}\nsubject_key_identifier: 1g\naccount: a\n", "hexadecimal"),
        (f'issuer: {ISSUER}\nsubject_key_identifier: "123"\naccount: a\n', "pairs"),
        (f'issuer: {ISSUER}\nsubject_key_identifier: ""\naccount: a\n', "pairs"),
        (f"isuer: {ISSUER}\naccount: a\n", "unknown key"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_a_mistake(text: str, message: str) -> None:
    with pytest.raises(Mistaken, match=message):
        load_rule(text)


@pytest.mark.parametrize("source", ["objectSid", "altSecurityIdentities"])
def test_a_rule_that_asks_the_directory_says_which_ca_may_name_accounts(source: str) -> None:
    text = directory_rule(source)

    assert load_rule(text).account_from == source
    with pytest.raises(Mistaken, match=f"{source} needs issuer or issuer_certificate"):
        load_rule(text.replace(f"issuer: {ISSUER}", f"fingerprint: {FINGERPRINT}"))


def test_weak_forms_are_none_unless_the_rule_lists_them() -> None:
    assert load_rule(directory_rule("altSecurityIdentities")).weak_forms == ()
    listed = load_rule(directory_rule("altSecurityIdentities", "weak_forms: [X509RFC822, X509IssuerSubject]\n"))
    assert listed.weak_forms == (WeakForm.RFC822, WeakForm.ISSUER_SUBJECT)


@pytest.mark.parametrize(
    ("source", "weak_forms", "message"),
    [
        ("objectSid", "[X509RFC822]", "only goes with account_from: altSecurityIdentities"),
        ("altSecurityIdentities", "[X509RFC822, X509RFC822]", "twice"),
        ("altSecurityIdentities", "[X509SKI]", "weak_forms"),
        ("altSecurityIdentities", "[<RFC822>]", "weak_forms"),
    ],
)
def test_weak_forms_that_cannot_be_meant_are_a_mistake(source: str, weak_forms: str, message: str) -> None:
    with pytest.raises(Mistaken, match=message):
        load_rule(directory_rule(source, f"weak_forms: {weak_forms}\n"))


@pytest.mark.parametrize("spelling", ["16C7EF", "16:c7:ef", "16c7ef"])
def test_a_key_identifier_may_be_spelled_as_it_is_shown(spelling: str) -> None:
    rule = load_rule(f'issuer: {ISSUER}\nsubject_key_identifier: "{spelling}"\naccount: a\n')

    assert rule.subject_key_identifier == "16c7ef"


def test_every_source_can_be_written() -> None:
    for source in AccountSource:
        assert load_rule(directory_rule(source)).account_from is source


def rules_named(*names: str) -> tuple[MappingRuleSettings, ...]:
    rules = tuple(MappingRuleSettings(name=name, fingerprint=FINGERPRINT, account="a") for name in names)
    return TypeAdapter(MappingRules).validate_python(rules)


def test_rules_must_have_different_names() -> None:
    assert len(rules_named("a", "b")) == 2
    with pytest.raises(ValidationError, match="several rules have the name a"):
        rules_named("a", "b", "a")
