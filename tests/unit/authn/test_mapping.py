from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.account import Account
from gateway.authn.alt_security_identities import WeakForm, strong_values
from gateway.authn.mapping import AccountMapping, Mapped, describe
from gateway.authn.mapping_rules import MappingRuleSettings
from gateway.errors import AccountAmbiguous, CertificateNotMapped, DirectoryUnavailable, GatewayError, UnknownUser
from gateway.pki.certificate import Certificate, parse_certificate
from gateway.pki.names import GeneralName, GeneralNameType
from tests.builders import an_account
from tests.fakes.account_directory import FakeDirectory

LEAF = parse_certificate((Path(__file__).parents[2] / "vectors/certificate/captured-adcs-leaf.der").read_bytes())
"""Of labadm@pkinitlab.internal."""
ISSUER = str(LEAF.issuer)
BOUND = ["@pkinitlab.internal"]
SKI = f"X509:<SKI>{LEAF.subject_key_identifier}"
SUBJECT_ONLY = "X509:<S>DC=internal,DC=pkinitlab,CN=Users,CN=labadm"
ISSUER_SUBJECT = (
    "X509:<I>DC=internal,DC=pkinitlab,CN=PKINIT Lab Issuing CA<S>DC=internal,DC=pkinitlab,CN=Users,CN=labadm"
)


def a_person(name: str, number: int) -> Account:
    return an_account(
        name,
        realm="PKINITLAB.INTERNAL",
        user_principal_name=f"{name}@pkinitlab.internal",
        sid=f"S-1-5-21-1-2-3-{number}",
    )


LABADM = replace(a_person("labadm", 1104), sid=LEAF.security_identifiers[0])
ALICE = a_person("alice", 1105)
BOB = a_person("bob", 1106)


def a_rule(name: str = "a rule", **settings: object) -> MappingRuleSettings:
    return MappingRuleSettings.model_validate({"name": name, "issuer": ISSUER} | settings, strict=False)


def from_source(source: str, name: str = "a rule", **settings: object) -> MappingRuleSettings:
    return a_rule(name, **{"account_from": source, "accounts_within": BOUND} | settings)


def registered(*weak_forms: str, name: str = "a rule") -> MappingRuleSettings:
    return from_source("altSecurityIdentities", name, weak_forms=weak_forms)


async def account_of(
    *rules: MappingRuleSettings, certificate: Certificate = LEAF, directory: FakeDirectory | None = None
) -> Mapped:
    return await AccountMapping(rules, directory).account_of(certificate)


async def refusal(
    error: type[GatewayError],
    *rules: MappingRuleSettings,
    certificate: Certificate = LEAF,
    directory: FakeDirectory | None = None,
) -> str:
    with pytest.raises(error) as raised:
        await account_of(*rules, certificate=certificate, directory=directory)
    assert type(raised.value) is error
    return str(raised.value)


# --- without a directory --------------------------------------------------------------------------------------------


async def test_without_a_directory_an_account_is_its_name() -> None:
    assert await account_of(a_rule(account="PARTNER-A")) == Mapped("PARTNER-A", "a rule")
    assert await account_of(from_source("userPrincipalName")) == Mapped("labadm@pkinitlab.internal", "a rule")


async def test_rules_that_agree_name_one_account_by_the_first_of_them() -> None:
    rules = a_rule("one", account="PARTNER-A"), a_rule("two", account="PARTNER-A")

    assert (await account_of(*rules)).rule == "one"


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
async def test_rules_that_disagree_name_nobody(order: slice) -> None:
    rules = [a_rule("one", account="PARTNER-A"), a_rule("two", account="DEVICE01")]

    text = await refusal(CertificateNotMapped, *rules[order])

    assert "several accounts (DEVICE01, PARTNER-A)" in text
    assert "one: PARTNER-A" in text
    assert "two: DEVICE01" in text


@pytest.mark.parametrize("source", ["objectSid", "altSecurityIdentities"])
async def test_what_only_a_directory_can_tell_needs_a_realm(source: str) -> None:
    assert "a rule: needs a service with a realm" in await refusal(CertificateNotMapped, from_source(source))


async def test_a_rule_that_needs_a_realm_does_not_disturb_the_others_without_one() -> None:
    rules = from_source("objectSid", "sid"), from_source("userPrincipalName", "upn")

    assert await account_of(*rules) == Mapped("labadm@pkinitlab.internal", "upn")


async def test_the_refusal_shows_what_a_rule_or_the_directory_would_need() -> None:
    text = await refusal(CertificateNotMapped)

    assert text.startswith("the client certificate stands for no account: ")
    assert text.endswith("; rules tried: there are none")
    assert f'issuer "{ISSUER}"' in text
    assert f'subject "{LEAF.subject}"' in text
    assert "serial number 5e0000000a3465cd72ba45b7f100000000000a" in text
    assert f"subjectKeyIdentifier {LEAF.subject_key_identifier}" in text
    assert LEAF.sha256_fingerprint in text
    assert f"SID {LABADM.sid}" in text


