from dataclasses import replace

import pytest

from gateway.pki.authorities import CertificationAuthorities, UntrustedCertificate
from gateway.policy.signers import (
    described,
    is_client_certificate,
    standing_of_shown,
    states_own_security_identifier,
)
from tests.builders import NOW, a_certificate, a_request, a_requester, an_account

SID = "S-1-5-21-1-2-3-1104"
CERTIFICATE = a_certificate(("commonName", "alice"), der=b"alice's")
BY_CERTIFICATE = replace(a_requester(), evidence=CERTIFICATE)
BY_PASSWORD = a_requester("alice", "UsernamePassword")


def test_the_client_certificate_is_told_by_all_its_bytes() -> None:
    assert is_client_certificate(replace(CERTIFICATE), BY_CERTIFICATE)
    assert not is_client_certificate(replace(CERTIFICATE, der=b"same names and serial number"), BY_CERTIFICATE)
    assert not is_client_certificate(CERTIFICATE, BY_PASSWORD)


def test_authorities_are_asked_about_the_client_certificate_where_nobody_has_signed() -> None:
    nobody = CertificationAuthorities()

    asked = standing_of_shown(a_request(), BY_CERTIFICATE, nobody, NOW)

    assert isinstance(asked, UntrustedCertificate)
    assert asked.certificate == CERTIFICATE
    assert standing_of_shown(replace(a_request(), signers=(CERTIFICATE,)), BY_CERTIFICATE, nobody, NOW) is None
    assert standing_of_shown(a_request(), BY_PASSWORD, nobody, NOW) is None


@pytest.mark.parametrize(
    ("stated", "expected"),
    [((SID,), True), ((), False), (("S-1-5-21-1-2-3-500",), False), ((SID, "S-1-5-21-1-2-3-500"), False)],
)
def test_a_certificate_states_the_requesters_sid_and_no_other(stated: tuple[str, ...], expected: bool) -> None:
    certificate = replace(CERTIFICATE, security_identifiers=stated)

    assert states_own_security_identifier(certificate, replace(BY_PASSWORD, directory_account=an_account())) is expected
    assert not states_own_security_identifier(certificate, BY_PASSWORD)


def test_a_signer_can_be_found_at_its_ca() -> None:
    assert described(CERTIFICATE) == "CN=alice (serial number 1234 of CN=Partner CA)"
