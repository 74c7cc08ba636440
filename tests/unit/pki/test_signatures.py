import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from gateway.errors import SignatureInvalid
from gateway.pki import der, signatures
from gateway.pki.keys import PublicKey, parse_public_key
from tests.requests import PrivateKey, a_key, a_public_key_info, integer, object_identifier, sequence, sign, tlv

MESSAGE = b"what is signed"
NULL = tlv(0x05)
DIGESTS: dict[str, tuple[str, hashes.HashAlgorithm]] = {
    "SHA-256": ("2.16.840.1.101.3.4.2.1", hashes.SHA256()),
    "SHA-384": ("2.16.840.1.101.3.4.2.2", hashes.SHA384()),
    "SHA-512": ("2.16.840.1.101.3.4.2.3", hashes.SHA512()),
}
MGF1 = "1.2.840.113549.1.1.8"


def public(key: PrivateKey) -> PublicKey:
    return parse_public_key(a_public_key_info(key))


def identifier(oid: str, *parameters: bytes) -> bytes:
    return sequence(object_identifier(oid), *parameters)


def verify(key: PrivateKey, algorithm: bytes, digest: str, signature: bytes) -> None:
    signatures.verify(public(key), der.element(algorithm), digest, MESSAGE, signature)


def pss(digest: str, *, mask: str = MGF1, mask_digest: str | None = None, salt: int = 32) -> bytes:
    of_hash, of_mask = (identifier(DIGESTS[name][0], NULL) for name in (digest, mask_digest or digest))
    parameters = sequence(tlv(0xA0, of_hash), tlv(0xA1, identifier(mask, of_mask)), tlv(0xA2, integer(salt)))
    return identifier("1.2.840.113549.1.1.10", parameters)


def pss_signature(digest: str, salt: int = 32) -> bytes:
    key = a_key("RSA")
    assert isinstance(key, rsa.RSAPrivateKey)
    algorithm = DIGESTS[digest][1]
    return key.sign(MESSAGE, padding.PSS(padding.MGF1(algorithm), salt), algorithm)


@pytest.mark.parametrize("digest", DIGESTS)
@pytest.mark.parametrize("kind", ["RSA", "EC", "EC-384"])
def test_a_signature_verifies_under_its_key(kind: str, digest: str) -> None:
    algorithm, signature = sign(MESSAGE, a_key(kind), DIGESTS[digest][1])

    verify(a_key(kind), algorithm, digest, signature)


@pytest.mark.parametrize(("kind", "oid"), [("RSA", "1.2.840.113549.1.1.1"), ("EC", "1.2.840.10045.2.1")])
def test_the_algorithm_may_be_the_one_of_the_key(kind: str, oid: str) -> None:
    _, signature = sign(MESSAGE, a_key(kind), hashes.SHA384())

    verify(a_key(kind), identifier(oid, NULL), "SHA-384", signature)


@pytest.mark.parametrize("kind", ["RSA", "EC"])
def test_a_signature_of_something_else_is_refused(kind: str) -> None:
    algorithm, signature = sign(b"something else", a_key(kind), hashes.SHA256())

    with pytest.raises(SignatureInvalid, match="does not verify"):
        verify(a_key(kind), algorithm, "SHA-256", signature)


@pytest.mark.parametrize("kind", ["RSA", "EC"])
def test_an_algorithm_that_names_another_digest_is_refused(kind: str) -> None:
    algorithm, signature = sign(MESSAGE, a_key(kind), hashes.SHA256())

    with pytest.raises(SignatureInvalid, match="is no signature algorithm"):
        verify(a_key(kind), algorithm, "SHA-384", signature)


def test_an_algorithm_of_another_kind_of_key_is_refused() -> None:
    algorithm, signature = sign(MESSAGE, a_key("EC"), hashes.SHA256())

    with pytest.raises(SignatureInvalid, match="of an RSA key"):
        verify(a_key("RSA"), algorithm, "SHA-256", signature)


def test_a_key_of_another_kind_is_refused() -> None:
    algorithm, signature = sign(MESSAGE, a_key("Ed25519"), hashes.SHA256())

    with pytest.raises(SignatureInvalid, match="a key of Ed25519"):
        verify(a_key("Ed25519"), algorithm, "SHA-256", signature)


@pytest.mark.parametrize("digest", DIGESTS)
def test_rsassa_pss_verifies(digest: str) -> None:
    verify(a_key("RSA"), pss(digest), digest, pss_signature(digest))


@pytest.mark.parametrize(
    "algorithm",
    [
        pss("SHA-384"),
        pss("SHA-256", mask_digest="SHA-512"),
        pss("SHA-256", mask="1.2.3"),
        pss("SHA-256", salt=-1),
        pss("SHA-256", salt=65),
        identifier("1.2.840.113549.1.1.10"),
    ],
    ids=["digest", "mask digest", "mask", "negative salt", "long salt", "no parameters"],
)
def test_rsassa_pss_of_other_parameters_is_refused(algorithm: bytes) -> None:
    with pytest.raises(SignatureInvalid):
        verify(a_key("RSA"), algorithm, "SHA-256", pss_signature("SHA-256"))


def test_the_defaults_of_rsassa_pss_are_sha1_and_refused() -> None:
    with pytest.raises(ValueError, match="RSASSAPSSParams"):
        verify(a_key("RSA"), identifier("1.2.840.113549.1.1.10", sequence()), "SHA-256", bytes(256))


@pytest.mark.parametrize(("name", "oid"), [(name, oid) for name, (oid, _) in DIGESTS.items()])
def test_a_digest_has_its_name(name: str, oid: str) -> None:
    assert signatures.digest_name(der.element(identifier(oid))) == name
    assert signatures.digest_name(der.element(identifier(oid, NULL))) == name


@pytest.mark.parametrize(
    ("oid", "name"), [("1.3.14.3.2.26", "SHA-1"), ("1.2.840.113549.2.5", "MD5"), ("1.2.3", "1.2.3")]
)
def test_another_digest_is_refused_by_name(oid: str, name: str) -> None:
    with pytest.raises(SignatureInvalid, match=f"over {name}: the client must sign with SHA-256"):
        signatures.digest_name(der.element(identifier(oid)))
