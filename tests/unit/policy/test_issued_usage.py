"""What an issued certificate may be good for: cases beside those of test_issued."""

from dataclasses import replace

import pytest

from gateway.pki.issued_certificate import parse_issued_certificate
from gateway.policy.decision import Template
from gateway.policy.expected import Expected
from gateway.policy.issued_usage import objections_to_usage
from gateway.policy.limits import Limits
from tests.builders import a_requester, an_expectation
from tests.issued import (
    AUTHORITY_INFORMATION_ACCESS,
    BASIC_CONSTRAINTS,
    CERTIFICATE_POLICIES,
    CRL_DISTRIBUTION_POINTS,
    EXTENDED_KEY_USAGE,
    SERVER_AUTH,
    TEMPLATE_OID,
    Parts,
    a_basic_constraints,
    a_signed_certificate,
    web_server_parts,
)
from tests.requests import (
    APPLICATION_POLICIES,
    CERTIFICATE_TEMPLATE_NAME,
    CERTIFICATE_TEMPLATE_OID,
    a_template_name_extension,
    an_extension,
    object_identifier,
    sequence,
)

EXPECTED = an_expectation(
    template=Template("PartnerWebServer", TEMPLATE_OID),
    limits=Limits(frozenset({"digitalSignature"}), frozenset({SERVER_AUTH})),
)
GOOD = web_server_parts()


def told(parts: Parts, expected: Expected = EXPECTED) -> list[str]:
    issued = parse_issued_certificate(a_signed_certificate(parts))
    return [f"{one.field}: {one.value}: {one.wanted}" for one in objections_to_usage(issued, expected, a_requester())]


@pytest.mark.parametrize(
    "parts",
    [
        GOOD,
        GOOD.without_extension(EXTENDED_KEY_USAGE),
        GOOD.without_extension(APPLICATION_POLICIES),
        GOOD.with_extension(BASIC_CONSTRAINTS, a_basic_constraints(ca=False)),
        GOOD.with_extension("1.2.840.113549.1.9.15", an_extension("1.2.840.113549.1.9.15", sequence())),
        GOOD.without_extension(CRL_DISTRIBUTION_POINTS).without_extension(AUTHORITY_INFORMATION_ACCESS),
    ],
)
def test_what_ad_cs_writes_by_itself_is_no_matter(parts: Parts) -> None:
    assert told(parts) == []


def test_an_objection_tells_what_there_is_and_what_the_rule_lists() -> None:
    limits = Limits(frozenset({"keyEncipherment", "dataEncipherment"}), frozenset({SERVER_AUTH}))
    nameless = GOOD.without_extension(CERTIFICATE_TEMPLATE_OID)

    assert told(nameless, replace(EXPECTED, limits=limits)) == [
        "certificateTemplate: : PartnerWebServer",
        "keyUsage: digitalSignature: dataEncipherment or keyEncipherment",
    ]


def test_a_template_s_name_is_the_same_in_any_case() -> None:
    version_1 = GOOD.without_extension(CERTIFICATE_TEMPLATE_OID)

    named = version_1.with_extension(CERTIFICATE_TEMPLATE_NAME, a_template_name_extension("partnerWEBSERVER"))

    assert told(named) == []


def test_a_template_s_number_may_be_known_from_the_catalogue() -> None:
    template = Template("PartnerWebServer", known_oids=frozenset({TEMPLATE_OID, "1.2.3"}))

    assert told(GOOD, replace(EXPECTED, template=template)) == []
    (objection,) = told(GOOD, replace(EXPECTED, template=replace(template, known_oids=frozenset({"1.2", "1.1"}))))
    assert objection.endswith(": 1.1 or 1.2")


def test_a_template_s_number_that_the_policy_does_not_have_is_asked_for() -> None:
    (objection,) = told(GOOD, replace(EXPECTED, template=Template("PartnerWebServer")))

    assert objection == (
        f"certificateTemplate: {TEMPLATE_OID}: the number of PartnerWebServer: write it into the policy, template.oid"
    )


def test_what_a_rule_lists_may_be_in_the_certificate() -> None:
    policy = an_extension(CERTIFICATE_POLICIES, sequence(sequence(object_identifier("1.2.3"))))
    parts = GOOD.with_extension(CERTIFICATE_POLICIES, policy).with_extension(
        "1.2.4", an_extension("1.2.4", b"\x05\x00")
    )
    limits = replace(EXPECTED.limits, certificate_policies=frozenset({"1.2.3"}), extensions=frozenset({"1.2.4"}))

    assert told(parts, replace(EXPECTED, limits=limits)) == []
    assert len(told(parts)) == 2


def test_a_rule_that_lists_no_usages_is_told_that_it_should() -> None:
    wanted = "something that the rule lists"

    assert told(GOOD, replace(EXPECTED, limits=Limits())) == [
        f"keyUsage: digitalSignature: {wanted}",
        f"extendedKeyUsage: {SERVER_AUTH}: {wanted}",
        f"applicationPolicies: {SERVER_AUTH}: {wanted}",
    ]
