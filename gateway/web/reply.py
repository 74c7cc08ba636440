"""What the use cases' rim hands to the HTTP server, and what the server publishes."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.call import Call
from gateway.errors import GatewayError


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP answer."""

    status: int
    body: bytes
    retry_after: int | None = None
    """Whole seconds; sent as Retry-After where it is set."""
    www_authenticate: str | None = None
    """`Negotiate`, alone with 401, else with the token that proves the gateway to the client (RFC 4559 4.1)."""


@dataclass(frozen=True, slots=True)
class PublishedService:
    """One service endpoint of the outside."""

    name: str
    """As configured: a closed set, so it can label metrics."""
    path: str
    """Percent-decoded, e.g. `/Fabrikam Issuing CA 1_CES_Certificate/service.svc/CES`."""
    host: str
    """Of its public URL, in lower case: where a listener has a certificate of its own for that name, it is served there
    and nowhere else."""
    answer: Callable[[Call], Awaitable[Reply]]
    """Never raises; always audits its outcome."""
    refuse: Callable[[Call, GatewayError], Awaitable[Reply]]
    """The reply to a call that is not to be answered, for want of a budget. As `answer`; nothing of it is read."""
    negotiate: bool
    """Whether clients authenticate by HTTP Negotiate: then no call without such a credential reaches `answer`."""
