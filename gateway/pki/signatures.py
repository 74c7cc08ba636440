"""Signatures over CMS layers (RFC 5652 5.6): SHA-2 with RSA (RFC 3370, RFC 4056) and ECDSA (RFC 5753).

The keys have been read by `gateway.pki.keys`, which bounds what verifying with them costs.
"""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from gateway.errors import SignatureInvalid
from gateway.pki import der, oids
from gateway.pki.keys import PublicKey

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "SHA-256": hashes.SHA256(),
    "SHA-384": hashes.SHA384(),
    "SHA-512": hashes.SHA512(),
}


def digest_name(algorithm: asn1.TLV) -> str:
    """SHA-256, SHA-384 or SHA-512, from a DigestAlgorithmIdentifier. Raises SignatureInvalid for any other."""
    oid, _ = der.algorithm(algorithm)
    if oid not in oids.SHA2_DIGESTS:
        name = oids.HASH_ALGORITHMS.get(oid, oid)
        raise SignatureInvalid(f"a signature over {name}: the client must sign with SHA-256, SHA-384 or SHA-512")
    return oids.SHA2_DIGESTS[oid]


def digest(name: str, message: bytes) -> bytes:
    context = hashes.Hash(_HASHES[name])
    context.update(message)
    return context.finalize()


def verify(key: PublicKey, algorithm: asn1.TLV, digest_name: str, message: bytes, signature: bytes) -> None:
    """Raises SignatureInvalid unless the holder of the key has signed the message so."""
    oid, parameters = der.algorithm(algorithm)
    try:
        match key.algorithm:
            case "RSA":
                rsa_padding = _rsa_padding(oid, parameters, digest_name)
                public = load_der_public_key(key.subject_public_key_info)
                assert isinstance(public, rsa.RSAPublicKey)
                public.verify(signature, message, rsa_padding, _HASHES[digest_name])
            case "EC":
                _require_ecdsa(oid, digest_name)
                public = load_der_public_key(key.subject_public_key_info)
                assert isinstance(public, ec.EllipticCurvePublicKey)
                public.verify(signature, message, ec.ECDSA(_HASHES[digest_name]))
            case _:
                raise SignatureInvalid(f"a signature with a key of {key.algorithm}: RSA and EC keys are served")
    except InvalidSignature as error:
        raise SignatureInvalid("a signature does not verify under the key of its signer") from error


def _rsa_padding(oid: str, parameters: list[asn1.TLV], digest_name: str) -> padding.PKCS1v15 | padding.PSS:
    # rsaEncryption, with the digest named beside it, is what Windows and OpenSSL write (RFC 3370 3.2).
    if oid == oids.RSA_ENCRYPTION or oids.RSA_SIGNATURES.get(oid) == digest_name:
        return padding.PKCS1v15()
    if oid == oids.RSASSA_PSS and parameters:
        return _pss(der.read(der.RSASSAPSSParams, parameters[0]), digest_name)
    raise SignatureInvalid(_not_an_algorithm(oid, "RSA", digest_name))


def _pss(parameters: der.RSASSAPSSParams, digest_name: str) -> padding.PSS:
    mask = parameters.mask_gen_algorithm
    named = {parameters.hash_algorithm.algorithm.dotted_string, mask.parameters.algorithm.dotted_string}
    if mask.algorithm.dotted_string != oids.MGF1 or {oids.SHA2_DIGESTS.get(oid) for oid in named} != {digest_name}:
        raise SignatureInvalid(f"RSASSA-PSS with other digests than the signer's {digest_name}")
    if not 0 <= parameters.salt_length <= _MAX_SALT_BYTES:
        raise SignatureInvalid(f"RSASSA-PSS with a salt of {parameters.salt_length} bytes")
    return padding.PSS(padding.MGF1(_HASHES[digest_name]), parameters.salt_length)


_MAX_SALT_BYTES = 64
"""As long as the longest digest: nobody uses more (RFC 8017 9.1)."""


def _require_ecdsa(oid: str, digest_name: str) -> None:
    # CryptoAPI writes the key's own algorithm unless told otherwise (CMSG_SIGNER_ENCODE_INFO): as rsaEncryption above.
    if oid != oids.ID_EC_PUBLIC_KEY and oids.ECDSA_SIGNATURES.get(oid) != digest_name:
        raise SignatureInvalid(_not_an_algorithm(oid, "EC", digest_name))


def _not_an_algorithm(oid: str, key: str, digest_name: str) -> str:
    return f"{oids.described(oid)} is no signature algorithm of an {key} key over {digest_name} that is supported here"
