"""The words of policy files for what has an object identifier, in the spelling of the standards.

Closed lists: a word that is not here is a mistake in the file, not a rule that never applies.
"""

from collections.abc import Mapping

from gateway.pki import oids
from gateway.pki.names import GeneralNameType

EXTENDED_KEY_USAGES: Mapping[str, str] = {
    "serverAuth": "1.3.6.1.5.5.7.3.1",
    "clientAuth": "1.3.6.1.5.5.7.3.2",
    "codeSigning": "1.3.6.1.5.5.7.3.3",
    "emailProtection": "1.3.6.1.5.5.7.3.4",
    "timeStamping": "1.3.6.1.5.5.7.3.8",
    "OCSPSigning": "1.3.6.1.5.5.7.3.9",
    "ipsecIKE": "1.3.6.1.5.5.7.3.17",
    "kerberosClientAuth": "1.3.6.1.5.2.3.4",
    "kerberosKDC": "1.3.6.1.5.2.3.5",
    "smartcardLogon": "1.3.6.1.4.1.311.20.2.2",
    "certificateRequestAgent": oids.CERTIFICATE_REQUEST_AGENT,
    "encryptingFileSystem": "1.3.6.1.4.1.311.10.3.4",
}
"""Others are written as dotted numbers."""

ANY_USAGE: Mapping[str, str] = {
    "2.5.29.37.0": "anyExtendedKeyUsage",
    "1.3.6.1.4.1.311.10.12.1": "szOID_ANY_APPLICATION_POLICY",
}
"""A usage that means every usage: a list with it would limit nothing (ESC2)."""

ANY_CERTIFICATE_POLICY = "2.5.29.32.0"
"""anyPolicy (RFC 5280 4.2.1.4): would limit nothing."""

EXTENSIONS: Mapping[str, str] = {
    "subjectKeyIdentifier": "2.5.29.14",
    "authorityKeyIdentifier": "2.5.29.35",
    "sMIMECapabilities": "1.2.840.113549.1.9.15",
    "tlsFeature": "1.3.6.1.5.5.7.1.24",
}
"""Others are written as dotted numbers."""

JUDGED_EXTENSIONS: Mapping[str, str] = {
    oids.KEY_USAGE: "keyUsage",
    oids.SUBJECT_ALT_NAME: "subjectAlternativeName",
    oids.BASIC_CONSTRAINTS: "basicConstraints",
    oids.EXT_KEY_USAGE: "extendedKeyUsage",
    oids.APPLICATION_CERT_POLICIES: "applicationPolicies",
    oids.ENROLL_CERTTYPE: "certificateTemplateName",
    oids.CERTIFICATE_TEMPLATE: "certificateTemplate",
    oids.CERTIFICATE_POLICIES: "certificatePolicies",
    oids.NTDS_CA_SECURITY_EXT: "securityIdentifier",
}
"""What has a condition of its own, or leads to the policy in the first place."""

REFUSED_EXTENSIONS: Mapping[str, str] = {
    "2.5.29.7": "subjectAltName of X.509 (1993)",
    "2.5.29.9": "subjectDirectoryAttributes",
    "2.5.29.18": "issuerAltName",
    "2.5.29.30": "nameConstraints",
    "2.5.29.33": "policyMappings",
    "2.5.29.36": "policyConstraints",
    "2.5.29.54": "inhibitAnyPolicy",
    "1.3.6.1.4.1.311.21.11": "applicationPolicyMappings",
    "1.3.6.1.4.1.311.21.12": "applicationPolicyConstraints",
}
"""What makes a certificate stand for somebody else, or for a CA: no policy can allow it."""

REFUSED_NAMES: Mapping[str, str] = {
    GeneralNameType.X400_ADDRESS: "x400Address",
    GeneralNameType.EDI_PARTY_NAME: "ediPartyName",
    oids.NTDS_OBJECTSID: "szOID_NTDS_OBJECTSID",
}
"""General names that no policy can allow: nobody can read the first two, and the third, an otherName, is an account."""

