"""Who signed the request of an example: certificates of throw-away authorities, which are trusted for this one run.

Nothing is revoked here: an example says of a certificate that it is over, or that its authority is none of ours.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from gateway.pki.authorities import CertificationAuthorities, CertificationAuthority, TrustedCertificate
from gateway.pki.certificate import Certificate, parse_certificate
from gateway.pki.revocation_list import parse_revocation_list
from gateway.pki.write_request import Signer, revocation_list


def authorities_of(authorities: Sequence[Signer], now: datetime) -> CertificationAuthorities:
    """These, and nobody else, each with an empty list of what is revoked."""
    own = [parse_certificate(authority.certificate) for authority in authorities]
    lists = (parse_revocation_list(revocation_list(authority, now), tuple(own)) for authority in authorities)
    known = (CertificationAuthority(_common_name(certificate), (certificate,)) for certificate in own)
    return CertificationAuthorities(tuple(known), tuple(lists))


def vouched_for(
    signers: Iterable[Certificate], authorities: Sequence[Signer], now: datetime
) -> tuple[TrustedCertificate, ...]:
    """The signers, each of them vouched for. Raises SignerUntrusted or SignerExpired for the first that is not."""
    return authorities_of(authorities, now).vouch_for(tuple(signers), now)


def _common_name(authority: Certificate) -> str:
    names = (attribute.value for attribute in authority.subject.attributes() if attribute.type == "commonName")
    return next(names, str(authority.subject))
