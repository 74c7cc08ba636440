"""The CA exchange certificate ([MS-WCCE] 3.2.1.4.3.2.15): clients encrypt private keys for the archive to it."""

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from gateway.lab import issuance
from gateway.lab.cmc import Signer
from gateway.lab.credentials import key_usage

CA_EXCHANGE = x509.ObjectIdentifier("1.3.6.1.4.1.311.21.5")
"""szOID_KP_CA_EXCHANGE."""
VALIDITY = timedelta(weeks=1)


def certificate(signer: Signer, ca_name: str, serial_number: int, now: datetime) -> x509.Certificate:
    """As a CA makes one without the template CAExchange ([MS-WCCE] 3.2.1.4.3.2.15.1). Its private key is thrown away:
    this lab archives nothing.
    """
    public_key = rsa.generate_private_key(65537, 2048).public_key()
    not_before = (now - issuance.CLOCK_SKEW).replace(microsecond=0)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{ca_name}-Xchg")]))
        .issuer_name(signer.certificate.subject)
        .public_key(public_key)
        .serial_number(serial_number)
        .not_valid_before(not_before)
        .not_valid_after(not_before + VALIDITY)
        .add_extension(key_usage("key_encipherment"), critical=True)
        .add_extension(x509.ExtendedKeyUsage([CA_EXCHANGE]), critical=False)
        .add_extension(issuance.application_policies([CA_EXCHANGE]), critical=False)
        .add_extension(issuance.template_name_extension("CAExchange"), critical=False)
    )
    for extension in issuance.ca_extensions(public_key, signer, ca_name):
        builder = builder.add_extension(extension.value, critical=extension.critical)
    return builder.sign(signer.key, hashes.SHA256())
