"""TLS of the client side: settings of a listener, and the contexts that its handshakes use.

A client certificate is verified in the handshake of the very connection that it is used on: there is no resumption, no
renegotiation, and no trust but in the configured authorities.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Self

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import AfterValidator, Field, model_validator

from gateway.pki.channel_binding import tls_server_end_point
from gateway.strict_yaml import Mistake, Mistaken, Settings
from gateway.web.server_certificate import Check, check_server_certificate, is_for

__all__ = (
    "Check",
    "ClientCertificates",
    "ListenerContexts",
    "ListenerSettings",
    "ServerNameSettings",
    "can_be_bound_to",
    "check_listener",
    "check_server_certificate",
    "is_presented",
    "load_contexts",
)


class ClientCertificates(StrEnum):
    """Whether a handshake asks the client for a certificate, and insists."""

    NONE = "none"
    OPTIONAL = "optional"
    REQUIRED = "required"

    @property
    def verify_mode(self) -> ssl.VerifyMode:
        """OpenSSL's word for it. A certificate that is shown must verify, also where it is optional."""
        return {
            ClientCertificates.NONE: ssl.CERT_NONE,
            ClientCertificates.OPTIONAL: ssl.CERT_OPTIONAL,
            ClientCertificates.REQUIRED: ssl.CERT_REQUIRED,
        }[self]


def _ip_address(text: str) -> str:
    """Not a host name: which address that is, and when, would be somebody else's decision."""
    return str(ip_address(text))


IPAddress = Annotated[str, AfterValidator(_ip_address)]
Port = Annotated[int, Field(ge=0, le=65535)]


class _CertificateSettings(Settings):
    certificate: Path
    """PEM: the server certificate, then its intermediates."""
    key: Path
    """PEM, without passphrase."""
    client_certificates: ClientCertificates = ClientCertificates.NONE
    client_trust: Path | None = None
    """PEM: the authorities that client certificates must come from. Nothing else is trusted."""

    @model_validator(mode="after")
    def _trust_goes_with_client_certificates(self) -> Self:
        if (self.client_trust is None) != (self.client_certificates is ClientCertificates.NONE):
            raise ValueError("client_trust goes with client_certificates: optional or required, and only with them")
        return self


class ServerNameSettings(_CertificateSettings):
    """What a listener does differently for clients that ask for one server name (SNI)."""


ServerName = Annotated[str, Field(max_length=253, pattern=r"^[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*$")]
"""As it stands in the handshake (RFC 6066 3): ASCII, lower case, no trailing dot."""


