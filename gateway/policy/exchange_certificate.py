"""The CA exchange certificate, judged before it is passed on: a client encrypts a private key to it.

Whoever could put another certificate in its place would read that key. So it is not enough here, as it is for issued
certificates, that the name of the CA is known.
"""

from collections.abc import Iterator
from datetime import datetime

from gateway.errors import ExchangeCertificateRefused, MalformedMessage, Objection
from gateway.pki import oids
from gateway.pki.issued_certificate import IssuedCertificate, parse_issued_certificate
from gateway.policy.issued_fields import Field, objection
from gateway.policy.issued_origin import Issuers, objections_to_signature

_SHORTEST_RSA = 2048
"""Bits: what the template CAExchange has, and NIST SP 800-57 asks of keys that are in use today."""


def check_exchange_certificate(der: bytes, issuers: Issuers, now: datetime) -> None:
    """That it is this CA's own, valid `now`, and for exchanging keys ([MS-WCCE] 3.2.1.4.3.2.15.1).

    Raises ExchangeCertificateRefused with every objection.
    """
    if not issuers.certificates:
        raise ExchangeCertificateRefused(
            f"no certificate of {issuers.name} is known by which its exchange certificate could be verified: add it to"
            " certification_authorities, or have a CEP service tell it to the catalogue"
        )
    try:
        certificate = parse_issued_certificate(der)
    except MalformedMessage as error:
        raise ExchangeCertificateRefused(f"the exchange certificate of {issuers.name}: {error}") from error
    objections = tuple(_objections(certificate, issuers, now))
    if objections:
        told = "; ".join(map(str, objections))
        raise ExchangeCertificateRefused(
            f"{certificate.certificate.subject} came as the exchange certificate of {issuers.name}: {told}. Nothing may"
            " be encrypted to it: find out where it comes from"
        )


def _objections(issued: IssuedCertificate, issuers: Issuers, now: datetime) -> Iterator[Objection]:
    certificate = issued.certificate
    yield from objections_to_signature(issued, issuers)
    if not certificate.not_before <= now <= certificate.not_after:
        dates = f"{certificate.not_before:%Y-%m-%d %H:%M} to {certificate.not_after:%Y-%m-%d %H:%M} UTC"
        yield objection(Field.VALIDITY, dates, "dates around now")
    # Without the extension it would be for any use: that makes no exchange certificate.
    uses = certificate.extended_key_usage or ()
    if oids.CA_EXCHANGE not in uses:
        yield objection(Field.EXTENDED_KEY_USAGE, ", ".join(uses), f"{oids.CA_EXCHANGE} (szOID_KP_CA_EXCHANGE)")
    if issued.key_usage is not None and "keyEncipherment" not in issued.key_usage:
        yield objection(Field.KEY_USAGE, ", ".join(issued.key_usage), "keyEncipherment")
    if issued.basic_constraints_ca:
        yield objection(Field.BASIC_CONSTRAINTS, "cA TRUE", "cA FALSE or absent")
    key = certificate.public_key
    if key.algorithm == "RSA" and key.size < _SHORTEST_RSA:
        yield objection(Field.PUBLIC_KEY, f"RSA {key.size}", f"RSA {_SHORTEST_RSA} or more")
