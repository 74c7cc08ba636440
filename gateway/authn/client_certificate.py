"""TLS client certificate: the handshake has verified chain and possession, here it becomes a requester."""

from collections.abc import Callable, Sequence
from datetime import datetime

from gateway.authn.account_state import check_usable
from gateway.authn.alt_security_identities import WeakForm
from gateway.authn.mapping import AccountDirectory, AccountMapping, describe, uncounted
from gateway.authn.mapping_rules import MappingRuleSettings
from gateway.call import Call
from gateway.errors import CertificateNotMapped, CredentialsMissing, MalformedMessage
from gateway.pki import oids
from gateway.pki.certificate import Certificate, parse_certificate
from gateway.protocol.soap import Envelope
from gateway.requester import Requester, Verifier

_CLIENT_USES = frozenset({oids.CLIENT_AUTH, oids.ANY_EXTENDED_KEY_USAGE})


class ClientCertificateAuthenticator:
    """Takes the requester from the certificate that the TLS handshake verified.

    With the directory of a realm, the requester is one of its accounts, as it is now; without one, only a name.
    `on_weak_mapping` is called for each certificate that it took a weak form of altSecurityIdentities to map.
    """

    def __init__(
        self,
        rules: Sequence[MappingRuleSettings],
        clock: Callable[[], datetime],
        directory: AccountDirectory | None = None,
        on_weak_mapping: Callable[[WeakForm], None] = uncounted,
    ) -> None:
        """Raises Mistaken for an `issuer_certificate` that cannot be used."""
        self._mapping = AccountMapping(rules, directory, on_weak_mapping)
        self._clock = clock

    async def __call__(self, call: Call, _envelope: Envelope) -> Requester:
        """Raises CredentialsMissing, and what `requester_of` raises."""
        return await self.requester_of(_shown(call))

    async def requester_of(self, der: bytes) -> Requester:
        """Whom a certificate stands for whose chain and possession are proved.

        Raises CertificateNotMapped, and with a directory UnknownUser, AccountAmbiguous, what `check_usable` raises, and
        DirectoryUnavailable.
        """
        now = self._clock()
        certificate = _readable(der, now)
        mapped = await self._mapping.account_of(certificate)
        if mapped.directory_account is not None:
            check_usable(mapped.directory_account, now)
        return Requester(
            mapped.account,
            certificate,
            Verifier.TLS,
            authenticated_at=now,
            mapping_rule=mapped.rule,
            mapping_form=mapped.weak_form,
            directory_account=mapped.directory_account,
        )


def shown_certificate(call: Call, now: datetime) -> Certificate:
    """The client certificate of the connection, which the handshake has verified, as one that is good for clients.

    Raises CredentialsMissing or CertificateNotMapped.
    """
    return _readable(_shown(call), now)


def _shown(call: Call) -> bytes:
    if call.client_certificate is None:
        raise CredentialsMissing("the connection has no client certificate")
    return call.client_certificate


def _readable(der: bytes, now: datetime) -> Certificate:
    try:
        certificate = parse_certificate(der)
    except MalformedMessage as error:
        raise CertificateNotMapped(f"the client certificate cannot be read: {error}") from error
    _check_validity(certificate, now)
    _check_extended_key_usage(certificate)
    return certificate


def _check_validity(certificate: Certificate, now: datetime) -> None:
    """Again: the handshake checked it, but a connection may outlive the certificate."""
    if not certificate.not_before <= now <= certificate.not_after:
        raise CertificateNotMapped(
            f"the client certificate is valid from {certificate.not_before} to {certificate.not_after},"
            f" here it is {now}: {describe(certificate)}"
        )


def _check_extended_key_usage(certificate: Certificate) -> None:
    """RFC 5280 4.2.1.12: without the extension any use is allowed, with it only what it names."""
    uses = certificate.extended_key_usage
    if uses is not None and _CLIENT_USES.isdisjoint(uses):
        raise CertificateNotMapped(
            f"the client certificate is for {', '.join(uses)}, not for client authentication: {describe(certificate)}"
        )
