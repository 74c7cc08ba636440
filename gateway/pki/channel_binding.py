"""Which certificate a TLS connection was made with, as Kerberos tokens are bound to it (RFC 5929 4)."""

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.x509 import InvalidVersion, load_der_x509_certificate

_PREFIX = b"tls-server-end-point:"
"""RFC 5056 2.1: the binding's unique prefix, and a colon."""


def tls_server_end_point(der_certificate: bytes) -> bytes:
    """`tls-server-end-point` of a server's certificate, as the application data of a GSS channel binding.

    The hash is that of the certificate's signature algorithm, SHA-256 in the place of MD5 and SHA-1 (RFC 5929 4.1); of
    RSASSA-PSS it is hashAlgorithm, as OpenSSL has it.

    Raises ValueError for what is no certificate, and for one whose signature has no hash of its own, such as Ed25519.
    RFC 5929 leaves the binding undefined there, and implementations do differ (none, SHA-256, SHA-512): whichever were
    chosen, some clients would be taken for relayed ones.
    """
    try:
        algorithm = load_der_x509_certificate(der_certificate).signature_hash_algorithm
    except (ValueError, UnsupportedAlgorithm, InvalidVersion) as error:
        raise ValueError(f"the certificate's tls-server-end-point cannot be told: {error}") from error
    match algorithm:
        case None:
            raise ValueError("the certificate's signature algorithm has no hash: its tls-server-end-point is undefined")
        case hashes.MD5() | hashes.SHA1():
            algorithm = hashes.SHA256()
    digest = hashes.Hash(algorithm)
    digest.update(der_certificate)
    return _PREFIX + digest.finalize()
