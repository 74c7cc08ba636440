"""What an AD CS certification authority puts into the certificates of its templates ([MS-WCCE] 3.2.2.6.2.1.4).

Extensions and their order follow a captured certificate. The URLs point into the internal network: whoever looks them
up from outside, or shows them where no certificate is shown, has found a leak.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtensionOID, NameOID

from gateway.lab.accounts import UPN_OID, Account
from gateway.lab.attributes import CERTIFICATE_TEMPLATE_NAME
from gateway.lab.certification_request import CertificationRequest
from gateway.lab.cmc import Signer
from gateway.lab.cms import PublicKey
from gateway.lab.credentials import key_usage
from gateway.lab.hresult import HResult
from gateway.lab.templates import CertificateTemplate, EnrollmentFlags, SubjectNameFlags

NTDS_CA_SECURITY_EXT = x509.ObjectIdentifier("1.3.6.1.4.1.311.25.2")
NTDS_OBJECT_SID = x509.ObjectIdentifier("1.3.6.1.4.1.311.25.2.1")
APPLICATION_CERT_POLICIES = x509.ObjectIdentifier("1.3.6.1.4.1.311.21.10")
SMIME_CAPABILITIES = x509.ObjectIdentifier("1.2.840.113549.1.9.15")

CLOCK_SKEW = timedelta(minutes=10)
"""Config_CA_Clock_Skew_Minutes: how far back notBefore lies ([MS-WCCE] 3.2.1.4.2.1.4.7)."""

_SERVICES = "CN=Public%20Key%20Services,CN=Services,CN=Configuration,DC=corp,DC=fabrikam,DC=example"
_CERT_ENROLL = "http://pki.corp.fabrikam.example/CertEnroll"
_CAPABILITIES = bytes.fromhex(
    "3035300e06082a864886f70d030202020080300e06082a864886f70d030402020080300706052b0e030207300a06082a864886f70d0307"
)
"""RC2-128, RC4-128, DES and 3DES, as a CA still lists them by default."""


class Unissuable(Exception):
    """The policy module cannot build the certificate."""

    def __init__(self, hresult: HResult) -> None:
        super().__init__(hresult.text)
        self.hresult = hresult


@dataclass(frozen=True, slots=True)
class Issue:
    """One certificate to be made."""

    template: CertificateTemplate
    request: CertificationRequest
    account: Account
    """Of whom the directory's names are taken."""
    approved_by: x509.Certificate | None = None
    """The old certificate, if it stands for an approval."""


def sign_certificate(issue: Issue, signer: Signer, ca_name: str, serial_number: int, now: datetime) -> x509.Certificate:
    """The certificate for this request. Raises Unissuable."""
    not_before = (now - CLOCK_SKEW).replace(microsecond=0)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_subject(issue))
        .issuer_name(signer.certificate.subject)
        .public_key(issue.request.public_key)
        .serial_number(serial_number)
        .not_valid_before(max(not_before, signer.certificate.not_valid_before_utc))
        # A CA never issues beyond its own end.
        .not_valid_after(min(not_before + issue.template.validity, signer.certificate.not_valid_after_utc))
    )
    for extension in (*ca_extensions(issue.request.public_key, signer, ca_name), *_template_extensions(issue)):
        builder = builder.add_extension(extension.value, critical=extension.critical)
    return builder.sign(signer.key, hashes.SHA256())


def lacks_mail(template: CertificateTemplate, account: Account) -> bool:
    """Whether the template asks for an e-mail name that the account has not got: a warning for version 1 templates."""
    wanted = SubjectNameFlags.SUBJECT_REQUIRE_EMAIL | SubjectNameFlags.SUBJECT_ALT_REQUIRE_EMAIL
    return bool(template.subject_name_flags & wanted) and account.mail is None


