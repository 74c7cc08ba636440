"""CMS and CMC requests for tests ([MS-WCCE] 2.2.2.6.2, 2.2.2.6.3; RFC 5652, RFC 2797), well-formed or deliberately not.

As `tests.requests`: byte by byte, by no code of the gateway, and the same bytes in every run. A signature is broken, an
attribute put elsewhere, a layer added by giving the part that is to be so; everything else has a good default.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import new, sha1, sha256

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.requests import (
    ENROLLMENT_NAME_VALUE_PAIR,
    PrivateKey,
    a_certification_request,
    a_key,
    a_name_value_pair,
    a_public_key_info,
    an_attribute,
    an_extension,
    bit_string,
    integer,
    object_identifier,
    octet_string,
    sequence,
    set_of,
    sign,
    tlv,
)

DATA = "1.2.840.113549.1.7.1"
SIGNED_DATA = "1.2.840.113549.1.7.2"
ENVELOPED_DATA = "1.2.840.113549.1.7.3"
PKI_DATA = "1.3.6.1.5.5.7.12.2"

CONTENT_TYPE = "1.2.840.113549.1.9.3"
MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
SIGNING_TIME = "1.2.840.113549.1.9.5"

CMC_TRANSACTION_ID = "1.3.6.1.5.5.7.7.5"
CMC_SENDER_NONCE = "1.3.6.1.5.5.7.7.6"
CMC_ADD_EXTENSIONS = "1.3.6.1.5.5.7.7.8"
CMC_REG_INFO = "1.3.6.1.5.5.7.7.18"
CMC_ADD_ATTRIBUTES = "1.3.6.1.4.1.311.10.10.1"
RENEWAL_CERTIFICATE = "1.3.6.1.4.1.311.13.1"
ARCHIVED_KEY = "1.3.6.1.4.1.311.21.13"
ENCRYPTED_KEY_HASH = "1.3.6.1.4.1.311.21.21"

RSA_ENCRYPTION = "1.2.840.113549.1.1.1"
RSASSA_PSS = "1.2.840.113549.1.1.10"
NO_SIGNATURE = "1.3.6.1.5.5.7.6.2"

CLIENT_AUTH = "1.3.6.1.5.5.7.3.2"
CERTIFICATE_REQUEST_AGENT = "1.3.6.1.4.1.311.20.2.1"

NOW = datetime(2026, 6, 1, tzinfo=UTC)
"""As `tests.builders.NOW`: what certificates are valid around."""

_DIGESTS = {
    "sha1": "1.3.14.3.2.26",
    "sha256": "2.16.840.1.101.3.4.2.1",
    "sha384": "2.16.840.1.101.3.4.2.2",
    "sha512": "2.16.840.1.101.3.4.2.3",
}
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha1": hashes.SHA1(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_NULL = tlv(0x05)
_REQUEST_BODY_PART = 1


# --- certificates ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Holder:
    """A certificate (DER) and the key that goes with it."""

    certificate: bytes
    key: PrivateKey

    @property
    def public(self) -> x509.Certificate:
        return x509.load_der_x509_certificate(self.certificate)

    @property
    def identifier(self) -> bytes:
        """IssuerAndSerialNumber."""
        return sequence(self.public.issuer.public_bytes(), integer(self.public.serial_number))


def a_ca(
    name: str = "CN=Partner CA", *, kind: str = "EC", key: PrivateKey | None = None, now: datetime = NOW
) -> Holder:
    """A certification authority that has signed its own certificate, valid for a year before and ten after `now`."""
    key = key or a_key(kind, name)
    extensions = [
        an_extension("2.5.29.19", sequence(tlv(0x01, b"\xff")), critical=True),
        an_extension("2.5.29.15", bit_string(b"\x06", 1), critical=True),
    ]
    validity = (now - timedelta(days=365), now + timedelta(days=3650))
    certificate = _certificate((name, key), (name, key), 1, validity, extensions)
    return Holder(certificate, key)


def a_certificate(
    ca: Holder | None = None,
    subject: str = "CN=web01.partner.example",
    *,
    serial: int = 0x1234,
    key: PrivateKey | None = None,
    kind: str = "EC",
    valid: tuple[timedelta, timedelta] = (timedelta(days=-90), timedelta(days=90)),
    now: datetime = NOW,
    extended_key_usage: Iterable[str] = (CLIENT_AUTH,),
    extensions: Iterable[bytes] = (),
) -> Holder:
    """What that CA has issued. `valid` is relative to `now`; an empty `extended_key_usage` leaves the extension out."""
    ca = ca or a_ca(now=now)
    key = key or a_key(kind, f"of {subject}")
    usages = list(map(object_identifier, extended_key_usage))
    of_usage = [an_extension("2.5.29.37", sequence(*usages))] if usages else []
    issuer = ca.public.subject.rfc4514_string()
    validity = (now + valid[0], now + valid[1])
    return Holder(_certificate((issuer, ca.key), (subject, key), serial, validity, [*of_usage, *extensions]), key)


def an_agent(ca: Holder | None = None, subject: str = "CN=agent.partner.example", **changes: object) -> Holder:
    """An enrollment agent's certificate; `changes` as to `a_certificate`."""
    wanted = {"serial": 0xA6E27, "extended_key_usage": (CERTIFICATE_REQUEST_AGENT,), **changes}
    return a_certificate(ca, subject, **wanted)  # type: ignore[arg-type]  # checked where they are declared


