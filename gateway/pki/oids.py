"""Object identifiers, by their RFC and Microsoft names."""

# --- keys and signatures (RFC 5480, RFC 8017, NIST) -------------------------------------------------------------------

ID_EC_PUBLIC_KEY = "1.2.840.10045.2.1"
ID_DSA = "1.2.840.10040.4.1"
ID_ED25519 = "1.3.101.112"
ID_ED448 = "1.3.101.113"

HASH_ALGORITHMS = {
    "1.2.840.113549.2.5": "MD5",
    "1.3.14.3.2.26": "SHA-1",
    "2.16.840.1.101.3.4.2.1": "SHA-256",
    "2.16.840.1.101.3.4.2.2": "SHA-384",
    "2.16.840.1.101.3.4.2.3": "SHA-512",
    "2.16.840.1.101.3.4.2.4": "SHA-224",
}
"""Bare hashes, which a null signature names in the place of a signature algorithm ([MS-WCCE] 2.2.2.6.5)."""

WEAK_SIGNATURE_ALGORITHMS = {
    "1.2.840.113549.1.1.4": "md5WithRSAEncryption",
    "1.2.840.113549.1.1.5": "sha1WithRSAEncryption",
    "1.3.14.3.2.29": "sha-1WithRSAEncryption",
    "1.2.840.10040.4.3": "dsa-with-sha1",
    "1.2.840.10045.4.1": "ecdsa-with-SHA1",
}
"""Signatures over hashes that the library no longer verifies."""

SHA2_DIGESTS = {
    "2.16.840.1.101.3.4.2.1": "SHA-256",
    "2.16.840.1.101.3.4.2.2": "SHA-384",
    "2.16.840.1.101.3.4.2.3": "SHA-512",
}
"""The digests that a signature of a CMS layer may be over."""

RSA_ENCRYPTION = "1.2.840.113549.1.1.1"
RSASSA_PSS = "1.2.840.113549.1.1.10"
MGF1 = "1.2.840.113549.1.1.8"
RSA_SIGNATURES = {
    "1.2.840.113549.1.1.11": "SHA-256",
    "1.2.840.113549.1.1.12": "SHA-384",
    "1.2.840.113549.1.1.13": "SHA-512",
}
ECDSA_SIGNATURES = {
    "1.2.840.10045.4.3.2": "SHA-256",
    "1.2.840.10045.4.3.3": "SHA-384",
    "1.2.840.10045.4.3.4": "SHA-512",
}
"""Signature algorithms that name their digest."""
NO_SIGNATURE = "1.3.6.1.5.5.7.6.2"
"""id-alg-noSignature (RFC 2797 3.3.3.1)."""

# --- CMS and CMC (RFC 5652, RFC 2797, [MS-WCCE] 2.2.2.6) --------------------------------------------------------------

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

# --- attributes of a PKCS#10 (RFC 2985, [MS-WCCE] 2.2.2.7) ------------------------------------------------------------

EXTENSION_REQUEST = "1.2.840.113549.1.9.14"
CERT_EXTENSIONS = "1.3.6.1.4.1.311.2.1.14"
ENROLLMENT_NAME_VALUE_PAIR = "1.3.6.1.4.1.311.13.2.1"
ENROLLMENT_CSP_PROVIDER = "1.3.6.1.4.1.311.13.2.2"
OS_VERSION = "1.3.6.1.4.1.311.13.2.3"
REQUEST_CLIENT_INFO = "1.3.6.1.4.1.311.21.20"
RENEWAL_CERTIFICATE = "1.3.6.1.4.1.311.13.1"
ARCHIVED_KEY_ATTR = "1.3.6.1.4.1.311.21.13"
ENCRYPTED_KEY_HASH = "1.3.6.1.4.1.311.21.21"

# --- extensions (RFC 5280 4.2.1, [MS-WCCE] 2.2.2.7.7) -----------------------------------------------------------------

SUBJECT_KEY_IDENTIFIER = "2.5.29.14"
KEY_USAGE = "2.5.29.15"
SUBJECT_ALT_NAME = "2.5.29.17"
BASIC_CONSTRAINTS = "2.5.29.19"
CERTIFICATE_POLICIES = "2.5.29.32"
EXT_KEY_USAGE = "2.5.29.37"
ENROLL_CERTTYPE = "1.3.6.1.4.1.311.20.2"
CERTIFICATE_TEMPLATE = "1.3.6.1.4.1.311.21.7"
APPLICATION_CERT_POLICIES = "1.3.6.1.4.1.311.21.10"
NTDS_CA_SECURITY_EXT = "1.3.6.1.4.1.311.25.2"
NTDS_OBJECTSID = "1.3.6.1.4.1.311.25.2.1"

# --- key purposes (RFC 5280 4.2.1.12) ---------------------------------------------------------------------------------

CLIENT_AUTH = "1.3.6.1.5.5.7.3.2"
ANY_EXTENDED_KEY_USAGE = "2.5.29.37.0"
CA_EXCHANGE = "1.3.6.1.4.1.311.21.5"
"""szOID_KP_CA_EXCHANGE."""
CERTIFICATE_REQUEST_AGENT = "1.3.6.1.4.1.311.20.2.1"

