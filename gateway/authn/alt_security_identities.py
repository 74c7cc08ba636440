"""The values of altSecurityIdentities that a certificate fits ([MS-PKCA] 3.1.5.2.1, "Explicit Mapping"; KB5014754).

Names are written as Windows' CertNameToStr writes them: in the order of the encoding, which is the reverse of RFC 4514.
Where it would quote, or where its spelling is not certain, the form is not offered: a value is right, or it is absent.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from hashlib import sha1

from gateway.pki import der
from gateway.pki.certificate import Certificate
from gateway.pki.names import AttributeTypeAndValue, GeneralNameType, Name


class StrongForm(StrEnum):
    """What belongs to one certificate or one key, by the names of KB5014754."""

    ISSUER_SERIAL_NUMBER = "X509IssuerSerialNumber"
    SKI = "X509SKI"
    SHA1_PUBLIC_KEY = "X509SHA1PublicKey"


class WeakForm(StrEnum):
    """Names only: whoever gets a certificate with such a name is taken for the account ([MS-PKCA], "Mapping Strength").

    By the names of KB5014754.
    """

    ISSUER_SUBJECT = "X509IssuerSubject"
    SUBJECT_ONLY = "X509SubjectOnly"
    RFC822 = "X509RFC822"


def strong_values(certificate: Certificate) -> Mapping[StrongForm, tuple[str, ...]]:
    """By form, those that the certificate has; the first of a form is the one to write into the directory."""
    values = {
        StrongForm.ISSUER_SERIAL_NUMBER: _issuer_and_serial_number(certificate),
        StrongForm.SKI: _subject_key_identifier(certificate),
        StrongForm.SHA1_PUBLIC_KEY: _sha1(certificate),
    }
    return {form: found for form, found in values.items() if found}


def weak_values(certificate: Certificate) -> Mapping[WeakForm, str]:
    """By form, those that the certificate has."""
    issuer, subject = _windows_name(certificate.issuer), _windows_name(certificate.subject)
    addresses = [
        name.value for name in certificate.subject_alternative_name if name.type is GeneralNameType.RFC822_NAME
    ]
    values: dict[WeakForm, str] = {}
    if issuer is not None and subject is not None:
        values[WeakForm.ISSUER_SUBJECT] = f"X509:<I>{issuer}<S>{subject}"
    if subject is not None:
        values[WeakForm.SUBJECT_ONLY] = f"X509:<S>{subject}"
    if len(addresses) == 1:
        values[WeakForm.RFC822] = f"X509:<RFC822>{addresses[0]}"
    return values


def _issuer_and_serial_number(certificate: Certificate) -> tuple[str, ...]:
    issuer, number = _windows_name(certificate.issuer), certificate.serial_number
    if issuer is None or number <= 0:
        return ()
    # Least significant octet first, without the leading zero that DER puts before a high bit: as CERT_INFO has it.
    reversed_number = number.to_bytes((number.bit_length() + 7) // 8, "little").hex()
    return (f"X509:<I>{issuer}<SR>{reversed_number}",)


def _subject_key_identifier(certificate: Certificate) -> tuple[str, ...]:
    identifier = certificate.subject_key_identifier
    return () if identifier is None else (f"X509:<SKI>{identifier}",)


def _sha1(certificate: Certificate) -> tuple[str, ...]:
    """Of the whole certificate, and of its key: the name says key, and so do [MS-PKCA] and Samba.

    Microsoft's tools write the certificate's hash (e.g. Get-EntraUserCertificateUserIdsFromCertificate), and so do the
    instructions that are followed in practice. To have either, one must have this very key.
    """
    info = der.decode(der.SubjectPublicKeyInfo, certificate.public_key.subject_public_key_info)
    hashed = (certificate.der, info.subject_public_key.as_bytes())
    # SHA-1 is what the directory holds. It names what TLS has verified already; it secures nothing.
    return tuple(f"X509:<SHA1-PUKEY>{sha1(octets, usedforsecurity=False).hexdigest()}" for octets in hashed)


_KEYS = {
    "commonName": "CN",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "countryName": "C",
    "stateOrProvinceName": "S",
    "localityName": "L",
    "domainComponent": "DC",
    "emailAddress": "E",
}
"""The attribute types that are served, by the key that CertNameToStr gives them with CERT_X500_NAME_STR."""

# CertNameToStr quotes a value with one of these, an empty one, and one with blanks at its ends. A backslash is plain to
# it, and an escape to others.
_QUOTED = re.compile(r'^\s|\s\Z|[,+="<>#;\\\r\n]|\A\Z')


def _windows_name(name: Name) -> str | None:
    """None for a name without a certain spelling, e.g. the empty one."""
    parts = [_part(rdn) for rdn in name.rdns]
    if not parts or None in parts:
        return None
    return ",".join(part for part in parts if part is not None)


def _part(rdn: tuple[AttributeTypeAndValue, ...]) -> str | None:
    # Of several members, their order and what stands between them depend on who asks CertNameToStr.
    if len(rdn) != 1 or rdn[0].type not in _KEYS or _QUOTED.search(rdn[0].value):
        return None
    return f"{_KEYS[rdn[0].type]}={rdn[0].value}"
