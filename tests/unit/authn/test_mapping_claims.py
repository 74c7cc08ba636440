from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.authn.alt_security_identities import WeakForm
from gateway.authn.mapping_claims import IdentifiedAccount, NamedAccount, NotThisRule, RegisteredCertificate, Rule
from gateway.authn.mapping_rules import MappingRuleSettings
from gateway.pki.certificate import Certificate, parse_certificate
from gateway.pki.keys import PublicKey
from gateway.pki.names import AttributeTypeAndValue, GeneralName, GeneralNameType, Name
from gateway.strict_yaml import Mistaken, parse
from tests.builders import an_account
from tests.certificates import a_client_certificate, an_authority
from tests.requests import a_key, a_public_key_info

ISSUER = "CN=Partner Issuing CA,O=Partner A,C=DE"
FINGERPRINT = "ab" * 32
SID = "S-1-5-21-1-2-3-1104"


def a_name(*most_specific_first: tuple[str, str]) -> Name:
    return Name(tuple((AttributeTypeAndValue(*member),) for member in reversed(most_specific_first)))


CERTIFICATE = Certificate(
    der=b"a certificate",
    subject=a_name(("commonName", "device01.partner-a.example"), ("organizationName", "Partner A")),
    issuer=a_name(("commonName", "Partner Issuing CA"), ("organizationName", "Partner A"), ("countryName", "DE")),
    serial_number=0x1F00,
    not_before=datetime(2026, 1, 1, tzinfo=UTC),
    not_after=datetime(2027, 1, 1, tzinfo=UTC),
    public_key=PublicKey("EC", 256, "secp256r1", a_public_key_info(a_key())),
    subject_alternative_name=(
        GeneralName(GeneralNameType.DNS_NAME, "device01.partner-a.example"),
        GeneralName(GeneralNameType.USER_PRINCIPAL_NAME, "Device01@Partner-A.example"),
    ),
    sha256_fingerprint=FINGERPRINT,
    subject_key_identifier="16c7ef",
)


def a_rule(**settings: object) -> Rule:
    return Rule(MappingRuleSettings.model_validate({"name": "partner-a"} | settings))


def derived(source: str, within: str, extra: str = "") -> Rule:
    text = f'name: partner-a\nissuer: {ISSUER}\naccount_from: {source}\naccounts_within: ["{within}"]\n{extra}'
    return Rule(parse(text, "gateway.yaml").validate(MappingRuleSettings))


def objection(rule: Rule, certificate: Certificate = CERTIFICATE) -> str:
    with pytest.raises(NotThisRule) as raised:
        rule.claim(certificate)
    return str(raised.value)


def having(*names: GeneralName) -> Certificate:
    return replace(CERTIFICATE, subject_alternative_name=names)


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
        {"issuer": ISSUER, "subject_key_identifier": "16:C7:EF"},
        {"issuer": ISSUER, "subject": "CN=device01.partner-a.example,O=Partner A"},
        {"issuer": ISSUER, "fingerprint": FINGERPRINT, "serial_number": "1f00", "subject_key_identifier": "16c7ef"},
    ],
)
def test_a_certificate_that_fits_every_condition_is_the_account_s(conditions: dict[str, str]) -> None:
    assert a_rule(account="PARTNER-A", **conditions).claim(CERTIFICATE) == NamedAccount("PARTNER-A", "PARTNER-A")


@pytest.mark.parametrize(
    ("conditions", "reason"),
    [
        ({"issuer": "CN=Partner Issuing CA,O=Partner B,C=DE"}, "another issuer"),
        ({"issuer": "CN=partner issuing ca,O=Partner A,C=DE"}, "another issuer"),
        ({"issuer": "C=DE,O=Partner A,CN=Partner Issuing CA"}, "another issuer"),
        ({"fingerprint": "cd" * 32}, "another fingerprint"),
        ({"issuer": ISSUER, "fingerprint": "cd" * 32}, "another fingerprint"),
        ({"issuer": ISSUER, "serial_number": "1f01"}, "another serial number"),
        ({"issuer": ISSUER, "subject_key_identifier": "16c7"}, "another subjectKeyIdentifier"),
        ({"issuer": ISSUER, "subject": "CN=device01.partner-a.example"}, "another subject"),
    ],
)
def test_one_condition_that_does_not_fit_is_enough(conditions: dict[str, str], reason: str) -> None:
    assert objection(a_rule(account="PARTNER-A", **conditions)) == reason