def test_the_values_to_register_a_certificate_by_are_ready_to_be_pasted() -> None:
    text = describe(LEAF)

    for values in strong_values(LEAF).values():
        assert values[0] in text
    assert SUBJECT_ONLY not in text


def test_what_a_certificate_does_not_have_is_not_told_of() -> None:
    text = describe(replace(LEAF, subject_key_identifier=None, security_identifiers=()))

    assert "subjectKeyIdentifier" not in text
    assert "SID" not in text


async def test_every_rule_tells_its_objection() -> None:
    rules = (
        a_rule("one", issuer="CN=Another CA", account="a"),
        from_source("userPrincipalName", "two", accounts_within=["@corp.example"]),
    )

    text = await refusal(CertificateNotMapped, *rules)

    assert "rules tried: one: another issuer; two: userPrincipalName 'labadm@pkinitlab.internal' is not within" in text


# --- with a directory -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rule", [a_rule(account="labadm"), from_source("userPrincipalName"), from_source("objectSid"), registered()]
)
async def test_each_way_leads_to_the_account_in_the_directory(rule: MappingRuleSettings) -> None:
    directory = FakeDirectory([LABADM, ALICE], {SKI: [LABADM]})

    assert await account_of(rule, directory=directory) == Mapped("labadm@pkinitlab.internal", "a rule", LABADM)


async def test_a_computer_is_found_by_its_dns_name() -> None:
    computer = an_account("PC1$", realm="PKINITLAB.INTERNAL", user_principal_name=None)
    names = (GeneralName(GeneralNameType.DNS_NAME, "pc1.pkinitlab.internal"),)
    rule = from_source("dNSName", accounts_within=[".pkinitlab.internal"])

    mapped = await account_of(
        rule, certificate=replace(LEAF, subject_alternative_name=names), directory=FakeDirectory([computer])
    )

    assert mapped.directory_account == computer


async def test_rules_agree_when_they_lead_to_one_sid_however_it_is_spelled() -> None:
    rules = a_rule("fixed", account="LABADM"), from_source("userPrincipalName", "upn"), from_source("objectSid", "sid")

    mapped = await account_of(*rules, directory=FakeDirectory([LABADM]))

    assert (mapped.account, mapped.rule) == ("labadm@pkinitlab.internal", "fixed")


async def test_a_sid_and_a_name_that_belong_to_two_accounts_are_nobody_s() -> None:
    """The UPN was given to somebody else since the certificate was issued, or was made up (CVE-2022-26923)."""
    renamed = replace(LABADM, user_principal_name="old@pkinitlab.internal", sam_account_name="old")
    taken_over = replace(BOB, user_principal_name="labadm@pkinitlab.internal")

    text = await refusal(
        CertificateNotMapped,
        from_source("userPrincipalName", "upn"),
        from_source("objectSid", "sid"),
        directory=FakeDirectory([renamed, taken_over]),
    )

    assert "several accounts (bob@pkinitlab.internal, old@pkinitlab.internal)" in text


@pytest.mark.parametrize("rule", [a_rule(account="labadm"), from_source("objectSid"), from_source("userPrincipalName")])
async def test_an_account_that_does_not_exist_is_an_unknown_user(rule: MappingRuleSettings) -> None:
    text = await refusal(UnknownUser, rule, directory=FakeDirectory([ALICE]))

    assert text.startswith("by the rule a rule: no account for ")
    assert f'issuer "{ISSUER}"' in text


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
async def test_a_deleted_account_s_certificate_does_not_become_another_account_s(order: slice) -> None:
    rules = [from_source("userPrincipalName", "upn"), a_rule("everybody else", account="bob")]

    text = await refusal(UnknownUser, *rules[order], directory=FakeDirectory([BOB]))

    assert "by the rule upn" in text


async def test_a_name_of_several_accounts_is_ambiguous() -> None:
    twin = replace(BOB, user_principal_name="labadm@pkinitlab.internal")
    rules = from_source("objectSid", "sid"), from_source("userPrincipalName", "upn")

    text = await refusal(AccountAmbiguous, *rules, directory=FakeDirectory([LABADM, twin]))

    assert text.startswith("by the rule upn: 2 accounts")


@pytest.mark.parametrize("rule", [from_source("objectSid"), registered()])
async def test_a_ca_names_no_account_beyond_its_bounds(rule: MappingRuleSettings) -> None:
    elsewhere = replace(LABADM, user_principal_name="labadm@corp.example")

    text = await refusal(CertificateNotMapped, rule, directory=FakeDirectory([elsewhere], {SKI: [elsewhere]}))

    assert "a rule: the account 'labadm@corp.example' is not within @pkinitlab.internal" in text


