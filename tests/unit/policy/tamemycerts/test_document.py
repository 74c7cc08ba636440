from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.policy.tamemycerts.document import Pattern, parse_policy
from gateway.strict_yaml import Mistaken
from tests.unit.policy.tamemycerts.samples import A_NAME, a_list, a_pattern, a_policy, a_rule


def mistakes(xml: bytes) -> list[str]:
    with pytest.raises(Mistaken) as raised:
        parse_policy(xml, "policy.xml")
    return [str(mistake) for mistake in raised.value.mistakes]


def test_what_is_left_out_is_as_in_tamemycerts() -> None:
    policy = parse_policy(b"<CertificateRequestPolicy/>", "policy.xml")

    assert not policy.audit_only
    assert policy.security_identifier_extension == "Deny"
    assert policy.directory_services_mapping is None
    assert (policy.minimum_key_length, policy.maximum_key_length) == (0, 0)
    (rule,) = parse_policy(a_policy(subject=a_rule("commonName", a_pattern("a"))), "policy.xml").subject
    assert (rule.mandatory, rule.max_occurrences, rule.min_length, rule.max_length) == (False, 1, 1, 128)


def test_a_mapping_has_the_attributes_of_users_unless_it_says_otherwise() -> None:
    mapping = parse_policy(a_policy("<DirectoryServicesMapping/>"), "policy.xml").directory_services_mapping

    assert mapping is not None
    assert (mapping.certificate_attribute, mapping.directory_services_attribute) == ("userPrincipalName",) * 2
    assert (mapping.action, mapping.object_category) == ("Allow", "user")


@pytest.mark.parametrize("action", ["Allow", "Deny", "Continue"])
def test_a_mapping_has_an_action(action: str) -> None:
    mapping = f"<DirectoryServicesMapping><Action>{action}</Action></DirectoryServicesMapping>"
    read = parse_policy(a_policy(mapping), "policy.xml").directory_services_mapping

    assert read is not None
    assert read.action == action


def test_declarations_of_namespaces_comments_and_a_byte_order_mark_are_of_no_account() -> None:
    xml = b"""\xef\xbb\xbf<?xml version="1.0" encoding="utf-8"?>
        <CertificateRequestPolicy xmlns="urn:a" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
          <!-- a comment --><AuditOnly> true </AuditOnly><MinimumKeyLength>2048</MinimumKeyLength>
        </CertificateRequestPolicy>"""

    policy = parse_policy(xml, "policy.xml")

    assert policy.audit_only
    assert policy.minimum_key_length == 2048


@pytest.mark.parametrize(
    ("field", "expected"),
    [("CommonName", "commonName"), ("OID.2.5.4.3", "commonName"), ("OID.1.2.3", "OID.1.2.3"), (" surname ", "surname")],
)
def test_fields_are_known_in_any_case_and_by_object_identifier(field: str, expected: str) -> None:
    policy = parse_policy(a_policy(subject=a_rule(field, a_pattern("a"))), "policy.xml")

    assert [rule.field for rule in policy.subject] == [expected]


@pytest.mark.parametrize(
    ("element", "message"),
    [
        (
            "<KeyAlgorithm>RSA</KeyAlgorithm>",
            "KeyAlgorithm: CertificateRequestPolicy of TameMyCerts has no such element",
        ),
        ("<AuditOnly>True</AuditOnly>", "AuditOnly: must be true or false"),
        ("<AuditOnly><b/></AuditOnly>", "b: stands where text belongs"),
        ("<AuditOnly>true</AuditOnly><AuditOnly>false</AuditOnly>", "AuditOnly: stands here twice"),
        ("<AuditOnly mode='x'>true</AuditOnly>", "AuditOnly: TameMyCerts knows no attribute mode"),
        ("<AuditOnly xmlnsx='x'>true</AuditOnly>", "AuditOnly: TameMyCerts knows no attribute xmlnsx"),
        ("<MinimumKeyLength>1000000000</MinimumKeyLength>", "MinimumKeyLength: must be a number"),
        ("<MinimumKeyLength>-1</MinimumKeyLength>", "MinimumKeyLength: must be a number that is not negative"),
        ("<MinimumKeyLength>\u0662</MinimumKeyLength>", "MinimumKeyLength: must be a number that is not negative"),
        ("<SecurityIdentifierExtension>add</SecurityIdentifierExtension>", "must be Deny or Allow or Add or Remove"),
        ("<AllowedProcesses>mmc.exe</AllowedProcesses>", "AllowedProcesses: has text where elements belong"),
        ("<AllowedProcesses><name>a</name></AllowedProcesses>", "name: AllowedProcesses holds string elements only"),
        ("<AllowedProcesses kind='a'/>", "AllowedProcesses: TameMyCerts knows no attribute kind"),
        (
            "<DirectoryServicesMapping><Deny/></DirectoryServicesMapping>",
            "Deny: DirectoryServicesMapping of TameMyCerts",
        ),
        ("true", "CertificateRequestPolicy: has text where elements belong"),
    ],
)
def test_what_tamemycerts_does_not_know_is_a_mistake(element: str, message: str) -> None:
    assert message in "\n".join(mistakes(a_policy(element)))


