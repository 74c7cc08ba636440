"""Vectors that the parser refuses: signatures that do not hold, contradictions, what nobody reads."""

from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256

from tests.cmc import (
    ARCHIVED_KEY,
    CMC_ADD_EXTENSIONS,
    CMC_REG_INFO,
    CONTENT_TYPE,
    DATA,
    ENCRYPTED_KEY_HASH,
    ENVELOPED_DATA,
    MESSAGE_DIGEST,
    PKI_DATA,
    a_ca,
    a_certificate,
    a_cmc_request,
    a_cms_request,
    a_control,
    a_pki_data,
    a_reg_info,
    a_renewal,
    a_renewal_attribute,
    a_requester_name,
    a_signed_data,
    a_tagged_request,
    an_add_attributes,
    an_add_extensions,
    an_archival_request,
    an_enveloped_key,
    flipped,
    nested,
    not_signed,
    signed_by,
    signed_by_key,
    tampered,
)
from tests.requests import (
    CERT_EXTENSIONS,
    ENROLLMENT_NAME_VALUE_PAIR,
    a_certification_request,
    a_dns_name,
    a_key,
    a_name_value_pair,
    a_public_key_info,
    a_subject_alternative_name,
    a_template_name_extension,
    an_attribute,
    an_extension_request,
    bit_string,
    ia5_string,
    integer,
    object_identifier,
    octet_string,
    sequence,
    tlv,
    utf8_string,
)
from tests.vectors.pkcs10.vector import (
    MALFORMED,
    NOT_PROVEN,
    NOT_SUPPORTED,
    RENEWAL_MISMATCH,
    SIGNATURE_INVALID,
    Vector,
)


def unsigned() -> Iterator[Vector]:
    """Signatures that do not hold, or not for what they should."""
    old = a_certificate()
    by_old = signed_by(old)
    renewal = a_certification_request(extra_attributes=[a_renewal_attribute(old.certificate)])
    yield Vector("nobody", "no SignerInfo at all", SIGNATURE_INVALID, a_cms_request(signers=()))
    yield Vector(
        "tampered", "a signature with a bit flipped", SIGNATURE_INVALID, a_cms_request(renewal, [tampered(by_old)])
    )
    second = a_cmc_request(renewal, signers=(signed_by_key(), tampered(by_old)))
    yield Vector("second-tampered", "the second of two signatures", SIGNATURE_INVALID, second)
    inner = nested(a_cms_request(signers=(tampered(signed_by_key()),)))
    yield Vector("inner-tampered", "a signature of the inner layer", SIGNATURE_INVALID, inner)
    content = replace(by_old, message_digest=sha256(b"another").digest())
    yield Vector("other-content", "the digest of other content", SIGNATURE_INVALID, a_cms_request(renewal, [content]))
    kind = replace(by_old, content_type=PKI_DATA)
    yield Vector("other-type", "signed as content of another type", SIGNATURE_INVALID, a_cms_request(renewal, [kind]))
    for oid, name in ((CONTENT_TYPE, "content-type"), (MESSAGE_DIGEST, "message-digest")):
        without = replace(by_old, omitted=frozenset({oid}))
        yield Vector(
            f"without-{name}", "a signed attribute is missing", SIGNATURE_INVALID, a_cms_request(renewal, [without])
        )
    plain = replace(signed_by_key(), omitted=frozenset({CONTENT_TYPE, MESSAGE_DIGEST}))
    yield Vector("cmc-plain", "CMC without signed attributes", SIGNATURE_INVALID, a_cmc_request(signers=(plain,)))
    sha1 = replace(by_old, digest="sha1")
    yield Vector("sha1", "a correct signature over SHA-1", SIGNATURE_INVALID, a_cms_request(renewal, [sha1]))
    thief = a_cmc_request(signers=(signed_by_key(a_key(name="thief")),))
    yield Vector("other-key", "signed by a key that is not the request's", SIGNATURE_INVALID, thief)
    absent = a_signed_data(renewal, DATA, [by_old], certificates=())
    yield Vector("certificate-absent", "the signer's certificate is not there", SIGNATURE_INVALID, absent)
    twin = a_certificate(a_ca(key=a_key(name="look-alike")), key=a_key(name="look-alike"))
    reissued = a_certificate(subject="CN=administrator", key=old.key)
    two = a_signed_data(renewal, DATA, [by_old], certificates=(old.certificate, reissued.certificate))
    yield Vector("certificates-alike", "two certificates of that issuer, serial number and key", SIGNATURE_INVALID, two)
    wrong_digest = replace(not_signed(), tampered=flipped)
    yield Vector(
        "no-signature-tampered",
        "id-alg-noSignature, a wrong digest",
        SIGNATURE_INVALID,
        a_cmc_request(signers=(wrong_digest,)),
    )
    info = sequence(integer(0), sequence(), a_public_key_info(a_key()), tlv(0xA0))
    null_signed = sequence(
        info, sequence(object_identifier("2.16.840.1.101.3.4.2.1"), tlv(0x05)), bit_string(sha256(info).digest())
    )
    yield Vector(
        "null-signature-cms", "a null signature ([MS-WCCE] 2.2.2.6.5), CMS", NOT_PROVEN, a_cms_request(null_signed)
    )
    yield Vector("null-signature-cmc", "the same, CMC", NOT_PROVEN, a_cmc_request(null_signed))
    yield Vector("null-signature-nested", "the same, nested", NOT_PROVEN, nested(a_cmc_request(null_signed)))
    yield Vector(
        "renewal-own-key", "a renewal that the old certificate did not sign", RENEWAL_MISMATCH, a_cms_request(renewal)
    )
    look_alike = a_renewal(twin, request=renewal)
    yield Vector(
        "renewal-look-alike",
        "signed by another with the same issuer, subject and serial number",
        RENEWAL_MISMATCH,
        look_alike,
    )