def _certificate(
    issuer: tuple[str, PrivateKey],
    subject: tuple[str, PrivateKey],
    serial: int,
    validity: tuple[datetime, datetime],
    extensions: Iterable[bytes],
) -> bytes:
    issuer_name, issuer_key = issuer
    subject_name, key = subject
    algorithm, _ = sign(b"", issuer_key, hashes.SHA256())
    tbs = sequence(
        tlv(0xA0, integer(2)),
        integer(serial),
        algorithm,
        _name(issuer_name),
        sequence(*map(_time, validity)),
        _name(subject_name),
        a_public_key_info(key),
        tlv(0xA3, sequence(*extensions)),
    )
    return sequence(tbs, algorithm, bit_string(sign(tbs, issuer_key, hashes.SHA256())[1]))


def _name(rfc4514: str) -> bytes:
    return x509.Name.from_rfc4514_string(rfc4514).public_bytes()


def _time(moment: datetime) -> bytes:
    """UTCTime until 2049, GeneralizedTime from then on (RFC 5280 4.1.2.5)."""
    if moment.year < 2050:
        return tlv(0x17, f"{moment:%y%m%d%H%M%SZ}".encode())
    return tlv(0x18, f"{moment:%Y%m%d%H%M%SZ}".encode())


# --- signers --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Signer:
    """How one SignerInfo (RFC 5652 5.3) is to be made."""

    identifier: bytes
    """SignerIdentifier."""
    key: PrivateKey | None
    """None signs with id-alg-noSignature (RFC 2797 3.3.3.1)."""
    certificates: tuple[bytes, ...] = ()
    """What goes into SignedData.certificates for it."""
    signed: tuple[bytes, ...] = ()
    """Signed attributes beside contentType and messageDigest."""
    unsigned: tuple[bytes, ...] = ()
    digest: str = "sha256"
    algorithm: str | None = None
    """OID of the signatureAlgorithm: RSA_ENCRYPTION or RSASSA_PSS; of key and digest by default."""
    content_type: str | None = None
    """What the attribute says, if not the truth."""
    message_digest: bytes | None = None
    """What the attribute says, if not the truth."""
    omitted: frozenset[str] = frozenset()
    """OIDs of signed attributes that are left out; of CONTENT_TYPE and MESSAGE_DIGEST: no signed attributes at all, if
    there are no others."""
    version: int = 1
    tampered: Callable[[bytes], bytes] | None = None
    """What becomes of the signature."""

    def signer_info(self, content_type: str, content: bytes) -> bytes:
        attributes = self._signed_attributes(content_type, content)
        algorithm, signature = self._signature(set_of(*attributes) if attributes else content)
        return sequence(
            integer(self.version),
            self.identifier,
            _digest_algorithm(self.digest),
            tlv(0xA0, *sorted(attributes)) if attributes else b"",
            algorithm,
            octet_string(self.tampered(signature) if self.tampered else signature),
            tlv(0xA1, *sorted(self.unsigned)) if self.unsigned else b"",
        )

    def _signed_attributes(self, content_type: str, content: bytes) -> list[bytes]:
        digest = self.message_digest if self.message_digest is not None else new(self.digest, content).digest()
        standard = {
            CONTENT_TYPE: object_identifier(self.content_type or content_type),
            MESSAGE_DIGEST: octet_string(digest),
        }
        return [*(an_attribute(oid, v) for oid, v in standard.items() if oid not in self.omitted), *self.signed]

    def _signature(self, message: bytes) -> tuple[bytes, bytes]:
        digest = _HASHES[self.digest]
        if self.key is None:
            return sequence(object_identifier(NO_SIGNATURE), _NULL), new(self.digest, message).digest()
        if self.algorithm == RSASSA_PSS:
            assert isinstance(self.key, rsa.RSAPrivateKey)
            # Without a salt, so that it is the same in every run.
            pss = padding.PSS(padding.MGF1(digest), 0)
            return _rsassa_pss(self.digest), self.key.sign(message, pss, digest)
        algorithm, signature = sign(message, self.key, digest)
        if self.algorithm is not None:
            algorithm = sequence(object_identifier(self.algorithm), _NULL)
        return algorithm, signature


