"""A client certificate that stands for itself: who renews by the key of an old certificate needs no account.

The machine may be outside of any domain. Who it is, is what one of `certification_authorities` has once certified; the
handshake has proved the key. No mapping rule is asked, so that none has to be written that would count elsewhere.
"""

from collections.abc import Callable
from datetime import datetime

from gateway.authn.account_name import objection_to
from gateway.authn.client_certificate import shown_certificate
from gateway.authn.mapping import describe
from gateway.call import Call
from gateway.errors import CertificateNotMapped
from gateway.pki.authorities import CertificationAuthorities
from gateway.protocol.soap import Envelope
from gateway.requester import Requester, Verifier


class IssuedCertificateAuthenticator:
    """Takes the requester from a certificate of one of the authorities, verified by the handshake and not revoked."""

    def __init__(self, authorities: Callable[[], CertificationAuthorities], clock: Callable[[], datetime]) -> None:
        """`authorities` are those of this moment, with their revocation lists."""
        self._authorities = authorities
        self._clock = clock

    async def __call__(self, call: Call, _envelope: Envelope) -> Requester:
        """The requester, whose account is the subject of its certificate (RFC 4514).

        That cannot be taken for a name of the directory or the password file, which have no `=`. Raises
        CredentialsMissing, CertificateNotMapped, and as `CertificationAuthorities.vouch_for`.
        """
        now = self._clock()
        certificate = shown_certificate(call, now)
        account = str(certificate.subject)
        objection = objection_to(account)
        if objection is not None:
            raise CertificateNotMapped(f"the subject {objection}, so that nobody is named: {describe(certificate)}")
        self._authorities().vouch_for((certificate,), now)
        return Requester(account, certificate, Verifier.TLS, authenticated_at=now)
