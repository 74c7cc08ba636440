"""What a CA has revoked, and the list that says so (RFC 5280 5)."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from gateway.lab.cmc import Signer

VALIDITY = timedelta(days=7)
"""CRLPeriod, as a CA has it by default; never beyond the CA's own end."""


def revocation_list(
    signer: Signer, revoked: Mapping[int, datetime], now: datetime, number: int
) -> x509.CertificateRevocationList:
    """Signed by the CA; `revoked` says since when, by serial number, and `number` counts the lists."""
    this_update = now.replace(microsecond=0)
    key_identifier = signer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(signer.certificate.subject)
        .last_update(this_update)
        .next_update(min(this_update + VALIDITY, signer.certificate.not_valid_after_utc))
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(key_identifier), critical=False)
        .add_extension(x509.CRLNumber(number), critical=False)
    )
    for serial_number, since in revoked.items():
        entry = x509.RevokedCertificateBuilder().serial_number(serial_number).revocation_date(since)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(signer.key, hashes.SHA256())
