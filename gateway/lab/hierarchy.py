"""The lab's two enterprise CAs under the root of its world: made afresh, in memory, each time a lab starts."""

from collections.abc import Iterable, Mapping

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from gateway.lab import issuance
from gateway.lab.authority import CertificationAuthority
from gateway.lab.cmc import PrivateKey, Signer
from gateway.lab.credentials import KeyPair, key_usage
from gateway.lab.templates import CORP_USER, MACHINE, PARTNER_USER, PARTNER_WEB_SERVER, TEMPLATES, CertificateTemplate

CA_1 = "Fabrikam Issuing CA 1"
"""RSA-2048; a name with blanks, as services have to percent-encode it. Publishes every template."""
CA_2 = "FabrikamIssuingCA2"
"""P-256. Publishes PartnerWebServer, PartnerUser and Machine."""

CA_VERSION = x509.ObjectIdentifier("1.3.6.1.4.1.311.21.1")
_VERSION_0 = bytes.fromhex("020100")


def create_authorities(root: KeyPair) -> Mapping[str, CertificationAuthority]:
    """Both CAs by name. Their request ids start far apart, so that a mix-up shows."""
    authorities = (
        _authority(CA_1, rsa.generate_private_key(65537, 2048), TEMPLATES, root, first_request_id=1001),
        _authority(
            CA_2,
            ec.generate_private_key(ec.SECP256R1()),
            (PARTNER_WEB_SERVER, PARTNER_USER, MACHINE, CORP_USER),
            root,
            first_request_id=20001,
        ),
    )
    return {authority.name: authority for authority in authorities}


def _authority(
    name: str, key: PrivateKey, templates: Iterable[CertificateTemplate], root: KeyPair, *, first_request_id: int
) -> CertificationAuthority:
    root_certificate = x509.load_pem_x509_certificate(root.certificate.read_bytes())
    root_key = serialization.load_pem_private_key(root.key.read_bytes(), password=None)
    assert isinstance(root_key, ec.EllipticCurvePrivateKey), "the world's roots have P-256 keys"
    certificate = _sub_ca_certificate(name, key, root_certificate, root_key)
    signer = Signer(certificate, key, chain=(root_certificate,))
    return CertificationAuthority(name, signer, templates, first_request_id=first_request_id)


def _sub_ca_certificate(
    name: str, key: PrivateKey, root: x509.Certificate, root_key: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    public_key = key.public_key()
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name.from_rfc4514_string(f"CN={name},DC=corp,DC=fabrikam,DC=example"))
        .issuer_name(root.subject)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(root.not_valid_before_utc)
        .not_valid_after(root.not_valid_after_utc)
        .add_extension(x509.UnrecognizedExtension(CA_VERSION, _VERSION_0), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(issuance.template_name_extension("SubCA"), critical=False)
        .add_extension(key_usage("digital_signature", "key_cert_sign", "crl_sign"), critical=True)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
    )
    for extension in issuance.locations("Fabrikam Root CA"):
        builder = builder.add_extension(extension.value, critical=extension.critical)
    return builder.sign(root_key, hashes.SHA256())