def test_a_certificate_without_key_identifier_fits_none() -> None:
    rule = a_rule(issuer=ISSUER, subject_key_identifier="16c7ef", account="PARTNER-A")

    assert objection(rule, replace(CERTIFICATE, subject_key_identifier=None)) == "another subjectKeyIdentifier"


def test_a_name_inside_a_value_is_not_a_name() -> None:
    forged = replace(CERTIFICATE, issuer=a_name(("commonName", ISSUER.removeprefix("CN="))))

    assert objection(a_rule(issuer=ISSUER, account="PARTNER-A"), forged) == "another issuer"


def test_a_certificate_without_subject_fits_no_subject() -> None:
    rule = a_rule(issuer=ISSUER, subject="CN=device01.partner-a.example", account="PARTNER-A")

    assert objection(rule, replace(CERTIFICATE, subject=Name(()))) == "another subject"


def test_a_subordinate_of_another_ca_with_the_issuer_s_name_is_another_issuer(tmp_path: Path) -> None:
    """Names can be taken on, keys cannot."""
    authority = an_authority(tmp_path)
    (tmp_path / "other").mkdir()
    own, alike = (
        parse_certificate(a_client_certificate(issuer).der) for issuer in (authority, an_authority(tmp_path / "other"))
    )
    rule = a_rule(issuer_certificate=authority.certificate_path, account="PARTNER")

    assert rule.claim(own) == NamedAccount("PARTNER", "PARTNER")
    assert objection(rule, alike) == "another issuer's key"


def test_an_issuer_certificate_that_cannot_be_used_is_a_mistake(tmp_path: Path) -> None:
    file = tmp_path / "issuer.pem"
    file.write_text("no PEM")

    with pytest.raises(Mistaken, match="is no certificate in PEM"):
        a_rule(issuer_certificate=file, account="PARTNER")


# --- names in the certificate ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "within", "account"),
    [
        ("dNSName", ".partner-a.example", "device01.partner-a.example"),
        ("commonName", ".PARTNER-A.example", "device01.partner-a.example"),
        ("userPrincipalName", "@partner-a.example", "Device01@Partner-A.example"),
    ],
)
def test_the_account_s_name_can_stand_in_the_certificate(source: str, within: str, account: str) -> None:
    claim = derived(source, within).claim(CERTIFICATE)

    assert isinstance(claim, NamedAccount)
    assert claim.name == account


def test_any_of_the_bounds_is_enough() -> None:
    rule = derived("dNSName", '@other.example", ".partner-a.example')

    assert isinstance(rule.claim(CERTIFICATE), NamedAccount)


def test_a_directory_is_asked_for_a_dns_name_s_computer() -> None:
    claim = derived("dNSName", ".partner-a.example").claim(CERTIFICATE)

    assert claim == NamedAccount("device01.partner-a.example", "device01$@partner-a.example")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("administrator@corp.example", "not within"),
        ("administrator@evilpartner-a.example", "not within"),
        ("administrator@partner-a.example.corp.example", "not within"),
        ("@partner-a.example", "not within"),
        ("administrator@corp.example@partner-a.example", "more than one @"),
        ("CORP\\administrator@partner-a.example", "backslash"),
        ("*@partner-a.example", "wildcard"),
        ("administrator\0@partner-a.example", "invisible"),
        (f"{'a' * 300}@partner-a.example", "characters"),
        ("", "is empty"),
    ],
)
def test_a_partners_ca_cannot_name_just_anybody(value: str, reason: str) -> None:
    certificate = having(GeneralName(GeneralNameType.USER_PRINCIPAL_NAME, value))

    assert reason in objection(derived("userPrincipalName", "@partner-a.example"), certificate)


