"""What a service that only renews demands of every request, whatever the policy of the template says.

CES then calls the CA in its own name with 0x00200000 in dwFlags, and the key that signed the request is all the
authentication there is ([MS-WCCE] 3.2.2.6.2.1.2.4): whoever has that key would get the certificate. So it has to be the
key with which the caller has come through the TLS handshake.
"""

from gateway.errors import NotARenewal, RenewalCertificateNotShown
from gateway.pki.certificate_request import CertificateRequest
from gateway.policy.signers import described, is_client_certificate
from gateway.requester import Requester


def require_renewal_of_shown(request: CertificateRequest, requester: Requester) -> None:
    """That the request renews the very certificate that the requester has shown to TLS, DER for DER.

    A serial number, or a name, would be somebody else's at another CA. Raises NotARenewal or
    RenewalCertificateNotShown.
    """
    old = request.renewal_certificate
    if old is None:
        signed = f", signed by {', '.join(map(described, request.signers))}" if request.signers else ""
        raise NotARenewal(
            f"this service only renews, and {requester.account} sent a {request.format} without"
            f" szOID_RENEWAL_CERTIFICATE{signed}. First certificates, and clients that renew by a new PKCS#10, need a"
            " service without renewal_only"
        )
    if not is_client_certificate(old, requester):
        raise RenewalCertificateNotShown(
            f"the request is to renew {described(old)}, which is not the client certificate of {requester.account}: the"
            " certificate that signs must be the one that is shown to TLS"
        )
