"""PKCS#10 certification requests (RFC 2986): the innermost layer of every request, and its proof of possession."""

from contextlib import suppress
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from gateway.errors import ProofOfPossessionFailed
from gateway.pki import attributes, der, oids
from gateway.pki.attributes import IndexedAttributes
from gateway.pki.keys import PublicKey, parse_public_key
from gateway.pki.names import Name, parse_name


@dataclass(frozen=True, slots=True)
class CertificationRequest:
    """A PKCS#10 that its own key has signed."""

    subject: Name
    public_key: PublicKey
    signature_algorithm: str
    """OID."""
    attributes: IndexedAttributes


def parse_certification_request(encoded: bytes) -> CertificationRequest:
    """Read and verify one PKCS#10. Raises ValueError, or ProofOfPossessionFailed."""
    request = der.decode(der.CertificationRequest, encoded)
    info = request.certification_request_info
    if info.version != 0:
        raise ValueError("a version other than v1(0), the only one of RFC 2986")
    # Before the signature is verified: this bounds what verifying costs.
    public_key = parse_public_key(der.encode(info.subject_pk_info))
    if public_key.algorithm.startswith("OID."):
        raise ProofOfPossessionFailed(f"the signature cannot be verified: a key of {public_key.algorithm}")
    signature_algorithm, _ = der.algorithm(request.signature_algorithm)
    _verify_possession(encoded, signature_algorithm)
    return CertificationRequest(
        subject=parse_name(info.subject),
        public_key=public_key,
        signature_algorithm=signature_algorithm,
        attributes=attributes.index(info.attributes.as_list(), attributes.OF_A_PKCS10),
    )


def _verify_possession(encoded: bytes, signature_algorithm: str) -> None:
    verified = False
    with suppress(UnsupportedAlgorithm):
        verified = x509.load_der_x509_csr(encoded).is_signature_valid
    if not verified:
        raise ProofOfPossessionFailed(_why_unverified(signature_algorithm))


def _why_unverified(signature_algorithm: str) -> str:
    if signature_algorithm in oids.HASH_ALGORITHMS:
        name = oids.HASH_ALGORITHMS[signature_algorithm]
        return f"a null signature ({name}) shows no possession of the key: the client must sign with it"
    if signature_algorithm in oids.WEAK_SIGNATURE_ALGORITHMS:
        name = oids.WEAK_SIGNATURE_ALGORITHMS[signature_algorithm]
        return f"{name} is not verified any more: the client must sign with SHA-256 or better"
    return (
        f"the signature does not verify under the key that the request carries, or {signature_algorithm} is no"
        " signature algorithm that is supported here"
    )
