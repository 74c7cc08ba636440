"""What a server certificate must be, checked before anything listens: every finding as a sentence for the operator.

No I/O. Key and certificate are compared by OpenSSL when both are loaded (`gateway.web.tls`).
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import ExtendedKeyUsageOID

EXPIRES_SOON = timedelta(days=14)
"""Time to act for a human. ACME clients renew 30 days before the end: less than that left means that they did not."""

_SERVER_USES = frozenset({ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE})


@dataclass(frozen=True, slots=True)
class Check:
    """What was found: mistakes keep the gateway from starting, warnings do not."""

    mistakes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def prefixed(self, prefix: str) -> Self:
        """The same, with `prefix` before each sentence."""
        return type(self)(
            tuple(prefix + mistake for mistake in self.mistakes), tuple(prefix + warning for warning in self.warnings)
        )


def check_server_certificate(pem: bytes, hosts: Collection[str], now: datetime) -> Check:
    """Check a PEM chain, leaf first, for clients that call the server by `hosts` (names or IP addresses)."""
    try:
        leaf, *intermediates = x509.load_pem_x509_certificates(pem)
        mistakes = [*_validity(leaf, now), *_extended_key_usage(leaf), *_names(leaf, hosts)]
        for intermediate in intermediates:
            mistakes += _validity(intermediate, now)
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        return Check((f"the certificate cannot be read: {error}",))
    return Check(tuple(mistakes), (*_expiry(leaf, now), *_order(leaf, intermediates)))


def is_for(pem: bytes, host: str) -> bool:
    """Whether clients that call the server by `host` accept the leaf's names. Raises ValueError for what is no PEM."""
    return not any(_names(x509.load_pem_x509_certificate(pem), (host,)))


def _validity(certificate: x509.Certificate, now: datetime) -> Iterator[str]:
    if now < certificate.not_valid_before_utc:
        yield f"{_subject(certificate)} is not valid before {certificate.not_valid_before_utc}"
    if certificate.not_valid_after_utc < now:
        yield f"{_subject(certificate)} expired on {certificate.not_valid_after_utc}: renew it"


def _expiry(leaf: x509.Certificate, now: datetime) -> Iterator[str]:
    if now <= leaf.not_valid_after_utc < now + EXPIRES_SOON:
        yield f"{_subject(leaf)} expires on {leaf.not_valid_after_utc}, in less than {EXPIRES_SOON.days} days: renew it"


def _order(leaf: x509.Certificate, intermediates: list[x509.Certificate]) -> Iterator[str]:
    """RFC 8446 4.4.2 lets clients cope with disorder, and not all do."""
    for certificate, issuer in zip((leaf, *intermediates), intermediates, strict=False):
        try:
            certificate.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature):
            yield f"{_subject(certificate)} is not issued by {_subject(issuer)}, which follows it in the file"


def _extended_key_usage(leaf: x509.Certificate) -> Iterator[str]:
    """RFC 5280 4.2.1.12: without the extension any use is allowed."""
    try:
        uses = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return
    if _SERVER_USES.isdisjoint(uses):
        yield f"{_subject(leaf)} is not for server authentication: its extended key usage does not name it"


def _names(leaf: x509.Certificate, hosts: Collection[str]) -> Iterator[str]:
    """RFC 9525 6.3: only subjectAltName counts, the subject's common name does not."""
    try:
        alternatives = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        yield f"{_subject(leaf)} has no subjectAltName: clients will not accept it"
        return
    dns_names = alternatives.get_values_for_type(x509.DNSName)
    addresses = alternatives.get_values_for_type(x509.IPAddress)
    for host in sorted(hosts):
        try:
            matches = ip_address(host) in addresses
        except ValueError:
            matches = any(_matches(dns_name, host) for dns_name in dns_names)
        if not matches:
            named = ", ".join(map(str, (*dns_names, *addresses))) or "nothing"
            yield f"{_subject(leaf)} is not for {host}: its subjectAltName names {named}"


def _matches(dns_name: str, host: str) -> bool:
    """Whether a dNSName, perhaps with a wildcard as its whole left-most label, is this host (RFC 9525 6.3)."""
    dns_name, host = dns_name.lower(), host.lower().rstrip(".")
    if dns_name.startswith("*."):
        _, _, parent = host.partition(".")
        return bool(parent) and parent == dns_name.removeprefix("*.")
    return dns_name == host


def _subject(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string() or f"certificate {certificate.serial_number:x}"
