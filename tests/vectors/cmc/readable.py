"""Vectors that the parser reads and leaves to the policy: every format, its uses, and every carrier in it."""

from collections.abc import Iterator
from dataclasses import replace

from tests.cmc import (
    CMC_SENDER_NONCE,
    CMC_TRANSACTION_ID,
    CONTENT_TYPE,
    DATA,
    MESSAGE_DIGEST,
    RSASSA_PSS,
    SIGNED_DATA,
    SIGNING_TIME,
    a_bare_signed_data,
    a_ca,
    a_certificate,
    a_cmc_request,
    a_cms_request,
    a_control,
    a_reg_info,
    a_renewal,
    a_requester_name,
    a_signed_data,
    an_add_attributes,
    an_add_extensions,
    an_agent,
    an_archival_request,
    an_on_behalf_of_request,
    nested,
    not_signed,
    signed_by,
    signed_by_key,
)
from tests.requests import (
    ENROLLMENT_NAME_VALUE_PAIR,
    a_certification_request,
    a_key,
    a_name_value_pair,
    a_template_name_extension,
    a_template_oid_extension,
    an_attribute,
    an_extension_request,
    integer,
    octet_string,
    tlv,
)
from tests.vectors.pkcs10.vector import READ, Vector


def formats() -> Iterator[Vector]:
    """[MS-WCCE] 3.1.1.4.3.1: new requests."""
    rsa = a_key("RSA")
    of_rsa = a_certification_request(key=rsa)
    time = an_attribute(SIGNING_TIME, tlv(0x17, b"260601000000Z"))
    without_attributes = replace(signed_by_key(), omitted=frozenset({CONTENT_TYPE, MESSAGE_DIGEST}))
    yield Vector("cms", "a PKCS#10 in a signedData, signed by its key", READ, a_cms_request())
    yield Vector("cms-plain", "the same, without signed attributes", READ, a_cms_request(signers=(without_attributes,)))
    yield Vector("cms-time", "the same, with a signing time", READ, a_cms_request(signers=(signed_by_key(None, time),)))
    yield Vector("cmc", "a CMC full PKI request, signed by the new key", READ, a_cmc_request())
    yield Vector("cmc-rsa", "the same, with an RSA key", READ, a_cmc_request(of_rsa, signers=(signed_by_key(rsa),)))
    pss = replace(signed_by_key(rsa), algorithm=RSASSA_PSS)
    yield Vector("cmc-rsa-pss", "the same, by RSASSA-PSS", READ, a_cmc_request(of_rsa, signers=(pss,)))
    unsigned = a_cmc_request(signers=(not_signed(),))
    yield Vector("cmc-no-signature", "id-alg-noSignature (RFC 2797 3.3.3.1)", READ, unsigned)
    yield Vector("nested-cmc", "a CMC request in one more signedData", READ, nested(a_cmc_request()))
    inner = a_bare_signed_data(a_certification_request(), DATA, (signed_by_key(),))
    bare = a_signed_data(inner, SIGNED_DATA, (signed_by_key(),))
    yield Vector("nested-bare", "a SignedData in content of type id-signedData", READ, bare)
    controls = (a_control(CMC_TRANSACTION_ID, integer(7)), a_control(CMC_SENDER_NONCE, octet_string(b"n"), body_part=3))
    yield Vector("cmc-harmless", "transactionId and senderNonce", READ, a_cmc_request(controls=controls))