@pytest.mark.parametrize("count", [0, 2])
def test_a_certificate_of_several_names_or_none_is_nobodys(count: int) -> None:
    names = [GeneralName(GeneralNameType.DNS_NAME, f"device{n}.partner-a.example") for n in range(count)]

    reason = objection(derived("dNSName", ".partner-a.example"), having(*names))

    assert reason == f"{count} values of dNSName, wanted one"


def test_a_name_of_another_type_does_not_count() -> None:
    certificate = having(
        GeneralName(GeneralNameType.RFC822_NAME, "alice@partner-a.example"),
        GeneralName(GeneralNameType.USER_PRINCIPAL_NAME, "bob@partner-a.example"),
    )

    claim = derived("rfc822Name", "@partner-a.example").claim(certificate)

    assert claim == NamedAccount("alice@partner-a.example", "alice@partner-a.example")


# --- what only the directory can tell -------------------------------------------------------------------------------


def test_the_sid_in_the_certificate_identifies_the_account() -> None:
    certificate = replace(CERTIFICATE, security_identifiers=(SID,))

    assert derived("objectSid", "@partner-a.example").claim(certificate) == IdentifiedAccount(SID)


@pytest.mark.parametrize("sids", [(), (SID, "S-1-5-21-1-2-3-500")])
def test_places_that_disagree_about_the_sid_identify_nobody(sids: tuple[str, ...]) -> None:
    certificate = replace(CERTIFICATE, security_identifiers=sids)

    reason = objection(derived("objectSid", "@partner-a.example"), certificate)

    assert reason == f"{len(sids)} values of objectSid, wanted one"


def test_a_certificate_can_be_registered_by_each_of_its_strong_forms() -> None:
    claim = derived("altSecurityIdentities", "@partner-a.example").claim(CERTIFICATE)

    assert isinstance(claim, RegisteredCertificate)
    assert claim.strong[:2] == ("X509:<I>C=DE,O=Partner A,CN=Partner Issuing CA<SR>001f", "X509:<SKI>16c7ef")
    assert [value[:17] for value in claim.strong[2:]] == ["X509:<SHA1-PUKEY>"] * 2
    assert claim.weak == {}


def test_weak_forms_are_tried_as_the_rule_lists_them_if_the_certificate_has_them() -> None:
    listed = "weak_forms: [X509SubjectOnly, X509RFC822, X509IssuerSubject]\n"

    claim = derived("altSecurityIdentities", "@partner-a.example", listed).claim(CERTIFICATE)

    assert isinstance(claim, RegisteredCertificate)
    assert list(claim.weak.items()) == [
        (WeakForm.SUBJECT_ONLY, "X509:<S>O=Partner A,CN=device01.partner-a.example"),
        (
            WeakForm.ISSUER_SUBJECT,
            "X509:<I>C=DE,O=Partner A,CN=Partner Issuing CA<S>O=Partner A,CN=device01.partner-a.example",
        ),
    ]


@pytest.mark.parametrize(
    ("user_principal_name", "within"),
    [
        ("heidi.jones@partner-a.example", "@partner-a.example"),
        ("Heidi.Jones@Partner-A.example", "@PARTNER-A.example"),
        (None, "@corp.example"),
    ],
)
def test_an_account_is_within_bounds_by_its_name_in_the_directory(user_principal_name: str | None, within: str) -> None:
    account = an_account("heidi", user_principal_name=user_principal_name)

    derived("objectSid", within).check_bounds(account)


@pytest.mark.parametrize(
    ("user_principal_name", "within"),
    [
        ("alice@corp.example", "@partner-a.example"),
        ("heidi.jones@partner-a.example", "@corp.example"),
        ("alice@evilpartner-a.example", "@partner-a.example"),
        (None, "@partner-a.example"),
    ],
)
def test_an_account_that_is_called_otherwise_is_out_of_bounds(user_principal_name: str | None, within: str) -> None:
    account = an_account("heidi", user_principal_name=user_principal_name)

    with pytest.raises(NotThisRule, match="is not within"):
        derived("objectSid", within).check_bounds(account)
