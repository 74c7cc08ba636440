"""The lab as TLS listeners on 127.0.0.1, one for each kind of service, in this process.

    async with Lab(create_world(directory)) as lab:
        lab.ces_uri(ServiceKind.CERTIFICATE, CA_1)     # https://ces.corp.fabrikam.example:PORT/...
        lab.cep_uri(ServiceKind.USERNAME_PASSWORD)     # https://cep.corp.fabrikam.example:PORT/...
        on_loopback(uri)                               # the same service at https://127.0.0.1:PORT/...
        lab.authorities[CA_1].resolve(request_id)      # the certificate manager releases a pending request
        lab.revoke(CA_1, serial_number)                # the CA's list, world.revocation_list(CA_1), is written anew
        lab.issued, lab.received                       # what it has issued; every HTTP request it has seen

With a domain there are Kerberos services too: `Lab(world, KerberosArrivals(domain, world))`.

The services know themselves by internal names, which do not resolve: connect to 127.0.0.1 and the URI's port, either
with a resolver that says so (the TLS certificate has the internal names) or by `on_loopback` (it has 127.0.0.1 too, and
like WCF the services compare wsa:To without its host).
"""

import socket
import ssl
from collections.abc import Collection, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType, TracebackType
from typing import Self
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.lab.accounts import Account, Directory
from gateway.lab.arrivals import Arrival, Arrivals
from gateway.lab.authority import CertificationAuthority, Disposition, RequestRow
from gateway.lab.cep import CertificateEnrollmentPolicyService, PublishedAuthority
from gateway.lab.ces import CertificateEnrollmentService
from gateway.lab.hierarchy import CA_1, CA_2, create_authorities
from gateway.lab.wcf import MEDIA_TYPE, Endpoint, Host, HttpAnswer, ServiceKind
from gateway.lab.world import CEP_HOST, CES_HOST, World

__all__ = ["CA_1", "CA_2", "Lab", "ReceivedRequest", "ServiceKind", "on_loopback"]

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """One HTTP request as it came in, whatever became of it."""

    kind: ServiceKind
    """Of the listener."""
    method: str
    raw_path: str
    """With its percent-encoding and query."""
    headers: tuple[tuple[str, str], ...]
    """All, in their order."""
    body: bytes
    client_certificate: x509.Certificate | None
    status: int
    """What the lab answered."""
    arrival: Arrival | None
    """At a Kerberos service."""
    connection: int
    """Which connection it came on: the client's port, and no two at a time have the same."""


def on_loopback(uri: str) -> str:
    """The same service, addressed as 127.0.0.1."""
    parts = urlsplit(uri)
    return urlunsplit(parts._replace(netloc=f"{LOOPBACK}:{parts.port}"))


class Lab:
    """CEP and CES of each kind for two CAs. An async context manager; addresses are known once it is entered."""

    def __init__(
        self,
        world: World,
        arrivals: Arrivals | None = None,
        *,
        ports: Mapping[ServiceKind, int] = MappingProxyType({}),
        published_host: str | None = None,
        renewal_only: Collection[tuple[ServiceKind, str]] = (),
    ) -> None:
        """`ports` left out are chosen by the system. `published_host` stands for the internal host names in all URIs
        that answers contain, for clients that cannot resolve those. Without `arrivals` there are no Kerberos services.
        `renewal_only` are the CES, by kind and CA, that were set up with -RenewalOnly and -AllowKeyBasedRenewal.
        """
        self.world = world
        self.arrivals = arrivals
        self.kinds = tuple(kind for kind in ServiceKind if kind is not ServiceKind.KERBEROS or arrivals is not None)
        self.authorities: Mapping[str, CertificationAuthority] = create_authorities(world.internal_root)
        self.directory = Directory(world.passwords)
        self.received: list[ReceivedRequest] = []
        self._wanted_ports = ports
        self._renewal_only = frozenset(renewal_only)
        self._cep_host = published_host or CEP_HOST
        self._ces_host = published_host or CES_HOST
        self._ports: dict[ServiceKind, int] = {}
        self._endpoints: dict[tuple[ServiceKind, str], Endpoint] = {}
        self._wcf = Host(self.directory, _utc_now)
        self._exit = AsyncExitStack()

    @property
    def issued(self) -> list[RequestRow]:
        """The rows of all certificates issued so far, by CA and then by request id."""
        rows = (row for authority in self.authorities.values() for row in authority.requests.values())
        return [row for row in rows if row.disposition is Disposition.ISSUED]

    def revoke(self, ca_name: str, serial_number: int) -> None:
        """Have the CA revoke that certificate, and write its list anew."""
        self.authorities[ca_name].revoke(serial_number)
        self._publish_revocations(ca_name)

    def _publish_revocations(self, ca_name: str) -> None:
        published = self.world.revocation_list(ca_name)
        written = published.with_suffix(".new")
        written.write_bytes(self.authorities[ca_name].revocation_list().public_bytes(Encoding.DER))
        # Who reads it meanwhile sees a whole one.
        written.replace(published)

    def port(self, kind: ServiceKind) -> int:
        """Where the services of this kind listen on 127.0.0.1."""
        return self._ports[kind]

    def cep_uri(self, kind: ServiceKind) -> str:
        """The internal URI of CEP."""
        return f"https://{self._cep_host}:{self.port(kind)}/ADPolicyProvider_CEP_{kind.word}/service.svc/CEP"

    def ces_uri(self, kind: ServiceKind, ca_name: str) -> str:
        """The internal URI of a CA's CES: what CEP publishes."""
        return f"https://{self._ces_host}:{self.port(kind)}/{quote(ca_name)}_CES_{kind.word}/service.svc/CES"

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            sockets = {kind: stack.enter_context(_listen(self._wanted_ports.get(kind, 0))) for kind in self.kinds}
            self._ports = {kind: listening.getsockname()[1] for kind, listening in sockets.items()}
            self._endpoints = self._publish()
            for name, authority in self.authorities.items():
                self.world.authority(name).write_bytes(authority.signer.certificate.public_bytes(Encoding.PEM))
                self._publish_revocations(name)
            for kind, listening in sockets.items():
                runner = web.ServerRunner(
                    web.Server(_Listener(self, kind).handle, access_log=None), shutdown_timeout=1.0
                )
                await runner.setup()
                stack.push_async_callback(runner.cleanup)
                await web.SockSite(runner, listening, ssl_context=_tls(self.world, kind)).start()
            self._exit = stack.pop_all()
        return self

    async def __aexit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._exit.aclose()

    def answer(self, kind: ServiceKind, path: str, body: bytes, client: Account | None) -> HttpAnswer:
        """What the endpoint at a percent-encoded path says to a POST of the right media type."""
        endpoint = self._endpoints.get((kind, _folded(path)))
        return HttpAnswer(404) if endpoint is None else self._wcf.answer(endpoint, body, client)

    def _publish(self) -> dict[tuple[ServiceKind, str], Endpoint]:
        published = [
            PublishedAuthority(
                authority,
                {kind: self.ces_uri(kind, authority.name) for kind in self.kinds},
                frozenset(kind for kind in self.kinds if (kind, authority.name) in self._renewal_only),
            )
            for authority in self.authorities.values()
        ]
        cep = CertificateEnrollmentPolicyService(published, _utc_now())
        endpoints = [Endpoint(self.cep_uri(kind), kind, cep) for kind in self.kinds]
        endpoints += [
            Endpoint(
                uri, kind, CertificateEnrollmentService(entry.authority, uri, renewal_only=kind in entry.renewal_only)
            )
            for entry in published
            for kind, uri in entry.uris.items()
        ]
        return {(endpoint.kind, _folded(urlsplit(endpoint.uri).path)): endpoint for endpoint in endpoints}


