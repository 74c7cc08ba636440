from dataclasses import replace
from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from gateway.authn.mapping import AccountMapping, MappingRules, MappingRuleSettings
from gateway.errors import CertificateNotMapped
from gateway.pki.certificate import Certificate
from gateway.pki.keys import PublicKey
from gateway.pki.names import AttributeTypeAndValue, GeneralName, GeneralNameType, Name
from gateway.strict_yaml import Mistaken, parse

ISSUER = "CN=Partner Issuing CA,O=Partner A,C=DE"
FINGERPRINT = "ab" * 32


def a_name(*most_specific_first: tuple[str, str]) -> Name:
    return Name(tuple((AttributeTypeAndValue(*member),) for member in reversed(most_specific_first)))


CERTIFICATE = Certificate(
    der=b"",
    subject=a_name(("commonName", "device01.partner-a.example"), ("organizationName", "Partner A")),
    issuer=a_name(("commonName", "Partner Issuing CA"), ("organizationName", "Partner A"), ("countryName", "DE")),
    serial_number=0x1F00,
    not_before=datetime(2026, 1, 1, tzinfo=UTC),
    not_after=datetime(2027, 1, 1, tzinfo=UTC),
    public_key=PublicKey("EC", 256, "secp256r1", b""),
    subject_alternative_name=(
        GeneralName(GeneralNameType.DNS_NAME, "device01.partner-a.example"),
        GeneralName(GeneralNameType.USER_PRINCIPAL_NAME, "Device01@Partner-A.example"),
    ),
    sha256_fingerprint=FINGERPRINT,
)


def a_rule(**settings: object) -> MappingRuleSettings:
    return MappingRuleSettings.model_validate({"name": "partner-a"} | settings)


def account_of(*rules: MappingRuleSettings, certificate: Certificate = CERTIFICATE) -> tuple[str, str]:
    return AccountMapping(rules).account_of(certificate)


def objections(*rules: MappingRuleSettings, certificate: Certificate = CERTIFICATE) -> str:
    with pytest.raises(CertificateNotMapped) as raised:
        account_of(*rules, certificate=certificate)
    return str(raised.value)


def having(*names: GeneralName) -> Certificate:
    return replace(CERTIFICATE, subject_alternative_name=names)


def load_rule(text: str) -> MappingRuleSettings:
    return parse(f"name: partner-a\n{text}", "gateway.yaml").validate(MappingRuleSettings)


# --- which certificates ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "conditions",
    [
        {"issuer": ISSUER},
        {"issuer": "CN=Partner Issuing CA, O=Partner A, C=DE"},
        {"fingerprint": FINGERPRINT},
        {"fingerprint": ":".join(["AB"] * 32)},
        {"issuer": ISSUER, "serial_number": "1f00"},
        {"issuer": ISSUER, "serial_number": "00:1F:00"},
        {"issuer": ISSUER, "subject": "CN=device01.partner-a.example,O=Partner A"},
        {"issuer": ISSUER, "fingerprint": FINGERPRINT, "serial_number": "1f00"},
    ],
)
def test_a_certificate_that_fits_every_condition_is_mapped(conditions: dict[str, str]) -> None:
    assert account_of(a_rule(account="PARTNER-A", **conditions)) == ("PARTNER-A", "partner-a")


@pytest.mark.parametrize(
    ("conditions", "objection"),
    [
        ({"issuer": "CN=Partner Issuing CA,O=Partner B,C=DE"}, "another issuer"),
        ({"issuer": "CN=partner issuing ca,O=Partner A,C=DE"}, "another issuer"),
        ({"issuer": "C=DE,O=Partner A,CN=Partner Issuing CA"}, "another issuer"),
        ({"fingerprint": "cd" * 32}, "another fingerprint"),
        ({"issuer": ISSUER, "fingerprint": "cd" * 32}, "another fingerprint"),
        ({"issuer": ISSUER, "serial_number": "1f01"}, "another serial number"),
        ({"issuer": ISSUER, "subject": "CN=device01.partner-a.example"}, "another subject"),
    ],
)
def test_one_condition_that_does_not_fit_is_enough(conditions: dict[str, str], objection: str) -> None:
    assert f"partner-a: {objection}" in objections(a_rule(account="PARTNER-A", **conditions))


def test_a_name_inside_a_value_is_not_a_name() -> None:
    forged = replace(CERTIFICATE, issuer=a_name(("commonName", ISSUER.removeprefix("CN="))))

    assert "another issuer" in objections(a_rule(issuer=ISSUER, account="PARTNER-A"), certificate=forged)


def test_a_certificate_without_subject_fits_no_subject() -> None:
    rule = a_rule(issuer=ISSUER, subject="CN=device01.partner-a.example", account="PARTNER-A")

    assert "another subject" in objections(rule, certificate=replace(CERTIFICATE, subject=Name(())))