def _digest_algorithm(digest: str) -> bytes:
    return sequence(object_identifier(_DIGESTS[digest]), _NULL)


def _rsassa_pss(digest: str) -> bytes:
    """AlgorithmIdentifier of RFC 4055 3.1, with a salt of no length."""
    mask = sequence(object_identifier("1.2.840.113549.1.1.8"), _digest_algorithm(digest))
    parameters = sequence(tlv(0xA0, _digest_algorithm(digest)), tlv(0xA1, mask), tlv(0xA2, integer(0)))
    return sequence(object_identifier(RSASSA_PSS), parameters)


def signed_by(holder: Holder, *signed: bytes) -> Signer:
    """By the holder of a certificate, issuerAndSerialNumber; RSA keys as Windows writes them, with rsaEncryption.

    `signed` are attributes. Everything else is changed by `dataclasses.replace`.
    """
    algorithm = RSA_ENCRYPTION if isinstance(holder.key, rsa.RSAPrivateKey) else None
    return Signer(holder.identifier, holder.key, (holder.certificate,), signed, algorithm=algorithm)


def signed_by_key(key: PrivateKey | None = None, *signed: bytes) -> Signer:
    """By the key that the request carries, subjectKeyIdentifier, as certreq signs new requests."""
    key = key or a_key()
    algorithm = RSA_ENCRYPTION if isinstance(key, rsa.RSAPrivateKey) else None
    identifier = tlv(0x80, sha1(a_public_key_info(key), usedforsecurity=False).digest())
    return Signer(identifier, key, signed=signed, algorithm=algorithm, version=3)


def not_signed(*signed: bytes) -> Signer:
    """The No-Signature Signature Mechanism (RFC 2797 3.3.3.1), under Windows' dummy name."""
    dummy = sequence(set_of(sequence(object_identifier("1.3.6.1.4.1.311.21.9"), tlv(0x0C, b"Dummy Signer"))))
    return Signer(sequence(dummy, integer(0)), None, signed=signed)


def flipped(signature: bytes) -> bytes:
    """The signature with its last bit changed: for `Signer.tampered`."""
    return signature[:-1] + bytes((signature[-1] ^ 1,))


def tampered(signer: Signer) -> Signer:
    """The same signer, whose signature does not verify."""
    return replace(signer, tampered=flipped)


# --- CMS ------------------------------------------------------------------------------------------------------------


