"""What stands in issued certificates, held against a captured one."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID

from gateway.lab import certification_request
from gateway.lab.accounts import ALICE, GATEWAY_SERVICE, Account
from gateway.lab.cmc import Signer
from gateway.lab.hresult import HResult
from gateway.lab.issuance import CLOCK_SKEW, Issue, Unissuable, sign_certificate
from gateway.lab.templates import (
    CORP_MACHINE,
    CORP_USER,
    MACHINE,
    PARTNER_USER,
    PARTNER_WEB_SERVER,
    USER,
    CertificateTemplate,
)
from tests.requests import (
    SECURITY_IDENTIFIER,
    a_certification_request,
    a_key,
    a_security_identifier_extension,
    a_user_principal_name,
    an_application_policies_extension,
)
from tests.unit.lab import der
from tests.unit.lab.messages import CAPTURED, a_reply

CAPTURED_LEAF = x509.load_der_x509_certificate(
    a_reply((CAPTURED / "capture-adcs-RSTRC-issued.xml").read_bytes()).token(".//wst:RequestedSecurityToken")
)
NOW = datetime.now(UTC)


def _issue(
    signer: Signer,
    template: CertificateTemplate = PARTNER_WEB_SERVER,
    request: bytes | None = None,
    account: Account = ALICE,
) -> x509.Certificate:
    parsed = certification_request.read(request or a_certification_request())
    return sign_certificate(Issue(template, parsed, account), signer, "Fabrikam Issuing CA 1", 4711, NOW)


def _extension(certificate: x509.Certificate, oid: str) -> x509.Extension[x509.ExtensionType]:
    return certificate.extensions.get_extension_for_oid(x509.ObjectIdentifier(oid))


def _raw(certificate: x509.Certificate, oid: str) -> bytes:
    return _extension(certificate, oid).value.public_bytes()


def test_an_online_certificate_has_the_captured_extensions_in_their_order(signer: Signer) -> None:
    request = a_certification_request(template="User", key=a_key("RSA"))
    certificate = _issue(signer, USER, request, GATEWAY_SERVICE)
    assert [(e.oid, e.critical) for e in certificate.extensions] == [
        (e.oid, e.critical) for e in CAPTURED_LEAF.extensions
    ]


@pytest.mark.parametrize("oid", ["1.3.6.1.4.1.311.20.2", "2.5.29.15", "2.5.29.37", "1.2.840.113549.1.9.15"])
def test_what_the_user_template_fixes_is_as_captured(signer: Signer, oid: str) -> None:
    certificate = _issue(signer, USER, a_certification_request(key=a_key("RSA")), GATEWAY_SERVICE)
    assert _raw(certificate, oid) == _raw(CAPTURED_LEAF, oid)


@pytest.mark.parametrize("oid", ["2.5.29.17", SECURITY_IDENTIFIER, "2.5.29.35", "2.5.29.14"])
def test_what_depends_on_the_account_has_the_captured_structure(signer: Signer, oid: str) -> None:
    certificate = _issue(signer, USER, account=GATEWAY_SERVICE)
    assert der.node(_raw(certificate, oid)).outline == der.node(_raw(CAPTURED_LEAF, oid)).outline


def test_an_online_subject_comes_from_the_directory_alone(signer: Signer) -> None:
    request = a_certification_request(
        "CN=Administrator",
        dns=["dc01.corp.fabrikam.example"],
        general_names=[a_user_principal_name("administrator@corp.fabrikam.example")],
        extra_extensions=[a_security_identifier_extension("S-1-5-21-1-2-3-500")],
    )
    certificate = _issue(signer, USER, request, GATEWAY_SERVICE)
    assert certificate.subject.rfc4514_string() == "CN=svc-gateway,CN=Users,DC=corp,DC=fabrikam,DC=example"
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [type(name) for name in names] == [x509.OtherName]
    assert b"svc-gateway@corp.fabrikam.example" in _raw(certificate, "2.5.29.17")
    assert GATEWAY_SERVICE.sid.encode() in _raw(certificate, SECURITY_IDENTIFIER)


def test_an_account_with_mail_has_it_in_both_names(signer: Signer) -> None:
    certificate = _issue(signer, USER)
    assert [a.value for a in certificate.subject.get_attributes_for_oid(NameOID.EMAIL_ADDRESS)] == [ALICE.mail]
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.RFC822Name) == [ALICE.mail]


def test_an_offline_subject_is_taken_as_it_comes(signer: Signer) -> None:
    request = a_certification_request("CN=any.name", dns=["one.example", "two.example"])
    certificate = _issue(signer, PARTNER_WEB_SERVER, request)
    assert certificate.subject.rfc4514_string() == "CN=any.name"
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["one.example", "two.example"]


def test_a_sid_in_an_offline_request_is_copied(signer: Signer) -> None:
    request = a_certification_request(extra_extensions=[a_security_identifier_extension("S-1-5-21-1-2-3-500")])
    assert b"S-1-5-21-1-2-3-500" in _raw(_issue(signer, PARTNER_WEB_SERVER, request), SECURITY_IDENTIFIER)


def test_an_offline_certificate_has_no_sid_of_its_own(signer: Signer) -> None:
    with pytest.raises(x509.ExtensionNotFound):
        _extension(_issue(signer), SECURITY_IDENTIFIER)


def test_an_offline_certificate_may_do_without_subject_or_alternative_name(signer: Signer) -> None:
    assert not _issue(signer, request=a_certification_request("")).subject.rdns
    with pytest.raises(x509.ExtensionNotFound):
        _extension(_issue(signer, request=a_certification_request(dns=())), "2.5.29.17")


def test_but_not_without_both(signer: Signer) -> None:
    with pytest.raises(Unissuable) as caught:
        _issue(signer, request=a_certification_request("", dns=()))
    assert caught.value.hresult is HResult.CERTSRV_E_BAD_REQUESTSUBJECT


def test_a_user_has_no_name_for_a_machine_template(signer: Signer) -> None:
    with pytest.raises(Unissuable) as caught:
        _issue(signer, MACHINE)
    assert caught.value.hresult is HResult.CERTSRV_E_SUBJECT_DNS_REQUIRED


@pytest.mark.parametrize("template", [MACHINE, CORP_MACHINE], ids=lambda template: template.common_name)
def test_a_machine_is_named_by_its_host_name(signer: Signer, template: CertificateTemplate) -> None:
    machine = replace(ALICE, name="PC1$", dns_host_name="pc1.corp.fabrikam.example")
    certificate = _issue(signer, template, account=machine)
    assert certificate.subject.rfc4514_string() == "CN=pc1.corp.fabrikam.example"
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [*names] == [x509.DNSName("pc1.corp.fabrikam.example")]
    assert machine.sid.encode() in _raw(certificate, SECURITY_IDENTIFIER)


def test_a_user_template_of_our_own_takes_any_key_and_needs_no_mail(signer: Signer) -> None:
    request = a_certification_request("CN=Administrator", template="CorpUser", key=a_key("EC"))
    certificate = _issue(signer, CORP_USER, request, GATEWAY_SERVICE)
    assert certificate.subject.rfc4514_string() == "CN=svc-gateway,CN=Users,DC=corp,DC=fabrikam,DC=example"
    assert b"svc-gateway@corp.fabrikam.example" in _raw(certificate, "2.5.29.17")


def test_a_version_2_template_is_named_by_its_object_identifier(signer: Signer) -> None:
    named = _extension(_issue(signer, PARTNER_USER), "1.3.6.1.4.1.311.21.7").value
    assert named == x509.MSCertificateTemplate(PARTNER_USER.oid, 100, 4)


def test_usages_come_from_the_template_and_never_from_the_request(signer: Signer) -> None:
    request = a_certification_request(extra_extensions=[an_application_policies_extension("1.3.6.1.4.1.311.20.2.1")])
    certificate = _issue(signer, PARTNER_WEB_SERVER, request)
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    policies = der.node(_raw(certificate, "1.3.6.1.4.1.311.21.10"))
    assert [policy[0].oid for policy in policies.children] == [ExtendedKeyUsageOID.SERVER_AUTH.dotted_string]


@pytest.mark.parametrize(("kind", "enciphers"), [("RSA", True), ("EC", False)])
def test_only_rsa_keys_encipher_keys(signer: Signer, kind: str, *, enciphers: bool) -> None:
    usage = _issue(signer, request=a_certification_request(key=a_key(kind))).extensions.get_extension_for_class(
        x509.KeyUsage
    )
    assert (usage.value.digital_signature, usage.value.key_encipherment) == (True, enciphers)


@pytest.mark.parametrize("oid", [ExtensionOID.CRL_DISTRIBUTION_POINTS, ExtensionOID.AUTHORITY_INFORMATION_ACCESS])
def test_locations_lead_into_the_internal_network(signer: Signer, oid: x509.ObjectIdentifier) -> None:
    value = _raw(_issue(signer), oid.dotted_string)
    assert b"ldap:///CN=Fabrikam%20Issuing%20CA%201," in value
    assert b"http://pki.corp.fabrikam.example/CertEnroll/" in value


def test_validity_begins_before_the_clock_and_ends_with_the_ca(signer: Signer) -> None:
    certificate = _issue(signer)
    assert certificate.not_valid_before_utc == (NOW - CLOCK_SKEW).replace(microsecond=0)
    assert certificate.not_valid_after_utc == signer.certificate.not_valid_after_utc


def test_a_short_template_ends_before_its_ca(signer: Signer) -> None:
    certificate = _issue(signer, replace(PARTNER_WEB_SERVER, validity=timedelta(days=2)))
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc == timedelta(days=2)


def test_the_certificate_verifies_under_its_ca(signer: Signer) -> None:
    _issue(signer).verify_directly_issued_by(signer.certificate)
