"""PKCS#10 certification requests (RFC 2986) as Microsoft clients and CAs read them ([MS-WCCE] 2.2.2.6).

Read in full: whatever the CA would act on is in the value, and whatever cannot be read refuses the request.
"""

from collections.abc import Iterable, Iterator, Mapping

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat import asn1

from gateway.errors import MalformedCertificationRequest, ProofOfPossessionFailed, RequestFormatNotSupported
from gateway.pki import attributes, der, extensions, oids
from gateway.pki.certificate_request import (
    CERTIFICATE_TEMPLATE,
    CertificateRequest,
    EnrollmentNameValuePair,
    Extension,
    RequestClientInfo,
    RequestFormat,
    TemplateCarrier,
    TemplateReference,
)
from gateway.pki.keys import parse_public_key
from gateway.pki.names import parse_general_names, parse_name

MAX_CERTIFICATION_REQUEST_BYTES = 64 * 1024
"""A request with an RSA-16384 key takes 5 KiB; what is longer wants to keep the gateway busy."""


def parse_certificate_request(der: bytes) -> CertificateRequest:
    """Read and verify one PKCS#10.

    Raises RequestFormatNotSupported for CMS and CMC, ProofOfPossessionFailed, or MalformedCertificationRequest.
    """
    try:
        return _read(der)
    except ValueError as error:
        raise MalformedCertificationRequest(str(error)) from error


def _read(encoded: bytes) -> CertificateRequest:
    if len(encoded) > MAX_CERTIFICATION_REQUEST_BYTES:
        raise ValueError(f"{len(encoded)} bytes: at most {MAX_CERTIFICATION_REQUEST_BYTES} are read")
    _refuse_cms(encoded)
    request = der.decode(der.CertificationRequest, encoded)
    info = request.certification_request_info
    if info.version != 0:
        raise ValueError("a version other than v1(0), the only one of RFC 2986")
    # Before the signature is verified: this bounds what verifying costs.
    public_key = parse_public_key(der.encode(info.subject_pk_info))
    signature_algorithm, _ = der.algorithm(request.signature_algorithm)
    _verify_possession(encoded, signature_algorithm)

    asked = attributes.index(info.attributes.as_list())
    requested = _requested_extensions(asked)
    pairs = _name_value_pairs(asked)
    return CertificateRequest(
        der=encoded,
        format=RequestFormat.PKCS10,
        subject=parse_name(info.subject),
        public_key=public_key,
        signature_algorithm=signature_algorithm,
        extensions=tuple(Extension(oid, e.critical, e.extn_value) for oid, e in requested.items()),
        attributes=tuple(asked),
        template_references=tuple(_template_references(asked, requested, pairs)),
        name_value_pairs=tuple(pair for pair in pairs if pair.normalised != CERTIFICATE_TEMPLATE),
        subject_alternative_name=extensions.read(requested, oids.SUBJECT_ALT_NAME, parse_general_names) or (),
        key_usage=extensions.read(requested, oids.KEY_USAGE, extensions.key_usage),
        extended_key_usage=extensions.read(requested, oids.EXT_KEY_USAGE, extensions.extended_key_usage),
        application_policies=extensions.read(
            requested, oids.APPLICATION_CERT_POLICIES, extensions.certificate_policies
        ),
        certificate_policies=extensions.read(requested, oids.CERTIFICATE_POLICIES, extensions.certificate_policies),
        basic_constraints_ca=extensions.read(requested, oids.BASIC_CONSTRAINTS, extensions.basic_constraints_ca),
        security_identifier=extensions.read(requested, oids.NTDS_CA_SECURITY_EXT, extensions.security_identifier),
        client_info=_client_info(asked),
        os_version=attributes.read_single(asked, oids.OS_VERSION, attributes.os_version),
        cryptographic_service_provider=attributes.read_single(asked, oids.ENROLLMENT_CSP_PROVIDER, attributes.csp_name),
    )


