"""The tricks about the whole of a request: said twice, wrapped, unproven, with a bad key, in another's name."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

from tests.cmc import (
    DATA,
    PKI_DATA,
    Holder,
    a_ca,
    a_certificate,
    a_cmc_request,
    a_pki_data,
    a_renewal_attribute,
    a_requester_name,
    a_signed_data,
    a_tagged_request,
    an_add_extensions,
    an_agent,
    an_archival_request,
    nested,
    not_signed,
    signed_by,
    signed_by_key,
    tampered,
)
from tests.requests import (
    CERT_EXTENSIONS,
    EXTENSION_REQUEST,
    a_dns_name,
    a_key,
    a_public_key_info,
    a_signed_request,
    a_subject_alternative_name,
    a_user_principal_name,
    an_attribute,
    an_extension_request,
    bit_string,
    integer,
    object_identifier,
    sequence,
    tlv,
)
from tests.vectors.attacks.attack import Attack
from tests.vectors.attacks.carriers import Message
from tests.vectors.attacks.tricks import CLIENT_AUTH, NAMED, OWN_NAME
from tests.weak_keys import WEAK_KEYS, a_weak_key

OWN = Message(extension_request=(NAMED, OWN_NAME))
CA = a_ca()
IMPOSTOR = a_ca(kind="RSA")
"""Of the same name, with another key."""
OLD_SERIAL = 0x1234

ESCALATED = a_subject_alternative_name(
    a_dns_name("web01.partner.example"), a_user_principal_name("administrator@corp.example")
)


def said_twice() -> Iterator[Attack]:
    """What a parser might read the first time and a CA the last time."""
    error = ("MalformedCertificationRequest",)
    pkcs10 = {
        "one-attribute": replace(OWN, extension_request=(NAMED, OWN_NAME, ESCALATED)),
        "both-attributes": replace(OWN, cert_extensions=(ESCALATED,)),
        "attribute-twice": replace(OWN, attributes=(an_extension_request(ESCALATED),)),
        "two-values": Message(
            attributes=(an_attribute(EXTENSION_REQUEST, sequence(NAMED, OWN_NAME), sequence(ESCALATED)),)
        ),
    }
    for carrier, message in pkcs10.items():
        yield Attack("duplicate-extension", f"pkcs10-{carrier}", message, OWN, error)
    cmc = replace(OWN, envelope="CMC")
    controls = {
        "addExtensions": replace(cmc, add_extensions=(ESCALATED,)),
        "addAttributes-extensionRequest": replace(cmc, add_attributes=(an_extension_request(ESCALATED),)),
        "addAttributes-szOID_CERT_EXTENSIONS": replace(
            cmc, add_attributes=(an_attribute(CERT_EXTENSIONS, sequence(ESCALATED)),)
        ),
    }
    for carrier, message in controls.items():
        yield Attack("duplicate-extension", f"cmc-{carrier}", message, cmc, error)
    pkcs10_request = cmc.certificate_request_inside()
    twice = an_add_extensions(ESCALATED), an_add_extensions(ESCALATED, body_part=9)
    yield Attack("duplicate-control", "cmc", Message(der=a_cmc_request(pkcs10_request, twice)), cmc, error)
    two = (a_tagged_request(pkcs10_request), a_tagged_request(pkcs10_request, body_part=8))
    yield Attack(
        "two-requests",
        "cmc",
        Message(der=a_cmc_request(pki_data=a_pki_data(requests=two))),
        cmc,
        ("RequestFormatNotSupported",),
    )


def wrapped() -> Iterator[Attack]:
    """What hides the request from who looks at the first layer."""
    cmc = replace(OWN, envelope="CMC").certificate_request
    harmless = replace(OWN, envelope="CMC")
    deep = nested(nested(nested(cmc)))
    error = ("MalformedCertificationRequest",)
    unread = ("RequestFormatNotSupported",)
    yield Attack("nested", "cmc-four-layers", Message(der=deep), harmless, unread)
    beside = a_pki_data(OWN.certificate_request_inside(), cms=(sequence(integer(7), cmc),))
    yield Attack("nested", "cmc-cmsSequence", Message(der=a_cmc_request(pki_data=beside)), harmless, unread)
    other = sequence(integer(7), object_identifier(DATA), cmc)
    messages = a_pki_data(OWN.certificate_request_inside(), other_messages=(other,))
    yield Attack("nested", "cmc-otherMsgSequence", Message(der=a_cmc_request(pki_data=messages)), harmless, unread)
    yield Attack("trailing-bytes", "pkcs10", Message(der=OWN.certificate_request + b"\x00"), OWN, error)
    yield Attack("trailing-bytes", "cmc", Message(der=cmc + b"\x00"), harmless, error)
    inside = OWN.certificate_request_inside() + b"\x00"
    yield Attack(
        "trailing-bytes", "cms-content", Message(der=a_signed_data(inside, DATA, (signed_by_key(),))), OWN, error
    )


def unproven() -> Iterator[Attack]:
    """What shows no possession of the key."""
    null = a_null_signed_request()
    proof = ("ProofOfPossessionFailed",)
    yield Attack("null-signature", "pkcs10", Message(der=null), OWN, proof)
    yield Attack("null-signature", "cms", Message(der=a_signed_data(null, DATA, (signed_by_key(),))), OWN, proof)
    yield Attack("null-signature", "cmc", Message(der=a_cmc_request(null)), OWN, proof)
    yield Attack(
        "null-signature", "cmc-unsigned", Message(der=a_cmc_request(null, signers=(not_signed(),))), OWN, proof
    )
    stolen = a_signed_request(
        attributes=(an_extension_request(NAMED, OWN_NAME),),
        subject_public_key_info=a_public_key_info(a_key(name="victim")),
    )
    yield Attack("stolen-key", "pkcs10", Message(der=stolen), OWN, proof)
    yield Attack("stolen-key", "cmc", Message(der=a_cmc_request(stolen)), OWN, proof)
    for envelope in ("CMS", "CMC"):
        harmless = replace(OWN, envelope=envelope)
        broken = replace(harmless, signers=(tampered(signed_by_key()),))
        yield Attack("broken-signature", envelope.lower(), broken, harmless, ("SignatureInvalid",))
        other = replace(harmless, signers=(signed_by_key(a_key(name="somebody else")),))
        yield Attack("signed-by-another-key", envelope.lower(), other, harmless, ("SignatureInvalid",))


def a_null_signed_request() -> bytes:
    """[MS-WCCE] 2.2.2.6.5: a hash where the signature belongs."""
    info = sequence(
        integer(0),
        sequence(),
        a_public_key_info(a_key()),
        tlv(0xA0, an_extension_request(NAMED, OWN_NAME)),
    )
    algorithm = sequence(object_identifier("2.16.840.1.101.3.4.2.1"))
    return sequence(info, algorithm, bit_string(sha256(info).digest()))


def weak_keys() -> Iterator[Attack]:
    """Keys that somebody else can compute, or has."""
    attributes = (an_extension_request(NAMED, OWN_NAME),)
    rsa = replace(OWN, key=a_key("RSA"))
    for kind in WEAK_KEYS:
        caught_by = ("key.publicExponent" if kind == "exponent-3" else "key.publicKey",)
        request = a_weak_key(kind).sign_request("CN=web01.partner.example", attributes)
        yield Attack(f"weak-key-{kind}", "pkcs10", Message(der=request), rsa, caught_by)
        cmc = a_cmc_request(request, signers=(not_signed(),))
        harmless = replace(rsa, envelope="CMC")
        yield Attack(f"weak-key-{kind}", "cmc", Message(der=cmc), harmless, caught_by)


def the_old() -> Holder:
    """What the requester has, and may renew."""
    return a_certificate(CA, serial=OLD_SERIAL, extensions=(NAMED, OWN_NAME))


def a_renewal_of(
    old: Holder, *, cmc: bool, extensions: tuple[bytes, ...] = (NAMED, OWN_NAME), names: Holder | None = None
) -> bytes:
    """Signed by `old`; the attribute names it, or `names`."""
    attribute = a_renewal_attribute((names or old).certificate)
    request = a_signed_request("CN=web01.partner.example", attributes=(an_extension_request(*extensions), attribute))
    if cmc:
        return a_cmc_request(request, signers=(signed_by_key(), signed_by(old)))
    return a_signed_data(request, DATA, (signed_by(old),))


def renewals() -> Iterator[Attack]:
    """Certificates that look like the one to be renewed, and renewals that ask for more."""
    for carrier in ("cms", "cmc"):
        cmc = carrier == "cmc"
        harmless = Message(der=a_renewal_of(the_old(), cmc=cmc))
        wrong: dict[str, tuple[bytes, *tuple[str, ...]]] = {
            "renewal-same-serial-of-another-ca": (
                a_renewal_of(a_certificate(IMPOSTOR, serial=OLD_SERIAL, extensions=(NAMED, OWN_NAME)), cmc=cmc),
                "SignerUntrusted",
            ),
            "renewal-expired": (
                a_renewal_of(
                    a_certificate(
                        CA,
                        serial=0x55,
                        valid=(timedelta(days=-90), timedelta(days=-1)),
                        extensions=(NAMED, OWN_NAME),
                    ),
                    cmc=cmc,
                ),
                "SignerExpired",
            ),
            "renewal-revoked": (
                a_renewal_of(a_certificate(CA, serial=REVOKED_SERIAL, extensions=(NAMED, OWN_NAME)), cmc=cmc),
                "SignerRevoked",
            ),
            "renewal-names-another-certificate": (
                a_renewal_of(a_certificate(CA, serial=0x66, extensions=(NAMED, OWN_NAME)), cmc=cmc, names=the_old()),
                "RenewalCertificateMismatch",
            ),
            "renewal-with-another-name": (
                a_renewal_of(
                    the_old(),
                    cmc=cmc,
                    extensions=(NAMED, a_subject_alternative_name(a_dns_name("web02.partner.example"))),
                ),
                "renewal.subjectAlternativeName dNSName",
            ),
            "renewal-of-somebody-else-s": (
                a_renewal_of(
                    a_certificate(
                        CA,
                        "CN=web01.partner.example",
                        serial=0x77,
                        extensions=(
                            NAMED,
                            a_subject_alternative_name(
                                a_dns_name("web01.partner.example"), a_dns_name("www.somebody-else.example")
                            ),
                        ),
                    ),
                    cmc=cmc,
                ),
                "renewal.renewalCertificate",
                "renewal.renewalCertificate dNSName",
            ),
        }
        for trick, (der, *caught_by) in wrong.items():
            yield Attack(trick, carrier, Message(der=der), harmless, tuple(caught_by))
    bare = a_signed_request(
        "CN=web01.partner.example",
        attributes=(an_extension_request(NAMED, OWN_NAME), a_renewal_attribute(the_old().certificate)),
    )
    yield Attack("renewal-without-its-signature", "pkcs10", Message(der=bare), OWN, ("RenewalCertificateMismatch",))


REVOKED_SERIAL = 0x44


def on_behalf_of() -> Iterator[Attack]:
    """ESC3: an enrollment agent asks for an administrator."""
    agent = an_agent(CA)
    request = OWN.certificate_request_inside()
    by_agent = signed_by(agent, a_requester_name("CORP\\administrator"))
    signed = ("onBehalfOf.requestername", "onBehalfOf.signer")
    yield Attack("esc3-on-behalf-of", "cms", Message(der=a_signed_data(request, DATA, (by_agent,))), OWN, signed)
    both = (signed_by_key(), by_agent)
    yield Attack("esc3-on-behalf-of", "cmc", Message(der=a_cmc_request(request, signers=both)), OWN, signed)
    only = a_signed_data(a_pki_data(request), PKI_DATA, (by_agent,))
    yield Attack("esc3-on-behalf-of", "cmc-agent-alone", Message(der=only), OWN, signed)
    silent = a_signed_data(request, DATA, (signed_by(a_certificate(CA, extended_key_usage=(CLIENT_AUTH,))),))
    yield Attack("signer-without-a-purpose", "cms", Message(der=silent), OWN, ("onBehalfOf.signer",))


def archived() -> Iterator[Attack]:
    """A key for the archive, outside of every signature, where the template wants none."""
    request = OWN.certificate_request_inside()
    error = ("keyArchival.archivedKey",)
    yield Attack("key-archival", "cmc", Message(der=an_archival_request(request)), OWN, error)
    wrong = an_archival_request(request, key_hash=bytes(32))
    yield Attack("key-archival-hash", "cmc", Message(der=wrong), OWN, ("MalformedCertificationRequest",))
