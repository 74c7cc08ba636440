"""What is left of an approval when the certificate comes."""

from dataclasses import replace
from datetime import timedelta

from gateway.pki.certificate_request import CertificateRequest
from gateway.policy.decision import Application, Approval, Mode, Policies
from gateway.policy.expected import Expected, IssuedRule, SecurityIdentifier, expected_of
from gateway.policy.limits import Limits
from gateway.policy.load import load_policies
from tests.builders import NOW, a_certificate, a_policy_file, a_request, a_requester, general_names

SID = "S-1-5-21-1-2-3-1104"
URI = f"tag:microsoft.com,2022-09-14:sid:{SID}"


def policies(*sections: str, more: str = "") -> Policies:
    return load_policies([("P.yaml", a_policy_file(*sections) + more)])


def expected(request: CertificateRequest, of: Policies | None = None, mode: Mode = Mode.ENFORCE) -> Expected:
    (policy,) = (of or policies()).policies
    policy = replace(policy, mode=mode)
    return expected_of(Approval(Application(a_requester(), request), policy, policy.rules[0]), NOW)


def test_names_key_and_template_are_kept() -> None:
    request = a_request(("commonName", "web01.partner-a.example"), dns=["web01.partner-a.example"])
    kept = expected(request)

    assert kept.subject == request.subject
    assert kept.subject_alternative_name == request.subject_alternative_name
    assert kept.subject_public_key_info == request.public_key.subject_public_key_info
    assert kept.template.name == "PartnerWebServer"
    assert (kept.approved_at, kept.mode, kept.requester_name) == (NOW, Mode.ENFORCE, None)


def test_the_lists_of_the_rule_bound_the_certificate() -> None:
    of = policies(
        "keyUsage: {allow: [digitalSignature]}", "extendedKeyUsage: {allow: [serverAuth]}", "extensions: [tlsFeature]"
    )

    assert expected(a_request(), of).limits == Limits(
        frozenset({"digitalSignature"}),
        frozenset({"1.3.6.1.5.5.7.3.1"}),
        frozenset(),
        frozenset({"1.3.6.1.5.5.7.1.24"}),
    )


def test_a_rule_that_lists_nothing_lets_nothing_be_in_the_certificate() -> None:
    assert expected(a_request()).limits == Limits()


def test_a_policy_that_says_nothing_about_issued_certificates_adds_nothing() -> None:
    assert expected(a_request()).issued == IssuedRule()
    assert not expected(a_request()).issued.has_names


def test_what_the_policy_says_about_issued_certificates_is_kept() -> None:
    of = policies(more="\nissued: {securityIdentifier: optional, subject: {commonName: {allow: [{regex: .*}]}}}\n")
    kept = expected(a_request(), of).issued

    assert kept.security_identifier is SecurityIdentifier.OPTIONAL
    assert kept.has_names


def test_the_longest_validity_of_the_rule_is_kept() -> None:
    (policy,) = policies().policies
    rule = replace(policy.rules[0], maximum_validity=timedelta(days=90))
    approval = Approval(Application(a_requester(), a_request()), policy, rule)

    assert expected_of(approval, NOW).maximum_validity == timedelta(days=90)


def test_a_renewal_may_have_the_names_of_the_old_certificate() -> None:
    old = replace(a_certificate(("commonName", "old")), subject_alternative_name=general_names(dNSName=["old"]))
    request = replace(a_request(("commonName", "new"), dns=["new"]), renewal_certificate=old, signers=(old,))
    kept = expected(request)

    assert [attribute.value for attribute in kept.subject.attributes()] == ["new", "old"]
    assert [name.value for name in kept.subject_alternative_name] == ["new", "old"]


def test_sids_that_were_asked_for_and_approved_are_kept() -> None:
    assert expected(a_request()).security_identifiers == frozenset()
    assert expected(a_request(security_identifier=SID)).security_identifiers == {SID}
    in_uri = a_request(san=general_names(uniformResourceIdentifier=[URI, "https://web01.partner-a.example/"]))
    assert expected(in_uri).security_identifiers == {SID}
    assert expected(a_request(san=general_names(rfc822Name=[URI]))).security_identifiers == frozenset()