_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
_PKI_DATA = bytes.fromhex("06082b06010505070c02")
"""DER of id-signedData and id-cct-PKIData."""


def _refuse_cms(encoded: bytes) -> None:
    """Tell CMS and CMC from garbage, by the content type that follows their first header of two to six bytes.

    Looked for in the bytes, because CMS may be BER. A PKCS#10 has no room for an OID so early.
    """
    if _SIGNED_DATA not in encoded[:17]:
        return
    kind = "a CMC full PKI request" if _PKI_DATA in encoded else "a CMS signedData, as renewals and agents send"
    raise RequestFormatNotSupported(f"{kind}: only a bare PKCS#10 is served; let the client send a new request")


def _verify_possession(encoded: bytes, signature_algorithm: str) -> None:
    try:
        verified = x509.load_der_x509_csr(encoded).is_signature_valid
    except UnsupportedAlgorithm as error:
        raise ProofOfPossessionFailed(f"the signature cannot be verified: {error}") from error
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


def _requested_extensions(asked: Mapping[str, list[asn1.TLV]]) -> dict[str, der.Extension]:
    if oids.EXTENSION_REQUEST in asked and oids.CERT_EXTENSIONS in asked:
        raise ValueError("extensions in two attributes, extensionRequest and szOID_CERT_EXTENSIONS")
    return extensions.index(
        extension
        for oid in (oids.EXTENSION_REQUEST, oids.CERT_EXTENSIONS)
        for extension in attributes.read_single(asked, oid, attributes.requested_extensions) or ()
    )


def _name_value_pairs(asked: Mapping[str, list[asn1.TLV]]) -> tuple[EnrollmentNameValuePair, ...]:
    pairs = attributes.read(asked, oids.ENROLLMENT_NAME_VALUE_PAIR, attributes.name_value_pair)
    return tuple(EnrollmentNameValuePair(name, value) for name, value in pairs)


def _template_references(
    asked: Iterable[str], requested: Mapping[str, der.Extension], pairs: Iterable[EnrollmentNameValuePair]
) -> Iterator[TemplateReference]:
    """Every naming of a template, in the order of the encoding."""
    of_extensions = [
        reference
        for oid in requested
        if oid in _TEMPLATE_EXTENSIONS
        if (reference := extensions.read(requested, oid, _TEMPLATE_EXTENSIONS[oid]))
    ]
    of_pairs = [
        TemplateReference(TemplateCarrier.ATTRIBUTE_ENROLLMENT_NAME_VALUE_PAIR, pair.value)
        for pair in pairs
        if pair.normalised == CERTIFICATE_TEMPLATE
    ]
    for attribute in asked:
        match attribute:
            case oids.EXTENSION_REQUEST | oids.CERT_EXTENSIONS:
                yield from of_extensions
            case oids.ENROLLMENT_NAME_VALUE_PAIR:
                yield from of_pairs


def _template_by_name(value: bytes) -> TemplateReference:
    name = extensions.certificate_template_name(value)
    return TemplateReference(TemplateCarrier.EXTENSION_CERTIFICATE_TEMPLATE_NAME, name)


def _template_by_oid(value: bytes) -> TemplateReference:
    oid, major, minor = extensions.certificate_template_oid(value)
    return TemplateReference(TemplateCarrier.EXTENSION_CERTIFICATE_TEMPLATE_OID, None, oid, major, minor)


_TEMPLATE_EXTENSIONS = {
    oids.ENROLL_CERTTYPE: _template_by_name,
    oids.CERTIFICATE_TEMPLATE: _template_by_oid,
}


def _client_info(asked: Mapping[str, list[asn1.TLV]]) -> RequestClientInfo | None:
    info = attributes.read_single(asked, oids.REQUEST_CLIENT_INFO, attributes.client_info)
    return RequestClientInfo(info.client_id, info.machine_name, info.user_name, info.process_name) if info else None
