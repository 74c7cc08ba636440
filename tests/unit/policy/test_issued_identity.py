"""Whom an issued certificate may be for: by key identifier, by SID, by names that the policy adds."""

from dataclasses import replace

import pytest

from gateway.credential import Credential, KerberosCredential, OwnCertificate
from gateway.pki.issued_certificate import IssuedCertificate, parse_issued_certificate
from gateway.policy.decision import Template
from gateway.policy.expected import IssuedRule, SecurityIdentifier
from gateway.policy.issued_identity import objections_to_identity
from gateway.policy.load import load_policies
from gateway.protocol.security import Secret, UsernameToken
from gateway.requester import Requester
from tests.builders import a_name, a_policy_file, a_requester, a_ticket, an_account, an_expectation, general_names
from tests.issued import (
    Parts,
    a_distinguished_name,
    a_key_identifier,
    a_signed_certificate,
    ca_key,
    web_server_parts,
)
from tests.requests import (
    SECURITY_IDENTIFIER,
    SUBJECT_ALTERNATIVE_NAME,
    a_key,
    a_public_key_info,
    a_security_identifier_extension,
    a_uri,
    an_extension,
    octet_string,
    sequence,
)

SID = an_account().sid
ADMINISTRATOR = "S-1-5-21-1-2-3-500"
PASSWORD = UsernameToken("alice", Secret("a password"))
OFFLINE = an_expectation(
    subject_public_key_info=a_public_key_info(a_key()),
    subject=a_name(("commonName", "web01.partner.example")),
    subject_alternative_name=general_names(dNSName=["web01.partner.example"]),
)


def an_issued_rule(section: str) -> IssuedRule:
    (policy,) = load_policies([("P.yaml", f"{a_policy_file()}\nissued: {section}\n")]).policies
    assert policy.issued is not None
    return policy.issued


ONLINE = replace(
    OFFLINE,
    template=Template("CorpUser", enrollee_supplies_subject=False),
    # The names are no matter here.
    issued=an_issued_rule(
        "{subject: {commonName: {allow: [{regex: .*}]}}, subjectAlternativeName: {dNSName: {allow: [{regex: .*}]}}}"
    ),
)


def issued(parts: Parts) -> IssuedCertificate:
    return parse_issued_certificate(a_signed_certificate(parts))


def stating(*sids: str) -> IssuedCertificate:
    """The first in the extension, the others in URIs."""
    parts = web_server_parts()
    if sids:
        parts = parts.with_extension(SECURITY_IDENTIFIER, a_security_identifier_extension(sids[0]))
    if sids[1:]:
        uris = (a_uri(f"tag:microsoft.com,2022-09-14:sid:{sid}") for sid in sids[1:])
        parts = parts.with_extension(SUBJECT_ALTERNATIVE_NAME, an_extension(SUBJECT_ALTERNATIVE_NAME, sequence(*uris)))
    return issued(parts)


def with_account() -> Requester:
    return replace(a_requester("alice@corp.example", "UsernamePassword"), directory_account=an_account())


def without_account() -> Requester:
    return a_requester("alice@corp.example", "UsernamePassword")


# --- the SID --------------------------------------------------------------------------------------------------------

RIGHT: list[tuple[str, Requester, Credential, tuple[str, ...], bool]] = [
    ("as the account, offline, none", with_account(), a_ticket(SID), (), False),
    ("as the account, offline, its own", with_account(), a_ticket(SID), (SID,), False),
    ("as the account, online, its own", with_account(), a_ticket(SID), (SID,), True),
    ("the same in both places", with_account(), a_ticket(SID), (SID, SID), True),
    ("with its own certificate, offline, none", with_account(), OwnCertificate(), (), False),
    ("with its own account, offline, none", with_account(), a_ticket(None), (), False),
    ("with the password of a known account", with_account(), PASSWORD, (SID,), True),
    ("with the password of an unknown account", without_account(), PASSWORD, (ADMINISTRATOR,), True),
]
WRONG: list[tuple[str, Requester, Credential, tuple[str, ...], bool]] = [
    ("as the account, another's", with_account(), a_ticket(SID), (ADMINISTRATOR,), True),
    ("as the account, another's too", with_account(), a_ticket(SID), (SID, ADMINISTRATOR), True),
    ("as the account, online, none", with_account(), a_ticket(SID), (), True),
    ("with its own certificate, the requester's", with_account(), OwnCertificate(), (SID,), False),
    ("with its own account, anybody's", with_account(), a_ticket(None), ("S-1-5-21-1-2-3-1603",), False),
    ("with the password of a known account, another's", with_account(), PASSWORD, (ADMINISTRATOR,), True),
    ("with the password of an unknown account, two", without_account(), PASSWORD, (SID, ADMINISTRATOR), True),
]


