"""What [MS-XCEP] says about messages, one test per clause, and its own XML Schema held against what we write."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree

from gateway.errors import MalformedMessage
from gateway.protocol.soap import parse_envelope, render_envelope
from gateway.protocol.xcep import (
    ACTION_GET_POLICIES_RESPONSE,
    CA,
    CAURI,
    OID,
    Attributes,
    CertificateEnrollmentPolicy,
    ClientAuthentication,
    Extension,
    GetPolicies,
    GetPoliciesResponse,
    KeyArchivalAttributes,
    OIDGroup,
    PrivateKeyAttributes,
    RARequirements,
    RequestFilter,
    parse_get_policies,
    parse_get_policies_response,
    render_get_policies,
    render_get_policies_response,
)
from gateway.protocol.xml import to_bytes

SCHEMA = etree.XMLSchema(etree.parse(Path(__file__).parents[1] / "vectors" / "xsd" / "ms-xcep.xsd"))
XCEP = "http://schemas.microsoft.com/windows/pki/2009/01/enrollmentpolicy"

CLIENT = '<client><lastUpdate xsi:nil="true"/><preferredLanguage xsi:nil="true"/></client>'
REQUEST_FILTER = '<requestFilter xsi:nil="true"/>'

BARE = Attributes(
    common_name="User",
    policy_schema=1,
    validity_period_seconds=31536000,
    renewal_period_seconds=3628800,
    enroll=True,
    auto_enroll=False,
    private_key_attributes=PrivateKeyAttributes(2048, None, None, None, None, None),
    major_revision=3,
    minor_revision=1,
    superseded_policies=None,
    private_key_flags=None,
    subject_name_flags=None,
    enrollment_flags=None,
    general_flags=None,
    hash_algorithm_oid_reference=None,
    ra_requirements=None,
    key_archival_attributes=None,
    extensions=None,
)
FULL = replace(
    BARE,
    private_key_attributes=PrivateKeyAttributes(2048, 1, 0xFFFFFF, "D:P(A;;FA;;;BA)", 1, ("One", "Two")),
    superseded_policies=("Old",),
    private_key_flags=16,
    subject_name_flags=0x82000000,
    enrollment_flags=0,
    general_flags=0x40,
    hash_algorithm_oid_reference=2,
    ra_requirements=RARequirements(1, (3,), (4, 5)),
    key_archival_attributes=KeyArchivalAttributes(6, 256),
    extensions=(Extension(7, critical=True, value=b"\3\2\5\240"), Extension(8, critical=False, value=None)),
)
RESPONSE = GetPoliciesResponse(
    policy_id="{083C7011-1D0A-4855-885D-AC945184658C}",
    policy_friendly_name="Corp",
    next_update_hours=8,
    policies_not_changed=False,
    policies=(CertificateEnrollmentPolicy(9, (0,), FULL), CertificateEnrollmentPolicy(10, None, BARE)),
    cas=(
        CA(
            (CAURI(ClientAuthentication.CERTIFICATE, "https://ces.corp.example/CES", 1, renewal_only=False),),
            b"\x30\x00",
            enroll_permission=True,
            ca_reference_id=0,
        ),
    ),
    oids=(OID("1.3.6.1.4.1.311.21.8.1", OIDGroup.ENROLLMENT_OBJECT, 9, "Web Server"), OID("2.5.29.15", 6, 7, None)),
)


def violations(root: etree._Element) -> list[str]:
    """What the schema has against the message, as it goes over the wire."""
    SCHEMA.validate(etree.fromstring(to_bytes(root)))
    return [error.message for error in SCHEMA.error_log]  # type: ignore[attr-defined]  # lxml-stubs lacks __iter__


def a_request(content: str) -> GetPolicies:
    message = (
        '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://www.w3.org/2005/08/addressing"'
        f' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><s:Header><a:Action>{XCEP}/IPolicy/GetPolicies'
        f'</a:Action></s:Header><s:Body><GetPolicies xmlns="{XCEP}">{content}</GetPolicies></s:Body></s:Envelope>'
    )
    return parse_get_policies(parse_envelope(message.encode()))


def an_answer(response: GetPoliciesResponse, old: bytes = b"", new: bytes = b"") -> GetPoliciesResponse:
    message = render_envelope(ACTION_GET_POLICIES_RESPONSE, render_get_policies_response(response))
    assert old in message
    return parse_get_policies_response(parse_envelope(message.replace(old, new, 1)))


@pytest.mark.parametrize(
    "request_filter", [None, RequestFilter(None, None, None), RequestFilter(("1.2.3", "1.2.4"), 6, 3)]
)
def test_6_2_a_request_is_valid_under_the_schema(request_filter: RequestFilter | None) -> None:
    for last_update, language in ((None, None), ("2026-11-22T12:00:00Z", "en-US")):
        assert violations(render_get_policies(GetPolicies(last_update, language, request_filter))) == []


@pytest.mark.parametrize(
    "response",
    [
        RESPONSE,
        replace(RESPONSE, policies=(), cas=(), oids=()),
        replace(RESPONSE, policies=None, cas=None, oids=None, policy_friendly_name=None, next_update_hours=None),
        replace(RESPONSE, policies=(CertificateEnrollmentPolicy(9, (), replace(FULL, extensions=())),)),
        replace(RESPONSE, policies=(CertificateEnrollmentPolicy(9, (0,), replace(FULL, superseded_policies=())),)),
    ],
    ids=["full", "empty", "nil", "no extensions", "nothing superseded"],
)
def test_6_2_an_answer_is_valid_under_the_schema(response: GetPoliciesResponse) -> None:
    assert violations(render_get_policies_response(response)) == []


def test_3_1_4_1_3_5_and_12_let_two_elements_be_nil_that_6_2_does_not() -> None:
    """The document disagrees with itself; the clauses go before the appendix."""
    extension = Extension(7, critical=None, value=None)
    uri = CAURI(ClientAuthentication.CERTIFICATE, "https://ces.corp.example/CES", None, renewal_only=None)
    response = replace(
        RESPONSE,
        policies=(CertificateEnrollmentPolicy(9, None, replace(FULL, extensions=(extension,))),),
        cas=(CA((uri,), b"\x30\x00", enroll_permission=True, ca_reference_id=0),),
    )

    blamed = {
        re.sub(r".*\{.*\}(\w+)'.*", r"\1", violation)
        for violation in violations(render_get_policies_response(response))
    }
    assert blamed == {"critical", "renewalOnly"}
    assert an_answer(response) == response


@pytest.mark.parametrize("client", ["", "<client/>", '<client xsi:nil="true"/>'])
def test_3_1_4_1_2_1_a_client_that_is_absent_or_nil_or_empty_is_a_fault(client: str) -> None:
    with pytest.raises(MalformedMessage, match="client"):
        a_request(client + REQUEST_FILTER)


@pytest.mark.parametrize("request_filter", [REQUEST_FILTER, "<requestFilter/>"])
def test_3_1_4_1_2_1_a_filter_that_is_nil_or_empty_is_none(request_filter: str) -> None:
    assert a_request(CLIENT + request_filter).request_filter is None


def test_3_1_4_1_3_2_the_certificate_of_a_ca_is_never_empty() -> None:
    with pytest.raises(MalformedMessage, match="certificate"):
        an_answer(RESPONSE, b"<certificate>MAA=", b"<certificate>")


@pytest.mark.parametrize("number", [b"0", b"3", b"5", b"16"])
def test_3_1_4_1_3_5_the_client_authentication_has_one_of_four_values(number: bytes) -> None:
    with pytest.raises(MalformedMessage, match="clientAuthentication"):
        an_answer(RESPONSE, b"<clientAuthentication>8", b"<clientAuthentication>" + number)


def test_3_1_4_1_3_9_the_last_update_may_be_absent() -> None:
    client = '<client><preferredLanguage xsi:nil="true"/></client>'

    assert a_request(client + REQUEST_FILTER).last_update is None


def test_3_1_4_1_3_9_elements_of_vendors_may_be_ignored() -> None:
    client = '<client><lastUpdate xsi:nil="true"/><preferredLanguage xsi:nil="true"/><x xmlns="urn:x"/></client>'

    assert a_request(client + REQUEST_FILTER) == GetPolicies(None, None, None)


def test_3_1_4_1_3_22_the_versions_may_be_absent() -> None:
    """Windows Server 2008 R2 does not have them."""
    request_filter = '<requestFilter><policyOIDs xsi:nil="true"/></requestFilter>'

    assert a_request(CLIENT + request_filter).request_filter == RequestFilter(None, None, None)


def test_3_1_4_1_3_20_no_cryptographic_provider_is_nil() -> None:
    answer = to_bytes(
        render_get_policies_response(replace(RESPONSE, policies=(CertificateEnrollmentPolicy(9, None, BARE),)))
    )

    assert b'<cryptoProviders xsi:nil="true"/>' in answer


def test_3_1_4_1_3_23_an_unchanged_policy_is_said_with_everything_else_nil() -> None:
    unchanged = GetPoliciesResponse("{1}", None, 8, policies_not_changed=True, policies=None, cas=None, oids=None)

    assert violations(render_get_policies_response(unchanged)) == []
    assert an_answer(unchanged) == unchanged
