"""What is taken for a revocation list, and what it says."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.pki import der, revocation_list
from gateway.pki.certificate import parse_certificate
from gateway.pki.revocation_list import RevocationListUnusable, parse_revocation_list
from tests.authorities import NOW, TestAuthority, a_name, an_extension_of, key_usage
from tests.requests import a_key, bit_string, sequence

CA = TestAuthority()
URI = "http://pki.corp.example/CA1.crl"


def idp(**parts: object) -> x509.Extension[x509.ExtensionType]:
    nothing = {
        "full_name": None,
        "relative_name": None,
        "only_contains_user_certs": False,
        "only_contains_ca_certs": False,
        "only_some_reasons": None,
        "indirect_crl": False,
        "only_contains_attribute_certs": False,
    }
    return an_extension_of(x509.IssuingDistributionPoint(**(nothing | parts)))  # type: ignore[arg-type]


def test_a_list_says_since_when_until_when_and_what_is_revoked_and_why() -> None:
    encoded = CA.crl({0x5E01: x509.ReasonFlags.key_compromise, 0x5E02: None})

    found = parse_revocation_list(encoded, (CA.certificate,))

    assert (found.issuer, found.this_update, found.next_update) == (
        CA.certificate,
        NOW - timedelta(days=1),
        NOW + timedelta(days=6),
    )
    assert dict(found.revoked) == {0x5E01: "keyCompromise", 0x5E02: "unspecified"}


def test_pem_is_read_too() -> None:
    pem = x509.load_der_x509_crl(CA.crl({7: None})).public_bytes(Encoding.PEM)

    assert 7 in parse_revocation_list(pem, (CA.certificate,)).revoked


def test_what_ad_cs_writes_into_its_lists_is_understood() -> None:
    extensions = (
        an_extension_of(x509.AuthorityKeyIdentifier.from_issuer_public_key(CA.key.public_key()), critical=False),
        an_extension_of(x509.CRLNumber(41), critical=False),
        an_extension_of(
            x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.311.21.4"), b"\x05\x00"), critical=False
        ),
        an_extension_of(
            x509.FreshestCRL([x509.DistributionPoint([x509.UniformResourceIdentifier(URI)], None, None, None)]),
            critical=False,
        ),
    )

    assert parse_revocation_list(CA.crl(extensions=extensions), (CA.certificate,)).distribution_points is None


@pytest.mark.parametrize(
    ("moment", "is_current"),
    [
        (timedelta(days=-1, seconds=-1), False),
        (timedelta(days=-1), True),
        (timedelta(days=6, seconds=-1), True),
        (timedelta(days=6), False),
    ],
)
def test_a_list_counts_from_its_thisupdate_until_its_nextupdate(moment: timedelta, is_current: bool) -> None:
    assert CA.revocation_list().is_current(NOW + moment) is is_current


def without_next_update(crl: bytes) -> bytes:
    """The same list, signed anew: the library does not write such a one."""
    elements = list(der.elements(der.element(x509.load_der_x509_crl(crl).tbs_certlist_bytes)))
    tbs = sequence(*(der.encode(element) for n, element in enumerate(elements) if n != 4))
    assert isinstance(CA.key, ec.EllipticCurvePrivateKey)
    signature = CA.key.sign(tbs, ec.ECDSA(hashes.SHA256()))
    return sequence(tbs, der.encode(elements[1]), bit_string(signature))


def test_the_list_is_of_the_key_that_signed_it() -> None:
    renewed = TestAuthority(key_name="the new key")

    found = parse_revocation_list(renewed.crl(), (CA.certificate, renewed.certificate))

    assert found.issuer == renewed.certificate


@pytest.mark.parametrize(
    "encoded",
    [
        pytest.param(TestAuthority(key_name="another").crl(), id="another key"),
        pytest.param(TestAuthority("Another CA").crl(), id="another name"),
        pytest.param(TestAuthority(key_kind="RSA").crl(digest=hashes.SHA3_256()), id="another kind of key"),
        pytest.param(CA.crl()[:-1] + bytes([CA.crl()[-1] ^ 1]), id="another signature"),
    ],
)
def test_a_list_that_is_not_the_authority_s_own_is_unusable(encoded: bytes) -> None:
    with pytest.raises(RevocationListUnusable, match="does not verify"):
        parse_revocation_list(encoded, (CA.certificate,))


def test_a_signature_with_another_digest_does_not_count() -> None:
    rsa_ca = TestAuthority(key_kind="RSA")

    with pytest.raises(RevocationListUnusable, match="SHA-2"):
        parse_revocation_list(rsa_ca.crl(digest=hashes.SHA3_256()), (rsa_ca.certificate,))


def test_an_authority_that_may_not_sign_lists_has_none() -> None:
    ca = TestAuthority(extensions=(x509.BasicConstraints(ca=True, path_length=None), key_usage("key_cert_sign")))

    with pytest.raises(RevocationListUnusable, match="may sign lists"):
        parse_revocation_list(ca.crl(), (ca.certificate,))


def test_an_authority_with_a_key_of_another_kind_has_none() -> None:
    key = a_key("Ed25519", "issuing CA")
    assert isinstance(key, ed25519.Ed25519PrivateKey)
    builder = x509.CertificateBuilder(CA.name, CA.name, key.public_key(), 1, NOW, NOW + timedelta(days=1))
    certificate = parse_certificate(builder.sign(key, None).public_bytes(Encoding.DER))

    with pytest.raises(RevocationListUnusable, match="RSA or ECDSA"):
        parse_revocation_list(CA.crl(), (certificate,))


@pytest.mark.parametrize(
    ("extension", "why"),
    [
        (an_extension_of(x509.DeltaCRLIndicator(40)), "delta"),
        (an_extension_of(x509.DeltaCRLIndicator(40), critical=False), "delta"),
        (idp(indirect_crl=True), "indirect"),
        (idp(only_contains_ca_certs=True), "some certificates"),
        (idp(only_contains_attribute_certs=True), "some certificates"),
        (idp(only_some_reasons=frozenset({x509.ReasonFlags.key_compromise})), "some certificates or reasons"),
        (
            idp(
                relative_name=x509.RelativeDistinguishedName(
                    [x509.NameAttribute(x509.NameOID.COMMON_NAME, "a part of the list")]
                )
            ),
            "some certificates",
        ),
        (an_extension_of(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")), r"1\.2\.3\.4"),
    ],
)
def test_a_list_that_does_not_say_all_is_unusable(extension: x509.Extension[x509.ExtensionType], why: str) -> None:
    with pytest.raises(RevocationListUnusable, match=why):
        parse_revocation_list(CA.crl(extensions=[extension]), (CA.certificate,))


def test_a_list_of_user_certificates_says_all_that_is_asked() -> None:
    encoded = CA.crl(extensions=[idp(only_contains_user_certs=True)])

    assert parse_revocation_list(encoded, (CA.certificate,)).covers(())


def test_a_list_that_is_one_of_several_speaks_of_those_that_name_it() -> None:
    encoded = CA.crl(extensions=[idp(full_name=[x509.UniformResourceIdentifier(URI)])])

    found = parse_revocation_list(encoded, (CA.certificate,))

    assert found.covers(["ldap:///CN=CA1", URI])
    assert not found.covers(["http://pki.corp.example/CA1-2.crl"])
    assert not found.covers([])


@pytest.mark.parametrize(
    ("extension", "why"),
    [
        (
            an_extension_of(x509.CertificateIssuer([x509.DirectoryName(a_name("Another CA"))])),
            "indirect",
        ),
        (an_extension_of(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")), r"1\.2\.3\.4"),
    ],
)
def test_an_entry_that_is_not_understood_spoils_the_list(
    extension: x509.Extension[x509.ExtensionType], why: str
) -> None:
    with pytest.raises(RevocationListUnusable, match=why):
        parse_revocation_list(CA.crl({7: None}, entry_extensions=[extension]), (CA.certificate,))


def test_an_entry_may_say_when_the_key_was_lost() -> None:
    lost = an_extension_of(x509.InvalidityDate(NOW.replace(tzinfo=None)), critical=False)

    assert 7 in parse_revocation_list(CA.crl({7: None}, entry_extensions=[lost]), (CA.certificate,)).revoked


@pytest.mark.parametrize("encoded", [b"", b"no list", b"-----BEGIN X509 CRL-----", CA.crl()[:-9], CA.certificate.der])
def test_what_is_no_list_is_unusable(encoded: bytes) -> None:
    with pytest.raises(RevocationListUnusable):
        parse_revocation_list(encoded, (CA.certificate,))


def test_a_list_without_nextupdate_would_count_for_ever() -> None:
    encoded = without_next_update(CA.crl())

    with pytest.raises(RevocationListUnusable, match="nextUpdate"):
        parse_revocation_list(encoded, (CA.certificate,))


def test_a_list_that_is_too_large_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    crl = CA.crl()
    monkeypatch.setattr(revocation_list, "MAX_REVOCATION_LIST_BYTES", len(crl) - 1)

    with pytest.raises(RevocationListUnusable, match="bytes"):
        parse_revocation_list(crl, (CA.certificate,))