@pytest.mark.parametrize(
    ("subject", "message"),
    [
        (a_rule("stateOrProviceName", a_pattern("a")), "SubjectRule: there is no Field 'stateOrProviceName'"),
        (a_rule("OID.1.2.03", a_pattern("a")), "there is no Field"),
        (a_rule("2.5.4.3", a_pattern("a")), "there is no Field"),
        (a_rule("surname", a_pattern("a"), more="<Occurs/>"), "Occurs: SubjectRule of TameMyCerts has no such element"),
        (
            a_rule("surname", "<Pattern><Expression>a</Expression><Case/></Pattern>"),
            "Case: Pattern of TameMyCerts has no such element",
        ),
        (a_rule("", a_pattern("a")), "there is no Field"),
        ("<SubjectRule/>", "SubjectRule: there is no Field ''"),
        (a_rule("surname", "<Pattern/>"), "Pattern: has no Expression"),
        (A_NAME + a_rule("CommonName", a_pattern("a")), "there is a rule for commonName already"),
        (a_rule("surname", a_pattern("")), "Pattern: has no Expression"),
        (a_rule("surname", a_pattern("a", treat_as="Regex")), "TreatAs: must be RegEx or"),
        (a_rule("surname", a_pattern("a", action="Add")), "Action: must be Allow or Deny"),
        (a_rule("surname", "<Pattern Action='Deny'><Expression>a</Expression></Pattern>"), "knows no attribute Action"),
    ],
)
def test_a_rule_that_tamemycerts_would_not_follow_is_a_mistake(subject: str, message: str) -> None:
    assert message in "\n".join(mistakes(a_policy(subject=subject)))


def test_subject_alternative_names_have_fields_of_their_own() -> None:
    assert mistakes(a_policy(names=a_rule("registeredID", a_pattern("1")))) == [
        "policy.xml:6: SubjectRule: there is no Field 'registeredID'"
    ]


def test_all_mistakes_are_told_each_with_its_line() -> None:
    xml = b"<CertificateRequestPolicy>\n<AuditOnly>yes</AuditOnly>\n<A/>\n</CertificateRequestPolicy>"

    assert [line.split(": ")[0] for line in mistakes(xml)] == ["policy.xml:2", "policy.xml:3"]


@pytest.mark.parametrize(
    ("xml", "message"),
    [
        (b"<Policy/>", "policy.xml:1: Policy: the root must be CertificateRequestPolicy"),
        (b"<CertificateRequestPolicy>", "not well-formed"),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]><CertificateRequestPolicy/>", "DOCTYPE"),
        ("<CertificateRequestPolicy/>".encode("utf-16"), "must be UTF-8"),
    ],
)
def test_what_is_no_such_policy_is_a_mistake(xml: bytes, message: str) -> None:
    assert message in "\n".join(mistakes(xml))


@pytest.mark.parametrize("nothing", ["", "false", "0", " false "])
def test_elements_that_ask_for_nothing_are_not_there(nothing: str) -> None:
    policy = parse_policy(a_policy(f"<SupplementDnsNames>{nothing}</SupplementDnsNames>"), "policy.xml")

    assert policy.others == ()


OTHERS = (
    "NotAfter",
    "CrlDistributionPoints",
    "AuthorityInformationAccess",
    "OnlineCertificateStatusProtocol",
    "OutboundSubject",
    "OutboundSubjectAlternativeName",
    "YubiKeyPolicies",
    "SupplementDnsNames",
    "SupplementUnqualifiedNames",
    "ReadSubjectFromRequest",
    "CustomCertificateExtensions",
)
OTHERS_OF_MAPPING = (
    "CustomAttributes",
    "DirectoryObjectRules",
    "SupplementServicePrincipalNames",
    "AddSidUniformResourceIdentifier",
    "MaximumPasswordAge",
)


def test_every_element_of_tamemycerts_is_known_in_its_place() -> None:
    inner = "".join(f"<{name}>1</{name}>" for name in OTHERS_OF_MAPPING)
    outer = "".join(f"<{name}>1</{name}>" for name in OTHERS)

    policy = parse_policy(
        a_policy(f"<DirectoryServicesMapping>{inner}</DirectoryServicesMapping>", outer), "policy.xml"
    )

    assert policy.others == OTHERS
    assert policy.directory_services_mapping is not None
    assert policy.directory_services_mapping.others == OTHERS_OF_MAPPING


@pytest.mark.parametrize(("word", "expected"), [("true", True), ("1", True), ("false", False), ("0", False)])
def test_booleans_are_those_of_xml_schema(word: str, *, expected: bool) -> None:
    assert parse_policy(a_policy(f"<AuditOnly>{word}</AuditOnly>"), "policy.xml").audit_only is expected


def test_numbers_have_up_to_nine_digits() -> None:
    policy = parse_policy(a_policy("<MaximumKeyLength>999999999</MaximumKeyLength>"), "policy.xml")

    assert policy.maximum_key_length == 999_999_999


def test_alternative_names_are_known_in_any_case() -> None:
    (rule,) = parse_policy(a_policy(names=a_rule("DNSNAME", a_pattern("a"))), "policy.xml").subject_alternative_name

    assert rule.field == "dNSName"


def test_a_pattern_is_a_regular_expression_that_allows_unless_it_says_otherwise() -> None:
    plain = "<Pattern><Expression>a</Expression></Pattern>"
    rule = a_rule("surname", plain, a_pattern("b", "ExactMatch", "Deny"))
    (read,) = parse_policy(a_policy(subject=rule), "policy.xml").subject

    assert read.patterns == (Pattern("a", "RegEx", denies=False), Pattern("b", "ExactMatch", denies=True))


@settings(derandomize=True, deadline=None)
@given(st.lists(st.sampled_from([a_list("AllowedProcesses", "a"), "<Subject>", "</Subject>", A_NAME, "<A/>", "x"])))
def test_whatever_it_holds_it_is_read_or_mistaken(elements: list[str]) -> None:
    with suppress(Mistaken):
        parse_policy(a_policy(*elements), "policy.xml")