def purposes() -> Iterator[Vector]:
    """[MS-WCCE] 3.1.1.4.3.2, .3, .6: renewals, on behalf of others, key archival."""
    old, rsa_ca = a_certificate(), a_ca("CN=RSA CA", kind="RSA")
    old_rsa = a_certificate(rsa_ca, "CN=old.partner.example", kind="RSA")
    agents = (an_agent(), an_agent(subject="CN=second agent", serial=2))
    yield Vector("renewal-cms", "a renewal, CMS", READ, a_renewal(old))
    yield Vector("renewal-cms-rsa", "a renewal, CMS, RSA", READ, a_renewal(old_rsa))
    yield Vector("renewal-cmc", "a renewal, CMC, signed by both keys", READ, a_renewal(old, cmc=True))
    yield Vector("agent-cms", "ESC3: on behalf of another, CMS", READ, an_on_behalf_of_request(agents[0]))
    yield Vector("agent-cmc", "ESC3: on behalf of another, CMC", READ, an_on_behalf_of_request(agents[0], cmc=True))
    signers = (signed_by_key(), *(signed_by(agent, a_requester_name("CORP\\alice")) for agent in agents))
    yield Vector("two-agents", "signed by two agents", READ, a_cmc_request(signers=signers))
    in_reg_info = a_cmc_request(
        controls=(a_reg_info("requestername=CORP%5Calice&"),), signers=(signed_by_key(), signed_by(agents[0]))
    )
    yield Vector("agent-reg-info", "the requester's name in regInfo, which an agent signed", READ, in_reg_info)
    by_outsider = nested(a_cmc_request(), (signed_by(agents[0], a_requester_name("CORP\\alice")),))
    yield Vector("agent-around-cmc", "an agent's signedData around a client's CMC request", READ, by_outsider)
    yield Vector("archival", "a private key for the archive", READ, an_archival_request())
    added = an_archival_request(in_add_attributes=True)
    yield Vector("archival-added", "the same, the hash in szOID_CMC_ADD_ATTRIBUTES", READ, added)


def carriers() -> Iterator[Vector]:
    """Another template, or a forbidden name, in each of the places of CMS and CMC."""
    template = an_attribute(ENROLLMENT_NAME_VALUE_PAIR, a_name_value_pair("Certificate-Template", "User"))
    san = an_attribute(ENROLLMENT_NAME_VALUE_PAIR, a_name_value_pair("SAN", "upn=administrator@corp.example"))
    by_name, by_oid = a_template_name_extension("User"), a_template_oid_extension("1.2.3.4", 1, 2)
    yield Vector(
        "template-reg-info", "another template in regInfo", READ, with_control(a_reg_info("Certificate-Template=User"))
    )
    yield Vector("template-add-extensions", "in addExtensions", READ, plain_with_control(an_add_extensions(by_name)))
    yield Vector(
        "template-oid-add-extensions", "in addExtensions, by OID", READ, with_control(an_add_extensions(by_oid))
    )
    added = plain_with_control(an_add_attributes(an_extension_request(by_name)))
    yield Vector("template-add-attributes", "in an extension of szOID_CMC_ADD_ATTRIBUTES", READ, added)
    yield Vector("template-added-pair", "in a pair that it adds", READ, with_control(an_add_attributes(template)))
    signed = a_cmc_request(signers=(signed_by_key(None, template),))
    yield Vector("template-signed", "in a signed attribute", READ, signed)
    outer = nested(a_cmc_request(), (signed_by_key(None, template),))
    yield Vector("template-outer-signed", "in a signed attribute of the outer layer", READ, outer)
    yield Vector(
        "san-reg-info", "ESC6: SAN in regInfo", READ, with_control(a_reg_info("S%2dA%20N=upn%3Da%40corp.example&"))
    )
    yield Vector(
        "san-signed", "ESC6: SAN in a signed attribute", READ, a_cmc_request(signers=(signed_by_key(None, san),))
    )
    yield Vector("san-added", "ESC6: SAN in szOID_CMC_ADD_ATTRIBUTES", READ, with_control(an_add_attributes(san)))
    name = a_requester_name("CORP\\administrator")
    unsigned = a_certification_request(extra_attributes=[name])
    yield Vector(
        "requester-pkcs10", "a requester's name in the PKCS#10", READ, a_renewal(a_certificate(), request=unsigned)
    )
    own = a_cmc_request(signers=(signed_by_key(None, name),))
    yield Vector("requester-own-key", "a requester's name that the request's own key signed", READ, own)
    dummy = a_cmc_request(signers=(not_signed(name),))
    yield Vector("requester-no-signature", "a requester's name beside id-alg-noSignature", READ, dummy)
    unsigned_info = with_control(a_reg_info("requestername=CORP%5Cadministrator"))
    yield Vector("requester-reg-info", "a requester's name in regInfo that no certificate signed", READ, unsigned_info)
    outside = nested(unsigned_info, (signed_by(an_agent()),))
    yield Vector("requester-outer-agent", "the same, in a layer that an agent signed", READ, outside)


def with_control(control: bytes) -> bytes:
    """A CMC request with that control, beside a PKCS#10 that names its template."""
    return a_cmc_request(controls=(control,))


def plain_with_control(control: bytes) -> bytes:
    """A CMC request with that control, beside a PKCS#10 without any extension or template."""
    return a_cmc_request(a_certification_request(dns=(), template=None), (control,))