def a_signed_data(
    content: bytes,
    content_type: str = DATA,
    signers: Iterable[Signer] = (),
    *,
    certificates: Iterable[bytes] | None = None,
    crls: bytes = b"",
    signer_infos: Iterable[bytes] = (),
) -> bytes:
    """ContentInfo of a SignedData (RFC 5652 5.1).

    `certificates` are those of the signers by default; `signer_infos` are added as they are, `crls` is the whole [1].
    """
    return sequence(
        object_identifier(SIGNED_DATA),
        tlv(
            0xA0,
            a_bare_signed_data(
                content, content_type, signers, certificates=certificates, crls=crls, signer_infos=signer_infos
            ),
        ),
    )


def a_bare_signed_data(
    content: bytes,
    content_type: str = DATA,
    signers: Iterable[Signer] = (),
    *,
    certificates: Iterable[bytes] | None = None,
    crls: bytes = b"",
    signer_infos: Iterable[bytes] = (),
) -> bytes:
    """The SignedData alone: what stands inside another of content type id-signedData."""
    signers = tuple(signers)
    if certificates is None:
        certificates = {certificate: None for signer in signers for certificate in signer.certificates}
    included = sorted(certificates)
    return sequence(
        integer(3),
        set_of(*{_digest_algorithm(signer.digest) for signer in signers}),
        sequence(object_identifier(content_type), tlv(0xA0, octet_string(content))),
        tlv(0xA0, *included) if included else b"",
        crls,
        set_of(*(signer.signer_info(content_type, content) for signer in signers), *signer_infos),
    )


def a_cms_request(request: bytes | None = None, signers: Iterable[Signer] | None = None) -> bytes:
    """A PKCS#10 in a signedData, signed by its own key unless `signers` says otherwise."""
    request = request if request is not None else a_certification_request()
    return a_signed_data(request, DATA, (signed_by_key(),) if signers is None else signers)


def nested(inner: bytes, signers: Iterable[Signer] | None = None, content_type: str = DATA) -> bytes:
    """A request in one more layer, signed by the key of the request unless `signers` says otherwise."""
    return a_signed_data(inner, content_type, (signed_by_key(),) if signers is None else signers)


# --- CMC ------------------------------------------------------------------------------------------------------------


def a_control(oid: str, *values: bytes, body_part: int = 2) -> bytes:
    """TaggedAttribute (RFC 2797 3.1)."""
    return sequence(integer(body_part), object_identifier(oid), set_of(*values))


def a_reg_info(text: str | bytes = "CertificateTemplate=PartnerWebServer&", *, body_part: int = 2) -> bytes:
    """Name/value pairs in an OCTET STRING ([MS-WCCE] 2.2.2.6.3), escaped already."""
    data = text.encode() if isinstance(text, str) else text
    return a_control(CMC_REG_INFO, octet_string(data), body_part=body_part)


def an_add_extensions(*extensions: bytes, body_part: int = 3, reference: int = _REQUEST_BODY_PART) -> bytes:
    """RFC 2797 5.5, for the one request by default."""
    value = sequence(integer(0), sequence(integer(reference)), sequence(*extensions))
    return a_control(CMC_ADD_EXTENSIONS, value, body_part=body_part)


def an_add_attributes(*attributes: bytes, body_part: int = 4, reference: int = _REQUEST_BODY_PART) -> bytes:
    """szOID_CMC_ADD_ATTRIBUTES, for the one request by default."""
    value = sequence(integer(0), sequence(integer(reference)), set_of(*attributes))
    return a_control(CMC_ADD_ATTRIBUTES, value, body_part=body_part)


def a_tagged_request(request: bytes | None = None, *, body_part: int = _REQUEST_BODY_PART) -> bytes:
    """TaggedRequest of a PKCS#10: tcr [0]."""
    request = request if request is not None else a_certification_request()
    return tlv(0xA0, integer(body_part), request)


def a_pki_data(
    request: bytes | None = None,
    controls: Iterable[bytes] = (),
    *,
    requests: Iterable[bytes] | None = None,
    cms: Iterable[bytes] = (),
    other_messages: Iterable[bytes] = (),
) -> bytes:
    """PKIData (RFC 2797 3.1); `requests` are TaggedRequests, and stand for `request`."""
    tagged = (a_tagged_request(request),) if requests is None else requests
    return sequence(sequence(*controls), sequence(*tagged), sequence(*cms), sequence(*other_messages))