def contradictory() -> Iterator[Vector]:
    """Two places of which one could be overlooked."""
    template, san = (
        a_template_name_extension("PartnerWebServer"),
        a_subject_alternative_name(a_dns_name("dc01.corp.example")),
    )
    key_usage = sequence(object_identifier("2.5.29.15"), octet_string(bit_string(b"\x80", 7)))
    yield Vector(
        "extension-twice",
        "a template extension in the PKCS#10 and in addExtensions",
        MALFORMED,
        added(an_add_extensions(template)),
    )
    yield Vector("san-twice", "a SAN in the PKCS#10 and in addExtensions", MALFORMED, added(an_add_extensions(san)))
    both = a_cmc_request(
        a_certification_request(template=None, dns=()),
        (an_add_extensions(san), an_add_attributes(an_extension_request(san))),
    )
    yield Vector("san-added-twice", "a SAN in addExtensions and in szOID_CMC_ADD_ATTRIBUTES", MALFORMED, both)
    requests = added(an_add_attributes(an_extension_request(key_usage)))
    yield Vector("extension-requests", "extensionRequest in the PKCS#10 and added", MALFORMED, requests)
    kinds = added(an_add_attributes(an_attribute(CERT_EXTENSIONS, sequence(key_usage))))
    yield Vector("extension-attributes", "extensionRequest, and szOID_CERT_EXTENSIONS added", MALFORMED, kinds)
    yield Vector(
        "control-twice", "regInfo twice", MALFORMED, a_cmc_request(controls=(a_reg_info(), a_reg_info(body_part=3)))
    )
    yield Vector("body-part-twice", "two body parts of one number", MALFORMED, added(a_reg_info(body_part=1)))
    pairs = an_attribute(ENROLLMENT_NAME_VALUE_PAIR, a_name_value_pair("ccm", "a"), a_name_value_pair("c-c m", "a"))
    yield Vector(
        "pair-twice", "a name twice in one attribute", MALFORMED, a_certification_request(extra_attributes=[pairs])
    )
    yield Vector("reg-info-twice", "a name twice in regInfo", MALFORMED, added(a_reg_info("ccm=a&CCM=a")))
    ccm = an_attribute(ENROLLMENT_NAME_VALUE_PAIR, a_name_value_pair("ccm", "other.partner.example"))
    conflict = a_cmc_request(controls=(a_reg_info("ccm=pc7.partner.example"),), signers=(signed_by_key(None, ccm),))
    yield Vector("pair-conflict", "a name with two values, in regInfo and in a signed attribute", MALFORMED, conflict)
    names = [
        signed_by(a_certificate(), a_requester_name("CORP\\alice")),
        signed_by_key(None, a_requester_name("CORP\\bob")),
    ]
    yield Vector("requester-conflict", "two requesters' names", MALFORMED, a_cmc_request(signers=names))
    old = a_certificate()
    twice = a_cmc_request(
        a_certification_request(extra_attributes=[a_renewal_attribute(old.certificate)]),
        (an_add_attributes(a_renewal_attribute(a_certificate(serial=2).certificate)),),
        (signed_by(old),),
    )
    yield Vector("renewals-twice", "two certificates to be renewed", MALFORMED, twice)
    yield Vector(
        "archival-wrong-hash",
        "an archived key with the hash of another",
        MALFORMED,
        an_archival_request(key_hash=bytes(32)),
    )
    yield Vector(
        "archival-odd-hash",
        "an archived key with a hash of no length",
        MALFORMED,
        an_archival_request(key_hash=bytes(8)),
    )
    key = replace(signed_by_key(), unsigned=(an_attribute(ARCHIVED_KEY, an_enveloped_key()),))
    yield Vector("archival-no-hash", "an archived key without its hash", MALFORMED, a_cmc_request(signers=(key,)))
    hash_of = octet_string(sha256(an_enveloped_key()).digest())
    yield Vector(
        "archival-no-key", "the hash of an archived key alone", MALFORMED, added(a_control(ENCRYPTED_KEY_HASH, hash_of))
    )
    hashes = an_archival_request(controls=(an_add_attributes(an_attribute(ENCRYPTED_KEY_HASH, hash_of)),))
    yield Vector("archival-two-hashes", "two hashes of an archived key", MALFORMED, hashes)