SIGNATURE_ALGORITHMS: Mapping[str, str] = {
    "1.2.840.113549.1.1.10": "RSASSA-PSS",
    "1.2.840.113549.1.1.11": "sha256WithRSAEncryption",
    "1.2.840.113549.1.1.12": "sha384WithRSAEncryption",
    "1.2.840.113549.1.1.13": "sha512WithRSAEncryption",
    "1.2.840.10045.4.3.2": "ecdsa-with-SHA256",
    "1.2.840.10045.4.3.3": "ecdsa-with-SHA384",
    "1.2.840.10045.4.3.4": "ecdsa-with-SHA512",
    "1.3.101.112": "Ed25519",
    "1.3.101.113": "Ed448",
}
"""Those that a request may be signed with. MD5 and SHA-1 are not among them, and nothing else that is not here."""

SUBJECT_FIELDS: Mapping[str, str] = oids.X520_NAMES
"""By object identifier. Others are written as `OID.1.2.3`."""

RESERVED_TEMPLATES = frozenset({"subca", "ca", "crossca"})
"""In lower case. A CA makes a certificate of a subordinate CA for these names alone, whatever the template says."""

TOLERATED_PKCS10_ATTRIBUTES: Mapping[str, str] = {
    oids.EXTENSION_REQUEST: "extensionRequest",
    oids.CERT_EXTENSIONS: "szOID_CERT_EXTENSIONS",
    oids.ENROLLMENT_NAME_VALUE_PAIR: "szOID_ENROLLMENT_NAME_VALUE_PAIR",
    oids.ENROLLMENT_CSP_PROVIDER: "szOID_ENROLLMENT_CSP_PROVIDER",
    oids.OS_VERSION: "szOID_OS_VERSION",
    oids.REQUEST_CLIENT_INFO: "szOID_REQUEST_CLIENT_INFO",
    oids.RENEWAL_CERTIFICATE: "szOID_RENEWAL_CERTIFICATE",
    "1.2.840.113549.1.9.2": "unstructuredName",
    "1.2.840.113549.1.9.7": "challengePassword",
    "1.2.840.113549.1.9.20": "friendlyName",
}
"""PKCS#10 attributes that are read elsewhere, or that a CA ignores (the last three: OpenSSL and certmonger)."""

VALIDITY_ATTRIBUTES = frozenset({"validityperiod", "validityperiodunits", "expirationdate"})
"""Name/value attributes, as the CA compares their names, that the section `validity` judges."""

_SUBJECT = "names a subject that no rule sees: write rules on `subject`"

FORBIDDEN_ATTRIBUTES: Mapping[str, str] = {
    "san": "gives the certificate further names (ESC6): write rules on `subjectAlternativeName`",
    "certificateusage": "gives the certificate usages that no rule sees: write rules on `extendedKeyUsage`",
    "certtype": "gives the certificate the Netscape usages of a server or client, which no rule sees",
    "cdc": "makes the CA contact the host that it names, as the CA's own account",
    "certfile": "makes the CA write a file where it says",
    "requestername": "asks on behalf of somebody, which only counts where it is signed: write `onBehalfOf`",
    "requestid": "answers the challenge of another request, which no rule has seen",
    "challenge": "answers the challenge of another request, which no rule has seen",
    "startdate": "moves the validity: nothing of it is bounded by `validity`",
    "other": _SUBJECT,
    "certificatetemplate": "names the template, which `template` does",
    **dict.fromkeys(
        (
            *("c", "country", "countryname", "cn", "commonname", "dc", "domaincomponent", "deviceserialnumber"),
            *("e", "email", "emailaddress", "g", "givenname", "i", "initials", "l", "locality", "localityname"),
            *("o", "org", "organization", "organizationname", "ou", "orgunit", "organizationalunit"),
            *("organizationalunitname", "s", "st", "state", "stateorprovincename", "sn", "surname", "street"),
            *("streetaddress", "subject", "t", "title", "unstructuredname", "unstructuredaddress"),
        ),
        _SUBJECT,
    ),
}
"""Name/value attributes that no policy can allow ([MS-WCCE] 2.2.2.7.10, 3.2.1.4.2.1.2), with the reason: what they do
is either dangerous, or judged where a request says it in its own words."""