def a_cmc_request(
    request: bytes | None = None,
    controls: Iterable[bytes] = (),
    signers: Iterable[Signer] | None = None,
    *,
    pki_data: bytes | None = None,
    certificates: Iterable[bytes] | None = None,
) -> bytes:
    """A CMC full PKI request, signed by the key of the request unless `signers` says otherwise."""
    content = pki_data if pki_data is not None else a_pki_data(request, controls)
    signers = (signed_by_key(),) if signers is None else signers
    return a_signed_data(content, PKI_DATA, signers, certificates=certificates)


# --- what is done with it -------------------------------------------------------------------------------------------


def a_renewal_attribute(certificate: bytes) -> bytes:
    """szOID_RENEWAL_CERTIFICATE ([MS-WCCE] 2.2.2.7.3)."""
    return an_attribute(RENEWAL_CERTIFICATE, certificate)


def a_renewal(
    old: Holder, *, cmc: bool = False, request: bytes | None = None, extra_attributes: Iterable[bytes] = ()
) -> bytes:
    """A request to renew that certificate, signed with its key ([MS-WCCE] 3.1.1.4.3.2): CMS, or CMC with the new key as
    first signer."""
    attributes = [a_renewal_attribute(old.certificate), *extra_attributes]
    request = request if request is not None else a_certification_request(extra_attributes=attributes)
    if cmc:
        return a_cmc_request(request, signers=(signed_by_key(), signed_by(old)))
    return a_cms_request(request, (signed_by(old),))


def a_requester_name(name: str) -> bytes:
    """The attribute of the name/value pair `requestername`."""
    return an_attribute(ENROLLMENT_NAME_VALUE_PAIR, a_name_value_pair("requestername", name))


def an_on_behalf_of_request(
    agent: Holder, requester_name: str = "CORP\\alice", *, cmc: bool = False, request: bytes | None = None
) -> bytes:
    """An enrollment agent's request for another ([MS-WCCE] 3.1.1.4.3.3): the name stands among the attributes that the
    agent signs. CMC has the new key as first signer."""
    by_agent = signed_by(agent, a_requester_name(requester_name))
    if cmc:
        return a_cmc_request(request, signers=(signed_by_key(), by_agent))
    return a_cms_request(request, (by_agent,))


def an_enveloped_key(key: bytes = b"encrypted to the exchange certificate") -> bytes:
    """ContentInfo of an EnvelopedData (RFC 5652 6.1): to nobody, of no cipher, but of that shape."""
    encrypted = sequence(
        object_identifier(DATA), sequence(object_identifier("2.16.840.1.101.3.4.1.42")), tlv(0x80, key)
    )
    return sequence(object_identifier(ENVELOPED_DATA), tlv(0xA0, sequence(integer(0), tlv(0x31), encrypted)))


def an_archival_request(
    request: bytes | None = None,
    *,
    enveloped_key: bytes | None = None,
    key_hash: bytes | None = None,
    in_add_attributes: bool = False,
    controls: Iterable[bytes] = (),
) -> bytes:
    """A request with its private key for the archive ([MS-WCCE] 3.1.1.4.3.6.1); `key_hash` is the right one by default.

    The hash is a control of its own, as documented, or stands in szOID_CMC_ADD_ATTRIBUTES.
    """
    enveloped = enveloped_key if enveloped_key is not None else an_enveloped_key()
    value = octet_string(key_hash if key_hash is not None else sha256(enveloped).digest())
    if in_add_attributes:
        of_hash = an_add_attributes(an_attribute(ENCRYPTED_KEY_HASH, value), body_part=5)
    else:
        of_hash = a_control(ENCRYPTED_KEY_HASH, value, body_part=5)
    signer = replace(signed_by_key(), unsigned=(an_attribute(ARCHIVED_KEY, enveloped),))
    return a_cmc_request(request, (*controls, of_hash), (signer,))
