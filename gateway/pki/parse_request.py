"""From the bytes of a request to what is asked for, in every format of [MS-WCCE] 2.2.2.6 but SPKAC.

The format is told from the DER. Read in full: whatever a CA would act on is in the value, wherever it stood, and
whatever cannot be read refuses the request.
"""

from gateway.errors import MalformedCertificationRequest, RenewalCertificateMismatch
from gateway.pki import attributes, der, extensions, oids
from gateway.pki.archived_key import parse_archived_key
from gateway.pki.attributes import IndexedAttributes
from gateway.pki.carriers import read_contents
from gateway.pki.certificate import Certificate
from gateway.pki.certificate_request import ArchivedKey, CertificateRequest, Extension, RequestClientInfo
from gateway.pki.layers import Layers, parse_layers
from gateway.pki.names import parse_general_names

MAX_CERTIFICATION_REQUEST_BYTES = 64 * 1024
"""A request with an RSA-16384 key takes 5 KiB; one that has all there can be, a renewal by such keys with its chain and
an archived key, 40 KiB. What is longer wants to keep the gateway busy."""


def parse_certificate_request(der: bytes) -> CertificateRequest:
    """Read one request, and verify all its signatures.

    Raises MalformedCertificationRequest, and of its kinds RequestFormatNotSupported, ProofOfPossessionFailed,
    SignatureInvalid and RenewalCertificateMismatch.
    """
    try:
        return _read(der)
    except ValueError as error:
        raise MalformedCertificationRequest(str(error)) from error


def _read(encoded: bytes) -> CertificateRequest:
    if len(encoded) > MAX_CERTIFICATION_REQUEST_BYTES:
        raise ValueError(f"{len(encoded)} bytes: at most {MAX_CERTIFICATION_REQUEST_BYTES} are read")
    layers = parse_layers(encoded)
    contents = read_contents(layers)
    asked, requested = contents.attributes, contents.extensions
    return CertificateRequest(
        der=encoded,
        format=layers.format,
        subject=layers.pkcs10.subject,
        public_key=layers.pkcs10.public_key,
        signature_algorithm=layers.pkcs10.signature_algorithm,
        extensions=tuple(Extension(oid, e.critical, e.extn_value) for oid, e in requested.items()),
        attributes=tuple(oid for oid in asked if oid != oids.ENCRYPTED_KEY_HASH),
        template_references=contents.template_references,
        name_value_pairs=contents.name_value_pairs,
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
        signers=layers.signers,
        renewal_certificate=_renewal_certificate(asked, layers.signers),
        requester_name=contents.requester_name,
        archived_key=_archived_key(layers, asked),
    )


def _client_info(asked: IndexedAttributes) -> RequestClientInfo | None:
    info = attributes.read_single(asked, oids.REQUEST_CLIENT_INFO, attributes.client_info)
    return RequestClientInfo(info.client_id, info.machine_name, info.user_name, info.process_name) if info else None


def _renewal_certificate(asked: IndexedAttributes, signers: tuple[Certificate, ...]) -> Certificate | None:
    """The signer that szOID_RENEWAL_CERTIFICATE is, byte for byte: same issuer and serial number are not enough."""
    renewed = attributes.read_single(asked, oids.RENEWAL_CERTIFICATE, der.encode)
    if renewed is None:
        return None
    for signer in signers:
        if signer.der == renewed:
            return signer
    raise RenewalCertificateMismatch(
        "szOID_RENEWAL_CERTIFICATE is not one of the certificates that have signed the request: the client must sign"
        " with the key of the certificate that it renews"
    )


def _archived_key(layers: Layers, asked: IndexedAttributes) -> ArchivedKey | None:
    hashes = list(attributes.read(asked, oids.ENCRYPTED_KEY_HASH, attributes.octets))
    if layers.pki_data is not None and layers.pki_data.encrypted_key_hash is not None:
        hashes.append(layers.pki_data.encrypted_key_hash)
    return parse_archived_key((signature.unsigned_attributes for signature in layers.signatures), hashes)
