from dataclasses import replace

import pytest

from gateway.errors import NotARenewal, RenewalCertificateNotShown
from gateway.pki.certificate import Certificate
from gateway.pki.certificate_request import CertificateRequest
from gateway.policy.renewal_only import require_renewal_of_shown
from tests.builders import a_certificate, a_request, a_requester

OLD = a_certificate(("commonName", "device01"), der=b"the old certificate")
HOLDER = replace(a_requester("CN=device01"), evidence=OLD)


def renewing(old: Certificate) -> CertificateRequest:
    return replace(a_request(), signers=(old,), renewal_certificate=old)


def test_the_certificate_that_was_shown_may_be_renewed() -> None:
    require_renewal_of_shown(renewing(OLD), HOLDER)


def test_a_new_request_is_refused_with_what_to_do() -> None:
    with pytest.raises(
        NotARenewal,
        match=r"CN=device01 sent a PKCS#10 without szOID_RENEWAL_CERTIFICATE\. .*service without renewal_only",
    ):
        require_renewal_of_shown(a_request(), HOLDER)


def test_what_the_old_certificate_has_signed_is_no_renewal_without_the_attribute() -> None:
    with pytest.raises(NotARenewal, match=r"signed by CN=device01 \(serial number 1234 of CN=Partner CA\)"):
        require_renewal_of_shown(replace(a_request(), signers=(OLD,)), HOLDER)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(replace(OLD, der=b"the same, but for the CA's key"), id="the same serial number of another CA"),
        pytest.param(a_certificate(("commonName", "device02"), der=b"another's"), id="another's"),
    ],
)
def test_another_certificate_than_the_one_that_was_shown_is_not_renewed(other: Certificate) -> None:
    with pytest.raises(RenewalCertificateNotShown, match="not the client certificate of CN=device01"):
        require_renewal_of_shown(renewing(other), HOLDER)


def test_who_has_shown_none_renews_none() -> None:
    with pytest.raises(RenewalCertificateNotShown):
        require_renewal_of_shown(renewing(OLD), a_requester("alice", "UsernamePassword"))