def distribution_points(ca_name: str) -> tuple[str, ...]:
    """Where the CA says that its CRL lies."""
    name = quote(ca_name)
    ldap = f"ldap:///CN={name},CN=ca01,CN=CDP,{_SERVICES}"
    return (
        f"{ldap}?certificateRevocationList?base?objectClass=cRLDistributionPoint",
        f"{_CERT_ENROLL}/{name}.crl",
    )


def issuer_locations(ca_name: str) -> tuple[str, ...]:
    """Where the CA says that its own certificate lies."""
    name = quote(ca_name)
    return (
        f"ldap:///CN={name},CN=AIA,{_SERVICES}?cACertificate?base?objectClass=certificationAuthority",
        f"{_CERT_ENROLL}/ca01.corp.fabrikam.example_{name}.crt",
    )


def template_name_extension(name: str) -> x509.UnrecognizedExtension:
    """szOID_ENROLL_CERTTYPE_EXTENSION as Windows writes it: a bare BMPString."""
    text = name.encode("utf-16-be")
    assert len(text) < 0x80, "a template name of one length byte"
    return x509.UnrecognizedExtension(CERTIFICATE_TEMPLATE_NAME, bytes((0x1E, len(text))) + text)


def template_extension(template: CertificateTemplate) -> x509.ExtensionType:
    """The extension that names the template: by common name for version 1, by object identifier for version 2."""
    if template.policy_schema == 1:
        return template_name_extension(template.common_name)
    return x509.MSCertificateTemplate(template.oid, template.major_revision, template.minor_revision)


def application_policies(usages: Iterable[x509.ObjectIdentifier]) -> x509.UnrecognizedExtension:
    """The extended key usages once more, in Microsoft's own extension ([MS-WCCE] 2.2.2.7.7.3)."""
    policies = x509.CertificatePolicies(x509.PolicyInformation(oid, None) for oid in usages)
    return x509.UnrecognizedExtension(APPLICATION_CERT_POLICIES, policies.public_bytes())


def locations(ca_name: str) -> Iterator[x509.Extension[x509.ExtensionType]]:
    """CDP and AIA of certificates that the CA of this name issues."""
    point = x509.DistributionPoint(
        full_name=[x509.UniformResourceIdentifier(url) for url in distribution_points(ca_name)],
        relative_name=None,
        reasons=None,
        crl_issuer=None,
    )
    yield _extension(x509.CRLDistributionPoints([point]))
    yield _extension(
        x509.AuthorityInformationAccess(
            x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier(url))
            for url in issuer_locations(ca_name)
        )
    )


def ca_extensions(public_key: PublicKey, signer: Signer, ca_name: str) -> Iterator[x509.Extension[x509.ExtensionType]]:
    """What the CA says of the key, of itself, and of where to find it."""
    yield _extension(x509.SubjectKeyIdentifier.from_public_key(public_key))
    ski = signer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    yield _extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ski))
    yield from locations(ca_name)


def _template_extensions(issue: Issue) -> Iterator[x509.Extension[x509.ExtensionType]]:
    template = issue.template
    yield _extension(template_extension(template))
    # Key encipherment makes sense for RSA only ([MS-WCCE] 3.2.2.6.2.1.4.4.4).
    is_rsa = isinstance(issue.request.public_key, rsa.RSAPublicKey)
    usages = ("digital_signature", "key_encipherment") if is_rsa else ("digital_signature",)
    yield _extension(key_usage(*usages), critical=True)
    yield _extension(x509.ExtendedKeyUsage(template.extended_key_usage))
    if template.policy_schema > 1:
        yield _extension(application_policies(template.extended_key_usage))
    yield from _supplied_names(issue) if template.supplies_subject else _directory_names(issue)
    if EnrollmentFlags.INCLUDE_SYMMETRIC_ALGORITHMS in template.enrollment_flags:
        yield _extension(x509.UnrecognizedExtension(SMIME_CAPABILITIES, _CAPABILITIES))