# --- which account --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "within", "account"),
    [
        ("dNSName", ".partner-a.example", "device01.partner-a.example"),
        ("commonName", ".PARTNER-A.example", "device01.partner-a.example"),
        ("userPrincipalName", "@partner-a.example", "Device01@Partner-A.example"),
    ],
)
def test_the_account_can_stand_in_the_certificate(source: str, within: str, account: str) -> None:
    rule = load_rule(f'issuer: {ISSUER}\naccount_from: {source}\naccounts_within: ["@other.example", "{within}"]\n')

    assert account_of(rule) == (account, "partner-a")


def derived(source: str, within: str) -> MappingRuleSettings:
    return load_rule(f'issuer: {ISSUER}\naccount_from: {source}\naccounts_within: ["{within}"]\n')


@pytest.mark.parametrize(
    ("value", "objection"),
    [
        ("administrator@corp.example", "not within"),
        ("administrator@evilpartner-a.example", "not within"),
        ("administrator@partner-a.example.corp.example", "not within"),
        ("@partner-a.example", "not within"),
        ("administrator@corp.example@partner-a.example", "more than one @"),
        ("*@partner-a.example", "wildcard"),
        ("administrator\0@partner-a.example", "invisible"),
        (f"{'a' * 300}@partner-a.example", "characters"),
        ("", "is empty"),
    ],
)
def test_a_partners_ca_cannot_name_just_anybody(value: str, objection: str) -> None:
    certificate = having(GeneralName(GeneralNameType.USER_PRINCIPAL_NAME, value))

    assert objection in objections(derived("userPrincipalName", "@partner-a.example"), certificate=certificate)


@pytest.mark.parametrize("count", [0, 2])
def test_a_certificate_of_several_names_or_none_is_nobodys(count: int) -> None:
    names = [GeneralName(GeneralNameType.DNS_NAME, f"device{n}.partner-a.example") for n in range(count)]
    rule = derived("dNSName", ".partner-a.example")

    assert f"{count} values of dNSName, wanted one" in objections(rule, certificate=having(*names))


def test_a_name_of_another_type_does_not_count() -> None:
    certificate = having(
        GeneralName(GeneralNameType.RFC822_NAME, "alice@partner-a.example"),
        GeneralName(GeneralNameType.USER_PRINCIPAL_NAME, "bob@partner-a.example"),
    )

    assert (
        account_of(derived("rfc822Name", "@partner-a.example"), certificate=certificate)[0] == "alice@partner-a.example"
    )


# --- several rules --------------------------------------------------------------------------------------------------


def test_rules_that_agree_name_one_account_by_the_first_of_them() -> None:
    first = a_rule(name="one", issuer=ISSUER, account="PARTNER-A")
    second = a_rule(name="two", fingerprint=FINGERPRINT, account="PARTNER-A")

    assert account_of(first, second) == ("PARTNER-A", "one")


def test_rules_that_disagree_name_nobody() -> None:
    first = a_rule(name="one", issuer=ISSUER, account="PARTNER-A")
    second = a_rule(name="two", fingerprint=FINGERPRINT, account="DEVICE01")

    text = objections(first, second)

    assert "several accounts (DEVICE01, PARTNER-A)" in text
    assert "one: PARTNER-A; two: DEVICE01" in text


def test_the_refusal_shows_what_a_rule_needs() -> None:
    text = objections()

    assert f'issuer "{ISSUER}"' in text
    assert 'subject "CN=device01.partner-a.example,O=Partner A"' in text
    assert "serial number 1f00" in text
    assert FINGERPRINT in text
    assert "there are none" in text


# --- the settings ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("account: a\n", "needs issuer, issuer_certificate or fingerprint"),
        ("subject: CN=a\naccount: a\n", "needs issuer, issuer_certificate or fingerprint"),
        (f"fingerprint: {FINGERPRINT}\nserial_number: 1f\naccount: a\n", "serial_number needs issuer"),
        (f"issuer: {ISSUER}\n", "either account or account_from"),
        (f"issuer: {ISSUER}\naccount: a\naccount_from: dNSName\naccounts_within: [.a.b]\n", "either account or"),
        (f"issuer: {ISSUER}\naccount_from: dNSName\n", "needs accounts_within"),
        (f"issuer: {ISSUER}\naccount_from: dNSName\naccounts_within: []\n", "needs accounts_within"),
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
        (f"isuer: {ISSUER}\naccount: a\n", "unknown key"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_a_mistake(text: str, message: str) -> None:
    with pytest.raises(Mistaken, match=message):
        load_rule(text)


def rules_named(*names: str) -> tuple[MappingRuleSettings, ...]:
    rules = tuple(a_rule(name=name, fingerprint=FINGERPRINT, account="a") for name in names)
    return TypeAdapter(MappingRules).validate_python(rules)


def test_rules_must_have_different_names() -> None:
    assert len(rules_named("a", "b")) == 2
    with pytest.raises(ValidationError, match="several rules have the name a"):
        rules_named("a", "b", "a")