class ListenerSettings(_CertificateSettings):
    """One address and port that clients reach."""

    address: IPAddress = "::"
    """`::` is every address, of IPv4 too."""
    port: Port = 443
    """0 lets the system choose."""
    server_names: dict[ServerName, ServerNameSettings] = Field(default_factory=dict)
    """E.g. one host name without and one with client certificates on the same port."""

    @property
    def name(self) -> str:
        """As in metrics and logs."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}"


class ServerSideSSLObject(ssl.SSLObject):
    """Keeps the alert of a failed handshake, which asyncio forgets to send (`asyncio.sslproto`, 3.11 to 3.14)."""

    outgoing: ssl.MemoryBIO
    origin: "ServerContext"
    """The context it started with: OpenSSL calls that one's `sni_callback` again for a second ClientHello, and `ssl`
    would let it go when the connection is handed over."""

    def do_handshake(self) -> None:
        """Raises HandshakeRefused where OpenSSL gives up."""
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            raise HandshakeRefused(self.outgoing.read()) from error


class HandshakeRefused(ssl.SSLError):
    """Our side refused the handshake, or the client's alert did; the cause is OpenSSL's error."""

    def __init__(self, alert: bytes) -> None:
        super().__init__("handshake refused")
        self.alert = alert
        """What the client should still get; may be empty."""


class ServerContext(ssl.SSLContext):
    """A server's context with everything off that this server does not need."""

    sslobject_class = ServerSideSSLObject

    def __new__(cls, verify_mode: ssl.VerifyMode) -> Self:
        """A context without certificate or trust yet."""
        context = super().__new__(cls, ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # No tickets: they would carry the client's certificate past its handshake, and each costs the CPU of a third
        # of one. OP_NO_TICKET is for TLS 1.2, num_tickets for 1.3.
        context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
        context.num_tickets = 0
        context.set_alpn_protocols(["http/1.1"])
        context.verify_mode = verify_mode
        # CA certificates that older AD CS issued lack extensions that RFC 5280 asks for; Python 3.13 made strictness
        # the default of create_default_context, which is not used here. Said anyway, lest it spread.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        return context

    def wrap_bio(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        """As SSLContext's."""
        tls = super().wrap_bio(incoming, outgoing, *args, **kwargs)
        assert isinstance(tls, ServerSideSSLObject)
        tls.outgoing = outgoing
        tls.origin = self
        return tls


class Identity:
    """One server certificate with its client-certificate mode: what is chosen by server name."""

    def __init__(self, settings: _CertificateSettings) -> None:
        """Read the files. Raises Mistaken."""
        self._verify_mode = settings.client_certificates.verify_mode
        self._loaded, leaf = _load(settings)
        self.not_after = leaf.not_valid_after_utc
        self.channel_bindings = _channel_bindings(leaf)
        """As `Call` has them, of the certificate that every handshake with this identity shows; None where its
        signature leaves them undefined."""
        self._front = self._new_front()

    def context(self) -> ssl.SSLContext:
        """The context of one handshake to come.

        A TLS 1.2 session can be resumed by its id, without the client's certificate being verified again, for two
        hours, and OpenSSL caches 20,000 sessions of up to 10 KiB; `ssl` has no switch for that. But the cache belongs
        to the context that a connection *starts* with. So each starts with an empty one in front, which hands over to
        the loaded one at once; and a front that has cached a session is not used again.
        """
        if self._front.session_stats()["number"]:
            self._front = self._new_front()
        return self._front

    def _new_front(self) -> ServerContext:
        # verify_mode belongs into the front: handing over does not switch it (SSL_set_SSL_CTX leaves the SSL's own).
        front = ServerContext(self._verify_mode)
        front.sni_callback = self._hand_over
        return front

    def _hand_over(self, tls: ssl.SSLObject, _server_name: str | None, _front: ssl.SSLContext) -> None:
        tls.context = self._loaded


@dataclass(frozen=True, slots=True)
class ListenerContexts:
    """Everything of a listener that comes from certificate files."""

    default: Identity
    by_server_name: Mapping[str, Identity]
    not_after: datetime
    """When the first of the server certificates expires."""

    def for_server_name(self, server_name: str | None) -> Identity:
        """What a client sees that asks for `server_name`; unknown names get the listener's own."""
        return self.by_server_name.get((server_name or "").lower(), self.default)

    def is_served(self, host: str, *, server_name: str | None) -> bool:
        """Whether what is published at `host` can be reached by a client that asked for `server_name`.

        A name with settings of its own is a place of its own: a client certificate that was verified against its trust
        store opens what is published there, and nothing else.
        """
        asked_for = (server_name or "").lower()
        return host == asked_for if asked_for in self.by_server_name else host not in self.by_server_name


def load_contexts(settings: ListenerSettings) -> ListenerContexts:
    """Read a listener's files. Raises Mistaken, with the file that cannot be used."""
    default = Identity(settings)
    by_server_name = {server_name: Identity(own) for server_name, own in settings.server_names.items()}
    every = (default, *by_server_name.values())
    return ListenerContexts(default, by_server_name, min(identity.not_after for identity in every))


def _load(settings: _CertificateSettings) -> tuple[ServerContext, x509.Certificate]:
    """The context, and the certificate that it shows."""
    context = ServerContext(settings.client_certificates.verify_mode)
    try:
        pem = settings.certificate.read_bytes()
        # The empty password keeps OpenSSL from asking for one on the terminal.
        context.load_cert_chain(settings.certificate, settings.key, password="")
        leaf = x509.load_pem_x509_certificate(pem)
        is_the_same = settings.certificate.read_bytes() == pem
    except OSError as error:
        raise _mistaken(settings.certificate, f"not usable with the key in {settings.key}", error) from error
    except ValueError as error:
        raise Mistaken((Mistake(str(settings.certificate), 0, "", f"cannot be read: {error}"),)) from error
    if not is_the_same:
        # `ssl` does not tell which certificate it has loaded, and clients bind their tickets to exactly that one.
        raise Mistaken((Mistake(str(settings.certificate), 0, "", "was replaced while it was read: try again"),))
    if settings.client_trust is not None:
        try:
            context.load_verify_locations(cafile=settings.client_trust)
        except OSError as error:
            raise _mistaken(settings.client_trust, "no PEM certificates to trust", error) from error
    return context, leaf


def _mistaken(file: Path, message: str, error: OSError) -> Mistaken:
    reason = (isinstance(error, ssl.SSLError) and error.reason) or error.strerror or str(error)
    return Mistaken((Mistake(str(file), 0, "", f"{message}: {reason}"),))


def check_listener(settings: ListenerSettings, now: datetime) -> Check:
    """What is wrong with a listener's certificates, all of it; for which hosts they are is asked of `is_presented`."""
    checks = [_check(settings, frozenset(), now)]
    for server_name, own in settings.server_names.items():
        checks.append(_check(own, frozenset({server_name}), now).prefixed(f"server name {server_name}: "))
    return Check(
        tuple(mistake for check in checks for mistake in check.mistakes),
        tuple(warning for check in checks for warning in check.warnings),
    )


def is_presented(settings: ListenerSettings, host: str) -> bool:
    """Whether a client that calls the listener by `host` sees a certificate for it.

    It sees that of the server name where there is one, else the listener's own. For files that `check_listener` passed.
    """
    return is_for(settings.server_names.get(host, settings).certificate.read_bytes(), host)


def can_be_bound_to(settings: ListenerSettings, host: str) -> bool:
    """Whether clients can bind a Kerberos ticket to the certificate that `is_presented` speaks of (RFC 5929 4)."""
    pem = settings.server_names.get(host, settings).certificate.read_bytes()
    return _channel_bindings(x509.load_pem_x509_certificate(pem)) is not None


def _channel_bindings(leaf: x509.Certificate) -> bytes | None:
    try:
        return tls_server_end_point(leaf.public_bytes(Encoding.DER))
    except ValueError:
        return None


def _check(settings: _CertificateSettings, hosts: frozenset[str], now: datetime) -> Check:
    try:
        _load(settings)
    except Mistaken as mistaken:
        return Check(tuple(map(str, mistaken.mistakes)))
    return check_server_certificate(settings.certificate.read_bytes(), hosts, now)