# --- names ------------------------------------------------------------------------------------------------------------

NT_PRINCIPAL_NAME = "1.3.6.1.4.1.311.20.2.3"

X520_NAMES = {
    "2.5.4.3": "commonName",
    "2.5.4.4": "surname",
    "2.5.4.5": "serialNumber",
    "2.5.4.6": "countryName",
    "2.5.4.7": "localityName",
    "2.5.4.8": "stateOrProvinceName",
    "2.5.4.9": "streetAddress",
    "2.5.4.10": "organizationName",
    "2.5.4.11": "organizationalUnitName",
    "2.5.4.12": "title",
    "2.5.4.13": "description",
    "2.5.4.15": "businessCategory",
    "2.5.4.17": "postalCode",
    "2.5.4.18": "postOfficeBox",
    "2.5.4.19": "physicalDeliveryOfficeName",
    "2.5.4.20": "telephoneNumber",
    "2.5.4.41": "name",
    "2.5.4.42": "givenName",
    "2.5.4.43": "initials",
    "2.5.4.44": "generationQualifier",
    "2.5.4.46": "dnQualifier",
    "2.5.4.65": "pseudonym",
    "2.5.4.97": "organizationIdentifier",
    "0.9.2342.19200300.100.1.1": "userId",
    "0.9.2342.19200300.100.1.25": "domainComponent",
    "1.2.840.113549.1.9.1": "emailAddress",
    "1.2.840.113549.1.9.2": "unstructuredName",
    "1.2.840.113549.1.9.8": "unstructuredAddress",
    "1.3.6.1.4.1.311.60.2.1.1": "jurisdictionLocalityName",
    "1.3.6.1.4.1.311.60.2.1.2": "jurisdictionStateOrProvinceName",
    "1.3.6.1.4.1.311.60.2.1.3": "jurisdictionCountryName",
}
"""Attribute types of distinguished names: X.520, RFC 4519, RFC 2985, and the CA/Browser Forum's."""

# --- for messages -----------------------------------------------------------------------------------------------------

_NAMES = {
    EXTENSION_REQUEST: "extensionRequest",
    CERT_EXTENSIONS: "szOID_CERT_EXTENSIONS",
    ENROLLMENT_NAME_VALUE_PAIR: "szOID_ENROLLMENT_NAME_VALUE_PAIR",
    ENROLLMENT_CSP_PROVIDER: "szOID_ENROLLMENT_CSP_PROVIDER",
    OS_VERSION: "szOID_OS_VERSION",
    REQUEST_CLIENT_INFO: "szOID_REQUEST_CLIENT_INFO",
    "1.2.840.113549.1.9.2": "unstructuredName",
    "1.2.840.113549.1.9.7": "challengePassword",
    CONTENT_TYPE: "contentType",
    MESSAGE_DIGEST: "messageDigest",
    SIGNING_TIME: "signingTime",
    CMC_TRANSACTION_ID: "id-cmc-transactionId",
    CMC_SENDER_NONCE: "id-cmc-senderNonce",
    CMC_ADD_EXTENSIONS: "id-cmc-addExtensions",
    CMC_REG_INFO: "id-cmc-regInfo",
    CMC_ADD_ATTRIBUTES: "szOID_CMC_ADD_ATTRIBUTES",
    RENEWAL_CERTIFICATE: "szOID_RENEWAL_CERTIFICATE",
    ARCHIVED_KEY_ATTR: "szOID_ARCHIVED_KEY_ATTR",
    "1.3.6.1.4.1.311.21.17": "szOID_ISSUED_CERT_HASH",
    ENCRYPTED_KEY_HASH: "szOID_ENCRYPTED_KEY_HASH",
    "1.3.6.1.4.1.311.21.23": "szOID_ENROLL_EK_INFO",
    "1.3.6.1.4.1.311.21.24": "szOID_ENROLL_ATTESTATION_CHALLENGE",
    "1.3.6.1.4.1.311.21.25": "szOID_ENROLL_KSP_NAME",
    "1.3.6.1.4.1.311.21.33": "szOID_ENROLL_ATTESTATION_STATEMENT",
    "1.3.6.1.4.1.311.21.39": "szOID_ENROLL_AIK_INFO",
    SUBJECT_KEY_IDENTIFIER: "subjectKeyIdentifier",
    KEY_USAGE: "keyUsage",
    SUBJECT_ALT_NAME: "subjectAltName",
    BASIC_CONSTRAINTS: "basicConstraints",
    CERTIFICATE_POLICIES: "certificatePolicies",
    EXT_KEY_USAGE: "extKeyUsage",
    ENROLL_CERTTYPE: "szOID_ENROLL_CERTTYPE",
    CERTIFICATE_TEMPLATE: "szOID_CERTIFICATE_TEMPLATE",
    APPLICATION_CERT_POLICIES: "szOID_APPLICATION_CERT_POLICIES",
    NTDS_CA_SECURITY_EXT: "szOID_NTDS_CA_SECURITY_EXT",
}


def described(oid: str) -> str:
    """The object identifier, with its name where it is known: `2.5.29.17 (subjectAltName)`."""
    return f"{oid} ({_NAMES[oid]})" if oid in _NAMES else oid
