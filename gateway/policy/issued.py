"""The two-sided check: what the CA issued is judged too, before it is handed out.

A certificate that is not what was approved never leaves the gateway, whatever the CA, its administrator or the wire
did. All objections are told, not the first: the operator has to decide what becomes of it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from gateway.credential import Credential
from gateway.errors import CertificateWithheld, MalformedMessage, Objection, UpstreamMisbehaved
from gateway.pki.certificate import Certificate
from gateway.pki.cmc_response import CarriedCertificate, parse_cmc_response
from gateway.pki.issued_certificate import IssuedCertificate, parse_issued_certificate
from gateway.policy.decision import Mode
from gateway.policy.expected import Expected
from gateway.policy.issued_fields import Field, objection
from gateway.policy.issued_identity import objections_to_identity
from gateway.policy.issued_origin import Issuers, objections_to_origin
from gateway.policy.issued_usage import objections_to_usage
from gateway.protocol.wstep import Issued, Pending
from gateway.requester import Requester

_OF_THE_RULE = frozenset(
    {
        Field.VALIDITY,
        Field.KEY_USAGE,
        Field.EXTENDED_KEY_USAGE,
        Field.APPLICATION_POLICIES,
        Field.CERTIFICATE_POLICIES,
        Field.CRL_DISTRIBUTION_POINTS,
        Field.AUTHORITY_INFORMATION_ACCESS,
        Field.EXTENSIONS,
    }
)
"""What a policy on trial (Mode.AUDIT) objects to, and lets through: a rule could list it. Who the certificate is for
and where it comes from is no matter of trial."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Who asks, and as whom the CA was reached for it."""

    requester: Requester
    credential: Credential


def is_for_key(response: Issued, subject_public_key_info: bytes) -> bool:
    """Whether a certificate can be the one that was asked for, as far as its key tells."""
    try:
        certificate = parse_issued_certificate(response.certificate)
    except MalformedMessage:
        return False
    return certificate.certificate.public_key.subject_public_key_info == subject_public_key_info


def check_issued(
    response: Issued, expected: Expected, reach: Reach, issuers: Issuers, now: datetime
) -> tuple[Objection, ...]:
    """The objections that are let through, since the policy is on trial.

    Raises CertificateWithheld with all objections. The certificate then exists at the CA: the error's text tells the
    operator which one to revoke.
    """
    try:
        certificate = parse_issued_certificate(response.certificate)
    except MalformedMessage as error:
        unreadable = objection(Field.CERTIFICATE, str(error), "a certificate that can be read")
        raise _withheld(response.certificate, None, (unreadable,)) from error
    objections = (
        *objections_to_origin(certificate, expected, issuers, now),
        *objections_to_identity(certificate, expected, reach.requester, reach.credential),
        *objections_to_usage(certificate, expected, reach.requester),
        *_objections_to_response(response, expected),
    )
    on_trial = expected.mode is Mode.AUDIT
    if all(on_trial and one.field in _OF_THE_RULE for one in objections):
        return objections
    raise _withheld(response.certificate, certificate, objections)


def check_pending(response: Pending) -> None:
    """Nothing to install may come with the news that there is nothing yet.

    Raises UpstreamMisbehaved if the CMC response cannot be read, or CertificateWithheld.
    """
    if response.cmc_response is None:
        return
    try:
        leaves = _leaves(parse_cmc_response(response.cmc_response))
    except MalformedMessage as error:
        raise UpstreamMisbehaved(f"the CA's answer to a pending request: {error}") from error
    if leaves:
        text = f"{len(leaves)} certificate(s) in the answer to a request that is pending"
        raise _withheld(leaves[0].der, None, (objection(Field.CMC_RESPONSE, text, "none but CAs'"),))


def _objections_to_response(response: Issued, expected: Expected) -> Iterable[Objection]:
    """Windows installs from the CMC response: it must carry the very certificate that was judged, and no other."""
    if response.cmc_response is None:
        return
    try:
        carried = parse_cmc_response(response.cmc_response)
    except MalformedMessage as error:
        yield objection(Field.CMC_RESPONSE, str(error), "a CMC response that can be read")
        return
    leaves = [leaf.der for leaf in _leaves(carried)]
    if leaves != [response.certificate]:
        others = sum(leaf != response.certificate for leaf in leaves)
        found = f"{others} other certificate(s)" if others else f"{len(leaves)} times the issued certificate"
        yield objection(Field.CMC_RESPONSE, found, "the issued certificate once, beside those of CAs")
    if any(ca.is_ca and ca.subject_public_key_info == expected.subject_public_key_info for ca in carried):
        yield objection(Field.CMC_RESPONSE, "a CA's certificate for the requester's key", "no such certificate")


def _leaves(carried: Iterable[CarriedCertificate]) -> list[CarriedCertificate]:
    return [certificate for certificate in carried if not certificate.is_ca]


def _withheld(
    der: bytes, certificate: IssuedCertificate | None, objections: tuple[Objection, ...]
) -> CertificateWithheld:
    named = _named(certificate.certificate) if certificate else "what came as the issued certificate"
    told = "; ".join(map(str, objections))
    return CertificateWithheld(
        f"{named} is withheld: {told}. It exists: revoke it at the CA, and find out why it was issued like this",
        certificate=der,
        objections=objections,
    )


def _named(certificate: Certificate) -> str:
    return (
        f"the certificate with the serial number {certificate.serial_number:x} of {certificate.issuer}"
        f" (SHA-256 {certificate.sha256_fingerprint})"
    )
