"""The two-sided check as a whole: every change of one field of a good certificate is caught by its word."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import hashes

from gateway.credential import Credential, OwnCertificate
from gateway.errors import CertificateWithheld, Objection, UpstreamMisbehaved
from gateway.pki.certificate import parse_certificate
from gateway.policy.decision import Mode, Template
from gateway.policy.expected import Expected
from gateway.policy.issued import Reach, check_issued, check_pending, is_for_key
from gateway.policy.issued_fields import Field
from gateway.policy.issued_origin import Issuers
from gateway.policy.limits import Limits
from gateway.policy.load import load_policies
from gateway.protocol.wstep import Issued, Pending
from gateway.requester import Requester, Verifier
from gateway.tickets import EvidenceTicket
from tests.builders import a_name, a_policy_file, a_requester, a_ticket, an_account, an_expectation, general_names
from tests.issued import (
    AUTHORITY_INFORMATION_ACCESS,
    AUTHORITY_KEY_IDENTIFIER,
    BASIC_CONSTRAINTS,
    CA,
    CERTIFICATE_POLICIES,
    CLIENT_AUTH,
    CRL_DISTRIBUTION_POINTS,
    EXTENDED_KEY_USAGE,
    FRESHEST_CRL,
    KEY_USAGE,
    NOW,
    SERVER_AUTH,
    SUBJECT_KEY_IDENTIFIER,
    TEMPLATE_OID,
    Parts,
    a_basic_constraints,
    a_ca_certificate,
    a_cmc_response,
    a_distinguished_name,
    a_key_identifier,
    a_key_usage,
    a_signed_certificate,
    a_validity,
    an_authority_information_access,
    an_authority_key_identifier,
    an_extended_key_usage,
    ca_key,
    distribution_points,
    web_server_parts,
)
from tests.requests import (
    APPLICATION_POLICIES,
    CERTIFICATE_TEMPLATE_NAME,
    CERTIFICATE_TEMPLATE_OID,
    SECURITY_IDENTIFIER,
    SUBJECT_ALTERNATIVE_NAME,
    a_dns_name,
    a_key,
    a_public_key_info,
    a_security_identifier_extension,
    a_template_name_extension,
    a_template_oid_extension,
    a_uri,
    a_user_principal_name,
    an_application_policies_extension,
    an_extension,
    integer,
    object_identifier,
    octet_string,
    sequence,
    tlv,
)

SID = "S-1-5-21-1-2-3-1104"
ADMINISTRATOR = "S-1-5-21-1-2-3-500"
ISSUERS = Issuers(CA, (parse_certificate(a_ca_certificate()),))
(POLICY,) = load_policies(
    [
        (
            "P.yaml",
            a_policy_file()
            + "\nissued:\n  crlDistributionPoints: {allow: [{exact: 'http://pki.corp.example/ca.crl'}]}"
            + "\n  authorityInformationAccess: {allow: [{exact: 'http://pki.corp.example/ca.crt'}]}",
        )
    ]
).policies
assert POLICY.issued is not None

WEB_SERVER = an_expectation(
    subject_public_key_info=a_public_key_info(a_key()),
    subject=a_name(("commonName", "web01.partner.example")),
    subject_alternative_name=general_names(dNSName=["web01.partner.example"]),
    template=Template("PartnerWebServer", TEMPLATE_OID),
    limits=Limits(frozenset({"digitalSignature"}), frozenset({SERVER_AUTH})),
    maximum_validity=timedelta(days=365),
    issued=POLICY.issued,
    approved_at=NOW,
)


def alice() -> Requester:
    evidence = EvidenceTicket("alice@CORP.EXAMPLE", channel_bound=True, cache=None, reply_token=b"")
    return Requester("alice@corp.example", evidence, Verifier.KERBEROS, NOW, directory_account=an_account())


def check(
    certificate: bytes,
    expected: Expected = WEB_SERVER,
    *,
    credential: Credential | None = None,
    requester: Requester | None = None,
    issuers: Issuers = ISSUERS,
    cmc_response: bytes | None = None,
) -> tuple[Objection, ...]:
    reach = Reach(requester or a_requester(), credential or OwnCertificate())
    return check_issued(Issued("Issued", "en-US", certificate, cmc_response, "17"), expected, reach, issuers, NOW)


def objections_to(parts: Parts, expected: Expected = WEB_SERVER, **how: object) -> list[str]:
    """The fields that are objected to."""
    try:
        check(a_signed_certificate(parts), expected, **how)  # type: ignore[arg-type]  # the arguments of check
    except CertificateWithheld as withheld:
        return [objection.field for objection in withheld.objections]
    return []


def test_a_certificate_that_is_what_was_approved_is_released() -> None:
    assert check(a_signed_certificate(web_server_parts())) == ()


@pytest.mark.parametrize(
    ("certificate", "expected"),
    [
        (a_signed_certificate(web_server_parts()), True),
        (a_signed_certificate(web_server_parts(key=a_key(name="another"))), False),
        (b"no certificate", False),
    ],
)
def test_a_certificate_is_known_by_its_key(certificate: bytes, expected: bool) -> None:
    issued = Issued("Issued", "en-US", certificate, None, "17")

    assert is_for_key(issued, a_public_key_info(a_key())) is expected


# --- every change of one field --------------------------------------------------------------------------------------

ANOTHER_KEY = a_key(name="another")
GOOD = web_server_parts()
BEGIN = NOW - timedelta(minutes=10)
SHA1 = sequence(object_identifier("1.2.840.10045.4.1"))
FIELDS: list[tuple[str, str, Parts]] = [
    ("version 1", Field.VERSION, replace(GOOD, version=b"")),
    ("version 2", Field.VERSION, replace(GOOD, version=tlv(0xA0, integer(1)))),
    ("a version that is none", Field.CERTIFICATE, replace(GOOD, version=tlv(0xA0, integer(3)))),
    ("serial number zero", Field.SERIAL_NUMBER, replace(GOOD, serial_number=integer(0))),
    ("a negative serial number", Field.SERIAL_NUMBER, replace(GOOD, serial_number=integer(-5))),
    ("a serial number of 21 octets", Field.CERTIFICATE, replace(GOOD, serial_number=integer(1 << 160))),
    ("another CA's name", Field.ISSUER, replace(GOOD, issuer=a_distinguished_name("CN=Another CA"))),
    (
        "a name that is like the CA's",
        Field.ISSUER,
        replace(GOOD, issuer=a_distinguished_name(f"CN={CA},DC=evil,DC=example")),
    ),
    ("no issuer", Field.ISSUER, replace(GOOD, issuer=sequence())),
    (
        "dated back by two days",
        Field.NOT_BEFORE,
        replace(GOOD, validity=a_validity(NOW - timedelta(days=2), NOW + timedelta(days=9))),
    ),
    (
        "beginning tomorrow",
        Field.NOT_BEFORE,
        replace(GOOD, validity=a_validity(NOW + timedelta(days=1), NOW + timedelta(days=9))),
    ),
    ("over", Field.NOT_AFTER, replace(GOOD, validity=a_validity(BEGIN, NOW - timedelta(seconds=1)))),
    (
        "a second too long",
        Field.VALIDITY,
        replace(GOOD, validity=a_validity(BEGIN, BEGIN + timedelta(days=365, seconds=1))),
    ),
    ("ending before it begins", Field.VALIDITY, replace(GOOD, validity=a_validity(BEGIN, BEGIN - timedelta(hours=1)))),
    ("another subject", Field.SUBJECT, replace(GOOD, subject=a_distinguished_name("CN=web02.partner.example"))),
    (
        "a further subject attribute",
        Field.SUBJECT,
        replace(GOOD, subject=a_distinguished_name("CN=web01.partner.example,O=Partner")),
    ),
    (
        "the subject twice",
        Field.SUBJECT,
        replace(GOOD, subject=a_distinguished_name("CN=web01.partner.example,CN=web01.partner.example")),
    ),
    ("another key", Field.PUBLIC_KEY, replace(GOOD, subject_public_key_info=a_public_key_info(ANOTHER_KEY))),
    ("an issuerUniqueID", Field.UNIQUE_IDENTIFIERS, replace(GOOD, unique_identifiers=tlv(0x81, b"\x00\x01"))),
    ("a subjectUniqueID", Field.UNIQUE_IDENTIFIERS, replace(GOOD, unique_identifiers=tlv(0x82, b"\x00\x01"))),
    ("no extensions", Field.CERTIFICATE_TEMPLATE, replace(GOOD, extensions={})),
]


def _with(oid: str, extension: bytes) -> Parts:
    return GOOD.with_extension(oid, extension)


def _names(*names: bytes) -> Parts:
    return _with(SUBJECT_ALTERNATIVE_NAME, an_extension(SUBJECT_ALTERNATIVE_NAME, sequence(*names)))


_WEB01 = a_dns_name("web01.partner.example")
_CA_NAME = tlv(0xA4, a_distinguished_name(f"CN={CA},DC=corp,DC=example"))
EXTENSIONS: list[tuple[str, str, Parts]] = [
    (
        "another key's identifier",
        Field.SUBJECT_KEY_IDENTIFIER,
        _with(
            SUBJECT_KEY_IDENTIFIER, an_extension(SUBJECT_KEY_IDENTIFIER, octet_string(a_key_identifier(ANOTHER_KEY)))
        ),
    ),
    (
        "another authority's key",
        Field.AUTHORITY_KEY_IDENTIFIER,
        _with(AUTHORITY_KEY_IDENTIFIER, an_authority_key_identifier(b"another")),
    ),
    (
        "another authority's serial number",
        Field.AUTHORITY_KEY_IDENTIFIER,
        _with(
            AUTHORITY_KEY_IDENTIFIER,
            an_authority_key_identifier(a_key_identifier(ca_key()), tlv(0xA1, _CA_NAME), tlv(0x82, b"\x02")),
        ),
    ),
    (
        "another authority's issuer",
        Field.AUTHORITY_KEY_IDENTIFIER,
        _with(
            AUTHORITY_KEY_IDENTIFIER,
            an_authority_key_identifier(a_key_identifier(ca_key()), tlv(0xA1, a_dns_name("ca.example"))),
        ),
    ),
    ("another CRL", Field.CRL_DISTRIBUTION_POINTS, _with(CRL_DISTRIBUTION_POINTS, distribution_points("http://evil/"))),
    ("no CRL", Field.CRL_DISTRIBUTION_POINTS, GOOD.without_extension(CRL_DISTRIBUTION_POINTS)),
    (
        "another delta CRL",
        Field.CRL_DISTRIBUTION_POINTS,
        _with(FRESHEST_CRL, distribution_points("http://evil/", FRESHEST_CRL)),
    ),
    (
        "another place of the CA's certificate",
        Field.AUTHORITY_INFORMATION_ACCESS,
        _with(AUTHORITY_INFORMATION_ACCESS, an_authority_information_access("http://evil/")),
    ),
    (
        "no place of the CA's certificate",
        Field.AUTHORITY_INFORMATION_ACCESS,
        GOOD.without_extension(AUTHORITY_INFORMATION_ACCESS),
    ),
    ("no template", Field.CERTIFICATE_TEMPLATE, GOOD.without_extension(CERTIFICATE_TEMPLATE_OID)),
    (
        "another template's number",
        Field.CERTIFICATE_TEMPLATE,
        _with(CERTIFICATE_TEMPLATE_OID, a_template_oid_extension("1.2.3", 100, 4)),
    ),
    (
        "another template's name beside the number",
        Field.CERTIFICATE_TEMPLATE,
        _with(CERTIFICATE_TEMPLATE_NAME, a_template_name_extension("SubCA")),
    ),
    ("no key usage", Field.KEY_USAGE, GOOD.without_extension(KEY_USAGE)),
    ("keyEncipherment too", Field.KEY_USAGE, _with(KEY_USAGE, a_key_usage(0xA0))),
    ("keyCertSign too", Field.KEY_USAGE, _with(KEY_USAGE, a_key_usage(0x84, 2))),
    (
        "no usage in either extension",
        Field.EXTENDED_KEY_USAGE,
        GOOD.without_extension(EXTENDED_KEY_USAGE).without_extension(APPLICATION_POLICIES),
    ),
    (
        "clientAuth too",
        Field.EXTENDED_KEY_USAGE,
        _with(EXTENDED_KEY_USAGE, an_extended_key_usage(SERVER_AUTH, CLIENT_AUTH)),
    ),
    ("any usage", Field.EXTENDED_KEY_USAGE, _with(EXTENDED_KEY_USAGE, an_extended_key_usage("2.5.29.37.0"))),
    (
        "clientAuth among the application policies (ESC15)",
        Field.APPLICATION_POLICIES,
        _with(APPLICATION_POLICIES, an_application_policies_extension(SERVER_AUTH, CLIENT_AUTH)),
    ),
    (
        "a certificate policy (ESC13)",
        Field.CERTIFICATE_POLICIES,
        _with(
            CERTIFICATE_POLICIES, an_extension(CERTIFICATE_POLICIES, sequence(sequence(object_identifier("1.2.3.4"))))
        ),
    ),
    ("cA TRUE", Field.BASIC_CONSTRAINTS, _with(BASIC_CONSTRAINTS, a_basic_constraints(ca=True))),
    ("another DNS name", Field.SUBJECT_ALTERNATIVE_NAME, _names(a_dns_name("dc01.corp.example"))),
    ("a further DNS name", Field.SUBJECT_ALTERNATIVE_NAME, _names(_WEB01, a_dns_name("dc01.corp.example"))),
    ("the DNS name twice", Field.SUBJECT_ALTERNATIVE_NAME, _names(_WEB01, _WEB01)),
    (
        "a user principal name (ESC1)",
        Field.SUBJECT_ALTERNATIVE_NAME,
        _names(_WEB01, a_user_principal_name("administrator@corp.example")),
    ),
    (
        "a SID in an extension",
        Field.SECURITY_IDENTIFIER,
        _with(SECURITY_IDENTIFIER, a_security_identifier_extension(ADMINISTRATOR)),
    ),
    (
        "a SID in an URI",
        Field.SECURITY_IDENTIFIER,
        _names(_WEB01, a_uri(f"tag:microsoft.com,2022-09-14:sid:{ADMINISTRATOR}")),
    ),
    ("an unknown extension", Field.EXTENSIONS, _with("1.2.3.4", an_extension("1.2.3.4", b"\x05\x00"))),
    (
        "an unknown critical extension",
        Field.EXTENSIONS,
        _with("1.2.3.4", an_extension("1.2.3.4", b"\x05\x00", critical=True)),
    ),
    (
        "name constraints",
        Field.EXTENSIONS,
        _with("2.5.29.30", an_extension("2.5.29.30", sequence(tlv(0xA0, sequence(_WEB01))))),
    ),
    (
        "a second subject alternative name",
        Field.CERTIFICATE,
        GOOD.with_extension("second", GOOD.extensions[SUBJECT_ALTERNATIVE_NAME]),
    ),
]


@pytest.mark.parametrize(
    ("field", "changed"), [(case[1], case[2]) for case in FIELDS], ids=[case[0] for case in FIELDS]
)
def test_every_change_of_a_field_is_caught_by_its_word(field: str, changed: Parts) -> None:
    assert field in objections_to(changed)


@pytest.mark.parametrize(
    ("field", "changed"), [(case[1], case[2]) for case in EXTENSIONS], ids=[case[0] for case in EXTENSIONS]
)
def test_every_change_of_an_extension_is_caught_by_its_word_alone(field: str, changed: Parts) -> None:
    assert set(objections_to(changed)) == {field}


@pytest.mark.parametrize("oid", GOOD.extensions)
def test_an_extension_that_says_nothing_readable_is_caught(oid: str) -> None:
    assert objections_to(_with(oid, an_extension(oid, b"\x30\x01\x00"))) == [Field.CERTIFICATE]


def test_the_cases_cover_every_field_and_every_extension() -> None:
    covered = {case[1] for case in (*FIELDS, *EXTENSIONS)}

    assert covered == set(Field) - {Field.SIGNATURE, Field.SIGNATURE_ALGORITHM, Field.CMC_RESPONSE}


def test_a_weak_signature_is_caught() -> None:
    weak = a_signed_certificate(replace(GOOD, signature=SHA1), digest=hashes.SHA1())

    with pytest.raises(CertificateWithheld) as withheld:
        check(weak)

    assert Field.SIGNATURE_ALGORITHM in {objection.field for objection in withheld.value.objections}


def test_two_signature_algorithms_are_caught() -> None:
    with pytest.raises(CertificateWithheld, match="two different signature algorithms"):
        check(a_signed_certificate(GOOD, algorithm=SHA1))


def test_another_ca_of_the_same_name_is_caught() -> None:
    forged = a_signed_certificate(GOOD, key_name="another CA")

    with pytest.raises(CertificateWithheld) as withheld:
        check(forged)

    assert [objection.field for objection in withheld.value.objections] == [Field.SIGNATURE]


def _changed_bytes() -> Iterator[tuple[int, bytes]]:
    good = a_signed_certificate(GOOD)
    for position in range(len(good)):
        for change in (0x01, 0x80, 0xFF):
            changed = bytearray(good)
            changed[position] ^= change
            yield position, bytes(changed)


def test_a_changed_byte_in_any_position_is_caught() -> None:
    """The bytes of the signature too: that it is malleable (r, n - s) takes more than one byte."""
    released = []
    for position, changed in _changed_bytes():
        with suppress(CertificateWithheld):
            check(changed)
            released.append(position)

    assert released == []


def test_a_certificate_that_is_cut_off_or_goes_on_is_caught() -> None:
    good = a_signed_certificate(GOOD)

    for damaged in (b"", good[:-1], good[1:], good + b"\x00", b"no certificate"):
        with pytest.raises(CertificateWithheld, match="can be read") as withheld:
            check(damaged)
        assert withheld.value.certificate == damaged


# --- an online template ---------------------------------------------------------------------------------------------

USER = replace(
    WEB_SERVER,
    subject=a_name(("commonName", "a placeholder")),
    subject_alternative_name=(),
    template=Template("CorpUser", TEMPLATE_OID, enrollee_supplies_subject=False),
    limits=Limits(frozenset({"digitalSignature"}), frozenset({CLIENT_AUTH})),
)


def user_parts(sid: str | None = SID, subject: str = "CN=alice,CN=Users,DC=corp,DC=example") -> Parts:
    parts = replace(GOOD, subject=a_distinguished_name(subject))
    changes = {
        EXTENDED_KEY_USAGE: an_extended_key_usage(CLIENT_AUTH),
        APPLICATION_POLICIES: an_application_policies_extension(CLIENT_AUTH),
        SUBJECT_ALTERNATIVE_NAME: an_extension(
            SUBJECT_ALTERNATIVE_NAME, sequence(a_user_principal_name("alice@corp.example"))
        ),
    }
    if sid is not None:
        changes[SECURITY_IDENTIFIER] = a_security_identifier_extension(sid)
    for oid, extension in changes.items():
        parts = parts.with_extension(oid, extension)
    return parts


def objections_to_user(parts: Parts, expected: Expected = USER, credential: Credential | None = None) -> list[str]:
    return objections_to(parts, expected, requester=alice(), credential=credential or a_ticket())


def test_a_certificate_of_the_account_that_reached_the_ca_is_released() -> None:
    assert objections_to_user(user_parts()) == []


def test_the_placeholder_that_was_asked_for_is_not_the_account_s_name() -> None:
    assert objections_to_user(user_parts(subject="CN=a placeholder")) == [Field.SUBJECT]


def test_somebody_else_s_names_are_caught() -> None:
    names = an_extension(SUBJECT_ALTERNATIVE_NAME, sequence(a_user_principal_name("administrator@corp.example")))
    parts = user_parts(subject="CN=Administrator,CN=Users,DC=corp,DC=example")

    assert objections_to_user(parts.with_extension(SUBJECT_ALTERNATIVE_NAME, names)) == [
        Field.SUBJECT,
        Field.SUBJECT_ALTERNATIVE_NAME,
    ]


def test_somebody_else_s_sid_is_caught() -> None:
    assert objections_to_user(user_parts(ADMINISTRATOR)) == [Field.SECURITY_IDENTIFIER]


def test_a_missing_sid_is_caught() -> None:
    assert objections_to_user(user_parts(None)) == [Field.SECURITY_IDENTIFIER]


def test_the_gateway_s_own_account_is_caught() -> None:
    parts = user_parts("S-1-5-21-1-2-3-1603", "CN=svc-gateway,CN=Users,DC=corp,DC=example")

    assert Field.SECURITY_IDENTIFIER in objections_to_user(parts, credential=a_ticket(None))


# --- all objections, and a policy on trial --------------------------------------------------------------------------


def test_all_objections_are_told_with_what_the_operator_has_to_revoke() -> None:
    parts = replace(GOOD, subject=a_distinguished_name("CN=evil")).with_extension(
        BASIC_CONSTRAINTS, a_basic_constraints(ca=True)
    )
    certificate = a_signed_certificate(parts)

    with pytest.raises(CertificateWithheld) as withheld:
        check(certificate)

    subject, constraints = withheld.value.objections
    assert str(subject) == (
        "subject is 'commonName=evil', wanted as asked for (should the CA take the names of PartnerWebServer from"
        " the directory, say enrolleeSuppliesSubject: false)"
    )
    assert str(constraints) == "basicConstraints is 'cA TRUE', wanted cA FALSE or absent"
    assert withheld.value.certificate == certificate
    assert "serial number 4711 of CN=Fabrikam Issuing CA 1,DC=corp,DC=example" in str(withheld.value)
    assert "revoke it" in str(withheld.value)


def test_a_policy_on_trial_lets_through_what_a_rule_could_list() -> None:
    parts = GOOD.with_extension(KEY_USAGE, a_key_usage(0xA0))

    tolerated = check(a_signed_certificate(parts), replace(WEB_SERVER, mode=Mode.AUDIT))

    assert [objection.field for objection in tolerated] == [Field.KEY_USAGE]


def test_a_policy_on_trial_hands_nobody_a_certificate_of_somebody_else() -> None:
    parts = replace(GOOD, subject=a_distinguished_name("CN=evil")).with_extension(KEY_USAGE, a_key_usage(0xA0))

    assert objections_to(parts, replace(WEB_SERVER, mode=Mode.AUDIT)) == [Field.SUBJECT, Field.KEY_USAGE]


# --- the CMC response -----------------------------------------------------------------------------------------------

LEAF = a_signed_certificate(GOOD)
ANOTHER_LEAF = a_signed_certificate(replace(GOOD, serial_number=integer(0x4712)))
A_CA_FOR_THE_KEY = a_signed_certificate(
    Parts(
        subject_public_key_info=a_public_key_info(a_key()),
        extensions={BASIC_CONSTRAINTS: a_basic_constraints(ca=True)},
    )
)


@pytest.mark.parametrize("carried", [(LEAF,), (LEAF, a_ca_certificate()), (a_ca_certificate(), LEAF)])
def test_what_windows_installs_from_carries_the_certificate_that_was_judged(carried: tuple[bytes, ...]) -> None:
    assert check(LEAF, cmc_response=a_cmc_response(*carried)) == ()


@pytest.mark.parametrize(
    ("response", "told"),
    [
        (b"the CMC response", "can be read"),
        (a_cmc_response(), "0 times"),
        (a_cmc_response(a_ca_certificate()), "0 times"),
        (a_cmc_response(ANOTHER_LEAF, a_ca_certificate()), "1 other"),
        (a_cmc_response(LEAF, ANOTHER_LEAF), "1 other"),
        (a_cmc_response(LEAF, LEAF), "2 times"),
        (a_cmc_response(LEAF, A_CA_FOR_THE_KEY), "a CA's certificate for the requester's key"),
    ],
)
def test_what_windows_installs_from_carries_nothing_else(response: bytes, told: str) -> None:
    with pytest.raises(CertificateWithheld, match=told) as withheld:
        check(LEAF, cmc_response=response)

    assert [objection.field for objection in withheld.value.objections] == [Field.CMC_RESPONSE]


@pytest.mark.parametrize("response", [None, a_cmc_response(), a_cmc_response(a_ca_certificate())])
def test_a_pending_answer_carries_no_certificate_but_cas(response: bytes | None) -> None:
    check_pending(Pending("", "en-US", "https://ces/", response, "18"))


def test_a_certificate_in_a_pending_answer_is_withheld() -> None:
    with pytest.raises(CertificateWithheld, match="pending") as withheld:
        check_pending(Pending("", "en-US", "https://ces/", a_cmc_response(LEAF), "18"))

    assert withheld.value.certificate == LEAF


def test_a_pending_answer_that_cannot_be_read_is_no_answer() -> None:
    with pytest.raises(UpstreamMisbehaved) as refusal:
        check_pending(Pending("", "en-US", "https://ces/", b"CMC", "18"))

    assert not isinstance(refusal.value, CertificateWithheld)
