"""What objections to an issued certificate are about, and how they are made."""

from enum import StrEnum

from gateway.errors import Objection

_LONGEST = 400
"""Characters: the whole certificate is in the record beside them."""


class Field(StrEnum):
    """The fields of RFC 5280 and the extensions by their names in policy files: a closed set, which labels a metric."""

    CERTIFICATE = "certificate"
    VERSION = "version"
    SERIAL_NUMBER = "serialNumber"
    SIGNATURE_ALGORITHM = "signatureAlgorithm"
    SIGNATURE = "signature"
    ISSUER = "issuer"
    NOT_BEFORE = "notBefore"
    NOT_AFTER = "notAfter"
    VALIDITY = "validity"
    SUBJECT = "subject"
    PUBLIC_KEY = "publicKey"
    UNIQUE_IDENTIFIERS = "uniqueIdentifiers"
    SUBJECT_KEY_IDENTIFIER = "subjectKeyIdentifier"
    AUTHORITY_KEY_IDENTIFIER = "authorityKeyIdentifier"
    KEY_USAGE = "keyUsage"
    SUBJECT_ALTERNATIVE_NAME = "subjectAlternativeName"
    BASIC_CONSTRAINTS = "basicConstraints"
    CRL_DISTRIBUTION_POINTS = "crlDistributionPoints"
    CERTIFICATE_POLICIES = "certificatePolicies"
    EXTENDED_KEY_USAGE = "extendedKeyUsage"
    AUTHORITY_INFORMATION_ACCESS = "authorityInformationAccess"
    CERTIFICATE_TEMPLATE = "certificateTemplate"
    APPLICATION_POLICIES = "applicationPolicies"
    SECURITY_IDENTIFIER = "securityIdentifier"
    EXTENSIONS = "extensions"
    """One that is not known, or not allowed."""
    CMC_RESPONSE = "cmcResponse"


def objection(field: Field, value: str, wanted: str) -> Objection:
    """An Objection of bounded length."""
    return Objection(field, _cut(value), _cut(wanted))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