class _Listener:
    """HTTP of one listener: records each request and lets SOAP posts through."""

    def __init__(self, lab: Lab, kind: ServiceKind) -> None:
        self._lab = lab
        self._kind = kind

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        certificate = _client_certificate(request)
        arrival = await self._arrive(request)
        answer = self._answer(request, body, certificate, arrival)
        self._lab.received.append(
            ReceivedRequest(
                kind=self._kind,
                method=request.method,
                raw_path=request.raw_path,
                headers=tuple(request.headers.items()),
                body=body,
                client_certificate=certificate,
                status=answer.status,
                arrival=arrival,
                connection=_client_port(request),
            )
        )
        # As IIS signs itself: nobody outside must ever see these.
        headers = {"Server": "Microsoft-IIS/10.0", "X-Powered-By": "ASP.NET"}
        if arrival is not None:
            headers["WWW-Authenticate"] = arrival.www_authenticate
        if answer.body:
            headers["Content-Type"] = f"{MEDIA_TYPE}; charset=utf-8"
        return web.Response(status=answer.status, body=answer.body, headers=headers)

    async def _arrive(self, request: web.BaseRequest) -> Arrival | None:
        if self._kind is not ServiceKind.KERBEROS:
            return None
        assert self._lab.arrivals is not None, "it has this listener"
        return await self._lab.arrivals.arrive(request.headers.get("Authorization"))

    def _answer(
        self, request: web.BaseRequest, body: bytes, certificate: x509.Certificate | None, arrival: Arrival | None
    ) -> HttpAnswer:
        # http.sys asks who comes before anybody looks at the request.
        if arrival is not None and arrival.account is None:
            return HttpAnswer(401)
        if request.method != "POST":
            return HttpAnswer(405)
        if request.content_type != MEDIA_TYPE or (request.charset or "utf-8").casefold() != "utf-8":
            return HttpAnswer(415)
        client = arrival.account if arrival is not None else self._of_certificate(certificate)
        if self._kind is ServiceKind.CERTIFICATE and client is None:
            return HttpAnswer(403)
        return self._lab.answer(self._kind, request.raw_path.partition("?")[0], body, client)

    def _of_certificate(self, certificate: x509.Certificate | None) -> Account | None:
        return None if certificate is None else self._lab.directory.of_certificate(certificate)


def _client_port(request: web.BaseRequest) -> int:
    assert request.transport is not None, "the connection is open while its request is handled"
    return int(request.transport.get_extra_info("peername")[1])


def _client_certificate(request: web.BaseRequest) -> x509.Certificate | None:
    assert request.transport is not None, "the connection is open while its request is handled"
    tls = request.transport.get_extra_info("ssl_object")
    der = tls.getpeercert(binary_form=True)
    return None if der is None else x509.load_der_x509_certificate(der)


def _folded(path: str) -> str:
    """Decoded exactly once, and without regard to case, as IIS finds its applications."""
    return unquote(path).casefold()


def _listen(port: int) -> socket.socket:
    return socket.create_server((LOOPBACK, port))


def _tls(world: World, kind: ServiceKind) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(world.internal_services.certificate, world.internal_services.key)
    if kind is ServiceKind.CERTIFICATE:
        context.load_verify_locations(world.internal_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _utc_now() -> datetime:
    return datetime.now(UTC)