def fields(
    certificate: IssuedCertificate, requester: Requester, credential: Credential, *, online: bool, **changes: object
) -> set[str]:
    expected = replace(ONLINE if online else OFFLINE, **changes)  # type: ignore[arg-type]  # the fields of Expected
    return {one.field for one in objections_to_identity(certificate, expected, requester, credential)}


@pytest.mark.parametrize(
    ("requester", "credential", "sids", "online"), [case[1:] for case in RIGHT], ids=[case[0] for case in RIGHT]
)
def test_the_sid_of_whoever_the_ca_has_seen_is_right(
    requester: Requester, credential: Credential, sids: tuple[str, ...], online: bool
) -> None:
    assert fields(stating(*sids), requester, credential, online=online) == set()


@pytest.mark.parametrize(
    ("requester", "credential", "sids", "online"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG]
)
def test_any_other_sid_is_wrong(
    requester: Requester, credential: Credential, sids: tuple[str, ...], online: bool
) -> None:
    assert fields(stating(*sids), requester, credential, online=online) == {"securityIdentifier"}


def test_a_sid_that_was_asked_for_and_approved_is_right_in_an_offline_template() -> None:
    found = fields(stating(SID), with_account(), OwnCertificate(), online=False, security_identifiers=frozenset({SID}))

    assert found == set()


def test_a_policy_may_do_without_a_sid_and_never_with_a_wrong_one() -> None:
    optional = replace(ONLINE.issued, security_identifier=SecurityIdentifier.OPTIONAL)

    assert fields(stating(), with_account(), a_ticket(SID), online=True, issued=optional) == set()
    wrong = fields(stating(ADMINISTRATOR), with_account(), a_ticket(SID), online=True, issued=optional)
    assert wrong == {"securityIdentifier"}


def test_a_policy_may_want_a_sid_from_an_offline_template() -> None:
    required = IssuedRule(security_identifier=SecurityIdentifier.REQUIRED)

    found = fields(stating(), with_account(), a_ticket(SID), online=False, issued=required)

    assert found == {"securityIdentifier"}


def on_behalf_of_bob(word: SecurityIdentifier | None, *sids: str) -> set[str]:
    rule = replace(ONLINE.issued, security_identifier=word)
    return fields(stating(*sids), with_account(), a_ticket(SID), online=True, issued=rule, requester_name="CORP\\bob")


def test_on_behalf_of_somebody_else_only_a_policy_that_says_so_takes_any_sid() -> None:
    assert on_behalf_of_bob(SecurityIdentifier.ANY, "S-1-5-21-1-2-3-1105") == set()
    assert on_behalf_of_bob(None, "S-1-5-21-1-2-3-1105") == {"securityIdentifier"}
    assert on_behalf_of_bob(SecurityIdentifier.OPTIONAL, "S-1-5-21-1-2-3-1105") == {"securityIdentifier"}
    assert on_behalf_of_bob(None, SID) == {"securityIdentifier"}, "the agent's own"


def test_any_sid_is_for_enrollment_on_behalf_of_others_alone() -> None:
    anybody = replace(ONLINE.issued, security_identifier=SecurityIdentifier.ANY)

    found = fields(stating(ADMINISTRATOR), with_account(), a_ticket(SID), online=True, issued=anybody)

    assert found == {"securityIdentifier"}


# --- the key --------------------------------------------------------------------------------------------------------


def with_key_identifier(identifier: bytes | None) -> IssuedCertificate:
    parts = web_server_parts().without_extension("2.5.29.14")
    if identifier is not None:
        parts = parts.with_extension("2.5.29.14", an_extension("2.5.29.14", octet_string(identifier)))
    return issued(parts)


