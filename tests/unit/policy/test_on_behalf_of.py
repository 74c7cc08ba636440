from dataclasses import replace
from typing import Any

import pytest

from gateway.pki.authorities import TrustedCertificate
from gateway.pki.certificate import Certificate
from gateway.policy.decision import Application, Concern
from gateway.policy.names import NameRule
from gateway.policy.on_behalf_of import OnBehalfOfCondition, OnBehalfOfTerms
from gateway.policy.patterns import Regex
from gateway.requester import Requester
from tests.builders import a_certificate, a_public_key, a_request, a_requester, an_account, an_application

AGENT_USAGE = "1.3.6.1.4.1.311.20.2.1"
ANY_USAGE = "2.5.29.37.0"
SID = "S-1-5-21-1-2-3-1104"

TERMS = OnBehalfOfTerms(
    NameRule((Regex(r"corp\\[a-z]+", ignore_case=True),), deny=(Regex("adm", ignore_case=True, anywhere=True),)),
    frozenset({AGENT_USAGE}),
)
AGENT = replace(a_certificate(("commonName", "agent"), der=b"the agent's"), extended_key_usage=(AGENT_USAGE,))
SECOND = replace(AGENT, der=b"the second agent's", public_key=a_public_key("EC", 256, "secp256r1"))
REQUESTER = replace(a_requester("agent"), evidence=AGENT)
OTHER = a_requester("mallory")
SHOWN = "CN=agent (serial number 1234 of CN=Partner CA)"


def an_application_of(
    *signers: Certificate, name: str | None = "CORP\\alice", requester: Requester = REQUESTER, **changes: Any
) -> Application:
    request = replace(a_request(), signers=signers or (AGENT,), requester_name=name, **changes)
    application = an_application(request, requester)
    return replace(application, signers=tuple(TrustedCertificate(each, "Partner CA") for each in request.signers))


def violations(terms: OnBehalfOfTerms | None, application: Application) -> list[tuple[str, str, str]]:
    """(field, value, wanted) of each."""
    found = OnBehalfOfCondition(terms).violations("a rule", application)
    assert all((violation.rule, violation.concern) == ("a rule", Concern.ON_BEHALF_OF) for violation in found)
    return [(violation.field, violation.value, violation.wanted) for violation in found]


def test_an_agent_may_ask_for_another() -> None:
    assert violations(TERMS, an_application_of()) == []


def test_without_terms_nobody_asks_for_another_nor_signs_without_a_purpose() -> None:
    assert violations(None, an_application_of()) == [
        ("requestername", "CORP\\alice", "absent"),
        ("signer", SHOWN, "absent"),
    ]
    assert violations(None, an_application_of(name=None)) == [("signer", SHOWN, "absent")]
    assert violations(None, an_application()) == []


def test_without_terms_too_an_agents_key_is_of_no_use_from_another_account() -> None:
    """A policy on trial would let the rest through."""
    found = OnBehalfOfCondition(None).violations("a rule", an_application_of(requester=OTHER))

    assert [(each.field, each.is_forbidden) for each in found] == [
        ("requestername", False),
        ("signer", False),
        ("signer", True),
    ]


def test_the_signer_of_a_renewal_is_no_agent() -> None:
    renewal = an_application_of(name=None, renewal_certificate=AGENT)

    assert violations(None, renewal) == []
    assert violations(TERMS, renewal) == [
        ("renewalCertificate", SHOWN, "absent"),
        ("requestername", "", "the name of another: DOMAIN\\user"),
    ]


def test_who_renews_and_names_another_is_refused() -> None:
    assert violations(None, an_application_of(renewal_certificate=AGENT)) == [
        ("requestername", "CORP\\alice", "absent")
    ]


def test_a_rule_for_agents_allows_nothing_else() -> None:
    plain = an_application(requester=REQUESTER)

    assert violations(TERMS, plain) == [
        ("requestername", "", "the name of another: DOMAIN\\user"),
        ("signer", "0", "signatures of 1 different agents"),
    ]