def _subject(issue: Issue) -> x509.Name:
    flags = issue.template.subject_name_flags
    if issue.template.supplies_subject:
        return _supplied_subject(issue.request)
    if flags & (SubjectNameFlags.SUBJECT_REQUIRE_DNS_AS_CN | SubjectNameFlags.SUBJECT_ALT_REQUIRE_DNS):
        # A user has none.
        if issue.account.dns_host_name is None:
            raise Unissuable(HResult.CERTSRV_E_SUBJECT_DNS_REQUIRED)
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issue.account.dns_host_name)])
    name = x509.Name.from_rfc4514_string(issue.account.distinguished_name)
    if SubjectNameFlags.SUBJECT_REQUIRE_EMAIL in flags and issue.account.mail is not None:
        return x509.Name([*name.rdns, _email(issue.account.mail)])
    return name


def _email(mail: str) -> x509.RelativeDistinguishedName:
    return x509.RelativeDistinguishedName([x509.NameAttribute(NameOID.EMAIL_ADDRESS, mail)])


def _supplied_subject(request: CertificationRequest) -> x509.Name:
    # [MS-WCCE] 3.2.1.4.2.1.4.7: no certificate without a subject and without a subject alternative name.
    if not request.subject.rdns and _find(request.extensions, ExtensionOID.SUBJECT_ALTERNATIVE_NAME) is None:
        raise Unissuable(HResult.CERTSRV_E_BAD_REQUESTSUBJECT)
    return request.subject


def _supplied_names(issue: Issue) -> Iterator[x509.Extension[x509.ExtensionType]]:
    """The request's own SAN and even its SID, as [MS-WCCE] 3.2.2.6.2.1.4.5.9 says; of an approved renewal, the old
    certificate's SAN, whatever the request has (3.2.2.6.2.1.4.5.6).
    """
    old = issue.approved_by
    of_names = issue.request.extensions if old is None or not _has_names(old) else old.extensions
    for extensions, oid in (
        (of_names, ExtensionOID.SUBJECT_ALTERNATIVE_NAME),
        (issue.request.extensions, NTDS_CA_SECURITY_EXT),
    ):
        extension = _find(extensions, oid)
        if extension is not None:
            yield extension


def _has_names(certificate: x509.Certificate) -> bool:
    return _find(certificate.extensions, ExtensionOID.SUBJECT_ALTERNATIVE_NAME) is not None


def _directory_names(issue: Issue) -> Iterator[x509.Extension[x509.ExtensionType]]:
    flags, account = issue.template.subject_name_flags, issue.account
    names: list[x509.GeneralName] = []
    if SubjectNameFlags.SUBJECT_ALT_REQUIRE_UPN in flags:
        names.append(x509.OtherName(UPN_OID, asn1.encode_der(account.user_principal_name)))
    if SubjectNameFlags.SUBJECT_ALT_REQUIRE_EMAIL in flags and account.mail is not None:
        names.append(x509.RFC822Name(account.mail))
    if SubjectNameFlags.SUBJECT_ALT_REQUIRE_DNS in flags:
        assert account.dns_host_name is not None, "the subject was built first"
        names.append(x509.DNSName(account.dns_host_name))
    yield _extension(x509.SubjectAlternativeName(names))
    # The extension is a GeneralNames of one otherName: the type that cryptography encodes for a SAN.
    sid = x509.OtherName(NTDS_OBJECT_SID, asn1.encode_der(account.sid.encode("ascii")))
    security = x509.SubjectAlternativeName([sid]).public_bytes()
    yield _extension(x509.UnrecognizedExtension(NTDS_CA_SECURITY_EXT, security))


def _find(extensions: x509.Extensions, oid: x509.ObjectIdentifier) -> x509.Extension[x509.ExtensionType] | None:
    return next((extension for extension in extensions if extension.oid == oid), None)


def _extension(value: x509.ExtensionType, *, critical: bool = False) -> x509.Extension[x509.ExtensionType]:
    return x509.Extension(value.oid, critical, value)