@pytest.mark.parametrize("source", ["objectSid", "altSecurityIdentities"])
async def test_another_ca_names_no_account_at_all(source: str) -> None:
    directory = FakeDirectory([LABADM], {SKI: [LABADM]})

    text = await refusal(CertificateNotMapped, from_source(source, issuer="CN=Another CA"), directory=directory)

    assert "a rule: another issuer" in text
    assert directory.asked == []


async def test_that_the_directory_is_down_is_no_answer() -> None:
    text = await refusal(DirectoryUnavailable, registered("X509SubjectOnly"), directory=FakeDirectory(is_down=True))

    assert text == "no LDAP server answers"


# --- altSecurityIdentities ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [value for values in strong_values(LEAF).values() for value in values])
async def test_any_strong_form_registers_a_certificate(value: str) -> None:
    directory = FakeDirectory([LABADM], {value.upper(): [LABADM]})

    mapped = await account_of(registered("X509SubjectOnly"), directory=directory)

    assert mapped == Mapped(LABADM.name, "a rule", LABADM)
    assert len(directory.asked) == 1


async def test_strong_forms_at_several_accounts_are_ambiguous() -> None:
    first, second, *_ = (values[0] for values in strong_values(LEAF).values())

    await refusal(AccountAmbiguous, registered(), directory=FakeDirectory([], {first: [ALICE], second: [BOB]}))


async def test_a_certificate_that_is_registered_nowhere_is_not_mapped() -> None:
    text = await refusal(CertificateNotMapped, registered("X509SubjectOnly"), directory=FakeDirectory([LABADM]))

    assert "a rule: no account has it in altSecurityIdentities" in text


async def test_weak_forms_are_not_even_asked_for_unless_the_rule_lists_them() -> None:
    directory = FakeDirectory([], {SUBJECT_ONLY: [LABADM]})

    await refusal(CertificateNotMapped, registered(), directory=directory)
    await refusal(CertificateNotMapped, registered("X509IssuerSubject", "X509RFC822"), directory=directory)

    assert not any(SUBJECT_ONLY in asked for asked in directory.asked)


async def weakly(
    holders: Mapping[str, Account], *rules: MappingRuleSettings
) -> tuple[Mapped, list[WeakForm], list[Mapping[str, object]]]:
    """The account, the forms that were counted, and what was logged."""
    counted: list[WeakForm] = []
    directory = FakeDirectory([LABADM], {value: [account] for value, account in holders.items()})
    with capture_logs() as lines:
        mapped = await AccountMapping(rules, directory, counted.append).account_of(LEAF)
    return mapped, counted, [dict(line) for line in lines]


async def test_a_weak_form_that_is_listed_maps_and_is_counted_and_logged() -> None:
    mapped, counted, lines = await weakly({SUBJECT_ONLY: ALICE}, registered("X509IssuerSubject", "X509SubjectOnly"))

    assert mapped == Mapped(ALICE.name, "a rule", ALICE, WeakForm.SUBJECT_ONLY)
    assert counted == [WeakForm.SUBJECT_ONLY]
    (line,) = lines
    assert (line["log_level"], line["form"], line["rule"]) == ("warning", "X509SubjectOnly", "a rule")
    assert (line["account"], SKI in str(line["write_instead"])) == (ALICE.name, True)


async def test_a_strong_form_leaves_nothing_to_be_counted() -> None:
    mapped, counted, lines = await weakly({SKI: ALICE, SUBJECT_ONLY: ALICE}, registered("X509SubjectOnly"))

    assert (mapped.weak_form, counted, lines) == (None, [], [])


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
async def test_another_rule_that_leads_there_without_a_weak_form_leaves_nothing_to_be_counted(order: slice) -> None:
    rules = [registered("X509SubjectOnly", name="weak"), from_source("objectSid", "sid")]

    mapped, counted, _ = await weakly({SUBJECT_ONLY: LABADM}, *rules[order])

    assert (mapped.rule, mapped.weak_form, counted) == ("sid", None, [])


async def test_weak_forms_that_agree_are_one_account_by_the_first_of_them() -> None:
    mapped, counted, _ = await weakly(
        {SUBJECT_ONLY: ALICE, ISSUER_SUBJECT: ALICE}, registered("X509SubjectOnly", "X509IssuerSubject")
    )

    assert mapped.weak_form is WeakForm.SUBJECT_ONLY
    assert counted == [WeakForm.SUBJECT_ONLY]


async def test_weak_forms_that_disagree_are_ambiguous() -> None:
    directory = FakeDirectory([], {SUBJECT_ONLY: [ALICE], ISSUER_SUBJECT: [BOB]})

    text = await refusal(AccountAmbiguous, registered("X509SubjectOnly", "X509IssuerSubject"), directory=directory)

    assert "alice@pkinitlab.internal by X509SubjectOnly, bob@pkinitlab.internal by X509IssuerSubject" in text
