"""The CA exchange certificate is as [MS-WCCE] 3.2.1.4.3.2.15.1 makes one."""

from datetime import UTC, datetime, timedelta

from cryptography import x509

from gateway.lab import issuance
from gateway.lab.authority import CertificationAuthority
from gateway.lab.cmc import Signer
from gateway.lab.exchange import CA_EXCHANGE

NOW = datetime.now(UTC).replace(microsecond=0)


def test_it_is_the_ca_s_own_for_exchanging_keys_and_nothing_else(ca: CertificationAuthority) -> None:
    certificate = ca.exchange_certificate()

    certificate.verify_directly_issued_by(ca.signer.certificate)
    assert certificate.subject.rfc4514_string() == "CN=Fabrikam Issuing CA 1-Xchg"
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc == timedelta(weeks=1)
    usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usages) == [CA_EXCHANGE]
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
    assert (usage.critical, usage.value.key_encipherment, usage.value.digital_signature) == (True, True, False)
    assert issuance.template_name_extension("CAExchange") in [e.value for e in certificate.extensions]


def test_it_stays_the_same_until_it_is_over(signer: Signer) -> None:
    times = [NOW]
    ca = CertificationAuthority("Fabrikam Issuing CA 1", signer, clock=lambda: times[-1])

    first = ca.exchange_certificate()
    assert ca.exchange_certificate() is first
    times.append(NOW + timedelta(weeks=1))
    second = ca.exchange_certificate()

    assert second.serial_number != first.serial_number
    assert second.not_valid_after_utc > first.not_valid_after_utc