# --- for whom -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["CORP\\alice", "corp\\ALICE"])
def test_names_are_compared_in_any_case(name: str) -> None:
    assert violations(TERMS, an_application_of(name=name)) == []


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("CORP\\adminx", "anything but regex 'adm'"),
        ("OTHER\\alice", r"regex 'corp\\[a-z]+'"),
        ("CORP\\alice\\x", r"regex 'corp\\[a-z]+'"),
        ("CORP\\\uff41lice", "printable NFKC text without superfluous blanks"),
        ("CORP\\alice\n", "printable NFKC text without superfluous blanks"),
    ],
)
def test_other_names_are_violations(name: str, wanted: str) -> None:
    assert violations(TERMS, an_application_of(name=name)) == [("requestername", name, wanted)]


# --- by whom --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("usage", "shown"),
    [(None, ""), ((), ""), ((ANY_USAGE,), ANY_USAGE), (("1.3.6.1.5.5.7.3.2",), "1.3.6.1.5.5.7.3.2")],
)
def test_who_is_no_agent_by_his_certificate_is_none(usage: tuple[str, ...] | None, shown: str) -> None:
    signer = replace(AGENT, extended_key_usage=usage)
    application = an_application_of(signer, requester=replace(REQUESTER, evidence=signer))

    assert violations(TERMS, application) == [("signer extendedKeyUsage", shown, AGENT_USAGE)]


def test_certificate_policies_may_be_wanted_too() -> None:
    terms = replace(TERMS, certificate_policies=frozenset({"1.2.3", "1.2.4"}))
    fitting = replace(AGENT, certificate_policies=("1.2.4", "1.2.3", "1.2.5"))
    lacking = replace(AGENT, certificate_policies=("1.2.3",))

    assert violations(terms, an_application_of(fitting)) == []
    assert violations(terms, an_application_of(lacking)) == [("signer certificatePolicies", "1.2.3", "1.2.3 and 1.2.4")]
    assert violations(terms, an_application_of()) == [("signer certificatePolicies", "", "1.2.3 and 1.2.4")]


def test_authorities_may_be_named() -> None:
    assert violations(replace(TERMS, issuers=frozenset({"Partner CA", "B"})), an_application_of()) == []
    assert violations(replace(TERMS, issuers=frozenset({"A", "B"})), an_application_of()) == [
        ("signer issuer", "CN=Partner CA", "A or B")
    ]


def test_a_name_on_the_certificate_is_not_the_authority_that_vouched() -> None:
    application = replace(an_application_of(), signers=())

    assert len(violations(replace(TERMS, issuers=frozenset({"Partner CA"})), application)) == 1


def test_each_signer_must_be_an_agent() -> None:
    bystander = replace(SECOND, extended_key_usage=("1.3.6.1.5.5.7.3.2",))

    assert violations(TERMS, an_application_of(AGENT, bystander)) == [
        ("signer extendedKeyUsage", "1.3.6.1.5.5.7.3.2", AGENT_USAGE)
    ]


def test_agents_are_told_apart_by_their_keys() -> None:
    two = replace(TERMS, signatures=2)
    same_key = replace(SECOND, public_key=AGENT.public_key)

    assert violations(two, an_application_of(AGENT, SECOND)) == []
    for signers in ((AGENT,), (AGENT, AGENT), (AGENT, same_key)):
        assert violations(two, an_application_of(*signers)) == [("signer", "1", "signatures of 2 different agents")]


def test_an_agents_key_is_of_no_use_from_another_account() -> None:
    (violation,) = OnBehalfOfCondition(TERMS).violations("a rule", an_application_of(requester=OTHER))

    assert (violation.field, violation.value) == ("signer", SHOWN)
    assert violation.wanted == "one of the requester's own, by clientCertificate or securityIdentifier"
    assert violation.is_forbidden


def test_an_agent_may_be_known_by_its_sid() -> None:
    signer = replace(AGENT, security_identifiers=(SID,))
    requester = replace(a_requester("agent", "UsernamePassword"), directory_account=an_account())

    assert violations(TERMS, an_application_of(signer, requester=requester)) == []
    assert len(violations(TERMS, an_application_of(requester=requester))) == 1


def test_one_of_several_agents_is_the_requester() -> None:
    assert violations(TERMS, an_application_of(SECOND, AGENT)) == []


def test_each_signer_has_its_own_authority() -> None:
    application = an_application_of(AGENT, SECOND)
    vouched_for = (TrustedCertificate(AGENT, "A"), TrustedCertificate(SECOND, "B"))

    assert violations(replace(TERMS, issuers=frozenset({"A"})), replace(application, signers=vouched_for)) == [
        ("signer issuer", "CN=Partner CA", "A")
    ]
