"""For whom the configured authorities vouch."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from gateway.errors import RevocationUnknown, SignerExpired, SignerRevoked, SignerUntrusted
from gateway.pki.authorities import (
    CertificationAuthorities,
    CertificationAuthority,
    TrustedCertificate,
    UntrustedCertificate,
)
from gateway.pki.certificate import Certificate
from gateway.pki.revocation_list import RevocationList, parse_revocation_list
from tests.authorities import NOW, TestAuthority, an_extension_of, key_usage

CA = TestAuthority()
OTHER = TestAuthority("Partner CA", "partner CA")
URI = "http://pki.corp.example/CA1.crl"


def authorities(*lists: RevocationList) -> CertificationAuthorities:
    return CertificationAuthorities((OTHER.authority, CA.authority), lists)


def vouch_for(certificate: Certificate, *lists: RevocationList, now: datetime = NOW) -> tuple[TrustedCertificate, ...]:
    return authorities(*lists).vouch_for((certificate,), now)


def test_a_certificate_of_an_authority_is_vouched_for_by_its_name() -> None:
    certificate = CA.issue()

    assert vouch_for(certificate, CA.revocation_list()) == (TrustedCertificate(certificate, "Corp Issuing CA 1"),)


@pytest.mark.parametrize("kind", ["RSA", "EC-384", "EC-521"])
def test_authorities_may_have_keys_of_these_kinds(kind: str) -> None:
    ca = TestAuthority(key_kind=kind)
    certificate = ca.issue()

    (trusted,) = CertificationAuthorities((ca.authority,), (ca.revocation_list(),)).vouch_for((certificate,), NOW)

    assert trusted.certificate == certificate


def test_each_of_several_is_vouched_for_in_its_order() -> None:
    ours, theirs = CA.issue(), OTHER.issue()

    trusted = authorities(CA.revocation_list(), OTHER.revocation_list()).vouch_for((ours, theirs), NOW)

    assert [(found.certificate, found.authority) for found in trusted] == [
        (ours, "Corp Issuing CA 1"),
        (theirs, "Partner CA"),
    ]


def test_nobody_needs_to_be_vouched_for_where_nobody_signed() -> None:
    assert CertificationAuthorities().vouch_for((), NOW) == ()


def test_one_may_be_asked_about_for_whom_nobody_needs_to_vouch() -> None:
    certificate = CA.issue()

    known = authorities(CA.revocation_list()).standing_of(certificate, NOW)
    revoked = authorities(CA.revocation_list({0x5E01: None})).standing_of(certificate, NOW)

    assert known == TrustedCertificate(certificate, "Corp Issuing CA 1")
    assert isinstance(revoked, UntrustedCertificate)
    assert (revoked.certificate, "was revoked by Corp Issuing CA 1" in revoked.reason) == (certificate, True)


def test_one_that_is_not_vouched_for_spoils_them_all() -> None:
    with pytest.raises(SignerUntrusted):
        authorities(CA.revocation_list()).vouch_for((CA.issue(), TestAuthority("Nobody's CA").issue()), NOW)


@pytest.mark.parametrize(
    "certificate",
    [
        pytest.param(TestAuthority("Nobody's CA").issue(), id="another name"),
        pytest.param(TestAuthority(key_name="a look-alike").issue(), id="the same name, another key"),
        pytest.param(TestAuthority(key_name="a look-alike", key_kind="RSA").issue(), id="another kind of key"),
        pytest.param(TestAuthority("Partner CA", CA.key_name).issue(), id="another authority's key"),
        pytest.param(CA.issue(digest=hashes.SHA3_256()), id="another digest"),
        pytest.param(TestAuthority("WEB01", "requester").issue(), id="issued by an end entity"),
    ],
)
def test_what_no_authority_issued_is_untrusted(certificate: Certificate) -> None:
    with pytest.raises(SignerUntrusted, match=r"web01\.partner\.example.*Partner CA, Corp Issuing CA 1.*add its own"):
        vouch_for(certificate, CA.revocation_list())


def test_no_path_is_built_from_an_authority_s_authority() -> None:
    subordinate = TestAuthority("Sub CA", "sub CA")
    CA.issue("Sub CA", key=subordinate.key, extensions=subordinate.extensions)

    with pytest.raises(SignerUntrusted, match="CN=Sub CA"):
        vouch_for(subordinate.issue(), CA.revocation_list())


def test_without_authorities_everybody_is_untrusted() -> None:
    with pytest.raises(SignerUntrusted, match="there are none"):
        CertificationAuthorities().vouch_for((CA.issue(),), NOW)


@pytest.mark.parametrize("moment", [datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 6, 1, 23, 59, 59, tzinfo=UTC)])
def test_a_certificate_is_valid_from_its_first_second_to_its_last(moment: datetime) -> None:
    certificate = CA.issue(
        not_before=datetime(2026, 6, 1, tzinfo=UTC), not_after=datetime(2026, 6, 1, 23, 59, 59, tzinfo=UTC)
    )

    assert vouch_for(certificate, CA.revocation_list(), now=moment)


@pytest.mark.parametrize(
    "dates",
    [
        {"not_after": NOW - timedelta(seconds=1)},
        {"not_before": NOW + timedelta(seconds=1)},
    ],
    ids=["over", "not begun"],
)
def test_a_certificate_out_of_its_time_is_expired(dates: dict[str, Any]) -> None:
    with pytest.raises(SignerExpired, match=r"5e01 of CN=web01\.partner\.example is valid from 2026-"):
        vouch_for(CA.issue(**dates), CA.revocation_list())


def test_an_authority_whose_own_certificate_is_over_vouches_for_nobody() -> None:
    over = TestAuthority(not_after=NOW - timedelta(days=1))
    certificate = over.issue()

    with pytest.raises(SignerExpired, match="of the authority Corp Issuing CA 1"):
        CertificationAuthorities((over.authority,), (over.revocation_list(),)).vouch_for((certificate,), NOW)


def test_a_renewed_authority_vouches_by_each_of_its_certificates() -> None:
    renewed = TestAuthority(key_name="the new key")
    authority = CertificationAuthority("Corp Issuing CA 1", (CA.certificate, renewed.certificate))
    both = CertificationAuthorities((authority,), (CA.revocation_list(), renewed.revocation_list()))

    assert len(both.vouch_for((CA.issue(), renewed.issue()), NOW)) == 2


@pytest.mark.parametrize(
    "reason",
    [
        None,
        x509.ReasonFlags.key_compromise,
        x509.ReasonFlags.superseded,
        x509.ReasonFlags.certificate_hold,
    ],
)
def test_what_is_on_the_list_is_revoked_for_whatever_reason(reason: x509.ReasonFlags | None) -> None:
    with pytest.raises(SignerRevoked, match=f"5e01 .* Corp Issuing CA 1: {reason.value if reason else 'unspecified'}"):
        vouch_for(CA.issue(), CA.revocation_list({0x5E01: reason}))


def test_what_was_revoked_stays_so_when_the_list_is_over() -> None:
    with pytest.raises(SignerRevoked):
        vouch_for(CA.issue(), CA.revocation_list({0x5E01: None}, next_update=NOW - timedelta(hours=1)))


def test_the_same_serial_number_on_another_authority_s_list_means_nothing() -> None:
    assert vouch_for(CA.issue(), OTHER.revocation_list({0x5E01: None}), CA.revocation_list())


@pytest.mark.parametrize(
    "lists",
    [
        (),
        (OTHER.revocation_list(),),
        (TestAuthority(key_name="the new key").revocation_list(),),
    ],
    ids=["none", "another authority's", "another key's of the same name"],
)
def test_without_a_list_of_the_key_that_signed_nobody_knows(lists: tuple[RevocationList, ...]) -> None:
    with pytest.raises(RevocationUnknown, match="no revocation list of the key"):
        vouch_for(CA.issue(), *lists)


@pytest.mark.parametrize(
    "dates",
    [{"next_update": NOW}, {"this_update": NOW + timedelta(hours=1)}],
    ids=["over", "of tomorrow"],
)
def test_a_list_out_of_its_time_says_nothing(dates: dict[str, Any]) -> None:
    with pytest.raises(RevocationUnknown, match=r"its revocation list is of 2026-.* publish a new one"):
        vouch_for(CA.issue(), CA.revocation_list(**dates))


def test_a_current_list_counts_beside_one_that_is_over() -> None:
    over = CA.revocation_list(next_update=NOW - timedelta(hours=1))

    assert vouch_for(CA.issue(), over, CA.revocation_list())


def test_one_list_of_several_counts_for_the_certificates_that_name_it() -> None:
    points = [x509.DistributionPoint([x509.UniformResourceIdentifier(URI)], None, None, None)]
    point = x509.IssuingDistributionPoint([x509.UniformResourceIdentifier(URI)], None, False, False, None, False, False)
    part = parse_revocation_list(CA.crl(extensions=[an_extension_of(point)]), (CA.certificate,))
    elsewhere = x509.CRLDistributionPoints(
        [x509.DistributionPoint([x509.UniformResourceIdentifier(f"{URI}2")], None, None, None)]
    )
    naming_it = CA.issue(extensions=[x509.CRLDistributionPoints(points)])

    assert vouch_for(naming_it, part)
    for other in (CA.issue(), CA.issue(extensions=[key_usage("digital_signature"), elsewhere])):
        with pytest.raises(RevocationUnknown):
            vouch_for(other, part)


@pytest.mark.parametrize(
    "extensions",
    [
        pytest.param((), id="no basicConstraints"),
        pytest.param((x509.BasicConstraints(ca=False, path_length=None),), id="no cA"),
        pytest.param(
            (x509.BasicConstraints(ca=True, path_length=None), key_usage("digital_signature")), id="no keyCertSign"
        ),
        pytest.param(
            (
                x509.BasicConstraints(ca=True, path_length=None),
                x509.UnrecognizedExtension(x509.SubjectInformationAccess.oid, b"\x05\x00"),
            ),
            id="one that cannot be read",
        ),
    ],
)
def test_an_authority_has_the_certificate_of_one(extensions: tuple[x509.ExtensionType, ...]) -> None:
    certificate = CA.issue("Not A CA", extensions=extensions)

    with pytest.raises(ValueError, match="CN=Not A CA is not the certificate of an authority"):
        CertificationAuthority("Not A CA", (certificate,))


def test_an_authority_without_keyusage_may_issue() -> None:
    certificate = TestAuthority(extensions=(x509.BasicConstraints(ca=True, path_length=None),)).certificate

    assert CertificationAuthority("A CA", (certificate,)).issuer_of(CA.issue()) == certificate
