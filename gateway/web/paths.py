"""From a request target to a published service: one decode, one comparison, and nothing that needs interpreting.

Only a path that is published matches. What could be read in two ways is refused before it is compared, lest anything
else that looks at the path (a balancer's filter, a log) sees another one than the gateway.
"""

import re
from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

from gateway.web.reply import PublishedService

_ABSOLUTE_FORM = re.compile(r"https?://[^/?#]*(?=/)", re.IGNORECASE)
"""RFC 9112 3.2.2: servers accept it. Which host it names does not matter: that was settled in the handshake."""
_PATH = re.compile(r"/(?:[A-Za-z0-9!$&'()*+,;=:@/._~-]|%[0-9A-Fa-f]{2})*")
"""RFC 3986 3.3, path-absolute. No query: the services have none, and metadata (`?wsdl`) is not published."""
_ESCAPED_DELIMITER = re.compile(r"%(?:2F|5C|25|7F|[01][0-9A-F])", re.IGNORECASE)
"""Slash, backslash, a second layer of escapes, control characters: one decode must be all there is."""


def decode_path(target: str) -> str | None:
    """The percent-decoded path of a request target, None if it is not one that could be published."""
    path = _ABSOLUTE_FORM.sub("", target, count=1)
    if not _PATH.fullmatch(path) or _ESCAPED_DELIMITER.search(path):
        return None
    try:
        decoded = unquote_to_bytes(path).decode("utf-8")
    except UnicodeDecodeError:
        return None
    if any(segment in {".", ".."} for segment in decoded.split("/")):
        return None
    return decoded


def find_service(services: Iterable[PublishedService], target: str) -> PublishedService | None:
    """The service that is published at a request target; IIS compares paths without regard to case, so clients do."""
    path = decode_path(target)
    if path is None:
        return None
    return next((service for service in services if service.path.casefold() == path.casefold()), None)