def unreadable() -> Iterator[Vector]:
    """What is no request, or has something in it that no rule can judge."""
    good = a_cms_request()
    yield Vector("trailing-cms", "a byte after the request", MALFORMED, good + b"\x00")
    yield Vector(
        "trailing-inside", "a byte after the PKCS#10", MALFORMED, a_cms_request(a_certification_request() + b"\x00")
    )
    yield Vector("indefinite-length", "BER", MALFORMED, b"\x30\x80" + good[4:] + bytes(2))
    yield Vector("layers", "four layers, the PKCS#10 among them", NOT_SUPPORTED, nested(nested(a_cms_request())))
    yield Vector(
        "enveloped",
        "signedData around envelopedData",
        NOT_SUPPORTED,
        nested(an_enveloped_key(), content_type=ENVELOPED_DATA),
    )
    key, body = a_key(), a_tagged_request()
    crmf = a_cmc_request(pki_data=a_pki_data(requests=(tlv(0xA1, sequence(integer(1))),)))
    yield Vector("crmf", "a CRMF message for a request", NOT_SUPPORTED, crmf)
    orm = a_cmc_request(pki_data=a_pki_data(requests=(tlv(0xA2, integer(1)),)))
    yield Vector("other-request", "a request of another kind", MALFORMED, orm)
    yield Vector(
        "no-request", "a CMC request without a request", NOT_SUPPORTED, a_cmc_request(pki_data=a_pki_data(requests=()))
    )
    two = a_cmc_request(pki_data=a_pki_data(requests=(body, a_tagged_request(body_part=2))))
    yield Vector("two-requests", "a CMC request with two", NOT_SUPPORTED, two)
    message = sequence(integer(2), a_cms_request())
    yield Vector(
        "cms-sequence",
        "another message in cmsSequence",
        NOT_SUPPORTED,
        a_cmc_request(pki_data=a_pki_data(cms=(message,))),
    )
    other = sequence(integer(2), object_identifier("1.2.3"), tlv(0x05))
    yield Vector(
        "other-message",
        "another message in otherMsgSequence",
        NOT_SUPPORTED,
        a_cmc_request(pki_data=a_pki_data(other_messages=(other,))),
    )
    yield Vector(
        "control-unknown",
        "a CMC control that is not served: dataReturn",
        MALFORMED,
        added(a_control("1.3.6.1.5.5.7.7.4", octet_string(b"x"))),
    )
    yield Vector(
        "control-two-values",
        "regInfo with two values",
        MALFORMED,
        added(a_control(CMC_REG_INFO, octet_string(b""), octet_string(b"a=b"))),
    )
    yield Vector("elsewhere", "addExtensions for another request", MALFORMED, added(an_add_extensions(reference=7)))
    inside = a_control(CMC_ADD_EXTENSIONS, sequence(integer(1), sequence(integer(1)), sequence()))
    yield Vector("elsewhere-inside", "addExtensions for a PKIData in another message", MALFORMED, added(inside))
    for name, text in _REG_INFOS.items():
        yield Vector(f"reg-info-{name}", "a regInfo that is no list of pairs", MALFORMED, added(a_reg_info(text)))
    yield Vector(
        "reg-info-type", "a regInfo in a UTF8String", MALFORMED, added(a_control(CMC_REG_INFO, utf8_string("a=b")))
    )
    signed = an_attribute("1.2.840.113549.1.9.15", sequence())
    yield Vector(
        "signed-unknown",
        "a signed attribute that is not served",
        MALFORMED,
        a_cmc_request(signers=(signed_by_key(key, signed),)),
    )
    renewal = a_renewal_attribute(a_certificate().certificate)
    yield Vector(
        "signed-renewal",
        "a renewal certificate among the signed attributes",
        MALFORMED,
        a_cmc_request(signers=(signed_by_key(key, renewal),)),
    )
    unknown = replace(signed_by_key(), unsigned=(a_requester_name("CORP\\alice"),))
    yield Vector(
        "unsigned-requester",
        "a requester's name among the unsigned attributes",
        MALFORMED,
        a_cmc_request(signers=(unknown,)),
    )
    clear = replace(
        signed_by_key(),
        unsigned=(an_attribute(ARCHIVED_KEY, sequence(object_identifier(DATA), tlv(0xA0, octet_string(b"key")))),),
    )
    yield Vector(
        "archival-clear", "an archived key that is no envelopedData", MALFORMED, a_cmc_request(signers=(clear,))
    )
    crl = a_signed_data(a_certification_request(), DATA, (signed_by_key(),), crls=tlv(0xA1, sequence()))
    yield Vector("crl", "a revocation list", MALFORMED, crl)
    many = a_signed_data(a_certification_request(), DATA, [signed_by(a_certificate(serial=n)) for n in range(2, 7)])
    yield Vector("five-signers", "more signers than are served", MALFORMED, many)
    certificates = [a_certificate(serial=n).certificate for n in range(2, 19)]
    chain = a_signed_data(a_certification_request(), DATA, (signed_by_key(),), certificates=certificates)
    yield Vector("many-certificates", "more certificates than are read", MALFORMED, chain)
    string = a_signed_data(
        a_certification_request(), DATA, [signed_by(a_certificate())], certificates=(ia5_string("?"),)
    )
    yield Vector("no-certificate", "a string among the certificates", MALFORMED, string)


_REG_INFOS: dict[str, str | bytes] = {
    "no-separator": "CertificateTemplate",
    "no-name": "=User",
    "colon-lines": "CertificateTemplate:User\nSAN:dns=dc01",
    "empty-pair": "ccm=a&&rmd=b",
    "half-escape": "ccm=a%5",
    "line-break": "ccm=a%0ASAN:upn=administrator@corp.example",
    "not-utf8": b"ccm=\xff",
    "escaped-not-utf8": "ccm=%ff",
}


def added(control: bytes) -> bytes:
    """A CMC request with that control."""
    return a_cmc_request(controls=(control,))
