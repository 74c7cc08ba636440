"""How one internal service is reached."""

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import BeforeValidator, Field, field_validator, model_validator

from gateway.protocol.xml import MAX_MESSAGE_BYTES
from gateway.strict_yaml import Settings

_PRINTABLE_ASCII = re.compile(r"[!-~]+")

_HOST = "[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?"
ServicePrincipalName = Annotated[str, Field(pattern=rf"^[A-Za-z0-9_-]+/{_HOST}(:[0-9]+)?$")]
"""`service/host` or `service/host:port`, without a realm."""


class UpstreamSettings(Settings):
    """One internal CES or CEP. Paths of the configuration file; secrets never stand in it."""

    url: str
    """As the service knows itself: WCF compares the path of wsa:To with it. Blanks are written %20."""
    trust: Path
    """PEM: the authorities, and no others, that may vouch for the service's TLS certificate. Include the root."""
    certificate: Path | None = None
    """PEM: the gateway's own client certificate with its chain, for a `_Certificate` service."""
    key: Path | None = None
    """PEM, without a passphrase."""
    service_principal_name: ServicePrincipalName | None = None
    """Where Kerberos goes inside: the SPN of the account that the service runs as. HTTP/ and the URL's host by default,
    as browsers guess it too."""
    server_address: str | None = None
    """`host:port` to connect to instead of what DNS says of the URL's host, which stays the name that TLS verifies."""
    connect_seconds: float = Field(default=5, gt=0)
    """For a free connection, TCP and TLS together: a server in the next rack needs milliseconds, and a client waits."""
    answer_seconds: float = Field(default=30, gt=0)
    """CES calls the CA over DCOM and answers when the CA has: enough for a slow policy module or HSM."""
    max_answer_bytes: int = Field(default=MAX_MESSAGE_BYTES, gt=0, le=MAX_MESSAGE_BYTES)
    """What the parser takes at most is the default: a GetPolicies of 208 templates was seen to be 400 kB."""
    max_connections: int = Field(default=16, gt=0)
    """WCF serves 16 calls per processor at once by default (maxConcurrentCalls); more would only queue inside."""
    priority: int = Field(default=1, ge=1, le=100)
    """Lower first: a higher one is asked only while none of a lower one is well."""
    weight: int = Field(default=1, ge=1, le=1000)
    """The share of the calls, among those of the same priority."""

    @property
    def server(self) -> str:
        """`host:port`: where it is connected to, as metrics and logs call it."""
        if self.server_address is not None:
            return self.server_address
        parts = urlsplit(self.url)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        return f"{host}:{parts.port or 443}"

    @property
    def spn(self) -> str:
        """The SPN for which tickets are asked. MIT Kerberos looks for a host in lower case, AD for one in any."""
        service, _, host = (self.service_principal_name or f"HTTP/{urlsplit(self.url).hostname}").partition("/")
        return f"{service}/{host.lower()}"

    @property
    def spn_host(self) -> str:
        """The host of the SPN, without a port."""
        return self.spn.partition("/")[2].partition(":")[0]

    @field_validator("url")
    @classmethod
    def _is_https(cls, url: str) -> str:
        parts = urlsplit(url)
        if not _PRINTABLE_ASCII.fullmatch(url):
            raise ValueError("must be printable ASCII without blanks: write a blank as %20")
        if parts.scheme != "https" or not parts.path or not _has_host_and_port(parts):
            raise ValueError(
                "must be an https URL with host and path, as https://ces.corp.example/CA_CES_Certificate/…"
            )
        if parts.username is not None or parts.query or parts.fragment:
            raise ValueError("must not contain a user, a query or a fragment")
        return url

    @field_validator("server_address")
    @classmethod
    def _is_host_and_port(cls, address: str | None) -> str | None:
        if address is not None:
            parse_address(address)
        return address

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key go together: give both or none")
        if self.server_address is not None and _is_ip_address(urlsplit(self.url).hostname or ""):
            raise ValueError("server_address replaces what DNS says of a name, but the url's host is an address")
        return self


def _one_or_several(value: object) -> object:
    return tuple(value) if isinstance(value, list | tuple) else (value,)


Upstreams = Annotated[
    tuple[UpstreamSettings, ...], BeforeValidator(_one_or_several), Field(min_length=1, max_length=16)
]
"""One mapping, or a list of them: servers that do the same, of which any will do."""


def parse_address(text: str) -> tuple[str, int]:
    """`host:port` or `[IPv6]:port`. Raises ValueError."""
    parts = urlsplit(f"//{text}")
    if parts.hostname is None or parts.netloc != text or "@" in text or not _has_host_and_port(parts) or not parts.port:
        raise ValueError("must be host:port, as 10.1.2.3:443 or [fd00::3]:443")
    return parts.hostname, parts.port


def _has_host_and_port(parts: SplitResult) -> bool:
    """Both raise ValueError: a port beyond 65535, and a host that DNS could not even be asked for."""
    try:
        return bool((parts.hostname or "").encode("idna")) and parts.port != 0
    except ValueError:
        return False


def _is_ip_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
