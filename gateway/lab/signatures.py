"""What certificates that have signed a request are good for: renewals, and requests of enrollment agents."""

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat import asn1

from gateway.lab.accounts import UPN_OID, Account
from gateway.lab.attributes import CERTIFICATE_TEMPLATE_NAME, template_name
from gateway.lab.certification_request import CertificationRequest
from gateway.lab.denial import Denial
from gateway.lab.hresult import HResult
from gateway.lab.templates import CERTIFICATE_REQUEST_AGENT, CertificateTemplate, EnrollmentFlags


def verify_issuer(certificate: x509.Certificate, authority: x509.Certificate) -> None:
    """That this authority has issued it. Raises Denial."""
    try:
        certificate.verify_directly_issued_by(authority)
    except (InvalidSignature, ValueError, TypeError) as error:
        raise Denial(HResult.CERT_E_UNTRUSTEDROOT) from error


def verify_agents(request: CertificationRequest) -> None:
    """[MS-WCCE] 3.2.2.6.2.1.2.1: all who sign on behalf of another are enrollment agents. Raises Denial."""
    if not request.signers:
        raise Denial(HResult.CERTSRV_E_SIGNATURE_POLICY_REQUIRED)
    for signer in request.signers:
        if CERTIFICATE_REQUEST_AGENT not in _extended_key_usage(signer):
            raise Denial(HResult.CERTSRV_E_SIGNATURE_REJECTED)


def verify_template(old: x509.Certificate, template: CertificateTemplate) -> None:
    """[MS-WCCE] 3.2.2.6.2.1.2.3: a certificate is renewed by its own template. Raises Denial."""
    for extension in old.extensions:
        if isinstance(extension.value, x509.MSCertificateTemplate):
            named = extension.value.template_id == template.oid
        elif extension.oid == CERTIFICATE_TEMPLATE_NAME:
            named = template_name(extension.value.public_bytes()).casefold() == template.common_name.casefold()
        else:
            continue
        if not named:
            raise Denial(HResult.CERTSRV_E_TEMPLATE_CONFLICT)


def is_approved(template: CertificateTemplate, request: CertificationRequest, requester: Account) -> bool:
    """Whether the old certificate stands for an approval of the new one ([MS-WCCE] 3.2.2.6.2.1.4.8).

    The standard has the conditions met "before enforcing the flag", and does not say what becomes of a renewal that
    does not meet them. Here it is CERTSRV_E_BAD_RENEWAL_SUBJECT, whose text says just that: so nobody gets by an old
    certificate another subject than the one that was approved. Raises Denial.
    """
    old = request.renewal_certificate
    if old is None or EnrollmentFlags.PREVIOUS_APPROVAL_VALIDATE_REENROLLMENT not in template.enrollment_flags:
        return False
    same = _same_subject(request, old) if template.supplies_subject else _same_account(requester, old)
    if not same:
        raise Denial(HResult.CERTSRV_E_BAD_RENEWAL_SUBJECT)
    return True


def _same_subject(request: CertificationRequest, old: x509.Certificate) -> bool:
    return bool(request.subject.rdns) and request.subject == old.subject


def _same_account(requester: Account, old: x509.Certificate) -> bool:
    try:
        names = old.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    upns = [asn1.decode_der(str, n.value) for n in names.get_values_for_type(x509.OtherName) if n.type_id == UPN_OID]
    mails = names.get_values_for_type(x509.RFC822Name)
    return (
        bool(upns or mails)
        and all(upn.casefold() == requester.user_principal_name.casefold() for upn in upns)
        and all(mail.casefold() == (requester.mail or "").casefold() for mail in mails)
    )


def _extended_key_usage(certificate: x509.Certificate) -> tuple[x509.ObjectIdentifier, ...]:
    try:
        return tuple(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        return ()