@pytest.mark.parametrize("identifier", [None, a_key_identifier(a_key())])
def test_the_key_identifier_is_absent_or_derived(identifier: bytes | None) -> None:
    assert fields(with_key_identifier(identifier), with_account(), OwnCertificate(), online=False) == set()


def test_the_key_identifier_of_another_s_key_is_caught() -> None:
    another = with_key_identifier(a_key_identifier(ca_key()))

    assert fields(another, with_account(), OwnCertificate(), online=False) == {"subjectKeyIdentifier"}


# --- the names ------------------------------------------------------------------------------------------------------


def test_a_certificate_for_nobody_is_caught() -> None:
    parts = replace(web_server_parts(), subject=sequence()).without_extension(SUBJECT_ALTERNATIVE_NAME)

    (objection,) = objections_to_identity(issued(parts), OFFLINE, with_account(), OwnCertificate())

    assert str(objection) == "subject is '', wanted a name, there or in subjectAlternativeName (RFC 5280 4.1.2.6)"


@pytest.mark.parametrize(
    "parts",
    [replace(web_server_parts(), subject=sequence()), web_server_parts().without_extension(SUBJECT_ALTERNATIVE_NAME)],
)
def test_a_name_in_either_place_is_enough(parts: Parts) -> None:
    assert fields(issued(parts), with_account(), OwnCertificate(), online=False) == set()


def test_names_that_the_policy_lets_the_ca_add_are_judged_like_those_of_a_rule() -> None:
    issued_rule = an_issued_rule("{subject: {organizationName: {allow: [{exact: Corp}]}}}")

    def found(subject: str) -> set[str]:
        parts = replace(web_server_parts(), subject=a_distinguished_name(subject))
        return fields(issued(parts), with_account(), OwnCertificate(), online=False, issued=issued_rule)

    assert found("CN=web01.partner.example,O=Corp") == set()
    assert found("CN=web01.partner.example,O=Evil") == {"subject"}
    assert found("CN=web01.partner.example,O=Corp,O=Corp") == {"subject"}


@pytest.mark.parametrize(
    ("requester", "requester_name", "told"),
    [
        (with_account(), None, "a name of CN=alice,CN=Users,DC=corp,DC=example"),
        (without_account(), None, "no directory is asked here for the names of alice@corp.example"),
        (with_account(), "CORP\\bob", r"nobody here knows the names of CORP\bob"),
    ],
)
def test_an_objection_to_a_name_tells_whose_it_should_be(
    requester: Requester, requester_name: str | None, told: str
) -> None:
    expected = replace(ONLINE, issued=IssuedRule(), requester_name=requester_name)
    credential: KerberosCredential = a_ticket(SID)
    objections = list(objections_to_identity(stating(SID), expected, requester, credential))

    assert told in next(one.wanted for one in objections if one.field == "subject")


def test_an_objection_to_a_name_tells_what_the_policy_would_let_the_ca_add() -> None:
    rule = an_issued_rule("{subject: {commonName: {allow: [{exact: Corp}]}}}")
    expected = replace(OFFLINE, issued=rule, subject=a_name(("commonName", "other")))
    (objection,) = objections_to_identity(issued(web_server_parts()), expected, with_account(), OwnCertificate())

    assert objection.wanted.endswith("or by `issued` exact 'Corp'")


@pytest.mark.parametrize(
    ("sids", "told"),
    [
        ((), "securityIdentifier is '', wanted that of the account"),
        ((SID, ADMINISTRATOR), f"securityIdentifier is '{SID} and {ADMINISTRATOR}', wanted one"),
    ],
)
def test_there_is_one_sid_not_none_and_not_two(sids: tuple[str, ...], told: str) -> None:
    objections = list(objections_to_identity(stating(*sids), ONLINE, with_account(), a_ticket(SID)))

    assert str(objections[-1]).partition(";")[0] == told


@pytest.mark.parametrize(
    ("credential", "wanted"),
    [
        (a_ticket(SID), SID),
        (OwnCertificate(), "none: the CA was not reached as anybody that the gateway knows"),
    ],
)
def test_an_objection_to_a_sid_tells_which_would_be_right(credential: Credential, wanted: str) -> None:
    (objection,) = objections_to_identity(stating(ADMINISTRATOR), OFFLINE, with_account(), credential)

    assert (objection.value, objection.wanted) == (ADMINISTRATOR, wanted)
